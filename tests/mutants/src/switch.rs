// In a copy of the crate alone: which mutant is on. No part of the crate itself.
extern crate std;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::io::Write as _;

const UNKNOWN: u32 = u32::MAX;
const RECORDING: u32 = u32::MAX - 1;
const MOST: usize = 1 << 14;

static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);
static REACHED: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

/// Whether mutant `id` is on. While something is computed by the compiler, none is.
pub(crate) const fn on(id: u32) -> bool {
    core::intrinsics::const_eval_select((id,), never, asked)
}

const fn never(_: u32) -> bool {
    false
}

fn asked(id: u32) -> bool {
    match CHOSEN.load(Relaxed) {
        UNKNOWN => {
            CHOSEN.store(choice(), Relaxed);
            asked(id)
        }
        RECORDING => {
            reached(id);
            false
        }
        chosen => chosen == id,
    }
}

fn choice() -> u32 {
    if std::env::var_os("DOORWARD_MUTANTS_REACHED").is_some() {
        return RECORDING;
    }
    std::env::var("DOORWARD_MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

// A line for each, at once: a test process may end in any way.
fn reached(id: u32) {
    if REACHED[id as usize].swap(true, Relaxed) {
        return;
    }
    let Some(path) = std::env::var_os("DOORWARD_MUTANTS_REACHED") else { return };
    let file = std::fs::File::options().create(true).append(true).open(path);
    let line = std::format!("{id}\n");
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a line for what was reached");
}
