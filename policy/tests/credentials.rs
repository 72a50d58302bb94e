//! Exactly one credential, found without precedence: two are ambiguous, a bad one is never ignored.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use common::request::COOKIE;
use common::{Request, World};
use doorward_policy::Decision;
use doorward_policy::admission::{foreign_subprotocols, own_subprotocol};
use doorward_policy::credential::{Carrier, Identity, is_our_authorization};
use doorward_policy::denial::{Denial, HeadFault, Invalid};
use doorward_policy::settings::Guarding;

const TICKET: &str = "cXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXE";
const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What a request says beside its host.
#[derive(Clone, Copy, Debug)]
enum Bring {
    Cookie,
    BadCookie,
    Bearer,
    BadBearer,
    Ticket,
    Local,
    /// Of the guarded server, not ours.
    Basic,
}

fn request(world: &World, brings: &[Bring]) -> Request {
    let token = world.token();
    brings.iter().fold(Request::upgrade().same_origin(), |request, bring| match bring {
        Bring::Cookie => request.cookie(&token),
        Bring::BadCookie => request.cookie("A.b"),
        Bring::Bearer => request.bearer(&token),
        Bring::BadBearer => request.bearer("A.b"),
        Bring::Ticket => request.ticket(TICKET),
        Bring::Local => request.with("Authorization", format!("Doorward-Session {HEX}")),
        Bring::Basic => request.with("Authorization", "Basic dXNlcjpwYXNz"),
    })
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Admitted(Carrier),
    Ticket,
    Local,
    Denied(Denial),
}

fn outcome(brings: &[Bring]) -> Outcome {
    let mut world = World::new();
    let request = request(&world, brings);
    match world.decide(&request) {
        Decision::Admit(admitted) => match admitted.identity() {
            Identity::Session { carrier, .. } => Outcome::Admitted(*carrier),
            Identity::Local(_) | Identity::Unguarded => panic!("nobody asked for that"),
        },
        Decision::Ticket(_) => Outcome::Ticket,
        Decision::Local(_) => Outcome::Local,
        Decision::Deny(denied) => Outcome::Denied(denied.denial),
        other => panic!("{other:?}"),
    }
}

//= req: CRED-2, type=test
#[test]
fn each_pair_of_credentials_is_ambiguous_but_for_cookie_and_ticket() {
    use Bring::{BadBearer, BadCookie, Basic, Bearer, Cookie, Local, Ticket};
    let ambiguous = || Outcome::Denied(Denial::CredentialAmbiguous);
    let invalid = |invalid| Outcome::Denied(Denial::CredentialInvalid(invalid));
    let malformed = || invalid(Invalid::Malformed);
    let table: &[(&[Bring], Outcome)] = &[
        (&[], Outcome::Denied(Denial::CredentialMissing)),
        (&[Cookie], Outcome::Admitted(Carrier::Cookie)),
        (&[Bearer], Outcome::Admitted(Carrier::Bearer)),
        (&[Ticket], Outcome::Ticket),
        (&[Local], Outcome::Local),
        (&[Basic], Outcome::Denied(Denial::CredentialMissing)),
        (&[BadCookie], malformed()),
        (&[BadBearer], malformed()),
        (&[Cookie, Ticket], Outcome::Ticket),
        (&[BadCookie, Ticket], malformed()),
        (&[Cookie, Basic], Outcome::Admitted(Carrier::Cookie)),
        (&[BadCookie, Basic], malformed()),
        (&[Ticket, Basic], Outcome::Ticket),
        (&[Cookie, Ticket, Basic], Outcome::Ticket),
        (&[Cookie, Bearer], ambiguous()),
        (&[BadCookie, Bearer], ambiguous()),
        (&[Cookie, BadBearer], ambiguous()),
        (&[Cookie, Local], ambiguous()),
        (&[Ticket, Bearer], ambiguous()),
        (&[Ticket, BadBearer], ambiguous()),
        (&[Ticket, Local], ambiguous()),
        (&[Cookie, Ticket, Bearer], ambiguous()),
        (&[Cookie, Ticket, Local], ambiguous()),
    ];
    for (brings, expected) in table {
        assert_eq!(outcome(brings), *expected, "{brings:?}");
    }
}

//= req: CRED-2, type=test
#[test]
fn two_tickets_are_ambiguous() {
    let request = Request::upgrade().same_origin().with(
        "Sec-WebSocket-Protocol",
        format!("doorward, doorward.ticket.{TICKET},doorward.ticket.{TICKET}"),
    );
    assert_eq!(World::new().denial(&request), Denial::CredentialAmbiguous);
}

//= req: TICKET-8, type=test
#[test]
fn a_ticket_counts_on_an_upgrade_only() {
    let request = Request::get("/").ticket(TICKET);
    assert_eq!(World::new().denial(&request), Denial::CredentialMissing);
}

#[test]
fn a_ticket_is_43_canonical_characters() {
    let mut world = World::new();
    for ticket in ["", "x", &TICKET[1..], &format!("{TICKET}A"), &format!("{}F", &TICKET[..42])] {
        let request = Request::upgrade().ticket(ticket);
        let denial = world.denial(&request);
        assert_eq!(denial, Denial::CredentialInvalid(Invalid::Malformed), "{ticket}");
    }
}

//= req: HEAD-8, type=test
#[test]
fn a_field_with_a_credential_occurs_once() {
    let mut world = World::new();
    let token = world.token();
    let read = Request::get("/").with("Sec-Fetch-Site", "none");
    for (request, fault) in [
        (read.clone().bearer(&token).bearer(&token), HeadFault::Authorizations),
        (read.clone().bearer(&token).with("authorization", "Basic x"), HeadFault::Authorizations),
        (read.clone().cookie(&token).cookie(&token), HeadFault::Cookies),
        (read.clone().cookie(&token).with("cookie", "a=b"), HeadFault::Cookies),
        (read.clone().cookie(&token).cookie(&token).with("origin", "null"), HeadFault::Cookies),
        (Request::upgrade().ticket(TICKET).ticket(TICKET), HeadFault::Repeated),
    ] {
        assert_eq!(world.denial(&request), Denial::MalformedHead(fault), "{request:?}");
    }
}

//= req: CRED-4, type=test
#[test]
fn authorization_is_ours_only_with_the_shape_of_our_tokens() {
    let token = World::new().token();
    for (value, ours) in [
        (format!("Bearer {token}"), true),
        (format!("bearer   {token}"), true),
        (format!("BEARER {token} "), true),
        ("Bearer A.".into(), true),
        (format!("Doorward-Session {HEX}"), true),
        ("doorward-session".into(), true),
        (format!("Token {token}"), false),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln".into(), false),
        ("Bearer A.b.c".into(), false),
        ("Bearer abc.def".into(), false),
        ("Bearer".into(), false),
        ("Basic dXNlcjpwYXNz".into(), false),
        (String::new(), false),
        (token, false),
    ] {
        assert_eq!(is_our_authorization(value.as_bytes()), ours, "{value}");
    }
}

//= req: CRED-3, type=test
#[test]
fn a_bad_credential_of_ours_is_never_ignored() {
    let mut world = World::new();
    world.settings.guarding = Guarding::Required;
    // Not even where none is needed.
    let session = Request::get("/.doorward/api/session");
    assert!(matches!(world.decide(&session), Decision::Open(_)));
    let with_cookie = session.clone().cookie("A.b").with("Sec-Fetch-Site", "same-origin");
    assert_eq!(world.denial(&with_cookie), Denial::CredentialInvalid(Invalid::Malformed));
    let with_bearer = session.bearer("A.b");
    assert_eq!(world.denial(&with_bearer), Denial::CredentialInvalid(Invalid::Malformed));
}

//= req: CRED-5, type=test
#[test]
fn endpoints_that_redeem_ignore_cookies() {
    let mut world = World::new();
    for path in ["bootstrap", "token"] {
        let request = Request::post(&format!("/.doorward/api/{path}"))
            .with("Cookie", format!("{COOKIE}=A.b; {COOKIE}=A.c"))
            .bearer("A.b");
        assert!(matches!(world.decide(&request), Decision::Grant(_)), "{path}");
    }
}

#[test]
fn a_local_token_that_nobody_handed_out_is_a_guess() {
    let mut world = World::new();
    let request = Request::get("/").with("Authorization", format!("Doorward-Session {HEX}"));
    let denial = world.denial(&request);
    assert_eq!(denial, Denial::CredentialInvalid(Invalid::LocalUnknown));
    assert_eq!(world.limiter.charges.len(), 1);
}

//= req: CRED-1, type=test
#[test]
fn neither_an_address_nor_a_header_is_a_credential() {
    let mut world = World::new();
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let request = Request::get("/")
            .peer(peer)
            .with("X-Forwarded-For", "127.0.0.1")
            .with("X-Real-IP", "127.0.0.1")
            .with("X_Forwarded_User", "admin")
            .with("X-Doorward-Subject", "admin");
        assert_eq!(world.denial(&request), Denial::CredentialMissing, "{peer}");
    }
}

//= req: TICKET-8, type=test
#[test]
fn the_answer_never_selects_the_protocol_that_bears_a_ticket() {
    let ticket = format!("doorward.ticket.{TICKET}");
    assert_eq!(own_subprotocol(format!("doorward, {ticket}").as_bytes()), Some("doorward"));
    assert_eq!(own_subprotocol(format!("{ticket}, x").as_bytes()), None);
    assert_eq!(own_subprotocol(b"doorwards"), None);
}

#[test]
fn protocols_of_ours_never_reach_the_guarded_server() {
    let offered = format!("doorward, doorward.ticket.{TICKET}, chat, DoorWard.v9,superchat");
    assert_eq!(foreign_subprotocols(&offered).as_deref(), Some("chat, superchat"));
    assert_eq!(foreign_subprotocols("doorward , ,"), None);
    assert_eq!(foreign_subprotocols("").as_deref(), None);
}
