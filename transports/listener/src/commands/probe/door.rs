//! The Doorward that is probed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use doorward_gate::{SystemEntropy, random};
use doorward_policy::encoding::{base64url, decode_hex};
use doorward_probe::{
    Audited, Door as Visited, Fetch, HttpAddress, NotOffered, Pace, Pending, Profile, QuicAddress,
    Reply, Step, Target, Variables,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::owner::{Owner, StateOwner, Wanted};
use super::{settings, unless_stopped};
use crate::config::parse;
use crate::failure::{Failure, Outcome};
use crate::output;

/// The longest time that is really waited, where an attack lets some pass.
const LONGEST: Duration = Duration::from_secs(30);
/// How often a redemption that was limited is tried again.
const ATTEMPTS: usize = 3;
/// How long is waited for a limiter at most: it counts by the minute.
const LIMITED: Duration = Duration::from_secs(61);
/// The subject of a session, where an attack names none.
const SUBJECT: &str = "tester";

/// A Doorward.
#[derive(Debug)]
pub(super) struct Door {
    http: HttpAddress,
    quic: Option<QuicAddress>,
    profile: Profile,
    owner: Owner,
    pace: Arc<Pace>,
    /// The session that the one grant has bought, for all attacks that need one.
    only: Mutex<Only>,
    visits: AtomicU32,
}

/// What the one grant has come to.
#[derive(Debug, Default)]
struct Only {
    session: Option<Session>,
    /// All that it has bought, to be signed out in the end.
    bought: Vec<Session>,
    spent: bool,
}

/// A session.
#[derive(Clone, Debug)]
struct Session {
    token: Zeroizing<String>,
    id: String,
}

/// How a redemption was refused.
#[derive(Debug)]
struct Unpaired {
    status: u16,
    /// In the server's words.
    why: Option<String>,
}

impl fmt::Display for Unpaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its grant was answered with {}", self.status)?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ", \"{why}\""))
    }
}

/// A server's words, short, without what would steer a terminal, and not with the secret that it was
/// sent.
fn quoted(text: &str, secret: &str) -> String {
    let short: String = output::printable(text).chars().take(200).collect();
    if text.contains(secret) { "(its words have the grant in them)".to_owned() } else { short }
}

impl Door {
    /// Meets a Doorward, and sees that somebody with a session is let in.
    pub(super) async fn meet(
        http: HttpAddress,
        quic: Option<QuicAddress>,
        mut profile: Profile,
        owner: Owner,
        pace: Arc<Pace>,
    ) -> Outcome<Self> {
        if http.tls && profile.cookie_name.as_deref() == Some("doorward_${port}") {
            profile.cookie_name = Some("__Host-doorward".to_owned());
        }
        let quic = quic.or_else(|| match &owner {
            Owner::State(owner) => near(owner, &http),
            Owner::Grant(_) => None,
        });
        let (only, visits) = (Mutex::default(), AtomicU32::new(0));
        let door = Self { http, quic, profile, owner, pace, only, visits };
        // Whoever isn't let in leaves nothing behind either.
        if let Err(failure) = unless_stopped(door.try_page()).await.flatten() {
            door.clear_away().await?;
            return Err(failure);
        }
        Ok(door)
    }

    async fn try_page(&self) -> Outcome {
        let visit = self.visit();
        let session = visit
            .session(SUBJECT, None)
            .await
            .map_err(|lacking| Failure::failed(format!("nobody can be paired there: {lacking}")))?;
        let page = visit.ask("GET", &self.profile.page, Some(&session), None, None).await;
        let page =
            page.map_err(|lacking| Failure::failed(format!("nothing answers: {lacking}")))?;
        if page.status >= 400 {
            return Err(Failure::failed(format!(
                "a session of {SUBJECT} gets {} at {}: no attack says anything there. Name a page \
                 that it may see in a profile of your own (docs/probe.md)",
                page.status, self.profile.page
            )));
        }
        Ok(())
    }

    /// Takes back all that was made.
    pub(super) async fn clear_away(&self) -> Outcome {
        match &self.owner {
            Owner::State(owner) => owner.clear_away().await,
            Owner::Grant(_) => {
                self.sign_out().await;
                Ok(())
            }
        }
    }

    /// Signs out of what the one grant has bought. What can't be signed out is over or was revoked.
    async fn sign_out(&self) {
        let bought = std::mem::take(&mut self.only.lock().await.bought);
        let visit = self.visit();
        for session in &bought {
            let path = "/.doorward/api/logout";
            let _over = visit.ask("POST", path, Some(session), None, Some("{}")).await;
        }
    }

    fn visit(&self) -> Visit<'_> {
        let number = self.visits.fetch_add(1, Ordering::Relaxed);
        let from = own_address(&self.http, number);
        Visit { door: self, from, sessions: AtomicU32::new(0), told: AtomicU64::new(0) }
    }
}

/// Where the listener of a state directory speaks QUIC, at the address where it is reached.
fn near(owner: &StateOwner, http: &HttpAddress) -> Option<QuicAddress> {
    let listener = owner.listener()?;
    let mut address = http.address;
    address.set_port(listener.quic_port?);
    let certificate_sha256 = listener.pin.as_deref().and_then(decode_hex);
    let server_name = http.host().trim_matches(['[', ']']).to_owned();
    Some(QuicAddress { address, server_name, certificate_sha256 })
}

/// An address of this machine that nobody else comes from: the guesses of one attack then count
/// against no other one, and against nobody who works there.
pub(super) fn own_address(http: &HttpAddress, number: u32) -> Option<IpAddr> {
    if !cfg!(target_os = "linux") || !http.address.is_ipv4() || !http.address.ip().is_loopback() {
        return None;
    }
    let [_, high, middle, low] = number.checked_add(1)?.to_be_bytes();
    // 127.64.0.0/10, so that it is none that somebody has chosen.
    Some(Ipv4Addr::new(127, 64 | (high & 0x3f), middle, low).into())
}

impl Visited for Door {
    fn visit(&self) -> Box<dyn Target + '_> {
        Box::new(Self::visit(self))
    }
}

/// One attack on it.
#[derive(Debug)]
struct Visit<'a> {
    door: &'a Door,
    from: Option<IpAddr>,
    /// How many sessions were asked for.
    sessions: AtomicU32,
    /// The last record of the audit log that was asked for.
    told: AtomicU64,
}

impl Visit<'_> {
    /// A session, by whichever way there is.
    async fn session(&self, subject: &str, can: Option<&str>) -> Result<Session, NotOffered> {
        match &self.door.owner {
            Owner::State(owner) => {
                let wanted = Wanted { label: subject, uses: 1, can, code: false };
                let (secret, _) = owner.grant(wanted).await?;
                let redeemed = self.redeem(&secret).await?;
                redeemed.map_err(|refused| NotOffered(format!("a session: {refused}")))
            }
            Owner::Grant(_) if can.is_some() || subject != SUBJECT => {
                Err(NotOffered("a session of another subject or of other rights".to_owned()))
            }
            Owner::Grant(secret) => self.of_only(&secret.expose()).await,
        }
    }

    /// A fresh session for the one grant or, when that is spent, the one that it has bought.
    async fn of_only(&self, secret: &str) -> Result<Session, NotOffered> {
        let first = self.sessions.fetch_add(1, Ordering::Relaxed) == 0;
        let mut only = self.door.only.lock().await;
        if !only.spent {
            match self.redeem(secret).await? {
                Ok(session) => {
                    only.session = Some(session.clone());
                    only.bought.push(session.clone());
                    return Ok(session);
                }
                Err(Unpaired { status: 401, .. }) => only.spent = true,
                Err(refused) => return Err(NotOffered(format!("a session: {refused}"))),
            }
        }
        let used_up = || NotOffered("another session: the grant is used up".to_owned());
        let session = only.session.clone().filter(|_| first).ok_or_else(used_up)?;
        let reply = self.ask("GET", "/.doorward/api/session", Some(&session), None, None).await?;
        let known = parsed(&reply).get("authenticated").and_then(Value::as_bool);
        if known == Some(false) { Err(used_up()) } else { Ok(session) }
    }

    /// Redeems a grant, or says how that is refused.
    async fn redeem(&self, secret: &str) -> Result<Result<Session, Unpaired>, NotOffered> {
        let nonce: [u8; 24] =
            random(&SystemEntropy).map_err(|error| NotOffered(error.to_string()))?;
        let nonce = base64url(&nonce);
        let body = Zeroizing::new(json!({ "credential": secret, "nonce": nonce }).to_string());
        let path = self.door.profile.redeem.as_deref();
        let path = path.ok_or_else(|| NotOffered("grants to redeem".to_owned()))?;
        let mut attempts = 0;
        let reply = loop {
            let reply = self.ask("POST", path, None, None, Some(&body)).await?;
            attempts += 1;
            if reply.status != 429 || attempts >= ATTEMPTS {
                break reply;
            }
            let seconds = reply.field("retry-after").and_then(|text| text.parse().ok());
            sleep(Duration::from_secs(seconds.unwrap_or(1)).min(LIMITED)).await;
        };
        let said = parsed(&reply);
        if reply.status != 200 {
            let why = said.get("message").and_then(Value::as_str).map(|text| quoted(text, secret));
            return Ok(Err(Unpaired { status: reply.status, why }));
        }
        let text =
            |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Ok(Session { token: Zeroizing::new(text("access_token")), id: text("session_id") }))
    }

    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        session: Option<&Session>,
        origin: Option<&str>,
        body: Option<&str>,
    ) -> Result<Reply, NotOffered> {
        let bearer =
            session.map(|it| Zeroizing::new(format!("Authorization: Bearer {}", *it.token)));
        let origin = origin.map(|origin| format!("Origin: {origin}"));
        let headers = [bearer.as_ref().map(|line| line.as_str()), origin.as_deref()];
        let fetch = Fetch {
            method,
            path,
            headers: &headers.into_iter().flatten().collect::<Vec<_>>(),
            body,
        };
        let reply = fetch.send(&self.door.http, self.from, &self.door.pace).await;
        reply.map_err(|error| NotOffered(format!("an answer to {method} {path}: {error}")))
    }

    fn state(&self, what: &str) -> Result<&StateOwner, NotOffered> {
        match &self.door.owner {
            Owner::State(owner) => Ok(owner),
            Owner::Grant(_) => Err(NotOffered(format!("{what} without --state-dir"))),
        }
    }

    async fn take(&self, step: &Step, known: &mut Variables) -> Result<(), NotOffered> {
        match step {
            Step::Session { r#as, subject, can } => {
                let subject = subject.as_deref().unwrap_or(SUBJECT);
                let session = self.session(subject, can.as_deref()).await?;
                keep(known, r#as, &session);
                known.set(&format!("{}.id", r#as), &session.id);
                Ok(())
            }
            Step::Renew { session } => self.renew(session, known).await,
            Step::Grant { r#as, uses, can, code } => {
                let owner = self.state("a grant of its own")?;
                let uses = uses.unwrap_or(1);
                let wanted = Wanted { label: SUBJECT, uses, can: can.as_deref(), code: *code };
                let (secret, id) = owner.grant(wanted).await?;
                known.set_secret(&format!("{}.secret", r#as), &secret);
                known.set(&format!("{}.id", r#as), &id);
                Ok(())
            }
            Step::Ticket { r#as, of, origin } => {
                self.ticket(r#as, of, origin.as_deref(), known).await
            }
            Step::Local { r#as, ended } => {
                let token = self.state("tokens of processes")?.local(*ended).await?;
                known.set_secret(&format!("{}.token", r#as), &token);
                Ok(())
            }
            Step::Workspace { name, prefix, members } => {
                self.state("workspaces")?.make_workspace(name, prefix, members).await
            }
            Step::Member { of, subject, can } => {
                self.state("workspaces")?.member(of, subject, can.as_deref()).await
            }
            Step::Revoke { session } => {
                let owner = self.state("the revocation of a session")?;
                let id = known.get(&format!("{session}.id")).unwrap_or_default().to_owned();
                owner.revoke(&id).await
            }
            Step::Advance { by } => pass(by).await,
            Step::Fail { .. } => Err(NotOffered("a part of it that fails at will".to_owned())),
            Step::Restart {} => Err(NotOffered("a restart of it".to_owned())),
            Step::Ask(_)
            | Step::Send(_)
            | Step::Hello(_)
            | Step::Packets(_)
            | Step::Differ { .. }
            | Step::Say { .. } => Err(NotOffered("a step that prepares nothing".to_owned())),
        }
    }

    async fn renew(&self, name: &str, known: &mut Variables) -> Result<(), NotOffered> {
        let session = named(known, name);
        let reply =
            self.ask("POST", "/.doorward/api/renew", Some(&session), None, Some("{}")).await?;
        if reply.status != 200 {
            return Err(NotOffered(format!("a renewal: {}", reply.status)));
        }
        if let Some(token) = parsed(&reply).get("access_token").and_then(Value::as_str) {
            keep(known, name, &Session { token: Zeroizing::new(token.to_owned()), ..session });
        }
        Ok(())
    }

    async fn ticket(
        &self,
        name: &str,
        of: &str,
        origin: Option<&str>,
        known: &mut Variables,
    ) -> Result<(), NotOffered> {
        let session = named(known, of);
        let origin = origin.map(|origin| known.fill(origin)).transpose().map_err(NotOffered)?;
        let (path, origin) = ("/.doorward/api/ticket", origin.as_deref());
        let reply = self.ask("POST", path, Some(&session), origin, Some("{}")).await?;
        let said = parsed(&reply);
        let ticket = said.get("ticket").and_then(Value::as_str);
        let ticket = ticket.ok_or_else(|| NotOffered(format!("a ticket: {}", reply.status)))?;
        known.set_secret(&format!("{name}.secret"), ticket);
        Ok(())
    }
}

fn parsed(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// Names a session's token. A cookie has the same in it.
fn keep(known: &mut Variables, name: &str, session: &Session) {
    known.set_secret(&format!("{name}.token"), &session.token);
    known.set_secret(&format!("{name}.cookie"), &session.token);
}

fn named(known: &Variables, name: &str) -> Session {
    let text = |what: &str| known.get(&format!("{name}.{what}")).unwrap_or_default().to_owned();
    Session { token: Zeroizing::new(text("token")), id: text("id") }
}

/// Lets time pass as it does.
async fn pass(by: &str) -> Result<(), NotOffered> {
    let span = parse::duration(by).map_err(NotOffered)?;
    if span > LONGEST {
        return Err(NotOffered(format!("a clock that can be moved by {by}")));
    }
    sleep(span).await;
    Ok(())
}

impl Target for Visit<'_> {
    fn http(&self) -> Option<HttpAddress> {
        Some(self.door.http.clone())
    }

    fn quic(&self) -> Option<QuicAddress> {
        self.door.quic.clone()
    }

    fn from(&self) -> Option<IpAddr> {
        self.from
    }

    fn profile(&self) -> &Profile {
        &self.door.profile
    }

    fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        match &self.door.owner {
            Owner::State(_) => Vec::new(),
            Owner::Grant(secret) => vec![("grant".to_owned(), secret.expose())],
        }
    }

    fn settle<'a>(
        &'a self,
        wanted: &'a BTreeMap<String, toml::Value>,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async move {
            match &self.door.owner {
                Owner::State(owner) => {
                    owner.clear_workspaces().await;
                    settings::check(wanted, owner.config.as_ref())
                }
                Owner::Grant(_) => settings::check(wanted, None),
            }
        })
    }

    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(self.take(step, known))
    }

    fn audit<'a>(&'a self, trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        Box::pin(async move {
            match &self.door.owner {
                Owner::State(owner) => {
                    owner.watched.find(owner.store(), trace_id, self.from, &self.told).await
                }
                Owner::Grant(_) => Audited::Unreadable,
            }
        })
    }

    fn records(&self) -> Pending<'_, Option<Vec<String>>> {
        Box::pin(async {
            match &self.door.owner {
                Owner::State(owner) => owner.watched.all(owner.store()).await,
                Owner::Grant(_) => None,
            }
        })
    }
}
