//! Traces: operations that the policy and the proved model both carry out, and what each says to
//! them.
//!
//! The model is written in Coq (`tests/formal/model`), its theorems are about it, and the oracle is
//! what Coq extracts from it. That the theorems say something of the policy is what is looked at
//! here: both get the same operations, and every line of outcome has to be the same. The policy's
//! side is the real one throughout, with real heads, hellos, tokens and records ([`policy`]).

pub mod compare;
mod decode;
pub mod operation;
pub mod oracle;
pub mod outcome;
pub mod paths;
pub mod policy;
pub mod request;
pub mod saved;
pub mod shrink;
pub mod small;
pub mod source;

pub use operation::{Kind, Operation};

/// Settings, and what happens under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Of kind [`Kind::Settings`].
    pub settings: Operation,
    /// Of the other kinds.
    pub operations: Vec<Operation>,
}

impl Trace {
    /// The trace that some bytes mean; there are none that mean nothing.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        decode::decode(bytes)
    }

    /// The trace that lines spell, the settings first.
    ///
    /// # Errors
    /// The first line that is none of a trace.
    pub fn parse<L: AsRef<str>>(lines: &[L]) -> Result<Self, String> {
        let mut operations = lines.iter().map(|line| {
            Operation::parse(line.as_ref())
                .ok_or_else(|| format!("no operation: {}", line.as_ref()))
        });
        let settings = operations.next().ok_or("an empty trace")??;
        let operations = operations.collect::<Result<Vec<_>, _>>()?;
        let misplaced = operations.iter().any(|one| one.kind == Kind::Settings);
        if settings.kind != Kind::Settings || misplaced {
            return Err("settings come first, and once".to_owned());
        }
        Ok(Self { settings, operations })
    }

    /// Its lines, without an end.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut text = String::new();
        self.settings.write(&mut text);
        self.operations.iter().for_each(|operation| operation.write(&mut text));
        text.lines().map(String::from).collect()
    }

    /// Appends all its lines, and the one that ends it.
    pub fn write(&self, text: &mut String) {
        self.settings.write(text);
        self.operations.iter().for_each(|operation| operation.write(text));
        text.push_str("end\n");
    }
}
