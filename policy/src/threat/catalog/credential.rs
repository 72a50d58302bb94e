//! What proves a session, and what passes for it.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static CREDENTIAL_AMBIGUITY: Threat = Threat {
    id: ThreatId::CredentialAmbiguity,
    name: "DW-CREDENTIAL-AMBIGUITY",
    title: "Two credentials, of which one is checked and the other is used",
    attackers: &[Attacker::SessionHolder, Attacker::WebPage],
    assets: &[Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::Repudiation],
    severity: Severity {
        level: Level::Medium,
        because: "It takes a credential of one's own, or a cookie that was planted, to act as \
            somebody else; and another component that chooses differently.",
    },
    preconditions: "A request can be made to bring two credentials, and two components look at it.",
    attack: "A request brings a good credential and a bad one, or those of two people. Whatever \
        has precedence here may not have it in the next component.",
    mitigations: &[
        at(
            "policy/src/credential.rs",
            "Has no precedence: more than one source is denied, but for a ticket beside the \
                cookie of its own session. An invalid credential is never skipped for a valid \
                one. `Authorization` is Doorward's only with the shape of its tokens.",
        ),
        at(
            "policy/src/hello.rs",
            "Counts the credentials of a hello and refuses more than one, even of the same \
                session.",
        ),
        at(
            "transports/http/src/headers.rs",
            "Forwards no credential of Doorward's, however it was presented: what the guarded \
                server is told is who was admitted.",
        ),
    ],
    residual: "The guarded server's own `Authorization` passes through and is its own business.",
    duties: &[embedder(
        "Hand over every `Authorization` and `Cookie` field, and identify nobody by \
            anything but what the admission says.",
    )],
    invariants: &[Invariant::I4, Invariant::I6, Invariant::I7],
    incidents: &[],
    cwe: &[303, 436],
    asvs: &["6.3.4", "15.3.7"],
    rfcs: &[rfc(6750, "2"), rfc(9110, "11.6.2")],
};

pub(in crate::threat) static COOKIE_SHADOWING: Threat = Threat {
    id: ThreatId::CookieShadowing,
    name: "DW-COOKIE-SHADOWING",
    title: "A cookie planted beside the session's takes its place",
    attackers: &[Attacker::WebPage, Attacker::GuardedServer, Attacker::Network],
    assets: &[Asset::Session],
    stride: &[Stride::Spoofing, Stride::DenialOfService],
    severity: Severity {
        level: Level::Medium,
        because: "It puts a person into a session of the attacker's, or out of their own; it \
            gives the attacker no session of theirs.",
    },
    preconditions: "The attacker can set a cookie that the browser sends here: from another port \
        of this host, a neighbouring host, plain http, or the guarded server.",
    attack: "A neighbouring host or port sets a cookie of the same name, a cookie with an empty \
        name whose value reads `__Host-doorward=...`, or so many that parsing them is the attack. \
        The victim then works in the attacker's session, or in none.",
    mitigations: &[
        at(
            "policy/src/cookie.rs",
            "Denies a session cookie that occurs twice or without a name, and counts to a bound. \
                Names are compared as bytes: no Unicode white space is trimmed. The cookie is \
                `HttpOnly`, `SameSite=Lax`, and `__Host-` with `Secure` under https; on plain \
                http its name has the port in it.",
        ),
        at(
            "transports/http/src/headers.rs",
            "Takes every `Set-Cookie` out of the guarded server's answers that would set \
                Doorward's, named or nameless, and Doorward's cookies out of what it is sent.",
        ),
    ],
    residual: "Browsers keep one jar for all ports of a host. On plain http, which is for \
        loopback only, the cookie can be neither `Secure` nor `__Host-`, and any other port of \
        this machine can overwrite or remove it; under https still another https port of the same \
        host can, and a script of the guarded server. That is a nuisance, and a sign-in as \
        somebody else if they have a session to give.",
    duties: &[
        operator(
            "Where other ports of the same host serve what is not trusted, give the \
            listener https and a host name of its own.",
        ),
        embedder("Filter `Set-Cookie` in what the guarded server answers."),
    ],
    invariants: &[Invariant::I13, Invariant::I15],
    incidents: &["CVE-2023-23934", "CVE-2024-21583", "CVE-2025-58186"],
    cwe: &[565, 614, 1004, 1275],
    asvs: &["3.3.1", "3.3.2", "3.3.3", "3.3.4"],
    rfcs: &[rfc(6265, "4.1.2.6"), rfc(6265, "8.5"), rfc(6265, "8.6")],
};

pub(in crate::threat) static TOKEN_FORGERY: Threat = Threat {
    id: ThreatId::TokenForgery,
    name: "DW-TOKEN-FORGERY",
    title: "Claims that nobody signed are believed",
    attackers: &[Attacker::RemoteStranger, Attacker::SessionHolder],
    assets: &[Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::Tampering, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "Whoever can write a token writes any subject, any capability and any lifetime \
            into it, from anywhere and without a trace that it was not issued.",
    },
    preconditions: "The attacker can send a token.",
    attack: "The token chooses its own algorithm or none, its tag is cut short, it has a second \
        serialisation inside, a second spelling that a deny-list on the text doesn't know, or it \
        was signed for another server or purpose. Comparing tags byte by byte tells how many were \
        right.",
    mitigations: &[
        at(
            "policy/src/token.rs",
            "Takes two segments of canonical base64url, bounded, with a 32-byte tag, and nothing \
                in it chooses an algorithm. It checks HMAC-SHA256 before any claim but the key id \
                is read; an unknown capability bit, a bad subject or a byte too many is denied \
                even under a good tag.",
        ),
        at("policy/src/encoding.rs", "Decodes the one canonical spelling and no other."),
        at(
            "policy/src/keys.rs",
            "Derives each key for this issuer and one purpose, so that a token of another \
                installation or of administration is one whose tag is wrong.",
        ),
        at(
            "policy/src/secret.rs",
            "Compares secrets in constant time, by the `subtle` crate, as `mac.rs` and `keys.rs` compare tags.",
        ),
        at(
            "policy/src/standing.rs",
            "Keeps revocations by the session id inside the MAC, which no spelling changes.",
        ),
    ],
    residual: "Whoever reads the key file signs what they like until the key is dropped: a rotation \
        alone lets it verify for 90 more days, and a session id that the store doesn't know can't \
        be revoked in it. Constant time is the libraries' promise about source code; no test here \
        inspects the machine code of a release.",
    duties: &[
        operator(
            "Keep `keys.json` its owner's alone, in backups too. When somebody may have \
            read it, run `doorward key rotate --drop-older`, restart the listener, and pair anew.",
        ),
        embedder(
            "Draw master secrets from a generator for secrets, and give each installation \
            an issuer of its own.",
        ),
    ],
    invariants: &[Invariant::I6, Invariant::I7, Invariant::I8, Invariant::I9],
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
    cwe: &[208, 345, 347, 757],
    asvs: &["7.2.2", "9.1.1", "9.1.2", "9.1.3", "9.2.2", "9.2.3", "11.2.3", "11.2.4"],
    rfcs: &[
        rfc(2104, "5"),
        rfc(4648, "3.5"),
        rfc(5869, "3.2"),
        rfc(8725, "2.1"),
        rfc(8725, "3.1"),
        rfc(8725, "3.12"),
    ],
};
