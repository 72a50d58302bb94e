//! The attacks that this crate was built with.

use std::fs;
use std::path::Path;

use crate::attack::{Attack, AttackError};

/// The files of the corpus: the name of each, and its text.
pub const SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/corpus.rs"));

/// Reads the embedded corpus, in the order of its names.
///
/// # Errors
///
/// For the first file that is no attack.
pub fn corpus() -> Result<Vec<Attack>, AttackError> {
    SOURCES.iter().map(|(id, text)| Attack::parse(id, text)).collect()
}

/// Reads another corpus: every `*.toml` of a directory, in the order of their names.
///
/// # Errors
///
/// For a directory or a file that can't be read, and for the first file that is no attack.
pub fn corpus_at(directory: &Path) -> Result<Vec<Attack>, AttackError> {
    let unread = |path: &Path, error: std::io::Error| {
        AttackError::new(&path.display().to_string(), None, error.to_string())
    };
    let entries = fs::read_dir(directory).map_err(|error| unread(directory, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(directory, error))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("exempt.toml")
        {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|error| unread(path, error))?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        Attack::parse(&id, &text)
    };
    files.iter().map(|path| read(path)).collect()
}
