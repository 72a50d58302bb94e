//! The threat catalog: what each check is there to defeat, how, and what remains.

mod catalog;
mod incident;
mod invariant;
mod outside;
mod row;

pub use incident::{INCIDENTS, Incident};
pub use invariant::Invariant;
pub use outside::{OUTSIDE, Outside};
pub use row::{Asset, Attacker, Duty, Level, Mitigation, Rfc, Role, Severity, Stride, Threat};

/// A threat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreatId {
    /// DW-DNS-REBINDING
    DnsRebinding,
    /// DW-CROSS-SITE-HIJACK
    CrossSiteHijack,
    /// DW-AMBIENT-AUTHORITY
    AmbientAuthority,
    /// DW-ROUTE-BYPASS
    RouteBypass,
    /// DW-PATH-CONFUSION
    PathConfusion,
    /// DW-REQUEST-SMUGGLING
    RequestSmuggling,
    /// DW-UPGRADE-SMUGGLING
    UpgradeSmuggling,
    /// DW-HEADER-SPOOFING
    HeaderSpoofing,
    /// DW-EAVESDROPPING
    Eavesdropping,
    /// DW-CREDENTIAL-AMBIGUITY
    CredentialAmbiguity,
    /// DW-COOKIE-SHADOWING
    CookieShadowing,
    /// DW-TOKEN-FORGERY
    TokenForgery,
    /// DW-STALE-SESSION
    StaleSession,
    /// DW-REVOKED-SESSION
    RevokedSession,
    /// DW-SESSION-FIXATION
    SessionFixation,
    /// DW-GRANT-REPLAY
    GrantReplay,
    /// DW-GRANT-GUESSING
    GrantGuessing,
    /// DW-STALE-GRANT
    StaleGrant,
    /// DW-TICKET-REPLAY
    TicketReplay,
    /// DW-CAPABILITY-ESCALATION
    CapabilityEscalation,
    /// DW-LOCAL-IMPERSONATION
    LocalImpersonation,
    /// DW-WORKSPACE-CONFUSION
    WorkspaceConfusion,
    /// DW-SERVICE-WORKER
    ServiceWorker,
    /// DW-PARSER-ABUSE
    ParserAbuse,
    /// DW-RESOURCE-EXHAUSTION
    ResourceExhaustion,
    /// DW-SLOW-HANDSHAKE
    SlowHandshake,
    /// DW-EARLY-DATA
    EarlyData,
    /// DW-FAIL-OPEN
    FailOpen,
    /// DW-PREDICTABLE-SECRET
    PredictableSecret,
    /// DW-LOST-EFFECT
    LostEffect,
    /// DW-SECRET-LEAK
    SecretLeak,
}

impl ThreatId {
    /// Every threat, in the order of the catalog.
    pub fn all() -> impl Iterator<Item = Self> {
        core::iter::successors(Some(Self::DnsRebinding), |id| id.next())
    }

    /// The row of this threat.
    #[must_use]
    pub const fn row(self) -> &'static Threat {
        match self {
            Self::DnsRebinding => &catalog::DNS_REBINDING,
            Self::CrossSiteHijack => &catalog::CROSS_SITE_HIJACK,
            Self::AmbientAuthority => &catalog::AMBIENT_AUTHORITY,
            Self::RouteBypass => &catalog::ROUTE_BYPASS,
            Self::PathConfusion => &catalog::PATH_CONFUSION,
            Self::RequestSmuggling => &catalog::REQUEST_SMUGGLING,
            Self::UpgradeSmuggling => &catalog::UPGRADE_SMUGGLING,
            Self::HeaderSpoofing => &catalog::HEADER_SPOOFING,
            Self::Eavesdropping => &catalog::EAVESDROPPING,
            Self::CredentialAmbiguity => &catalog::CREDENTIAL_AMBIGUITY,
            Self::CookieShadowing => &catalog::COOKIE_SHADOWING,
            Self::TokenForgery => &catalog::TOKEN_FORGERY,
            Self::StaleSession => &catalog::STALE_SESSION,
            Self::RevokedSession => &catalog::REVOKED_SESSION,
            Self::SessionFixation => &catalog::SESSION_FIXATION,
            Self::GrantReplay => &catalog::GRANT_REPLAY,
            Self::GrantGuessing => &catalog::GRANT_GUESSING,
            Self::StaleGrant => &catalog::STALE_GRANT,
            Self::TicketReplay => &catalog::TICKET_REPLAY,
            Self::CapabilityEscalation => &catalog::CAPABILITY_ESCALATION,
            Self::LocalImpersonation => &catalog::LOCAL_IMPERSONATION,
            Self::WorkspaceConfusion => &catalog::WORKSPACE_CONFUSION,
            Self::ServiceWorker => &catalog::SERVICE_WORKER,
            Self::ParserAbuse => &catalog::PARSER_ABUSE,
            Self::ResourceExhaustion => &catalog::RESOURCE_EXHAUSTION,
            Self::SlowHandshake => &catalog::SLOW_HANDSHAKE,
            Self::EarlyData => &catalog::EARLY_DATA,
            Self::FailOpen => &catalog::FAIL_OPEN,
            Self::PredictableSecret => &catalog::PREDICTABLE_SECRET,
            Self::LostEffect => &catalog::LOST_EFFECT,
            Self::SecretLeak => &catalog::SECRET_LEAK,
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The one after it in the catalog. Exhaustive, so that a new threat has its place there.
    const fn next(self) -> Option<Self> {
        Some(match self {
            Self::DnsRebinding => Self::CrossSiteHijack,
            Self::CrossSiteHijack => Self::AmbientAuthority,
            Self::AmbientAuthority => Self::RouteBypass,
            Self::RouteBypass => Self::PathConfusion,
            Self::PathConfusion => Self::RequestSmuggling,
            Self::RequestSmuggling => Self::UpgradeSmuggling,
            Self::UpgradeSmuggling => Self::HeaderSpoofing,
            Self::HeaderSpoofing => Self::Eavesdropping,
            Self::Eavesdropping => Self::CredentialAmbiguity,
            Self::CredentialAmbiguity => Self::CookieShadowing,
            Self::CookieShadowing => Self::TokenForgery,
            Self::TokenForgery => Self::StaleSession,
            Self::StaleSession => Self::RevokedSession,
            Self::RevokedSession => Self::SessionFixation,
            Self::SessionFixation => Self::GrantReplay,
            Self::GrantReplay => Self::GrantGuessing,
            Self::GrantGuessing => Self::StaleGrant,
            Self::StaleGrant => Self::TicketReplay,
            Self::TicketReplay => Self::CapabilityEscalation,
            Self::CapabilityEscalation => Self::LocalImpersonation,
            Self::LocalImpersonation => Self::WorkspaceConfusion,
            Self::WorkspaceConfusion => Self::ServiceWorker,
            Self::ServiceWorker => Self::ParserAbuse,
            Self::ParserAbuse => Self::ResourceExhaustion,
            Self::ResourceExhaustion => Self::SlowHandshake,
            Self::SlowHandshake => Self::EarlyData,
            Self::EarlyData => Self::FailOpen,
            Self::FailOpen => Self::PredictableSecret,
            Self::PredictableSecret => Self::LostEffect,
            Self::LostEffect => Self::SecretLeak,
            Self::SecretLeak => return None,
        })
    }
}
