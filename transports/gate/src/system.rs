//! The operating system's clocks and generator: the one place where time and randomness enter.

#![allow(clippy::disallowed_methods)]

use std::io::{self, ErrorKind};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use std::{fmt, fs};

use rustix::time::{ClockId, clock_gettime};

use crate::clock::{Reading, Readings};

/// Where secrets come from. A failing generator is an error, never a fallback (I19, I20).
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` from a cryptographically secure generator.
    ///
    /// # Errors
    /// If it can't; the content of `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The generator has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator has failed")
    }
}

impl std::error::Error for EntropyError {}

/// Which processes there are on this machine.
pub trait Processes: fmt::Debug + Send + Sync + 'static {
    /// What tells a process from every other that ever had its id on this machine; `None` if there
    /// is none of this id, or it has ended and only waits to be reaped.
    ///
    /// # Errors
    /// If it can't be told.
    fn started(&self, pid: u32) -> Result<Option<u64>, ProcessError>;
}

/// It can't be told whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessError;

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/proc can't be read, which tells whether a process is there")
    }
}

impl std::error::Error for ProcessError {}

/// `N` random bytes.
///
/// # Errors
/// If the generator fails.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    //= req: ENTROPY-2
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        //= req: ENTROPY-1
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemReadings;

impl Readings for SystemReadings {
    fn read(&self) -> Reading {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        Reading { wall, boot: since_boot() }
    }
}

fn since_boot() -> Duration {
    let read = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(read.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(read.tv_nsec).unwrap_or(0))
}

/// The processes of this machine, as its `/proc` shows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn started(&self, pid: u32) -> Result<Option<u64>, ProcessError> {
        let boot = boot()?;
        let stat = fs::read(format!("/proc/{pid}/stat"));
        mark(boot, stat, || fs::exists("/proc/self/stat").is_ok_and(|is| is))
    }
}

/// What a look at a process's `stat` says of it, where `sees_itself` tells whether this one's is
/// there.
fn mark(
    boot: u64,
    stat: io::Result<Vec<u8>>,
    sees_itself: impl FnOnce() -> bool,
) -> Result<Option<u64>, ProcessError> {
    match stat {
        Ok(stat) => match parse_stat(&stat) {
            Some(Stat { ended: true, .. }) => Ok(None),
            Some(Stat { ticks, .. }) => Ok(Some(boot | ticks)),
            None => Err(ProcessError),
        },
        // Where this one is not to be seen, none is.
        Err(error) if is_absence(&error) && sees_itself() => Ok(None),
        Err(_) => Err(ProcessError),
    }
}

/// What marks this start of the machine.
fn boot() -> Result<u64, ProcessError> {
    static KNOWN: OnceLock<u64> = OnceLock::new();
    if let Some(boot) = KNOWN.get() {
        return Ok(*boot);
    }
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(|_| ProcessError)?;
    let boot = parse_boot(&text).ok_or(ProcessError)?;
    Ok(*KNOWN.get_or_init(|| boot))
}

/// A process that ends between opening and reading is ESRCH.
fn is_absence(error: &io::Error) -> bool {
    const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// For how many clock ticks after the machine was started there is room: 348 years.
const TICK_BITS: u32 = 40;

//= req: FAIL-7
/// 23 bits of what names this start of the machine, above those of the ticks: a process id and the
/// ticks of an early process may well be the same after another start.
fn parse_boot(text: &str) -> Option<u64> {
    let digits = text.get(..6)?;
    let boot = u64::from_str_radix(digits, 16).ok()?;
    Some((boot >> 1) << TICK_BITS)
}

struct Stat {
    ended: bool,
    ticks: u64,
}

/// The state and the start of a process (proc_pid_stat(5), fields 3 and 22).
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    // The second field is the program's name, in parentheses, and may hold any byte.
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_ends.checked_add(1)?..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    //= req: FAIL-7
    let ended = matches!(fields.next()?, "Z" | "X" | "x");
    let ticks = fields.nth(18)?.parse().ok().filter(|ticks| *ticks < 1 << TICK_BITS)?;
    Some(Stat { ended, ticks })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn time_since_the_start_of_the_machine_passes() {
        let (one, two) = (since_boot(), since_boot());
        assert!(Duration::ZERO < one && one <= two, "{one:?}, {two:?}");
    }

    //= req: FAIL-7, type=test
    #[test]
    fn a_name_of_parentheses_and_numbers_hides_no_field() {
        let after = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 77 20";
        for name in ["a", "a) Z 1 2 3", ") (", "\u{fc}", "\n"] {
            let stat = parse_stat(format!("42 ({name}) {after}\n").as_bytes()).expect("it is one");
            assert!(!stat.ended, "{name:?}");
            assert_eq!(stat.ticks, 77, "{name:?}");
        }
        assert!(parse_stat(b"42 (a").is_none());
        assert!(parse_stat(b"42 (a) S 1 2 3").is_none());
    }

    #[test]
    fn more_ticks_than_a_mark_has_room_for_are_none() {
        let ticks = |ticks: u64| {
            let stat = format!("42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {ticks} 20");
            parse_stat(stat.as_bytes()).map(|stat| stat.ticks)
        };
        assert_eq!(ticks((1 << TICK_BITS) - 1), Some((1 << TICK_BITS) - 1));
        assert_eq!(ticks(1 << TICK_BITS), None);
    }

    #[test]
    fn a_mark_holds_the_start_of_the_machine_and_that_of_the_process() {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("an id");
        let machine = parse_boot(&id).expect("an id");
        assert_eq!(boot(), Ok(machine));
        let stat =
            parse_stat(&fs::read("/proc/self/stat").expect("this process")).expect("it is one");
        let started = SystemProcesses.started(std::process::id()).expect("it can be told");
        let halves = |mark: u64| (mark >> TICK_BITS << TICK_BITS, mark % (1 << TICK_BITS));
        assert_eq!(started.map(halves), Some((machine, stat.ticks)));
    }

    #[test]
    fn a_process_has_ended_only_if_it_is_missing_where_another_is_to_be_seen() {
        for (error, sees_itself, expected) in [
            (Errno::NOENT, true, Ok(None)),
            (Errno::SRCH, true, Ok(None)),
            (Errno::NOENT, false, Err(ProcessError)),
            (Errno::SRCH, false, Err(ProcessError)),
            (Errno::ACCESS, true, Err(ProcessError)),
            (Errno::MFILE, true, Err(ProcessError)),
        ] {
            let found = mark(0, Err(error.into()), || sees_itself);
            assert_eq!(found, expected, "{error}, {sees_itself}");
        }
        assert_eq!(mark(0, Ok(b"42 (a".to_vec()), || true), Err(ProcessError));
    }

    #[test]
    fn this_process_is_there_and_stays_the_same() {
        let own = std::process::id();
        let started = SystemProcesses.started(own).expect("it can be told");
        assert!(started.is_some_and(|mark| mark < 1 << 63), "a database keeps it as a number");
        assert_eq!(SystemProcesses.started(own), Ok(started));
    }

    //= req: FAIL-7, type=test
    #[test]
    fn a_child_is_another_and_is_gone_when_it_has_ended_reaped_or_not() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("a child");
        let pid = child.id();
        let started = SystemProcesses.started(pid).expect("it can be told");
        assert!(started.is_some());
        child.kill().expect("killed");
        // Waits for its end, and leaves it to be reaped.
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::waitid(rustix::process::WaitId::Pid(id), ended).expect("it has ended");
        assert_eq!(SystemProcesses.started(pid), Ok(None));
        child.wait().expect("reaped");
        assert_eq!(SystemProcesses.started(pid), Ok(None));
    }

    //= req: FAIL-7, type=test
    #[test]
    fn another_start_of_the_machine_makes_another_process_of_the_same_id() {
        let one = parse_boot("0b6c8a3e-4f0e-4a44-9d7e-0c6bb6a3d2f1\n").expect("an id");
        let other = parse_boot("1b6c8a3e-4f0e-4a44-9d7e-0c6bb6a3d2f1\n").expect("an id");
        assert_ne!(one, other);
        assert!(parse_boot("").is_none());
    }
}
