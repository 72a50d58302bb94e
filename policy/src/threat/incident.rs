//! Published incidents: real vulnerabilities of servers like the guarded ones.

use super::Invariant;

/// A published incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its identifier.
    pub id: &'static str,
    /// What it was found in.
    pub software: &'static str,
    /// What was wrong.
    pub cause: &'static str,
    /// The invariants that would have stopped it.
    pub invariants: &'static [Invariant],
    /// The input that replays it.
    pub replay: &'static str,
}

/// Each incident in two lines: its id, software and cause; invariants and replay.
macro_rules! incidents {
    ($(
        $id:literal in $software:literal: $cause:literal;
        [$($invariant:ident),+] $replay:literal;
    )+) => {
        &[$(Incident {
            id: $id,
            software: $software,
            cause: $cause,
            invariants: &[$(Invariant::$invariant),+],
            replay: $replay,
        }),+]
    };
}

/// Every incident that the catalog answers for; each is in a row.
pub const INCIDENTS: &[Incident] = incidents! {
    "CVE-2025-52882" in "Claude Code IDE extension": "local WebSocket accepts any origin";
        [I1] "Upgrade with Origin: https://evil.example, no token";
    "CVE-2026-44211" in "Cline Kanban": "no authentication and no Origin check";
        [I1, I4] "Upgrade with foreign Origin, no token";
    "CVE-2025-24964" in "Vitest": "no Origin or authentication; edit and rerun is code execution";
        [I1, I4] "Upgrade with foreign Origin, no token";
    "CVE-2026-27148" in "Storybook": "missing Origin check";
        [I1] "Upgrade with foreign Origin";
    "CVE-2018-14732" in "webpack-dev-server": "hot-reload origin unchecked";
        [I1] "foreign Origin to a loopback listener";
    "CVE-2025-30360" in "webpack-dev-server": "IP-literal origins always allowed";
        [I1] "Origin: http://203.0.113.7";
    "CVE-2025-24010" in "Vite": "permissive CORS and WebSocket origin";
        [I1, I2] "foreign Origin with a valid Host";
    "CVE-2025-48068" in "Next.js dev server": "no origin check";
        [I1, I2] "foreign Origin with a valid Host";
    "CVE-2023-0957" in "Gitpod": "cross-site WebSocket hijack with the victim's cookie";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2023-26114" in "code-server": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-44514" in "Kubetail": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-44985" in "Dozzle": "cross-site WebSocket hijack to exec";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-55883" in "Tilt": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-42283" in "DevSpace": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-34403" in "nginx-ui": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-22689" in "Mailpit": "cross-site WebSocket hijack";
        [I1] "valid cookie with a foreign Origin";
    "CVE-2026-54069" in "SiYuan": "blanket browser-extension scheme";
        [I1] "Origin: chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    "CVE-2022-1996" in "go-restful": "allow-list entries used as regular expressions";
        [I1] "Origin: example.com.malicious.domain";
    "CVE-2026-42559" in "rmcp before 1.4.0": "Host not validated (DNS rebinding)";
        [I2] "Host: rebind.evil:8080";
    "RUSTSEC-2026-0140" in "dynoxide": "Host checked but not Origin";
        [I1, I2] "Host: 127.0.0.1:PORT with a foreign Origin";
    "CVE-2025-66416" in "MCP Python SDK": "DNS rebinding protection off by default";
        [I2] "foreign Host";
    "CVE-2026-34742" in "MCP Go SDK": "DNS rebinding";
        [I2] "foreign Host";
    "CVE-2025-59956" in "AgentAPI": "DNS rebinding";
        [I2] "foreign Host";
    "CVE-2025-64443" in "Docker MCP gateway": "DNS rebinding";
        [I2] "foreign Host";
    "CVE-2024-28224" in "Ollama": "DNS rebinding";
        [I2] "foreign Host";
    "CVE-2022-41924" in "Tailscale": "loopback API without a Host check";
        [I2, I3] "foreign Host";
    "CVE-2018-7160" in "Node.js inspector": "loopback API without a Host check";
        [I2, I3] "foreign Host";
    "CVE-2022-32212" in "Node.js inspector": "invalid IP passes the host check";
        [I2] "Host: 10.0.2.555:9229";
    "CVE-2025-49596" in "MCP Inspector": "unauthenticated local command server";
        [I3, I4] "loopback request without a credential";
    "CVE-2026-22812" in "OpenCode": "unauthenticated local command server";
        [I3, I4] "loopback request without a credential";
    "CVE-2024-28179" in "jupyter-server-proxy": "the WebSocket path skips authentication";
        [I4] "Upgrade without a cookie";
    "CVE-2025-54376" in "Hoverfly": "the WebSocket path skips authentication";
        [I4] "Upgrade without a credential";
    "CVE-2026-33203" in "SiYuan": "a keep-alive query bypasses authentication, then a JSON panic";
        [I4, I15] "magic query; {\"cmd\":1}";
    "CVE-2025-54576" in "oauth2-proxy": "skip rules see the query string";
        [I4] "/admin?x=/public";
    "CVE-2023-41338" in "Fiber": "a header implies a local caller";
        [I3] "X-Forwarded-For: 127.0.0.1";
    "CVE-2025-64484" in "oauth2-proxy": "underscore header smuggling of identity";
        [I3] "X_Forwarded_User: admin";
    "CVE-2025-54289" in "LXD": "one session's stream id used by another principal";
        [I11] "stream id of session A presented by B";
    "CVE-2026-45720" in "Omni": "check and mark of a single-use token are separate steps";
        [I5] "two concurrent consumes";
    "CVE-2026-3590" in "Mattermost": "magic link not consumed atomically";
        [I5] "N concurrent consumes";
    "CVE-2020-15222" in "fosite": "token id replay";
        [I5] "the same token twice";
    "CVE-2025-46815" in "Zitadel": "intent token replay";
        [I5] "the same token twice";
    "CVE-2021-32923" in "Vault": "renewal within 1 s of the maximum becomes non-expiring";
        [I6] "renew at maximum minus 1 s";
    "CVE-2026-55513" in "nebula-mesh": "one minting path hard-codes its lifetime";
        [I6] "mint by every path, compare lifetimes";
    "CVE-2022-36103" in "Talos": "join token over-scoped";
        [I4, I11] "join token on an administrator's action";
    "CVE-2026-42222" in "nginx-ui": "first-boot claim without a grant";
        [I4] "claim without a grant";
    "CVE-2015-9235" in "node-jsonwebtoken": "algorithm chosen by the token";
        [I7] "{\"alg\":\"none\"} header, empty signature";
    "CVE-2022-23540" in "node-jsonwebtoken": "defaults to no signature";
        [I7] "empty signature";
    "CVE-2020-28042" in "ServiceStack": "no minimum tag length";
        [I7] "tag cut to 0, 1 and 31 bytes";
    "CVE-2009-0217" in "XML DSig": "no minimum tag length";
        [I7] "tag cut to 0, 1 and 31 bytes";
    "CVE-2022-39227" in "python-jwt": "polyglot of two serialisations forges claims";
        [I7] "1, 3 and 4 segments; JSON in place of a segment";
    "CVE-2026-25537" in "jsonwebtoken before 10.3.0": "claim of the wrong type treated as absent";
        [I6] "a time claim of the wrong type";
    "CVE-2025-30204" in "golang-jwt": "splits on every dot";
        [I7, I15] "Bearer followed by 1,000,000 dots";
    "GHSA-j5fj-8wxc-gvmj" in "secure-proxy-manager":
        "deny-list on raw token text with a lenient base64";
        [I7, I8]
        "last character of the tag changed within its unused bits; appended =; + and / for - and _";
    "CVE-2015-10004" in "robbert229/jwt": "comparison not in constant time";
        [I9] "timing test";
    "CVE-2020-2101" in "Jenkins": "comparison not in constant time";
        [I9] "timing test";
    "CVE-2022-29185" in "totp-rs": "comparison not in constant time";
        [I9] "timing test";
    "CVE-2026-23519" in "cmov on ARM32": "constant-time code compiled into a branch";
        [I9] "inspect the released code";
    "CVE-2025-66565" in "Fiber": "generator failure falls back to a fixed value";
        [I19] "inject a failing generator";
    "CVE-2024-7558" in "Juju": "predictable secret";
        [I19] "entropy test";
    "CVE-2026-25253" in "OpenClaw": "a URL parameter makes the client send its token elsewhere";
        [I12] "?gatewayUrl=wss://evil.example";
    "CVE-2022-24758" in "Jupyter": "cookie logged on a server error";
        [I12] "force an error, search the log";
    "CVE-2023-23934" in "Werkzeug": "a nameless cookie shadows a __Host- one";
        [I13] "Cookie: =__Host-doorward=bad";
    "CVE-2024-21583" in "Gitpod": "no __Host- prefix: cookie tossing";
        [I13] "two cookies of the same name";
    "CVE-2025-58186" in "Go net/http": "unbounded cookies";
        [I13, I15] "Cookie: a=; repeated";
    "CVE-2024-10318" in "NGINX OIDC": "nonce unchecked: session fixation";
        [I14] "the attacker's callback in the victim's browser";
    "CVE-2024-41666" in "Argo CD": "open terminal survives revocation";
        [I10] "revoke, then send a frame";
    "CVE-2023-40025" in "Argo CD": "open terminal survives expiry";
        [I10] "expire, then send a frame";
    "CVE-2025-23208" in "zot": "groups appended instead of replaced";
        [I11] "remove a member, reconnect";
    "CVE-2026-54324" in "Daytona": "room joined by an id the client supplied";
        [I11] "foreign workspace id";
    "CVE-2024-21652" in "Argo CD": "cache overflow evicts the attempt counter";
        [I16] "fail k times, flood other names, retry";
    "CVE-2026-29794" in "Vikunja": "limiter trusts spoofed headers";
        [I16] "rotate X-Forwarded-For";
    "CVE-2024-39321" in "Traefik": "spoofed-source 0-RTT passes an address allow-list";
        [I17] "0-RTT from a spoofed address";
    "CVE-2023-42805" in "quinn": "unknown frame panics";
        [I15] "pin the fixed release";
    "CVE-2024-45311" in "quinn": "Endpoint::retry() panics";
        [I15] "pin the fixed release";
    "CVE-2026-31812" in "quinn": "bad transport parameters panic";
        [I15] "pin the fixed release";
    "CVE-2026-25800" in "quinn": "fragments with gaps exhaust memory";
        [I15] "pin quinn-proto 0.11.15 or later";
    "CVE-2024-1410" in "quiche": "unbounded queue";
        [I15] "connection-id flood";
    "CVE-2024-22189" in "quic-go": "unbounded queue";
        [I15] "NEW_CONNECTION_ID flood";
    "CVE-2023-43669" in "tungstenite": "handshake head parsed again for every read";
        [I15] "trickled huge header";
    "CVE-2022-35922" in "rust-websocket": "declared frame length allocated up front";
        [I15] "0xFF and eight 0xFF length bytes";
    "CVE-2024-37890" in "ws": "many headers crash the server";
        [I15] "10,000 headers";
    "CVE-2026-27889" in "NATS": "frame-length overflow";
        [I15] "64-bit frame length of 2^63";
    "CVE-2026-26999" in "Traefik": "deadline cleared before the handshake ends";
        [I15] "partial TLS record, then silence";
    "CVE-2026-2833" in "Pingora": "bytes forwarded before the 101";
        [I18] "a second request pipelined behind the Upgrade";
    "CVE-2018-1002105" in "Kubernetes": "connection kept after a failed upgrade";
        [I18] "failed Upgrade, then another request on the same connection";
};
