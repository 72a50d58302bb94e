//! What a session may do.

use alloc::string::String;
use core::fmt;

/// A set of capabilities. An unknown bit can't be held.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u16);

const NAMES: [(Capabilities, &str); 4] = [
    (Capabilities::OBSERVE, "observe"),
    (Capabilities::OPERATE, "operate"),
    (Capabilities::SPAWN, "spawn"),
    (Capabilities::ADMINISTER, "administer"),
];

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// See what the guarded server shows.
    pub const OBSERVE: Self = Self(1);
    /// Drive the guarded server.
    pub const OPERATE: Self = Self(2);
    /// Start something new on it.
    pub const SPAWN: Self = Self(4);
    /// Issue and revoke.
    pub const ADMINISTER: Self = Self(8);
    /// Every capability there is.
    pub const ALL: Self = Self(15);
    /// What a start-up grant carries.
    pub const START_UP: Self = Self(3);

    /// From the two bytes of a token record; `None` where a bit is unknown.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// The bits, as a token record spells them.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `needed` are held.
    #[must_use]
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// What both hold.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either holds.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What `self` holds and `other` lacks.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether none is held.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of those held, in the order of their bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| name)
    }

    /// Parses a list such as `observe,operate`.
    ///
    /// # Errors
    /// The first word that names no capability; an empty list gives an empty word.
    pub fn parse(list: &str) -> Result<Self, &str> {
        list.split(',').map(str::trim).try_fold(Self::NONE, |held, word| {
            let known = NAMES.into_iter().find(|(_, name)| *name == word);
            known.map(|(one, _)| held.with(one)).ok_or(word)
        })
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = String::new();
        for name in self.names() {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(name);
        }
        f.write_str(&list)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}
