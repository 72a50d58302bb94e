//! What whoever got in may do, where, and for how long.

use super::{at, embedder, operator, rfc};
use crate::threat::{Asset, Attacker, Invariant, Level, Severity, Stride, Threat, ThreatId};

pub(in crate::threat) static CAPABILITY_ESCALATION: Threat = Threat {
    id: ThreatId::CapabilityEscalation,
    name: "DW-CAPABILITY-ESCALATION",
    title: "A session does more than it was given",
    attackers: &[Attacker::SessionHolder],
    assets: &[Asset::GuardedServer, Asset::Session, Asset::Keys],
    stride: &[Stride::ElevationOfPrivilege, Stride::Tampering],
    severity: Severity {
        level: Level::High,
        because: "Whoever was meant to watch drives, and whoever drives could let others in. It \
            takes a session.",
    },
    preconditions: "The attacker has a session, a grant or a local token with fewer capabilities \
        than there are.",
    attack: "A join credential is accepted for an administrator's action, a grant carries more \
        than its issuer has, a capability that was taken away still stands in the token, or a \
        watcher's bytes reach a shared connection.",
    mitigations: &[
        at(
            "policy/src/route.rs",
            "Compares what a rule asks for with what the token, the session's row and the \
                membership have in common.",
        ),
        at("policy/src/grant.rs", "Refuses to issue a capability that the issuer lacks."),
        at("policy/src/token.rs", "Denies a token with a capability bit that is not known."),
        at(
            "policy/src/room.rs",
            "Lets one session at a time write to a shared connection, and none that may only \
                observe.",
        ),
        at(
            "transports/http/src/admin/mod.rs",
            "Administers at an origin of its own, with keys, grants and tokens that are nothing \
                elsewhere.",
        ),
        at(
            "transports/websocket/src/shared/member.rs",
            "Asks before each message that is passed on whether the place may write.",
        ),
        at(
            "transports/quic/src/room/line.rs",
            "Asks before each chunk that is passed on whether the place may write.",
        ),
    ],
    residual: "`operate` is whatever the guarded server lets its users do: usually, everything. \
        To it, whoever writes to a shared connection is whoever opened it. Whoever administers \
        has the listener connect to what its machine reaches.",
    duties: &[
        operator(
            "Give each link the capabilities that its holder needs, and `administer` as one \
            would give an account on the machine.",
        ),
        embedder(
            "Name the capability that each route needs, and ask the room before each \
            message of a shared connection.",
        ),
    ],
    invariants: &[Invariant::I4, Invariant::I11],
    incidents: &["CVE-2022-36103", "CVE-2025-23208"],
    cwe: &[269, 863],
    asvs: &["8.2.1", "8.3.1", "8.3.2"],
    rfcs: &[rfc(6749, "3.3"), rfc(6750, "3.1"), rfc(9110, "15.5.4")],
};

pub(in crate::threat) static LOCAL_IMPERSONATION: Threat = Threat {
    id: ThreatId::LocalImpersonation,
    name: "DW-LOCAL-IMPERSONATION",
    title: "A program passes for another one on the same machine",
    attackers: &[Attacker::LocalProcess, Attacker::CredentialHolder],
    assets: &[Asset::Session, Asset::Workspace, Asset::GuardedServer],
    stride: &[Stride::Spoofing, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A program of another user's, or one that was let out of hand, gets into a \
            workspace. It has to run on the machine and come by the token.",
    },
    preconditions: "The attacker runs a program on the machine of the listener, and comes by a \
        token or can compute one.",
    attack: "A token that was handed to one process is used by another: it was left in a file, \
        inherited too far down, could be guessed, or its process has ended and something else \
        runs under its number.",
    mitigations: &[
        at(
            "policy/src/local.rs",
            "Makes a token of 256 random bits, of which a store keeps the digest alone. Takes it \
                for as long as its process is there, told by its id and the time of its start, \
                and for its one workspace. Its name makes it a member of nothing, it never \
                administers, and one that is registered again under the same id ends the one \
                before.",
        ),
        at(
            "policy/src/admission/local.rs",
            "Asks for record and process at each use: an outage of either is a denial.",
        ),
        at(
            "transports/gate/src/system.rs",
            "Tells a process from every other that had its id, across restarts of the machine.",
        ),
        at(
            "transports/listener/src/locals.rs",
            "Writes each token to a file of its owner's alone, and removes the file with the \
                token.",
        ),
        at(
            "policy/src/route/endpoint.rs",
            "Keeps from everybody else what only a process may ask.",
        ),
    ],
    residual: "Whoever runs as the same user can read the file while the process lives. A \
        listener that can't see the process (in another container) takes it for ended, and \
        removes its token. All of this goes by `/proc`, so it is for Linux alone.",
    duties: &[
        operator(
            "Mint tokens where the listener runs, with `local exec` rather than for a whole \
            shell.",
        ),
        embedder(
            "Answer truthfully which processes there are, and say so when that can't be told.",
        ),
    ],
    invariants: &[Invariant::I3, Invariant::I6, Invariant::I9, Invariant::I11, Invariant::I19],
    incidents: &["CVE-2024-7558"],
    cwe: &[290, 522, 732],
    asvs: &["7.2.3", "13.2.1", "13.3.2"],
    rfcs: &[rfc(9110, "11.4")],
};

pub(in crate::threat) static WORKSPACE_CONFUSION: Threat = Threat {
    id: ThreatId::WorkspaceConfusion,
    name: "DW-WORKSPACE-CONFUSION",
    title: "One tenant's request acts in another's workspace",
    attackers: &[Attacker::SessionHolder],
    assets: &[Asset::Workspace, Asset::GuardedServer],
    stride: &[Stride::InformationDisclosure, Stride::Tampering, Stride::ElevationOfPrivilege],
    severity: Severity {
        level: Level::High,
        because: "A member of one workspace reads and drives another's server. It takes a \
            session, and workspaces.",
    },
    preconditions: "There are workspaces, and the attacker has a session that is no member of \
        the one they want.",
    attack: "The client names the resource or the stream and the server believes it, or \
        memberships pile up instead of being replaced.",
    mitigations: &[
        at(
            "policy/src/workspace/mod.rs",
            "Resolves what a request belongs to from the server's own directory, by the claims \
                on its route or the name in its hello, and joins it only as a member, at every \
                decision.",
        ),
        at(
            "policy/src/workspace/change.rs",
            "Replaces a membership that is set again, and makes a change whole or not at all.",
        ),
        at(
            "policy/src/workspace/claim.rs",
            "Gives a path that some server could read into another workspace to nobody.",
        ),
        at(
            "policy/src/denial.rs",
            "Answers for what one may not see with the bytes of what doesn't exist.",
        ),
        at(
            "policy/src/tenure.rs",
            "Ends a live connection with its membership, and when its workspace is placed anew.",
        ),
    ],
    residual: "Members are known by their subject, which whoever makes a grant chooses: an \
        administrator decides who is who. Doorward separates nothing inside a guarded server, and \
        pages of workspaces under one host share an origin.",
    duties: &[
        operator(
            "Give people who must not see each other's work a workspace with a server of \
            its own each, and servers that don't trust each other's pages a host each.",
        ),
        embedder(
            "Connect to the server of the workspace that was joined, as the admission names \
            it.",
        ),
    ],
    invariants: &[Invariant::I10, Invariant::I11],
    incidents: &["CVE-2026-54324", "CVE-2025-23208"],
    cwe: &[204, 639, 863],
    asvs: &["8.2.2", "8.3.2", "8.4.1"],
    rfcs: &[rfc(9110, "15.5.4")],
};

pub(in crate::threat) static SERVICE_WORKER: Threat = Threat {
    id: ThreatId::ServiceWorker,
    name: "DW-SERVICE-WORKER",
    title: "A script stays in the browser after the session is over",
    attackers: &[Attacker::GuardedServer],
    assets: &[Asset::Grant, Asset::Session],
    stride: &[Stride::Spoofing, Stride::InformationDisclosure],
    severity: Severity {
        level: Level::Medium,
        because: "A script of the guarded server's could do as much while its page was open; it \
            gains time, and the next grant of the same person.",
    },
    preconditions: "The guarded server, or somebody who writes into its pages, is hostile, and \
        the browser allows workers: https or localhost.",
    attack: "A page of the guarded server's registers a service worker. It answers for this \
        origin long after, also where Doorward's own pairing page should answer, and hands over \
        the next grant.",
    mitigations: &[
        at(
            "policy/src/admission/guard.rs",
            "Denies requests with `Service-Worker` unless the operator allows them by name.",
        ),
        at(
            "transports/http/src/pages.rs",
            "Gives Doorward's pages a policy under which they run their own script alone; a \
                worker that answers in their place is not bound by it.",
        ),
        at(
            "transports/listener/src/serve/admin.rs",
            "Keeps administration at an origin that no worker of the guarded one answers for.",
        ),
    ],
    residual: "With `allow_service_workers` the guarded server can hold on to the origin, \
        pairing page included. Even without, its scripts share the origin with Doorward's pages. \
        A worker that was registered before Doorward stood in front, on the same origin, stays.",
    duties: &[
        operator(
            "Guard only what may see a grant typed into its origin, and clear the site's \
            data in browsers that used that origin unguarded.",
        ),
        embedder("Hand over the `Service-Worker` header."),
    ],
    invariants: &[Invariant::I12],
    incidents: &[],
    cwe: &[653],
    asvs: &["3.2.1"],
    rfcs: &[],
};
