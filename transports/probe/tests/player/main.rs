//! The player against servers of a few lines, of which it is known what they do.

mod format;
mod quic;
mod runs;
mod secrets;
mod server;
mod tls;
mod verdicts;
