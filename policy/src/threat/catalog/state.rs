//! What fails, what is forgotten, and what gets out.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static FAIL_OPEN: Threat = Threat {
    id: ThreatId::FailOpen,
    name: "DW-FAIL-OPEN",
    title: "Something fails, and the answer is yes",
    attackers: &[Attacker::Failure, Attacker::RemoteStranger],
    assets: &[Asset::GuardedServer, Asset::Session],
    stride: &[Stride::ElevationOfPrivilege, Stride::Spoofing],
    severity: Severity {
        level: Level::High,
        because: "While a part is down everybody gets in. It has to fail first, which some \
            attackers can bring about.",
    },
    preconditions: "The store, the clock, the generator, the keys or the news of revocations are \
        not to be had.",
    attack: "The store is down, the clock jumps, the generator returns an error, the list of \
        revocations can't be read; the check is skipped, or a constant is used instead.",
    mitigations: &[
        at(
            "policy/src/denial.rs",
            "Makes `Outage` what each of these becomes; every one denies, and says that it is \
                unavailable.",
        ),
        at(
            "policy/src/admission/redeem.rs",
            "Lets a step be resumed only with a result or with an outage.",
        ),
        at(
            "policy/src/standing.rs",
            "Is stale until it was first filled, and noticed to be so before a use is consumed.",
        ),
        at(
            "policy/src/workspace/restore.rs",
            "Takes up only what changes can have come to: a document that is damaged is an \
                error, and never a wider right.",
        ),
        at(
            "transports/gate/src/gate/mod.rs",
            "Turns a clock, a store or a generator that fails into a refusal, and opens with \
                none of them missing.",
        ),
        at(
            "transports/gate/src/store/sqlite/writer.rs",
            "Answers nobody any more once a thread of its own has panicked.",
        ),
        at(
            "transports/gate/src/keyfile/state.rs",
            "Refuses keys whose store is gone, and a store whose keys are: revocations would be \
                forgotten.",
        ),
    ],
    residual: "A failing store refuses everybody new. Whoever can make it fail can keep people \
        out, not get in.",
    duties: &[
        operator("Watch for 503 and the log, and keep room on the disk of the state directory."),
        embedder(
            "Resume a step with an outage when the store brings no answer in time, and \
            never answer in its place.",
        ),
    ],
    invariants: &[Invariant::I19, Invariant::I20],
    incidents: &["CVE-2025-66565"],
    cwe: &[390, 636, 755],
    asvs: &["11.2.5", "16.5.2", "16.5.3"],
    rfcs: &[rfc(9110, "15.6.4")],
};

pub(in crate::threat) static PREDICTABLE_SECRET: Threat = Threat {
    id: ThreatId::PredictableSecret,
    name: "DW-PREDICTABLE-SECRET",
    title: "A secret can be computed, or is the same every time",
    attackers: &[Attacker::RemoteStranger, Attacker::LocalProcess],
    assets: &[Asset::Keys, Asset::Grant, Asset::Session, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Critical,
        because: "Whoever can compute a key, a grant or a token needs none: every door of every \
            such installation is open, and nothing shows it.",
    },
    preconditions: "A secret comes from something that can be known: the time, a counter, a seed \
        that is too small, or a constant that stands in for a generator.",
    attack: "The generator fails and a fixed value is used, or it was never one for secrets; the \
        attacker makes the same value.",
    mitigations: &[
        at(
            "policy/src/lib.rs",
            "Owns no source of randomness: entropy is an argument, so there is no value to fall \
                back on.",
        ),
        at(
            "transports/gate/src/system.rs",
            "Is the one place where randomness enters: the operating system's generator, whose \
                failure is an error.",
        ),
        at("clippy.toml", "Refuses any other use of a generator or a clock in the build."),
        at(
            "policy/src/grant.rs",
            "Makes links of 256 bits, and codes of 60 that five bits of each random byte pick, \
                so that none is likelier than another.",
        ),
        at(
            "transports/gate/src/keyfile/state.rs",
            "Draws the keys of an installation once, 256 bits each.",
        ),
        at(
            "transports/quic/src/ids.rs",
            "Makes connection ids that nobody else can make, under a key.",
        ),
    ],
    residual: "The operating system's generator is trusted, also early after the start of a \
        machine and in one that was cloned while it ran.",
    duties: &[
        operator(
            "Make the state directory on the machine that uses it, never in an image of \
            which there are copies.",
        ),
        embedder(
            "Hand in fresh bytes of a generator for secrets for every call, use none twice, \
            and stop when it fails.",
        ),
    ],
    invariants: &[Invariant::I19, Invariant::I20],
    incidents: &["CVE-2025-66565", "CVE-2024-7558"],
    cwe: &[252, 331, 338, 340],
    asvs: &["6.5.3", "7.2.3", "11.5.2"],
    rfcs: &[rfc(4086, "6.1"), rfc(4086, "7.1.2"), rfc(8446, "C.1")],
};

pub(in crate::threat) static LOST_EFFECT: Threat = Threat {
    id: ThreatId::LostEffect,
    name: "DW-LOST-EFFECT",
    title: "What was acknowledged is forgotten by a crash",
    attackers: &[Attacker::Failure, Attacker::CredentialHolder],
    assets: &[Asset::Grant, Asset::Session, Asset::AuditLog],
    stride: &[Stride::Repudiation, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::Medium,
        because: "A grant is whole again or a revocation undone for whoever still holds the \
            credential, and nothing says so. It takes a crash at the right moment.",
    },
    preconditions: "The process is killed, or the machine loses power, right after an answer.",
    attack: "The process is killed, or the machine loses power, between the answer and the \
        write: a spent grant is whole again, a revoked session lives, and nothing of it is in the \
        audit log.",
    mitigations: &[
        at(
            "transports/gate/src/store/sqlite/writer.rs",
            "Answers nobody before COMMIT, and says of an effect that it failed when that fails.",
        ),
        at(
            "transports/gate/src/store/sqlite/schema.rs",
            "Has the database sync each commit to the disk, caches of the disk included where \
                the system can ask for that.",
        ),
        at(
            "transports/gate/src/store/sqlite/operations/mod.rs",
            "Writes an effect and its audit record down in one savepoint of one transaction.",
        ),
        at(
            "transports/gate/src/export.rs",
            "Moves each audit record to the file exactly once, and syncs it before the store \
                forgets it.",
        ),
        at(
            "transports/gate/src/keyfile.rs",
            "Replaces the key file whole, and synced; that a key is rotated is in the log before \
                it is.",
        ),
    ],
    residual: "A disk that says that it has written what it has not. A store that is restored \
        from a backup has forgotten what came after it: what was spent or revoked since is not, \
        and sessions that were opened since can't be revoked in it. Records of plain admissions \
        and denials may lag by up to a second, and that much of them is lost in a crash.",
    duties: &[
        operator(
            "Keep the state directory on a local disk that honours a sync. Begin with a new \
            one, rather than with a backup, when something has been revoked since that backup was \
            made.",
        ),
        embedder(
            "Use the SQLite store, or one that is as durable, for whatever has to outlive \
            the process: the memory store forgets everything.",
        ),
    ],
    invariants: &[Invariant::I21],
    incidents: &[],
    cwe: &[696, 778],
    asvs: &["2.3.3", "16.2.1", "16.3.1"],
    rfcs: &[],
};

pub(in crate::threat) static SECRET_LEAK: Threat = Threat {
    id: ThreatId::SecretLeak,
    name: "DW-SECRET-LEAK",
    title: "A credential ends up where it can be read",
    attackers: &[Attacker::CredentialHolder, Attacker::LocalProcess, Attacker::GuardedServer],
    assets: &[Asset::Grant, Asset::Session, Asset::Keys],
    stride: &[Stride::InformationDisclosure, Stride::Spoofing],
    severity: Severity {
        level: Level::High,
        because: "Whoever reads a token or a key has what it opens, often much later and \
            somewhere else. Something has to have written it down.",
    },
    preconditions: "The attacker reads logs, histories, process lists, error reports, files or \
        what the guarded server receives, or makes a client follow a link.",
    attack: "It stands in a URL, a log line, an error, a process list or a crash report, or a \
        link makes the client send it to an endpoint of the attacker's choice.",
    mitigations: &[
        at(
            "policy/src/secret.rs",
            "Prints nothing, as does every type around it, and is wiped when dropped.",
        ),
        at(
            "policy/src/denial/shown.rs",
            "Repeats of what was seen only `Host`, `Origin` and `Sec-Fetch-Site`, cut and made \
                printable.",
        ),
        at("policy/src/keys.rs", "Gives stores HMACs to keep, under a pepper that is not in them."),
        at(
            "policy/src/link.rs",
            "Carries a grant in the fragment of a link, which no browser sends.",
        ),
        at(
            "transports/http/src/headers.rs",
            "Keeps Doorward's credentials from the guarded server.",
        ),
        at(
            "transports/http/src/answer.rs",
            "Sends `no-store` and `no-referrer` with every answer of Doorward's own, and marks \
                the cookie as not to be printed.",
        ),
        at("transports/gate/src/audit.rs", "Has no field for a secret, a path or a query."),
        at(
            "transports/gate/src/keyfile/files.rs",
            "Makes files that are their owner's alone, never through a link, and refuses those \
                that others can read.",
        ),
        at(
            "transports/listener/src/arguments.rs",
            "Refuses a secret on the command line, and doesn't repeat it.",
        ),
        at(
            "transports/client/src/pairing.rs",
            "Sends a grant to the place that its link was made for, and nothing that a server \
                answers changes that.",
        ),
        at("transports/client/src/api.rs", "Follows no redirect."),
    ],
    residual: "Whoever reads a process's memory, a terminal's history or a screen reads what is \
        there. The guarded server's scripts can read what a page of its origin shows. A link in a \
        chat is readable to whoever runs the chat.",
    duties: &[
        operator(
            "Keep the state directory and its backups from others, and send links on a way \
            that only their reader sees.",
        ),
        embedder(
            "Log no header, body or path of a request, and hand secrets over in files or on \
            standard input.",
        ),
    ],
    invariants: &[Invariant::I12],
    incidents: &["CVE-2026-25253", "CVE-2022-24758"],
    cwe: &[209, 214, 532, 598],
    asvs: &["3.4.5", "14.2.1", "14.3.2", "16.2.5", "16.4.1", "16.5.1"],
    rfcs: &[
        rfc(3986, "3.5"),
        rfc(3986, "7.5"),
        rfc(6750, "2.3"),
        rfc(6750, "5.3"),
        rfc(9110, "17.9"),
    ],
};
