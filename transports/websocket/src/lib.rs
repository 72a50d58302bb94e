//! Carries WebSocket traffic for Doorward, once the policy has admitted an upgrade.
//!
//! Nothing is decided here: who may connect was settled before a stream comes this way, and when a
//! connection has to end (revocation, expiry, drain) a future says so. This crate moves bytes
//! within bounds.
//!
//! | | |
//! |---|---|
//! | [`relay`] | a client's stream and the guarded server's, joined. Frames pass unchanged |
//! | [`share`] | one stream of the guarded server's and any number of clients', message by message |
//! | [`echo`] | the server of the built-in console |
//! | [`FrameScanner`] | follows the frames in a stream of bytes and refuses unlawful and too long ones before any of their payload is held. No I/O |
//! | [`Frugal`], [`shrink`] | below a tungstenite WebSocket: reads end where frames end, so that buffers that have grown can be given back |
//! | [`accept_key`], [`switching_headers`] | what the 101 says |
//!
//! # Bounds
//!
//! [`Limits`] says how long messages may be and how long a goodbye may take. Lengths are checked as
//! soon as a header says them, before anything is allocated. A relay holds no buffer while a
//! connection is idle and at most 128 KiB a direction while a receiver is slow; an echo holds one
//! message and its answer, and gives their memory back.
//!
//! # Close codes
//!
//! Those of the two ends pass through a relay unchanged. This crate's own are 1002 (protocol), 1007
//! (not UTF-8), 1009 (too big), 1001 to a server whose client is gone, 1011 to a client whose
//! server misbehaved, and whatever the [`CloseReason`] says that ends a connection.
//!
//! # Example
//!
//! ```
//! use std::future::pending;
//!
//! use doorward_websocket::{Limits, Opened, relay};
//! # async fn example(client: tokio::net::TcpStream, server: tokio::net::TcpStream) {
//! // Both have finished their upgrade.
//! let summary = relay(Opened::new(client), Opened::new(server), Limits::default(), pending()).await;
//! println!("{} bytes from the client, {:?}", summary.from_client, summary.end);
//! # }
//! ```

mod echo;
mod ending;
mod frames;
mod frugal;
mod handshake;
mod opened;
mod parting;
mod pump;
mod relay;
mod shared;

pub use echo::echo;
pub use ending::{CloseReason, End, Limits, Summary};
pub use frames::{Close, FrameScanner, Peer, Violation};
pub use frugal::{Frugal, shrink};
pub use handshake::{VERSION, accept_key, switching_headers};
pub use opened::Opened;
pub use relay::relay;
pub use shared::{Permission, Seat, Shared, SharedLimits, share};
