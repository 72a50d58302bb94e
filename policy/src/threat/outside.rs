//! What no evidence of ours speaks of, whatever passes.

/// Something that is trusted, or that nobody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What it is, in a few words.
    pub what: &'static str,
    /// What that means for whoever relies on the evidence.
    pub means: &'static str,
}

/// What every report on the evidence says is not covered.
pub const OUTSIDE: &[Outside] = &[
    Outside {
        what: "Time that machine code takes",
        means: "Secrets are compared through `subtle`, and no jump and no address of the optimised \
            policy depends on one, as far as valgrind sees. Text is read and written with tables. \
            What the processor makes of it was not measured, and neither was any other side channel.",
    },
    Outside {
        what: "The operating system",
        means: "Its generator, its clock, its file permissions, its separation of users and of \
            processes, and what it says of a process's start are taken as they are.",
    },
    Outside {
        what: "The libraries below",
        means: "hyper, rustls, aws-lc, quinn, tungstenite, serde, rusqlite and SQLite are tested \
            through what Doorward does with them. Their own code is no part of the evidence.",
    },
    Outside {
        what: "The strength of what cryptography rests on",
        means: "SHA-256, HMAC, HKDF and TLS 1.3 are trusted to be what they are held to be. The code of the \
                HMAC is Doorward's own (`policy/src/mac.rs`), over the compression of a library, and is tested \
                against another's.",
    },
    Outside {
        what: "The same user, and root",
        means: "Whoever can read the state directory or the memory of the process has the keys, \
            and with them every session.",
    },
    Outside {
        what: "The browser",
        means: "It is trusted to keep to `SameSite`, `HttpOnly` and `__Host-`, and to send `Origin` \
            and fetch metadata truthfully. Its extensions can do what the person can.",
    },
    Outside {
        what: "The guarded server",
        means: "What it does with a request that was admitted is its own. Its scripts run in the \
            origin that Doorward's pages share.",
    },
    Outside {
        what: "Names and certificates",
        means: "Whoever controls the DNS of a name that is listed, or gets a certificate for it, \
            is that name to everybody else.",
    },
    Outside {
        what: "Proxies that are named as trusted",
        means: "What they say about the client's address and scheme is believed.",
    },
    Outside {
        what: "A full line",
        means: "Bounds are on what reaches the listener. Traffic that fills the line before it \
            keeps everybody out.",
    },
    Outside {
        what: "Disks and machines that break",
        means: "An effect is synced before it is answered. A disk that says so and has not written \
            is believed; a backup that is put back brings spent grants back with it.",
    },
    Outside {
        what: "How the binary came about",
        means: "Compiler, package registry and the machine that builds are trusted. A run speaks \
            of what was built there, on that system, and of no other binary or platform.",
    },
    Outside { what: "People", means: "A link that is sent to the wrong person pairs that person." },
    Outside {
        what: "What nobody has thought of",
        means: "Evidence shows that a guard stands where somebody looked. It does not show that \
            there is no other way in.",
    },
];
