//! Lists the requirements, so that the catalog in the binary is that of its source.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let root = Path::new(&manifest).join("../..").canonicalize()?;
    let list = constant(&root, "REQUIREMENTS", "docs/requirements", "md")?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("embedded.rs"), list)
}

/// `const NAME: &[(&str, &str)]`: every file of a folder by its path from the root, with its text.
fn constant(root: &Path, name: &str, folder: &str, ending: &str) -> io::Result<String> {
    let path = root.join(folder);
    // A folder's time changes with what is in it, and files that are listed are included below.
    println!("cargo::rerun-if-changed={}", path.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&path)? {
        let file = entry?.path();
        let about = file.file_name().is_some_and(|name| name == "README.md");
        if !about && file.extension().is_some_and(|found| found == ending) {
            files.push(file);
        }
    }
    files.sort();
    let lines = files.iter().map(|file| {
        let shown = file.strip_prefix(root).unwrap_or(file);
        format!("    ({:?}, include_str!({file:?})),\n", shown.display().to_string())
    });
    let lines: String = lines.collect();
    Ok(format!("const {name}: &[(&str, &str)] = &[\n{lines}];\n"))
}
