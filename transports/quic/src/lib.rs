//! Doorward over QUIC (RFC 9000): a hello on a connection's first stream, then streams of bytes to
//! what is guarded. `docs/quic-hello.md` is the specification.
//!
//! [`Listener::serve`] carries the connections of one UDP socket. It reads a hello, asks the
//! [`Gate`](doorward_gate::Gate), and does what the gate says; it takes no decision of its own.
//! Until a connection is admitted it has one stream and a few kilobytes, and 5 seconds to its hello;
//! as long again to take the answer.

mod answer;
mod behind;
mod config;
mod connection;
mod echo;
mod forward;
mod hello;
mod ids;
mod listener;
mod notice;
mod room;
mod upstream;

pub use listener::{BindError, Limits, Listener, ListenerParts};
pub use upstream::{Upstream, UpstreamError};
