//! A room's connection to the guarded server.

use std::sync::Arc;

use bytes::Bytes;
use doorward_gate::rooms::{Opening, Pen};
use tokio::sync::Mutex;

use super::fan::{End, Fan, Seat};
use crate::forward::MOST;
use crate::upstream::Link;

/// What became of something to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    All,
    /// Not all of it, or nothing: who says it may not write.
    Refused,
    /// The connection has broken.
    Failed,
}

/// A connection to the guarded server that is heard by all, and written to in turn.
#[derive(Debug)]
pub(crate) struct Line {
    link: Link,
    fan: Arc<Fan>,
    /// Held by who writes; in the order of asking.
    turn: Mutex<()>,
}

impl Line {
    pub(super) fn new(link: Link) -> Self {
        Self { link, fan: Arc::default(), turn: Mutex::new(()) }
    }

    pub(super) fn sit(&self) -> Seat {
        self.fan.sit()
    }

    /// Writes what comes from the place of a pen, if it may write now that it is its turn.
    ///
    /// If it is dropped before, the rest isn't written.
    pub(super) async fn write(&self, pen: &Pen, chunks: Vec<Bytes>) -> Wrote {
        let _turn = self.turn.lock().await;
        if !pen.may_write() {
            return Wrote::Refused;
        }
        match self.link.write(chunks).await {
            Ok(()) => Wrote::All,
            Err(_) => {
                self.fan.end(End::Broken);
                Wrote::Failed
            }
        }
    }

    async fn listen(&self) -> End {
        loop {
            match self.link.read(MOST).await {
                Ok(bytes) if bytes.is_empty() => return End::Finished,
                Ok(bytes) => self.fan.publish(bytes).await,
                Err(_) => return End::Broken,
            }
        }
    }
}

/// Hears the guarded server until it has said all, or `ended` says how it ends.
///
/// A room that is over has nobody in it: what they said last may be incomplete, so that the
/// guarded server is not told that it has ended well.
pub(super) async fn keep(
    line: Arc<Line>,
    opening: Opening<Arc<Line>>,
    ended: impl Future<Output = End>,
) {
    let end = tokio::select! {
        end = line.listen() => end,
        end = ended => end,
    };
    // Whoever comes now opens another one.
    drop(opening);
    if end == End::Finished {
        line.link.complete();
    }
    line.fan.end(end);
}
