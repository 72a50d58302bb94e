//! What a row of the catalog says.

use super::{Invariant, ThreatId};

/// One row of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threat {
    /// What denials point to.
    pub id: ThreatId,
    /// Its stable name.
    pub name: &'static str,
    /// What an attacker gets, in a few words.
    pub title: &'static str,
    /// Who attacks; at least one.
    pub attackers: &'static [Attacker],
    /// What is at stake; at least one.
    pub assets: &'static [Asset],
    /// What kind of threat it is; at least one.
    pub stride: &'static [Stride],
    /// How bad it is when nothing stops it, and why.
    pub severity: Severity,
    /// What has to be so for the attack to be tried.
    pub preconditions: &'static str,
    /// How the attack works.
    pub attack: &'static str,
    /// What stops it, and where; at least one.
    pub mitigations: &'static [Mitigation],
    /// What remains.
    pub residual: &'static str,
    /// What somebody who runs or embeds Doorward still has to do.
    pub duties: &'static [Duty],
    /// What would be broken; at least one.
    pub invariants: &'static [Invariant],
    /// Published incidents of this kind, by their ids in [`INCIDENTS`](super::INCIDENTS).
    pub incidents: &'static [&'static str],
    /// The weaknesses, by their number in the Common Weakness Enumeration; at least one.
    pub cwe: &'static [u16],
    /// Requirements of OWASP ASVS 5.0.0 that the defence meets, such as `3.5.1`.
    pub asvs: &'static [&'static str],
    /// Where a standard says what the defence does.
    pub rfcs: &'static [Rfc],
}

/// Who attacks, by what they can do already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attacker {
    /// A page of any other origin, in the browser of a person who is paired.
    WebPage,
    /// Whoever can open a connection to the listener's port from elsewhere.
    RemoteStranger,
    /// Another user, container or program of the same machine, without the state directory.
    LocalProcess,
    /// Whoever reads or changes what crosses the network.
    Network,
    /// Whoever has a session, and wants more than it gives.
    SessionHolder,
    /// Whoever found, saw or kept a credential that was once good.
    CredentialHolder,
    /// The guarded server, or a script that it serves.
    GuardedServer,
    /// Nobody: a part that fails.
    Failure,
}

/// What is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// The guarded server, and whatever it drives.
    GuardedServer,
    /// A session, and the token that proves it.
    Session,
    /// A grant, and the right to the session that it buys.
    Grant,
    /// The keys, and what is stored under them.
    Keys,
    /// Another person's workspace.
    Workspace,
    /// That whoever may get in does.
    Availability,
    /// What the audit log says.
    AuditLog,
}

/// The kinds of threats (Shostack, "Threat Modeling", chapter 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stride {
    /// Passing for somebody else.
    Spoofing,
    /// Changing what one may not.
    Tampering,
    /// Denying what one did.
    Repudiation,
    /// Learning what one may not.
    InformationDisclosure,
    /// Keeping others out.
    DenialOfService,
    /// Doing what one may not.
    ElevationOfPrivilege,
}

/// How bad it is when nothing stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severity {
    /// The level.
    pub level: Level,
    /// The reasoning.
    pub because: &'static str,
}

/// Levels of severity, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A nuisance, or a step towards something else.
    Low,
    /// One person's access or secrecy, under conditions.
    Medium,
    /// Access to the guarded server, under conditions.
    High,
    /// Access to the guarded server for whoever tries.
    Critical,
}

/// One thing that stops the attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mitigation {
    /// The source file that does it, from the root of the repository, such as `policy/src/host.rs`.
    pub at: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// Something that Doorward can't do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Who has to do it.
    pub of: Role,
    /// What they have to do.
    pub what: &'static str,
}

/// Who has a [`Duty`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Whoever runs the listener.
    Operator,
    /// Whoever puts the policy or an adapter into a server of their own.
    Embedder,
}

/// A section of an RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc {
    /// Its number.
    pub number: u16,
    /// The section, such as `4.2.1`.
    pub section: &'static str,
}

impl Threat {
    /// Finds a threat by its name, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        ThreatId::all().map(ThreatId::row).find(|row| row.name.eq_ignore_ascii_case(name))
    }
}

/// `const fn text(self)` for enums whose variants are words.
macro_rules! words {
    ($($type:ident: $doc:literal { $($variant:ident => $text:literal),+ $(,)? })+) => { $(
        impl $type {
            #[doc = $doc]
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    )+ };
}

words! {
    Attacker: "A few words for a reader." {
        WebPage => "a page of another origin",
        RemoteStranger => "a stranger on the network",
        LocalProcess => "another user or program of the machine",
        Network => "whoever is on the way",
        SessionHolder => "the holder of a session",
        CredentialHolder => "the finder of an old credential",
        GuardedServer => "the guarded server or its scripts",
        Failure => "a part that fails",
    }
    Asset: "A few words for a reader." {
        GuardedServer => "the guarded server",
        Session => "sessions",
        Grant => "grants",
        Keys => "keys",
        Workspace => "other workspaces",
        Availability => "availability",
        AuditLog => "the audit log",
    }
    Stride: "Its name in the literature." {
        Spoofing => "spoofing",
        Tampering => "tampering",
        Repudiation => "repudiation",
        InformationDisclosure => "information disclosure",
        DenialOfService => "denial of service",
        ElevationOfPrivilege => "elevation of privilege",
    }
    Level: "In lower case." {
        Low => "low",
        Medium => "medium",
        High => "high",
        Critical => "critical",
    }
    Role: "In lower case." {
        Operator => "operator",
        Embedder => "embedder",
    }
}
