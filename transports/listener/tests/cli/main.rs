//! The real binary, as a person or a script runs it.

mod connecting;
mod listing;
mod refusals;
mod running;
mod support;
mod tls;
