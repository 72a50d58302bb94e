//! Explores every world to its end, or those that are named: `explore [--states N] [NAME...]`. Fails
//! if an invariant is violated somewhere, if a world does not reach what it is there for, and if it
//! was not explored to its end because it has more states than asked for.

use std::process::ExitCode;
use std::time::Instant;

use doorward_formal::world::{SCOPES, Scope, World};
use stateright::{Checker, Model as _};

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut most = usize::MAX;
    if wanted.first().is_some_and(|first| first == "--states") {
        most = wanted.drain(..2).nth(1).and_then(|most| most.parse().ok()).expect("a number");
    }
    let picked = |scope: &&Scope| wanted.is_empty() || wanted.iter().any(|one| one == scope.name);
    let scopes: Vec<&Scope> = SCOPES.iter().filter(picked).collect();
    let mut sum = 0;
    let mut held = !scopes.is_empty();
    println!(
        "{:<12} {:>12} {:>12} {:>6} {:>8}",
        "world", "transitions", "states", "depth", "seconds"
    );
    for scope in scopes {
        let (unique, holds) = explore(scope, most);
        sum += unique;
        held &= holds;
    }
    println!("{sum} states");
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long it took is shown, and decides nothing")]
fn explore(scope: &Scope, most: usize) -> (usize, bool) {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let checker = World::new(*scope).checker().threads(threads).target_state_count(most);
    let checker = checker.spawn_bfs().join();
    let (all, unique, depth) =
        (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    let seconds = begun.elapsed().as_secs_f64();
    println!("{:<12} {all:>12} {unique:>12} {depth:>6} {seconds:>8.1}", scope.name);
    if all >= most {
        eprintln!("{}: not explored to its end", scope.name);
    }
    (unique, all < most && judge(scope, &checker))
}

/// Tells what does not hold, and by what way it comes to that.
fn judge(scope: &Scope, checker: &impl Checker<World>) -> bool {
    let mut holds = true;
    for property in World::new(*scope).properties() {
        let found = checker.discovery(property.name);
        let always = matches!(property.expectation, stateright::Expectation::Always);
        if always == found.is_none() {
            continue;
        }
        holds = false;
        match found {
            Some(path) => eprintln!("{}: violated: {}\n{path}", scope.name, property.name),
            None => eprintln!("{}: never reached: {}", scope.name, property.name),
        }
    }
    holds
}
