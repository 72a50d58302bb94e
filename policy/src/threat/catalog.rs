//! The rows of the catalog.

use super::{Invariant, Level, Mitigation, Severity, Threat, ThreatId};

/// A published incident that no row answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentElsewhere {
    /// Its identifier.
    pub id: &'static str,
    /// What it was found in.
    pub software: &'static str,
    /// Why no row answers for it.
    pub reason: &'static str,
}

const NO_QUIC: &str = "QUIC is not served; this applies once it is";

/// The incidents that no row answers for, with the reason.
pub const INCIDENTS_ELSEWHERE: &[IncidentElsewhere] = &[
    IncidentElsewhere { id: "CVE-2024-39321", software: "Traefik", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2023-42805", software: "quinn", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2024-45311", software: "quinn", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2026-31812", software: "quinn", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2026-25800", software: "quinn", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2024-1410", software: "quiche", reason: NO_QUIC },
    IncidentElsewhere { id: "CVE-2024-22189", software: "quic-go", reason: NO_QUIC },
];

pub(super) static DNS_REBINDING: Threat = Threat {
    id: ThreatId::DnsRebinding,
    name: "DW-DNS-REBINDING",
    title: "A web page reaches the server under the page's own name",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The name of a hostile page is made to resolve to the server's address after the page \
        has loaded. To the browser, page and server then are one origin: it lets the page read \
        every answer, and `Origin` and `Host` agree with each other.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`host::verify` compares the one `Host` of a request with an allow-list, under strict \
        parsing, whatever `Origin` says and wherever the request comes from. `localhost`, \
        `127.0.0.1` and `[::1]` are implied unless the exposure is remote; nothing else is. A name \
        that ends in a number is four plain decimal numbers or malformed; entries have no \
        wildcards.",
    }],
    residual: "Whoever controls the DNS of a name that the operator lists controls that name. List \
        no name that others can point elsewhere.",
    invariants: &[Invariant::I2, Invariant::I3],
    duties: &[],
    incidents: &[
        "CVE-2026-42559",
        "CVE-2025-66416",
        "CVE-2026-34742",
        "CVE-2025-59956",
        "CVE-2025-64443",
        "CVE-2024-28224",
        "CVE-2022-41924",
        "CVE-2018-7160",
        "CVE-2022-32212",
    ],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static CROSS_SITE_HIJACK: Threat = Threat {
    id: ThreatId::CrossSiteHijack,
    name: "DW-CROSS-SITE-HIJACK",
    title: "A web page drives the server with the visitor's cookie",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Browsers open WebSockets to anywhere, ask for no permission and send the cookies of \
        the target along; simple requests need no preflight either. A page that a signed-in person \
        visits acts as that person, or signs the person in as the attacker.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`origin::verify` accepts a present `Origin` only if it equals the effective scheme \
        and this request's `Host`, or a listed origin, compared part by part after default ports \
        are filled in. With a cookie an `Origin` is required on upgrades and on every method but \
        GET and HEAD; those need fetch metadata that says same-origin, none, or a navigation to a \
        document. `same-site` is not enough: another port of this machine is the same site. \
        `null`, extension schemes and addresses have no exemption, a preflight has none, and \
        `api/token` refuses every request with an `Origin`. Each sign-in opens a session with a \
        new id.",
    }],
    residual: "A navigation from another site is let through as GET: a guarded server that changes \
        something on GET can still be made to. A hostile guarded server runs its scripts in this \
        very origin and can do whatever the session may. A browser without fetch metadata is \
        refused reads by cookie.",
    invariants: &[Invariant::I1, Invariant::I14],
    duties: &[],
    incidents: &[
        "CVE-2025-52882",
        "CVE-2026-44211",
        "CVE-2025-24964",
        "CVE-2026-27148",
        "CVE-2018-14732",
        "CVE-2025-30360",
        "CVE-2025-24010",
        "CVE-2025-48068",
        "CVE-2023-0957",
        "CVE-2023-26114",
        "CVE-2026-44514",
        "CVE-2026-44985",
        "CVE-2026-55883",
        "CVE-2026-42283",
        "CVE-2026-34403",
        "CVE-2026-22689",
        "CVE-2026-54069",
        "CVE-2022-1996",
        "RUSTSEC-2026-0140",
        "CVE-2024-10318",
    ],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static AMBIENT_AUTHORITY: Threat = Threat {
    id: ThreatId::AmbientAuthority,
    name: "DW-AMBIENT-AUTHORITY",
    title: "Reaching the port is all that it takes",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A server on loopback takes whoever reaches it for its owner. Every other user of the \
        machine, every container that shares its network and every page in its browser reaches it \
        too; so does the first to claim a server that waits for its first sign-in.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`admission::Guard::decide` admits on a credential alone: an `Admitted` can't be \
        built without the proof of one, and neither an address nor a header makes such a proof. The \
        first session is bought with a grant that only the terminal or the parent process has \
        seen.",
    }],
    residual: "Unguarded operation, which has to be asked for by name, gives up exactly this \
        defence; `Host`, `Origin` and, for browsers, fetch metadata are still checked. Whoever runs \
        as the same user, or as root, can read the state directory.",
    invariants: &[Invariant::I3, Invariant::I4],
    duties: &[],
    incidents: &[
        "CVE-2025-49596",
        "CVE-2026-22812",
        "CVE-2026-42222",
        "CVE-2024-28179",
        "CVE-2025-54376",
        "CVE-2026-33203",
        "CVE-2023-41338",
        "CVE-2025-64484",
    ],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static ROUTE_BYPASS: Threat = Threat {
    id: ThreatId::RouteBypass,
    name: "DW-ROUTE-BYPASS",
    title: "Some path, method or transport skips the decision",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The check is attached route by route, and one is forgotten: the upgrade handler, a \
        keep-alive endpoint, a method that nobody thought of, a skip rule that matches a query.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "Every request passes `admission::Guard::decide`; upgrades are no case of their own. \
        `route::Routes` denies what no rule names, looks at the path alone, never at the query, and \
        a rule for Doorward's own endpoints names one method.",
    }],
    residual: "The guard covers what goes through the listener. The operator must see to it that \
        the guarded server is not reachable beside it.",
    invariants: &[Invariant::I4],
    duties: &[],
    incidents: &["CVE-2024-28179", "CVE-2025-54376", "CVE-2026-33203", "CVE-2025-54576"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static PATH_CONFUSION: Threat = Threat {
    id: ThreatId::PathConfusion,
    name: "DW-PATH-CONFUSION",
    title: "A path means one thing to the guard and another to the guarded server",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Encoded separators, dot segments, backslashes, `;` parameters and case are read \
        differently by different servers. A path that the guard files under a lenient rule is served from under \
        a strict one, or comes to lie among Doorward's own.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`route::Path` refuses whatever decodes or normalises into `/.doorward` without \
        being spelled so, and every target that is not printable ASCII in origin form. Where \
        rules differ, a path needs what each rule asks for that it could come under in some reading, \
        also one for which `/Admin` is `/admin`.",
    }],
    residual: "What a guarded server makes of a decoded path is its own: an end at an encoded zero \
        byte, letters beyond ASCII that it takes for others. Don't rely on rules for such a server; the default \
        rule, which covers every path, can't be evaded this way.",
    invariants: &[Invariant::I4],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static REQUEST_SMUGGLING: Threat = Threat {
    id: ThreatId::RequestSmuggling,
    name: "DW-REQUEST-SMUGGLING",
    title: "One request for the guard is two for the server behind it",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Two parsers on the way disagree on where a head or a body ends: bare line feeds, \
        folded lines, two lengths, a length beside chunking, a header that occurs twice. What the \
        guard took for a body reaches the server as a request that nobody decided on.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`head::HeadScanner` reads the first head of a connection byte by byte and refuses \
        each of these before the real parser sees it; it never decides. `request::Fields` refuses, \
        for every request, lengths that conflict and any header that the decision reads and that \
        occurs twice.",
    }],
    residual: "The scanner sees the first head of a connection; later ones have only what the HTTP \
        library and `request::Fields` enforce. A proxy in front that reads heads in a way of its \
        own remains a second parser.",
    invariants: &[Invariant::I4, Invariant::I18],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static UPGRADE_SMUGGLING: Threat = Threat {
    id: ThreatId::UpgradeSmuggling,
    name: "DW-UPGRADE-SMUGGLING",
    title: "An upgrade opens a tunnel past the guard",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "CONNECT, `Upgrade: h2c`, or a WebSocket handshake that the server behind refuses turns \
        the connection into a pipe: bytes sent early, or after the refusal, reach the server as \
        requests of their own.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`admission` denies CONNECT and every request with an `Upgrade` that is not one \
        complete WebSocket handshake (GET, version 13, a 16-byte key, no body). The adapters \
        forward nothing before the admission and close the connection after a failed upgrade.",
    }],
    residual: "Nothing, as long as an adapter keeps to both; the policy can't see the bytes.",
    invariants: &[Invariant::I18],
    duties: &[],
    incidents: &["CVE-2026-2833", "CVE-2018-1002105"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static HEADER_SPOOFING: Threat = Threat {
    id: ThreatId::HeaderSpoofing,
    name: "DW-HEADER-SPOOFING",
    title: "A header claims an address, a scheme or an identity",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "`X-Forwarded-For: 127.0.0.1` makes a stranger local, a fresh value for each request \
        makes a limiter count to one for ever, and an identity header that differs by an \
        underscore reaches the guarded server as Doorward's own.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`forwarding::resolve` reads forwarding headers only from a configured proxy, takes \
        the last address that no configured proxy wrote for, and denies what it can't read. Nothing \
        is ever admitted for an address. The proxying adapter replaces every spelling of the \
        identity headers.",
    }],
    residual: "A trusted proxy is trusted: it must append to `X-Forwarded-For`, set \
        `X-Forwarded-Proto`, and be listed with no wider a network than it has.",
    invariants: &[Invariant::I3, Invariant::I16],
    duties: &[],
    incidents: &["CVE-2023-41338", "CVE-2025-64484", "CVE-2026-29794"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static EAVESDROPPING: Threat = Threat {
    id: ThreatId::Eavesdropping,
    name: "DW-EAVESDROPPING",
    title: "A credential is read off the wire",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Plain http to another machine shows every cookie and token to whoever is on the way.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`admission` denies plain http from any client that is not on loopback, before it \
        looks for a credential. Under https the cookie is `Secure` and named with `__Host-`.",
    }],
    residual: "The refusal comes after the request: a credential that was sent in the clear has \
        been sent, and should be revoked. A proxy on this machine that is not configured as \
        trusted looks like a local client: what reaches it in the clear can't be seen here.",
    invariants: &[Invariant::I12, Invariant::I13],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static CREDENTIAL_AMBIGUITY: Threat = Threat {
    id: ThreatId::CredentialAmbiguity,
    name: "DW-CREDENTIAL-AMBIGUITY",
    title: "Two credentials, of which one is checked and the other is used",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A request brings a good credential and a bad one, or those of two people. Whatever \
        has precedence here may not have it in the next component.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`credential::extract` has no precedence: more than one source is denied, but for a \
        ticket beside the cookie of its own session. An invalid credential is never skipped for a \
        valid one. `Authorization` is Doorward's only with the shape of its tokens, and is never \
        forwarded then.",
    }],
    residual: "The guarded server's own `Authorization` passes through and is its own business.",
    invariants: &[Invariant::I4],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static COOKIE_SHADOWING: Threat = Threat {
    id: ThreatId::CookieShadowing,
    name: "DW-COOKIE-SHADOWING",
    title: "A cookie planted beside the session's takes its place",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A neighbouring host or port sets a cookie of the same name, a cookie with an empty \
        name whose value reads `__Host-doorward=...`, or so many that parsing them is the attack. \
        The victim then works in the attacker's session, or in none.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`cookie::find` denies a session cookie that occurs twice or without a name, and \
        counts to a bound. Names are compared as bytes: no Unicode white space is trimmed. The \
        cookie is `HttpOnly`, `SameSite=Lax`, and `__Host-` with `Secure` under https; on plain \
        http its name has the port in it.",
    }],
    residual: "On plain http (loopback only) another port of this machine can overwrite or remove \
        the cookie: a nuisance, and a sign-in as somebody else if that port has a session to \
        give. Https closes it.",
    invariants: &[Invariant::I13, Invariant::I15],
    duties: &[],
    incidents: &["CVE-2023-23934", "CVE-2024-21583", "CVE-2025-58186"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static TOKEN_FORGERY: Threat = Threat {
    id: ThreatId::TokenForgery,
    name: "DW-TOKEN-FORGERY",
    title: "Claims that nobody signed are believed",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The token chooses its own algorithm or none, its tag is cut short, it has a second \
        serialisation inside, a second spelling that a deny-list on the text doesn't know, or it \
        was signed for another server or purpose. Comparing tags byte by byte tells how many were \
        right.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`token::UntrustedToken` takes two segments of canonical base64url, bounded, with a \
        32-byte tag, and nothing in it chooses an algorithm. `verify` checks HMAC-SHA256 in \
        constant time, under a key derived for this issuer and purpose, before any claim but the \
        key id is read; an unknown capability bit, a bad subject or a byte too many is denied even \
        under a good tag. Revocation is keyed on the session id inside the MAC.",
    }],
    residual: "Whoever reads the key file signs what they like: rotate the key, and revoke \
        all sessions. Constant time is the libraries' promise about source code; no test here \
        inspects the machine code of a release.",
    invariants: &[Invariant::I6, Invariant::I7, Invariant::I8, Invariant::I9],
    duties: &[],
    incidents: &[
        "CVE-2015-9235",
        "CVE-2022-23540",
        "CVE-2020-28042",
        "CVE-2009-0217",
        "CVE-2022-39227",
        "CVE-2026-25537",
        "CVE-2025-30204",
        "GHSA-j5fj-8wxc-gvmj",
        "CVE-2015-10004",
        "CVE-2020-2101",
        "CVE-2022-29185",
        "CVE-2026-23519",
    ],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static STALE_SESSION: Threat = Threat {
    id: ThreatId::StaleSession,
    name: "DW-STALE-SESSION",
    title: "A session outlives its time",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A token is renewed for ever, a renewal close to the end wraps or drops the end, one \
        path of several mints with a lifetime of its own, or an open connection stays after its \
        session has ended.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`token` denies at `expires_at` and at `absolute_end`, to the millisecond. \
        `session::renewal` never passes the absolute end, and `session::Lifetimes`, under a \
        ceiling, is the only source of a lifetime. Only a token renews. The adapters close a live \
        connection at its session's latest expiry.",
    }],
    residual: "A stolen token can be renewed by the thief until the absolute end, unless it is \
        revoked. Machines may differ by up to five minutes.",
    invariants: &[Invariant::I6, Invariant::I10],
    duties: &[],
    incidents: &["CVE-2021-32923", "CVE-2026-55513", "CVE-2023-40025"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static REVOKED_SESSION: Threat = Threat {
    id: ThreatId::RevokedSession,
    name: "DW-REVOKED-SESSION",
    title: "A revoked session goes on",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A signed token is valid by itself: after the revocation it is accepted where nobody \
        looks, in another spelling, or through a connection that was open already.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`standing::Standings` is consulted for every verified token by the id inside its \
        MAC, its revocations are final, and when it is older than its bound nobody is admitted. \
        `Guard::still_stands` looks again after a connection was registered; the adapters close \
        the live ones.",
    }],
    residual: "Another process or machine may admit for as long as the freshness bound (5 s by \
        default) after a revocation.",
    invariants: &[Invariant::I8, Invariant::I10],
    duties: &[],
    incidents: &["CVE-2024-41666"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static GRANT_REPLAY: Threat = Threat {
    id: ThreatId::GrantReplay,
    name: "DW-GRANT-REPLAY",
    title: "A single-use grant buys two sessions",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Check and mark are separate steps, so that requests at the same time all pass the \
        check; or a link from a browser's history, a chat or a log is used a second time.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`grant::redeem` checks and consumes in one transition, which a store runs in one \
        transaction. Within 60 s the same client nonce at the same endpoint gets the same session \
        again, never another one; any other repetition is refused.",
    }],
    residual: "Whoever uses a grant first gets its session. The rightful user then sees a refusal \
        and must report it; the sessions list shows where it was opened from.",
    invariants: &[Invariant::I5, Invariant::I14],
    duties: &[],
    incidents: &["CVE-2026-45720", "CVE-2026-3590", "CVE-2020-15222", "CVE-2025-46815"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static GRANT_GUESSING: Threat = Threat {
    id: ThreatId::GrantGuessing,
    name: "DW-GRANT-GUESSING",
    title: "A grant is guessed",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Codes that people type are short. An attacker tries many, from many addresses, or \
        makes the counter of attempts forget by overflowing its table; a weak generator makes any \
        length short.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "A link has 256 bits and a code 60 with at most 10 minutes to live. \
        `limiter::Limiter` allows 10 codes a minute for an IPv4 address or IPv6 /64, charged before \
        the store is asked; a full table never drops a live counter. Unknown, expired, revoked and \
        spent grants have one public answer. Entropy comes from outside, and a generator that fails \
        is an outage.",
    }],
    residual: "A full table (65,536 addresses in one minute: one IPv6 /48 has as many /64s) lets \
        newcomers through uncounted: at a million codes a second, one live code falls in ten \
        minutes with a probability of about 1 in 2 billion. People behind one address share its \
        limit.",
    invariants: &[Invariant::I16, Invariant::I19],
    duties: &[],
    incidents: &["CVE-2024-21652", "CVE-2024-7558", "CVE-2026-29794"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static STALE_GRANT: Threat = Threat {
    id: ThreatId::StaleGrant,
    name: "DW-STALE-GRANT",
    title: "An old or withdrawn grant still works",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A link that was never used lies in a chat for months, or was withdrawn after it had \
        been sent to the wrong person.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`grant::redeem` refuses at `expires_at` and from the revocation on; a repetition with \
        the same nonce is refused too once the grant or its session was revoked. Lifetimes have \
        ceilings: 30 days for a link, 10 minutes for a code.",
    }],
    residual: "Revoking a grant doesn't end the session that it has bought; revoke that too.",
    invariants: &[Invariant::I6],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static TICKET_REPLAY: Threat = Threat {
    id: ThreatId::TicketReplay,
    name: "DW-TICKET-REPLAY",
    title: "A ticket is used twice, late, or by somebody else",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A ticket travels in a header that proxies log and that the server could echo. Whoever \
        reads it uses it again, from another page, or beside another person's cookie.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`ticket::consume` removes the ticket in the transaction that accepts it, within 30 s, \
        from the origin that asked for it, beside no other session's cookie, for at most the \
        capabilities of its session. It renews nothing, stands in no URL, and the answer never \
        selects the protocol that carries it.",
    }],
    residual: "Within its 30 s whoever reads an unused ticket can use it from a program, which sends \
        whatever `Origin` it likes.",
    invariants: &[Invariant::I5, Invariant::I6, Invariant::I11],
    duties: &[],
    incidents: &["CVE-2025-54289"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static CAPABILITY_ESCALATION: Threat = Threat {
    id: ThreatId::CapabilityEscalation,
    name: "DW-CAPABILITY-ESCALATION",
    title: "A session does more than it was given",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A join credential is accepted for an administrator's action, a grant carries more \
        than its issuer has, or a capability that was taken away still stands in the token.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`route` compares what a rule asks for with what the token and the session's row have \
        in common. `grant::GrantRecord::issue` refuses a capability that the issuer lacks, and a \
        token with a bit that is not known is denied. On a shared connection `room::Room` lets one \
        session at a time write, and none that may only observe.",
    }],
    residual: "`operate` is whatever the guarded server lets its users do: usually, everything. To \
        it, whoever writes to a shared connection is whoever opened it.",
    invariants: &[Invariant::I4, Invariant::I11],
    duties: &[],
    incidents: &["CVE-2022-36103", "CVE-2025-23208"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static LOCAL_IMPERSONATION: Threat = Threat {
    id: ThreatId::LocalImpersonation,
    name: "DW-LOCAL-IMPERSONATION",
    title: "A program passes for another one on the same machine",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A token that was handed to one process is used by another: it was left in a file, \
        inherited too far down, or its process has ended and something else runs under its number.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`local::verify` takes a token for as long as its process is there, told by its id and \
        the time of its start, and for its one workspace; its name makes it a member of nothing. A \
        token is 256 bits in a file of its owner's, a store keeps its digest alone, and one that is \
        registered again under the same id ends the one before. `route::Access::Process` keeps \
        from everybody else what only a process may ask.",
    }],
    residual: "Whoever runs as the same user can read the file while the process lives. A listener \
        that can't see the process (in another container) takes it for ended, and removes its \
        token: mint tokens where the listener runs.",
    invariants: &[Invariant::I3, Invariant::I6, Invariant::I9, Invariant::I11],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static WORKSPACE_CONFUSION: Threat = Threat {
    id: ThreatId::WorkspaceConfusion,
    name: "DW-WORKSPACE-CONFUSION",
    title: "One tenant's request acts in another's workspace",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The client names the resource or the stream and the server believes it, or \
        memberships pile up instead of being replaced.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`workspace::verify` resolves what a request belongs to from the server's own directory, \
        by the claims on its route or the name in its hello, and joins it only as a member, at every \
        decision; `tenure` ends a live connection with its membership. A membership that is set \
        again is replaced. What one may not see answers with the bytes of what doesn't exist, and a \
        path that some server could read into another workspace is nobody's.",
    }],
    residual: "Members are known by their subject, which whoever makes a grant chooses: an \
        administrator decides who is who. Doorward separates nothing inside a guarded server. People \
        who must not see each other's work need a workspace with a server of its own each.",
    invariants: &[Invariant::I10, Invariant::I11],
    duties: &[],
    incidents: &["CVE-2026-54324"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static SERVICE_WORKER: Threat = Threat {
    id: ThreatId::ServiceWorker,
    name: "DW-SERVICE-WORKER",
    title: "A script stays in the browser after the session is over",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A page of the guarded server's registers a service worker. It answers for this origin \
        long after, also where Doorward's own pairing page should answer, and hands over the next \
        grant.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`admission` denies requests with `Service-Worker` unless the operator allows them by \
        name.",
    }],
    residual: "With `--allow-service-workers` the guarded server can hold on to the origin, pairing \
        page included. Even without, its scripts share the origin with Doorward's pages: guard only \
        what may see a grant typed into them.",
    invariants: &[Invariant::I12],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static PARSER_ABUSE: Threat = Threat {
    id: ThreatId::ParserAbuse,
    name: "DW-PARSER-ABUSE",
    title: "Input that makes a parser panic or accept nonsense",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A body of the wrong type, a number where a text belongs, a length that overflows, a \
        claim that is treated as absent because it can't be read.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "The policy takes no text that it doesn't parse whole; `token` reads fixed fields and \
        denies the rest. Its lints refuse code that could panic on input, and arithmetic is \
        checked in release builds too.",
    }],
    residual: "The HTTP, WebSocket and JSON libraries below are trusted to keep to the same.",
    invariants: &[Invariant::I15],
    duties: &[],
    incidents: &["CVE-2026-27889"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static RESOURCE_EXHAUSTION: Threat = Threat {
    id: ThreatId::ResourceExhaustion,
    name: "DW-RESOURCE-EXHAUSTION",
    title: "Strangers use up memory, connections or time",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "Ten thousand headers, a cookie repeated without end, a declared frame of 2^63 bytes, a \
        head that is parsed again for each byte of it, or connections that never present anything.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`request` bounds a head to 64 fields and 16 KiB, `cookie` to 128 cookies, `token` to \
        256 bytes; `head::HeadScanner` looks at each byte once. `caps::ConnectionCaps` bounds \
        unadmitted connections, in all and for each address. A full `ledger` refuses and \
        spends nothing. The adapters bound bodies, frames and messages.",
    }],
    residual: "Many addresses together can fill the cap on unadmitted connections and so keep \
        newcomers out while they last; the deadline frees them after seconds. Live connections \
        are not touched.",
    invariants: &[Invariant::I15],
    duties: &[],
    incidents: &["CVE-2023-43669", "CVE-2022-35922", "CVE-2024-37890", "CVE-2025-58186"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static SLOW_HANDSHAKE: Threat = Threat {
    id: ThreatId::SlowHandshake,
    name: "DW-SLOW-HANDSHAKE",
    title: "A handshake that never ends",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "A client sends a byte now and then, or half of a TLS record, and holds its connection \
        for as long as it likes.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "The adapters allow 5 s to a complete head and credential, counted from the accept and \
        not reset by progress; what comes later is denied with this reason. Until then the \
        connection counts against `caps::ConnectionCaps`.",
    }],
    residual: "For its 5 s each such connection holds a place.",
    invariants: &[Invariant::I15],
    duties: &[],
    incidents: &["CVE-2026-26999"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static FAIL_OPEN: Threat = Threat {
    id: ThreatId::FailOpen,
    name: "DW-FAIL-OPEN",
    title: "Something fails, and the answer is yes",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The store is down, the clock jumps, the generator returns an error, the list of \
        revocations can't be read; the check is skipped, or a constant is used instead.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`denial::Outage` is what each of these becomes, and a step can only be resumed with a \
        result or with one of them. `standing::Standings` is stale until it was first filled. \
        Entropy is an argument: there is no value to fall back on. Stale revocations are noticed \
        before a use is consumed.",
    }],
    residual: "A failing store refuses everybody new. Whoever can make it fail can keep people out, \
        not get in.",
    invariants: &[Invariant::I19, Invariant::I20],
    duties: &[],
    incidents: &["CVE-2025-66565"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static SECRET_LEAK: Threat = Threat {
    id: ThreatId::SecretLeak,
    name: "DW-SECRET-LEAK",
    title: "A credential ends up where it can be read",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "It stands in a URL, a log line, an error or a crash report, or a link makes the client \
        send it to an endpoint of the attacker's choice.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "`secret::Secret` and every type around one print nothing, and a denial repeats of \
        what was seen only `Host`, `Origin` and `Sec-Fetch-Site`, cut and made printable \
        (`denial::Shown`). A store keeps HMACs (`keys::Digester`). Grants travel in a fragment or \
        a body, tickets in a header, and no parameter of a URL chooses where anything is sent.",
    }],
    residual: "Whoever reads a process's memory, a terminal's history or a screen reads what is \
        there. The guarded server's scripts can read what a page of its origin shows.",
    invariants: &[Invariant::I12],
    duties: &[],
    incidents: &["CVE-2026-25253", "CVE-2022-24758"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static SESSION_FIXATION: Threat = Threat {
    id: ThreatId::SessionFixation,
    name: "DW-SESSION-FIXATION",
    title: "A person works in a session that the attacker chose",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The attacker fixes a session beforehand, by a cookie, a link or a sign-in of their own in \
        the victim's browser, and shares it once the victim has signed in.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "Each sign-in opens a session with a new random id, whatever the request brought along; a page \
        of another origin can't redeem a grant in a visitor's browser.",
    }],
    residual: "Who opens a link that somebody else made is in that somebody's session, and the page says \
        whose it is.",
    invariants: &[Invariant::I14],
    duties: &[],
    incidents: &["CVE-2024-10318"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static EARLY_DATA: Threat = Threat {
    id: ThreatId::EarlyData,
    name: "DW-EARLY-DATA",
    title: "A replayed or spoofed first flight is acted on",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "QUIC's early data arrives before the client has shown that it is at its address or there at \
        all: it can be replayed by whoever recorded it, from any address.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "No TLS session is resumed and no early data taken; a hello is read once the handshake \
        is complete, and Retry validates addresses under load.",
    }],
    residual: "Nothing, as long as an adapter keeps early data off.",
    invariants: &[Invariant::I17],
    duties: &[],
    incidents: &["CVE-2024-39321"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static PREDICTABLE_SECRET: Threat = Threat {
    id: ThreatId::PredictableSecret,
    name: "DW-PREDICTABLE-SECRET",
    title: "A secret can be computed, or is the same every time",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The generator fails and a fixed value is used, or it was never one for secrets.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "Entropy is an argument and comes from the operating system; a failing generator is an \
        error that denies.",
    }],
    residual: "The operating system's generator is trusted.",
    invariants: &[Invariant::I19, Invariant::I20],
    duties: &[],
    incidents: &["CVE-2025-66565", "CVE-2024-7558"],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};

pub(super) static LOST_EFFECT: Threat = Threat {
    id: ThreatId::LostEffect,
    name: "DW-LOST-EFFECT",
    title: "What was acknowledged is forgotten by a crash",
    attackers: &[],
    assets: &[],
    stride: &[],
    severity: Severity { level: Level::High, because: "" },
    preconditions: "",
    attack: "The process is killed, or the machine loses power, between the answer and the write: a spent \
        grant is whole again, a revoked session lives, and nothing of it is in the audit log.",
    mitigations: &[Mitigation {
        at: "policy",
        does: "An effect and its audit record are committed in one transaction, synced, before the answer.",
    }],
    residual: "A disk that says that it has written what it has not.",
    invariants: &[Invariant::I21],
    duties: &[],
    incidents: &[],
    cwe: &[],
    asvs: &[],
    rfcs: &[],
};
