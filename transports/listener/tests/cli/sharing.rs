//! One connection to the guarded server for everybody at one place.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::door::{get, post};
use crate::support::{Home, PATIENCE, Serving};

/// A guarded server that numbers its WebSockets, and says that number to whatever it hears.
fn numbering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut number = b'0';
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            // One that is only looked at, to see whether somebody is there, says nothing.
            if !head(&mut stream).starts_with("GET /terminal HTTP/1.1\r\n") {
                continue;
            }
            number += 1;
            let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \
                websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            stream.write_all(switch.as_bytes()).expect("sent");
            std::thread::spawn(move || {
                // A masked frame of two bytes.
                while stream.read_exact(&mut [0; 8]).is_ok() {
                    stream.write_all(&[0x81, 1, number]).expect("sent");
                }
            });
        }
    });
    format!("http://{address}")
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    String::from_utf8(head).expect("text")
}

fn paired(home: &Home, serving: &Serving, label: &str) -> String {
    let made = home.run(&["pair", "--json", "--label", label]).json();
    let body = json!({ "credential": made["credential"], "nonce": "AAAAAAAAAAAAAAAAAAAAAA" });
    let answer = post_as_program(serving, &body);
    format!("Bearer {}", answer["access_token"].as_str().expect("a token"))
}

/// `api/token` refuses whatever says an origin.
fn post_as_program(serving: &Serving, body: &Value) -> Value {
    let (authority, body) = (serving.authority(), body.to_string());
    let mut stream = TcpStream::connect(authority).expect("connected");
    let request = format!(
        "POST /.doorward/api/token HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
        Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).expect("JSON")
}

fn enter(serving: &Serving, bearer: &str) -> TcpStream {
    let authority = serving.authority();
    let mut stream = TcpStream::connect(authority).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let request = format!(
        "GET /terminal HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: \
        websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Authorization: {bearer}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let answer = head(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    stream
}

fn say(stream: &mut TcpStream) {
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).expect("sent");
}

fn hear(stream: &mut TcpStream) -> String {
    let mut frame = [0; 2];
    stream.read_exact(&mut frame).expect("a frame");
    assert_eq!(frame[0], 0x81, "a text");
    let mut text = vec![0; usize::from(frame[1])];
    if frame[1] == 126 {
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("a length");
        text.resize(usize::from(u16::from_be_bytes(length)), 0);
    }
    stream.read_exact(&mut text).expect("a text");
    String::from_utf8(text).expect("text")
}

#[test]
fn whoever_comes_joins_the_one_connection_that_there_is() {
    let home = Home::new();
    let serving = home.serve(&["--share", "--upstream", &numbering()]);
    let (ann, ben) = (paired(&home, &serving, "ann"), paired(&home, &serving, "ben"));
    let (mut anns, mut bens) = (enter(&serving, &ann), enter(&serving, &ben));
    say(&mut anns);
    assert_eq!((hear(&mut anns), hear(&mut bens)), ("1".to_owned(), "1".to_owned()));
    say(&mut bens);
    assert!(hear(&mut bens).contains("not_owner"));
    let room = get(serving.http(), "/.doorward/api/room", Some(&ben)).json()["rooms"][0].clone();
    assert_eq!((&room["role"], &room["owner"]["subject"]), (&json!("follower"), &json!("ann")));
    let ask = post(serving.http(), "/.doorward/api/room", Some(&ben), &json!({ "do": "ask" }));
    assert_eq!(ask.status, 200, "{ask:?}");
    assert_eq!(
        home.run(&["sessions", "revoke", "--subject", "ann"]).ok(),
        "Revoked 1 session; closed 1 connection.\n",
        "what she shares with others is not hers"
    );
    let mut bens = enter(&serving, &ben);
    say(&mut bens);
    assert_eq!(hear(&mut bens), "2", "what was opened as ann's has ended with her session");
}

#[test]
fn without_the_setting_each_has_a_connection_of_its_own() {
    let home = Home::new();
    let serving = home.serve(&["--upstream", &numbering()]);
    let ann = paired(&home, &serving, "ann");
    for expected in ["1", "2"] {
        let mut stream = enter(&serving, &ann);
        say(&mut stream);
        assert_eq!(hear(&mut stream), expected);
    }
}

#[test]
fn nothing_is_shared_among_people_whom_nobody_knows() {
    let home = Home::new();
    let said = home.run(&["serve", "--share", "--unguarded"]).refused(1);
    assert!(said.contains("--share") && said.contains("--unguarded"), "{said}");
}
