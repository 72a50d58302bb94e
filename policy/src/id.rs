//! Identifiers. None of them is a credential: knowing one proves nothing.

use alloc::string::String;
use core::fmt;

use crate::encoding::{decode_hex, hex};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From 16 random bytes, or from where they were kept.
            #[must_use]
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// From its 32 lower-case hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                decode_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: String = hex(&self.0);
                f.write_str(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id! {
    /// Names a grant in lists and in the audit log. Random, unrelated to the grant's secret.
    GrantId
}
id! {
    /// Names a session; stands inside the token's MAC, and revocation is keyed on it (I8).
    SessionId
}
id! {
    /// Names a question that waits for the answer of a room's owner.
    QuestionId
}
id! {
    /// Joins what a caller was told with its audit record.
    TraceId
}
id! {
    /// Names this installation: bound into every session key, and kept beside the store.
    Issuer
}
