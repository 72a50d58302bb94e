//! What Doorward is held against: the least that a server does, Node's `ws` with a bearer check, and nginx.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use super::client::Place;
use super::{Outcome, Process, Scratch};

/// A server in a process of its own.
#[derive(Debug)]
pub struct Peer {
    /// The process.
    pub process: Process,
    /// Where its WebSocket is.
    pub place: Place,
    _scratch: Option<Scratch>,
}

/// The `raw` beside this program: one thread of tokio, httparse, and not one check.
///
/// # Errors
/// If it doesn't start.
pub fn raw() -> Outcome<Peer> {
    let program = env::current_exe()?.parent().ok_or("no directory")?.join("raw");
    ready(&mut Command::new(program))
}

/// Node's `ws` behind a bearer check; none where it isn't installed.
///
/// # Errors
/// If it is installed and doesn't start.
pub fn node() -> Outcome<Option<Peer>> {
    let script = installed().join("ws-bearer.mjs");
    let library = installed().join("node_modules/ws");
    if !script.exists()
        || !library.exists()
        || Command::new("node").arg("--version").output().is_err()
    {
        return Ok(None);
    }
    ready(Command::new("node").arg(script)).map(Some)
}

/// Where `benches/peers/install` puts what it installs.
fn installed() -> PathBuf {
    let target = env::current_exe().ok();
    let target = target.as_deref().and_then(|program| program.parent()?.parent());
    target.unwrap_or_else(|| Path::new("target")).join("bench-peers")
}

fn ready(command: &mut Command) -> Outcome<Peer> {
    let (process, ready) = Process::start_ready(command)?;
    let authority = ready["authority"].as_str().ok_or("no address")?;
    let place = Place::new(authority);
    let place = match ready["token"].as_str() {
        Some(token) => place.with("Authorization", &format!("Bearer {token}")),
        None => place,
    };
    Ok(Peer { process, place, _scratch: None })
}

/// nginx with one worker in front of an upstream, set up as its manual says for WebSockets, with buffers that take
/// the longest of the messages; none where it isn't installed.
///
/// # Errors
/// If it is installed and doesn't start.
pub fn nginx(upstream: &str) -> Outcome<Option<Peer>> {
    // Debian puts it where only root looks.
    let program = ["nginx", "/usr/sbin/nginx"]
        .into_iter()
        .find(|program| Command::new(program).arg("-v").output().is_ok());
    let Some(program) = program else { return Ok(None) };
    let scratch = Scratch::new("load-nginx");
    fs::create_dir(scratch.path())?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let authority = format!("127.0.0.1:{port}");
    let path = scratch.path().join("nginx.conf");
    fs::write(&path, configuration(scratch.path(), &authority, upstream))?;
    let process = Process::start(
        Command::new(program)
            .arg("-p")
            .arg(scratch.path())
            .arg("-c")
            .arg(path)
            .stdout(Stdio::null()),
    )?;
    for _ in 0..100 {
        if TcpStream::connect(&authority).is_ok() {
            let place = Place::new(&authority);
            return Ok(Some(Peer { process, place, _scratch: Some(scratch) }));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err("nginx doesn't start".into())
}

/// One process, so that its CPU time is all of nginx's.
fn configuration(directory: &Path, authority: &str, upstream: &str) -> String {
    let directory = directory.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    server {{
        listen {authority};
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection \"Upgrade\";
            proxy_set_header Host $host;
            proxy_buffer_size 64k;
            proxy_buffers 4 64k;
            proxy_busy_buffers_size 128k;
        }}
    }}
}}
"
    )
}
