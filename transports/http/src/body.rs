//! The body of an answer: Doorward's own, or the guarded server's as it arrives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use doorward_gate::LiveConnection;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::sockets::{Carried, Stream};

/// Resolves when a session ends.
pub(crate) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of an answer.
pub(crate) enum Body {
    /// Doorward's own, whole; taken by the first poll.
    Own(Option<Bytes>),
    /// The guarded server's, as long as the session lasts.
    Guarded(Guarded),
    /// None: the connection speaks another protocol from here on.
    Switching(Option<Switching>),
}

/// What becomes of a connection once its 101 has gone out.
pub(crate) struct Switching {
    /// Carries it.
    pub(crate) carry: Box<dyn FnOnce(Stream) -> Carried + Send>,
    /// Resolves when the 101 should have gone out long ago.
    pub(crate) late: Ending,
}

/// A body of the guarded server's that ends with the session that asked for it (I10): an answer
/// may go on for hours.
pub(crate) struct Guarded {
    incoming: Incoming,
    ended: Ending,
    /// For whoever carries the connection: a body that nobody takes is asked for nothing.
    ending: Option<Ending>,
}

impl Body {
    /// The guarded server's answer to a request of a live session.
    pub(crate) fn guarded(incoming: Incoming, live: LiveConnection) -> Self {
        let told = live.ending();
        let ending: Ending = Box::pin(async move {
            told.await;
        });
        let ended = Box::pin(async move {
            live.ended().await;
        });
        Self::Guarded(Guarded { incoming, ended, ending: Some(ending) })
    }

    /// That of a 101.
    pub(crate) const fn switching(switching: Switching) -> Self {
        Self::Switching(Some(switching))
    }

    /// The end of the session that it is for, once.
    pub(crate) fn take_ending(&mut self) -> Option<Ending> {
        match self {
            Self::Own(_) | Self::Switching(_) => None,
            Self::Guarded(guarded) => guarded.ending.take(),
        }
    }

    /// What becomes of the connection, once.
    pub(crate) fn take_switching(&mut self) -> Option<Switching> {
        match self {
            Self::Own(_) | Self::Guarded(_) => None,
            Self::Switching(switching) => switching.take(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Own(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Why a body breaks off.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The session has ended, and what is under way with it.
    SessionEnded,
    /// The guarded server broke it off.
    Upstream(hyper::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionEnded => f.write_str("the session has ended"),
            Self::Upstream(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyError {}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Switching(_) => Poll::Ready(None),
            Self::Guarded(Guarded { incoming, ended, .. }) => {
                // Asked first, so that a body that never pauses ends too.
                //= req: PROXY-6
                if ended.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(BodyError::SessionEnded)));
                }
                let frame = Pin::new(incoming).poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map_err(BodyError::Upstream)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Switching(_) => true,
            Self::Guarded(guarded) => guarded.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Switching(_) => SizeHint::with_exact(0),
            Self::Guarded(guarded) => guarded.incoming.size_hint(),
        }
    }
}
