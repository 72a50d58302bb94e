//! The real binary, as a person or a script runs it.

mod administering;
mod catalog;
mod connecting;
mod door;
mod forwarding;
mod listing;
mod locals;
mod probing;
mod refusals;
mod restart;
mod running;
mod sharing;
mod support;
mod tls;
mod workspaces;
