//! What the catalog consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;

use doorward_policy::threat::{Invariant, Threat, ThreatId};
use doorward_probe::Attack;

/// The name of a requirement: capital letters, a hyphen, a number, such as `GRANT-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequirementId(String);

impl RequirementId {
    /// Takes a text of that form.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (prefix, number) = text.split_once('-')?;
        let letters = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_uppercase());
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (letters && digits && !number.starts_with('0')).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequirementId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One row of a table in `docs/requirements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its name.
    pub id: RequirementId,
    /// The sentence, in Markdown.
    pub text: String,
    /// The threats that it defeats; at least one.
    pub threats: Vec<ThreatId>,
    /// The invariants that it is part of; at least one.
    pub invariants: Vec<Invariant>,
    /// Where it stands, from the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// What is cited for a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The code that does it.
    Implementation,
    /// A test of examples.
    Test,
    /// A test of generated input.
    Property,
    /// A fuzz target.
    Fuzz,
    /// A test in lockstep with a plain model.
    Model,
    /// An assertion that the compiler checks: where the code compiles, it holds.
    Proof,
    /// An attack of `tests/attacks` on a running server. Nothing cites it: it names its threat.
    Attack,
    /// The reason why a requirement has no code of ours.
    Exception,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Implementation,
        Self::Test,
        Self::Property,
        Self::Fuzz,
        Self::Model,
        Self::Proof,
        Self::Attack,
        Self::Exception,
    ];

    /// Its name, as in `type=NAME`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Implementation => "implementation",
            Self::Test => "test",
            Self::Property => "property",
            Self::Fuzz => "fuzz",
            Self::Model => "model",
            Self::Proof => "proof",
            Self::Attack => "attack",
            Self::Exception => "exception",
        }
    }

    /// The kind of that name, if it can be cited.
    #[must_use]
    pub fn cited(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind != Self::Attack && kind.name() == name)
    }

    /// Whether it shows that something holds, instead of being it.
    #[must_use]
    pub const fn is_evidence(self) -> bool {
        !matches!(self, Self::Implementation | Self::Exception)
    }
}

/// A comment that names a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The requirement's name, as it is spelt there.
    pub requirement: String,
    /// What stands below the comment.
    pub kind: Kind,
    /// Where the comment stands, from the root.
    pub file: String,
    /// The line of the comment, from 1.
    pub line: usize,
    /// The test below it. Evidence without one, unless it is a proof, is a fault.
    pub item: Option<Item>,
    /// The reason of an exception.
    pub reason: Option<String>,
}

/// A test that can be run by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The package: one of cargo's, [`Item::CLIENTS`] or [`Item::MODEL`].
    pub package: String,
    /// The test target: a name, [`Item::LIB`] or [`Item::BINS`]; of a scenario, its file without
    /// `.test.mjs`; of a fuzz body, the fuzz target; of a theorem, its file without `.v`.
    pub target: String,
    /// The test: the path that is printed when it runs. What a template literal fills in stands
    /// as `${…}`; a test that a macro makes has the name alone, without the modules it is in.
    pub name: String,
}

/// What runs a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runner {
    /// `cargo test`.
    Cargo,
    /// libFuzzer; its inputs are replayed in `cargo test` as well.
    Fuzz,
    /// Node, in `tests/run`.
    Scenario,
    /// Coq, in `tests/formal/model/run`.
    Proof,
}

impl Item {
    /// The unit tests of a package's library.
    pub const LIB: &str = "lib";
    /// The unit tests of a package's binary.
    pub const BINS: &str = "bins";
    /// The fuzz targets.
    pub const FUZZ: &str = "doorward-fuzz";
    /// The scenarios with real clients.
    pub const CLIENTS: &str = "tests/clients";
    /// The theorems about the model.
    pub const MODEL: &str = "tests/formal/model";
    /// The package of the tests of the whole system.
    pub const TESTS: &str = "doorward-tests";
    /// The target there that plays the attacks.
    pub const ATTACKS: &str = "attacks";

    /// What runs it.
    #[must_use]
    pub fn runner(&self) -> Runner {
        match self.package.as_str() {
            Self::FUZZ => Runner::Fuzz,
            Self::CLIENTS => Runner::Scenario,
            Self::MODEL => Runner::Proof,
            _ => Runner::Cargo,
        }
    }

    /// The command that runs it, at the root of the repository.
    #[must_use]
    pub fn command(&self) -> String {
        let Self { package, target, name } = self;
        let target_flag = match target.as_str() {
            Self::LIB => "--lib".to_owned(),
            Self::BINS => "--bins".to_owned(),
            target => format!("--test {target}"),
        };
        match self.runner() {
            Runner::Cargo => format!("cargo test -p {package} {target_flag} -- {name}"),
            Runner::Fuzz => format!("cargo test -p {} --test replay -- {target}", Self::TESTS),
            Runner::Scenario => format!("tests/run --scenario {target}"),
            Runner::Proof => format!("{package}/run"),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, target, name } = self;
        match self.runner() {
            Runner::Fuzz => write!(formatter, "{package} {target}"),
            Runner::Cargo | Runner::Scenario | Runner::Proof => {
                write!(formatter, "{package} {target} {name}")
            }
        }
    }
}

/// A patch that takes the guard against a threat out, and the tests that must then fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The threat.
    pub threat: ThreatId,
    /// What is taken out.
    pub guard: String,
    /// The tests that must fail. The name of each is a filter: part of what is printed.
    pub evidence: Vec<Item>,
    /// The patch, from the root.
    pub file: String,
}

/// An incident that no attack replays, since no bytes on the wire reach it or show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The incident.
    pub incident: String,
    /// Why no attack can replay it.
    pub reason: String,
    /// The test that answers for it instead.
    pub test: Item,
    /// The line of `tests/attacks/exempt.toml`, from 1.
    pub line: usize,
}

/// Everything that is known: the rows of the catalog stand in `doorward_policy::threat`.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The requirements, in the order of their files.
    pub requirements: Vec<Requirement>,
    /// The attacks, by name.
    pub attacks: Vec<Attack>,
    /// The citations, by file and line; none without a source.
    pub citations: Vec<Citation>,
    /// The negative controls, by file; none without a source.
    pub controls: Vec<Control>,
    /// The incidents that no attack replays; none without a source.
    pub exemptions: Vec<Exemption>,
    /// The root that all this was read from; `None` if it is what the binary carries.
    pub source: Option<PathBuf>,
    /// Every test of the source that cargo runs, but for the attacks.
    pub(crate) tests: BTreeSet<Item>,
    /// Where the rows of the threats and incidents are written.
    pub(crate) rows: BTreeMap<String, (String, usize)>,
    /// What could not be taken up while reading.
    pub(crate) unread: Vec<Fault>,
}

/// What there is about one threat.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    /// The row.
    pub threat: &'static Threat,
    /// Its requirements.
    pub requirements: Vec<&'a Requirement>,
    /// The code that is cited for them.
    pub code: Vec<&'a Citation>,
    /// The reasons why there is no code of ours for some.
    pub exceptions: Vec<&'a Citation>,
    /// The evidence that is cited for them, by kind, file and line.
    pub evidence: Vec<&'a Citation>,
    /// The attacks that name it.
    pub attacks: Vec<&'a Attack>,
    /// The patch that takes its guard out.
    pub control: Option<&'a Control>,
}

impl Coverage<'_> {
    /// The kinds of evidence, attacks among them.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let attack = (!self.attacks.is_empty()).then_some(Kind::Attack);
        let cited = self.evidence.iter().map(|citation| citation.kind);
        let mut kinds: Vec<Kind> = cited.chain(attack).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// Something that is missing or wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, from the root.
    pub file: String,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// Which rule it breaks.
    pub rule: Rule,
    /// A sentence that says what is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.file, self.what),
            None => write!(formatter, "{}: {}", self.file, self.what),
        }
    }
}

/// What a catalog is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every table, comment, attack and patch can be read.
    Readable,
    /// A requirement has code, or a reason why it has none of ours.
    Implemented,
    /// A requirement has evidence.
    Tested,
    /// A citation names a requirement that exists.
    KnownRequirement,
    /// A citation of evidence stands above a test, one of code above code.
    StandsAboveTest,
    /// A threat has requirements.
    Required,
    /// A threat has evidence of at least two kinds.
    TwoKinds,
    /// A threat has an attack.
    Attacked,
    /// An incident has an attack, or a test and a reason why no attack can replay it.
    IncidentReplayed,
    /// An attack names a threat and incidents that exist and belong together.
    KnownThreat,
    /// A threat has a negative control.
    Controlled,
    /// A negative control names tests that exist, of two kinds, one of them an attack.
    ControlEvidence,
    /// An invariant has a requirement.
    InvariantRequired,
    /// What is cited ran.
    Ran,
    /// What is cited passed.
    Passed,
}

impl Rule {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::Implemented => "implemented",
            Self::Tested => "tested",
            Self::KnownRequirement => "known-requirement",
            Self::StandsAboveTest => "stands-above-test",
            Self::Required => "required",
            Self::TwoKinds => "two-kinds",
            Self::Attacked => "attacked",
            Self::IncidentReplayed => "incident-replayed",
            Self::KnownThreat => "known-threat",
            Self::Controlled => "controlled",
            Self::ControlEvidence => "control-evidence",
            Self::InvariantRequired => "invariant-required",
            Self::Ran => "ran",
            Self::Passed => "passed",
        }
    }
}

/// A catalog that can't be read at all.
#[derive(Debug)]
pub struct CatalogError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    pub error: io::Error,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "can't read {}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for CatalogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
