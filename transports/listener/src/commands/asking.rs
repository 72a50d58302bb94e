//! Who asks: the sessions and the token that this very command could use. Ending those by mistake
//! shuts out whoever asked, so that has to be said.

use std::path::PathBuf;

use doorward_client::SavedSessions;
use doorward_policy::id::SessionId;
use doorward_policy::local::{LocalRecord, LocalSecret, VARIABLE};

use crate::config::default_state_dir;
use crate::failure::{Failure, Outcome};
use crate::serve::read_private;
use crate::state::State;

/// The ids of the sessions that `doorward connect` has saved, of whichever listener: a session's id
/// is found in no other listener's store.
pub(super) fn sessions() -> Vec<SessionId> {
    // Whoever has no place to save one has none.
    let Ok(dir) = default_state_dir() else { return Vec::new() };
    let ids = SavedSessions::new(dir.join("client")).ids();
    ids.iter().filter_map(|id| SessionId::parse(id)).collect()
}

/// The local token that this process has inherited, if it is one of this state directory's.
pub(super) async fn local(state: &State) -> Outcome<Option<LocalRecord>> {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return Ok(None) };
    // Whoever can't read it can't ask with it.
    let Ok(text) = read_private(&path) else { return Ok(None) };
    let Some(secret) = LocalSecret::parse(text.trim().as_bytes()) else { return Ok(None) };
    let digest = secret.digest(&state.keys.digester());
    state.store.find_local(digest).await.map_err(Failure::failed)
}

/// The refusal to end what asks.
pub(super) fn refusal(what: &str) -> Failure {
    Failure::failed(format!(
        "nothing was revoked: that would end {what} too; add --self if it is to"
    ))
}
