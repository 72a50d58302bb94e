//! A trace with its outcomes, as a text that people read.
//!
//! Comments first, from `#` to the end of the line; then the settings and each operation, and below
//! each, indented, its outcome according to the model (`=`) and, where the policy said another
//! when the trace was found, what that was (`!`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A trace and what the model says to each of its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Why it is kept, without the `#`.
    pub why: Vec<String>,
    /// The settings and the operations, a line each.
    pub lines: Vec<String>,
    /// The model's outcome of each line.
    pub outcomes: Vec<String>,
}

impl Saved {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut saved = Self::default();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                saved.why.push(comment.trim().to_owned());
            } else if let Some(outcome) = line.strip_prefix("    = ") {
                saved.outcomes.push(outcome.to_owned());
            } else if !line.starts_with("    ! ") && !line.is_empty() {
                saved.lines.push(line.to_owned());
            }
            if saved.outcomes.len() > saved.lines.len() {
                return Err(format!("an outcome of nothing: {line}"));
            }
        }
        if saved.lines.len() != saved.outcomes.len() {
            return Err("each line needs one outcome".to_owned());
        }
        Ok(saved)
    }

    /// The text of a file, with what the policy said where it said something else.
    #[must_use]
    pub fn text(&self, policy: &[String]) -> String {
        let mut text = String::new();
        for why in &self.why {
            let _ = writeln!(text, "# {why}");
        }
        for (at, (line, outcome)) in self.lines.iter().zip(&self.outcomes).enumerate() {
            let _ = writeln!(text, "{line}\n    = {outcome}");
            if let Some(other) = policy.get(at).filter(|other| *other != outcome) {
                let _ = writeln!(text, "    ! {other}");
            }
        }
        text
    }

    /// Writes it into `folder`, under a name that follows from its content.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, policy: &[String], folder: &Path) -> io::Result<PathBuf> {
        let path = folder.join(format!("{:016x}.trace", digest(&self.lines)));
        fs::create_dir_all(folder)?;
        fs::write(&path, self.text(policy))?;
        Ok(path)
    }
}

/// All that are kept in `folder`, in the order of their names.
///
/// # Errors
/// If one can't be read.
pub fn kept(folder: &Path) -> io::Result<Vec<(PathBuf, Saved)>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "trace"));
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path)?;
        let wrong = |what| io::Error::other(format!("{}: {what}", path.display()));
        Saved::parse(&text).map_err(wrong).map(|saved| (path.clone(), saved))
    };
    files.into_iter().map(read).collect()
}

/// FNV-1a, 64 bits: a name, no more.
fn digest(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::Saved;

    #[test]
    fn what_was_written_reads_back() {
        let saved = Saved {
            why: vec!["Somebody comes back".to_owned()],
            lines: vec!["settings 1".to_owned(), "a".to_owned(), "b 2".to_owned()],
            outcomes: vec!["ready".to_owned(), "ok".to_owned(), "deny spent".to_owned()],
        };
        let text = saved.text(&["ready".to_owned(), "ok".to_owned(), "admit".to_owned()]);
        assert!(text.contains("    = deny spent\n    ! admit\n"), "{text}");
        assert_eq!(Saved::parse(&text), Ok(saved));
    }

    #[test]
    fn an_operation_without_an_outcome_is_refused() {
        assert!(Saved::parse("settings\n    = ready\na\n    = ok\nb\n").is_err());
        assert!(Saved::parse("settings\n    = ready\n    = ok\n").is_err());
    }
}
