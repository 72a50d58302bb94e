//! The operations of a trace: a word and its numbers. `tests/formal/model/TRACE.md` says what each
//! means.

use std::fmt::Write as _;

/// The most numbers of an operation.
pub const MOST_NUMBERS: usize = 16;

/// The numbers of a request: see `request::Facts`.
pub const REQUEST: usize = 15;

macro_rules! kinds {
    ($($kind:ident $word:literal $count:expr,)*) => {
        /// What is done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "TRACE.md says what they mean")]
        pub enum Kind {
            $($kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its word, and how many numbers follow.
            #[must_use]
            pub const fn form(self) -> (&'static str, usize) {
                match self {
                    $(Self::$kind => ($word, $count),)*
                }
            }
        }
    };
}

kinds! {
    Settings "settings" 16,
    Advance "advance" 1,
    Refresh "refresh" 0,
    Sweep "sweep" 0,
    Prune "prune" 0,
    Rotate "rotate" 0,
    Replace "replace" 0,
    PruneKeys "prune-keys" 0,
    Grant "grant" 6,
    RevokeGrant "revoke-grant" 1,
    Revoke "revoke" 2,
    Limit "limit" 3,
    Uses "uses" 1,
    Row "row" 1,
    Create "create" 1,
    Place "place" 1,
    Delete "delete" 1,
    Member "member" 4,
    Expel "expel" 2,
    Request "request" REQUEST,
    Renew "renew" 16,
    Hello "hello" 12,
    Join "join" 2,
    Leave "leave" 1,
    Role "role" 1,
    Write "write" 1,
    Ask "ask" 1,
    Withdraw "withdraw" 1,
    Hand "hand" 2,
    Release "release" 1,
    Pose "pose" 2,
    Retract "retract" 1,
    Answer "answer" 3,
    Tick "tick" 0,
    Room "room" 0,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub kind: Kind,
    numbers: [u64; MOST_NUMBERS],
}

impl Operation {
    /// An operation with the first of `numbers`, as many as its kind takes; what is missing is 0.
    #[must_use]
    pub fn new(kind: Kind, numbers: &[u64]) -> Self {
        let mut all = [0; MOST_NUMBERS];
        for (to, from) in all.iter_mut().zip(numbers).take(kind.form().1) {
            *to = *from;
        }
        Self { kind, numbers: all }
    }

    /// Its numbers.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        &self.numbers[..self.kind.form().1]
    }

    /// Its numbers, and zeros.
    #[must_use]
    pub const fn array(&self) -> &[u64; MOST_NUMBERS] {
        &self.numbers
    }

    /// The operation that a line spells.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let word = words.next()?;
        let kind = Kind::ALL.iter().find(|kind| kind.form().0 == word)?;
        let numbers = words.map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>()?;
        (numbers.len() == kind.form().1).then(|| Self::new(*kind, &numbers))
    }

    /// Appends its line.
    pub fn write(&self, text: &mut String) {
        text.push_str(self.kind.form().0);
        for number in self.numbers() {
            let _ = write!(text, " {number}");
        }
        text.push('\n');
    }
}
