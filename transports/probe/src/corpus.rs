//! The attacks that this crate was built with.

use std::fs;
use std::path::Path;

use doorward_policy::encoding::hex;
use sha2::{Digest as _, Sha256};

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
    Corpus::at(directory).map(|corpus| corpus.attacks)
}

/// Attacks, and which ones exactly.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// In the order of their names.
    pub attacks: Vec<Attack>,
    /// The SHA-256 over the name and the text of each, in hexadecimal: each is followed by a zero
    /// byte.
    pub sha256: String,
}

impl Corpus {
    /// The one that this crate was built with.
    ///
    /// # Errors
    ///
    /// For the first file that is no attack.
    pub fn embedded() -> Result<Self, AttackError> {
        Self::read(SOURCES.iter().copied())
    }

    /// Every `*.toml` of a directory.
    ///
    /// # Errors
    ///
    /// For a directory or a file that can't be read, and for the first file that is no attack.
    pub fn at(directory: &Path) -> Result<Self, AttackError> {
        let sources = sources_at(directory)?;
        Self::read(sources.iter().map(|(id, text)| (id.as_str(), text.as_str())))
    }

    fn read<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, AttackError> {
        let (mut attacks, mut digest) = (Vec::new(), Sha256::new());
        for (id, text) in sources {
            attacks.push(Attack::parse(id, text)?);
            for part in [id, text] {
                digest.update(part.as_bytes());
                digest.update([0]);
            }
        }
        Ok(Self { attacks, sha256: hex(&digest.finalize()) })
    }
}

/// The name and the text of every attack in a directory, in the order of their names.
fn sources_at(directory: &Path) -> Result<Vec<(String, String)>, AttackError> {
    let unread = |path: &Path, error: std::io::Error| {
        AttackError::new(&path.display().to_string(), None, error.to_string())
    };
    let entries = fs::read_dir(directory).map_err(|error| unread(directory, error))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(directory, error))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("exempt.toml")
        {
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            sources.push((id, fs::read_to_string(&path).map_err(|error| unread(&path, error))?));
        }
    }
    sources.sort();
    Ok(sources)
}
