//! The threat catalog: what each check is there to defeat.

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
    /// DW-FAIL-OPEN
    FailOpen,
}
