//! What the whole of Doorward costs under load, beside its peers: `load [handshake|proxy] [ROUNDS]`, or both.
//!
//! The servers are processes of their own, which take turns: `$DOORWARD_BIN` or the `doorward` beside this program,
//! the `raw` beside it, and what `benches/peers/install` has installed. What isn't there is left out.

use doorward_benches::load::{Outcome, handshake, proxy};

/// Turns of each server, unless said otherwise.
const ROUNDS: usize = 31;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| {
        let named = |one: &str| matches!(one, "handshake" | "proxy");
        arguments.iter().all(|one| !named(one)) || arguments.iter().any(|one| one == name)
    };
    let rounds = arguments.iter().find_map(|one| one.parse().ok()).unwrap_or(ROUNDS);
    if wanted("handshake") {
        handshake::compare(rounds)?;
    }
    if wanted("proxy") {
        proxy::compare(rounds)?;
    }
    Ok(())
}
