//! The real binary, as a person or a script runs it.

mod connecting;
mod forwarding;
mod listing;
mod refusals;
mod restart;
mod running;
mod support;
mod tls;
