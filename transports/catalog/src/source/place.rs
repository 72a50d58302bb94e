//! Which package, target and module a Rust file belongs to.

use std::collections::BTreeMap;

use crate::model::Item;

/// A package of cargo's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder, from the root, without a slash at the end.
    pub(crate) folder: String,
    /// The tests whose files its manifest names: from path, from the folder, to name.
    pub(crate) named: BTreeMap<String, String>,
}

impl Package {
    /// Takes what matters from a manifest; `None` if it is that of a workspace alone, or none.
    pub(crate) fn parse(folder: &str, manifest: &str) -> Option<Self> {
        let manifest: toml::Table = manifest.parse().ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        let text = |test: &toml::Value, key| test.get(key)?.as_str().map(str::to_owned);
        let tests = manifest.get("test").and_then(toml::Value::as_array).into_iter().flatten();
        let named = tests.filter_map(|test| Some((text(test, "path")?, text(test, "name")?)));
        Some(Self { name, folder: folder.to_owned(), named: named.collect() })
    }

    /// The path of a file from this folder, if it is in there.
    pub(crate) fn inside<'a>(&self, file: &'a str) -> Option<&'a str> {
        file.strip_prefix(&self.folder)?.strip_prefix('/')
    }
}

/// A test target, and the module in it that a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The target: a name, [`Item::LIB`] or [`Item::BINS`].
    pub(crate) target: String,
    /// The module: empty for the target's own file.
    pub(crate) module: String,
}

impl Place {
    /// The path of something in that module, as it is printed.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.module.is_empty() { name.to_owned() } else { format!("{}::{name}", self.module) }
    }
}

/// Where a file of a package is, by the rules of cargo. `files` are those of the package with the
/// modules that they declare, all from its folder: a folder of `tests` without a `main.rs` belongs
/// to the test that declares it.
pub(crate) fn place(
    package: &Package,
    file: &str,
    files: &BTreeMap<String, Vec<String>>,
) -> Option<Place> {
    if let Some(name) = package.named.get(file) {
        return Some(Place { target: name.clone(), module: String::new() });
    }
    let (area, rest) = file.split_once('/')?;
    let rest = rest.strip_suffix(".rs")?;
    match area {
        "src" => Some(in_source(rest, files)),
        "tests" => in_tests(rest, files),
        _ => None,
    }
}

fn in_source(rest: &str, files: &BTreeMap<String, Vec<String>>) -> Place {
    let target = if files.contains_key("src/lib.rs") { Item::LIB } else { Item::BINS };
    let module = if matches!(rest, "lib" | "main") { String::new() } else { module(rest) };
    Place { target: target.to_owned(), module }
}

fn in_tests(rest: &str, files: &BTreeMap<String, Vec<String>>) -> Option<Place> {
    let Some((folder, inner)) = rest.split_once('/') else {
        return Some(Place { target: rest.to_owned(), module: String::new() });
    };
    if files.contains_key(&format!("tests/{folder}/main.rs")) {
        let module = if inner == "main" { String::new() } else { module(inner) };
        return Some(Place { target: folder.to_owned(), module });
    }
    let declares = |(file, modules): (&String, &Vec<String>)| {
        let target = file.strip_prefix("tests/")?.strip_suffix(".rs")?;
        let is_root = !target.contains('/');
        (is_root && modules.iter().any(|one| one == folder)).then(|| target.to_owned())
    };
    let target = files.iter().find_map(declares)?;
    Some(Place { target, module: module(rest) })
}

/// `a/b/mod` and `a/b` are both `a::b`.
fn module(path: &str) -> String {
    path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, Vec<String>> {
        let files = [
            ("src/lib.rs", vec![]),
            ("tests/grants.rs", vec![]),
            ("tests/conformance.rs", vec!["model".to_owned()]),
            ("tests/model/mod.rs", vec![]),
            ("tests/wire/main.rs", vec![]),
            ("replay.rs", vec![]),
        ];
        files.map(|(file, modules)| (file.to_owned(), modules)).into()
    }

    fn at(file: &str) -> Option<(String, String)> {
        let manifest =
            "[package]\nname = \"p\"\n[[test]]\nname = \"again\"\npath = \"replay.rs\"\n";
        let package = Package::parse("a/p", manifest).expect("a package");
        place(&package, file, &files()).map(|place| (place.target.clone(), place.path("t")))
    }

    fn is(target: &str, path: &str) -> Option<(String, String)> {
        Some((target.to_owned(), path.to_owned()))
    }

    #[test]
    fn a_file_is_where_cargo_takes_it_to_be() {
        assert_eq!(at("src/lib.rs"), is("lib", "t"));
        assert_eq!(at("src/a.rs"), is("lib", "a::t"));
        assert_eq!(at("src/a/mod.rs"), is("lib", "a::t"));
        assert_eq!(at("src/a/b.rs"), is("lib", "a::b::t"));
        assert_eq!(at("tests/grants.rs"), is("grants", "t"));
        assert_eq!(at("tests/wire/main.rs"), is("wire", "t"));
        assert_eq!(at("tests/wire/quic/mod.rs"), is("wire", "quic::t"));
        assert_eq!(at("tests/model/mod.rs"), is("conformance", "model::t"));
        assert_eq!(at("tests/model/rows.rs"), is("conformance", "model::rows::t"));
        assert_eq!(at("tests/common/mod.rs"), None);
        assert_eq!(at("replay.rs"), is("again", "t"));
        assert_eq!(at("examples/a.rs"), None);
    }

    #[test]
    fn without_a_library_the_source_is_the_binary() {
        let package = Package { name: "p".into(), folder: "p".into(), named: BTreeMap::new() };
        let place = place(&package, "src/tls/tests.rs", &BTreeMap::new()).expect("a place");
        assert_eq!((place.target.as_str(), place.path("t").as_str()), ("bins", "tls::tests::t"));
    }

    #[test]
    fn a_workspace_alone_is_no_package() {
        assert_eq!(Package::parse("", "[workspace]\nmembers = []\n"), None);
    }
}
