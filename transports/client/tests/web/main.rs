//! A client of a web server that misbehaves: over HTTP, in TLS and over a WebSocket.

#[path = "../common/desk.rs"]
mod desk;
mod ending;
mod in_tls;
mod liveness;
mod lost_answers;
mod support;
mod whose;
