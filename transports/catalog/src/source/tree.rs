//! The source files of a repository, and the tests in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::place::{Package, Place, place};
use super::rust::{Function, RustFile};
use super::walk;
use crate::model::{CatalogError, Item};

/// Where code and tests are.
const AREAS: [&str; 5] = ["benches", "fuzz", "policy", "tests", "transports"];
/// What files of theirs are read.
const ENDINGS: [&str; 6] = [".rs", ".mjs", ".py", ".sh", ".v", "Cargo.toml"];
/// Where the bodies of the fuzz targets are.
pub(crate) const FUZZ_BODIES: &str = "tests/src/fuzz/";
const FUZZ_TARGETS: &str = "fuzz/fuzz_targets/";

/// The source files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Rust, by path from the root.
    pub(crate) rust: BTreeMap<String, RustFile>,
    /// JavaScript, Python, shell and Coq, by path from the root.
    pub(crate) scripts: BTreeMap<String, String>,
    packages: Vec<Package>,
    /// For each package, by its folder: its files from there, with the modules they declare.
    declared: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Tree {
    /// Reads them below a root.
    pub(crate) fn read(root: &Path) -> Result<Self, CatalogError> {
        let mut tree = Self::default();
        for area in AREAS {
            for path in walk::files(&root.join(area), &ENDINGS)? {
                let file = walk::shown(root, &path);
                let text = walk::read(&path)?;
                if let Some(folder) = file.strip_suffix("/Cargo.toml") {
                    tree.packages.extend(Package::parse(folder, &text));
                } else if file.ends_with(".rs") {
                    tree.rust.insert(file, RustFile::parse(&text));
                } else {
                    tree.scripts.insert(file, text);
                }
            }
        }
        let run = root.join("tests/run");
        if run.is_file() {
            tree.scripts.insert("tests/run".to_owned(), walk::read(&run)?);
        }
        tree.declare();
        Ok(tree)
    }

    fn declare(&mut self) {
        let mut declared: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (file, rust) in &self.rust {
            if let Some((package, inside)) = self.package(file) {
                let modules = rust.modules.iter().cloned().collect();
                let files = declared.entry(package.folder.clone()).or_default();
                files.insert(inside.to_owned(), modules);
            }
        }
        self.declared = declared;
    }

    /// The package of a file, and the file's path in there.
    fn package<'a>(&self, file: &'a str) -> Option<(&Package, &'a str)> {
        let inside = self.packages.iter().filter_map(|one| Some((one, one.inside(file)?)));
        inside.max_by_key(|(package, _)| package.folder.len())
    }

    fn place(&self, file: &str) -> Option<(&str, Place)> {
        let (package, inside) = self.package(file)?;
        let place = place(package, inside, self.declared.get(&package.folder)?)?;
        Some((&package.name, place))
    }

    /// The function below a comment. Attributes and other comments may lie between.
    pub(crate) fn function_below(&self, file: &str, line: usize) -> Option<&Function> {
        let rust = self.rust.get(file)?;
        let (below, _) = rust.code_below(line)?;
        rust.functions.iter().find(|one| (one.from..=one.line).contains(&below))
    }

    /// The test below a comment.
    pub(crate) fn test_below(&self, file: &str, line: usize) -> Option<Item> {
        let rust = self.rust.get(file)?;
        let (package, place) = self.place(file)?;
        let item =
            |name: String| Item { package: package.to_owned(), target: place.target.clone(), name };
        let (below, _) = rust.code_below(line)?;
        if let Some(made) = rust.made.iter().find(|made| made.line == below) {
            return Some(item(made.name.clone()));
        }
        let function = self.function_below(file, line)?;
        if function.is_test {
            return Some(item(place.path(&function.path)));
        }
        // A function that a macro of the same target makes a test of.
        self.made(package, &place.target)
            .any(|name| name == function.path)
            .then(|| item(function.path.clone()))
    }

    fn made(&self, package: &str, target: &str) -> impl Iterator<Item = &str> {
        let here = move |file: &String| {
            self.place(file).is_some_and(|(name, place)| name == package && place.target == target)
        };
        let files =
            self.rust.iter().filter(move |(file, rust)| !rust.made.is_empty() && here(file));
        files.flat_map(|(_, rust)| rust.made.iter().map(|made| made.name.as_str()))
    }

    /// The fuzz target whose body is below a comment.
    pub(crate) fn fuzz_below(&self, file: &str, line: usize) -> Option<Item> {
        let name = self.function_below(file, line)?.name().to_owned();
        let is_body = file.starts_with(FUZZ_BODIES)
            && self.rust.contains_key(&format!("{FUZZ_TARGETS}{name}.rs"));
        is_body.then(|| Item { package: Item::FUZZ.to_owned(), target: name.clone(), name })
    }

    /// Every test that cargo runs, but for those that come from files at run time.
    pub(crate) fn tests(&self) -> BTreeSet<Item> {
        let mut tests = BTreeSet::new();
        for (file, rust) in &self.rust {
            let Some((package, place)) = self.place(file) else { continue };
            let functions = rust.functions.iter().filter(|one| one.is_test);
            let names = functions
                .map(|one| place.path(&one.path))
                .chain(rust.made.iter().map(|made| made.name.clone()));
            tests.extend(names.map(|name| Item {
                package: package.to_owned(),
                target: place.target.clone(),
                name,
            }));
        }
        tests
    }
}
