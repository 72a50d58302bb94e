//! Placeholder of its owner.
fn main() {}
