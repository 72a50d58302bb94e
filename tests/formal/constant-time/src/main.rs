//! Runs each check under valgrind, and each planted leak: a check must be quiet, a leak must not.

mod checks;
mod marks;
mod planted;

use std::process::ExitCode;

/// Something to run, and what it is called.
type Named = (&'static str, fn());

fn main() -> ExitCode {
    if !marks::is_watched() {
        eprintln!("nothing watches: run it under valgrind");
        return ExitCode::from(2);
    }
    let quiet = judge("ok", "LEAKS", checks::ALL, |leaks| leaks == 0);
    let caught = judge("caught", "UNSEEN", planted::ALL, |leaks| leaks > 0);
    println!("FIGURE\tconstant-time checks\t{quiet} of {}", checks::ALL.len());
    println!("FIGURE\tplanted leaks caught\t{caught} of {}", planted::ALL.len());
    if quiet == checks::ALL.len() && caught == planted::ALL.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How many went as they have to.
fn judge(good: &str, bad: &str, all: &[Named], right: impl Fn(usize) -> bool) -> usize {
    let mut count = 0;
    for (name, run) in all {
        let leaks = marks::leaks(run);
        println!("{:<7} {name} ({leaks})", if right(leaks) { good } else { bad });
        count += usize::from(right(leaks));
    }
    count
}
