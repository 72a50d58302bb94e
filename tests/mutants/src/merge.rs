//! Makes one test program out of a package's many, in the copy: each is a module of it, and what they share is
//! compiled once.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
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
    let (mut merged, mut users) = (Vec::new(), BTreeMap::<String, u32>::new());
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
        for (name, _) in modules_of(&text)? {
            *users.entry(name).or_default() += 1;
        }
        merged.push((file, text));
    }
    users.retain(|_, users| *users > 1);
    let mut files = Vec::new();
    for (file, text) in merged {
        files.push((file, one(text, &users)?));
    }
    let shared: String = users.keys().map(|name| format!("mod {name};\n")).collect();
    files
        .push((format!("{place}/all_tests.rs"), format!("#![allow(warnings)]\n{shared}{modules}")));
    targets.push_str("\n[[test]]\nname = \"all_tests\"\npath = \"tests/all_tests.rs\"\n");
    let manifest = manifest.replacen("[package]\n", "[package]\nautotests = false\n", 1) + &targets;
    files.push((format!("{folder}/Cargo.toml"), manifest));
    Ok(files)
}

/// The manifest of the whole-system tests without what only those take: the replay of the corpora needs none of it,
/// and all of it would have to be compiled anew with every change of the policy.
///
/// # Errors
///
/// When it can't be read.
pub fn without_systems(root: &Path) -> Result<(String, String), Problem> {
    let file = "tests/Cargo.toml";
    let manifest = fs::read_to_string(root.join(file))?;
    let kept = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    Ok((file.to_owned(), kept.to_owned()))
}

/// The text of a test as a module: what several share is in one place, and what is its own is found as before.
fn one(mut text: String, shared: &BTreeMap<String, u32>) -> Result<String, Problem> {
    for (name, range) in modules_of(&text)?.into_iter().rev() {
        let instead = if shared.contains_key(&name) {
            format!("use crate::{name};")
        } else {
            format!("#[path = \"{name}/mod.rs\"]\nmod {name};")
        };
        text.replace_range(range, &instead);
    }
    Ok(text)
}

/// The modules of a test that have files of their own, but not where the test says where those are.
fn modules_of(text: &str) -> Result<Vec<(String, Range<usize>)>, Problem> {
    let parsed = syn::parse_file(text)?;
    let modules = parsed.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.semi.is_some() && module.attrs.is_empty() => {
            Some((module.ident.to_string(), item.span().byte_range()))
        }
        _ => None,
    });
    Ok(modules.collect())
}
