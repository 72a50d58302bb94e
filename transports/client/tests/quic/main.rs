//! A client of a QUIC server that does as a test says: what is said to whom, and what follows from
//! each answer.

mod greeting;
mod keeping;
mod support;
