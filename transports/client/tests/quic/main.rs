//! A client of a QUIC server that does as a test says: what is said to whom, and what follows from
//! each answer.

#[path = "../common/desk.rs"]
mod desk;
mod greeting;
mod keeping;
mod support;
