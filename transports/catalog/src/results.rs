//! What a run of `tests/run` came to: which tests ran, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use doorward_policy::threat::{Threat, ThreatId};
use serde_json::Value;

use crate::model::{CatalogError, Item, Runner};
use crate::source::{script, walk};

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It ran, and passed.
    Passed,
    /// It ran, and failed.
    Failed,
    /// It did not run: it was left out, or there is no trace of it.
    DidNotRun,
}

impl How {
    /// A word or three for a reader.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::DidNotRun => "did not run",
        }
    }
}

/// A part of `tests/run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `cargo test`, with the replay of the fuzz corpora and the attacks.
    Cargo,
    /// Fuzzing itself.
    Fuzz,
    /// Real clients.
    Scenarios,
    /// The theorems about the model, among the formal evidence.
    Formal,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cargo, Self::Fuzz, Self::Scenarios, Self::Formal];

    /// Its name, as `tests/run --only` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Fuzz => "fuzz",
            Self::Scenarios => "scenarios",
            Self::Formal => "formal",
        }
    }
}

/// How the negative control of a threat came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controlled {
    /// Whether every piece of evidence that it names failed without the guard.
    pub caught: bool,
    /// What the runner said.
    pub said: String,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The parts that were run.
    pub parts: Vec<Part>,
    /// The commit that was run; `None` outside of a repository.
    pub commit: Option<String>,
    /// Whether nothing but that commit was in the working tree.
    pub clean: bool,
    /// How many of all that ran failed, cited or not; `None` if the run did not come to its end.
    pub failed: Option<u64>,
    /// What it was run with, by name: `rustc`, `cargo`, `system`.
    pub versions: BTreeMap<String, String>,
    /// The negative controls that were run on the same commit.
    pub controls: BTreeMap<ThreatId, Controlled>,
    cargo: BTreeMap<(String, String), BTreeMap<String, How>>,
    fuzz: BTreeMap<String, How>,
    scenarios: Vec<(String, How)>,
    /// The theorems that Coq has checked.
    proved: BTreeSet<String>,
}

impl Results {
    /// Reads the logs that `tests/run` leaves in `target/test-logs`.
    ///
    /// # Errors
    ///
    /// There are none, or they can't be read.
    pub fn read(logs: &Path) -> Result<Self, CatalogError> {
        let text = |name: &str| walk::read(&logs.join(name));
        let mut results = Self::default();
        results.take_run(&text("run.json")?);
        if results.parts.contains(&Part::Cargo) {
            let targets = targets(&text("cargo-test-targets.json")?);
            results.cargo = cargo(&text("cargo-test.log")?, &targets);
        }
        if results.parts.contains(&Part::Fuzz) {
            for path in walk::files(logs, &[".log"])? {
                let name = walk::shown(logs, &path);
                let target = name.strip_prefix("fuzz-").and_then(|name| name.strip_suffix(".log"));
                if let Some(target) = target {
                    results.fuzz.insert(target.to_owned(), fuzz(&walk::read(&path)?));
                }
            }
        }
        if results.parts.contains(&Part::Scenarios) {
            results.scenarios = tap(&text("scenarios.tap")?);
        }
        // It is not there where a proof is open.
        let proved = logs.join("formal/proved.txt");
        if results.parts.contains(&Part::Formal) && proved.is_file() {
            results.proved = theorems(&walk::read(&proved)?, results.commit.as_deref());
        }
        if logs.join("negative-controls.tsv").is_file() {
            let commit = results.commit.as_deref();
            results.controls = controls(&text("negative-controls.tsv")?, commit);
        }
        Ok(results)
    }

    fn take_run(&mut self, text: &str) {
        let run: Value = text.parse().unwrap_or_default();
        let named = |part: &str| {
            let parts = run.get("parts").and_then(Value::as_array).into_iter().flatten();
            parts.filter_map(Value::as_str).any(|name| name == part)
        };
        self.parts = Part::ALL.into_iter().filter(|part| named(part.name())).collect();
        self.commit = run.get("commit").and_then(Value::as_str).map(str::to_owned);
        self.failed = run.get("failed").and_then(Value::as_u64);
        self.clean = run.get("clean").and_then(Value::as_bool) == Some(true);
        let versions = run.get("versions").and_then(Value::as_object).into_iter().flatten();
        let text =
            |(name, version): (&String, &Value)| Some((name.clone(), version.as_str()?.to_owned()));
        self.versions = versions.filter_map(text).collect();
    }

    /// What became of a test. A name without modules is that of every test whose path ends in it.
    #[must_use]
    pub fn of(&self, item: &Item) -> How {
        match item.runner() {
            Runner::Cargo => self.of_cargo(item),
            Runner::Scenario => {
                let named = |(name, _): &&(String, How)| script::is_name(&item.name, name);
                together(self.scenarios.iter().filter(named).map(|(_, how)| *how))
            }
            Runner::Proof if self.proved.contains(&item.name) => How::Passed,
            Runner::Proof => How::DidNotRun,
            Runner::Fuzz => {
                let replay = self.of_cargo(&Item {
                    package: Item::TESTS.to_owned(),
                    target: "replay".to_owned(),
                    name: item.target.clone(),
                });
                together([replay].into_iter().chain(self.fuzz.get(&item.target).copied()))
            }
        }
    }

    fn of_cargo(&self, item: &Item) -> How {
        let Some(tests) = self.cargo.get(&(item.package.clone(), item.target.clone())) else {
            return How::DidNotRun;
        };
        if let Some(how) = tests.get(&item.name) {
            return *how;
        }
        let ending = format!("::{}", item.name);
        together(tests.iter().filter(|(name, _)| name.ends_with(&ending)).map(|(_, how)| *how))
    }

    /// Whether what runs a test was run, so that a test without a trace is missed.
    #[must_use]
    pub fn covers(&self, item: &Item) -> bool {
        let ran = |part| self.parts.contains(&part);
        match item.runner() {
            Runner::Cargo => ran(Part::Cargo),
            Runner::Fuzz => ran(Part::Cargo) || ran(Part::Fuzz),
            Runner::Scenario => ran(Part::Scenarios),
            Runner::Proof => ran(Part::Formal),
        }
    }
}

/// What became of one that runs several times, or in several ways: one failure is a failure, and one
/// trace is a trace.
fn together(all: impl Iterator<Item = How>) -> How {
    all.fold(How::DidNotRun, |so_far, how| match (so_far, how) {
        (How::Failed, _) | (_, How::Failed) => How::Failed,
        (How::Passed, _) | (_, How::Passed) => How::Passed,
        (How::DidNotRun, How::DidNotRun) => How::DidNotRun,
    })
}

/// The test programs: from the name of the file to its package and target. Read from what
/// `cargo test --no-run --message-format=json` prints.
fn targets(messages: &str) -> BTreeMap<String, (String, String)> {
    let one = |line: &str| {
        let message: Value = line.parse().ok()?;
        let program = message.get("executable")?.as_str()?.rsplit(['/', '\\']).next()?.to_owned();
        message.get("profile")?.get("test")?.as_bool()?.then_some(())?;
        let target = message.get("target")?;
        let kind = target.get("kind")?.get(0)?.as_str()?;
        let name = match kind {
            "test" => target.get("name")?.as_str()?,
            "bin" => Item::BINS,
            "bench" => return None,
            _ => Item::LIB,
        };
        Some((program, (package(message.get("package_id")?.as_str()?), name.to_owned())))
    };
    messages.lines().filter_map(one).collect()
}

/// The name in a package id: `path+file:///a/doorward-policy#0.1.0`, or with a folder of another
/// name `path+file:///a/policy#doorward-policy@0.1.0`.
fn package(id: &str) -> String {
    let (before, after) = id.split_once('#').unwrap_or((id, ""));
    match after.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => before.rsplit('/').next().unwrap_or(before).to_owned(),
    }
}

/// The log of `cargo test`: `Running tests/x.rs (target/debug/deps/x-HASH)`, and below it
/// `test NAME ... ok`.
fn cargo(
    log: &str,
    targets: &BTreeMap<String, (String, String)>,
) -> BTreeMap<(String, String), BTreeMap<String, How>> {
    let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut current = None;
    for line in log.lines() {
        let heading = line.trim_start();
        if let Some(running) = heading.strip_prefix("Running ") {
            let program = running.rsplit(['/', '\\', '(']).next().unwrap_or_default();
            current = targets.get(program.trim_end_matches(')')).cloned();
            if let Some(target) = &current {
                all.entry(target.clone()).or_default();
            }
        } else if heading.starts_with("Doc-tests ") {
            current = None;
        } else if let (Some(target), Some((name, how))) = (&current, test_line(line)) {
            all.entry(target.clone()).or_default().insert(name.to_owned(), how);
        }
    }
    all
}

/// `test NAME ... ok`
fn test_line(line: &str) -> Option<(&str, How)> {
    let (name, how) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let how = match how.trim_end() {
        "ok" => How::Passed,
        "FAILED" => How::Failed,
        _ => How::DidNotRun,
    };
    Some((name.trim_end(), how))
}

/// The log of a fuzz target: libFuzzer counts its runs at the end, or says what it found.
fn fuzz(log: &str) -> How {
    let done = |line: &str| line.starts_with("Done ") && line.contains(" runs in ");
    if log.contains("SUMMARY: libFuzzer:") || log.contains("ERROR: libFuzzer:") {
        How::Failed
    } else if log.lines().any(done) {
        How::Passed
    } else {
        How::DidNotRun
    }
}

/// The lines of Node's report: `ok 1 - NAME`, `not ok 2 - NAME`, within another test indented.
fn tap(report: &str) -> Vec<(String, How)> {
    let one = |line: &str| {
        let line = line.trim_start();
        let (rest, how) = match line.strip_prefix("not ok ") {
            Some(rest) => (rest, How::Failed),
            None => (line.strip_prefix("ok ")?, How::Passed),
        };
        let (number, name) = rest.split_once(" - ")?;
        number.parse::<u32>().ok()?;
        // A `#` in a name is escaped; what follows another one is why it was left out.
        let (name, how) = match name.split_once(" # ") {
            Some((name, why)) if !name.ends_with('\\') => {
                let left_out = why.starts_with("SKIP") || why.starts_with("TODO");
                (name, if left_out { How::DidNotRun } else { how })
            }
            _ => (name, how),
        };
        Some((name.replace("\\#", "#").replace("\\\\", "\\"), how))
    };
    report.lines().filter_map(one).collect()
}

/// Whether a list of what ran is of this commit: it says so in a line `run COMMIT`.
fn is_of(list: &str, commit: Option<&str>) -> bool {
    let ran = list.lines().find_map(|line| line.strip_prefix("run\t"));
    ran == Some(commit.unwrap_or("none"))
}

/// The theorems that were proved, if that was of the same commit.
fn theorems(list: &str, commit: Option<&str>) -> BTreeSet<String> {
    let names = list.lines().filter(|line| is_of(list, commit) && !line.contains('\t'));
    names.map(str::to_owned).collect()
}

/// What the negative controls came to: threat, state and a sentence, with tabs between; before them
/// `run` and the commit. What is of another commit says nothing about this one.
fn controls(table: &str, commit: Option<&str>) -> BTreeMap<ThreatId, Controlled> {
    if !is_of(table, commit) {
        return BTreeMap::new();
    }
    let one = |line: &str| {
        let mut cells = line.splitn(3, '\t');
        let threat = Threat::find(cells.next()?)?.id;
        let caught = cells.next()? == "caught";
        Some((threat, Controlled { caught, said: cells.next()?.to_owned() }))
    };
    let mut found: BTreeMap<_, Controlled> = BTreeMap::new();
    for (threat, controlled) in table.lines().filter_map(one) {
        // Two lines about one threat: that it survived is not outweighed.
        if found.get(&threat).is_none_or(|before| before.caught) {
            found.insert(threat, controlled);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","package_id":"path+file:///w/policy#doorward-policy@0.1.0","target":{"kind":["lib"],"name":"doorward_policy"},"profile":{"test":true},"executable":"/w/target/debug/deps/doorward_policy-1"}
{"reason":"compiler-artifact","package_id":"path+file:///w/policy#doorward-policy@0.1.0","target":{"kind":["test"],"name":"locals"},"profile":{"test":true},"executable":"/w/target/debug/deps/locals-2"}
{"reason":"compiler-artifact","package_id":"path+file:///w/transports/gate#doorward-gate@0.1.0","target":{"kind":["test"],"name":"locals"},"profile":{"test":true},"executable":"/w/target/debug/deps/locals-3"}
{"reason":"compiler-artifact","package_id":"path+file:///w/doorward#0.1.0","target":{"kind":["bin"],"name":"doorward"},"profile":{"test":true},"executable":"/w/target/debug/deps/doorward-4"}
{"reason":"compiler-artifact","package_id":"path+file:///w/doorward#0.1.0","target":{"kind":["bin"],"name":"doorward"},"profile":{"test":false},"executable":"/w/target/debug/doorward"}
{"reason":"build-finished","success":true}
"#;

    const LOG: &str = "
     Running unittests src/lib.rs (target/debug/deps/doorward_policy-1)
running 1 test
test time::tests::ends ... ok
     Running tests/locals.rs (target/debug/deps/locals-2)
test one ... ok
test memory::two ... ok
test sqlite::two ... FAILED
test three - should panic ... ok
test four ... ignored
     Running tests/locals.rs (/w/target/debug/deps/locals-3)
test one ... FAILED
     Running unittests src/main.rs (target/debug/deps/doorward-4)
test tls::tests::five ... ok
   Doc-tests doorward_policy
test policy/src/lib.rs - (line 3) ... ok
";

    fn results() -> Results {
        let targets = targets(MESSAGES);
        Results { cargo: cargo(LOG, &targets), ..Results::default() }
    }

    fn item(package: &str, target: &str, name: &str) -> Item {
        let text = str::to_owned;
        Item { package: text(package), target: text(target), name: text(name) }
    }

    #[test]
    fn targets_of_one_name_are_told_apart_by_their_program() {
        let results = results();
        let of = |package, target, name| results.of(&item(package, target, name));
        assert_eq!(of("doorward-policy", "lib", "time::tests::ends"), How::Passed);
        assert_eq!(of("doorward-policy", "locals", "one"), How::Passed);
        assert_eq!(of("doorward-gate", "locals", "one"), How::Failed);
        assert_eq!(of("doorward", "bins", "tls::tests::five"), How::Passed);
        assert_eq!(of("doorward-policy", "locals", "three"), How::Passed);
        assert_eq!(of("doorward-gate", "locals", "three"), How::DidNotRun);
        assert_eq!(of("doorward-policy", "locals", "four"), How::DidNotRun);
        assert_eq!(of("doorward-policy", "grants", "one"), How::DidNotRun);
    }

    #[test]
    fn what_a_macro_makes_of_a_name_fails_when_one_of_them_does() {
        let results = results();
        assert_eq!(results.of(&item("doorward-policy", "locals", "two")), How::Failed);
        assert_eq!(results.of(&item("doorward-policy", "locals", "wo")), How::DidNotRun);
    }

    #[test]
    fn a_fuzz_target_ran_where_it_was_replayed_or_fuzzed() {
        let fuzz = |log: &str| super::fuzz(log);
        assert_eq!(fuzz("#1 INITED\nDone 4096 runs in 31 second(s)\n"), How::Passed);
        assert_eq!(fuzz("SUMMARY: libFuzzer: deadly signal\n"), How::Failed);
        assert_eq!(fuzz("error: could not compile"), How::DidNotRun);
        let mut results = Results::default();
        let token = item(Item::FUZZ, "token", "token");
        assert_eq!(results.of(&token), How::DidNotRun);
        results.fuzz.insert("token".to_owned(), How::Passed);
        assert_eq!(results.of(&token), How::Passed);
        let replay = [("token".to_owned(), How::Failed)].into();
        results.cargo.insert((Item::TESTS.to_owned(), "replay".to_owned()), replay);
        assert_eq!(results.of(&token), How::Failed);
    }

    #[test]
    fn scenarios_are_known_by_the_names_in_the_report() {
        let report = "TAP version 13\n# Subtest: race: 200 grants\nok 1 - race: 200 grants\n  ---\n  ...\n\
            not ok 2 - b \\# c\nok 3 - d # SKIP no browser\n    ok 1 - inner\n1..3\n";
        let results = Results { scenarios: tap(report), ..Results::default() };
        let of = |name| results.of(&item(Item::CLIENTS, "race", name));
        assert_eq!(of("race: ${ROUNDS} grants"), How::Passed);
        assert_eq!(of("b # c"), How::Failed);
        assert_eq!(of("d"), How::DidNotRun);
        assert_eq!(of("inner"), How::Passed);
        assert_eq!(of("race"), How::DidNotRun);
    }

    #[test]
    fn a_control_is_caught_if_nothing_says_otherwise() {
        let table = "run\tabc\nDW-GRANT-REPLAY\tcaught\tall 2 fail\n\
            DW-STALE-GRANT\tsurvived\tone passes\nDW-STALE-GRANT\tcaught\tall fail\nnonsense\n";
        assert_eq!(controls(table, Some("abd")), BTreeMap::new());
        assert_eq!(controls(table, None), BTreeMap::new());
        let controls = controls(table, Some("abc"));
        assert_eq!(controls.len(), 2);
        assert!(controls.get(&ThreatId::GrantReplay).is_some_and(|one| one.caught));
        assert!(controls.get(&ThreatId::StaleGrant).is_some_and(|one| !one.caught));
    }

    #[test]
    fn a_run_says_what_it_was_of() {
        let mut results = Results::default();
        results.take_run(r#"{"commit":"abc","clean":true,"parts":["cargo","scenarios"],"versions":{"rustc":"1"}}"#);
        assert_eq!(results.parts, [Part::Cargo, Part::Scenarios]);
        assert_eq!((results.commit.as_deref(), results.clean), (Some("abc"), true));
        assert_eq!(results.versions.get("rustc").map(String::as_str), Some("1"));
        let scenario = item(Item::CLIENTS, "race", "x");
        assert!(results.covers(&scenario) && results.covers(&item("p", "t", "n")));
        results.take_run(r#"{"commit":null,"parts":["fuzz"]}"#);
        assert!(!results.covers(&scenario) && !results.covers(&item("p", "t", "n")));
        assert!(results.covers(&item(Item::FUZZ, "t", "t")) && !results.clean);
    }
}
