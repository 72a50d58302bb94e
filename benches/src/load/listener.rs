//! `doorward serve`, as it is released.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use super::client::Place;
use super::{Outcome, Process, Scratch};

/// The listener, with a session at it.
#[derive(Debug)]
pub struct Listener {
    /// The process.
    pub process: Process,
    /// Where its WebSocket is, and who asks for it.
    pub place: Place,
    _state: Scratch,
}

impl Listener {
    /// Starts `$DOORWARD_BIN`, or the `doorward` beside this program, in front of `upstream` if there is one, and
    /// pairs with it. Its state is gone with it.
    ///
    /// # Errors
    /// If it doesn't start, or doesn't pair.
    pub fn start(upstream: Option<&Place>) -> Outcome<Self> {
        let beside = || Some(env::current_exe().ok()?.parent()?.join("doorward"));
        let program = env::var_os("DOORWARD_BIN").map(PathBuf::from).or_else(beside);
        let name = if upstream.is_some() { "load-proxy" } else { "load" };
        let state = Scratch::new(name);
        let mut command = Command::new(program.ok_or("no doorward to run")?);
        command
            .args(["serve", "--ready-json", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(state.path())
            // No setting of the listener's: it refuses variables that it doesn't know.
            .env_remove("DOORWARD_BIN");
        if let Some(upstream) = upstream {
            command.args(["--upstream", &format!("http://{}", upstream.authority())]);
        }
        let (process, ready) = Process::start_ready(&mut command)?;
        let text = |name: &str| ready[name].as_str().ok_or("an incomplete ready line");
        let authority = text("http")?.trim_start_matches("http://").trim_end_matches('/');
        let grant = text("pairing_url")?.split('#').nth(1).ok_or("a link without a grant")?;
        let token = pair(authority, grant)?;
        let place = match upstream {
            // Beside the upstream's own credential, which it passes on.
            Some(upstream) => upstream.at(authority).with("Cookie", &cookie(authority, &token)),
            None => Place::new(authority).with("Authorization", &format!("Bearer {token}")),
        };
        Ok(Self { process, place, _state: state })
    }
}

fn cookie(authority: &str, token: &str) -> String {
    let port = authority.rsplit(':').next().unwrap_or_default();
    format!("doorward_{port}={token}")
}

fn pair(authority: &str, grant: &str) -> Outcome<String> {
    let nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let body = serde_json::json!({ "credential": grant, "nonce": nonce }).to_string();
    let mut stream = TcpStream::connect(authority)?;
    write!(
        stream,
        "POST /.doorward/api/token HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split("\r\n\r\n").nth(1).ok_or("an answer without a body")?;
    let body: serde_json::Value = serde_json::from_str(body)?;
    Ok(body["access_token"].as_str().ok_or_else(|| answer.clone())?.to_owned())
}
