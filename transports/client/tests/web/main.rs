//! A client of a web server that misbehaves: over HTTP, in TLS and over a WebSocket.

mod in_tls;
mod liveness;
mod lost_answers;
mod whose;
