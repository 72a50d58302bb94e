//! What the crate does, as its peers see it.

mod activity;
mod echo;
mod frugal;
mod goodbye;
mod relay;
mod scanner;
mod shared;
mod support;
mod tcp;
mod turns;
