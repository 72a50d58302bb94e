//! What a link knows of the end of its session: what the server tells a tunnel or, where nothing
//! tells, what is known of the token.

use std::convert::Infallible;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::deadline::{Warning, warning};
use doorward_policy::notice::Notice;
use tokio::sync::watch;

use crate::link::{LinkState, Surroundings, pause};
use crate::session::Session;
use crate::tunnel::Tunnel;

/// How long a token lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) expires_at: Timestamp,
    /// Whether the server had none that lasts longer.
    pub(crate) absolute: bool,
}

impl Life {
    pub(crate) const fn of(session: &Session) -> Self {
        Self { expires_at: session.expires_at(), absolute: false }
    }
}

/// Passes on what the server says of the session's end, for as long as a tunnel lives.
pub(crate) async fn heed(
    tunnel: &Tunnel,
    surroundings: &dyn Surroundings,
    states: &watch::Sender<LinkState>,
) -> Infallible {
    while let Ok(Notice { left, absolute }) = tunnel.notice().await {
        let left = Duration::from_secs(left.into());
        // A longer time says that an end which was told before has moved on.
        let state = match left <= Warning::FiveMinutes.ahead() {
            true => LinkState::Ending { at: surroundings.now().plus(left), absolute },
            false => LinkState::Connected,
        };
        states.send_replace(state);
    }
    // Whoever uses the tunnel says how it has ended.
    std::future::pending().await
}

/// Says when a token is about to expire whose connection hears nothing of it.
pub(crate) async fn foresee(
    life: &watch::Receiver<Life>,
    surroundings: &dyn Surroundings,
    states: &watch::Sender<LinkState>,
) -> Infallible {
    let mut told = None;
    loop {
        let Life { expires_at, absolute } = *life.borrow();
        let now = surroundings.now();
        let news = warning(expires_at, now).map(|warning| (warning, expires_at, absolute));
        // One that has expired is not told to last again.
        if news != told && now < expires_at {
            told = news;
            states.send_replace(match news {
                Some((_, at, absolute)) => LinkState::Ending { at, absolute },
                None => LinkState::Connected,
            });
        }
        // In naps, not in one: the clock may jump meanwhile.
        pause(surroundings, Duration::from_secs(1)).await;
    }
}
