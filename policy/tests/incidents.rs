//! Published incidents of this field, replayed: what each would be denied for here.
//!
//! Incidents whose input the policy never sees are listed below the table, with who answers for
//! them. Together they are all of [`INCIDENTS`], and each is in the row of its denial.
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
#[path = "common/replay.rs"]
mod replay;

use std::collections::BTreeSet;

use doorward_policy::Denial;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Bound, GrantFault, HeadFault, Invalid, Shown};
use doorward_policy::threat::{INCIDENTS, Invariant, ThreatId};

use common::request::EVIL;
use common::{NOW, World, secs};

/// The incidents of one kind, the input that they have in common, and its denial.
struct Case {
    what: &'static str,
    incidents: &'static [&'static str],
    replay: fn(&mut World) -> Denial,
    denied: Denial,
    threat: ThreatId,
}

fn origin(seen: &str) -> Denial {
    Denial::OriginDenied { seen: Shown::new(seen) }
}

fn host(seen: &str) -> Denial {
    Denial::HostDenied { seen: Shown::new(seen) }
}

fn from_browsers() -> Vec<Case> {
    vec![
        Case {
            what: "an upgrade from a foreign page, without a token",
            incidents: &[
                "CVE-2025-52882",
                "CVE-2026-44211",
                "CVE-2025-24964",
                "CVE-2026-27148",
                "CVE-2018-14732",
            ],
            replay: replay::foreign_upgrade,
            denied: origin(EVIL),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a foreign page at an address",
            incidents: &["CVE-2025-30360"],
            replay: replay::address_origin,
            denied: origin("http://203.0.113.7"),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a foreign page, with the valid Host",
            incidents: &["CVE-2025-24010", "CVE-2025-48068", "RUSTSEC-2026-0140"],
            replay: replay::foreign_origin_valid_host,
            denied: origin(EVIL),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a foreign page, with the victim's cookie",
            incidents: &[
                "CVE-2023-0957",
                "CVE-2023-26114",
                "CVE-2026-44514",
                "CVE-2026-44985",
                "CVE-2026-55883",
                "CVE-2026-42283",
                "CVE-2026-34403",
                "CVE-2026-22689",
            ],
            replay: replay::foreign_upgrade_with_cookie,
            denied: origin(EVIL),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a browser extension",
            incidents: &["CVE-2026-54069"],
            replay: replay::extension_origin,
            denied: origin("chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "an origin that an allowed one is the beginning of",
            incidents: &["CVE-2022-1996"],
            replay: replay::origin_with_allowed_prefix,
            denied: origin("https://example.com.malicious.domain"),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a sign-in that the attacker began in the victim's browser",
            incidents: &["CVE-2024-10318"],
            replay: replay::foreign_sign_in,
            denied: origin(EVIL),
            threat: ThreatId::CrossSiteHijack,
        },
        Case {
            what: "a name that resolves to this machine",
            incidents: &[
                "CVE-2026-42559",
                "CVE-2025-66416",
                "CVE-2026-34742",
                "CVE-2025-59956",
                "CVE-2025-64443",
                "CVE-2024-28224",
                "CVE-2022-41924",
                "CVE-2018-7160",
            ],
            replay: replay::rebound_host,
            denied: host("rebind.evil:8080"),
            threat: ThreatId::DnsRebinding,
        },
        Case {
            what: "a Host that is nearly an address",
            incidents: &["CVE-2022-32212"],
            replay: replay::invalid_address_host,
            denied: Denial::MalformedHead(HeadFault::Host),
            threat: ThreatId::DnsRebinding,
        },
        Case {
            what: "a cookie without a name that reads like the session's",
            incidents: &["CVE-2023-23934"],
            replay: replay::nameless_cookie,
            denied: Denial::CookieShadowed,
            threat: ThreatId::CookieShadowing,
        },
        Case {
            what: "two session cookies",
            incidents: &["CVE-2024-21583"],
            replay: replay::duplicate_cookie,
            denied: Denial::CookieShadowed,
            threat: ThreatId::CookieShadowing,
        },
        Case {
            what: "cookies without end",
            incidents: &["CVE-2025-58186"],
            replay: replay::many_cookies,
            denied: Denial::TooLarge(Bound::Cookies),
            threat: ThreatId::ResourceExhaustion,
        },
    ]
}

fn without_a_credential() -> Vec<Case> {
    let threat = ThreatId::AmbientAuthority;
    let denied = Denial::CredentialMissing;
    vec![
        Case {
            what: "a local request, an upgrade and a command, without a credential",
            incidents: &["CVE-2025-49596", "CVE-2026-22812", "CVE-2024-28179", "CVE-2025-54376"],
            replay: replay::local_without_credential,
            denied,
            threat,
        },
        Case {
            what: "a claim of the server before anybody has signed in",
            incidents: &["CVE-2026-42222"],
            replay: replay::claim_without_grant,
            denied,
            threat,
        },
        Case {
            what: "a magic query",
            incidents: &["CVE-2026-33203"],
            replay: replay::magic_query,
            denied,
            threat,
        },
        Case {
            what: "headers that claim an address or an identity",
            incidents: &["CVE-2023-41338", "CVE-2025-64484"],
            replay: replay::claiming_headers,
            denied,
            threat,
        },
        Case {
            what: "a query that reads like a permitted path",
            incidents: &["CVE-2025-54576"],
            replay: replay::permitted_path_in_query,
            denied: Denial::NoRoute,
            threat: ThreatId::RouteBypass,
        },
    ]
}

fn forged_tokens() -> Vec<Case> {
    let threat = ThreatId::TokenForgery;
    let malformed = Denial::CredentialInvalid(Invalid::Malformed);
    vec![
        Case {
            what: "a token that says that it needs no signature",
            incidents: &["CVE-2015-9235", "CVE-2022-23540"],
            replay: replay::unsigned_token,
            denied: malformed,
            threat,
        },
        Case {
            what: "a tag that was cut short",
            incidents: &["CVE-2020-28042", "CVE-2009-0217"],
            replay: replay::short_tags,
            denied: malformed,
            threat,
        },
        Case {
            what: "another serialisation in the place of a segment, or one segment more",
            incidents: &["CVE-2022-39227"],
            replay: replay::polyglot_token,
            denied: malformed,
            threat,
        },
        Case {
            what: "a time of the wrong type",
            incidents: &["CVE-2026-25537"],
            replay: replay::time_of_wrong_type,
            denied: malformed,
            threat,
        },
        Case {
            what: "a million dots",
            incidents: &["CVE-2025-30204"],
            replay: replay::million_dots,
            denied: malformed,
            threat,
        },
        Case {
            what: "another spelling of a revoked token",
            incidents: &["GHSA-j5fj-8wxc-gvmj"],
            replay: replay::respelled_token,
            denied: malformed,
            threat,
        },
    ]
}

fn used_twice_or_too_late() -> Vec<Case> {
    vec![
        Case {
            what: "a single-use grant, by two at once",
            incidents: &["CVE-2026-45720", "CVE-2026-3590"],
            replay: replay::interleaved_redemptions,
            denied: Denial::GrantRefused(GrantFault::Spent),
            threat: ThreatId::GrantReplay,
        },
        Case {
            what: "the same grant twice",
            incidents: &["CVE-2020-15222", "CVE-2025-46815"],
            replay: replay::second_redemption,
            denied: Denial::GrantRefused(GrantFault::Spent),
            threat: ThreatId::GrantReplay,
        },
        Case {
            what: "a renewal a second before the end",
            incidents: &["CVE-2021-32923"],
            replay: replay::renewal_at_the_end,
            denied: Denial::SessionExpired,
            threat: ThreatId::StaleSession,
        },
        Case {
            what: "a session of each way to get one, after its lifetime",
            incidents: &["CVE-2026-55513"],
            replay: replay::lifetime_of_every_path,
            denied: Denial::SessionExpired,
            threat: ThreatId::StaleSession,
        },
        Case {
            what: "a terminal that is open when its session expires",
            incidents: &["CVE-2023-40025"],
            replay: replay::expired_while_open,
            denied: Denial::SessionExpired,
            threat: ThreatId::StaleSession,
        },
        Case {
            what: "a terminal that is open when its session is revoked",
            incidents: &["CVE-2024-41666"],
            replay: replay::revoked_while_open,
            denied: Denial::SessionRevoked,
            threat: ThreatId::RevokedSession,
        },
        Case {
            what: "one session's ticket beside another session's cookie",
            incidents: &["CVE-2025-54289"],
            replay: replay::ticket_of_another_session,
            denied: Denial::CredentialInvalid(Invalid::TicketSession),
            threat: ThreatId::TicketReplay,
        },
    ]
}

fn beyond_what_was_given() -> Vec<Case> {
    let limited = Denial::GuessesLimited { until: NOW.plus(secs(60)) };
    vec![
        Case {
            what: "a joining session on an administrator's route",
            incidents: &["CVE-2022-36103"],
            replay: replay::join_token_as_administrator,
            denied: Denial::CapabilityLacking(Capabilities::ADMINISTER),
            threat: ThreatId::CapabilityEscalation,
        },
        Case {
            what: "a membership that was taken away",
            incidents: &["CVE-2025-23208"],
            replay: replay::capability_taken_away,
            denied: Denial::CapabilityLacking(Capabilities::OPERATE),
            threat: ThreatId::CapabilityEscalation,
        },
        Case {
            what: "somebody else's workspace, by the client's own word",
            incidents: &["CVE-2026-54324"],
            replay: replay::named_workspace,
            denied: Denial::WorkspaceUnknown,
            threat: ThreatId::WorkspaceConfusion,
        },
        Case {
            what: "guesses, a flood of other addresses, and a guess",
            incidents: &["CVE-2024-21652"],
            replay: replay::flooded_limiter,
            denied: limited,
            threat: ThreatId::GrantGuessing,
        },
        Case {
            what: "guesses, each from another address by its own word",
            incidents: &["CVE-2026-29794"],
            replay: replay::rotating_forwarded_for,
            denied: limited,
            threat: ThreatId::GrantGuessing,
        },
        Case {
            what: "a huge head that trickles in",
            incidents: &["CVE-2023-43669"],
            replay: replay::trickled_head,
            denied: Denial::TooLarge(Bound::HeadBytes),
            threat: ThreatId::ResourceExhaustion,
        },
        Case {
            what: "ten thousand headers",
            incidents: &["CVE-2024-37890"],
            replay: replay::many_headers,
            denied: Denial::TooLarge(Bound::HeadFields),
            threat: ThreatId::ResourceExhaustion,
        },
    ]
}

/// Incidents whose input the policy never sees, and who answers for them.
const BELOW_THE_POLICY: [(&str, &str); 20] = [
    ("CVE-2015-10004", "the MAC's verification, by construction"),
    ("CVE-2020-2101", "the MAC's verification, by construction"),
    ("CVE-2022-29185", "the MAC's verification, by construction"),
    ("CVE-2026-23519", "an inspection of released code"),
    ("CVE-2025-66565", "the gate's generator"),
    ("CVE-2024-7558", "the gate's generator"),
    ("CVE-2026-25253", "the pages and the client"),
    ("CVE-2022-24758", "the gate's audit; a search of every log of a whole run"),
    ("CVE-2022-35922", "the WebSocket adapter's frame bound"),
    ("CVE-2026-27889", "the WebSocket adapter's frame bound"),
    ("CVE-2026-26999", "the listener's deadline"),
    ("CVE-2026-2833", "the adapters forward nothing before the admission"),
    ("CVE-2018-1002105", "the adapters close after a failed upgrade"),
    ("CVE-2024-39321", "the QUIC adapter takes no early data"),
    ("CVE-2023-42805", "the release of quinn-proto that Cargo.toml asks for"),
    ("CVE-2024-45311", "the release of quinn-proto that Cargo.toml asks for"),
    ("CVE-2026-31812", "the release of quinn-proto that Cargo.toml asks for"),
    ("CVE-2026-25800", "the release of quinn-proto that Cargo.toml asks for"),
    ("CVE-2024-1410", "the release of quinn-proto that Cargo.toml asks for"),
    ("CVE-2024-22189", "the release of quinn-proto that Cargo.toml asks for"),
];

fn cases() -> Vec<Case> {
    [
        from_browsers(),
        without_a_credential(),
        forged_tokens(),
        used_twice_or_too_late(),
        beyond_what_was_given(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_replayed_incident_is_denied_for_its_reason() {
    for case in cases() {
        let Case { what, incidents, replay, denied, threat } = case;
        assert_eq!(replay(&mut World::new()), denied, "{what} ({incidents:?})");
        assert_eq!(denied.threat(), threat, "{what}");
    }
}

#[test]
fn every_replayed_incident_is_in_the_row_of_its_threat() {
    for case in cases() {
        for incident in case.incidents {
            let row = case.threat.row();
            assert!(row.incidents.contains(incident), "{incident} is not in {}", row.name);
        }
    }
}

#[test]
fn every_incident_is_replayed_or_somebody_elses_and_never_both() {
    let replayed = cases().into_iter().flat_map(|case| case.incidents);
    let below = BELOW_THE_POLICY.iter().map(|(id, _)| id);
    let here: Vec<&str> = replayed.chain(below).copied().collect();
    let unique: BTreeSet<&str> = here.iter().copied().collect();
    assert_eq!(unique.len(), here.len());
    let listed: BTreeSet<&str> = INCIDENTS.iter().map(|incident| incident.id).collect();
    assert_eq!(unique, listed);
}

/// quinn's own panics and floods are mended from 0.11.15 on.
#[test]
fn the_release_of_quinn_proto_is_later_than_its_incidents() {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
    let lock = std::fs::read_to_string(lock).unwrap();
    let lines: Vec<&str> = lock.lines().collect();
    let built = lines.windows(2).filter(|pair| pair[0] == "name = \"quinn-proto\"");
    let built: Vec<Vec<u32>> = built
        .map(|pair| pair[1].trim_start_matches("version = ").trim_matches('"'))
        .map(|version| version.split('.').map(|part| part.parse().unwrap()).collect())
        .collect();
    assert!(!built.is_empty() && built.iter().all(|one| *one >= vec![0, 11, 15]), "{built:?}");
}

#[test]
fn every_incident_is_listed_once_and_whole() {
    let ids: BTreeSet<&str> = INCIDENTS.iter().map(|incident| incident.id).collect();
    assert_eq!((ids.len(), INCIDENTS.len()), (85, 85));
    for incident in INCIDENTS {
        for text in [incident.id, incident.software, incident.cause, incident.replay] {
            assert!(!text.is_empty() && text.is_ascii() && !text.contains("  "), "{incident:?}");
        }
        assert!(!incident.invariants.is_empty(), "{}", incident.id);
    }
}

#[test]
fn every_incident_is_in_a_row_and_every_row_knows_its_incidents() {
    let in_rows: BTreeSet<&str> =
        ThreatId::all().flat_map(|id| id.row().incidents).copied().collect();
    let listed: BTreeSet<&str> = INCIDENTS.iter().map(|incident| incident.id).collect();
    assert_eq!(in_rows, listed);
}

#[test]
fn a_row_holds_an_invariant_that_would_have_stopped_its_incident() {
    for row in ThreatId::all().map(ThreatId::row) {
        let holds = |invariant: &Invariant| row.invariants.contains(invariant);
        for incident in INCIDENTS.iter().filter(|incident| row.incidents.contains(&incident.id)) {
            assert!(incident.invariants.iter().any(holds), "{} in {}", incident.id, row.name);
        }
    }
}

/// Incidents of which a row holds not all that would have stopped them, and why.
const HELD_IN_PART: [(&str, Invariant, &str); 2] = [
    ("CVE-2025-48068", Invariant::I2, "its input has the valid Host: only I1 stops it as it was"),
    ("RUSTSEC-2026-0140", Invariant::I2, "its Host was checked: only I1 was missing"),
];

#[test]
fn the_rows_of_an_incident_hold_all_invariants_that_would_have_stopped_it() {
    for incident in INCIDENTS {
        let rows = ThreatId::all().map(ThreatId::row);
        let held: BTreeSet<Invariant> = rows
            .filter(|row| row.incidents.contains(&incident.id))
            .flat_map(|row| row.invariants)
            .copied()
            .collect();
        let missing: Vec<Invariant> =
            incident.invariants.iter().filter(|one| !held.contains(one)).copied().collect();
        let excused = HELD_IN_PART.iter().filter(|(id, ..)| *id == incident.id);
        let excused: Vec<Invariant> = excused.map(|(_, invariant, _)| *invariant).collect();
        assert_eq!(missing, excused, "{}", incident.id);
    }
}
