//! Plays an attack against a target.

mod answer;
mod forge;
mod frame;
mod judge;
mod live;
mod quic;
mod request;
mod secrets;
mod steps;
mod tcp;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::frame::client_frame;
use self::live::Live;
pub(crate) use self::request::Kind;
pub(crate) use self::tcp::Wire;
use crate::attack::{Attack, Step, Transport};
use crate::exchange::Exchange;
use crate::pace::Pace;
use crate::target::{HttpAddress, QuicAddress, Target};
use crate::variables::Variables;

/// The most bytes of a reason.
const LONGEST: usize = 1000;

/// What came of an attack over one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Whether the server held.
    pub verdict: Verdict,
    /// What was sent and received, in order.
    pub exchanges: Vec<Exchange>,
}

/// Whether a server held against an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything came as expected.
    Held,
    /// What didn't, and in which step.
    NotHeld(String),
    /// Why the attack says nothing of this server.
    NotApplicable(String),
}

/// Plays an attack over one transport, from its first step.
///
/// Against a server of a strict [`Profile`](crate::Profile) everything that a step expects is
/// checked, and that its audit log says why something was refused. Against any other the outcome
/// alone is: a status of 400 and above, a redirect to the login, and the end of the connection are
/// refusals; and an attack whose harmless request is refused as well says nothing.
pub async fn play(attack: &Attack, over: Transport, target: &dyn Target, pace: &Pace) -> Played {
    let mut round = Round {
        attack,
        over,
        target,
        pace,
        known: Variables::new(),
        open: BTreeMap::new(),
        own: BTreeSet::new(),
        exchanges: Vec::new(),
        step: 0,
        each: None,
    };
    let verdict = match round.run().await {
        Ok(()) => Verdict::Held,
        Err(Stop::NotHeld(why)) => Verdict::NotHeld(round.text(&why)),
        Err(Stop::NotApplicable(why)) => Verdict::NotApplicable(round.text(&why)),
    };
    Played { verdict, exchanges: round.exchanges }
}

/// An attack under way.
struct Round<'a> {
    attack: &'a Attack,
    over: Transport,
    target: &'a dyn Target,
    pace: &'a Pace,
    known: Variables,
    /// The connections that stay.
    open: BTreeMap<String, Live>,
    /// The sessions, by their names.
    own: BTreeSet<String>,
    exchanges: Vec<Exchange>,
    /// The number of the step, from 1.
    step: usize,
    each: Option<String>,
}

/// Why no further step is taken.
#[derive(Debug)]
enum Stop {
    NotHeld(String),
    NotApplicable(String),
}

impl Stop {
    fn lacks(what: &str) -> Self {
        Self::NotApplicable(format!("the server has not got {what}"))
    }
}

impl<'a> Round<'a> {
    async fn run(&mut self) -> Result<(), Stop> {
        match self.over {
            Transport::Quic => drop(self.quic()?),
            Transport::Http | Transport::Websocket => drop(self.http()?),
        }
        for (name, secret) in self.target.secrets() {
            self.known.set_secret(&name, &secret);
        }
        let attack: &'a Attack = self.attack;
        let settled = self.target.settle(&attack.settings).await;
        settled.map_err(|lacking| Stop::NotApplicable(format!("not offered: {lacking}")))?;
        for (step, number) in attack.steps.iter().zip(1..) {
            self.step = number;
            self.each = None;
            self.know_the_server()?;
            self.take(step).await?;
        }
        self.still_there().await
    }

    async fn take(&mut self, step: &'a Step) -> Result<(), Stop> {
        match step {
            Step::Ask(ask) => self.ask(ask).await,
            Step::Send(_) if self.over == Transport::Quic => Ok(()),
            Step::Send(send) => self.send(send).await,
            Step::Hello(hello) if self.over == Transport::Quic => self.hello(hello).await,
            Step::Packets(packets) if self.over == Transport::Quic => self.packets(packets).await,
            Step::Hello(_) | Step::Packets(_) => Ok(()),
            Step::Say { on, bytes, expect } => self.say(on, bytes.as_deref(), expect).await,
            Step::Differ { values } => self.differ(values),
            step => {
                if let Step::Session { r#as, .. } = step {
                    self.own.insert(r#as.clone());
                }
                let prepared = self.target.prepare(step, &mut self.known).await;
                prepared.map_err(|lacking| {
                    Stop::NotApplicable(format!("step {}: not offered: {lacking}", self.step))
                })
            }
        }
    }

    fn http(&self) -> Result<HttpAddress, Stop> {
        self.target.http().ok_or_else(|| Stop::lacks("HTTP"))
    }

    fn quic(&self) -> Result<QuicAddress, Stop> {
        self.target.quic().ok_or_else(|| Stop::lacks("QUIC"))
    }

    /// Fills in the server's own values; a restarted one may have others.
    fn know_the_server(&mut self) -> Result<(), Stop> {
        let Some(to) = self.target.http() else { return Ok(()) };
        self.known.set("target", &to.authority);
        self.known.set("host", to.host());
        let port = to.authority.rsplit_once(':').map(|(_, port)| port.to_owned());
        let usual = if to.tls { "443" } else { "80" };
        let digits = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        self.known.set("port", digits.as_deref().unwrap_or(usual));
        self.known.set("origin", &to.origin());
        if let Some(name) = &self.target.profile().cookie_name {
            let name = self.known.fill(name).map_err(Stop::NotApplicable)?;
            self.known.set("cookie_name", &name);
        }
        Ok(())
    }

    /// An attack that ends a server is no attack that it held against.
    async fn still_there(&self) -> Result<(), Stop> {
        let Some(to) = self.target.http() else { return Ok(()) };
        self.pace.turn().await;
        match Wire::connect(&to, self.target.from(), self.pace.patience).await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(Stop::NotHeld(format!("afterwards nobody takes connections any more: {error}")))
            }
        }
    }

    /// An attack file that can't be played says so as if it were a fault of the server's: nobody
    /// may take it for held.
    fn wrong(&self, why: &str) -> Stop {
        Stop::NotHeld(format!("step {}: the attack can't be played: {why}", self.step))
    }

    /// Something that is named by nothing: another product may not have it.
    fn unknown(&self, why: &str) -> Stop {
        if self.target.profile().strict {
            self.wrong(why)
        } else {
            Stop::NotApplicable(why.to_owned())
        }
    }

    /// A text without a secret, in one line of letters that do nothing to a terminal or a page: a
    /// part of it may be the server's.
    fn text(&self, text: &str) -> String {
        let (redacted, all) = self.known.redact_some(text.as_bytes(), LONGEST);
        let redacted = String::from_utf8_lossy(&redacted);
        let mut plain = String::with_capacity(redacted.len());
        for each in redacted.chars() {
            match each {
                ' '..='~' => plain.push(each),
                _ => plain.extend(each.escape_default()),
            }
        }
        if !all {
            plain.push_str("...");
        }
        plain
    }
}
