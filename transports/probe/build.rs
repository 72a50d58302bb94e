//! Embeds the corpus: every `tests/attacks/*.toml`, by its name.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let corpus = here.join("../../tests/attacks");
    println!("cargo::rerun-if-changed={}", corpus.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&corpus)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("exempt.toml")
        {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path.canonicalize()?);
        }
    }
    files.sort();
    let rows: String = files.iter().map(|path| row(path)).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("corpus.rs");
    fs::write(out, format!("&[\n{rows}]\n"))
}

fn row(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("    ({name:?}, include_str!({:?})),\n", path.to_string_lossy())
}
