//! The tests of a package: which of them reach a mutant, and what becomes of it when it is on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::Problem;
use crate::cargo::{Program, tests_of};

/// Address space of a test process, in bytes: a loop that takes memory without end is to end.
const MEMORY: &str = "--as=8589934592";

/// What is said of tests that were stopped, before their name.
const NO_END: &str = "no end, or not enough memory, of";

/// A test.
#[derive(Clone, Debug)]
pub struct Test {
    program: usize,
    name: String,
    takes: Duration,
}

/// All tests of some programs.
#[derive(Debug)]
pub struct Suite {
    programs: Vec<Program>,
    tests: Vec<Test>,
    reached: BTreeMap<u32, Vec<usize>>,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A test failed, or one of these did.
    Caught(String),
    /// Tests did not end.
    TimedOut(String),
    /// All tests passed, as many as there are.
    Survived(usize),
}

impl Suite {
    /// Runs each test but those `left_out` once, by itself, with no mutant on, and writes down what it reaches.
    ///
    /// # Errors
    ///
    /// When a test fails.
    pub fn baseline(
        programs: Vec<Program>,
        left_out: &[&str],
        notes: &Path,
    ) -> Result<Self, Problem> {
        let _ = fs::remove_dir_all(notes);
        fs::create_dir_all(notes)?;
        let mut tests = Vec::new();
        for (program, one) in programs.iter().enumerate() {
            let mut names = tests_of(one)?;
            names.retain(|name| !left_out.contains(&name.as_str()));
            tests.extend(names.into_iter().map(|name| Test {
                program,
                name,
                takes: Duration::ZERO,
            }));
        }
        let mut suite = Self { programs, tests, reached: BTreeMap::new() };
        let all: Vec<usize> = (0..suite.tests.len()).collect();
        let took = in_parallel(&all, |index| {
            let note = notes.join(index.to_string());
            let (took, how) = suite.process(&[*index], Duration::from_secs(300), |command| {
                command.env("DOORWARD_MUTANTS_REACHED", &note);
            })?;
            match how {
                Some(how) => Err(format!("without a mutant: {how}").into()),
                None => Ok((*index, took)),
            }
        })?;
        for (index, took) in took {
            suite.tests[index].takes = took;
            let note = fs::read_to_string(notes.join(index.to_string())).unwrap_or_default();
            // What several processes reached may be said more than once.
            let reached: BTreeSet<u32> = note.lines().filter_map(|id| id.parse().ok()).collect();
            for id in reached {
                suite.reached.entry(id).or_default().push(index);
            }
        }
        Ok(suite)
    }

    /// How many tests there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tests.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Runs the tests that reach mutant `id` with it on. `first` are tried before all others.
    ///
    /// # Errors
    ///
    /// When a process can't be run.
    pub fn judge(&self, id: u32, first: &[String]) -> Result<Verdict, Problem> {
        let reaching = self.reached.get(&id).cloned().unwrap_or_default();
        self.run(reaching, first, id)
    }

    /// Runs all tests of `programs`, which were built anew with a mutant in them.
    ///
    /// # Errors
    ///
    /// When a process can't be run.
    pub fn judge_build(&self, programs: &[Program]) -> Result<Verdict, Problem> {
        let built =
            |test: &Test| programs.iter().any(|one| one.path == self.programs[test.program].path);
        let tests = (0..self.tests.len()).filter(|index| built(&self.tests[*index])).collect();
        self.run(tests, &[], 0)
    }

    fn run(&self, mut tests: Vec<usize>, first: &[String], id: u32) -> Result<Verdict, Problem> {
        tests.sort_by_key(|index| {
            let test = &self.tests[*index];
            (!first.contains(&test.name), test.takes)
        });
        for batch in self.batches(&tests) {
            let expected: Duration = batch.iter().map(|index| self.tests[*index].takes).sum();
            let patience = expected * 5 + Duration::from_secs(5);
            let once = || {
                self.process(&batch, patience, |command| {
                    command.env("DOORWARD_MUTANT", id.to_string());
                })
            };
            let (_, mut how) = once()?;
            // A machine that was busy, or short of memory, is not so twice.
            if how.as_ref().is_some_and(|how| how.starts_with(NO_END)) {
                (_, how) = once()?;
            }
            match how {
                Some(how) if how.starts_with(NO_END) => return Ok(Verdict::TimedOut(how)),
                Some(how) => return Ok(Verdict::Caught(how)),
                None => {}
            }
        }
        Ok(Verdict::Survived(tests.len()))
    }

    /// Tests that go into one process: the quickest first, and in each next one as much as in all before it.
    fn batches(&self, tests: &[usize]) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut round: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let (mut budget, mut spent) = (Duration::from_millis(100), Duration::ZERO);
        for index in tests {
            let test = &self.tests[*index];
            if spent + test.takes > budget {
                batches.extend(std::mem::take(&mut round).into_values());
                (budget, spent) = (budget * 2, Duration::ZERO);
            }
            round.entry(test.program).or_default().push(*index);
            spent += test.takes;
        }
        batches.extend(round.into_values());
        batches
    }

    /// Runs tests of one program in one process: how long it took, and what went wrong, if anything.
    fn process(
        &self,
        tests: &[usize],
        patience: Duration,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<(Duration, Option<String>), Problem> {
        let Some(test) = tests.first().map(|index| &self.tests[*index]) else {
            return Ok((Duration::ZERO, None));
        };
        let program = &self.programs[test.program];
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", &patience.as_secs().max(1).to_string(), "prlimit", MEMORY])
            .arg(&program.path)
            .args(["-Z", "unstable-options", "--fail-fast", "--test-threads=1", "--exact"])
            .args(tests.iter().map(|index| &self.tests[*index].name))
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUST_BACKTRACE", "0")
            // The same cases each time; a counterexample is enough, it need not be small.
            .env("PROPTEST_RNG_SEED", "7")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        prepare(&mut command);
        let (took, output) = timed(|| command.output());
        let output = output?;
        let code = output.status.code();
        if code == Some(0) {
            return Ok((took, None));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = text.lines().find_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
        let failed = text
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.split_once(" ... FAILED"))
            .map(|(name, _)| name)
            .next()
            .or(failed.filter(|_| tests.len() == 1).map(|(name, _)| name));
        let how = match (code, failed) {
            // `timeout` or `prlimit` could not do what it is there for: nothing was tested.
            (Some(125..=127), _) => return Err(format!("{} could not be run", test.name).into()),
            (Some(124 | 137), _) => format!("{NO_END} {}", test.name),
            // Killed, or given up where memory ran out: `timeout` ends as what it ran did.
            (None, _) if matches!(output.status.signal(), Some(6 | 9)) => {
                format!("{NO_END} {}", test.name)
            }
            (Some(101), Some(name)) => name.to_owned(),
            _ => format!("{} ended with {}", test.name, output.status),
        };
        Ok((took, Some(how)))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a stopwatch: how long to wait for a test is decided by it"
)]
fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let before = Instant::now();
    let done = run();
    (before.elapsed(), done)
}

/// Does `work` for all of `items`, as many at a time as there are processors.
///
/// # Errors
///
/// The first one that `work` has.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Problem> + Sync,
) -> Result<Vec<R>, Problem> {
    let next = Mutex::new(items.iter());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let item = next.lock().ok().and_then(|mut items| items.next());
                    let Some(item) = item else { return };
                    let result = work(item);
                    let failed = result.is_err();
                    if let Ok(mut done) = done.lock() {
                        done.push(result);
                    }
                    if failed {
                        while next.lock().ok().and_then(|mut items| items.next()).is_some() {}
                        return;
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default().into_iter().collect()
}
