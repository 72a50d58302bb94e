//! Starting the binary with an empty home and an empty environment, and waiting for what it says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Fails, instead of hanging, what must happen and doesn't.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A person's empty home.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path(".local/state/doorward")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).env_clear().env("HOME", self.dir.path());
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).spawn().expect("started"))
    }

    /// Runs a command to its end, with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("started");
        let written = child.stdin.take().expect("piped").write_all(input.as_bytes());
        // A command that refuses does so without reading.
        drop(written);
        Ran::of(child)
    }

    /// Starts `serve` on a free port.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--ready-json"]);
        Serving::of(command.args(arguments).spawn().expect("started"))
    }

    /// Starts `serve` on ports that it can be started on again: one for HTTP, one for QUIC.
    pub(crate) fn serve_on(&self, [http, quic]: [u16; 2], arguments: &[&str]) -> Serving {
        let (http, quic) = (format!("127.0.0.1:{http}"), format!("127.0.0.1:{quic}"));
        let mut command = self.command(&["serve", "--listen", &http, "--quic", &quic]);
        Serving::of(command.arg("--ready-json").args(arguments).spawn().expect("started"))
    }
}

/// A free port that nobody is given who asks for any: it is still free when a listener that was
/// killed is started again, however many clients have tried to connect meanwhile.
pub(crate) fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other processes look for ports in the same way, and begin elsewhere.
    let first = u16::try_from(std::process::id() % 2000).expect("small").saturating_mul(10);
    let candidates = (0..2000)
        .map(|_| 10_000 + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let free = |port: &u16| {
        let address = ("127.0.0.1", *port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    candidates.into_iter().find(free).expect("a free port")
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(child: Child) -> Self {
        let pid = Pid::from_child(&child);
        let output: Output = within("the end of a command", Some(pid), move || {
            child.wait_with_output().expect("waited")
        });
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self {
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Its output, if it did what it was asked for.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Its output as JSON.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }

    /// The one sentence that it refused with.
    #[track_caller]
    pub(crate) fn refused(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let said: Vec<_> =
            self.stderr.lines().filter(|line| line.starts_with("doorward: ")).collect();
        assert_eq!(said.len(), 1, "{}", self.stderr);
        said[0].to_owned()
    }
}

/// A running `serve`, killed when dropped.
pub(crate) struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) ready: Value,
}

impl Serving {
    pub(crate) fn of(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let pid = Pid::from_child(&child);
        let (line, stdout) = within("the ready line", Some(pid), move || {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("read");
            (line, stdout)
        });
        if line.is_empty() {
            let mut stderr = String::new();
            if let Some(mut log) = child.stderr.take() {
                log.read_to_string(&mut stderr).expect("read");
            }
            panic!("serve did not start: {stderr}");
        }
        let ready = serde_json::from_str(&line).expect("JSON");
        Self { child, stdout, ready }
    }

    pub(crate) fn http(&self) -> &str {
        self.ready["http"].as_str().expect("text")
    }

    pub(crate) fn authority(&self) -> &str {
        self.http().split_once("://").expect("a URL").1
    }

    pub(crate) fn link(&self) -> &str {
        self.ready["pairing_url"].as_str().expect("text")
    }

    /// How many threads it has now.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("listed").count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signalled");
    }

    /// Tells it to stop and waits: its status, the rest of its standard output, its log.
    pub(crate) fn stop(self) -> Ran {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ran {
        let pid = Pid::from_child(&self.child);
        let mut stderr = self.child.stderr.take().expect("piped");
        within("the end of serve", Some(pid), move || {
            let (mut out, mut log) = (String::new(), String::new());
            self.stdout.read_to_string(&mut out).expect("read");
            stderr.read_to_string(&mut log).expect("read");
            let status = self.child.wait().expect("waited").code();
            Ran { status, stdout: out, stderr: log }
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _result = self.child.kill();
        let _result = self.child.wait();
    }
}

/// Waits in another thread for something that may hang; kills the process that it hangs on.
pub(crate) fn within<T: Send + 'static>(
    what: &str,
    pid: Option<Pid>,
    wait: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(wait()));
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        if let Some(pid) = pid {
            let _result = kill_process(pid, Signal::KILL);
        }
        panic!("{what} did not come")
    })
}
