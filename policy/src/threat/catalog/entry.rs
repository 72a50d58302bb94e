//! What reaches the door at all: names, pages, ports and routes.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static DNS_REBINDING: Threat = Threat {
    id: ThreatId::DnsRebinding,
    name: "DW-DNS-REBINDING",
    title: "A web page reaches the server under the page's own name",
    attackers: &[Attacker::WebPage],
    assets: &[Asset::GuardedServer, Asset::Session],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "One visit to a page is enough, and nobody has to be paired where a server \
            takes its own machine for its owner. Somebody has to make that visit, and stay until \
            the name has changed.",
    },
    preconditions: "Somebody who can reach the listener opens the attacker's page, and the \
        attacker runs the DNS of its name.",
    attack: "The name of a hostile page is made to resolve to the server's address after the \
        page has loaded. To the browser, page and server then are one origin: it lets the page \
        read every answer, and `Origin` and `Host` agree with each other.",
    mitigations: &[
        at(
            "policy/src/host.rs",
            "Compares the one `Host` of a request with an allow-list, under strict parsing, \
                whatever `Origin` says and wherever the request comes from. `localhost`, \
                `127.0.0.1` and `[::1]` are implied unless the exposure is remote, nothing else \
                is, and entries have no wildcards. A name that ends in a number is four plain \
                decimal numbers or malformed.",
        ),
        at(
            "policy/src/request.rs",
            "Counts `Host`: none, or more than one, is malformed, so that no parser behind has a \
                choice.",
        ),
        at(
            "policy/src/admission/greeting.rs",
            "Holds the server name of a QUIC handshake against the same list; a client that \
                connects by address names none.",
        ),
    ],
    residual: "Whoever controls the DNS of a listed name controls that name. A server that is \
        also reachable beside Doorward is not protected by it.",
    duties: &[
        operator(
            "List no name in `allow_hosts`, `public_url` or a workspace's routes that \
            others can point elsewhere.",
        ),
        embedder(
            "Hand every `Host` field over as it came, duplicates included, and never one \
            that was put together from the address or the request target.",
        ),
    ],
    invariants: &[Invariant::I2, Invariant::I3],
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
        "CVE-2025-24010",
    ],
    cwe: &[346, 807],
    asvs: &["2.2.1", "2.2.2"],
    rfcs: &[rfc(3986, "3.2.2"), rfc(9110, "7.2"), rfc(9112, "3.2")],
};

pub(in crate::threat) static CROSS_SITE_HIJACK: Threat = Threat {
    id: ThreatId::CrossSiteHijack,
    name: "DW-CROSS-SITE-HIJACK",
    title: "A web page drives the server with the visitor's cookie",
    attackers: &[Attacker::WebPage],
    assets: &[Asset::GuardedServer, Asset::Session],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A page acts with all that its visitor may do, without a trace on the screen, \
            and servers of this kind run commands. A person who is paired has to open it.",
    },
    preconditions: "A person who is paired opens a page of another origin, in the same browser.",
    attack: "Browsers open WebSockets to anywhere, ask for no permission and send the cookies of \
        the target along; simple requests need no preflight either. A page that a signed-in \
        person visits acts as that person, or signs the person in as the attacker.",
    mitigations: &[
        at(
            "policy/src/origin.rs",
            "Accepts a present `Origin` only if it equals the effective scheme and this \
                request's `Host`, or a listed origin, compared part by part after default ports \
                are filled in. With a cookie an `Origin` is required on upgrades and on every \
                method but GET and HEAD; those need fetch metadata that says same-origin, none, \
                or a navigation to a document. `same-site` is not enough: another port of this \
                machine is the same site. `null`, extension schemes and addresses have no \
                exemption, and a preflight has none.",
        ),
        at(
            "policy/src/admission/guard.rs",
            "Asks for the origin before it verifies the credential, of every route alike, and \
                refuses whatever a browser sends to `api/token`.",
        ),
        at(
            "policy/src/cookie.rs",
            "Sets the cookie with `SameSite=Lax`, so that most browsers keep it from other sites \
                in the first place. Nothing relies on that.",
        ),
        at(
            "policy/src/hello.rs",
            "Names an application protocol for QUIC that no browser negotiates: a page can't say \
                hello.",
        ),
    ],
    residual: "A navigation from another site is let through as GET: a guarded server that \
        changes something on GET can still be made to. A hostile guarded server runs its scripts \
        in this very origin and can do whatever the session may. A browser without fetch metadata \
        is refused reads by cookie.",
    duties: &[
        operator(
            "List in `allow_origins` only origins whose every page may drive the guarded \
            server.",
        ),
        operator(
            "Guard no server that changes something on GET, or know that any page can make \
            it.",
        ),
        embedder(
            "Hand over `Origin` and every `Sec-Fetch-*` field as they came, for upgrades \
            too, and put no CORS header on an answer that a cookie was needed for.",
        ),
    ],
    invariants: &[Invariant::I1, Invariant::I14],
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
    cwe: &[346, 352, 942, 1385],
    asvs: &["3.3.2", "3.5.1", "3.5.3", "3.5.8", "4.4.2"],
    rfcs: &[
        rfc(6265, "8.2"),
        rfc(6454, "5"),
        rfc(6454, "7"),
        rfc(6455, "10.2"),
        rfc(9110, "9.2.1"),
    ],
};

pub(in crate::threat) static AMBIENT_AUTHORITY: Threat = Threat {
    id: ThreatId::AmbientAuthority,
    name: "DW-AMBIENT-AUTHORITY",
    title: "Reaching the port is all that it takes",
    attackers: &[Attacker::RemoteStranger, Attacker::LocalProcess, Attacker::WebPage],
    assets: &[Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "Nothing has to be known, guessed or waited for: whoever can open a connection \
            has all that the server can do.",
    },
    preconditions: "The attacker can open a connection to the listener: from the same machine, a \
        container on its network, or wherever it listens.",
    attack: "A server on loopback takes whoever reaches it for its owner. Every other user of \
        the machine, every container that shares its network and every page in its browser \
        reaches it too; so does the first to claim a server that waits for its first sign-in.",
    mitigations: &[
        at(
            "policy/src/admission/mod.rs",
            "An `Admitted` can't be built without the proof of a credential, and neither an \
                address nor a header makes such a proof.",
        ),
        at(
            "policy/src/credential.rs",
            "Knows session tokens, tickets and local tokens, and nothing else that opens a door. \
                There is no default account and no first-come claim.",
        ),
        at(
            "transports/listener/src/serve/first_grant.rs",
            "Makes the first grant, or is handed it; only the terminal or the parent process \
                sees it.",
        ),
        at(
            "transports/listener/src/config/rules.rs",
            "Refuses to start for a network without TLS; to ask nobody for a credential is a \
                setting of its own, by name.",
        ),
    ],
    residual: "Unguarded operation, which has to be asked for by name, gives up exactly this \
        defence; `Host`, `Origin` and, for browsers, fetch metadata are still checked. Whoever \
        runs as the same user, or as root, can read the state directory.",
    duties: &[
        operator(
            "Keep the guarded server on loopback or a socket that only the listener \
            reaches, and the state directory its owner's alone.",
        ),
        embedder(
            "Serve a request only with an `Admitted` in hand, and take the peer's address \
            from the socket.",
        ),
    ],
    invariants: &[Invariant::I3, Invariant::I4],
    incidents: &[
        "CVE-2025-49596",
        "CVE-2026-22812",
        "CVE-2026-42222",
        "CVE-2024-28179",
        "CVE-2025-54376",
        "CVE-2026-33203",
        "CVE-2023-41338",
        "CVE-2025-64484",
        "CVE-2026-44211",
        "CVE-2025-24964",
    ],
    cwe: &[291, 306],
    asvs: &["6.3.2", "7.2.1", "8.3.1"],
    rfcs: &[rfc(6750, "3"), rfc(9110, "11.6.1"), rfc(9110, "15.5.2")],
};

pub(in crate::threat) static ROUTE_BYPASS: Threat = Threat {
    id: ThreatId::RouteBypass,
    name: "DW-ROUTE-BYPASS",
    title: "Some path, method or transport skips the decision",
    attackers: &[Attacker::RemoteStranger, Attacker::LocalProcess, Attacker::SessionHolder],
    assets: &[Asset::GuardedServer],
    stride: &[Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "The way around is there for whoever finds it, and is found by trying: it asks \
            for no credential at all.",
    },
    preconditions: "There is a path, a method, a header or a transport that the author of the \
        check didn't think of.",
    attack: "The check is attached route by route, and one is forgotten: the upgrade handler, a \
        keep-alive endpoint, a method that nobody thought of, a skip rule that matches a query.",
    mitigations: &[
        at(
            "policy/src/admission/guard.rs",
            "Takes every request through the same steps; upgrades are no case of their own.",
        ),
        at(
            "policy/src/admission/greeting.rs",
            "Takes the hello of a QUIC connection through the same steps. Its streams pass all \
                rules at once, and where no one rule covers everything there is nothing to open.",
        ),
        at(
            "policy/src/route.rs",
            "Denies what no rule names and looks at the path alone, never at the query.",
        ),
        at(
            "policy/src/route/endpoint.rs",
            "Gives each of Doorward's own endpoints one method, and each origin a table of its \
                own.",
        ),
        at(
            "transports/http/src/site.rs",
            "Asks the gate first for every request of a connection, from the one service that \
                hyper calls.",
        ),
    ],
    residual: "The guard covers what goes through the listener. What reaches the guarded server \
        beside it is not asked anything. Bytes over QUIC carry no path, so rules for paths don't \
        bind what is said in them.",
    duties: &[
        operator("See to it that the guarded server is not reachable beside the listener."),
        embedder(
            "Put the decision in front of the router, not into its handlers, and mount \
            nothing beside it.",
        ),
    ],
    invariants: &[Invariant::I4],
    incidents: &["CVE-2024-28179", "CVE-2025-54376", "CVE-2026-33203", "CVE-2025-54576"],
    cwe: &[288, 425, 862],
    asvs: &["4.1.4", "6.3.4", "8.2.1", "8.3.1"],
    rfcs: &[rfc(3986, "3.4"), rfc(9110, "9.1"), rfc(9110, "15.5.5")],
};
