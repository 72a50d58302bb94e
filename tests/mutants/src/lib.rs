//! Runs every mutant of a crate out of one build, and keeps a record of what became of them: README.md.

pub mod accepted;
pub mod cargo;
pub mod list;
pub mod merge;
pub mod record;
pub mod report;
pub mod rewrite;
pub mod run;
pub mod suite;
pub mod tree;

/// What went wrong, for a reader.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;
