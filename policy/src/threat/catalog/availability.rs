//! What input costs, before anybody is admitted and after.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static PARSER_ABUSE: Threat = Threat {
    id: ThreatId::ParserAbuse,
    name: "DW-PARSER-ABUSE",
    title: "Input that makes a parser panic or accept nonsense",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::Availability, Asset::GuardedServer],
    stride: &[Stride::DenialOfService, Stride::Tampering],
    severity: Severity {
        level: Level::High,
        because: "One packet ends the listener for everybody, or a claim that can't be read \
            counts as absent. It takes a parser with a fault.",
    },
    preconditions: "The attacker can send bytes.",
    attack: "A body of the wrong type, a number where a text belongs, a length that overflows, a \
        frame that nobody knows, a claim that is treated as absent because it can't be read.",
    mitigations: &[
        at("policy/src/token.rs", "Reads fixed fields and denies the rest; nothing is optional."),
        at(
            "policy/src/hello.rs",
            "Reads one frame without gaps or options, and nothing may follow it.",
        ),
        at(
            "policy/src/head.rs",
            "Looks at each byte once, and refuses what is not exactly a head.",
        ),
        at(
            "transports/http/src/endpoints.rs",
            "Takes small JSON objects of known texts, and nothing unknown in them.",
        ),
        at(
            "transports/websocket/src/frames.rs",
            "Refuses an unlawful frame by its header, among them a length of 2^63 or more, \
                before any of its payload is held.",
        ),
        at(
            "policy/Cargo.toml",
            "Has lints refuse code that could panic on input: no indexing, no unwrapping, no \
                unchecked arithmetic.",
        ),
        at(
            "Cargo.toml",
            "Asks for a `quinn-proto` from after its published panics on frames, Retry and \
                transport parameters, and has overflow checked in release builds too.",
        ),
        at(
            "transports/quic/src/listener.rs",
            "Asks for a Retry only where none was asked for, and takes the result of every call \
                that can fail.",
        ),
    ],
    residual: "The HTTP, WebSocket, QUIC, TLS and JSON libraries below are trusted to keep to \
        the same. A fault of theirs that is not yet known is stopped by nothing here but the end \
        of one connection's task, where it panics in one.",
    duties: &[
        operator("Update when a release takes up a fixed library."),
        embedder(
            "Build with a `quinn-proto` no older than the one that `Cargo.toml` asks for, \
            and with overflow checks.",
        ),
    ],
    invariants: &[Invariant::I15],
    incidents: &[
        "CVE-2026-27889",
        "CVE-2026-33203",
        "CVE-2023-42805",
        "CVE-2024-45311",
        "CVE-2026-31812",
    ],
    cwe: &[190, 248, 617, 1287],
    asvs: &["1.4.1", "1.4.2", "1.5.2", "2.2.1", "15.3.5"],
    rfcs: &[rfc(6455, "5.2"), rfc(9000, "7.4"), rfc(9000, "12.4")],
};

pub(in crate::threat) static RESOURCE_EXHAUSTION: Threat = Threat {
    id: ThreatId::ResourceExhaustion,
    name: "DW-RESOURCE-EXHAUSTION",
    title: "Strangers use up memory, connections or time",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::Availability],
    stride: &[Stride::DenialOfService],
    severity: Severity {
        level: Level::Medium,
        because: "It keeps people out and lets nobody in. A single machine can do it to a server \
            without bounds.",
    },
    preconditions: "The attacker can open connections.",
    attack: "Ten thousand headers, a cookie repeated without end, a declared frame of 2^63 \
        bytes, a head that is parsed again for each byte of it, fragments with gaps, identifiers \
        that must all be remembered, or connections that never present anything.",
    mitigations: &[
        at("policy/src/request.rs", "Bounds a head to 64 fields and 16 KiB."),
        at("policy/src/cookie.rs", "Bounds a request to 128 cookies."),
        at("policy/src/token.rs", "Bounds a token to 256 bytes, before it looks for a dot."),
        at("policy/src/head.rs", "Looks at each byte of a head once, however it trickles in."),
        at("policy/src/caps.rs", "Bounds unadmitted connections, in all and for each address."),
        at("policy/src/ledger/mod.rs", "Refuses when full, and spends nothing."),
        at("policy/src/limiter.rs", "Keeps a bounded table of counters."),
        at(
            "transports/http/src/endpoints.rs",
            "Bounds the bodies of its own endpoints, and the time that they take.",
        ),
        at(
            "transports/websocket/src/frames.rs",
            "Checks the length of a frame and of its message as soon as a header says it, before \
                anything is allocated.",
        ),
        at(
            "transports/quic/src/config.rs",
            "Gives an unadmitted connection one stream and a window of two hellos, an admitted \
                one fixed windows, and takes no datagram.",
        ),
        at(
            "transports/quic/src/listener.rs",
            "Bounds the handshakes under way, and validates addresses from a number of them on.",
        ),
        at(
            "Cargo.toml",
            "Asks for a `quinn-proto` that bounds what is kept of fragments with gaps and of \
                connection ids that are to be retired.",
        ),
        at(
            "transports/gate/src/journal.rs",
            "Counts what looks alike in a flood, so that the audit log doesn't grow with it.",
        ),
    ],
    residual: "Many addresses together can fill the cap on unadmitted connections and so keep \
        newcomers out while they last; the deadline frees the places after seconds. Live \
        connections are not touched. Bodies and messages between an admitted client and the \
        guarded server take what those two take; a session has no quota. Bandwidth is not \
        Doorward's to defend.",
    duties: &[
        operator(
            "Put something that can shed floods in front of a listener on a hostile \
            network, and size `connections` for the machine.",
        ),
        embedder(
            "Bound heads, bodies and messages before they are read, count a connection in \
            before its first byte, and give back what a closed one held.",
        ),
    ],
    invariants: &[Invariant::I15, Invariant::I16],
    incidents: &[
        "CVE-2023-43669",
        "CVE-2022-35922",
        "CVE-2024-37890",
        "CVE-2025-58186",
        "CVE-2025-30204",
        "CVE-2026-25800",
        "CVE-2024-1410",
        "CVE-2024-22189",
    ],
    cwe: &[400, 407, 770, 789],
    asvs: &["2.4.1", "15.2.2"],
    rfcs: &[
        rfc(6265, "6.1"),
        rfc(6455, "10.4"),
        rfc(9000, "21.7"),
        rfc(9000, "21.9"),
        rfc(9110, "17.5"),
    ],
};

pub(in crate::threat) static SLOW_HANDSHAKE: Threat = Threat {
    id: ThreatId::SlowHandshake,
    name: "DW-SLOW-HANDSHAKE",
    title: "A handshake that never ends",
    attackers: &[Attacker::RemoteStranger],
    assets: &[Asset::Availability],
    stride: &[Stride::DenialOfService],
    severity: Severity {
        level: Level::Low,
        because: "Each connection costs its attacker one, too, and holds a place of a few \
            hundred for a few seconds.",
    },
    preconditions: "The attacker can hold connections open.",
    attack: "A client sends a byte now and then, or half of a TLS record, and holds its \
        connection for as long as it likes.",
    mitigations: &[
        at(
            "transports/http/src/site.rs",
            "Allows 5 s to a secured connection and its complete first head together, counted \
                from the accept and not reset by progress, and 10 s to an admission; what comes \
                later is denied with this reason.",
        ),
        at(
            "transports/quic/src/connection.rs",
            "Allows 5 s to a complete hello, counted from the first packet, and as long to take \
                the answer.",
        ),
        at("transports/http/src/endpoints.rs", "Allows as long to the body of a redemption."),
        at("policy/src/caps.rs", "Counts the connection until then."),
    ],
    residual: "For its 5 s each such connection holds a place, and 32 of them hold those of \
        their address.",
    duties: &[embedder(
        "Start one deadline at the accept, TLS included, and let no byte that arrives \
            move it.",
    )],
    invariants: &[Invariant::I15],
    incidents: &["CVE-2026-26999"],
    cwe: &[400, 410],
    asvs: &["2.4.1", "15.2.2"],
    rfcs: &[rfc(9000, "21.6"), rfc(9110, "15.5.9"), rfc(9112, "9.5")],
};

pub(in crate::threat) static EARLY_DATA: Threat = Threat {
    id: ThreatId::EarlyData,
    name: "DW-EARLY-DATA",
    title: "A replayed or spoofed first flight is acted on",
    attackers: &[Attacker::Network, Attacker::RemoteStranger],
    assets: &[Asset::GuardedServer, Asset::Session, Asset::Grant],
    stride: &[Stride::Spoofing, Stride::Tampering],
    severity: Severity {
        level: Level::High,
        because: "A recorded flight acts again as whoever sent it, or from an address that is \
            trusted. It has to be recorded, or the address has to mean something.",
    },
    preconditions: "The server resumes TLS sessions with early data, or takes an address for \
        true before anything has come back from it.",
    attack: "Early data arrives before the client has shown that it is at its address or there \
        at all: it can be replayed by whoever recorded it, from any address.",
    mitigations: &[
        at(
            "transports/quic/src/config.rs",
            "Takes no early data, sends no tickets and resumes no session; a validated address \
                is worth one handshake, and no token for a later one.",
        ),
        at(
            "transports/quic/src/listener.rs",
            "Counts nothing against an address that is not validated, and reads a hello only \
                under a handshake that is complete.",
        ),
        at(
            "transports/listener/src/tls/acceptor.rs",
            "Takes no early data for https either; what is resumed there is a TLS session, never \
                a decision.",
        ),
        at(
            "transports/client/src/tls.rs",
            "Sends nothing early and resumes nothing: each handshake proves the certificate.",
        ),
    ],
    residual: "Nothing in the listener. No rule that outlives admission looks at an address, so \
        a connection that moves to another is not judged again.",
    duties: &[
        operator(
            "Have a proxy that ends TLS in front take no early data, or refuse with 425 \
            what comes in it.",
        ),
        embedder(
            "Keep early data off, and ask for a decision only once the handshake is complete.",
        ),
    ],
    invariants: &[Invariant::I17],
    incidents: &["CVE-2024-39321"],
    cwe: &[290, 294],
    asvs: &[],
    rfcs: &[rfc(8446, "8"), rfc(8470, "3"), rfc(8470, "5.2"), rfc(9000, "8.1.2"), rfc(9001, "9.2")],
};
