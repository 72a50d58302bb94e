//! Noticing that somebody else has replaced a file.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Inode, size and time of the last change.
pub(crate) type Mark = (u64, u64, i64, i64);

/// What tells one file from the next. Links are followed: certificates are often handed over by
/// one.
pub(crate) fn mark(path: &Path) -> Option<Mark> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_behind_a_link_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (real, next, link) =
            (dir.path().join("real"), dir.path().join("next"), dir.path().join("link"));
        std::fs::write(&real, "old").expect("written");
        std::fs::write(&next, "new").expect("written");
        std::os::unix::fs::symlink("real", &link).expect("linked");
        let before = mark(&link);
        assert_eq!(mark(&link), before);
        std::fs::rename(&next, &real).expect("moved");
        assert_ne!(mark(&link), before);
        std::fs::remove_file(&real).expect("removed");
        assert_eq!(mark(&link), None);
    }
}
