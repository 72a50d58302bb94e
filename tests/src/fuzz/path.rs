//! Paths and the rules for them: `doorward_policy::route`.

use std::sync::LazyLock;

use doorward_policy::admission::Decision;
use doorward_policy::route::{OWN_PREFIX, Routes, Target};
use doorward_policy::workspace::{Change, Claim, Directory, Member, Placing, WorkspaceName};
use doorward_policy::{Capabilities, Settings};

use super::input::{Input, index};
use super::naive::path::{leads_home, readings};
use super::world::{Request, claims, token};

/// The segments of a prefix, and what lies under it asks for.
type Rule = (Vec<Vec<u8>>, Capabilities);

/// How often in a row some server might decode a path.
const PASSES: u32 = 3;

/// Input: a request target; then one rule a line, a digit for its capabilities before its prefix, or
/// one claim, `@a` or `@b` before it.
///
/// Oracle: a plain model of many servers, which differ in how often and when they decode, split and
/// normalise, and in whether case counts. A path that any of them reads as Doorward's own never reaches the guarded server.
/// Whoever is admitted may do what the longest matching rule asks for in every reading. A path that
/// all of them read alike needs exactly that. Nobody reaches one workspace by a path that any of them
/// reads as under another's claim.
//= req: PATH-2, PATH-3, PATH-4, PATH-5, ROUTE-1, ROUTE-2, WORK-5, type=fuzz
pub fn path(data: &[u8]) {
    let mut input = Input::new(data);
    let Ok(target) = std::str::from_utf8(input.line()) else { return };
    let mut rules: Vec<Rule> = Vec::new();
    let mut settings = Settings::default();
    if input.is_empty() {
        rules.push((Vec::new(), Capabilities::OPERATE));
    } else {
        settings.routes = Routes::none();
    }
    let mut workspaces = Workspaces::default();
    while !input.is_empty() {
        if input.peek() == Some(b'@') {
            workspaces.claim(input.line());
            continue;
        }
        let needed = Capabilities::from_bits((index(input.byte()) % 16) as u16).unwrap_or_default();
        let Ok(prefix) = std::str::from_utf8(input.line()) else { continue };
        if settings.routes.add(prefix, needed) {
            let segments = plain_segments(prefix).expect("a rule's prefix reads in one way only");
            assert!(!leads_home(&readings(prefix, PASSES)), "a rule for Doorward's own: {prefix}");
            rules.retain(|(known, _)| *known != segments);
            rules.push((segments, needed));
        }
    }
    let path = target.split('?').next().unwrap_or_default();
    workspaces.check(target, path);
    let readings = readings(path, PASSES);
    let home = leads_home(&readings);
    let needed: Vec<Option<Capabilities>> =
        readings.iter().flat_map(|segments| needed_of(&rules, segments)).collect();
    for (held, bearer) in &*BEARERS {
        let guarded = reaches_guarded(&settings, target, bearer);
        assert!(!(home && guarded), "{path} leads home");
        if guarded {
            let lacking = needed.iter().find(|needed| needed.is_none_or(|n| !held.contains(n)));
            assert!(lacking.is_none(), "{path} needs {lacking:?} somewhere, {held} was enough");
        }
        if let Some(plain) = plain_segments(path).filter(|_| !path.starts_with(OWN_PREFIX)) {
            let expected = longest(&rules, &plain).is_some_and(|needed| held.contains(needed));
            if rules.iter().all(|(prefix, _)| is_case_nothing(prefix, &plain)) {
                assert_eq!(guarded, expected && !home, "{path} with {held}");
            }
        }
    }
}

/// Some sets of capabilities, and an `Authorization` that has each.
static BEARERS: LazyLock<[(Capabilities, String); 7]> = LazyLock::new(|| {
    [0, 1, 2, 3, 7, 8, 15].map(|bits| {
        let held = Capabilities::from_bits(bits).expect("all 16 are known");
        (held, format!("Bearer {}", token(&claims(1, held))))
    })
});

fn reaches_guarded(settings: &Settings, target: &str, bearer: &str) -> bool {
    let fields: [(&str, &[u8]); 2] =
        [("host", b"localhost:8765"), ("authorization", bearer.as_bytes())];
    let (decision, _) = Request::get(target, &fields).decide(settings);
    matches!(decision, Decision::Admit(admitted) if admitted.target() == Target::Guarded)
}

/// Workspaces `a` and `b` beside `main`, everybody's home, and what they claim.
#[derive(Default)]
struct Workspaces {
    directory: Directory,
    claims: Vec<(&'static str, Vec<Vec<u8>>)>,
}

impl Workspaces {
    fn apply(&mut self, change: &Change) -> bool {
        self.directory.apply(change, 1).is_ok()
    }

    fn open(&mut self) {
        if !self.directory.is_off() {
            return;
        }
        for workspace in ["a", "b", "main"] {
            let name = WorkspaceName::new(workspace).expect("a name");
            let subject = claims(1, Capabilities::ALL).subject;
            let home = workspace == "main";
            let member = Member { subject, capabilities: Capabilities::ALL, home };
            let made = home || self.apply(&Change::Create(name, Placing::default()));
            assert!(made && self.apply(&Change::Admit(name, member)));
        }
    }

    /// Takes `@`, a workspace and a prefix.
    fn claim(&mut self, line: &[u8]) {
        let workspace = if line.get(1) == Some(&b'b') { "b" } else { "a" };
        let prefix = line.get(2..).and_then(|prefix| std::str::from_utf8(prefix).ok());
        let Some(prefix) = prefix.filter(|prefix| prefix.starts_with('/')) else { return };
        let Some(claim) = Claim::parse(prefix) else { return };
        self.open();
        let name = WorkspaceName::new(workspace).expect("a name");
        let before = self.directory.workspace(&name).expect("it was made").claims().to_vec();
        let claims = before.into_iter().chain([claim]).collect();
        if self.apply(&Change::Place(name, Placing { claims, ..Placing::default() })) {
            let segments = plain_segments(prefix).expect("a claim reads in one way only");
            self.claims.push((workspace, segments));
        }
    }

    fn check(&self, target: &str, path: &str) {
        let mut routes = Routes::none();
        assert!(routes.add("/", Capabilities::NONE));
        let settings = Settings { routes, ..Settings::default() };
        let (_, bearer) = &BEARERS[0];
        let fields: [(&str, &[u8]); 2] =
            [("host", b"localhost:8765"), ("authorization", bearer.as_bytes())];
        let (decision, _) = Request::get(target, &fields).decide_among(&settings, &self.directory);
        let joined = match &decision {
            Decision::Admit(admitted) => admitted.joined().map(|joined| joined.name),
            _ => None,
        };
        let owners: Vec<_> =
            readings(path, PASSES).iter().flat_map(|segments| self.owners(segments)).collect();
        if let Some(joined) = joined {
            assert!(owners.iter().all(|owner| *owner == joined.as_str()), "{path}: {owners:?}");
        }
        let Some(plain) = plain_segments(path).filter(|_| !path.starts_with(OWN_PREFIX)) else {
            return;
        };
        if self.claims.iter().all(|(_, prefix)| is_case_nothing(prefix, &plain)) {
            let expected = (!leads_home(&readings(path, PASSES))).then_some(owners[0]);
            assert_eq!(joined.as_ref().map(WorkspaceName::as_str), expected, "{path}");
        }
    }

    /// Whose a path is to the servers that read it so: to those that tell case apart, and to others.
    fn owners(&self, segments: &[Vec<u8>]) -> Vec<&'static str> {
        let exact = self.claims.iter().filter(|(_, prefix)| segments.starts_with(prefix));
        let exact = exact.max_by_key(|(_, prefix)| prefix.len()).map_or("main", |(one, _)| one);
        let folded = |prefix: &[Vec<u8>]| is_under(prefix, segments, <[u8]>::eq_ignore_ascii_case);
        let folded: Vec<_> = self.claims.iter().filter(|(_, prefix)| folded(prefix)).collect();
        let most = folded.iter().map(|(_, prefix)| prefix.len()).max();
        let longest = folded.into_iter().filter(|(_, prefix)| Some(prefix.len()) == most);
        std::iter::once(exact).chain(longest.map(|(one, _)| *one)).collect()
    }
}

/// What a server asks for that reads a path so: one that tells case apart, and one that does not.
fn needed_of(rules: &[Rule], segments: &[Vec<u8>]) -> Vec<Option<Capabilities>> {
    let folded = rules
        .iter()
        .filter(|(prefix, _)| is_under(prefix, segments, <[u8]>::eq_ignore_ascii_case))
        .collect::<Vec<_>>();
    let most = folded.iter().map(|(prefix, _)| prefix.len()).max();
    let longest_folded = folded.iter().filter(|(prefix, _)| Some(prefix.len()) == most);
    let exact = std::iter::once(longest(rules, segments));
    exact.chain(longest_folded.map(|(_, needed)| Some(*needed))).collect()
}

/// Whether servers agree that a path lies under a prefix, or that it doesn't, whatever case is to them.
fn is_case_nothing(prefix: &[Vec<u8>], segments: &[Vec<u8>]) -> bool {
    segments.starts_with(prefix) == is_under(prefix, segments, <[u8]>::eq_ignore_ascii_case)
}

fn is_under(prefix: &[Vec<u8>], segments: &[Vec<u8>], same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    prefix.len() <= segments.len() && prefix.iter().zip(segments).all(|(one, two)| same(one, two))
}

fn longest(rules: &[Rule], segments: &[Vec<u8>]) -> Option<Capabilities> {
    let matching = rules.iter().filter(|(prefix, _)| segments.starts_with(prefix));
    matching.max_by_key(|(prefix, _)| prefix.len()).map(|(_, needed)| *needed)
}

/// The segments of a path that nobody reads in two ways.
fn plain_segments(path: &str) -> Option<Vec<Vec<u8>>> {
    let inner = path.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"%\\;?#".contains(&byte);
    let sound = |segment: &&str| !matches!(*segment, "" | "." | "..") && segment.bytes().all(plain);
    let segments: Vec<&str> = inner.split('/').collect();
    let all = segments.iter().all(sound);
    all.then(|| segments.iter().map(|segment| segment.as_bytes().to_vec()).collect())
}
