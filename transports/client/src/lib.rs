//! A client of a server that Doorward guards: it pairs once, keeps its session, and connects.
//!
//! [`Credential::parse`] takes what a person was given, [`pair`] redeems it, [`SavedSessions`]
//! keeps what that bought, [`connect`] opens a WebSocket with it and [`renew`] keeps it alive. A
//! [`Session`] knows its server, and its token is sent to no other (I12).
//!
//! Time and entropy are arguments, as in the policy. Plain http reaches this machine alone: a
//! token would cross a network readable.

mod api;
mod connection;
mod error;
mod pairing;
mod saved;
mod server;
mod session;

pub use connection::{Closed, Connection, Received, connect};
pub use error::{ClientError, Refused};
pub use pairing::{Credential, pair};
pub use saved::{SavedError, SavedSessions};
pub use server::{Server, Target, UrlError};
pub use session::{Session, renew};
