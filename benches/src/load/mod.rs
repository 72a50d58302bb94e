//! Whole processes under load: Doorward's listener and its peers, each a process of its own whose CPU time the
//! operating system tells, and a client of real sockets whose own work is not counted.

pub mod client;
pub mod handshake;
pub mod listener;
pub mod peers;
pub mod proxy;

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What may go wrong while measuring: anything, and then there is no figure.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// If there is none.
    pub fn start(command: &mut Command) -> Outcome<Self> {
        Ok(Self(command.stderr(Stdio::null()).stdin(Stdio::null()).spawn()?))
    }

    /// Starts a program that says on one line of JSON when it is ready, and what it is reached by.
    ///
    /// # Errors
    /// If it doesn't.
    pub fn start_ready(command: &mut Command) -> Outcome<(Self, serde_json::Value)> {
        let mut process = Self::start(command.stdout(Stdio::piped()))?;
        let output = process.0.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok((process, serde_json::from_str(&line)?))
    }

    /// The nanoseconds of CPU that its threads have used.
    ///
    /// # Errors
    /// If the operating system doesn't tell.
    pub fn cpu(&self) -> Outcome<f64> {
        let mut sum = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            // A thread may end while they are counted.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            sum += text.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(sum)
    }

    /// Its resident memory, in KiB.
    ///
    /// # Errors
    /// If the operating system doesn't tell.
    pub fn resident(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no VmRSS")?.parse()?)
    }
}

/// A directory that is gone with this value.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// One of that name, of this process alone.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("doorward-{name}-{}", std::process::id())))
    }

    /// Where it is.
    #[must_use]
    pub const fn path(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}
