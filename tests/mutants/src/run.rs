//! A run: which mutants, in one build or in builds of their own, and what becomes of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::Problem;
use crate::accepted::{self, Accepted};
use crate::cargo::{Built, Fault, Program, build};
use crate::list::{self, Genre, Mutant};
use crate::record::{Hashes, Record, hashes};
use crate::report;
use crate::rewrite::{Owner, owner};
use crate::suite::{Suite, Verdict, in_parallel};
use crate::tree::Tree;

/// A package whose mutants are run, and by which tests.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub folder: &'static str,
    /// What `cargo test` builds: its own tests, and what else is to catch its mutants.
    tests: &'static [&'static [&'static str]],
    /// Tests of these that are left out: of corpora that take more than the policy.
    left_out: &'static [&'static str],
}

/// All packages whose mutants are run.
pub const PACKAGES: [Package; 2] = [
    Package {
        name: "doorward-policy",
        folder: "policy",
        tests: &[
            &["--package", "doorward-policy", "--lib", "--tests"],
            &["--package", "doorward-tests", "--no-default-features", "--test", "replay"],
        ],
        left_out: &["config", "record", "transports", "every_target_is_replayed_and_has_a_shim"],
    },
    Package {
        name: "doorward-gate",
        folder: "transports/gate",
        tests: &[&["--package", "doorward-gate", "--lib", "--tests"]],
        left_out: &[],
    },
];

/// Which mutants are to be run, and what for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Those of these packages; all, where none is named.
    pub packages: Vec<String>,
    /// Only those of functions that are not in the record as they are.
    pub changed: bool,
    /// Only those whose names hold one of these; all, where there is none.
    pub names: Vec<String>,
    /// Only one in so many.
    pub one_in: usize,
    /// Each in a build of its own.
    pub plain: bool,
    /// What becomes of them goes into the record.
    pub record: bool,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This test fails with it.
    Caught(String),
    /// With it, tests do not end.
    TimedOut(String),
    /// All of the tests that reach it pass.
    Survived {
        /// How many those are.
        tests: usize,
        /// Whether accepted.toml has it.
        accepted: bool,
    },
    /// It does not compile, and this is what the compiler calls it.
    Unviable(String),
}

/// A mutant, and what became of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The mutant.
    pub mutant: Mutant,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it had a build of its own.
    pub plain: bool,
}

/// Does what was asked for. `false` says that a mutant survives that may not, or that one is accepted without need.
///
/// # Errors
///
/// When something can't be built or run.
pub fn run(root: &Path, asked: &Asked) -> Result<bool, Problem> {
    let accepted = accepted::read(root)?;
    let mut record = Record::read(root)?;
    let mut ran = Vec::new();
    let mut needless = Vec::new();
    for package in PACKAGES.iter().filter(|one| wanted(one, asked)) {
        let bench = Bench::new(root, package)?;
        let mutants = list::mutants(root, package.name, package.folder)?;
        let all = hashes(&mutants);
        needless.extend(unknown(&accepted, package, &mutants));
        let chosen = choose(&mutants, asked, &record, &all);
        eprintln!("{}: {} mutants, {} to run", package.name, mutants.len(), chosen.len());
        let mut done =
            if chosen.is_empty() { Vec::new() } else { bench.run(&chosen, asked.plain)? };
        needless.extend(mark(&mut done, &accepted));
        if asked.record {
            record.take(root, package.folder, &all, &done)?;
            record.write(root)?;
        }
        ran.extend(done);
    }
    for one in &needless {
        println!("needless in accepted.toml: {one}");
    }
    report::write(root, &ran)?;
    Ok(report::tell(&ran) && needless.is_empty())
}

fn wanted(package: &Package, asked: &Asked) -> bool {
    asked.packages.is_empty() || asked.packages.iter().any(|name| name == package.name)
}

fn choose<'m>(
    mutants: &'m [Mutant],
    asked: &Asked,
    record: &Record,
    all: &Hashes,
) -> Vec<&'m Mutant> {
    let named = |one: &&Mutant| {
        asked.names.is_empty() || asked.names.iter().any(|name| one.name().contains(name))
    };
    mutants
        .iter()
        .filter(named)
        .filter(|one| !(asked.changed && record.knows(one, all)))
        .step_by(asked.one_in.max(1))
        .collect()
}

// What is accepted and no mutant at all.
fn unknown(accepted: &[Accepted], package: &Package, mutants: &[Mutant]) -> Vec<String> {
    let here = format!("{}/src/", package.folder);
    accepted
        .iter()
        .filter(|one| {
            one.file.starts_with(&here) && !mutants.iter().any(|mutant| one.is_of(mutant))
        })
        .map(|one| format!("there is no {}: {} in {}", one.file, one.mutation, one.function))
        .collect()
}

// Says of each survivor whether it is accepted; returns what is accepted and does not survive.
fn mark(ran: &mut [Ran], accepted: &[Accepted]) -> Vec<String> {
    let mut needless = Vec::new();
    for one in ran {
        if !accepted.iter().any(|accepted| accepted.is_of(&one.mutant)) {
            continue;
        }
        match &mut one.outcome {
            Outcome::Survived { accepted, .. } => *accepted = true,
            other => needless.push(format!("{} does not survive: {other:?}", one.mutant.name())),
        }
    }
    needless
}

/// Where the mutants of a package are run.
struct Bench<'p> {
    package: &'p Package,
    tree: Tree,
    target: PathBuf,
    place: PathBuf,
}

/// What the build with all mutants leaves.
struct Switched {
    programs: Vec<Program>,
    alive: Vec<u32>,
    unviable: BTreeMap<u32, String>,
    /// What only a build of its own can tell of.
    doubtful: BTreeSet<u32>,
}

impl<'p> Bench<'p> {
    fn new(root: &Path, package: &'p Package) -> Result<Self, Problem> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let place = target.join("mutants");
        fs::create_dir_all(&place)?;
        let tree = Tree::new(root, &place.join("tree"))?;
        for package in &PACKAGES {
            tree.merge_tests(package.folder)?;
        }
        Ok(Self { package, tree, target, place })
    }

    fn run(&self, mutants: &[&Mutant], plain: bool) -> Result<Vec<Ran>, Problem> {
        let switchable = |one: &&&Mutant| !one.constant && !plain;
        let switched = self.switched(mutants.iter().filter(switchable).copied().collect())?;
        eprintln!("one build: {} mutants", switched.alive.len());
        let suite =
            Suite::baseline(switched.programs, self.package.left_out, &self.place.join("reached"))?;
        eprintln!("{} tests", suite.len());
        let by_id: BTreeMap<u32, &Mutant> = mutants.iter().map(|one| (one.id, *one)).collect();
        let mut ran = Vec::new();
        let mut again = switched.doubtful;
        again.extend(mutants.iter().filter(|one| !switchable(one)).map(|one| one.id));
        let alive: Vec<&Mutant> =
            switched.alive.iter().filter_map(|id| by_id.get(id).copied()).collect();
        for one in judge(&suite, &alive)? {
            // What the compiler computes with it is computed without the mutant.
            let computed =
                one.mutant.in_const_fn && matches!(one.outcome, Outcome::Survived { .. });
            if computed {
                again.insert(one.mutant.id);
            } else {
                ran.push(one);
            }
        }
        for (id, code) in switched.unviable {
            let mutant = by_id.get(&id).copied().ok_or("a mutant that nobody asked for")?;
            ran.push(Ran {
                mutant: mutant.clone(),
                outcome: Outcome::Unviable(code),
                plain: false,
            });
        }
        eprintln!("builds of their own: {} mutants", again.len());
        for (id, left) in again.iter().zip((0..again.len()).rev()) {
            let mutant = by_id.get(id).copied().ok_or("a mutant that nobody asked for")?;
            let outcome = self.alone(mutant, &suite)?;
            eprintln!("{left} left: {outcome:?} {}", mutant.name());
            ran.push(Ran { mutant: mutant.clone(), outcome, plain: true });
        }
        self.tree.plain(self.package.folder, None)?;
        ran.sort_by_key(|one| one.mutant.id);
        Ok(ran)
    }

    /// Builds with as many mutants as compile together.
    fn switched(&self, mut mutants: Vec<&Mutant>) -> Result<Switched, Problem> {
        let (mut unviable, mut doubtful) = (BTreeMap::new(), BTreeSet::new());
        loop {
            let unplaced = self.tree.switch(self.package.folder, &mutants)?;
            mutants.retain(|one| !unplaced.contains(&one.id));
            doubtful.extend(unplaced);
            let faults = match self.build()? {
                Built::Programs(programs) => {
                    let alive = mutants.iter().map(|one| one.id).collect();
                    return Ok(Switched { programs, alive, unviable, doubtful });
                }
                Built::Faults(faults) => faults,
            };
            let before = mutants.len();
            let built = mutants.clone();
            for fault in &faults {
                for (id, sure) in self.blame(fault, &built)? {
                    mutants.retain(|one| one.id != id);
                    // One fault that it would have anywhere is enough.
                    if sure {
                        unviable.insert(id, fault.code.clone());
                    } else {
                        doubtful.insert(id);
                    }
                }
            }
            doubtful.retain(|id| !unviable.contains_key(id));
            eprintln!("{} do not compile", before - mutants.len());
            if before == mutants.len() {
                let text: String = faults.into_iter().map(|fault| fault.rendered).collect();
                return Err(
                    format!("this does not compile, and no mutant is to blame:\n{text}").into()
                );
            }
        }
    }

    fn build(&self) -> Result<Built, Problem> {
        let mut programs = Vec::new();
        for selection in self.package.tests {
            match build(self.tree.path(), &self.target, selection)? {
                Built::Programs(more) => programs.extend(more),
                faults @ Built::Faults(_) => return Ok(faults),
            }
        }
        Ok(Built::Programs(programs))
    }

    /// Which mutants are the reason for a fault, and whether each would be one by itself.
    fn blame(&self, fault: &Fault, mutants: &[&Mutant]) -> Result<Vec<(u32, bool)>, Problem> {
        for (file, range) in &fault.places {
            let Ok(text) = fs::read_to_string(self.tree.path().join(file)) else { continue };
            match owner(&text, range.clone()) {
                Some(Owner::Replacement(id)) => {
                    let sure = mutants.iter().any(|one| one.id == id && is_sure(one, &fault.code));
                    return Ok(vec![(id, sure)]);
                }
                Some(Owner::Around(ids)) => return Ok(around(&ids, mutants, &fault.code)),
                None => {}
            }
        }
        Ok(Vec::new())
    }

    /// What becomes of a mutant in a build of its own.
    fn alone(&self, mutant: &Mutant, suite: &Suite) -> Result<Outcome, Problem> {
        self.tree.plain(self.package.folder, Some(mutant))?;
        let mut survived = 0;
        for selection in self.package.tests {
            match build(self.tree.path(), &self.target, selection)? {
                Built::Faults(faults) => {
                    let code =
                        faults.into_iter().next().map_or_else(String::new, |fault| fault.code);
                    return Ok(Outcome::Unviable(code));
                }
                Built::Programs(programs) => match suite.judge_build(&programs)? {
                    Verdict::Survived(tests) => survived += tests,
                    caught => return Ok(outcome(caught)),
                },
            }
        }
        Ok(outcome(Verdict::Survived(survived)))
    }
}

/// Any of these may be the reason. Of values in the place of an iterator, one without an item fits any type; an item
/// of another type than the function's signature names would not be one anywhere.
fn around(ids: &[u32], mutants: &[&Mutant], code: &str) -> Vec<(u32, bool)> {
    let here = || mutants.iter().filter(|one| ids.contains(&one.id));
    let items: Vec<_> =
        here().filter(|one| one.replacement.starts_with("::core::iter::once(")).collect();
    if items.is_empty() {
        return here().map(|one| (one.id, false)).collect();
    }
    items.into_iter().map(|one| (one.id, code == "E0271")).collect()
}

/// Whether a fault within the code that a mutant puts in shows that it does not compile by itself either. A value is
/// in the place of the whole body, and has to be of the same type; only where that type is left to the body (`impl
/// Trait`) does it matter that the body is still there. An operator that the operands do not have is told by its code.
fn is_sure(mutant: &Mutant, code: &str) -> bool {
    match mutant.genre {
        // No such name, or no such macro, which has no code.
        _ if matches!(code, "" | "E0425" | "E0432" | "E0433") => true,
        Genre::FnValue => code == "E0277" || !mutant.returns.contains("impl "),
        Genre::BinaryOperator | Genre::UnaryOperator => {
            matches!(code, "E0277" | "E0368" | "E0369" | "E0600")
        }
        _ => false,
    }
}

fn judge(suite: &Suite, mutants: &[&Mutant]) -> Result<Vec<Ran>, Problem> {
    // What caught one mutant of a function is likely to catch the next.
    let catchers = Mutex::new(BTreeMap::<(&str, &str), Vec<String>>::new());
    let done = Mutex::new(0_usize);
    in_parallel(mutants, |mutant| {
        let place = (mutant.file.as_str(), mutant.function.as_str());
        let first =
            catchers.lock().ok().and_then(|all| all.get(&place).cloned()).unwrap_or_default();
        let verdict = suite.judge(mutant.id, &first)?;
        if let (Verdict::Caught(test), Ok(mut all)) = (&verdict, catchers.lock()) {
            let known = all.entry(place).or_default();
            if !known.contains(test) {
                known.push(test.clone());
            }
        }
        if matches!(verdict, Verdict::Survived(_)) {
            eprintln!("survives: {}", mutant.name());
        }
        if let Ok(mut done) = done.lock() {
            *done += 1;
            if *done % 100 == 0 {
                eprintln!("{done} of {}", mutants.len());
            }
        }
        Ok(Ran { mutant: (*mutant).clone(), outcome: outcome(verdict), plain: false })
    })
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Caught(test) => Outcome::Caught(test),
        Verdict::TimedOut(tests) => Outcome::TimedOut(tests),
        Verdict::Survived(tests) => Outcome::Survived { tests, accepted: false },
    }
}
