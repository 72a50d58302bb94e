//! What an idle admitted connection costs in memory: a WebSocket of `doorward serve`, or, with `quic`
//! as the first argument, a QUIC connection of Doorward's adapter and one of a bare quinn. Prints
//! one line, and the figure.
//!
//! Takes the number of connections (10,000 unless given). The listener is `$DOORWARD_BIN`, or the
//! `doorward` beside this program; it runs in a process of its own, with a state directory that is
//! removed afterwards. The two over QUIC are this program again.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Duration;
use std::{env, thread};

use doorward_benches::load::listener::Listener;
use doorward_benches::load::{Outcome, Process};
use doorward_benches::result::figure;
use rustix::process::{Resource, getrlimit, setrlimit};

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
    let (before, after) = measure(&Listener::start(None)?, wanted)?;
    let each = (after - before) as f64 / wanted as f64;
    println!(
        "{wanted} idle admitted WebSockets: {each:.2} KiB each (VmRSS {before} to {after} KiB)"
    );
    figure("ws-idle", each, "KiB");
    Ok(())
}

/// VmRSS in KiB without, and with, so many idle connections.
fn measure(listener: &Listener, wanted: u64) -> Outcome<(u64, u64)> {
    let Listener { process, place, .. } = listener;
    // What the first connections make the process load is not theirs alone.
    let first: Vec<TcpStream> = (0..50).map(|_| place.open()).collect::<Outcome<_>>()?;
    settle();
    let before = process.resident()?;
    let open: Vec<TcpStream> = (0..wanted).map(|_| place.open()).collect::<Outcome<_>>()?;
    settle();
    let after = process.resident()?;
    drop((first, open));
    Ok((before, after))
}

const SETTLING: Duration = Duration::from_secs(3);

fn settle() {
    thread::sleep(SETTLING);
}

mod over_quic {
    use std::net::SocketAddr;
    use std::process::Command;
    use std::sync::Arc;

    use doorward_benches::quic::{Bare, Copying, Identity, client, guarded, hello, open};
    use doorward_benches::result::{figure, point};
    use quinn::{Connection, Endpoint};
    use rustls::pki_types::CertificateDer;
    use serde_json::Value;
    use tokio::runtime::Runtime;
    use tokio::time::sleep;

    use super::*;

    /// What parts of all connections there are in between.
    const PARTS: [u64; 4] = [8, 4, 2, 1];

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
        figure("quic-idle-extra", guarded - bare, "KiB");
        Ok(())
    }

    fn runtime() -> Outcome<Runtime> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
    }

    /// KiB for each of so many idle connections. Prints it for fewer on the way.
    fn measure(name: &str, wanted: u64) -> Outcome<f64> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["quic", &format!("--serve={name}")]);
        let (process, ready) = Process::start_ready(&mut command)?;
        let more = runtime()?.block_on(connect(&process, &ready, name, wanted))?;
        Ok(more / wanted as f64)
    }

    /// What so many idle connections add to VmRSS, in KiB.
    async fn connect(process: &Process, ready: &Value, name: &str, wanted: u64) -> Outcome<f64> {
        let address = ready["address"].as_str().ok_or("no address")?.parse()?;
        let certificate: Vec<u8> = serde_json::from_value(ready["certificate"].clone())?;
        let client = client(&CertificateDer::from(certificate))?;
        let hello = hello()?;
        // What the first connections make the process load is not theirs alone.
        let mut open = open_all(&client, address, &hello, 50).await?;
        sleep(SETTLING).await;
        let before = process.resident()? as f64;
        let shown = if name == "bare" { "bare quinn" } else { "doorward" };
        let (mut opened, mut more) = (0, 0.0);
        for part in PARTS {
            let reach = wanted / part;
            open.extend(open_all(&client, address, &hello, reach - opened).await?);
            opened = reach;
            sleep(SETTLING).await;
            more = process.resident()? as f64 - before;
            point("quic-idle", shown, reach as f64, more / 1024.0, "MiB");
        }
        if open.iter().any(|one| one.close_reason().is_some()) {
            return Err("a connection was closed".into());
        }
        Ok(more)
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
