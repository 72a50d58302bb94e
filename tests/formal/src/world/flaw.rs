//! Broken worlds: each shows that an invariant would notice.

/// What is broken about a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The store reads a grant in one step and writes it back in another.
    TornStore,
    /// A gate answers before the commit.
    EarlyAnswer,
    /// The audit record is written after the commit.
    LateAudit,
    /// A gate hears of revocations, and notes none.
    DeafMirror,
    /// A gate does not look once more at what it has registered.
    NoSecondLook,
    /// A gate does not end the connections of a session whose time is over.
    EndlessConnections,
    /// A gate tells the time only when it starts.
    StoppedClock,
    /// A renewal does not know of the absolute end.
    EndlessRenewal,
    /// A gate believes to be up to date although the store did not answer.
    FreshAnyway,
    /// A gate takes a store that does not answer for one that agrees.
    OpenOnFailure,
    /// A session goes on under the id that the browser came with.
    KeptId,
    /// A nonce counts at whatever endpoint it comes to.
    AnyCounter,
    /// The second transport is guarded by something that is told nothing.
    SideDoor,
    /// What no rule names is let through.
    OpenRoutes,
    /// A membership that is taken away stays.
    MergedMembership,
    /// Who may not see a workspace is told that it is there.
    TellingDenial,
}
