//! Every reason to refuse.
//!
//! One exhaustive enum; a new reason doesn't compile until it has its threat, its public answer
//! and its audit text.

mod examples;
mod shown;
mod text;

use alloc::format;
use alloc::string::String;
use core::fmt;

pub use self::shown::Shown;
use crate::capability::Capabilities;
use crate::threat::ThreatId;
use crate::time::Timestamp;

/// A refusal, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The request's head can't be read in exactly one way.
    MalformedHead(HeadFault),
    /// The path decodes or normalises into Doorward's own, or not at all.
    MalformedPath,
    /// The body of a redemption is not what the endpoint takes.
    MalformedBody,
    /// The first frame of a QUIC connection is not one hello, or not all that came.
    MalformedHello(HelloFault),
    /// CONNECT, or an upgrade to something other than WebSocket, or an incomplete one.
    UpgradeRefused,
    /// A worker script of the guarded server's would outlive the session that loaded it.
    ServiceWorkerScript,
    /// A head, body or message above its bound.
    TooLarge(Bound),
    /// The `Host` is on no list.
    HostDenied {
        /// What was seen.
        seen: Shown,
    },
    /// A credential would cross a network in the clear.
    InsecureTransport,
    /// The `Origin` is neither this server's own nor listed.
    OriginDenied {
        /// What was seen.
        seen: Shown,
    },
    /// A cookie came without the `Origin` that this request needs.
    OriginMissing,
    /// A cookie came on a read that fetch metadata doesn't show to be same-origin.
    FetchMetadata {
        /// The `Sec-Fetch-Site` that was seen.
        site: Shown,
    },
    /// An endpoint that is not for browsers was called by one.
    BrowserRefused,
    /// No rule names this route.
    NoRoute,
    /// No credential where one is needed.
    CredentialMissing,
    /// Two credentials, which could disagree.
    CredentialAmbiguous,
    /// A session cookie without a name, or twice.
    CookieShadowed,
    /// A token, ticket or local token that proves nothing.
    CredentialInvalid(Invalid),
    /// A token whose MAC verified, past its time.
    SessionExpired,
    /// A token whose MAC verified, of a session that was revoked.
    SessionRevoked,
    /// A grant that buys no session.
    GrantRefused(GrantFault),
    /// A workspace that doesn't exist, or not for this session.
    WorkspaceUnknown,
    /// The session may not do this.
    CapabilityLacking(Capabilities),
    /// Only what runs on this machine, with a local token, may do this.
    LocalOnly,
    /// Too many guesses from this address.
    GuessesLimited {
        /// When to come back.
        until: Timestamp,
    },
    /// Too many unadmitted connections.
    ConnectionsLimited {
        /// From this address alone, rather than in all.
        from_address: bool,
    },
    /// No complete head and credential in time.
    DeadlinePassed,
    /// Something that the decision needs has failed.
    Unavailable(Outage),
}

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// No `Host`, or more than one, or one that is no authority.
    Host,
    /// More than one `Origin`.
    Origins,
    /// More than one `Authorization`.
    Authorizations,
    /// More than one `Cookie` field.
    Cookies,
    /// A field that Doorward reads occurs twice.
    Repeated,
    /// A line that ends in a bare line feed or carriage return, or starts with white space.
    Line,
    /// Not `METHOD SP target SP HTTP/1.1`.
    RequestLine,
    /// A field without a colon, with a name that is no token, or a control character in its value.
    Field,
    /// `Transfer-Encoding` beside `Content-Length`, two lengths, or another coding than chunked.
    Framing,
    /// A forwarding field of a trusted proxy that can't be read.
    Forwarding,
}

/// What is wrong with a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloFault {
    /// A version that this server doesn't speak.
    Version,
    /// A purpose that there is none of.
    Purpose,
    /// It ends in the middle.
    Truncated,
    /// Something follows it, before it was answered.
    Trailing,
    /// A kind of credential that there is none of, or a grant in no known form.
    Credential,
    /// A nonce of another length than 16 to 32 bytes, or none where a grant needs one.
    Nonce,
    /// A workspace's name that can't be one.
    Workspace,
    /// An unknown capability.
    Capabilities,
}

impl From<HelloFault> for Denial {
    fn from(fault: HelloFault) -> Self {
        Self::MalformedHello(fault)
    }
}

/// Which bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of a head.
    HeadBytes,
    /// Fields of a head.
    HeadFields,
    /// Cookies of a head.
    Cookies,
    /// Bytes of a body to Doorward's own endpoints.
    BodyBytes,
    /// Bytes of a hello.
    HelloBytes,
    /// Bytes of a WebSocket message.
    MessageBytes,
}

/// Why a credential proves nothing. Outside, all are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not the shape of a credential.
    Malformed,
    /// Made under a key that is not live.
    UnknownKey,
    /// The tag is not the record's.
    BadTag,
    /// Verified, and nothing that Doorward writes.
    BadRecord,
    /// Issued too far in the future.
    NotYetValid,
    /// No such ticket, or used.
    TicketUnknown,
    /// A ticket past its time.
    TicketExpired,
    /// A ticket from another origin.
    TicketOrigin,
    /// A ticket beside another session's cookie.
    TicketSession,
    /// Not 64 lower-case hexadecimal digits.
    LocalMalformed,
    /// No such local token, or replaced.
    LocalUnknown,
    /// A local token past its time.
    LocalExpired,
    /// A local token whose process has ended.
    LocalDead,
}

/// Why a grant buys nothing. Outside, all are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantFault {
    /// No such grant.
    Unknown,
    /// Revoked, or its session was.
    Revoked,
    /// Past its time.
    Expired,
    /// Every use consumed.
    Spent,
    /// Spent, and the session that it bought is over.
    SessionGone,
}

/// What has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The store.
    Store,
    /// The clock.
    Clock,
    /// The operating system's generator.
    Entropy,
    /// No key signs.
    Keys,
    /// What is known of revocations is too old.
    StaleRevocations,
    /// A table is full.
    Full,
    /// Whether a process is there can't be told.
    Processes,
    /// What the connection was to is elsewhere now.
    Moved,
    /// A connection is shared, and nobody who may open it has.
    RoomEmpty,
    /// Nobody else fits into a shared connection, or no other can be shared.
    RoomFull,
    /// A shared connection has ended, with the rights of whoever had opened it.
    RoomClosed,
    /// The server is going away.
    Draining,
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing will help: stop.
    Stop,
    /// Pair again.
    Pair,
    /// Wait as long as told, then retry.
    Wait,
    /// Retry now.
    Retry,
    /// Retry with full jitter, 1 to 30 s.
    BackOff,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAnswer {
    /// The HTTP status (RFC 9110, section 15; RFC 6585).
    pub status: u16,
    /// The stable code in the body.
    pub code: &'static str,
    /// The close code of a live connection (RFC 6455, section 7.4), where it can come to that on
    /// one that was admitted.
    pub close: Option<u16>,
    /// What the caller does next.
    pub next: NextStep,
}

impl PublicAnswer {
    const fn new(status: u16, code: &'static str, close: Option<u16>, next: NextStep) -> Self {
        Self { status, code, close, next }
    }

    /// The application error code with which a QUIC connection is refused or ended (RFC 9000,
    /// section 20.2): the close code, or 4000 and the status where a live connection has none.
    #[must_use]
    pub const fn error_code(&self) -> u16 {
        match self.close {
            Some(code) => code,
            None => self.status.saturating_add(4000),
        }
    }
}

impl Denial {
    /// The threat that this refusal defeats.
    #[must_use]
    pub const fn threat(&self) -> ThreatId {
        match self {
            Self::MalformedHead(fault) => match fault {
                HeadFault::Host => ThreatId::DnsRebinding,
                HeadFault::Origins => ThreatId::CrossSiteHijack,
                HeadFault::Authorizations => ThreatId::CredentialAmbiguity,
                HeadFault::Cookies => ThreatId::CookieShadowing,
                HeadFault::Repeated
                | HeadFault::Line
                | HeadFault::RequestLine
                | HeadFault::Field
                | HeadFault::Framing => ThreatId::RequestSmuggling,
                HeadFault::Forwarding => ThreatId::HeaderSpoofing,
            },
            Self::MalformedPath => ThreatId::PathConfusion,
            Self::MalformedBody | Self::MalformedHello(_) => ThreatId::ParserAbuse,
            Self::UpgradeRefused => ThreatId::UpgradeSmuggling,
            Self::ServiceWorkerScript => ThreatId::ServiceWorker,
            Self::TooLarge(_) => ThreatId::ResourceExhaustion,
            Self::HostDenied { .. } => ThreatId::DnsRebinding,
            Self::InsecureTransport => ThreatId::Eavesdropping,
            Self::OriginDenied { .. }
            | Self::OriginMissing
            | Self::FetchMetadata { .. }
            | Self::BrowserRefused => ThreatId::CrossSiteHijack,
            Self::NoRoute => ThreatId::RouteBypass,
            Self::CredentialMissing => ThreatId::AmbientAuthority,
            Self::CredentialAmbiguous => ThreatId::CredentialAmbiguity,
            Self::CookieShadowed => ThreatId::CookieShadowing,
            Self::CredentialInvalid(invalid) => match invalid {
                Invalid::Malformed
                | Invalid::UnknownKey
                | Invalid::BadTag
                | Invalid::BadRecord
                | Invalid::NotYetValid => ThreatId::TokenForgery,
                Invalid::TicketUnknown
                | Invalid::TicketExpired
                | Invalid::TicketOrigin
                | Invalid::TicketSession => ThreatId::TicketReplay,
                Invalid::LocalMalformed
                | Invalid::LocalUnknown
                | Invalid::LocalExpired
                | Invalid::LocalDead => ThreatId::LocalImpersonation,
            },
            Self::SessionExpired => ThreatId::StaleSession,
            Self::SessionRevoked => ThreatId::RevokedSession,
            Self::GrantRefused(fault) => match fault {
                GrantFault::Unknown => ThreatId::GrantGuessing,
                GrantFault::Revoked | GrantFault::Expired => ThreatId::StaleGrant,
                GrantFault::Spent | GrantFault::SessionGone => ThreatId::GrantReplay,
            },
            Self::WorkspaceUnknown => ThreatId::WorkspaceConfusion,
            Self::CapabilityLacking(_) | Self::LocalOnly => ThreatId::CapabilityEscalation,
            Self::GuessesLimited { .. } => ThreatId::GrantGuessing,
            Self::ConnectionsLimited { .. } => ThreatId::ResourceExhaustion,
            Self::DeadlinePassed => ThreatId::SlowHandshake,
            Self::Unavailable(_) => ThreatId::FailOpen,
        }
    }

    /// What the caller is told: status, code, close code and next step.
    #[must_use]
    pub const fn public(&self) -> PublicAnswer {
        use NextStep::{BackOff, Pair, Retry, Stop, Wait};
        match self {
            Self::MalformedHead(_)
            | Self::MalformedPath
            | Self::MalformedBody
            | Self::MalformedHello(_)
            | Self::UpgradeRefused
            | Self::TooLarge(_) => PublicAnswer::new(400, "malformed", Some(4400), Stop),
            Self::ServiceWorkerScript => {
                PublicAnswer::new(403, "service_worker_denied", None, Stop)
            }
            Self::HostDenied { .. } => PublicAnswer::new(403, "host_denied", None, Stop),
            Self::InsecureTransport => PublicAnswer::new(403, "insecure_transport", None, Stop),
            Self::OriginDenied { .. } | Self::OriginMissing | Self::FetchMetadata { .. } => {
                PublicAnswer::new(403, "origin_denied", None, Stop)
            }
            Self::BrowserRefused => PublicAnswer::new(403, "origin_denied", None, Stop),
            Self::NoRoute => PublicAnswer::new(404, "not_found", None, Stop),
            Self::CredentialMissing => PublicAnswer::new(401, "credential_missing", None, Pair),
            Self::CredentialAmbiguous => PublicAnswer::new(401, "credential_ambiguous", None, Pair),
            Self::CookieShadowed | Self::CredentialInvalid(_) => {
                PublicAnswer::new(401, "credential_invalid", None, Pair)
            }
            Self::SessionExpired => PublicAnswer::new(401, "session_expired", Some(4401), Pair),
            Self::SessionRevoked => PublicAnswer::new(401, "session_revoked", Some(4403), Pair),
            //= req: GRANT-11
            Self::GrantRefused(_) => PublicAnswer::new(401, "grant_refused", None, Pair),
            //= req: WORK-2
            Self::WorkspaceUnknown => PublicAnswer::new(404, "not_found", Some(4404), Stop),
            Self::CapabilityLacking(_) => {
                PublicAnswer::new(403, "insufficient_capability", Some(4403), Stop)
            }
            Self::LocalOnly => PublicAnswer::new(403, "local_only", None, Stop),
            Self::GuessesLimited { .. } => PublicAnswer::new(429, "rate_limited", Some(4429), Wait),
            Self::ConnectionsLimited { .. } => {
                PublicAnswer::new(429, "connections_limited", Some(4429), Wait)
            }
            Self::DeadlinePassed => PublicAnswer::new(408, "deadline_passed", Some(4408), Retry),
            Self::Unavailable(Outage::Draining) => {
                PublicAnswer::new(503, "draining", Some(1001), BackOff)
            }
            Self::Unavailable(Outage::Moved) => {
                PublicAnswer::new(503, "moved", Some(1001), BackOff)
            }
            Self::Unavailable(Outage::RoomClosed) => {
                PublicAnswer::new(503, "room_closed", Some(1001), BackOff)
            }
            Self::Unavailable(Outage::RoomEmpty) => {
                PublicAnswer::new(503, "room_empty", Some(1013), BackOff)
            }
            Self::Unavailable(Outage::RoomFull) => {
                PublicAnswer::new(503, "room_full", Some(1013), BackOff)
            }
            Self::Unavailable(_) => PublicAnswer::new(503, "unavailable", Some(1013), BackOff),
        }
    }

    /// One sentence for the caller: what happened and what to do. Never tells apart what must
    /// look the same outside, and never repeats a credential.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::MalformedHead(fault) => format!("The request was malformed: {}.", fault.text()),
            Self::MalformedPath => {
                "The request's path is malformed: it reads differently once it is decoded.".into()
            }
            Self::MalformedBody => "The request's body is malformed: send a JSON object with \
                \"credential\" (the link's 43 characters, or the code) and \"nonce\" (16 to 32 \
                random bytes in base64url)."
                .into(),
            Self::MalformedHello(fault) => format!("The hello was malformed: {}.", fault.text()),
            Self::UpgradeRefused => "Only a complete WebSocket handshake (version 13) can upgrade \
                this connection."
                .into(),
            Self::ServiceWorkerScript => "Service worker scripts are not served; the operator can \
                allow them with --allow-service-workers."
                .into(),
            Self::TooLarge(bound) => format!("The request has {}.", bound.text()),
            Self::HostDenied { seen } => format!(
                "The Host \"{seen}\" is not allowed here; the operator can allow it with \
                --allow-host or --public-url."
            ),
            Self::InsecureTransport => "Plain http is served to this machine alone; reach this \
                server over https."
                .into(),
            Self::OriginDenied { seen } => format!(
                "The Origin \"{seen}\" is not allowed here; the operator can allow it with \
                --allow-origin."
            ),
            Self::OriginMissing => {
                "A request with a cookie needs an Origin header here; a program \
                should send a bearer token instead."
                    .into()
            }
            Self::FetchMetadata { site } => format!(
                "This request comes from another site (Sec-Fetch-Site: {site}); a page of another \
                origin can be allowed with --allow-origin, and a program should send a bearer \
                token instead of a cookie."
            ),
            Self::BrowserRefused => "This endpoint is for programs and refuses requests with an \
                Origin; a browser pairs at /.doorward/pair."
                .into(),
            //= req: WORK-2
            Self::NoRoute | Self::WorkspaceUnknown => "There is nothing here.".into(),
            Self::CredentialMissing => "This server is guarded by Doorward: pair first, with the \
                link or the code that `doorward pair` prints."
                .into(),
            Self::CredentialAmbiguous => {
                "Two credentials came with this request; send exactly one.".into()
            }
            Self::CookieShadowed | Self::CredentialInvalid(_) => {
                "The credential is not valid here; pair again.".into()
            }
            Self::SessionExpired => "The session has expired; pair again.".into(),
            Self::SessionRevoked => "The session was revoked; pair again.".into(),
            //= req: GRANT-11
            Self::GrantRefused(_) => "This link or code is unknown, was used already, or has \
                expired; get a new one with `doorward pair`."
                .into(),
            Self::CapabilityLacking(lacking) => {
                format!("The session lacks the capability \"{lacking}\" that this needs.")
            }
            Self::LocalOnly => "Only a process on this machine may ask for this, with its local \
                token."
                .into(),
            Self::GuessesLimited { .. } => {
                "Too many attempts from this address; wait as long as Retry-After says.".into()
            }
            Self::ConnectionsLimited { .. } => {
                "Too many connections are waiting to be admitted; try again shortly.".into()
            }
            Self::DeadlinePassed => {
                "The request and its credential did not arrive in time; try again.".into()
            }
            Self::Unavailable(Outage::Moved) => {
                "What this connection led to is elsewhere now; connect again.".into()
            }
            Self::Unavailable(Outage::RoomEmpty) => "Connections are shared here, and nobody who \
                may write has opened this one yet; try again later."
                .into(),
            Self::Unavailable(Outage::RoomFull) => {
                "As many share this connection as can; try again later.".into()
            }
            Self::Unavailable(Outage::RoomClosed) => "The shared connection has ended with the \
                session that had opened it; connect again."
                .into(),
            Self::Unavailable(Outage::Draining) => {
                "The server is going away; connect again shortly.".into()
            }
            Self::Unavailable(_) => {
                "The decision can't be taken right now, so it is no; try again shortly.".into()
            }
        }
    }

    /// The true reason, for the audit log: a stable name, with what was seen where that helps.
    #[must_use]
    pub fn audit(&self) -> String {
        match self {
            Self::MalformedHead(fault) => format!("malformed_head: {}", fault.text()),
            Self::MalformedPath => "malformed_path".into(),
            Self::MalformedBody => "malformed_body".into(),
            Self::MalformedHello(fault) => format!("malformed_hello: {}", fault.text()),
            Self::UpgradeRefused => "upgrade_refused".into(),
            Self::ServiceWorkerScript => "service_worker_script".into(),
            Self::TooLarge(bound) => format!("too_large: {}", bound.text()),
            Self::HostDenied { seen } => format!("host_denied: {seen}"),
            Self::InsecureTransport => "insecure_transport".into(),
            Self::OriginDenied { seen } => format!("origin_denied: {seen}"),
            Self::OriginMissing => "origin_missing".into(),
            Self::FetchMetadata { site } => format!("fetch_metadata: {site}"),
            Self::BrowserRefused => "browser_refused".into(),
            Self::NoRoute => "no_route".into(),
            Self::CredentialMissing => "credential_missing".into(),
            Self::CredentialAmbiguous => "credential_ambiguous".into(),
            Self::CookieShadowed => "cookie_shadowed".into(),
            Self::CredentialInvalid(invalid) => format!("credential_invalid: {}", invalid.text()),
            Self::SessionExpired => "session_expired".into(),
            Self::SessionRevoked => "session_revoked".into(),
            Self::GrantRefused(fault) => format!("grant_refused: {}", fault.text()),
            Self::WorkspaceUnknown => "workspace_unknown".into(),
            Self::CapabilityLacking(lacking) => format!("capability_lacking: {lacking}"),
            Self::LocalOnly => "local_only".into(),
            Self::GuessesLimited { .. } => "guesses_limited".into(),
            Self::ConnectionsLimited { from_address: true } => {
                "connections_limited: from this address".into()
            }
            Self::ConnectionsLimited { from_address: false } => {
                "connections_limited: in all".into()
            }
            Self::DeadlinePassed => "deadline_passed".into(),
            Self::Unavailable(outage) => format!("unavailable: {}", outage.text()),
        }
    }

    /// How many whole seconds to wait before a retry, where waiting helps.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<u64> {
        match self {
            Self::GuessesLimited { until } => {
                Some(until.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(60).max(1))
            }
            Self::ConnectionsLimited { .. } | Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.audit())
    }
}

impl core::error::Error for Denial {}
