//! How much world there is: what is explored to its end.

use doorward_policy::grant::Counter;

use super::{Door, Place};

/// A grant, as it is made at the first moment.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many uses it has.
    pub uses: u32,
    /// For how many ticks it is good.
    pub life: u8,
}

/// How often what goes wrong may happen, and what an administrator does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chances {
    /// Crashes of a gate.
    pub crashes: u8,
    /// Losses of the store.
    pub cuts: u8,
    /// Commits that the gate waits for in vain.
    pub unheard: u8,
    /// Revocations of a session.
    pub revocations: u8,
    /// Limitations of a session.
    pub limits: u8,
    /// Revocations of a grant.
    pub withdrawals: u8,
    /// Changes of a membership.
    pub memberships: u8,
}

impl Chances {
    /// Nothing goes wrong, and no administrator does anything.
    pub const NONE: Self = Self {
        crashes: 0,
        cuts: 0,
        unheard: 0,
        revocations: 0,
        limits: 0,
        withdrawals: 0,
        memberships: 0,
    };
}

/// What there is, and what may happen.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// What it is called.
    pub name: &'static str,
    /// How many clients.
    pub clients: u8,
    /// How many gates.
    pub gates: u8,
    /// The grants; where clients are paired, there is one for each.
    pub grants: &'static [Plan],
    /// Whether each client has a session from the start, and redeems nothing.
    pub paired: bool,
    /// Whether there are workspaces.
    pub rights: bool,
    /// How many ticks pass.
    pub horizon: u8,
    /// How many requests each client makes.
    pub requests: u8,
    /// How many of them are under way at once.
    pub at_once: usize,
    /// How many nonces each client has.
    pub nonces: u8,
    /// Where grants are redeemed.
    pub counters: &'static [Counter],
    /// How connections are opened.
    pub doors: &'static [Door],
    /// To what.
    pub places: &'static [Place],
    /// Whether tokens are renewed.
    pub renewals: bool,
    /// Whether clients sign out.
    pub sign_outs: bool,
    /// Whether gates look at the news as soon as time has passed, where nothing else can be new.
    pub prompt: bool,
    /// What else may happen, and how often.
    pub chances: Chances,
}

impl Scope {
    /// Whether clients do anything with their tokens.
    pub(super) const fn uses_tokens(&self) -> bool {
        !self.doors.is_empty() || self.renewals || self.sign_outs
    }
}

const NOTHING: Scope = Scope {
    name: "nothing",
    clients: 1,
    gates: 2,
    grants: &[Plan { uses: 1, life: 2 }],
    paired: false,
    rights: false,
    horizon: 0,
    requests: 0,
    at_once: 2,
    nonces: 1,
    counters: &[],
    doors: &[],
    places: &[Place::Default],
    renewals: false,
    sign_outs: false,
    prompt: false,
    chances: Chances::NONE,
};

/// Two clients race for two grants through two gates.
pub const PAIRING: Scope = Scope {
    name: "pairing",
    clients: 2,
    grants: &[Plan { uses: 1, life: 2 }, Plan { uses: 2, life: 3 }],
    horizon: 3,
    requests: 2,
    nonces: 1,
    counters: &[Counter::Bootstrap],
    prompt: true,
    chances: Chances { crashes: 1, unheard: 1, ..Chances::NONE },
    ..NOTHING
};

/// Grants come to an end, and nonces to other places than their own.
pub const REPEATING: Scope = Scope {
    name: "repeating",
    clients: 1,
    grants: &[Plan { uses: 2, life: 3 }],
    horizon: 3,
    requests: 3,
    nonces: 2,
    counters: &[Counter::Bootstrap, Counter::Token],
    chances: Chances { unheard: 1, withdrawals: 1, ..Chances::NONE },
    ..NOTHING
};

/// A session connects, is renewed, is revoked and expires, at gates that crash and lose the store.
pub const SESSIONS: Scope = Scope {
    name: "sessions",
    grants: &[Plan { uses: 1, life: 1 }],
    paired: true,
    horizon: 3,
    requests: 2,
    doors: &[Door::WebSocket, Door::Quic],
    renewals: true,
    sign_outs: true,
    chances: Chances { crashes: 1, cuts: 1, revocations: 1, ..Chances::NONE },
    ..NOTHING
};

/// Two sessions, one of which gains and loses a workspace, and what it may do.
pub const RIGHTS: Scope = Scope {
    name: "rights",
    clients: 2,
    grants: &[Plan { uses: 1, life: 1 }, Plan { uses: 1, life: 1 }],
    paired: true,
    rights: true,
    horizon: 1,
    requests: 1,
    doors: &[Door::WebSocket, Door::Quic],
    places: &[Place::Default, Place::Blue],
    chances: Chances { limits: 1, memberships: 2, ..Chances::NONE },
    ..NOTHING
};

/// Less of each, in one: two clients pair through two gates, connect by either transport, and one of them is revoked;
/// time passes, a gate crashes, a commit goes through unheard, answers are lost.
pub const TOGETHER: Scope = Scope {
    name: "together",
    clients: 2,
    grants: &[Plan { uses: 1, life: 1 }, Plan { uses: 1, life: 1 }],
    horizon: 2,
    requests: 2,
    at_once: 1,
    counters: &[Counter::Bootstrap],
    doors: &[Door::WebSocket, Door::Quic],
    prompt: true,
    chances: Chances { crashes: 1, unheard: 1, revocations: 1, ..Chances::NONE },
    ..NOTHING
};

/// Every world that is explored.
pub const SCOPES: &[Scope] = &[PAIRING, REPEATING, SESSIONS, RIGHTS, TOGETHER];
