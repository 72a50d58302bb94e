//! `doorward connect` through QUIC: one stream for standard input and output, and a local port.

use std::fs;

use crate::support::Home;

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
    let link = format!("{url}/.doorward/pair#{SECRET}");
    let said = home.run_with(&["connect", "--local", "127.0.0.1:0"], &link).refused(1);
    assert!(said.contains("doesn't speak QUIC: start it with --quic"), "{said}");
    let ran = home.run(&["connect", "--ready-json"]);
    assert_eq!(ran.status, Some(2), "{}", ran.stderr);
}

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
