//! `doorward`: a listener that guards a server. Pair once, then only paired clients get through.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::run()
}
