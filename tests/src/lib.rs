//! The bodies of the fuzz targets, as ordinary functions: `fuzz/` calls them with what libFuzzer
//! makes up, `replay.rs` with what is in the corpora.

pub mod fuzz;
