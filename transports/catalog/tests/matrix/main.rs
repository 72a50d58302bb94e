//! Every kind of fault is seen, on a made-up repository in which one thing at a time is wrong.

mod faults;
mod results;
mod tree;
mod verify;
