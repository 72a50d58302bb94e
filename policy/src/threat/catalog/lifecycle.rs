//! Credentials from their making to their end.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static STALE_SESSION: Threat = Threat {
    id: ThreatId::StaleSession,
    name: "DW-STALE-SESSION",
    title: "A session outlives its time",
    attackers: &[Attacker::SessionHolder, Attacker::CredentialHolder],
    assets: &[Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Medium,
        because: "It prolongs an access that somebody had, or a theft; it makes none where there \
            was none.",
    },
    preconditions: "The attacker has a session, or a token that was stolen before its end.",
    attack: "A token is renewed for ever, a renewal close to the end wraps or drops the end, one \
        path of several mints with a lifetime of its own, or an open connection stays after its \
        session has ended.",
    mitigations: &[
        at(
            "policy/src/token.rs",
            "Denies at `expires_at` and at `absolute_end`, to the millisecond.",
        ),
        at(
            "policy/src/session.rs",
            "Makes `Lifetimes`, under a ceiling, the only source of a lifetime for every way to \
                a session. A renewal never passes the absolute end, and only a token renews.",
        ),
        at(
            "policy/src/deadline.rs",
            "Moves the end of a live connection with activity, never back, never past the \
                absolute end, and never once it has come.",
        ),
        at(
            "transports/gate/src/connections/mod.rs",
            "Ends the live connections of a session when its time is over, over both transports.",
        ),
        at(
            "transports/gate/src/clock.rs",
            "Doesn't believe a wall clock that is set back, and runs on while the machine sleeps.",
        ),
    ],
    residual: "A stolen token can be renewed by the thief until the absolute end, unless it is \
        revoked. Clocks of machines that share a state may differ by up to five minutes.",
    duties: &[
        operator(
            "Keep the clocks of machines that share keys together, and choose \
            `session.idle` and `session.absolute` no longer than needed.",
        ),
        embedder(
            "Pass in a time that doesn't go back, and close a connection when it is told to \
            end.",
        ),
    ],
    invariants: &[Invariant::I6, Invariant::I10],
    incidents: &["CVE-2021-32923", "CVE-2026-55513", "CVE-2023-40025"],
    cwe: &[613, 672],
    asvs: &["7.3.1", "7.3.2", "7.4.1", "9.2.1"],
    rfcs: &[rfc(6750, "5.3")],
};

pub(in crate::threat) static REVOKED_SESSION: Threat = Threat {
    id: ThreatId::RevokedSession,
    name: "DW-REVOKED-SESSION",
    title: "A revoked session goes on",
    attackers: &[Attacker::SessionHolder, Attacker::CredentialHolder],
    assets: &[Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A revocation is what one does about a theft. If it doesn't act, the thief \
            stays, and the owner believes that they are gone.",
    },
    preconditions: "A session was revoked, and somebody still has its token or a connection of it.",
    attack: "A signed token is valid by itself: after the revocation it is accepted where nobody \
        looks, in another spelling, or through a connection that was open already.",
    mitigations: &[
        at(
            "policy/src/standing.rs",
            "Is consulted for every verified token by the id inside its MAC. Its revocations are \
                final, and when it is older than its bound nobody is admitted.",
        ),
        at(
            "policy/src/tenure.rs",
            "Judges each live connection by the same rules with every piece of news: it goes on \
                only if a new one would be admitted to the same.",
        ),
        at(
            "policy/src/admission/guard.rs",
            "Looks again at a session after its connection was registered: a revocation is \
                either seen then or finds the connection.",
        ),
        at(
            "transports/gate/src/gate/news.rs",
            "Hears what has changed, ends what that concerns, and reports how far it has acted, \
                so that whoever revokes can wait for it. The listener asks five times a second.",
        ),
        at(
            "transports/http/src/body.rs",
            "Breaks off an answer that is still under way when its session ends.",
        ),
    ],
    residual: "Another process or machine may admit for as long as the freshness bound (5 s) \
        after a revocation. What the guarded server was told to do before the revocation, it goes \
        on doing.",
    duties: &[
        operator(
            "Have every listener of a state directory running on the same store, and look \
            at what `sessions revoke` says of those that it has not heard from.",
        ),
        embedder(
            "Refresh the standings from the store, register each connection before it is \
            answered, look at it once more, and close those that are told to end.",
        ),
    ],
    invariants: &[Invariant::I6, Invariant::I8, Invariant::I10],
    incidents: &["CVE-2024-41666", "GHSA-j5fj-8wxc-gvmj"],
    cwe: &[613, 672],
    asvs: &["7.4.1", "7.4.5", "8.3.2"],
    rfcs: &[rfc(6455, "7.4.2"), rfc(9000, "20.2")],
};

pub(in crate::threat) static SESSION_FIXATION: Threat = Threat {
    id: ThreatId::SessionFixation,
    name: "DW-SESSION-FIXATION",
    title: "A person works in a session that the attacker chose",
    attackers: &[Attacker::WebPage, Attacker::CredentialHolder],
    assets: &[Asset::Session],
    stride: &[Stride::Spoofing, Stride::InformationDisclosure],
    severity: Severity {
        level: Level::Medium,
        because: "One person's work is seen by somebody else, or done in their name. The \
            attacker needs a grant or a session of this server to begin with.",
    },
    preconditions: "The attacker can sign in here, and can make the victim's browser keep a \
        session or open a link.",
    attack: "The attacker fixes a session beforehand, by a cookie, a link or a sign-in of their \
        own in the victim's browser, and shares it once the victim has signed in.",
    mitigations: &[
        at(
            "policy/src/grant.rs",
            "Opens a session with a new random id at each sign-in, whatever the request brought \
                along; nothing of a request chooses an id.",
        ),
        at(
            "policy/src/origin.rs",
            "Keeps a page of another origin from redeeming a grant in a visitor's browser.",
        ),
        at(
            "policy/src/cookie.rs",
            "Under https sets a cookie that no neighbouring host and no page of plain http can \
                set (`__Host-`), and denies one that occurs twice or without a name.",
        ),
        at(
            "transports/http/src/headers.rs",
            "Takes out of the guarded server's answers what would set Doorward's cookie.",
        ),
        at(
            "transports/http/src/pages/pair.html",
            "Says, once paired, whose session it is; so does the console.",
        ),
    ],
    residual: "Opening a link pairs at once: who opens one that somebody else made works under \
        that label, and whoever made it can see and revoke that session. Another port of the same \
        host can set the cookie: any on plain http, one with https under https.",
    duties: &[
        operator("Hand links over on a way that tells who they are from, and label them."),
        embedder("Draw a new session id from entropy for every redemption."),
    ],
    invariants: &[Invariant::I1, Invariant::I13, Invariant::I14],
    incidents: &["CVE-2024-10318", "CVE-2024-21583"],
    cwe: &[384],
    asvs: &["3.3.3", "7.2.4"],
    rfcs: &[rfc(6265, "8.4"), rfc(6265, "8.6")],
};

pub(in crate::threat) static GRANT_REPLAY: Threat = Threat {
    id: ThreatId::GrantReplay,
    name: "DW-GRANT-REPLAY",
    title: "A single-use grant buys two sessions",
    attackers: &[Attacker::CredentialHolder, Attacker::RemoteStranger],
    assets: &[Asset::Grant, Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A link that was used lies in histories and chats: each of them would be a way \
            in. The attacker has to find one.",
    },
    preconditions: "The attacker has a grant that was used, or sends the same one several times \
        at once.",
    attack: "Check and mark are separate steps, so that requests at the same time all pass the \
        check; or a link from a browser's history, a chat or a log is used a second time.",
    mitigations: &[
        at(
            "policy/src/grant.rs",
            "Checks and consumes in one transition. Within 60 s the same client nonce at the \
                same endpoint gets the same session again, never another one; any other \
                repetition is refused.",
        ),
        at(
            "policy/src/ledger/mod.rs",
            "Is that transition over a whole store, and the model that every other store is \
                compared with.",
        ),
        at(
            "transports/gate/src/store/sqlite/operations/mod.rs",
            "Runs it in the writer's transaction, of which there is one at a time in all \
                processes, and which is committed before anybody is answered.",
        ),
    ],
    residual: "Whoever uses a grant first gets its session. The rightful user then sees a \
        refusal and must report it; the sessions list shows where it was opened from. Whoever \
        sees both grant and nonce within a minute gets the same session.",
    duties: &[
        operator(
            "Revoke the session of a link that was refused to the person it was for, and \
            restore no store from a time before it was spent.",
        ),
        embedder(
            "Run `grant::redeem` and the write of what it returns in one transaction, \
            across all processes that share the grants.",
        ),
    ],
    invariants: &[Invariant::I5, Invariant::I14],
    incidents: &["CVE-2026-45720", "CVE-2026-3590", "CVE-2020-15222", "CVE-2025-46815"],
    cwe: &[294, 362, 367],
    asvs: &["2.3.4", "6.4.1", "6.5.1", "15.4.2"],
    rfcs: &[rfc(6749, "4.1.2"), rfc(6749, "10.5")],
};

pub(in crate::threat) static GRANT_GUESSING: Threat = Threat {
    id: ThreatId::GrantGuessing,
    name: "DW-GRANT-GUESSING",
    title: "A grant is guessed",
    attackers: &[Attacker::RemoteStranger],
    assets: &[Asset::Grant, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A guess that hits is a session. It has to hit while a grant is open, and \
            against 60 bits at least.",
    },
    preconditions: "A grant is open, and the attacker can reach the endpoints that redeem one.",
    attack: "Codes that people type are short. An attacker tries many, from many addresses, or \
        makes the counter of attempts forget by overflowing its table.",
    mitigations: &[
        at(
            "policy/src/grant.rs",
            "Gives a link 256 bits, and a code 60 with at most 10 minutes to live. Unknown, \
                expired, revoked and spent grants have one public answer.",
        ),
        at(
            "policy/src/limiter.rs",
            "Allows 10 codes a minute for an IPv4 address or IPv6 /64; a full table never drops \
                a live counter.",
        ),
        at(
            "policy/src/admission/redeem.rs",
            "Charges a redemption before the store is asked, over each transport.",
        ),
        at(
            "policy/src/forwarding.rs",
            "Finds the address that is charged without believing the client: the socket's, or \
                what a trusted proxy says.",
        ),
        at(
            "transports/quic/src/listener.rs",
            "Counts nothing against an address that is not validated.",
        ),
    ],
    residual: "A full table (65,536 addresses in one minute: one IPv6 /48 has as many /64s) lets \
        newcomers through uncounted: at a million codes a second, one live code falls in ten \
        minutes with a probability of about 1 in 2 billion. People behind one address share its \
        limit.",
    duties: &[
        operator(
            "Make codes only when somebody is there to type them, and let a trusted proxy \
            tell the address of each client.",
        ),
        embedder("Keep one limiter for all endpoints and transports of a listener."),
    ],
    invariants: &[Invariant::I6, Invariant::I16, Invariant::I19],
    incidents: &["CVE-2024-21652", "CVE-2026-29794"],
    cwe: &[204, 307, 334],
    asvs: &["2.4.1", "6.1.1", "6.3.1", "6.5.3", "6.5.4", "6.6.3"],
    rfcs: &[rfc(6585, "4"), rfc(6749, "10.10"), rfc(8628, "5.1"), rfc(8628, "6.1")],
};

pub(in crate::threat) static STALE_GRANT: Threat = Threat {
    id: ThreatId::StaleGrant,
    name: "DW-STALE-GRANT",
    title: "An old or withdrawn grant still works",
    attackers: &[Attacker::CredentialHolder],
    assets: &[Asset::Grant, Asset::GuardedServer],
    stride: &[Stride::Spoofing],
    severity: Severity {
        level: Level::Medium,
        because: "It lets in whoever finds one unused grant, and only as far as that grant goes.",
    },
    preconditions: "The attacker finds a link or a code that was never used.",
    attack: "A link that was never used lies in a chat for months, or was withdrawn after it had \
        been sent to the wrong person.",
    mitigations: &[
        at(
            "policy/src/grant.rs",
            "Refuses at `expires_at` and from the revocation on; a repetition with the same \
                nonce is refused too once the grant or its session was revoked. Lifetimes have \
                ceilings: 30 days for a link, 10 minutes for a code.",
        ),
        at(
            "transports/listener/src/config/keys.rs",
            "Gives the link that is made at the start 10 minutes.",
        ),
        at(
            "transports/listener/src/commands/grants.rs",
            "Lists the grants that are open, and revokes them.",
        ),
    ],
    residual: "Revoking a grant doesn't end the session that it has bought; revoke that too.",
    duties: &[operator(
        "Give links the life that their handing over needs, look through `doorward \
            grants list`, and revoke what went astray.",
    )],
    invariants: &[Invariant::I6],
    incidents: &[],
    cwe: &[613, 672],
    asvs: &["6.4.1", "6.5.6"],
    rfcs: &[rfc(6749, "4.1.2"), rfc(6749, "10.5")],
};

pub(in crate::threat) static TICKET_REPLAY: Threat = Threat {
    id: ThreatId::TicketReplay,
    name: "DW-TICKET-REPLAY",
    title: "A ticket is used twice, late, or by somebody else",
    attackers: &[Attacker::CredentialHolder, Attacker::SessionHolder, Attacker::WebPage],
    assets: &[Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing],
    severity: Severity {
        level: Level::Medium,
        because: "One connection of one session, for whoever reads a ticket within seconds of \
            its making.",
    },
    preconditions: "The attacker reads a ticket: in a proxy's log, or in what the guarded server \
        echoes.",
    attack: "A ticket travels in a header that proxies log and that the server could echo. \
        Whoever reads it uses it again, from another page, or beside another person's cookie.",
    mitigations: &[
        at(
            "policy/src/ticket.rs",
            "Removes the ticket in the transaction that accepts it, within 30 s, from the origin \
                that asked for it, beside no other session's cookie, for at most the capabilities \
                of its session. It renews nothing.",
        ),
        at(
            "policy/src/credential.rs",
            "Reads tickets from the subprotocol of an upgrade alone: none stands in a URL.",
        ),
        at(
            "policy/src/admission/mod.rs",
            "Never answers with the subprotocol that carries a ticket, and never offers it to \
                the guarded server.",
        ),
        at(
            "transports/gate/src/store/sqlite/operations/mod.rs",
            "Consumes it in one transaction, under its digest.",
        ),
    ],
    residual: "Within its 30 s whoever reads an unused ticket can use it from a program, which \
        sends whatever `Origin` it likes.",
    duties: &[
        operator("Have a proxy in front log no `Sec-WebSocket-Protocol`."),
        embedder(
            "Consume the ticket in the transaction that finds it, before the upgrade is \
            answered.",
        ),
    ],
    invariants: &[Invariant::I5, Invariant::I6, Invariant::I11],
    incidents: &["CVE-2025-54289"],
    cwe: &[294, 613],
    asvs: &["4.4.3", "4.4.4", "6.5.1"],
    rfcs: &[rfc(6455, "1.9"), rfc(6455, "4.2.2"), rfc(6455, "10.5")],
};
