//! Sessions: who is paired, ending that, and taking capabilities away.

use doorward_gate::rfc3339;
use doorward_gate::store::live_connections;
use doorward_policy::Timestamp;
use doorward_policy::session::SessionRecord;
use serde_json::{Value, json};

use super::{Answered, Asking, listed, names};

impl Asking<'_> {
    /// Who is paired, and who was, as long as that is kept; the live ones first.
    pub(super) async fn sessions(&self) -> Answered {
        let now = self.now()?;
        let store = self.gate.store();
        let connections = live_connections(&store.reports(now).await?);
        let mut sessions = store.sessions().await?;
        sessions.sort_by_key(|session| !session.is_live(now));
        let asker = self.asker();
        let shown = sessions.iter().map(|session| {
            let live = connections.get(&session.id).copied().unwrap_or(0);
            shown(session, live, asker == Some(session.id), now)
        });
        listed("sessions", shown.collect())
    }
}

fn state(session: &SessionRecord, now: Timestamp) -> &'static str {
    match session {
        SessionRecord { revoked_at: Some(_), .. } => "revoked",
        session if session.is_live(now) => "live",
        _ => "expired",
    }
}

fn shown(session: &SessionRecord, connections: u32, own: bool, now: Timestamp) -> Value {
    json!({
        "id": session.id.to_string(),
        "subject": session.subject.as_str(),
        "capabilities": names(session.capabilities),
        "method": session.method.name(),
        "grant": session.grant.to_string(),
        "opened_from": session.opened_from.map(|address| address.to_string()),
        "created_at": rfc3339(session.created_at),
        "expires_at": rfc3339(session.expires_at),
        "absolute_end": rfc3339(session.absolute_end),
        "connections": connections,
        "state": state(session, now),
        "self": own,
    })
}
