//! Doorward over real sockets: the adapters, the gate and a store, with a clock that the test
//! turns. What third-party clients do stands in `tests/clients`.

mod admin;
mod bad;
mod behind;
mod both;
#[allow(dead_code, reason = "shared with the attacks, which kill and restart it")]
mod door;
mod failing;
mod greeting;
mod handshakes;
mod hostile;
mod incidents;
mod lifecycle;
mod limits;
mod many;
mod notices;
mod pages;
mod proxying;
mod quic;
mod rooms;
mod sharing;
mod slow;
mod streams;
mod switching;
mod workspaces;
