//! The kept traces: the policy does what the model says, without the model.

use std::collections::BTreeSet;
use std::path::Path;

use doorward_formal::trace::saved::{self, Saved};
use doorward_formal::trace::{Trace, outcome, policy};

fn kept() -> Vec<(String, Saved)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let kept = saved::kept(&folder).expect("a readable folder");
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    kept.into_iter().map(|(path, saved)| (name(&path), saved)).collect()
}

#[test]
fn the_policy_does_what_the_model_says() {
    for (name, saved) in kept() {
        let trace = Trace::parse(&saved.lines).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let mut said = String::new();
        policy::carry_out(&trace, &mut said);
        assert_eq!(said.lines().count(), saved.lines.len() + 1, "{name}: with its end");
        for ((said, line), outcome) in said.lines().zip(&saved.lines).zip(&saved.outcomes) {
            assert_eq!(said, outcome, "{name}: {line}\n{}", saved.text(&[]));
        }
    }
}

#[test]
fn every_outcome_is_in_a_kept_trace() {
    let all = kept();
    let said = all.iter().flat_map(|(_, saved)| &saved.outcomes);
    let said: BTreeSet<_> = said.flat_map(|one| outcome::words(one)).collect();
    let missing: Vec<_> = outcome::ALL.iter().filter(|words| !said.contains(**words)).collect();
    assert_eq!(missing, [&"end"], "no kept trace shows these");
}

#[test]
fn whatever_bytes_there_are_is_a_trace_that_reads_back() {
    for length in 0..600_usize {
        let bytes: Vec<_> = (0..length).map(|at| (at * 31 + length * 7) as u8).collect();
        let trace = Trace::from_bytes(&bytes);
        assert_eq!(Trace::parse(&trace.lines()), Ok(trace.clone()));
        let mut said = String::new();
        policy::carry_out(&trace, &mut said);
        assert_eq!(said.lines().count(), trace.operations.len() + 2);
        assert!(!said.contains('?') && !said.contains("error"), "{said}");
    }
}
