//! What an idle admitted connection costs in memory: a WebSocket of `doorward serve`, or, with `quic`
//! as the first argument, a QUIC connection of Doorward's adapter and one of a bare quinn. Prints
//! one line.
//!
//! Takes the number of connections (10,000 unless given). The listener is `$DOORWARD_BIN`, or the
//! `doorward` beside this program; it runs in a process of its own, with a state directory that is
//! removed afterwards. The two over QUIC are this program again.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use rustix::process::{Resource, getrlimit, setrlimit};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut arguments: VecDeque<String> = env::args().skip(1).collect();
    let over_quic = arguments.front().is_some_and(|first| first == "quic");
    if over_quic {
        arguments.pop_front();
    }
    if let Some(name) = arguments.front().and_then(|first| first.strip_prefix("--serve=")) {
        return over_quic::serve(name);
    }
    let wanted = arguments.front().map_or(Ok(10_000), |number| number.parse::<u64>())?;
    if over_quic {
        return over_quic::compare(wanted);
    }
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    if limit.maximum.is_some_and(|most| most < wanted + 100) {
        return Err(format!("{wanted} connections need a higher limit on open files").into());
    }
    let state = env::temp_dir().join(format!("doorward-idle-{}", std::process::id()));
    let measured = Listener::start(&state).and_then(|listener| measure(&listener, wanted));
    _ = fs::remove_dir_all(&state);
    let (before, after) = measured?;
    let each = (after - before) as f64 / wanted as f64;
    println!(
        "{wanted} idle admitted WebSockets: {each:.2} KiB each (VmRSS {before} to {after} KiB)"
    );
    Ok(())
}

/// VmRSS in KiB without, and with, so many idle connections.
fn measure(listener: &Listener, wanted: u64) -> Outcome<(u64, u64)> {
    let head = listener.handshake();
    // What the first connections make the process load is not theirs alone.
    let first: Vec<TcpStream> = (0..50).map(|_| listener.open(&head)).collect::<Outcome<_>>()?;
    settle();
    let before = listener.resident()?;
    let open: Vec<TcpStream> = (0..wanted).map(|_| listener.open(&head)).collect::<Outcome<_>>()?;
    settle();
    let after = listener.resident()?;
    drop((first, open));
    Ok((before, after))
}

const SETTLING: Duration = Duration::from_secs(3);

fn settle() {
    thread::sleep(SETTLING);
}

struct Listener {
    process: Child,
    authority: String,
    token: String,
}

impl Drop for Listener {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Listener {
    fn start(state: &Path) -> Outcome<Self> {
        let beside = || Some(env::current_exe().ok()?.parent()?.join("doorward"));
        let program = env::var_os("DOORWARD_BIN").map(PathBuf::from).or_else(beside);
        let mut process = Command::new(program.ok_or("no doorward to run")?)
            .args(["serve", "--ready-json", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(state)
            // No setting of the listener's: it refuses variables that it doesn't know.
            .env_remove("DOORWARD_BIN")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no standard output")?;
        let mut listener = Self { process, authority: String::new(), token: String::new() };
        BufReader::new(output).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let text = |name: &str| ready[name].as_str().ok_or("an incomplete ready line");
        let address = text("http")?.trim_start_matches("http://").trim_end_matches('/');
        listener.authority = address.to_owned();
        let grant = text("pairing_url")?.split('#').nth(1).ok_or("a link without a grant")?;
        listener.token = listener.pair(grant)?;
        Ok(listener)
    }

    fn pair(&self, grant: &str) -> Outcome<String> {
        let body = serde_json::json!({
            "credential": grant,
            "nonce": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        });
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.authority)?;
        write!(
            stream,
            "POST /.doorward/api/token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split("\r\n\r\n").nth(1).ok_or("an answer without a body")?;
        let body: serde_json::Value = serde_json::from_str(body)?;
        Ok(body["access_token"].as_str().ok_or_else(|| answer.clone())?.to_owned())
    }

    fn handshake(&self) -> String {
        format!(
            "GET /echo HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {}\r\n\r\n",
            self.authority, self.token
        )
    }

    fn open(&self, head: &str) -> Outcome<TcpStream> {
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.write_all(head.as_bytes())?;
        let (mut answer, mut length) = ([0; 1024], 0);
        while !answer[..length].ends_with(b"\r\n\r\n") {
            match stream.read(&mut answer[length..])? {
                0 => return Err("the listener closed a connection".into()),
                read => length += read,
            }
        }
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if answer.starts_with("HTTP/1.1 101") { Ok(stream) } else { Err(answer.into()) }
    }

    fn resident(&self) -> Outcome<u64> {
        resident(&self.process)
    }
}

/// The resident memory of a process.
fn resident(process: &Child) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

mod over_quic {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use doorward_benches::quic::{Bare, Copying, Identity, client, guarded, hello, open};
    use quinn::{Connection, Endpoint};
    use rustls::pki_types::CertificateDer;
    use tokio::runtime::Runtime;
    use tokio::time::sleep;

    use super::*;

    /// Serves until the parent ends, which is told of the address and the certificate.
    pub(super) fn serve(name: &str) -> Outcome<()> {
        let identity = Identity::generate()?;
        let certificate = identity.certificate().ok_or("no certificate")?.to_vec();
        let tell = |address: SocketAddr| {
            println!("{}", serde_json::json!({ "address": address, "certificate": certificate }));
        };
        runtime()?.block_on(async {
            if name == "bare" {
                let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
                let server = Bare::new(Arc::clone(&identity), nowhere, Copying::Tokio)?;
                tell(server.local_addr()?);
                server.serve().await;
            } else {
                let server = guarded(Arc::clone(&identity), None).await?;
                tell(server.local_addr()?);
                server.serve(std::future::pending()).await;
            }
            Ok(())
        })
    }

    pub(super) fn compare(wanted: u64) -> Outcome<()> {
        let bare = measure("bare", wanted)?;
        let guarded = measure("guarded", wanted)?;
        println!(
            "{wanted} idle QUIC connections: {bare:.2} KiB each for a bare quinn, {guarded:.2} KiB \
             admitted by Doorward, {:.2} KiB more",
            guarded - bare
        );
        Ok(())
    }

    fn runtime() -> Outcome<Runtime> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
    }

    /// KiB for each of so many idle connections.
    fn measure(name: &str, wanted: u64) -> Outcome<f64> {
        let mut process = Command::new(env::current_exe()?)
            .args(["quic", &format!("--serve={name}")])
            .stdout(Stdio::piped())
            .spawn()?;
        let measured = runtime()?.block_on(connect(&mut process, wanted));
        _ = process.kill();
        _ = process.wait();
        let (before, after) = measured?;
        Ok((after as f64 - before as f64) / wanted as f64)
    }

    /// VmRSS in KiB without, and with, so many idle connections.
    async fn connect(process: &mut Child, wanted: u64) -> Outcome<(u64, u64)> {
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let address = ready["address"].as_str().ok_or("no address")?.parse()?;
        let certificate: Vec<u8> = serde_json::from_value(ready["certificate"].clone())?;
        let client = client(&CertificateDer::from(certificate))?;
        let hello = hello()?;
        // What the first connections make the process load is not theirs alone.
        let first = open_all(&client, address, &hello, 50).await?;
        sleep(SETTLING).await;
        let before = resident(process)?;
        let open = open_all(&client, address, &hello, wanted).await?;
        sleep(SETTLING).await;
        let after = resident(process)?;
        if first.iter().chain(&open).any(|one| one.close_reason().is_some()) {
            return Err("a connection was closed".into());
        }
        Ok((before, after))
    }

    async fn open_all(
        client: &Endpoint,
        address: SocketAddr,
        hello: &[u8],
        wanted: u64,
    ) -> Outcome<Vec<Connection>> {
        let mut connections = Vec::new();
        for _ in 0..wanted {
            connections.push(open(client, address, hello).await?.0);
        }
        Ok(connections)
    }
}
