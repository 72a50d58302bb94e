//! Reads a repository.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::{Catalog, CatalogError};
use crate::source::tree::Tree;
use crate::source::walk;
use crate::{citations, controls, exemptions, requirements};

/// Where the rows of the catalog are.
const ROWS: &str = "policy/src/threat";

impl Catalog {
    /// Reads what stands below a root. What is malformed is not taken up, and is among the
    /// [faults](Catalog::faults).
    ///
    /// # Errors
    ///
    /// A file or folder can't be read.
    pub fn read(root: &Path) -> Result<Self, CatalogError> {
        let mut catalog = Self { source: Some(root.to_owned()), ..Self::default() };
        for path in walk::files(&root.join("docs/requirements"), &[".md"])? {
            if path.file_name().is_some_and(|name| name == "README.md") {
                continue;
            }
            catalog.take_requirements(&walk::shown(root, &path), &walk::read(&path)?);
        }
        catalog.unread.extend(requirements::twice(&catalog.requirements));
        for path in walk::files(&root.join("tests/attacks"), &[".toml"])? {
            if !path.ends_with(exemptions::FILE) {
                catalog.take_attack(&walk::shown(root, &path), &walk::read(&path)?);
            }
        }
        if root.join(exemptions::FILE).is_file() {
            let (exemptions, faults) =
                exemptions::parse(&walk::read(&root.join(exemptions::FILE))?);
            catalog.exemptions = exemptions;
            catalog.unread.extend(faults);
        }
        for path in walk::files(&root.join("tests/negative-controls"), &[".patch"])? {
            match controls::parse(&walk::shown(root, &path), &walk::read(&path)?) {
                Ok(control) => catalog.controls.push(control),
                Err(fault) => catalog.unread.push(fault),
            }
        }
        let tree = Tree::read(root)?;
        let (citations, faults) = citations::collect(&tree);
        catalog.citations = citations;
        catalog.unread.extend(faults);
        catalog.tests = tree.tests();
        catalog.rows = rows(root)?;
        Ok(catalog)
    }
}

/// Where each name that the rows define is written: `name: "DW-..."`, `"CVE-..." in "..."`.
fn rows(root: &Path) -> Result<BTreeMap<String, (String, usize)>, CatalogError> {
    let mut places = BTreeMap::new();
    for path in walk::files(&root.join(ROWS), &[".rs"])? {
        let file = walk::shown(root, &path);
        for (line, row) in (1..).zip(walk::read(&path)?.lines()) {
            let row = row.trim();
            let quoted = row.strip_prefix("name: \"").and_then(|rest| rest.split_once('"'));
            let quoted = quoted.or_else(|| row.strip_prefix('"')?.split_once("\" in \""));
            if let Some((name, _)) = quoted {
                places.entry(name.to_owned()).or_insert_with(|| (file.clone(), line));
            }
        }
    }
    Ok(places)
}
