//! The threat catalog with its requirements, evidence and exports.
//!
//! The rows of the catalog are in `doorward_policy::threat`. This crate puts beside them what
//! stands in the repository: the requirements of `docs/requirements`, the comments in code and
//! tests that cite them, the attacks of `tests/attacks`, the negative controls, and the logs of a
//! run. From these it makes the matrix threat -> requirement -> code -> evidence, and says what is
//! missing in it.
//!
//! It reads files below a root that is handed in, and nothing else: it runs nothing, reads no clock
//! and writes nothing. `docs/auditing.md` is the page for who uses it.

mod citations;
mod controls;
mod embedded;
mod exemptions;
pub mod export;
mod faults;
mod matrix;
mod model;
mod read;
mod requirements;
mod results;
mod search;
mod show;
mod source;
mod verify;

pub use model::{
    Catalog, CatalogError, Citation, Control, Coverage, Exemption, Fault, Item, Kind, Requirement,
    RequirementId, Rule, Runner,
};
pub use results::{Controlled, How, Part, Results};
pub use search::Found;
pub use verify::{Facts, Report};
