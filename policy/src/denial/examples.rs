//! One denial of every reason, for catalogs and tests.

use alloc::vec;
use alloc::vec::Vec;

use super::{Bound, Denial, GrantFault, HeadFault, HelloFault, Invalid, Outage, Shown};
use crate::capability::Capabilities;
use crate::time::Timestamp;

/// Each line is a pattern and a denial that it matches. The patterns are those of one exhaustive
/// `match`, so that a new reason doesn't compile until it has its line.
macro_rules! examples {
    ($($pattern:pat => $example:expr,)+) => {
        impl Denial {
            /// One denial of every reason.
            #[must_use]
            pub fn examples() -> Vec<Self> {
                use Denial::*;
                vec![$($example),+]
            }
        }

        const _: fn(Denial) = |denial| {
            use Denial::*;
            match denial {
                $($pattern => {})+
            }
        };
    };
}

examples! {
    MalformedHead(HeadFault::Host) => MalformedHead(HeadFault::Host),
    MalformedHead(HeadFault::Origins) => MalformedHead(HeadFault::Origins),
    MalformedHead(HeadFault::Authorizations) => MalformedHead(HeadFault::Authorizations),
    MalformedHead(HeadFault::Cookies) => MalformedHead(HeadFault::Cookies),
    MalformedHead(HeadFault::Repeated) => MalformedHead(HeadFault::Repeated),
    MalformedHead(HeadFault::Line) => MalformedHead(HeadFault::Line),
    MalformedHead(HeadFault::RequestLine) => MalformedHead(HeadFault::RequestLine),
    MalformedHead(HeadFault::Field) => MalformedHead(HeadFault::Field),
    MalformedHead(HeadFault::Framing) => MalformedHead(HeadFault::Framing),
    MalformedHead(HeadFault::Forwarding) => MalformedHead(HeadFault::Forwarding),
    MalformedPath => MalformedPath,
    MalformedBody => MalformedBody,
    MalformedHello(HelloFault::Version) => MalformedHello(HelloFault::Version),
    MalformedHello(HelloFault::Purpose) => MalformedHello(HelloFault::Purpose),
    MalformedHello(HelloFault::Truncated) => MalformedHello(HelloFault::Truncated),
    MalformedHello(HelloFault::Trailing) => MalformedHello(HelloFault::Trailing),
    MalformedHello(HelloFault::Credential) => MalformedHello(HelloFault::Credential),
    MalformedHello(HelloFault::Nonce) => MalformedHello(HelloFault::Nonce),
    MalformedHello(HelloFault::Workspace) => MalformedHello(HelloFault::Workspace),
    MalformedHello(HelloFault::Capabilities) => MalformedHello(HelloFault::Capabilities),
    UpgradeRefused => UpgradeRefused,
    ServiceWorkerScript => ServiceWorkerScript,
    TooLarge(Bound::HeadBytes) => TooLarge(Bound::HeadBytes),
    TooLarge(Bound::HeadFields) => TooLarge(Bound::HeadFields),
    TooLarge(Bound::Cookies) => TooLarge(Bound::Cookies),
    TooLarge(Bound::BodyBytes) => TooLarge(Bound::BodyBytes),
    TooLarge(Bound::HelloBytes) => TooLarge(Bound::HelloBytes),
    TooLarge(Bound::MessageBytes) => TooLarge(Bound::MessageBytes),
    HostDenied { .. } => HostDenied { seen: Shown::new("rebind.example") },
    InsecureTransport => InsecureTransport,
    OriginDenied { .. } => OriginDenied { seen: Shown::new("https://evil.example") },
    OriginMissing => OriginMissing,
    FetchMetadata { .. } => FetchMetadata { site: Shown::new("cross-site") },
    BrowserRefused => BrowserRefused,
    NoRoute => NoRoute,
    CredentialMissing => CredentialMissing,
    CredentialAmbiguous => CredentialAmbiguous,
    CookieShadowed => CookieShadowed,
    CredentialInvalid(Invalid::Malformed) => CredentialInvalid(Invalid::Malformed),
    CredentialInvalid(Invalid::UnknownKey) => CredentialInvalid(Invalid::UnknownKey),
    CredentialInvalid(Invalid::BadTag) => CredentialInvalid(Invalid::BadTag),
    CredentialInvalid(Invalid::BadRecord) => CredentialInvalid(Invalid::BadRecord),
    CredentialInvalid(Invalid::NotYetValid) => CredentialInvalid(Invalid::NotYetValid),
    CredentialInvalid(Invalid::TicketUnknown) => CredentialInvalid(Invalid::TicketUnknown),
    CredentialInvalid(Invalid::TicketExpired) => CredentialInvalid(Invalid::TicketExpired),
    CredentialInvalid(Invalid::TicketOrigin) => CredentialInvalid(Invalid::TicketOrigin),
    CredentialInvalid(Invalid::TicketSession) => CredentialInvalid(Invalid::TicketSession),
    CredentialInvalid(Invalid::LocalMalformed) => CredentialInvalid(Invalid::LocalMalformed),
    CredentialInvalid(Invalid::LocalUnknown) => CredentialInvalid(Invalid::LocalUnknown),
    CredentialInvalid(Invalid::LocalExpired) => CredentialInvalid(Invalid::LocalExpired),
    CredentialInvalid(Invalid::LocalDead) => CredentialInvalid(Invalid::LocalDead),
    SessionExpired => SessionExpired,
    SessionRevoked => SessionRevoked,
    GrantRefused(GrantFault::Unknown) => GrantRefused(GrantFault::Unknown),
    GrantRefused(GrantFault::Revoked) => GrantRefused(GrantFault::Revoked),
    GrantRefused(GrantFault::Expired) => GrantRefused(GrantFault::Expired),
    GrantRefused(GrantFault::Spent) => GrantRefused(GrantFault::Spent),
    GrantRefused(GrantFault::SessionGone) => GrantRefused(GrantFault::SessionGone),
    WorkspaceUnknown => WorkspaceUnknown,
    CapabilityLacking(_) => CapabilityLacking(Capabilities::OPERATE),
    LocalOnly => LocalOnly,
    GuessesLimited { .. } => GuessesLimited { until: Timestamp::EPOCH },
    ConnectionsLimited { from_address: true } => ConnectionsLimited { from_address: true },
    ConnectionsLimited { from_address: false } => ConnectionsLimited { from_address: false },
    DeadlinePassed => DeadlinePassed,
    Unavailable(Outage::Store) => Unavailable(Outage::Store),
    Unavailable(Outage::Clock) => Unavailable(Outage::Clock),
    Unavailable(Outage::Entropy) => Unavailable(Outage::Entropy),
    Unavailable(Outage::Keys) => Unavailable(Outage::Keys),
    Unavailable(Outage::StaleRevocations) => Unavailable(Outage::StaleRevocations),
    Unavailable(Outage::Full) => Unavailable(Outage::Full),
    Unavailable(Outage::Processes) => Unavailable(Outage::Processes),
    Unavailable(Outage::Moved) => Unavailable(Outage::Moved),
    Unavailable(Outage::RoomEmpty) => Unavailable(Outage::RoomEmpty),
    Unavailable(Outage::RoomFull) => Unavailable(Outage::RoomFull),
    Unavailable(Outage::RoomClosed) => Unavailable(Outage::RoomClosed),
    Unavailable(Outage::Draining) => Unavailable(Outage::Draining),
}
