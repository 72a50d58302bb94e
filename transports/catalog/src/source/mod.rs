//! What stands in source files: comments, functions, tests.

pub(crate) mod lexer;
pub(crate) mod place;
pub(crate) mod rust;
pub(crate) mod script;
pub(crate) mod tree;
pub(crate) mod walk;
