//! `doorward key rotate`.

use doorward_gate::admin::{self, Which};
use doorward_gate::audit::Event;
use doorward_gate::keyfile::{self, Older};
use doorward_gate::{random, rfc3339};
use doorward_policy::keys::MasterKeys;
use doorward_policy::ledger::Selector;

use super::{counted, unheard};
use crate::cli::StateArgs;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

/// Adds a key to the ring. Running listeners read it within a second or two, well before it signs.
pub(super) async fn rotate(args: &StateArgs) -> Outcome {
    let state = State::open(args).await?;
    let keys = add(&state, Older::Verify).await?;
    let id = keys.last_id();
    let signs_from = keys.masters().iter().find(|master| master.id == id);
    let signs_from = signs_from.map(|master| rfc3339(master.signs_from)).unwrap_or_default();
    output::line(&format!(
        "Added key {id}; it signs from {signs_from}. Tokens under the older keys stay valid until \
         they expire."
    ))
}

/// Leaves a new key alone, and nobody paired: what was signed by whoever has read an older one is
/// worthless, whatever session it names.
pub(super) async fn start_over(args: &StateArgs) -> Outcome {
    let state = State::open(args).await?;
    let keys = add(&state, Older::Drop).await?;
    // Without this the connections of those who are paired would go on until their tokens expire.
    let audit = state.audit(Event::SessionRevoked)?;
    let (store, clock) = (&*state.store, &*state.clock);
    let revoked = admin::revoke_sessions(store, clock, Which::by_owner(Selector::All), audit).await;
    let revoked = revoked.map_err(Failure::failed)?;
    let count = u64::try_from(revoked.sessions.len()).unwrap_or(u64::MAX);
    let done = format!(
        "Key {} is the only one; every token so far is worthless. Revoked {}, closed {}",
        keys.last_id(),
        counted(count, "session"),
        counted(revoked.closed, "connection"),
    );
    if revoked.unheard > 0 {
        return Err(unheard(&done, revoked.unheard));
    }
    output::line(&format!(
        "{done}. A connection that was opened with a forged token is in no list: restart what runs."
    ))
}

/// Written down first: a rotation that nobody can find in the log is worse than an entry without
/// its rotation.
async fn add(state: &State, older: Older) -> Outcome<MasterKeys> {
    let secret = random(&*state.entropy).map_err(Failure::failed)?;
    let what = match older {
        Older::Verify => "after",
        Older::Drop => "instead of all up to",
    };
    let why = format!("command line: {what} key {}", state.keys.last_id());
    let audit = state.audit(Event::KeyRotated)?.because(why);
    state.store.record(vec![audit]).await.map_err(Failure::failed)?;
    keyfile::rotate(&state.dir, secret, older, state.now()?).map_err(Failure::failed)
}
