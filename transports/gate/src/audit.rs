//! The audit log: one JSON object a line, with the true reason of every decision and the trace id
//! that the caller was told. Never a secret.

use std::fmt::Display;
use std::net::IpAddr;

use doorward_policy::Timestamp;
use doorward_policy::admission::{Admitted, Context, Denied};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::GrantRecord;
use doorward_policy::id::{GrantId, SessionId, TraceId};
use doorward_policy::local::LocalRecord;
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, WorkspaceName};
use serde::{Serialize, Serializer};

use crate::rfc3339;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A request or connection was admitted.
    Admitted,
    /// It was refused.
    Denied,
    /// A live connection was ended by the server.
    Closed,
    /// A grant was made.
    GrantMade,
    /// A use of a grant was consumed and a session opened.
    GrantRedeemed,
    /// A grant was revoked.
    GrantRevoked,
    /// A session was revoked.
    SessionRevoked,
    /// A session was left fewer capabilities.
    SessionLimited,
    /// A holder ended their own session.
    SignedOut,
    /// A local token has kept another session from ending.
    Stayed,
    /// A ticket was made.
    TicketMade,
    /// The lease of a shared connection went to this session, or to nobody.
    RoomOwner,
    /// A local token was made for a process.
    LocalMade,
    /// A local token was removed, or replaced by another of its id.
    LocalRemoved,
    /// A workspace was made, placed or deleted, or its members changed.
    WorkspaceChanged,
    /// A question to the owner of a shared connection was answered, or denied without an answer.
    QuestionAnswered,
    /// A key was added to the ring.
    KeyRotated,
    /// A listener started.
    Started,
    /// A listener stopped.
    Stopped,
}

/// One record. Absent fields are left out of its line. It is made on the hot path and becomes text
/// only when it is written.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// When; RFC 3339 in its line.
    #[serde(serialize_with = "time_as_text")]
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// Joins it with the answer that the caller got.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub trace_id: Option<TraceId>,
    /// Why it was refused or ended: a stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The threat that the refusal defeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threat: Option<&'static str>,
    /// Whose session or grant it was.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub subject: Option<Subject>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub session: Option<SessionId>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub grant: Option<GrantId>,
    /// The workspace.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub workspace: Option<WorkspaceName>,
    /// How it was changed: `create`, `place`, `delete`, `admit` or `expel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<&'static str>,
    /// What a session was left, or a member or local token was given.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub capabilities: Option<Capabilities>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// `http`, `websocket` or `quic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<&'static str>,
    /// How many like it were left out during a flood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<u64>,
}

impl AuditRecord {
    /// A record of an event and nothing else.
    #[must_use]
    pub fn new(event: Event, now: Timestamp) -> Self {
        Self {
            time: now,
            event,
            trace_id: None,
            reason: None,
            threat: None,
            subject: None,
            session: None,
            grant: None,
            workspace: None,
            change: None,
            capabilities: None,
            peer: None,
            transport: None,
            repeated: None,
        }
    }

    /// With the trace id that the caller was told.
    #[must_use]
    pub fn traced(mut self, trace: TraceId) -> Self {
        self.trace_id = Some(trace);
        self
    }

    /// With where the request came from.
    #[must_use]
    pub fn of(mut self, context: &Context) -> Self {
        self.peer = Some(context.client.address);
        self.transport = Some(context.transport.name());
        self
    }

    /// With whose session it is.
    #[must_use]
    pub fn claimed(mut self, claims: &Claims) -> Self {
        self.subject = Some(claims.subject);
        self.session = Some(claims.session);
        self
    }

    /// With who was admitted, and to which workspace unless to the listener's own.
    #[must_use]
    pub fn held(mut self, admitted: &Admitted) -> Self {
        if let Some(holder) = admitted.holder() {
            self.subject = Some(holder.subject);
            self.session = Some(holder.id);
        }
        let joined = admitted.joined().map(|joined| joined.name);
        self.workspace = joined.filter(|name| !name.is_main());
        self
    }

    /// With the grant that it is about.
    #[must_use]
    pub fn about_grant(mut self, grant: &GrantRecord) -> Self {
        self.subject = Some(grant.label);
        self.grant = Some(grant.id);
        self
    }

    /// With the id of the grant that it is about.
    #[must_use]
    pub fn naming_grant(mut self, grant: GrantId) -> Self {
        self.grant = Some(grant);
        self
    }

    /// With the session that it is about, and the grant that bought it.
    #[must_use]
    pub fn about_session(mut self, session: &SessionRecord) -> Self {
        self.subject = Some(session.subject);
        self.session = Some(session.id);
        self.grant = Some(session.grant);
        self
    }

    /// With what a session was left.
    #[must_use]
    pub fn limited_to(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// With the local token that it is about.
    #[must_use]
    pub fn about_local(mut self, local: &LocalRecord) -> Self {
        self.subject = Some(local.name);
        self.session = Some(local.id);
        self.workspace = Some(local.workspace);
        self.capabilities = Some(local.capabilities);
        self
    }

    /// For the local token that another of its id, which this is about, takes the place of.
    #[must_use]
    pub(crate) fn replacing(self) -> Self {
        Self { event: Event::LocalRemoved, ..self.because("replaced") }
    }

    /// For the local tokens of a workspace that this deletes.
    #[must_use]
    pub(crate) fn orphaning(self) -> Self {
        Self { event: Event::LocalRemoved, change: None, ..self.because("workspace deleted") }
    }

    /// With the change to a workspace that it is about.
    #[must_use]
    pub fn about_change(mut self, change: &Change) -> Self {
        let (name, what) = match change {
            Change::Create(name, _) => (name, "create"),
            Change::Place(name, _) => (name, "place"),
            Change::Delete(name) => (name, "delete"),
            Change::Admit(name, member) => {
                self.subject = Some(member.subject);
                self.capabilities = Some(member.capabilities);
                (name, "admit")
            }
            Change::Expel(name, subject) => {
                self.subject = Some(*subject);
                (name, "expel")
            }
        };
        self.workspace = Some(*name);
        self.change = Some(what);
        self
    }

    /// With why it happened.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    //= req: AUDIT-1
    /// The record of a refusal.
    #[must_use]
    pub fn denied(denied: &Denied, trace: TraceId, now: Timestamp) -> Self {
        let mut record = Self::new(Event::Denied, now).traced(trace).of(&denied.context);
        record.reason = Some(denied.denial.audit());
        record.threat = Some(denied.denial.threat().name());
        if let Some((session, subject)) = denied.known {
            record.session = Some(session);
            record.subject = Some(subject);
        }
        record
    }

    /// Its line, without the line feed.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            // Strings and numbers alone: serialising them can't fail.
            format!("{{\"event\":\"denied\",\"reason\":\"audit record lost: {error}\"}}")
        })
    }
}

fn time_as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

fn as_text<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
