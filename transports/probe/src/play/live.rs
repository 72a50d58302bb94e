//! Connections that stay open.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use super::answer::{Answer, Came};
use super::frame::{Heard, PING, client_frame, take};
use super::quic::{self, Dialled};
use super::tcp::{Reading, Wire};
use crate::attack::Outcome;

/// A connection that stays open.
pub(super) enum Live {
    /// One that nothing was upgraded on.
    Tcp(Wire),
    WebSocket(Wire),
    Quic(Dialled),
}

/// The code of a WebSocket that ends because all is done.
const NORMAL: u16 = 1000;

/// How long is waited for what shows that a plain connection has ended: there is nothing to ask it.
const GLANCE: Duration = Duration::from_millis(10);

impl Live {
    /// Sends these bytes, and says what becomes of the connection.
    pub(super) async fn speak(
        &mut self,
        bytes: Option<&[u8]>,
        awaited: Outcome,
        reading: Reading<'_>,
    ) -> Answer {
        let patience = reading.patience;
        match self {
            Self::Quic(dialled) => {
                if let Some(reason) = bytes {
                    return match awaited {
                        Outcome::Ended => {
                            let answer = quic::speak(&dialled.connection, reason, GLANCE).await;
                            match answer.came {
                                Came::Open => quic::closed(&dialled.connection, patience).await,
                                _ => answer,
                            }
                        }
                        _ => quic::speak(&dialled.connection, reason, patience).await,
                    };
                }
                match awaited {
                    Outcome::Ended => quic::closed(&dialled.connection, patience).await,
                    _ => quic::speak(&dialled.connection, b"hi", patience).await,
                }
            }
            Self::WebSocket(wire) => {
                wire.received.clear();
                wire.send(bytes.unwrap_or_default(), 1, patience).await;
                if awaited != Outcome::Ended {
                    wire.send(&client_frame(PING, b"there"), 1, patience).await;
                }
                listen(wire, patience).await
            }
            Self::Tcp(wire) => {
                wire.received.clear();
                wire.send(bytes.unwrap_or_default(), 1, patience).await;
                match awaited {
                    Outcome::Ended => last_words(wire, reading).await,
                    Outcome::Open => {
                        wire.more(pin!(sleep(GLANCE))).await;
                        let came = if wire.over { Came::Ended } else { Came::Open };
                        Answer::new(came, wire.received.clone())
                    }
                    Outcome::Admitted | Outcome::Refused => wire.answer(reading).await,
                }
            }
        }
    }
}

/// Reads frames until the answer to a ping or the end. A plain stream of HTTP is no such.
async fn listen(wire: &mut Wire, patience: Duration) -> Answer {
    let mut by = pin!(sleep(patience));
    loop {
        match take(&mut wire.buffer) {
            Some(Heard::Pong) => return Answer::new(Came::Open, wire.received.clone()),
            Some(Heard::Close(code, reason)) => {
                let mut answer = Answer::new(Came::Ended, wire.received.clone());
                answer.close = code.map(u64::from);
                answer.code = Some(reason).filter(|reason| !reason.is_empty());
                return answer;
            }
            Some(Heard::Other) => {}
            None => {
                if !wire.more(by.as_mut()).await {
                    let came = if wire.over { Came::Ended } else { Came::Silent };
                    return Answer::new(came, wire.received.clone());
                }
            }
        }
    }
}

/// Whether a WebSocket stays open, or anything comes of it: there are servers that open every one,
/// and close those at once that they refuse.
pub(super) async fn is_let_in(wire: &mut Wire, patience: Duration) -> bool {
    let mut by = pin!(sleep(patience));
    wire.send(&client_frame(PING, b"there"), 1, patience).await;
    loop {
        match take(&mut wire.buffer) {
            Some(Heard::Close(code, _)) => return code == Some(NORMAL),
            Some(Heard::Pong | Heard::Other) => return true,
            None if wire.more(by.as_mut()).await => {}
            None => return !wire.over,
        }
    }
}

/// What a server says before it ends a connection, if it ends it.
async fn last_words(wire: &mut Wire, reading: Reading<'_>) -> Answer {
    let mut answer = wire.answer(reading).await;
    if answer.came == Came::Silent {
        return answer;
    }
    wire.rest(reading.patience).await;
    answer.came = if wire.over { Came::Ended } else { Came::Open };
    answer.received.clone_from(&wire.received);
    answer
}
