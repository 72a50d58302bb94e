//! What became of the mutants of each function, kept beside the code: tests/mutants/record.tsv.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fmt, fs, io};

use crate::list::hash;
use crate::run::{Outcome, PACKAGES, Ran};
use crate::{Problem, list};

/// Stands for a whole file where a function's name would be.
const WHOLE: &str = "*";

/// What is known of a function, or of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Over its tokens.
    pub hash: String,
    /// Mutants that a test catches.
    pub caught: usize,
    /// Mutants that survive, with a reason.
    pub accepted: usize,
    /// Mutants that do not compile.
    pub unviable: usize,
}

/// What came of mutants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How many a test catches.
    pub caught: usize,
    /// How many none does.
    pub survived: usize,
    /// How many do not compile. They count as nothing.
    pub unviable: usize,
}

impl fmt::Display for Score {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caught, survived, unviable } = self;
        // In tenths, and rounded down: what is not all is not a hundred.
        let tenths = (1000 * caught).checked_div(caught + survived).unwrap_or(0);
        write!(
            to,
            "{caught} caught, {survived} survive, {unviable} do not compile: {}.{}%",
            tenths / 10,
            tenths % 10
        )
    }
}

/// All rows, by file and function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(pub BTreeMap<(String, String), Row>);

impl Record {
    /// Reads the record; an absent one is empty.
    ///
    /// # Errors
    ///
    /// When it can't be read, or a line is not as it must be.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        match fs::read_to_string(root.join("tests/mutants/record.tsv")) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("record.tsv: {error}").into()),
        }
    }

    /// The rows of a text.
    ///
    /// # Errors
    ///
    /// When a line is not as it must be.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut rows = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [file, function, hash, caught, accepted, unviable] = columns[..] else {
                return Err(format!("record.tsv: {line}").into());
            };
            let row = Row {
                hash: hash.to_owned(),
                caught: caught.parse()?,
                accepted: accepted.parse()?,
                unviable: unviable.parse()?,
            };
            rows.insert((file.to_owned(), function.to_owned()), row);
        }
        Ok(Self(rows))
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn write(&self, root: &Path) -> Result<(), Problem> {
        Ok(fs::write(root.join("tests/mutants/record.tsv"), self.text()?)?)
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// Never, as things are.
    pub fn text(&self) -> Result<String, Problem> {
        let mut text = "# Written by `mutants run --record`: file, function, hash of its tokens, mutants caught, \
                        accepted, that do not compile.\n"
            .to_owned();
        for ((file, function), row) in &self.0 {
            let Row { hash, caught, accepted, unviable } = row;
            writeln!(text, "{file}\t{function}\t{hash}\t{caught}\t{accepted}\t{unviable}")?;
        }
        Ok(text)
    }

    /// Whether the mutants of this very function are in it.
    #[must_use]
    pub fn knows(&self, mutant: &list::Mutant, all: &Hashes) -> bool {
        let key = (mutant.file.clone(), mutant.function.clone());
        self.0.get(&key).zip(all.get(&key)).is_some_and(|(row, known)| row.hash == known.hash)
    }

    /// What came of all mutants.
    #[must_use]
    pub fn score(&self) -> Score {
        let sum = |of: fn(&Row) -> usize| self.0.values().map(of).sum();
        Score {
            caught: sum(|row| row.caught),
            survived: sum(|row| row.accepted),
            unviable: sum(|row| row.unviable),
        }
    }

    /// Takes over what became of the mutants of a package that were `ran`. A function with a mutant that survived
    /// without a reason, or of which not all were run, is not put down.
    ///
    /// # Errors
    ///
    /// When a source can't be read.
    pub fn take(
        &mut self,
        root: &Path,
        folder: &str,
        all: &Hashes,
        ran: &[Ran],
    ) -> Result<(), Problem> {
        let sources = format!("{folder}/src/");
        self.0.retain(|key, row| {
            let is_known = || all.get(key).is_some_and(|known| known.hash == row.hash);
            !key.0.starts_with(&sources) || is_known()
        });
        let mut rows = BTreeMap::<(String, String), (Row, usize)>::new();
        for one in ran {
            let key = (one.mutant.file.clone(), one.mutant.function.clone());
            let (row, good) = rows.entry(key).or_default();
            match &one.outcome {
                Outcome::Caught(_) | Outcome::TimedOut(_) => row.caught += 1,
                Outcome::Unviable(_) => row.unviable += 1,
                Outcome::Survived { accepted: true, .. } => row.accepted += 1,
                Outcome::Survived { .. } => continue,
            }
            *good += 1;
        }
        for (key, (row, good)) in rows {
            let Some(known) = all.get(&key).filter(|known| known.mutants == good) else {
                self.0.remove(&key);
                continue;
            };
            self.0.insert(key, Row { hash: known.hash.clone(), ..row });
        }
        for (file, hash) in files(root, folder)? {
            let whole = all.keys().filter(|key| key.0 == file).all(|key| self.0.contains_key(key));
            if whole {
                self.0.insert((file, WHOLE.to_owned()), Row { hash, ..Row::default() });
            }
        }
        Ok(())
    }
}

/// A function's hash, and how many mutants it has.
#[derive(Clone, Debug)]
pub struct Known {
    /// Over its tokens; over those of all of them, where several have the same name.
    pub hash: String,
    /// How many.
    pub mutants: usize,
}

/// What is known of every function that has mutants.
pub type Hashes = BTreeMap<(String, String), Known>;

/// The functions of some mutants.
#[must_use]
pub fn hashes(mutants: &[list::Mutant]) -> Hashes {
    let mut hashes = Hashes::new();
    for mutant in mutants {
        let key = (mutant.file.clone(), mutant.function.clone());
        let known = hashes.entry(key).or_insert_with(|| Known { hash: String::new(), mutants: 0 });
        if !known.hash.contains(&mutant.hash) {
            known.hash.push_str(&mutant.hash);
        }
        known.mutants += 1;
    }
    hashes
}

/// Whether every source is as the record has it.
///
/// # Errors
///
/// When a source or the record can't be read.
pub fn fresh(root: &Path) -> Result<bool, Problem> {
    let record = Record::read(root)?;
    let mut all = true;
    for package in &PACKAGES {
        for (file, hash) in files(root, package.folder)? {
            let key = (file, WHOLE.to_owned());
            if record.0.get(&key).is_none_or(|row| row.hash != hash) {
                println!("{} is not as in the record", key.0);
                all = false;
            }
        }
    }
    Ok(all)
}

/// The sources of a package, each with the hash of its tokens.
fn files(root: &Path, folder: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder).join("src")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
                found.push((name, hash(&fs::read_to_string(&path)?)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
