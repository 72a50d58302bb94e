//! The process that a token is for, as Linux tells of it.

use std::fs;

use doorward_gate::{Processes as _, SystemProcesses};
use doorward_policy::subject::Subject;

use crate::failure::{Failure, Outcome};

/// A process, told from any later one with the same id.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) started: u64,
    pub(super) directory: String,
    pub(super) name: Subject,
}

impl Process {
    /// The running process of this id, which has to be one that its caller may look into.
    pub(super) fn find(pid: u32) -> Outcome<Self> {
        if cfg!(not(target_os = "linux")) {
            return Err(Failure::failed(
                "local tokens go by /proc, which tells one process from the next of its id: they \
                 are for Linux alone",
            ));
        }
        let started = SystemProcesses.started(pid).map_err(Failure::failed)?;
        let started =
            started.ok_or_else(|| Failure::failed(format!("no process has the id {pid}")))?;
        let directory = fs::read_link(format!("/proc/{pid}/cwd")).map_err(|error| {
            Failure::failed(format!(
                "can't tell where process {pid} works ({error}): a token is for a process of yours"
            ))
        })?;
        let directory = directory.to_string_lossy().into_owned();
        Ok(Self { pid, started, directory, name: program(pid) })
    }
}

/// What a process's program is called.
fn program(pid: u32) -> Subject {
    let told = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    label(&told)
}

/// A name for lists, out of one that programs may choose at will.
pub(super) fn label(told: &str) -> Subject {
    let plain: String = told.chars().filter(|each| !each.is_control()).collect();
    let fallback = || Subject::new("process").unwrap_or_else(|| unreachable!("a fit name"));
    Subject::new(plain.trim()).unwrap_or_else(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_is_made_fit() {
        assert_eq!(label("agent\n").as_str(), "agent");
        assert_eq!(label("\u{1b}[2J").as_str(), "[2J");
        assert_eq!(label("\n").as_str(), "process");
        assert_eq!(label(&"x".repeat(65)).as_str(), "process");
    }
}
