//! That the server and the player together notice a wrong expectation: attacks on which a test of
//! the corpus would have to fail.

use doorward_probe::{Attack, Pace, Transport, Verdict, play};
use libtest_mimic::{Failed, Trial};

use crate::PATIENCE;
use crate::server::Server;

/// A page of another origin, over HTTP and WebSocket.
const FOREIGN: &str = r#"
title = "x"
threat = "DW-CROSS-SITE-HIJACK"
over = ["http", "websocket"]

[[step]]
do = "session"
as = "a"

[[step]]
do = "ask"
credential = "cookie ${a.cookie}"
origin = "https://evil.example"
expect = { outcome = "refused", status = 403, code = "origin_denied", reason = "origin_denied" }
"#;

/// A session that is revoked while its connections are open.
const REVOKED: &str = r#"
title = "x"
threat = "DW-REVOKED-SESSION"
over = ["websocket", "quic"]

[[step]]
do = "session"
as = "a"

[[step]]
do = "ask"
credential = "bearer ${a.token}"
stay = "it"
expect = { outcome = "admitted" }

[[step]]
do = "revoke"
session = "a"

[[step]]
do = "say"
on = "it"
expect = { outcome = "ended", close = 4403, code = "session_revoked", reason = "session_revoked" }
"#;

/// One use of a grant, and a second one over QUIC.
const SPENT: &str = r#"
title = "x"
threat = "DW-GRANT-REPLAY"
over = ["http", "quic"]

[[step]]
do = "grant"
as = "g"

[[step]]
do = "ask"
credential = "grant ${g.secret}"
times = 3
at_once = true
expect = { outcome = "admitted", exactly = 1, reason = "grant_refused: spent" }
"#;

/// Attacks, what of them is replaced, and what the player has to say to that.
const WRONG: &[(&str, &str, &str, &str, &str)] = &[
    ("outcome", FOREIGN, "https://evil.example", "${origin}", "it had to be refused"),
    ("status", FOREIGN, "403", "401", "its status had to be 401"),
    ("code", FOREIGN, "code = \"origin", "code = \"host", "its code had to be"),
    ("reason", FOREIGN, "reason = \"origin", "reason = \"host", "its reason in the audit log"),
    ("threat", FOREIGN, "DW-CROSS-SITE-HIJACK", "DW-FAIL-OPEN", "its threat in the audit log"),
    ("never", FOREIGN, "reason =", "never = [\"denied\"], reason =", "`denied` came back"),
    ("close", REVOKED, "4403", "4401", "it had to be closed with 4401"),
    ("ended", REVOKED, "do = \"revoke\"\nsession = \"a\"", "do = \"session\"\nas = \"b\"", "ended"),
    ("revoked", REVOKED, "reason = \"session", "reason = \"x", "its reason in the audit log"),
    ("exactly", SPENT, "exactly = 1", "exactly = 2", "1 of 3 were admitted, and 2 had to be"),
    ("spent", SPENT, ": spent", ": expired", "its reason in the audit log"),
];

/// A test for each, and that what they were before holds.
pub(crate) fn trials() -> Vec<Trial> {
    let right = [("foreign", FOREIGN), ("revoked", REVOKED), ("spent", SPENT)];
    let right = right.into_iter().map(|(name, text)| {
        Trial::test(format!("harness::{name}-as-it-is"), move || {
            each(text, |verdict| match verdict {
                Verdict::Held => Ok(()),
                verdict => Err(format!("{verdict:?}")),
            })
        })
    });
    let wrong = WRONG.iter().map(|&(name, text, from, to, said)| {
        Trial::test(format!("harness::wrong-{name}"), move || {
            let changed = text.replace(from, to);
            each(&changed, |verdict| match verdict {
                Verdict::NotHeld(why) if why.contains(said) && changed != text => Ok(()),
                verdict => Err(format!("{verdict:?}")),
            })
        })
    });
    right.chain(wrong).chain([Trial::test("harness::unknown-setting", unknown_setting)]).collect()
}

/// Plays an attack over each of its transports.
fn each(text: &str, check: impl Fn(&Verdict) -> Result<(), String>) -> Result<(), Failed> {
    let attack = Attack::parse("it", text).map_err(|error| error.to_string())?;
    // A connection whose session nobody ends goes on: it is not waited for as long as for others.
    let goes_on = text.contains("outcome = \"ended\"") && !text.contains("do = \"revoke\"");
    let patience = if goes_on { PATIENCE / 10 } else { PATIENCE };
    for &over in &attack.over {
        let verdict = verdict(&attack, over, &Pace::unlimited(patience))?;
        check(&verdict).map_err(|why| format!("{over:?}: {why}"))?;
    }
    Ok(())
}

fn verdict(attack: &Attack, over: Transport, pace: &Pace) -> Result<Verdict, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let verdict = runtime.block_on(async {
        let server = Server::open(attack).await?;
        Ok::<_, String>(play(attack, over, &server, pace).await.verdict)
    });
    runtime.shutdown_background();
    Ok(verdict?)
}

fn unknown_setting() -> Result<(), Failed> {
    let text = FOREIGN.replace("over =", "settings = { exposure = true }\nover =");
    match each(&text, |_| Ok(())) {
        Err(error) if error.message().is_some_and(|said| said.contains("exposure = true")) => {
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}
