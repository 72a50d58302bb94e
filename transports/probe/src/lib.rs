//! Plays attacks that are written as data against a server, and says what it holds.
//!
//! An [`Attack`] is a file of `tests/attacks`; [`corpus`] holds those that this crate was built
//! with. [`play`] takes its steps against a [`Target`] over one transport and says whether the
//! server held. It sends exactly the bytes that a file says, so that no library between the file
//! and the wire mends what has to be broken.

mod attack;
mod baseline;
mod check;
mod corpus;
mod exchange;
mod fetch;
mod pace;
mod pipe;
mod place;
mod play;
mod product;
mod profile;
mod report;
mod run;
mod target;
mod template;
mod variables;

pub use attack::{
    Ask, Attack, AttackError, Expect, Hello, Outcome, Packets, Part, Send, Space, Step, Transport,
};
pub use check::duration;
pub use corpus::{Corpus, SOURCES, corpus, corpus_at};
pub use exchange::{Exchange, SHOWN, Shown};
pub use fetch::{Fetch, Reply};
pub use pace::Pace;
pub use place::{Place, PlaceError};
pub use play::{Played, Verdict, play};
pub use product::{Product, ProductError};
pub use profile::{Found, Profile, SignIn};
pub use report::{Header, OfThreat, Report, Standing};
pub use run::{Answer, Consent, Door, Manner, Selection, run};
pub use target::{Audited, HttpAddress, NotOffered, Pending, QuicAddress, Recorded, Target};
pub use variables::Variables;
