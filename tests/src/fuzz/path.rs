//! Paths and the rules for them: `doorward_policy::route`.

use std::sync::LazyLock;

use doorward_policy::admission::Decision;
use doorward_policy::route::{OWN_PREFIX, Routes, Target};
use doorward_policy::{Capabilities, Settings};

use super::input::{Input, index};
use super::naive::path::{leads_home, readings};
use super::world::{Request, claims, token};

/// The segments of a prefix, and what lies under it asks for.
type Rule = (Vec<Vec<u8>>, Capabilities);

/// How often in a row some server might decode a path.
const PASSES: u32 = 3;

/// Input: a request target; then one rule a line, a digit for its capabilities before its prefix.
///
/// Oracle: a plain model of many servers, which differ in how often and when they decode, split and
/// normalise, and in whether case counts. A path that any of them reads as Doorward's own never reaches the guarded server.
/// Whoever is admitted may do what the longest matching rule asks for in every reading. A path that
/// all of them read alike needs exactly that.
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
    while !input.is_empty() {
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
            let alike = |(prefix, _): &(Vec<Vec<u8>>, _)| {
                is_under(prefix, &plain, |one, two| one == two)
                    == is_under(prefix, &plain, <[u8]>::eq_ignore_ascii_case)
            };
            let expected = longest(&rules, &plain).is_some_and(|needed| held.contains(needed));
            if rules.iter().all(alike) {
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
