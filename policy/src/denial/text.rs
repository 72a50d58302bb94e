//! The words for the kinds of reasons, in answers and in the audit log.

use super::{Bound, GrantFault, HeadFault, HelloFault, Invalid, Outage};

impl HeadFault {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Host => "it needs exactly one well-formed Host",
            Self::Origins => "it has more than one Origin",
            Self::Authorizations => "it has more than one Authorization",
            Self::Cookies => "it has more than one Cookie field",
            Self::Repeated => "a header that may occur once occurs twice",
            Self::Line => "a line does not end in CR LF, or is folded",
            Self::RequestLine => "its first line is not METHOD target HTTP/1.1",
            Self::Field => "a header field is not name: value",
            Self::Framing => "its length is ambiguous",
            Self::Forwarding => "a forwarding header of the trusted proxy can't be read",
        }
    }
}

impl HelloFault {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Version => "its version is not 1",
            Self::Purpose => "its purpose is none that there is",
            Self::Truncated => "it ends in the middle",
            Self::Trailing => "something follows it before it was answered",
            Self::Credential => "its credential is of no known kind or form",
            Self::Nonce => "a grant needs a nonce of 16 to 32 random bytes",
            Self::Workspace => "its workspace is no name",
            Self::Capabilities => "it asks for an unknown capability",
        }
    }
}

impl Bound {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::HeadBytes => "a head above the limit",
            Self::HeadFields => "too many headers",
            Self::Cookies => "too many cookies",
            Self::BodyBytes => "a body above the limit",
            Self::HelloBytes => "a hello above the limit",
            Self::MessageBytes => "a message above the limit",
        }
    }
}

impl Invalid {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown key",
            Self::BadTag => "bad tag",
            Self::BadRecord => "bad record",
            Self::NotYetValid => "not yet valid",
            Self::TicketUnknown => "ticket unknown or used",
            Self::TicketExpired => "ticket expired",
            Self::TicketOrigin => "ticket of another origin",
            Self::TicketSession => "ticket of another session",
            Self::LocalMalformed => "local token malformed",
            Self::LocalUnknown => "local token unknown",
            Self::LocalExpired => "local token expired",
            Self::LocalDead => "process of the local token ended",
        }
    }
}

impl GrantFault {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Spent => "spent",
            Self::SessionGone => "its session is over",
        }
    }
}

impl Outage {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Clock => "clock",
            Self::Entropy => "generator",
            Self::Keys => "no key signs",
            Self::StaleRevocations => "revocations too old",
            Self::Full => "a table is full",
            Self::Processes => "whether a process is there",
            Self::Moved => "moved",
            Self::RoomEmpty => "nobody has opened the room",
            Self::RoomFull => "no place in a room",
            Self::RoomClosed => "whoever opened the room may no longer",
            Self::Draining => "draining",
        }
    }
}
