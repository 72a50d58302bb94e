//! A client of a server that Doorward guards: it pairs once, keeps its session, and connects.
//!
//! [`Credential::parse`] takes what a person was given, [`Client::pair`] redeems it,
//! [`SavedSessions`] keeps what that bought, [`Client::connect`] opens a WebSocket with it,
//! [`Client::tunnel`] a QUIC connection, and [`Client::renew`] keeps it alive. [`Link`] does all of
//! that again whenever a connection is lost. A [`Session`] knows
//! its server, and its token is sent to no other (I12): the server proves that it is the one meant
//! by the certificate that the link pins or by its name, before it hears anything.
//!
//! Time and entropy are arguments, as in the policy. Plain http reaches this machine alone: a
//! token would cross a network readable.

mod api;
mod backoff;
mod client;
mod connection;
mod ending;
mod error;
mod link;
mod pairing;
mod plain;
mod quic;
mod saved;
mod server;
mod session;
mod tls;
mod tunnel;

pub use client::Client;
pub use connection::{Closed, Connection, Received};
pub use error::{ClientError, Refused};
pub use link::{Link, LinkState, Surroundings};
pub use pairing::{Credential, Misdirected};
pub use saved::{SavedError, SavedSessions};
pub use server::{Identity, Server, Target, Transport, UrlError};
pub use session::Session;
pub use tls::{CertificateFault, Trust, TrustError};
pub use tunnel::{Stream, Tunnel};
