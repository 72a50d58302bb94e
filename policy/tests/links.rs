//! The pairing link: one spelling for each, and nothing else is one.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't go on must stop")]

use doorward_policy::grant::GrantSecret;
use doorward_policy::link::{CertificatePin, LinkFragment};

const BASE: &str = "https://dev.example";

fn fragment(pin: bool, quic_port: Option<u16>) -> LinkFragment {
    let pin = pin.then_some(CertificatePin::new([9; 32]));
    LinkFragment { grant: GrantSecret::link([7; 32]), pin, quic_port }
}

//= req: SECRET-7, type=test
#[test]
fn a_link_reads_back_as_what_it_was_made_of() {
    for pin in [false, true] {
        for port in [None, Some(1), Some(8766), Some(65_535)] {
            let link = fragment(pin, port).link(BASE);
            let (base, text) = link.split_once('#').expect("a fragment");
            assert_eq!(base, "https://dev.example/.doorward/pair");
            let read = LinkFragment::parse(text).expect("it was just made");
            assert_eq!(read.grant.expose(), fragment(pin, port).grant.expose());
            assert_eq!((read.pin.is_some(), read.quic_port), (pin, port), "{}", *link);
            assert_eq!(read.link(BASE), link, "one spelling");
        }
    }
}

#[test]
fn a_link_without_certificate_and_quic_is_as_short_as_ever() {
    let link = fragment(false, None).link(BASE);
    assert_eq!(link.len(), BASE.len() + "/.doorward/pair#".len() + 43);
}

#[test]
fn a_link_is_written_where_it_has_room() {
    for port in [None, Some(65_535)] {
        let link = fragment(true, port).link("https://dev.example:8765");
        assert_eq!(link.capacity(), link.len(), "it did not grow, and left no copy of the grant");
    }
}

#[test]
fn anything_else_is_no_fragment() {
    let grant = fragment(false, None).grant.expose();
    let pin = "A".repeat(43);
    for text in [
        String::new(),
        "2345-6789-ABCD".to_owned(),
        format!("{}.", *grant),
        format!("{}..", *grant),
        format!("{}.{pin}A", *grant),
        format!("{}.{pin}.", *grant),
        format!("{}..0", *grant),
        format!("{}..08766", *grant),
        format!("{}..+8766", *grant),
        format!("{}..65536", *grant),
        format!("{}.{pin}.8766.", *grant),
        format!("{}.{pin}=", *grant),
        format!("{} ", *grant),
    ] {
        assert!(LinkFragment::parse(&text).is_none(), "{text:?}");
    }
    assert!(LinkFragment::parse(&grant).is_some());
}

#[test]
fn a_pin_is_shown_in_hexadecimal_and_reads_back() {
    let pin = CertificatePin::new([0xab; 32]);
    assert_eq!(pin.to_string(), "ab".repeat(32));
    assert_eq!(CertificatePin::parse_hex(&pin.to_string()), Some(pin));
    assert_eq!(CertificatePin::parse_hex(&"AB".repeat(32)), None);
    assert!(pin.matches(&[0xab; 32]));
    for place in 0..32 {
        let other = core::array::from_fn(|at| if at == place { 0xaa } else { 0xab });
        assert!(!pin.matches(&other), "{place}");
    }
}
