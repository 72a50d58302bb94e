//! What is done to a store, at random.

use doorward_policy::Capabilities;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

/// Numbers pick among what was made before; one beyond that names nothing.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    InsertGrant {
        label: usize,
        uses: u32,
        life: u64,
        code: bool,
    },
    Redeem {
        grant: u64,
        nonce: u64,
        counter: u8,
        greedy: bool,
        asked: Option<usize>,
    },
    InsertTicket {
        session: usize,
        origin: usize,
    },
    ConsumeTicket {
        ticket: u64,
        origin: usize,
        beside: Option<usize>,
        greedy: bool,
        asked: Option<usize>,
    },
    Extend {
        session: usize,
        by: u64,
    },
    RevokeGrant {
        grant: u64,
    },
    RevokeSession {
        session: usize,
    },
    RevokeSubject {
        label: usize,
    },
    RevokeAll,
    Limit {
        session: Option<usize>,
        left: Capabilities,
    },
    MakeLocal {
        id: u64,
        token: u64,
        workspace: usize,
    },
    RemoveLocals {
        which: Locals,
    },
    Change {
        what: What,
        workspace: usize,
        label: usize,
        left: Capabilities,
        home: bool,
    },
    Expire,
    Advance {
        millis: u64,
    },
    MarkClock {
        back: u64,
    },
    Report {
        listener: u8,
        sessions: Vec<(u64, u32)>,
        life: u64,
    },
    Record {
        count: usize,
    },
    Trim {
        leave: usize,
    },
}

/// Which local tokens, by the numbers of their ids or of the attempts that made them.
#[derive(Clone, Debug)]
pub(super) enum Locals {
    Id(u64),
    Incarnations(Vec<u64>),
    All,
}

/// What happens to a workspace.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Create,
    Place,
    Delete,
    Admit,
    Expel,
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..3_usize, 1..4_u32, select(vec![1, 30, 100, 600]), any::<bool>()).prop_map(
            |(label, uses, life, code)| Operation::InsertGrant { label, uses, life, code }
        ),
        10 => (0..6_u64, 0..3_u64, 1..4_u8, prop::bool::weighted(0.1), asked()).prop_map(
            |(grant, nonce, counter, greedy, asked)| {
                Operation::Redeem { grant, nonce, counter, greedy, asked }
            }
        ),
        4 => (0..6_usize, 0..2_usize)
            .prop_map(|(session, origin)| Operation::InsertTicket { session, origin }),
        6 => (0..5_u64, 0..2_usize, weighted(0.2, 0..6_usize), any::<bool>(), asked())
            .prop_map(|(ticket, origin, beside, greedy, asked)| {
                Operation::ConsumeTicket { ticket, origin, beside, greedy, asked }
            }),
        2 => (0..6_usize, 0..200_u64)
            .prop_map(|(session, by)| Operation::Extend { session, by }),
        1 => (0..6_u64).prop_map(|grant| Operation::RevokeGrant { grant }),
        1 => (0..6_usize).prop_map(|session| Operation::RevokeSession { session }),
        1 => (0..3_usize).prop_map(|label| Operation::RevokeSubject { label }),
        1 => Just(Operation::RevokeAll),
        2 => (weighted(0.8, 0..6_usize), left())
            .prop_map(|(session, left)| Operation::Limit { session, left }),
        4 => (0..3_u64, 0..12_u64, 0..3_usize)
            .prop_map(|(id, token, workspace)| Operation::MakeLocal { id, token, workspace }),
        1 => prop_oneof![
            (0..3_u64).prop_map(Locals::Id),
            vec(0..12_u64, 0..3).prop_map(Locals::Incarnations),
            Just(Locals::All),
        ]
        .prop_map(|which| Operation::RemoveLocals { which }),
        4 => (what(), 0..3_usize, 0..3_usize, left(), any::<bool>()).prop_map(
            |(what, workspace, label, left, home)| {
                Operation::Change { what, workspace, label, left, home }
            }
        ),
        2 => Just(Operation::Expire),
        4 => select(vec![1, 999, 1000, 10_000, 30_000, 59_999, 60_000, 100_000])
            .prop_map(|millis| Operation::Advance { millis }),
        1 => (0..200_u64).prop_map(|back| Operation::MarkClock { back }),
        1 => (0..3_u8, vec((0..5_u64, any::<u32>()), 0..4), 0..100_u64).prop_map(
            |(listener, sessions, life)| Operation::Report { listener, sessions, life }
        ),
        1 => (0..3_usize).prop_map(|count| Operation::Record { count }),
        1 => (0..3_usize).prop_map(|leave| Operation::Trim { leave }),
    ]
}

fn asked() -> impl Strategy<Value = Option<usize>> {
    weighted(0.3, 0..3_usize)
}

fn left() -> impl Strategy<Value = Capabilities> {
    (0..16_u16).prop_map(|bits| Capabilities::from_bits(bits).expect("capabilities"))
}

fn what() -> impl Strategy<Value = What> {
    let all = [What::Create, What::Place, What::Delete, What::Admit, What::Admit, What::Expel];
    select(all.to_vec())
}
