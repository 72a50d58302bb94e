//! A made-up repository in which nothing is missing, and what can be done to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use doorward_catalog::{Catalog, Fault};
use doorward_policy::threat::{INCIDENTS, Invariant, Threat, ThreatId};
use tempfile::TempDir;

/// The page of requirements: `R-1` for the first threat, and so on.
pub(crate) const REQUIREMENTS: &str = "docs/requirements/all.md";
/// The code that is cited.
pub(crate) const CODE: &str = "policy/src/lib.rs";
/// The tests that are cited: `holds` and `holds_for_all`.
pub(crate) const TESTS: &str = "policy/tests/examples.rs";
/// The row whose requirement is `R-1`.
pub(crate) const FIRST: &str = "DW-DNS-REBINDING";
/// Its attack and its negative control.
pub(crate) const ATTACK: &str = "tests/attacks/dw-dns-rebinding.toml";
pub(crate) const CONTROL: &str = "tests/negative-controls/DW-DNS-REBINDING.patch";

/// Files by path.
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    pub(crate) fn whole() -> Self {
        let rows: Vec<&Threat> = ThreatId::all().map(ThreatId::row).collect();
        let mut files = BTreeMap::new();
        let mut add = |path: &str, text: String| _ = files.insert(path.to_owned(), text);
        add("policy/src/threat/rows.rs", row_places(&rows));
        add("policy/Cargo.toml", "[package]\nname = \"doorward-policy\"\n".to_owned());
        add("tests/Cargo.toml", "[package]\nname = \"doorward-tests\"\n".to_owned());
        let ids: Vec<String> = (1..=rows.len()).map(|number| format!("R-{number}")).collect();
        let ids = ids.join(", ");
        add(CODE, format!("//= req: {ids}\nfn guard() {{}}\n"));
        add(
            TESTS,
            format!(
                "//= req: {ids}, type=test\n#[test]\nfn holds() {{}}\n\nproptest! {{\n    \
                //= req: {ids}, type=property\n    #[test]\n    fn holds_for_all(x in any()) {{}}\n}}\n"
            ),
        );
        let invariants = Invariant::ALL.map(Invariant::name).join(", ");
        let mut page = String::from(
            "# All\n\n| id | requirement | threats | invariants |\n|---|---|---|---|\n",
        );
        for (number, row) in (1..).zip(&rows) {
            page += &format!("| R-{number} | It MUST hold. | {} | {invariants} |\n", row.name);
            add(&format!("tests/attacks/{}.toml", row.name.to_lowercase()), attack(row));
            add(&format!("tests/negative-controls/{}.patch", row.name), control(row));
        }
        add(REQUIREMENTS, page);
        Self(files)
    }

    /// Replaces a text that is there, everywhere in a file.
    pub(crate) fn replace(mut self, path: &str, from: &str, to: &str) -> Self {
        let file = self.0.get_mut(path).expect("a file");
        assert!(file.contains(from), "{path} has no {from:?}:\n{file}");
        *file = file.replace(from, to);
        self
    }

    pub(crate) fn add(mut self, path: &str, text: &str) -> Self {
        *self.0.entry(path.to_owned()).or_default() += text;
        self
    }

    pub(crate) fn remove(mut self, path: &str) -> Self {
        self.0.remove(path).expect("a file");
        self
    }

    pub(crate) fn written(&self) -> TempDir {
        let folder = TempDir::new().expect("a folder");
        for (path, text) in &self.0 {
            write(folder.path(), path, text);
        }
        folder
    }

    pub(crate) fn catalog(&self) -> Catalog {
        Catalog::read(self.written().path()).expect("read")
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.catalog().faults(None)
    }
}

pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

/// What tells where a row is: each name on a line, as in the rows themselves.
fn row_places(rows: &[&Threat]) -> String {
    let names = rows.iter().map(|row| format!("    name: \"{}\",\n", row.name));
    let incidents = INCIDENTS.iter().map(|one| format!("    \"{}\" in \"x\": \"y\";\n", one.id));
    names.chain(incidents).collect()
}

fn attack(row: &Threat) -> String {
    format!(
        "title = \"An attack\"\nthreat = \"{}\"\nincidents = {:?}\nover = [\"http\", \"quic\"]\n\n\
        [[step]]\ndo = \"ask\"\nexpect = {{ outcome = \"refused\" }}\n",
        row.name, row.incidents
    )
}

fn control(row: &Threat) -> String {
    format!(
        "Threat: {0}\nGuard: it holds\nEvidence: doorward-policy examples holds\nEvidence: \
        doorward-tests attacks {1}\n\ndiff --git a/x b/x\n",
        row.name,
        row.name.to_lowercase()
    )
}
