//! `doorward key rotate`.

use doorward_gate::audit::Event;
use doorward_gate::{keyfile, random, rfc3339};

use crate::cli::StateArgs;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

/// Adds a key to the ring. Running listeners read it within a second or two, well before it signs.
pub(super) async fn rotate(args: &StateArgs) -> Outcome {
    let state = State::open(args).await?;
    let secret = random(&*state.entropy).map_err(Failure::failed)?;
    // Written down first: a rotation that nobody can find in the log is worse than an entry
    // without its rotation.
    let audit = state.audit(Event::KeyRotated)?;
    let audit = audit.because(format!("command line: after key {}", state.keys.last_id()));
    state.store.record(vec![audit]).await.map_err(Failure::failed)?;
    let keys = keyfile::rotate(&state.dir, secret, state.now()?).map_err(Failure::failed)?;
    let id = keys.last_id();
    let signs_from = keys.masters().iter().find(|master| master.id == id);
    let signs_from = signs_from.map(|master| rfc3339(master.signs_from)).unwrap_or_default();
    output::line(&format!(
        "Added key {id}; it signs from {signs_from}. Tokens under the older keys stay valid until \
         they expire."
    ))
}
