//! `doorward connect` through QUIC: one stream for standard input and output, and a local port.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal};

use crate::support::{Home, PATIENCE, Serving, lasting_port, within};

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_local_port_is_this_machine_s_alone() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "192.0.2.1:9000", "[::]:0", "9000", "localhost"] {
        let said = home.run(&["connect", "--local", address]).refused(2);
        assert!(said.contains("an address of this machine"), "{said}");
    }
}

#[test]
fn a_port_that_is_taken_spends_no_link() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let arguments = ["connect", "--local", serving.authority()];
    let said = home.run_with(&arguments, serving.link()).refused(1);
    assert!(said.contains("can't listen"), "{said}");
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
}

#[test]
fn a_port_is_forwarded_through_quic_alone() {
    let home = Home::new();
    let url = "http://127.0.0.1:8765";
    let said = home.run(&["connect", url, "--local", "127.0.0.1:0"]).refused(2);
    assert!(said.contains("quic://"), "{said}");
    let said = home.run(&["connect", url, "--workspace", "notebook"]).refused(2);
    assert!(said.contains("quic://") && said.contains("host or path"), "{said}");
    let said = home.run(&["connect", "--workspace", ""]).refused(2);
    assert!(said.contains("1 to 64 bytes"), "{said}");
    let link = format!("{url}/.doorward/pair#{SECRET}");
    let said = home.run_with(&["connect", "--local", "127.0.0.1:0"], &link).refused(1);
    assert!(said.contains("this link names no QUIC port"), "{said}");
    let ran = home.run(&["connect", "--ready-json"]);
    assert_eq!(ran.status, Some(2), "{}", ran.stderr);
}

//= req: CLIENT-4, type=test
#[test]
fn a_link_is_sent_to_no_other_quic_server_than_its_own() {
    let home = Home::new();
    let link = format!("http://127.0.0.1:8765/.doorward/pair#{SECRET}..4433");
    for url in ["quic://127.0.0.1:4434", "quic://127.0.0.1:8765", "quic://localhost:4433"] {
        let said = home.run_with(&["connect", url], &link).refused(1);
        assert!(said.contains("sent to no other server"), "{said}");
    }
}

#[test]
fn roots_have_to_be_there_and_to_be_roots() {
    let home = Home::new();
    let said = home.run(&["connect", "--ca", "nowhere.pem"]).refused(1);
    assert!(said.contains("nowhere.pem can't be trusted"), "{said}");
    fs::write(home.path("empty.pem"), "").expect("written");
    let said = home.run(&["connect", "--ca", "empty.pem"]).refused(1);
    assert!(said.contains("there is no certificate"), "{said}");
}

/// A listener that speaks QUIC, and its QUIC address.
fn serve(home: &Home, arguments: &[&str]) -> (Serving, String) {
    let serving = home.serve(&[&["--quic", "127.0.0.1:0"], arguments].concat());
    let quic = serving.ready["quic"].as_str().expect("text").to_owned();
    (serving, quic)
}

/// A forwarded port, with the session that a link buys or, without one, a saved one.
fn forward(home: &Home, link: &str) -> (Serving, String) {
    let arguments = ["connect", "--local", "127.0.0.1:0", "--ready-json"];
    let mut child = home.command(&arguments).stdin(Stdio::piped()).spawn().expect("started");
    // With a saved session it reads no link.
    let _result = child.stdin.take().expect("piped").write_all(link.as_bytes());
    let forwarding = Serving::of(child);
    let local = forwarding.ready["local"].as_str().expect("text").to_owned();
    (forwarding, local)
}

/// Sends bytes through a forwarded port, finishes, and reads what comes back.
fn exchange(local: &str, sent: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(local)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut sender = stream.try_clone()?;
    let mut came = Vec::new();
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            sender.write_all(sent)?;
            sender.shutdown(Shutdown::Write)
        });
        stream.read_to_end(&mut came)?;
        sending.join().expect("no panic")
    })?;
    Ok(came)
}

/// Bytes of which no two stretches are alike, so that none can be lost, repeated or moved.
fn long(seed: u32) -> Vec<u8> {
    (0..1_u32 << 20)
        .flat_map(|word| word.wrapping_mul(2_654_435_761).wrapping_add(seed).to_be_bytes())
        .collect()
}

fn sessions(home: &Home) -> usize {
    home.run(&["sessions", "list", "--json"]).json().as_array().expect("a list").len()
}

#[test]
fn standard_input_is_one_stream_of_bytes() {
    let home = Home::new();
    let (serving, quic) = serve(&home, &[]);
    let url = format!("quic://{quic}");
    let input = format!("{}\nno line", serving.link());
    assert_eq!(home.run_with(&["connect", &url], &input).ok(), "no line");
    assert_eq!(home.run_with(&["connect", &url], "saved").ok(), "saved");
    assert_eq!(home.run_with(&["connect"], "the only one").ok(), "the only one");
    let said = home.run_with(&["connect", &url], serving.link()).refused(1);
    assert!(said.contains("the link was not sent"), "{said}");
    assert_eq!(sessions(&home), 1);
}

#[test]
fn whoever_forwards_a_port_is_told_before_the_session_ends() {
    let home = Home::new();
    let config = home.write("short.toml", "[session]\nidle = \"2m\"\n");
    let (serving, _) = serve(&home, &["--config", config.to_str().expect("text")]);
    let mut command = home.command(&["connect", "--local", "127.0.0.1:0"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
    let input = child.stdin.take().expect("piped").write_all(serving.link().as_bytes());
    input.expect("written");
    let said = BufReader::new(child.stderr.take().expect("piped"));
    let told = within("a notice", Some(Pid::from_child(&child)), move || {
        said.lines().map_while(Result::ok).find(|line| line.starts_with("the session ends in "))
    });
    child.kill().expect("killed");
    child.wait().expect("waited");
    let told = told.expect("a notice");
    assert!(told.ends_with(" s unless it is used"), "{told}");
}

#[test]
fn each_connection_to_a_local_port_is_a_stream() {
    let home = Home::new();
    let (serving, _) = serve(&home, &[]);
    let (forwarding, local) = forward(&home, serving.link());
    for text in [&b"one"[..], b"two", b""] {
        assert_eq!(exchange(&local, text).expect("carried"), text);
    }
    let ran = forwarding.stop();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let (_forwarding, local) = forward(&home, "");
    assert_eq!(exchange(&local, b"saved").expect("carried"), b"saved");
    assert_eq!(sessions(&home), 1, "the saved session was used");
}

#[test]
fn a_tcp_server_gets_megabytes_to_their_end_and_answers_with_megabytes() {
    let home = Home::new();
    let guarded = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("tcp://{}", guarded.local_addr().expect("an address"));
    let (serving, _) = serve(&home, &["--upstream", &url]);
    let (_forwarding, local) = forward(&home, serving.link());
    let served = std::thread::spawn(move || {
        loop {
            let (mut peer, _) = guarded.accept().expect("accepted");
            let mut came = Vec::new();
            peer.read_to_end(&mut came).expect("read");
            // The first one only looks whether somebody is there.
            if !came.is_empty() {
                peer.write_all(&long(1)).expect("written");
                return came;
            }
        }
    });
    assert!(exchange(&local, &long(0)).expect("carried") == long(1), "the answer");
    let came = within("what was sent", None, || served.join().expect("no panic"));
    assert!(came == long(0), "what was sent");
}

#[test]
fn what_is_guarded_may_speak_first() {
    let home = Home::new();
    let guarded = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("tcp://{}", guarded.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for peer in guarded.incoming() {
            let _result = peer.and_then(|mut peer| peer.write_all(b"220 hello"));
        }
    });
    let (serving, quic) = serve(&home, &["--upstream", &url]);
    let (_forwarding, local) = forward(&home, serving.link());
    let mut stream = TcpStream::connect(local).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut greeting = [0; 9];
    stream.read_exact(&mut greeting).expect("it has not heard a byte");
    assert_eq!(&greeting, b"220 hello");
    let mut connect = home.command(&["connect", &format!("quic://{quic}")]);
    let connect = connect.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = connect.spawn().expect("started");
    let (_open, mut out) = (child.stdin.take(), child.stdout.take().expect("piped"));
    let pid = Pid::from_child(&child);
    within("the greeting", Some(pid), move || out.read_exact(&mut greeting).expect("read"));
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn idle_times_that_lose_every_connection_or_none_are_refused() {
    for idle in ["0s", "9s", "2h"] {
        let home = Home::new();
        home.write("doorward.toml", &format!("quic_idle = \"{idle}\"\n"));
        let said = home.run(&["check-config", "--config", "doorward.toml"]).refused(1);
        assert!(said.contains("quic_idle must be 10 s to 1 hour"), "{said}");
    }
}

#[test]
fn an_unguarded_port_says_all_that_is_reached_through_it() {
    let home = Home::new();
    let guarded = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("tcp://{}", guarded.local_addr().expect("an address"));
    let (serving, quic) = serve(&home, &["--unguarded", "--quic-upstream", &url]);
    let http = serving.authority().to_owned();
    let said = serving.stop().stderr;
    for (place, reached) in [(http, "the built-in console"), (quic, &*url)] {
        let warning = format!("UNGUARDED: whoever reaches {place} reaches {reached}, without");
        assert!(said.contains(&warning), "{said}");
    }
}

#[test]
fn a_unix_socket_is_reached_beside_a_web_server_by_name() {
    let home = Home::new();
    let path = home.path("guarded.sock");
    let guarded = UnixListener::bind(&path).expect("bound");
    let web = TcpListener::bind("127.0.0.1:0").expect("bound");
    let web = format!("http://{}", web.local_addr().expect("an address"));
    let url = format!("unix:{}", path.display());
    std::thread::spawn(move || {
        for peer in guarded.incoming() {
            let _result = peer.and_then(|mut peer| {
                let mut came = String::new();
                peer.read_to_string(&mut came)?;
                peer.write_all(came.to_uppercase().as_bytes())
            });
        }
    });
    let (serving, quic) = serve(&home, &["--upstream", &web, "--quic-upstream", &url]);
    let (_forwarding, local) = forward(&home, serving.link());
    assert_eq!(exchange(&local, b"hello").expect("carried"), b"HELLO");
    let url = format!("quic://{quic}");
    assert_eq!(home.run_with(&["connect", &url], "piped").ok(), "PIPED");
}

#[test]
fn a_listener_that_was_killed_is_found_again_with_the_same_session() {
    let home = Home::new();
    let ports = [lasting_port(), lasting_port()];
    let serving = home.serve_on(ports, &[]);
    let (forwarding, local) = forward(&home, serving.link());
    assert_eq!(exchange(&local, b"before").expect("carried"), b"before");
    serving.signal(Signal::KILL);
    serving.ended();
    let _serving = home.serve_on(ports, &[]);
    // Each try waits for the tunnel for as long as it may be down.
    let mut tries = 0..20;
    while !exchange(&local, b"after").is_ok_and(|came| came == b"after") {
        assert!(tries.next().is_some(), "it never came back");
    }
    assert_eq!(sessions(&home), 1);
    let ran = forwarding.stop();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let states: Vec<_> = ran.stderr.lines().filter(|line| *line == "connected").collect();
    assert!(states.len() == 2 && ran.stderr.contains("waiting "), "{}", ran.stderr);
}

#[test]
fn a_session_that_is_revoked_ends_the_forwarding() {
    let home = Home::new();
    let (serving, quic) = serve(&home, &[]);
    let (forwarding, local) = forward(&home, serving.link());
    assert_eq!(exchange(&local, b"before").expect("carried"), b"before");
    home.run(&["sessions", "revoke", "--all", "--self"]).ok();
    let ran = forwarding.ended();
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let said = ran.stderr.lines().last().unwrap_or_default();
    assert!(said.contains("revoked") && said.contains("pair again"), "{}", ran.stderr);
    assert!(TcpStream::connect(&local).is_err(), "nobody listens there any more");
    let saved = fs::read_dir(home.state().join("client")).expect("a directory").count();
    assert_eq!(saved, 0, "the session is forgotten");
    let said = home.run_with(&["connect", &format!("quic://{quic}")], "hello\n").refused(1);
    assert!(said.contains("neither a pairing link nor a code"), "it asked for one: {said}");
}

#[test]
fn a_link_says_which_certificate_to_expect_and_where_quic_is() {
    let home = Home::new();
    let (serving, quic) = serve(&home, &[]);
    let port = quic.rsplit_once(':').expect("a port").1;
    let first = serving.link().split_once('#').expect("a fragment").1;
    let parts: Vec<_> = first.split('.').map(str::to_owned).collect();
    assert!(parts.len() == 3 && parts[1].len() == 43 && parts[2] == port, "{first}");
    let issued = home.run(&["pair", "--json"]).json();
    let url = issued["url"].as_str().expect("text");
    assert!(url.ends_with(&format!(".{}.{port}", parts[1])), "{url}");
    // The same certificate, and another place, where it is started again.
    serving.stop();
    let (again, quic) = serve(&home, &[]);
    let port = quic.rsplit_once(':').expect("a port").1;
    assert!(again.link().ends_with(&format!(".{}.{port}", parts[1])), "{}", again.link());
}

#[test]
fn what_quic_can_t_be_served_with_is_refused_before_anything_is_made() {
    let home = Home::new();
    let taken = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let taken = taken.local_addr().expect("an address").to_string();
    let web = TcpListener::bind("127.0.0.1:0").expect("bound");
    let web = format!("http://{}", web.local_addr().expect("an address"));
    let silent = format!("tcp://127.0.0.1:{}", lasting_port());
    let anywhere = "127.0.0.1:0";
    for (arguments, wanted) in [
        (&["--upstream", "tcp://127.0.0.1:9"][..], "--quic 127.0.0.1:8766"),
        (&["--upstream", "unix:/nowhere"], "--quic 127.0.0.1:8766"),
        (&["--quic-upstream", "tcp://127.0.0.1:9"], "say where to listen with --quic"),
        (&["--quic", anywhere, "--upstream", &web], "--quic-upstream tcp://HOST:PORT"),
        (
            &["--quic", anywhere, "--upstream", "tcp://[::1]:9", "--quic-upstream", &silent],
            "both say what QUIC reaches",
        ),
        (&["--quic", &taken], "choose another with --quic"),
        (&["--quic", anywhere, "--quic-upstream", &silent], &silent),
        (&["--quic", anywhere, "--upstream", "unix:/nowhere"], "unix:/nowhere"),
        (&["--quic", "0.0.0.0:0", "--exposure", "loopback"], "--exposure loopback is for"),
        (&["--quic", "0.0.0.0:0"], "--allow-host"),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let said = home.run(&[&serve[..], arguments].concat()).refused(1);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    assert!(!home.state().exists());
}

#[test]
fn the_settings_of_quic_are_shown() {
    let arguments =
        ["check-config", "--quic", "127.0.0.1:8766", "--quic-upstream", "tcp://127.0.0.1:22"];
    let shown = Home::new().run(&arguments).ok();
    for line in [
        "quic = \"127.0.0.1:8766\"",
        "quic_upstream = \"tcp://127.0.0.1:22\"",
        "quic_handshakes = ",
        "quic_retry_from = ",
        "quic_streams = ",
        "quic_idle = ",
        "quic_migration = ",
    ] {
        assert!(shown.lines().any(|each| each.starts_with(line)), "{line}: {shown}");
    }
}
