//! Mutants that may survive, since no test can catch them, or should: tests/mutants/accepted.toml, each with the reason.

use std::path::Path;

use serde::Deserialize;

use crate::Problem;
use crate::list::Mutant;

/// A mutant that may survive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Its file.
    pub file: String,
    /// Its function.
    pub function: String,
    /// What it changes, as the report says it.
    pub mutation: String,
    /// Why no test could tell it from the original.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accepted: Vec<Accepted>,
}

impl Accepted {
    /// Whether it is about this mutant.
    #[must_use]
    pub fn is_of(&self, mutant: &Mutant) -> bool {
        self.file == mutant.file
            && self.function == mutant.function
            && self.mutation == mutant.mutation
    }
}

/// What is accepted.
///
/// # Errors
///
/// When the file is not as it must be, a reason is missing, or a mutant is named twice.
pub fn read(root: &Path) -> Result<Vec<Accepted>, Problem> {
    parse(&std::fs::read_to_string(root.join("tests/mutants/accepted.toml"))?)
}

/// What a file accepts.
///
/// # Errors
///
/// As [`read`].
pub fn parse(text: &str) -> Result<Vec<Accepted>, Problem> {
    let File { accepted } = toml::from_str(text)?;
    for Accepted { file, function, mutation, reason } in &accepted {
        if reason.trim().len() < 20 {
            return Err(
                format!("accepted.toml: no reason for {file}: {mutation} in {function}").into()
            );
        }
    }
    for (index, one) in accepted.iter().enumerate() {
        let Accepted { file, function, mutation, .. } = one;
        let same = |other: &Accepted| {
            (&other.file, &other.function, &other.mutation) == (file, function, mutation)
        };
        if accepted.iter().skip(index + 1).any(same) {
            return Err(format!("accepted.toml: twice {file}: {mutation} in {function}").into());
        }
    }
    Ok(accepted)
}
