//! The steps that put bytes on the wire.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;

use super::answer::{Answer, Came};
use super::forge::{self, Plan};
use super::live::{Live, is_let_in};
use super::quic::{Greeted, Greeting, greet};
use super::request::Request;
use super::secrets::handed_out;
use super::tcp::{Reading, Wire};
use super::{Round, Stop};
use crate::attack::{Ask, Expect, Hello, Outcome, Packets, Send, Transport};
use crate::exchange::{Exchange, Shown, escape};
use crate::target::Target;
use crate::template::Spelling;

/// What came of one connection, and the connection if it may stay.
pub(super) struct Attempt {
    pub(super) sent: Vec<u8>,
    pub(super) answer: Answer,
    live: Option<Live>,
}

impl Round<'_> {
    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<(), Stop> {
        for each in self.values_of(&ask.each, Spelling::Plain)? {
            self.stand_for(each);
            let times = ask.times.unwrap_or(1);
            let mut requests = Vec::new();
            for _ in 0..times {
                requests.push(self.request(ask)?);
            }
            let attempts = self.attempt(requests, ask.at_once).await?;
            let mut stays = None;
            let mut answers = Vec::new();
            for attempt in attempts {
                self.note(&attempt);
                if attempt.answer.came == Came::Admitted {
                    stays = attempt.live.or(stays);
                }
                answers.push(attempt.answer);
            }
            self.check_silence(&ask.expect, &answers)?;
            self.judge(&ask.expect, &answers).await?;
            if let (Some(name), Some(live)) = (&ask.stay, stays) {
                self.open.insert(name.clone(), live);
            }
            if let Some(name) = &ask.keep {
                let bought = answers.iter().find_map(|answer| answer.bought.clone());
                let bought = bought.ok_or_else(|| Stop::lacks("a session to hand out here"))?;
                self.known.set_secret(&format!("{name}.token"), &bought.token);
                self.known.set_secret(&format!("{name}.cookie"), &bought.token);
                self.known.set(&format!("{name}.id"), bought.id.as_deref().unwrap_or_default());
            }
        }
        Ok(())
    }

    async fn attempt(&self, requests: Vec<Request>, at_once: bool) -> Result<Vec<Attempt>, Stop> {
        let (target, pace, over) = (self.target, self.pace, self.over);
        let perform = |request: Request| async move {
            let reading =
                Reading { profile: target.profile(), patience: pace.patience, bodiless: false };
            perform(over, request, reading).await
        };
        let mut attempts = Vec::new();
        if at_once {
            for request in &requests {
                request.turns(pace).await;
            }
            for attempt in join_all(requests.into_iter().map(perform)).await {
                attempts.push(attempt.map_err(|error| self.unreached(&error))?);
            }
        } else {
            for request in requests {
                request.turns(pace).await;
                let attempt = perform(request).await.map_err(|error| self.unreached(&error))?;
                let silent = attempt.answer.came == Came::Silent;
                attempts.push(attempt);
                // No step expects it: the others would only be waited for as long.
                if silent {
                    break;
                }
            }
        }
        Ok(attempts)
    }

    pub(super) async fn send(&mut self, send: &Send) -> Result<(), Stop> {
        for each in self.values_of(&send.each, Spelling::Escaped)? {
            self.stand_for(each);
            let bytes = self.fill(&send.bytes, Spelling::Escaped)?;
            let bytes = self.placed_line(bytes)?;
            let then = match &send.then {
                Some(then) => {
                    let then = self.fill(then, Spelling::Escaped)?;
                    Some(self.placed_line(then)?)
                }
                None => None,
            };
            let (to, pace, target) = (self.http()?, self.pace, self.target);
            pace.turn().await;
            let connected = Wire::connect(&to, target.from(), pace.patience).await;
            let mut wire = connected.map_err(|error| self.unreached(&error))?;
            let reading = reading(target, pace.patience, bytes.starts_with(b"HEAD "));
            let pieces = usize::try_from(send.pieces.unwrap_or(1)).unwrap_or(1);
            wire.send(&bytes, pieces, pace.patience).await;
            let mut answer = match send.expect.outcome {
                Outcome::Open => Answer::new(Came::Open, Vec::new()),
                _ => wire.answer(reading).await,
            };
            let upgraded = answer.status == Some(101);
            let mut afterwards = None;
            if let Some(then) = &then {
                wire.received.clear();
                wire.send(then, 1, pace.patience).await;
                let reading = self::reading(target, pace.patience, then.starts_with(b"HEAD "));
                let mut answer = wire.answer(reading).await;
                // Nobody decided on what came to a connection that was over.
                answer.undecided = answer.came == Came::Ended;
                afterwards = Some(answer);
            }
            if !send.expect.never.is_empty() && send.stay.is_none() {
                wire.rest(pace.patience).await;
                afterwards.as_mut().unwrap_or(&mut answer).received.clone_from(&wire.received);
            }
            self.note(&Attempt { sent: bytes, answer: answer.clone(), live: None });
            self.judge(&send.expect, &[answer]).await?;
            if let (Some(sent), Some(answer)) = (then, afterwards) {
                self.note(&Attempt { sent, answer: answer.clone(), live: None });
                self.look_for(&send.expect.never, std::slice::from_ref(&answer)).await?;
                if let Some(expect) = &send.afterwards {
                    self.judge(expect, &[answer]).await?;
                }
            }
            if let Some(name) = &send.stay {
                let live = if upgraded { Live::WebSocket(wire) } else { Live::Tcp(wire) };
                self.open.insert(name.clone(), live);
            }
        }
        Ok(())
    }

    pub(super) async fn hello(&mut self, hello: &Hello) -> Result<(), Stop> {
        for each in self.values_of(&hello.each, Spelling::Escaped)? {
            self.stand_for(each);
            let bytes = self.fill(&hello.bytes, Spelling::Escaped)?;
            let (to, pace) = (self.quic()?, self.pace);
            pace.turn().await;
            let greeting = Greeting {
                bytes: &bytes,
                from: self.target.from(),
                early: false,
                unfinished: hello.unfinished,
                unanswered: hello.expect.outcome == Outcome::Open,
            };
            let greeted = greet(&to, &greeting, pace.patience).await;
            let (answer, dialled) = greeted.map_err(|error| self.unreached(&error))?;
            self.note(&Attempt { sent: bytes, answer: answer.clone(), live: None });
            self.judge(&hello.expect, &[answer]).await?;
            if let (Some(name), Some(dialled)) = (&hello.stay, dialled) {
                self.open.insert(name.clone(), Live::Quic(dialled));
            }
        }
        Ok(())
    }

    pub(super) async fn packets(&mut self, packets: &Packets) -> Result<(), Stop> {
        for each in self.values_of(&packets.each, Spelling::Escaped)? {
            self.stand_for(each);
            let first = self.fill_some(packets.first.as_deref())?;
            let parameters = self.fill_some(packets.parameters.as_deref())?;
            let mut rounds = Vec::new();
            for round in 0..packets.times.unwrap_or(1) {
                let odd = round.saturating_mul(2).saturating_add(1) & 0x3fff_ffff;
                self.known.set_bytes("odd", &(odd | 0x8000_0000).to_be_bytes());
                rounds.extend(self.fill_some(packets.frames.as_deref())?);
            }
            let plan = Plan {
                space: packets.r#in,
                from: self.address(packets.from.as_deref())?,
                parameters: parameters.as_deref(),
                first: first.as_deref(),
                rounds: &rounds,
                retry: packets.retry,
                ends: packets.expect.outcome != Outcome::Open,
            };
            self.pace.turn().await;
            let sent = forge::send(&self.quic()?, &plan, self.pace.patience).await;
            let answer = sent.map_err(|error| self.unreached(&error))?;
            let sent = first.into_iter().chain(rounds).flatten().collect();
            self.note(&Attempt { sent, answer: answer.clone(), live: None });
            self.judge(&packets.expect, &[answer]).await?;
        }
        Ok(())
    }

    fn fill_some(&mut self, text: Option<&str>) -> Result<Option<Vec<u8>>, Stop> {
        text.map(|text| self.fill(text, Spelling::Escaped)).transpose()
    }

    pub(super) async fn say(
        &mut self,
        on: &str,
        bytes: Option<&str>,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let bytes = match bytes {
            Some(bytes) => Some(self.fill(bytes, Spelling::Escaped)?),
            None => None,
        };
        let missing = format!("no connection stays open as `{on}`");
        let mut live = self.open.remove(on).ok_or_else(|| self.wrong(&missing))?;
        let reading = reading(self.target, self.pace.patience, false);
        let answer = live.speak(bytes.as_deref(), expect.outcome, reading).await;
        let sent = bytes.unwrap_or_default();
        let attempt = Attempt { sent, answer: answer.clone(), live: None };
        self.note(&attempt);
        self.open.insert(on.to_owned(), live);
        self.judge(expect, &[answer]).await
    }

    /// Each value that `${each}` stands for; nothing, once, where there are none.
    fn values_of(
        &mut self,
        each: &[String],
        spelling: Spelling,
    ) -> Result<Vec<Option<Vec<u8>>>, Stop> {
        if each.is_empty() {
            return Ok(vec![None]);
        }
        each.iter().map(|text| self.fill(text, spelling).map(Some)).collect()
    }

    fn stand_for(&mut self, each: Option<Vec<u8>>) {
        if let Some(each) = &each {
            self.known.set_bytes("each", each);
        }
        self.each = each.map(|each| escape(&self.known.redact(&each)));
    }

    /// Writes down what went over the wire. Secrets that came back are none of the report's.
    fn note(&mut self, attempt: &Attempt) {
        let Attempt { sent, answer, .. } = attempt;
        let (secrets, shown_to) = handed_out(&answer.received);
        for secret in &secrets {
            self.known.conceal(secret, "${answer}");
        }
        if let Some(bought) = &answer.bought {
            self.known.conceal(bought.token.as_bytes(), "${answer.token}");
        }
        self.exchanges.push(Exchange {
            step: self.step,
            each: self.each.clone(),
            sent: Shown::new(sent, &self.known),
            received: Shown::beginning(&answer.received, shown_to, &self.known),
            came_to: self.text(&answer.words()),
        });
    }

    /// Nobody takes a connection: they may never have, or not any more.
    fn unreached(&self, error: &io::Error) -> Stop {
        let why = format!("step {}: no connection could be made: {error}", self.step);
        if self.exchanges.is_empty() { Stop::NotApplicable(why) } else { Stop::NotHeld(why) }
    }
}

fn reading(target: &dyn Target, patience: Duration, bodiless: bool) -> Reading<'_> {
    Reading { profile: target.profile(), patience, bodiless }
}

async fn perform(over: Transport, request: Request, reading: Reading<'_>) -> io::Result<Attempt> {
    match request {
        Request::Http { to, from, bytes, bodiless, upgrades } => {
            let mut wire = Wire::connect(&to, from, reading.patience).await?;
            wire.send(&bytes, 1, reading.patience).await;
            let mut answer = wire.answer(Reading { bodiless, ..reading }).await;
            // A page is no WebSocket: nothing was refused, and nothing opened either.
            answer.unopened = upgrades && !reading.profile.strict && answer.status != Some(101);
            let upgraded = over == Transport::Websocket && answer.status == Some(101);
            let asked = upgraded && !reading.profile.strict;
            if asked && !is_let_in(&mut wire, reading.patience).await {
                answer.came = Came::Refused;
                answer.received.clone_from(&wire.received);
                answer = answer.noted("and was closed at once");
            }
            let live = if upgraded { Live::WebSocket(wire) } else { Live::Tcp(wire) };
            Ok(Attempt { sent: bytes, answer, live: Some(live) })
        }
        Request::Quic { to, from, bytes, early } => {
            let greeting =
                Greeting { bytes: &bytes, from, early, unfinished: false, unanswered: false };
            let (answer, dialled): Greeted = greet(&to, &greeting, reading.patience).await?;
            Ok(Attempt { sent: bytes, answer, live: dialled.map(Live::Quic) })
        }
    }
}
