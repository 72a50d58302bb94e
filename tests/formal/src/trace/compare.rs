//! The policy and the oracle side by side, batch by batch.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::oracle::Oracle;
use super::saved::Saved;
use super::shrink::shrink;
use super::source::Source;
use super::{Trace, outcome, policy};

/// How many traces go to the oracle at once.
const BATCH: u64 = 512;
/// How many pairs of a policy and an oracle work at the same time.
const WORKERS: usize = 2;

/// What was compared.
#[derive(Debug, Default)]
pub struct Report {
    /// How many traces.
    pub traces: u64,
    /// How many operations, each with an outcome of both.
    pub operations: u64,
    /// How often each outcome came, without its numbers.
    pub outcomes: BTreeMap<String, u64>,
    /// The first trace in which the two differ, as it was found.
    pub difference: Option<Trace>,
}

impl Report {
    /// Adds what another says.
    pub fn add(&mut self, other: Self) {
        self.traces += other.traces;
        self.operations += other.operations;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.difference = self.difference.take().or(other.difference);
    }

    /// The words that no outcome had.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        outcome::ALL.iter().copied().filter(|words| !self.outcomes.contains_key(*words))
    }

    fn count(&mut self, outcome: &str) {
        for words in outcome::words(outcome) {
            *self.outcomes.entry(words).or_default() += 1;
        }
    }
}

/// Compares the traces of a source, all of them or until there have been `most` operations, and
/// stops at the first difference.
///
/// # Errors
/// If the oracle fails.
pub fn compare(oracle: &Oracle, source: &dyn Source, most: u64) -> io::Result<Report> {
    let (next, operations) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let whole = Mutex::new(Report::default());
    let work = || -> io::Result<()> {
        while !stop.load(Ordering::Relaxed) && operations.load(Ordering::Relaxed) < most {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let end = (first + BATCH).min(source.len());
            if first >= end {
                break;
            }
            let report = compare_batch(oracle, (first..end).map(|at| source.trace(at)).collect())?;
            operations.fetch_add(report.operations, Ordering::Relaxed);
            stop.fetch_or(report.difference.is_some(), Ordering::Relaxed);
            whole.lock().map_err(|_| io::Error::other("a worker panicked"))?.add(report);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| io::Error::other("the policy panicked"))?
        })
    })?;
    whole.into_inner().map_err(|_| io::Error::other("a worker panicked"))
}

fn compare_batch(oracle: &Oracle, traces: Vec<Trace>) -> io::Result<Report> {
    let mut text = String::with_capacity(traces.len() * 2048);
    traces.iter().for_each(|trace| trace.write(&mut text));
    let asked = oracle.ask(text)?;
    let mut ours = String::with_capacity(traces.len() * 1024);
    let mut ends = Vec::with_capacity(traces.len());
    for trace in &traces {
        policy::carry_out(trace, &mut ours);
        ends.push(ours.len());
    }
    let theirs = asked.outcomes()?;
    let mut report = Report { traces: traces.len() as u64, ..Report::default() };
    let mut their_lines = theirs.lines();
    let mut start = 0;
    for (trace, end) in traces.into_iter().zip(ends) {
        report.operations += trace.operations.len() as u64;
        for line in ours[start..end].lines() {
            report.count(line);
            if their_lines.next() != Some(line) {
                report.difference = Some(trace);
                return Ok(report);
            }
        }
        start = end;
    }
    if their_lines.next().is_some() {
        return Err(io::Error::other("the oracle says more than it was asked"));
    }
    Ok(report)
}

/// What the oracle says to each line of one trace, and what the policy does; without its end.
///
/// # Errors
/// If the oracle fails.
pub fn both(oracle: &Oracle, trace: &Trace) -> io::Result<(Vec<String>, Vec<String>)> {
    let mut text = String::new();
    trace.write(&mut text);
    let asked = oracle.ask(text)?;
    let mut ours = String::new();
    policy::carry_out(trace, &mut ours);
    let lines = |text: &str| -> Vec<String> {
        text.lines().take(trace.operations.len() + 1).map(String::from).collect()
    };
    Ok((lines(&asked.outcomes()?), lines(&ours)))
}

/// The smallest trace that still shows a difference, and what the policy says to its operations.
///
/// # Errors
/// If the oracle fails on the result.
pub fn smallest(oracle: &Oracle, trace: &Trace, why: &str) -> io::Result<(Saved, Vec<String>)> {
    let differs = |lines: &[String]| {
        let both = Trace::parse(lines).ok().and_then(|trace| both(oracle, &trace).ok());
        both.is_some_and(|(theirs, ours)| theirs != ours)
    };
    let lines = shrink(trace.lines(), differs);
    let trace = Trace::parse(&lines).map_err(io::Error::other)?;
    let (outcomes, policy) = both(oracle, &trace)?;
    Ok((Saved { why: vec![why.to_owned()], lines, outcomes }, policy))
}
