//! One request over HTTP, as small as it can be, and a server to be guarded.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::support::PATIENCE;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Asks a listener at `http://host:port` for a path.
pub(crate) fn get(base: &str, path: &str, authorization: Option<&str>) -> Answer {
    send(base, &format!("GET {path}"), &field(authorization), "")
}

fn field(authorization: Option<&str>) -> String {
    authorization.map(|it| format!("authorization: {it}\r\n")).unwrap_or_default()
}

/// Sends it a JSON body.
pub(crate) fn post(base: &str, path: &str, authorization: Option<&str>, body: &Value) -> Answer {
    let bearer = field(authorization);
    let fields = format!("{bearer}origin: {base}\r\ncontent-type: application/json\r\n");
    send(base, &format!("POST {path}"), &fields, &body.to_string())
}

/// Redeems a grant as a program does, and returns its token as an `Authorization`.
pub(crate) fn bearer(base: &str, grant: &Value) -> String {
    let nonce = "AAAAAAAAAAAAAAAAAAAAAAAA";
    let body = serde_json::json!({ "credential": grant, "nonce": nonce }).to_string();
    let fields = "content-type: application/json\r\n";
    let answer = send(base, "POST /.doorward/api/token", fields, &body);
    format!("Bearer {}", answer.json()["access_token"].as_str().expect("a token"))
}

fn send(base: &str, begin: &str, fields: &str, body: &str) -> Answer {
    let authority = base.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(authority).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let length = body.len();
    let request = format!(
        "{begin} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{fields}\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
    Answer { status, body: body.to_owned() }
}

/// A web server that answers everything with its name; where it is.
pub(crate) fn web_server(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // One that is only looked at, to see whether somebody is there, says nothing.
            let _result = stream.read(&mut [0; 4096]);
            let length = name.len();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}");
            let _result = write!(stream, "{head}\r\n\r\n{name}");
        }
    });
    format!("http://{address}")
}
