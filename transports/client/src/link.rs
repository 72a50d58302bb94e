//! A connection that is kept: opened again whenever it is lost, until that can't help.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use doorward_policy::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::backoff::{Backoff, Naps, Woke};
use crate::client::Client;
use crate::connection::{Closed, Connection, Prober};
use crate::ending::{Life, foresee, heed};
use crate::error::{ClientError, Next};
use crate::saved::SavedSessions;
use crate::session::Session;
use crate::tunnel::Tunnel;

/// How long a connection has to live for the next loss to be the first in a row.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a tunnel's server may be silent after this machine has slept: a keep-alive is due
/// within five seconds and answered at once.
const SIGN_OF_LIFE: Duration = Duration::from_secs(8);

/// How long to wait at least before a renewal is tried again.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait at least after a renewal, however short the new session's life.
const RENEWED_PAUSE: Duration = Duration::from_secs(10);

/// What a link needs of its surroundings.
pub trait Surroundings: Send + Sync {
    /// The time. A clock that goes on while the machine sleeps shows that it has slept.
    fn now(&self) -> Timestamp;

    /// Random bytes, for the length of a wait.
    fn random(&self) -> [u8; 8];
}

/// How a link is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// A connection is being opened.
    Connecting,
    /// A connection is open.
    Connected,
    /// A connection is open, and its session is about to end. Told five minutes before and one
    /// minute before; [`LinkState::Connected`] again once that end has moved on.
    Ending {
        /// When that is, by the link's clock.
        at: Timestamp,
        /// Whether nothing moves it on: neither use nor a renewal.
        absolute: bool,
    },
    /// The last one was lost, or couldn't be opened; the next attempt has its time.
    Waiting {
        /// When that is, by the link's clock.
        until: Timestamp,
        /// What went wrong.
        reason: String,
    },
    /// The session is over, and only pairing again can help.
    PairAgain {
        /// Why.
        reason: String,
    },
    /// No further attempt could fare better.
    Ended {
        /// Why.
        reason: String,
    },
}

/// Keeps a session, and a connection with it.
pub struct Link {
    client: Client,
    session: Session,
    saved: Option<SavedSessions>,
    surroundings: Arc<dyn Surroundings>,
    states: watch::Sender<LinkState>,
    life: watch::Sender<Life>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("session", &self.session).finish_non_exhaustive()
    }
}

/// What has ended an attempt or a connection.
struct Setback {
    next: Next,
    reason: String,
}

impl From<ClientError> for Setback {
    fn from(error: ClientError) -> Self {
        Self { next: error.next(), reason: error.to_string() }
    }
}

impl From<Closed> for Setback {
    fn from(closed: Closed) -> Self {
        Self { next: closed.next(), reason: closed.to_string() }
    }
}

impl Link {
    /// A link with a session. Where sessions are saved, a renewed one is saved, too, and one that
    /// is over forgotten.
    #[must_use]
    pub fn new(
        client: Client,
        session: Session,
        saved: Option<SavedSessions>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        let (states, _) = watch::channel(LinkState::Connecting);
        let (life, _) = watch::channel(Life::of(&session));
        Self { client, session, saved, surroundings, states, life }
    }

    /// How it is doing, from now on. Of states that follow each other quickly, the last one shows.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<LinkState> {
        self.states.subscribe()
    }

    /// Keeps a tunnel: hands each one that it opens to `work`, which says how it has ended. Returns
    /// in [`LinkState::PairAgain`] or [`LinkState::Ended`]; to leave earlier, drop it.
    pub async fn tunnel<W>(self, work: impl FnMut(Tunnel) -> W) -> LinkState
    where
        W: Future<Output = Closed>,
    {
        self.keep(OpenTunnel, work).await
    }

    /// Keeps a WebSocket, in the same way.
    pub async fn websocket<W>(self, path: &str, work: impl FnMut(Connection) -> W) -> LinkState
    where
        W: Future<Output = Closed>,
    {
        self.keep(OpenWebSocket { path }, work).await
    }

    async fn keep<O, W>(mut self, open: O, mut work: impl FnMut(O::Opened) -> W) -> LinkState
    where
        O: Open,
        W: Future<Output = Closed>,
    {
        let mut backoff = Backoff::default();
        let mut succeeded = false;
        let end = loop {
            self.states.send_replace(LinkState::Connecting);
            let setback = match self.open(&open).await {
                Err(error) if succeeded => {
                    Setback { next: error.next_after_success(), ..error.into() }
                }
                Err(error) => error.into(),
                Ok((opened, pulse)) => {
                    succeeded = true;
                    self.states.send_replace(LinkState::Connected);
                    let (setback, lived) = self.live(work(opened), &pulse).await;
                    if lived >= SETTLED {
                        backoff.reset();
                    }
                    setback
                }
            };
            let reason = setback.reason;
            match setback.next {
                Next::Retry(asked) => {
                    let wait = backoff.next(asked, self.surroundings.random());
                    let until = self.surroundings.now().plus(wait);
                    self.states.send_replace(LinkState::Waiting { until, reason });
                    pause(&*self.surroundings, wait).await;
                }
                Next::PairAgain => {
                    self.forget();
                    break LinkState::PairAgain { reason };
                }
                Next::Stop => break LinkState::Ended { reason },
            }
        };
        self.states.send_replace(end.clone());
        end
    }

    async fn open<O: Open>(&mut self, open: &O) -> Result<(O::Opened, Pulse), ClientError> {
        // Of all that may hinder a renewal, only the session's end hinders the connection, too.
        if self.session.renewal_in(self.surroundings.now()).is_zero()
            && let Err(error) = self.renew().await
            && error.next() == Next::PairAgain
        {
            return Err(error);
        }
        open.open(&self.client, &self.session).await
    }

    /// Lets a connection live, and its session with it: how it ended, and after how long.
    async fn live(
        &mut self,
        work: impl Future<Output = Closed>,
        pulse: &Pulse,
    ) -> (Setback, Duration) {
        let surroundings = Arc::clone(&self.surroundings);
        let (states, life) = (self.states.clone(), self.life.subscribe());
        let mut naps = Naps::endless(surroundings.now());
        let setback = tokio::select! {
            biased;
            closed = work => self.after(closed).await,
            closed = watch_over(&*surroundings, pulse, &mut naps) => closed.into(),
            error = self.keep_renewed() => error.into(),
            never = pulse.foretell(&*surroundings, &life, &states) => match never {},
        };
        (setback, naps.slept())
    }

    /// What the end of a connection stands for. What is guarded may close a WebSocket with the code
    /// of a session that is over; whether it is, Doorward is asked.
    async fn after(&self, closed: Closed) -> Setback {
        let doubtful = matches!(closed, Closed::Said { .. });
        let setback = Setback::from(closed);
        if !doubtful || setback.next != Next::PairAgain {
            return setback;
        }
        match self.client.check(&self.session).await {
            Err(error) if error.next() == Next::PairAgain => error.into(),
            _ => Setback { next: Next::Retry(None), ..setback },
        }
    }

    /// Renews the session whenever it is time. Returns when the server finds that it is over.
    async fn keep_renewed(&mut self) -> ClientError {
        let mut backoff = Backoff::default();
        loop {
            // In naps, not in one: the clock may jump meanwhile.
            while !self.session.renewal_in(self.surroundings.now()).is_zero() {
                pause(&*self.surroundings, Duration::from_secs(1)).await;
            }
            let asked = match self.renew().await {
                Ok(true) => {
                    backoff.reset();
                    pause(&*self.surroundings, RENEWED_PAUSE).await;
                    continue;
                }
                Ok(false) => None,
                Err(error) => match error.next() {
                    Next::PairAgain => return error,
                    Next::Retry(asked) => asked,
                    // The connection is there, whatever became of the way to renew.
                    Next::Stop => None,
                },
            };
            let asked = asked.unwrap_or_default().max(RENEWAL_PAUSE);
            pause(&*self.surroundings, backoff.next(Some(asked), self.surroundings.random())).await;
        }
    }

    /// Whether the server had a fresher token to give.
    async fn renew(&mut self) -> Result<bool, ClientError> {
        let renewed = self.client.renew(&self.session, self.surroundings.now()).await?;
        let Some(fresher) = renewed else {
            self.life.send_modify(|life| life.absolute = true);
            return Ok(false);
        };
        if let Some(saved) = &self.saved {
            // A session that can't be saved is as good until this process ends.
            let _result = saved.renew(&fresher);
        }
        self.life.send_replace(Life::of(&fresher));
        self.session = fresher;
        Ok(true)
    }

    fn forget(&self) {
        if let Some(saved) = &self.saved {
            // The server takes it no more, whether or not it is still there.
            let _result = saved.forget(&self.session);
        }
    }
}

/// Waits by the clock, and no longer than asked: a jump ahead ends it at once.
pub(crate) async fn pause(surroundings: &dyn Surroundings, length: Duration) {
    let mut naps = Naps::new(surroundings.now(), length);
    while let Some(nap) = naps.nap() {
        sleep(nap).await;
        if naps.woke(surroundings.now(), nap) == Woke::Late {
            return;
        }
    }
}

/// Sees to it that a connection is not believed in after this machine has slept: its server may
/// have given it up long ago. Returns when it is found lost; a WebSocket finds that by itself.
async fn watch_over(surroundings: &dyn Surroundings, pulse: &Pulse, naps: &mut Naps) -> Closed {
    loop {
        let nap = naps.nap().unwrap_or(SIGN_OF_LIFE);
        sleep(nap).await;
        if naps.woke(surroundings.now(), nap) == Woke::InTime {
            continue;
        }
        match pulse {
            Pulse::WebSocket(prober) => prober.probe(),
            Pulse::Tunnel(tunnel) => {
                let heard = tunnel.heard();
                sleep(SIGN_OF_LIFE).await;
                if tunnel.heard() == heard {
                    tunnel.close();
                    let what = "the server was silent after this machine had slept";
                    return Closed::Dropped(what.to_owned());
                }
                naps.rebase(surroundings.now());
            }
        }
    }
}

/// By what a connection shows that it is alive.
enum Pulse {
    Tunnel(Tunnel),
    WebSocket(Prober),
}

impl Pulse {
    /// Says beforehand when the session ends. A server tells a tunnel; in a WebSocket there is
    /// nothing but what is guarded.
    async fn foretell(
        &self,
        surroundings: &dyn Surroundings,
        life: &watch::Receiver<Life>,
        states: &watch::Sender<LinkState>,
    ) -> Infallible {
        match self {
            Self::Tunnel(tunnel) => heed(tunnel, surroundings, states).await,
            Self::WebSocket(_) => foresee(life, surroundings, states).await,
        }
    }
}

/// What a link opens.
trait Open {
    type Opened;

    fn open(
        &self,
        client: &Client,
        session: &Session,
    ) -> impl Future<Output = Result<(Self::Opened, Pulse), ClientError>> + Send;
}

struct OpenTunnel;

impl Open for OpenTunnel {
    type Opened = Tunnel;

    async fn open(
        &self,
        client: &Client,
        session: &Session,
    ) -> Result<(Tunnel, Pulse), ClientError> {
        let tunnel = client.tunnel(session).await?;
        Ok((tunnel.clone(), Pulse::Tunnel(tunnel)))
    }
}

struct OpenWebSocket<'a> {
    path: &'a str,
}

impl Open for OpenWebSocket<'_> {
    type Opened = Connection;

    async fn open(
        &self,
        client: &Client,
        session: &Session,
    ) -> Result<(Connection, Pulse), ClientError> {
        let connection = client.connect(session, self.path).await?;
        let prober = connection.prober();
        Ok((connection, Pulse::WebSocket(prober)))
    }
}
