//! How a request is read, by the guard and by whatever is behind it.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static PATH_CONFUSION: Threat = Threat {
    id: ThreatId::PathConfusion,
    name: "DW-PATH-CONFUSION",
    title: "A path means one thing to the guard and another to the guarded server",
    attackers: &[Attacker::SessionHolder, Attacker::RemoteStranger],
    assets: &[Asset::GuardedServer, Asset::Workspace],
    stride: &[Stride::Tampering, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A session with few rights reaches what asks for more, or another's workspace. \
            There have to be rules that differ; the one that covers everything can't be evaded \
            so.",
    },
    preconditions: "Routes ask for different capabilities or belong to different workspaces, and \
        the guarded server reads paths more leniently than they are written.",
    attack: "Encoded separators, dot segments, backslashes, `;` parameters and case are read \
        differently by different servers. A path that the guard files under a lenient rule is \
        served from under a strict one, or comes to lie among Doorward's own.",
    mitigations: &[
        at(
            "policy/src/route/path.rs",
            "Refuses whatever decodes or normalises into `/.doorward` without being spelled so, \
                and every target that is not printable ASCII in origin form; decodes until \
                nothing is left to decode.",
        ),
        at(
            "policy/src/route.rs",
            "Where rules differ, a path needs what each rule asks for that it could come under \
                in some reading, also one for which `/Admin` is `/admin`.",
        ),
        at(
            "policy/src/workspace/claim.rs",
            "Gives a path that some server could read into another workspace to nobody.",
        ),
        at(
            "transports/http/src/proxy.rs",
            "Forwards the path as it came: what was decided on is what the server reads.",
        ),
    ],
    residual: "What a guarded server makes of a decoded path is its own: an end at an encoded \
        zero byte, letters beyond ASCII that it takes for others. The default rule, which covers \
        every path, can't be evaded this way.",
    duties: &[
        operator(
            "Don't rely on rules for paths with a server that reads them in ways of its \
            own; give what must be kept apart a host or a server each.",
        ),
        embedder("Decide on the target as it came on the wire, and route by that same text."),
    ],
    invariants: &[Invariant::I4, Invariant::I11],
    incidents: &[],
    cwe: &[41, 436, 647],
    asvs: &["1.5.3", "2.2.1"],
    rfcs: &[rfc(3986, "5.2.4"), rfc(3986, "6.2.2"), rfc(3986, "7.3"), rfc(9112, "3.2.1")],
};

pub(in crate::threat) static REQUEST_SMUGGLING: Threat = Threat {
    id: ThreatId::RequestSmuggling,
    name: "DW-REQUEST-SMUGGLING",
    title: "One request for the guard is two for the server behind it",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::GuardedServer, Asset::Session],
    stride: &[Stride::Spoofing, Stride::Tampering, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A request arrives that nobody decided on, and on a connection that is shared \
            it can be somebody else's. Two parsers have to disagree for it.",
    },
    preconditions: "The attacker writes bytes of their own, and another parser reads the same \
        connection: the guarded server's, or that of a proxy in front.",
    attack: "Two parsers on the way disagree on where a head or a body ends: bare line feeds, \
        folded lines, two lengths, a length beside chunking, a header that occurs twice. What the \
        guard took for a body reaches the server as a request that nobody decided on.",
    mitigations: &[
        at(
            "policy/src/head.rs",
            "Reads the first head of a connection byte by byte and refuses each of these before \
                the real parser sees it; it never decides.",
        ),
        at(
            "policy/src/request.rs",
            "Refuses, for every request, lengths that conflict and any header that the decision \
                reads and that occurs twice.",
        ),
        at(
            "transports/http/src/readahead.rs",
            "Hands hyper the very bytes that were looked at: one parser decides.",
        ),
        at(
            "transports/http/src/headers.rs",
            "Removes hop-by-hop headers with those that `Connection` names; hyper frames what is \
                forwarded anew.",
        ),
        at(
            "transports/http/src/answer.rs",
            "Closes the connection with every refusal, so that nothing behind it is read.",
        ),
    ],
    residual: "The scanner sees the first head of a connection; later ones have only what the \
        HTTP library and `policy/src/request.rs` enforce. A proxy in front that reads heads in a \
        way of its own remains a second parser.",
    duties: &[
        operator(
            "Have a proxy in front refuse ambiguous framing too, and share none of its \
            connections to the listener between clients that it doesn't itself separate.",
        ),
        embedder(
            "Run the head scanner over the first bytes of each connection, hand over each \
            header as often as it came, and close after a refusal.",
        ),
    ],
    invariants: &[Invariant::I4, Invariant::I18],
    incidents: &[],
    cwe: &[436, 444],
    asvs: &["1.5.3", "4.2.1", "15.3.7"],
    rfcs: &[
        rfc(9110, "5.3"),
        rfc(9112, "2.2"),
        rfc(9112, "5.2"),
        rfc(9112, "6.3"),
        rfc(9112, "11.2"),
    ],
};

pub(in crate::threat) static UPGRADE_SMUGGLING: Threat = Threat {
    id: ThreatId::UpgradeSmuggling,
    name: "DW-UPGRADE-SMUGGLING",
    title: "An upgrade opens a tunnel past the guard",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::GuardedServer],
    stride: &[Stride::Tampering, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "Once the connection is a pipe nothing decides any more, and where bytes are \
            forwarded before the decision it is anybody's.",
    },
    preconditions: "The attacker can send a request that asks for another protocol.",
    attack: "CONNECT, `Upgrade: h2c`, or a WebSocket handshake that the server behind refuses \
        turns the connection into a pipe: bytes sent early, or after the refusal, reach the \
        server as requests of their own.",
    mitigations: &[
        at(
            "policy/src/admission/upgrade.rs",
            "Denies CONNECT and every request with an `Upgrade` that is not one complete \
                WebSocket handshake: GET, version 13, a 16-byte key, no body.",
        ),
        at(
            "transports/http/src/upgrade.rs",
            "Sends the guarded server the handshake alone, and nothing of what follows it before \
                a 101. Another answer is passed on as an answer, and the client's connection ends \
                with it.",
        ),
        at(
            "transports/http/src/answer.rs",
            "Closes the connection with every refusal of an upgrade.",
        ),
        at(
            "transports/websocket/src/relay.rs",
            "Carries an admitted connection as frames, and ends it at the first that is \
                unlawful: what comes early is read as frames or not at all.",
        ),
        at(
            "transports/quic/src/hello.rs",
            "Refuses a hello that is followed by anything before it is answered; until then \
                there is no second stream and no datagram.",
        ),
    ],
    residual: "Nothing in the listener. The policy can't see the bytes, so an adapter of another \
        make has to keep to the same.",
    duties: &[embedder(
        "Forward nothing of a client's before the admission, and close the connection \
            after an upgrade that failed, whoever refused it.",
    )],
    invariants: &[Invariant::I18],
    incidents: &["CVE-2026-2833", "CVE-2018-1002105"],
    cwe: &[441, 444],
    asvs: &["4.1.4", "4.2.1"],
    rfcs: &[rfc(6455, "4.2.1"), rfc(9110, "7.8"), rfc(9110, "9.3.6")],
};

pub(in crate::threat) static HEADER_SPOOFING: Threat = Threat {
    id: ThreatId::HeaderSpoofing,
    name: "DW-HEADER-SPOOFING",
    title: "A header claims an address, a scheme or an identity",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::GuardedServer, Asset::Session, Asset::AuditLog],
    stride: &[Stride::Spoofing, Stride::Repudiation, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "A header is free to write. Where it stands for an identity, it is that \
            identity for whoever writes it.",
    },
    preconditions: "Something believes a header that the client could have written.",
    attack: "`X-Forwarded-For: 127.0.0.1` makes a stranger local, a fresh value for each request \
        makes a limiter count to one for ever, and an identity header that differs by an \
        underscore reaches the guarded server as Doorward's own.",
    mitigations: &[
        at(
            "policy/src/forwarding.rs",
            "Reads forwarding headers only from a configured proxy, takes the last address that \
                no configured proxy wrote for, and denies what it can't read. A network that \
                holds all addresses is refused as a setting.",
        ),
        at("policy/src/admission/guard.rs", "Admits nobody for an address."),
        at(
            "transports/http/src/headers.rs",
            "Removes every spelling of the identity and forwarding headers, `-` or `_`, before \
                it sets its own, and after what `Connection` names is gone.",
        ),
    ],
    residual: "A trusted proxy is trusted: what it says decides about cookies, limits and what \
        the audit log has for an address. Over QUIC no header is read, and none tells the guarded \
        server who is there.",
    duties: &[
        operator(
            "Have each trusted proxy set `X-Forwarded-For` and `X-Forwarded-Proto` itself, \
            and list it in `trusted_proxies` with no wider a network than it has.",
        ),
        embedder(
            "Remove the identity headers of a request in all spellings before setting any, \
            and take the peer's address from the socket.",
        ),
    ],
    invariants: &[Invariant::I3, Invariant::I16],
    incidents: &["CVE-2023-41338", "CVE-2025-64484", "CVE-2026-29794"],
    cwe: &[290, 348, 807],
    asvs: &["4.1.3", "15.3.4"],
    rfcs: &[rfc(7239, "8.1"), rfc(9110, "7.6.1")],
};

pub(in crate::threat) static EAVESDROPPING: Threat = Threat {
    id: ThreatId::Eavesdropping,
    name: "DW-EAVESDROPPING",
    title: "A credential is read off the wire",
    attackers: &[Attacker::Network],
    assets: &[Asset::Session, Asset::Grant, Asset::GuardedServer],
    stride: &[Stride::InformationDisclosure, Stride::Spoofing],
    severity: Severity {
        level: Level::High,
        because: "Whoever reads a token has its session, and whoever can change the answer has \
            the page too. They have to be on the way.",
    },
    preconditions: "The attacker reads or answers on a network between client and listener, such \
        as a shared wireless one.",
    attack: "Plain http to another machine shows every cookie and token to whoever is on the \
        way; a client that takes any certificate shows them to whoever answers first.",
    mitigations: &[
        at(
            "policy/src/admission/guard.rs",
            "Denies plain http from any client that is not on loopback, before it looks for a \
                credential.",
        ),
        at(
            "policy/src/cookie.rs",
            "Under https sets the cookie `Secure` and names it with `__Host-`.",
        ),
        at(
            "transports/listener/src/config/rules.rs",
            "Listens for a network only with TLS, Doorward's own or a proxy's.",
        ),
        at(
            "transports/listener/src/tls/acceptor.rs",
            "Speaks TLS 1.3 alone and redirects nobody from plain http: it says that this port \
                speaks https.",
        ),
        at(
            "transports/quic/src/config.rs",
            "Speaks TLS 1.3 and Doorward's protocol, and never without.",
        ),
        at(
            "transports/client/src/tls.rs",
            "Judges the certificate, by name or by the pin that came with the link, before a \
                byte of a credential is sent.",
        ),
        at("transports/client/src/server.rs", "Speaks plain http to this machine alone."),
    ],
    residual: "Within one machine there is plain http unless TLS is asked for. The refusal comes \
        after the request: a credential that was sent in the clear has been sent, and should be \
        revoked. A proxy on this machine that is not configured as trusted looks like a local \
        client: what reaches it in the clear can't be seen here. A browser that is shown the \
        self-signed certificate warns, and what its user does then is up to them.",
    duties: &[
        operator(
            "Give the listener a certificate or a proxy with one before it serves a \
            network, and list that proxy in `trusted_proxies`.",
        ),
        operator(
            "With a self-signed certificate, compare the digest that a browser shows before \
            going on.",
        ),
        embedder("Say truthfully whether a connection came in TLS."),
    ],
    invariants: &[Invariant::I12, Invariant::I13],
    incidents: &[],
    cwe: &[295, 319, 523, 614],
    asvs: &["4.1.2", "12.1.1", "12.2.1", "12.3.2"],
    rfcs: &[rfc(6265, "4.1.2.5"), rfc(6750, "5.3"), rfc(9110, "4.2.2"), rfc(9325, "3.1.1")],
};
