//! Doorward's decisions: who may open a connection to a server that drives something valuable.
//!
//! # Driving contract
//!
//! This crate performs no I/O, reads no clock and owns no source of randomness. The caller
//!
//! 1. passes `now` ([`Timestamp`], milliseconds since 1970 UTC) and entropy (`[u8; N]`) in;
//! 2. gets a step back that owns all that is needed to go on: [`Decision`];
//! 3. performs what the step asks for (read a body, consume a digest in a store) and resumes it.
//!
//! Same inputs, same outputs. A function mutates only what it was handed. Nothing depends on the
//! order of a hash table. **Denial is the default**: an [`Admitted`] has no public constructor and
//! exists only where every check left its proof.
//!
//! A panic in this crate is a bug in Doorward, never bad input.
//!
//! # Where to read on
//!
//! [`admission`] holds the decision and its order; [`denial`] every reason to refuse; [`threat`]
//! the catalog that each reason points into; [`token`] the session token; [`grant`] the single-use
//! bearer secret that buys a session.
#![no_std]

extern crate alloc;

pub mod admission;
mod byte_set;
pub mod capability;
pub mod caps;
pub mod cookie;
pub mod credential;
pub mod deadline;
pub mod denial;
pub mod encoding;
pub mod forwarding;
pub mod grant;
pub mod head;
pub mod hello;
pub mod host;
pub mod id;
pub mod keys;
pub mod ledger;
pub mod limiter;
pub mod link;
pub mod local;
mod mac;
pub mod notice;
pub mod origin;
pub mod request;
pub mod room;
pub mod route;
pub mod secret;
pub mod session;
pub mod settings;
pub mod standing;
pub mod subject;
pub mod tenure;
pub mod threat;
pub mod ticket;
pub mod time;
pub mod token;
pub mod workspace;

pub use admission::{Admitted, Decision, Denied, Guard};
pub use capability::Capabilities;
pub use denial::Denial;
pub use settings::Settings;
pub use time::Timestamp;
