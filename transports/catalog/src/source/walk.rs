//! The files below a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::CatalogError;

/// Every file below `folder` whose name ends with one of `endings`, by path. What begins with a dot
/// and what tools leave behind is skipped. A folder that isn't there has no files.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, CatalogError> {
    let mut found = Vec::new();
    visit(folder, endings, &mut found)?;
    found.sort();
    Ok(found)
}

fn visit(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    let failed = |error| CatalogError { path: folder.to_owned(), error };
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let left_behind = matches!(&*name, "target" | "node_modules" | "__pycache__");
        if name.starts_with('.') || left_behind {
            continue;
        }
        // A link is not followed: it could lead out of the source, or round in a circle.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            visit(&entry.path(), endings, found)?;
        } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Reads a text.
pub(crate) fn read(path: &Path) -> Result<String, CatalogError> {
    fs::read_to_string(path).map_err(|error| CatalogError { path: path.to_owned(), error })
}

/// A path as it is shown: from the root, with slashes.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
