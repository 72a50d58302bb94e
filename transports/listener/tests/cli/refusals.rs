//! What is refused: one sentence that says what and what to do, a status, nothing overwritten.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::Home;

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn a_port_in_use_is_named_and_no_state_is_made() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("an address").to_string();
    let said = home.run(&["serve", "--listen", &address]).refused(1);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    assert!(!home.state().exists());
}

#[test]
fn an_unknown_key_is_named_and_the_known_ones_are_listed() {
    let home = Home::new();
    let file = home.write("doorward.toml", "listen = \"127.0.0.1:0\"\n[guesses]\ncodes = 3\n");
    let file = file.to_str().expect("text");
    for command in ["serve", "check-config"] {
        let said = home.run(&[command, "--config", file]).refused(1);
        assert!(said.contains("guesses.codes\""), "{said}");
        assert!(said.contains("guesses.codes_per_minute"), "{said}");
    }
    let said = home.run(&["sessions", "list", "--config", file]).refused(1);
    assert!(said.contains("guesses.codes\""), "{said}");
}

#[test]
fn an_unknown_variable_is_named() {
    let home = Home::new();
    let child = home.command(&["check-config"]).env("DOORWARD_UPSTRAEM", "x").output();
    let output = child.expect("ran");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("DOORWARD_UPSTRAEM") && said.contains("DOORWARD_UPSTREAM"), "{said}");
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let home = Home::new();
    for arguments in [
        &["serve", "--listen", "nowhere"][..],
        &["serve", "--nonsense"],
        &["pair", "--ttl", "soon"],
        &["pair", "--can", "fly"],
        &["sessions", "revoke"],
        &["sessions", "revoke", "--all", "--subject", "x"],
        &["grants", "revoke", "x"],
        &["nonsense"],
        &[],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.status, Some(2), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    assert!(!home.state().exists());
}

//= req: HTTP-8, type=test
#[test]
fn a_network_sees_nothing_without_tls() {
    let home = Home::new();
    for (arguments, wanted) in [
        (&["--listen", "0.0.0.0:0"][..], "--trusted-proxy"),
        (&["--listen", "[::]:0", "--trusted-proxy", "10.0.0.1"], "--public-url"),
        (
            &[
                "--listen",
                "0.0.0.0:0",
                "--trusted-proxy",
                "10.0.0.1",
                "--public-url",
                "http://a.example",
            ],
            "https --public-url",
        ),
        (&["--listen", "0.0.0.0:0", "--exposure", "loopback"], "--exposure"),
        (&["--public-url", "https://a.example"], "--trusted-proxy"),
        (&["--exposure", "remote"], "--public-url"),
    ] {
        for command in ["serve", "check-config"] {
            let said = home.run(&[&[command], arguments].concat()).refused(1);
            assert!(said.contains(wanted), "{said}");
        }
    }
    assert!(!home.state().exists());
}

#[test]
fn behind_a_proxy_that_speaks_tls_a_network_address_is_fine() {
    let arguments = [
        "--listen",
        "0.0.0.0:0",
        "--trusted-proxy",
        "10.0.0.1",
        "--public-url",
        "https://a.example",
    ];
    let shown = Home::new().run(&[&["check-config"], &arguments[..]].concat()).ok();
    assert!(shown.contains("exposure = \"remote\""), "{shown}");
}

#[test]
fn an_unreachable_upstream_is_named() {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let url = format!("http://{free}");
    let said = home.run(&["serve", "--listen", "127.0.0.1:0", "--upstream", &url]).refused(1);
    assert!(said.contains(&url) && said.contains("--upstream"), "{said}");
    assert!(!home.state().exists());
}

#[test]
fn keys_that_others_can_read_are_refused_and_left_as_they_are() {
    let home = Home::new();
    home.serve(&[]).stop();
    let keys = home.state().join("keys.json");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).expect("changed");
    let before = fs::read(&keys).expect("read");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["sessions", "list"], &["key", "rotate"]]
    {
        let said = home.run(arguments).refused(1);
        assert!(said.contains("keys.json") && said.contains("0640"), "{said}");
    }
    assert_eq!(fs::read(&keys).expect("read"), before);
}

#[test]
fn damaged_keys_and_keys_without_their_store_are_refused_and_left_as_they_are() {
    let home = Home::new();
    home.serve(&[]).stop();
    let (keys, store) = (home.state().join("keys.json"), home.state().join("doorward.db"));
    let whole = fs::read(&keys).expect("read");
    fs::write(&keys, &whole[..whole.len() / 2]).expect("written");
    let said = home.run(&["serve", "--listen", "127.0.0.1:0"]).refused(1);
    assert!(said.contains("damaged"), "{said}");
    assert_eq!(fs::read(&keys).expect("read").len(), whole.len() / 2);

    fs::write(&keys, &whole).expect("written");
    fs::rename(&store, home.path("elsewhere")).expect("moved");
    let said = home.run(&["serve", "--listen", "127.0.0.1:0"]).refused(1);
    assert!(said.contains("doorward.db"), "{said}");
    assert!(!store.exists());
}

//= req: SECRET-5, type=test
#[test]
fn a_secret_is_never_an_argument_and_never_repeated() {
    let home = Home::new();
    let link = format!("http://127.0.0.1:8765/.doorward/pair#{SECRET}");
    let token = format!("AQEBAAMA{}.{SECRET}", "A".repeat(48));
    for arguments in [
        &["connect", &link][..],
        &["connect", SECRET],
        &["connect", "2345-6789-ABCD"],
        &["token", "inspect", &token],
        &["token", "inspect", "anything"],
        &["pair", "--label", &token],
        &["--token", &token],
    ] {
        let said = home.run(arguments).refused(2);
        assert!(said.contains("never taken as an argument"), "{said}");
        assert!(!said.contains(SECRET) && !said.contains("2345") && !said.contains("anything"));
    }
}

#[test]
fn what_needs_a_listener_or_its_state_says_so() {
    let home = Home::new();
    for arguments in [
        &["pair"][..],
        &["sessions", "list"],
        &["grants", "list", "--json"],
        &["audit"],
        &["key", "rotate"],
        &["token", "inspect"],
    ] {
        let said = home.run(arguments).refused(1);
        assert!(said.contains("doorward serve"), "{said}");
    }
    assert!(!home.state().exists(), "a command that only looks made something");
}

//= req: SECRET-9, type=test
#[test]
fn desktop_exposure_needs_a_grant_and_nothing_else_takes_one() {
    let home = Home::new();
    let said = home.run(&["serve", "--exposure", "desktop"]).refused(2);
    assert!(said.contains("--grant-fd"), "{said}");
    let said = home.run(&["serve", "--grant-file", "x"]).refused(2);
    assert!(said.contains("--exposure desktop"), "{said}");
    let open = home.write("grant", SECRET);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("changed");
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--exposure", "desktop", "--grant-file", "grant"];
    let said = home.run(&arguments).refused(1);
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn every_command_explains_itself() {
    let home = Home::new();
    for command in [
        "serve",
        "pair",
        "connect",
        "sessions",
        "grants",
        "token",
        "catalog",
        "audit",
        "key",
        "check-config",
    ] {
        let help = home.run(&[command, "--help"]).ok();
        assert!(help.contains("Usage: doorward"), "{help}");
    }
}

#[test]
fn a_level_of_the_log_that_there_is_not_is_refused() {
    let home = Home::new();
    for text in ["doorward_http=loud", "doorward[span]=nothing"] {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let ran = command.env("DOORWARD_LOG", text).output().expect("it ran");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("DOORWARD_LOG doesn't take \"{text}\"")), "{said}");
    }
}
