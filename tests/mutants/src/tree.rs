//! A copy of the project, in which mutants are written into the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Problem;
use crate::list::Mutant;
use crate::merge;
use crate::rewrite::{carry_out, rewrite};

/// The module that says which mutant is on.
pub const SWITCH: &str = include_str!("switch.rs");

/// The copy.
pub struct Tree {
    copy: PathBuf,
    /// What the project holds as it is copied: later changes are of the next run.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Tree {
    /// Copies what is in the working tree of `root` to `copy`, or what has changed of it.
    ///
    /// # Errors
    ///
    /// When something can't be read or written.
    pub fn new(root: &Path, copy: &Path) -> Result<Self, Problem> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()?;
        let names = String::from_utf8(output.stdout)?;
        let mut files = BTreeMap::new();
        for file in names.split('\0').map(PathBuf::from).filter(|file| root.join(file).is_file()) {
            let contents = fs::read(root.join(&file))?;
            files.insert(file, contents);
        }
        let tree = Self { copy: copy.to_owned(), files };
        tree.copy_all()?;
        Ok(tree)
    }

    /// Where the copy is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.copy
    }

    fn copy_all(&self) -> Result<(), Problem> {
        let mut there = Vec::new();
        files_below(&self.copy, &mut there);
        for file in there {
            let name = file.strip_prefix(&self.copy)?;
            if !self.files.contains_key(name) && name != Path::new("Cargo.lock") {
                fs::remove_file(&file)?;
            }
        }
        for (file, contents) in &self.files {
            write(&self.copy.join(file), contents)?;
        }
        Ok(())
    }

    /// The sources of the package in `folder`, each with its text.
    fn sources(&self, folder: &str) -> Result<Vec<(&str, &str)>, Problem> {
        let place = format!("{folder}/src/");
        let mut sources = Vec::new();
        for (file, contents) in &self.files {
            if let Some(file) = file.to_str().filter(|file| file.starts_with(&place)) {
                sources.push((file, std::str::from_utf8(contents)?));
            }
        }
        Ok(sources)
    }

    /// Writes all of `mutants` into the sources of the package in `folder`, whose other files are as they were.
    /// What has no place is returned.
    ///
    /// # Errors
    ///
    /// When a source can't be read or written.
    pub fn switch(&self, folder: &str, mutants: &[&Mutant]) -> Result<Vec<u32>, Problem> {
        let mut by_file = BTreeMap::<&str, Vec<&Mutant>>::new();
        for mutant in mutants {
            by_file.entry(&mutant.file).or_default().push(mutant);
        }
        let top = format!("{folder}/src/lib.rs");
        let mut unplaced = Vec::new();
        for (file, source) in self.sources(folder)? {
            let rewritten = rewrite(source, by_file.get(file).map_or(&[], Vec::as_slice))?;
            unplaced.extend(rewritten.unplaced);
            let mut text = rewritten.text;
            if file == top {
                text = format!(
                    "#![feature(core_intrinsics, const_eval_select)]\n#![allow(warnings)]\n{text}\nmod mutant_switch;\n"
                );
            }
            write(&self.copy.join(file), text.as_bytes())?;
        }
        write(&self.copy.join(format!("{folder}/src/mutant_switch.rs")), SWITCH.as_bytes())?;
        Ok(unplaced)
    }

    /// Makes the sources of the package in `folder` those of the project again, but for one mutant that is
    /// carried out.
    ///
    /// # Errors
    ///
    /// When a source can't be read or written.
    pub fn plain(&self, folder: &str, mutant: Option<&Mutant>) -> Result<(), Problem> {
        for (file, source) in self.sources(folder)? {
            let changed = mutant.filter(|one| one.file == file);
            let text =
                changed.map_or_else(|| Ok(source.to_owned()), |one| carry_out(source, one))?;
            write(&self.copy.join(file), text.as_bytes())?;
        }
        let switch = self.copy.join(format!("{folder}/src/mutant_switch.rs"));
        if switch.exists() {
            fs::remove_file(switch)?;
        }
        Ok(())
    }

    /// Makes one test program of the many of a package, which is linked once instead of many times.
    ///
    /// # Errors
    ///
    /// When a file can't be read or written.
    pub fn merge_tests(&self, folder: &str) -> Result<(), Problem> {
        for (file, text) in merge::tests(&self.copy, folder)? {
            write(&self.copy.join(file), text.as_bytes())?;
        }
        let (file, text) = merge::without_systems(&self.copy)?;
        write(&self.copy.join(file), text.as_bytes())
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// Writes a file unless it says the same already, so that only what has changed is compiled.
fn write(path: &Path, contents: &[u8]) -> Result<(), Problem> {
    if fs::read(path).is_ok_and(|there| there == contents) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, contents).map_err(|error| format!("{}: {error}", path.display()).into())
}
