//! What can be wrong with an attack beyond its form, found as its file is read.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_policy::threat::ThreatId;

use crate::attack::{Ask, Attack, Expect, Outcome, Send, Step, Transport};
use crate::play::Kind;
use crate::template::{Spelling, Template};

/// What is wrong: with the step of this number, from 1, or with the whole.
pub(crate) struct Fault {
    pub(crate) step: Option<usize>,
    pub(crate) reason: String,
}

/// Names of the server's own, and what a step may always use.
pub(crate) const ALWAYS: [&str; 5] = ["target", "host", "port", "origin", "cookie_name"];

/// How often something is done in one step at most.
const MOST: u32 = 10_000;

/// What a server can be set to, see [`Attack::settings`].
const SETTINGS: [&str; 20] = [
    "allow_origins",
    "allow_hosts",
    "allow_service_workers",
    "public_url",
    "share",
    "trusted_proxies",
    "exposure",
    "routes",
    "per_address",
    "unadmitted",
    "codes",
    "guesses",
    "counters",
    "deadline",
    "idle",
    "absolute",
    "sessions",
    "retry_from",
    "handshakes",
    "guarded",
];

/// Checks an attack.
pub(crate) fn check(attack: &Attack) -> Result<(), Fault> {
    whole(attack).map_err(|reason| Fault { step: None, reason })?;
    let mut names = Names::default();
    for (step, number) in attack.steps.iter().zip(1..) {
        let failed = |reason| Fault { step: Some(number), reason };
        names.step(step, attack).map_err(failed)?;
    }
    Ok(())
}

fn whole(attack: &Attack) -> Result<(), String> {
    if attack.title.trim().is_empty() {
        return Err("`title` is empty; say what the attacker does".to_owned());
    }
    is_threat(&attack.threat)?;
    if let Some(name) = attack.settings.keys().find(|name| !SETTINGS.contains(&name.as_str())) {
        return Err(format!("`{name}` is no setting; there are {}", SETTINGS.join(", ")));
    }
    let said = [Some(&attack.title), attack.disturbs.as_ref()];
    if said.into_iter().flatten().any(|text| text.contains(char::is_control)) {
        return Err("`title` and `disturbs` are one line of plain text each".to_owned());
    }
    if attack.over.is_empty() {
        return Err("`over` is empty; name http, websocket or quic".to_owned());
    }
    let over: BTreeSet<_> = attack.over.iter().collect();
    if over.len() != attack.over.len() {
        return Err("`over` names a transport twice".to_owned());
    }
    for &transport in &attack.over {
        let told = |step: &Step| match step {
            Step::Ask(_) => true,
            Step::Send(_) => transport != Transport::Quic,
            Step::Hello(_) | Step::Packets(_) => transport == Transport::Quic,
            _ => false,
        };
        if !attack.steps.iter().any(told) {
            let transport = format!("{transport:?}").to_lowercase();
            return Err(format!(
                "it has no step that is played over {transport}; add one, or leave {transport} \
                out of `over`"
            ));
        }
    }
    Ok(())
}

/// All of them are kept until the last is answered.
fn few(times: u32) -> Result<(), String> {
    if times <= MOST {
        return Ok(());
    }
    Err(format!("`times` is more than {MOST}"))
}

fn is_threat(name: &str) -> Result<(), String> {
    if ThreatId::all().any(|threat| threat.name() == name) {
        return Ok(());
    }
    Err(format!("`{name}` is no threat; take an id of docs/threats.md, such as DW-GRANT-REPLAY"))
}

/// What is known at a step.
#[derive(Default)]
struct Names {
    known: BTreeSet<String>,
    open: BTreeSet<String>,
}

impl Names {
    fn step(&mut self, step: &Step, attack: &Attack) -> Result<(), String> {
        match step {
            Step::Session { r#as, .. } => self.session(r#as),
            Step::Grant { r#as, uses, .. } => {
                if *uses == Some(0) {
                    return Err("a grant has at least one use".to_owned());
                }
                self.known.insert(format!("{as}.secret", as = r#as));
            }
            Step::Ticket { r#as, of, origin } => {
                self.is_session(of)?;
                self.plain(origin)?;
                self.known.insert(format!("{as}.secret", as = r#as));
            }
            Step::Local { r#as, .. } => drop(self.known.insert(format!("{as}.token", as = r#as))),
            Step::Renew { session } | Step::Revoke { session } => self.is_session(session)?,
            Step::Advance { by } => {
                duration(by).ok_or_else(|| no_duration(by))?;
            }
            Step::Workspace { .. } | Step::Member { .. } | Step::Fail { .. } | Step::Restart {} => {
            }
            Step::Ask(ask) => self.ask(ask, attack)?,
            Step::Send(send) => self.send(send)?,
            Step::Hello(hello) => {
                self.each(&hello.each, Spelling::Escaped)?;
                self.text(&hello.bytes, Spelling::Escaped, !hello.each.is_empty())?;
                let outcome = hello.expect.outcome;
                self.first(&hello.expect, outcome == Outcome::Open && hello.stay.is_some())?;
                self.open.extend(hello.stay.clone());
            }
            Step::Packets(packets) => {
                self.each(&packets.each, Spelling::Escaped)?;
                few(packets.times.unwrap_or(1))?;
                let each = !packets.each.is_empty();
                for text in [&packets.first, &packets.parameters, &packets.from] {
                    self.text(text.as_deref().unwrap_or_default(), Spelling::Escaped, each)?;
                }
                self.known.insert("odd".to_owned());
                self.text(packets.frames.as_deref().unwrap_or_default(), Spelling::Escaped, each)?;
                self.known.remove("odd");
                self.expect(&packets.expect, 1)?;
            }
            Step::Differ { values } => {
                if values.len() < 2 {
                    return Err("`values` needs two at least".to_owned());
                }
                self.plain(values)?;
            }
            Step::Say { on, bytes, expect } => {
                if !self.open.contains(on) {
                    return Err(format!("no step before it has `stay = \"{on}\"`"));
                }
                if let Some(bytes) = bytes {
                    self.text(bytes, Spelling::Escaped, false)?;
                }
                self.expect(expect, 1)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, ask: &Ask, attack: &Attack) -> Result<(), String> {
        self.each(&ask.each, Spelling::Plain)?;
        let each = !ask.each.is_empty();
        let times = ask.times.unwrap_or(1);
        if times == 0 {
            return Err("`times = 0` asks for nothing".to_owned());
        }
        few(times)?;
        if ask.at_once && times == 1 {
            return Err("`at_once` needs `times`, 2 at least".to_owned());
        }
        let texts = [&ask.path, &ask.host, &ask.origin, &ask.from, &ask.nonce, &ask.workspace];
        for text in texts.into_iter().chain([&ask.body, &ask.method]).flatten().chain(&ask.headers)
        {
            self.text(text, Spelling::Plain, each)?;
        }
        for credential in [&ask.credential, &ask.beside].into_iter().flatten() {
            let (_, value) = Kind::split(credential)?;
            self.text(value, Spelling::Plain, each)?;
        }
        if ask.early && attack.over != [Transport::Quic] {
            return Err("`early` is for QUIC alone; write `over = [\"quic\"]`".to_owned());
        }
        self.outcome(&ask.expect)?;
        self.expect(&ask.expect, times)?;
        self.open.extend(ask.stay.clone());
        if let Some(name) = &ask.keep {
            self.session(name);
        }
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Result<(), String> {
        self.each(&send.each, Spelling::Escaped)?;
        for text in [Some(&send.bytes), send.then.as_ref()].into_iter().flatten() {
            self.text(text, Spelling::Escaped, !send.each.is_empty())?;
        }
        if send.pieces == Some(0) {
            return Err("`pieces = 0` sends nothing".to_owned());
        }
        if send.afterwards.is_some() && send.then.is_none() {
            return Err("`afterwards` needs `then`, which it is the answer to".to_owned());
        }
        let unread = send.stay.is_some() || send.then.is_some();
        self.first(&send.expect, send.expect.outcome == Outcome::Open && unread)?;
        if let Some(expect) = &send.afterwards {
            self.outcome(expect)?;
            self.expect(expect, 1)?;
        }
        self.open.extend(send.stay.clone());
        Ok(())
    }

    /// What the first bytes of a connection may be expected to come to.
    fn first(&self, expect: &Expect, stays: bool) -> Result<(), String> {
        if !stays {
            self.outcome(expect)?;
        }
        self.expect(expect, 1)
    }

    fn outcome(&self, expect: &Expect) -> Result<(), String> {
        match expect.outcome {
            Outcome::Admitted | Outcome::Refused => Ok(()),
            Outcome::Ended | Outcome::Open => Err("the outcome of a new connection is `admitted` \
                or `refused`; `open` and `ended` are for a `say` on one that stays"
                .to_owned()),
        }
    }

    fn expect(&self, expect: &Expect, times: u32) -> Result<(), String> {
        if expect.exactly.is_some_and(|exactly| exactly > times) {
            return Err(format!("`exactly` is more than the {times} there are"));
        }
        // An empty one is for what no decision was taken on.
        expect.threat.as_deref().filter(|name| !name.is_empty()).map_or(Ok(()), is_threat)?;
        self.plain(&expect.never)
    }

    fn session(&mut self, name: &str) {
        for what in ["token", "cookie", "id"] {
            self.known.insert(format!("{name}.{what}"));
        }
    }

    fn is_session(&self, name: &str) -> Result<(), String> {
        if self.known.contains(&format!("{name}.cookie")) {
            return Ok(());
        }
        Err(format!("there is no session `{name}`; a step before it has to make one"))
    }

    fn each(&self, each: &[String], spelling: Spelling) -> Result<(), String> {
        each.iter().try_for_each(|text| self.text(text, spelling, false))
    }

    fn plain<'t>(&self, texts: impl IntoIterator<Item = &'t String>) -> Result<(), String> {
        texts.into_iter().try_for_each(|text| self.text(text, Spelling::Plain, false))
    }

    fn text(&self, text: &str, spelling: Spelling, each: bool) -> Result<(), String> {
        let template = Template::parse(text, spelling)?;
        for name in template.names() {
            let own = ALWAYS.contains(&name) || (each && name == "each");
            if own || self.known.contains(name) {
                continue;
            }
            return Err(match name {
                "each" => "`${each}` needs a list `each` in its step".to_owned(),
                name => format!("`${{{name}}}` is not known; a step before it has to make it"),
            });
        }
        Ok(())
    }
}

/// A duration such as `7d`, `2h`, `90m`, `10s` or `1500ms`; `None` for anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|found: char| !found.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn no_duration(text: &str) -> String {
    format!("`{text}` is no duration; write such as 7d, 2h, 90m, 10s or 1500ms")
}
