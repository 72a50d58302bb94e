//! Makes one test program out of a package's many, in the copy: each is a module of it, and what they share is
//! compiled once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use syn::spanned::Spanned;

use crate::Problem;

/// The files to write, and what is to be in them.
///
/// # Errors
///
/// When a file can't be read, or is no Rust.
pub fn tests(root: &Path, folder: &str) -> Result<Vec<(String, String)>, Problem> {
    let place = format!("{folder}/tests");
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(root.join(&place))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    let manifest = fs::read_to_string(root.join(format!("{folder}/Cargo.toml")))?;
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    let (mut files, mut shared) = (Vec::new(), BTreeSet::new());
    let (mut modules, mut targets) = (String::new(), String::new());
    for name in names {
        let file = format!("{place}/{name}.rs");
        let text = fs::read_to_string(root.join(&file))?;
        // It starts itself, under the names that its own tests have; or it brings in comparisons of numbers with
        // JSON, after which others would have to say what they compare.
        let json = text.contains("serde_json") && !dependencies.contains("serde_json");
        if json || text.contains("current_exe") {
            targets
                .push_str(&format!("\n[[test]]\nname = \"{name}\"\npath = \"tests/{name}.rs\"\n"));
            continue;
        }
        modules.push_str(&format!("#[path = \"{name}.rs\"]\nmod test_{name};\n"));
        files.push((file, one(&text, &mut shared)?));
    }
    let shared: String = shared.iter().map(|name| format!("mod {name};\n")).collect();
    files
        .push((format!("{place}/all_tests.rs"), format!("#![allow(warnings)]\n{shared}{modules}")));
    targets.push_str("\n[[test]]\nname = \"all_tests\"\npath = \"tests/all_tests.rs\"\n");
    let manifest = manifest.replacen("[package]\n", "[package]\nautotests = false\n", 1) + &targets;
    files.push((format!("{folder}/Cargo.toml"), manifest));
    Ok(files)
}

/// The text of a test as a module; the modules that it shares with others are added to `shared`.
fn one(text: &str, shared: &mut BTreeSet<String>) -> Result<String, Problem> {
    let mut text = text.to_owned();
    let parsed = syn::parse_file(&text)?;
    for item in parsed.items.iter().rev() {
        let syn::Item::Mod(module) = item else { continue };
        // One with a path of its own stays where it is.
        if module.semi.is_some() && module.attrs.is_empty() {
            shared.insert(module.ident.to_string());
            text.replace_range(item.span().byte_range(), &format!("use crate::{};", module.ident));
        }
    }
    Ok(text)
}
