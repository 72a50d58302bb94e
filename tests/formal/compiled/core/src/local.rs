//! Local tokens: whether one holds.

use alloc::string::String;

use doorward_policy::Capabilities;
use doorward_policy::local::{Liveness, LocalRecord, LocalRefusal, LocalRequest, verify};
use doorward_policy::workspace::WorkspaceName;

use crate::NOTHING;
use crate::capability::set;
use crate::session::{SESSION, subject};
use crate::time::at;

fn request(capabilities: Capabilities) -> LocalRequest {
    LocalRequest {
        id: SESSION,
        name: subject(),
        workspace: WorkspaceName::main(),
        capabilities,
        pid: 1,
        started: 1,
        directory: String::new(),
    }
}

/// The capabilities of a token made by an issuer with these.
#[unsafe(no_mangle)]
extern "C" fn local_issue(capabilities: u32, issuer: u32) -> u32 {
    let Some((wanted, issuer)) = set(capabilities).zip(set(issuer)) else { return NOTHING };
    let record = LocalRecord::issue(&request(wanted), issuer, [5; 16], at(0));
    record.map_or(NOTHING, |record| record.capabilities.bits().into())
}

/// 0 for a token that holds; 1 unknown, 2 expired, 3 its process is gone, 4 that can't be told.
#[unsafe(no_mangle)]
extern "C" fn local_verify(there: u32, made_at: u64, liveness: u32, now: u64) -> u32 {
    let record = LocalRecord::issue(
        &request(Capabilities::OBSERVE),
        Capabilities::OBSERVE,
        [5; 16],
        at(made_at),
    );
    let record = record.ok().filter(|_| there != 0);
    let liveness = match liveness {
        0 => Liveness::Alive,
        1 => Liveness::Dead,
        _ => Liveness::Unknown,
    };
    match verify(record.as_ref(), liveness, at(now)) {
        Ok(_) => 0,
        Err(LocalRefusal::Unknown) => 1,
        Err(LocalRefusal::Expired) => 2,
        Err(LocalRefusal::Dead) => 3,
        Err(LocalRefusal::Unclear) => 4,
    }
}
