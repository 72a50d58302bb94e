//! One stream, one connection to the guarded server: bytes as they come, ends as they are.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use doorward_gate::LiveConnection;
use futures_util::FutureExt as _;
use quinn::{RecvStream, SendStream, VarInt};

use crate::answer::{BAD_GATEWAY, DONE};
use crate::echo::{reset, stopped};
use crate::upstream::{Link, Upstream};

/// As much as is taken at once.
pub(crate) const MOST: usize = 64 * 1024;
/// As many chunks as are handed on at once. They come in the size of packets.
const CHUNKS: usize = 64;

/// Carries a stream to the guarded server until both directions have ended, or either has failed.
pub(crate) async fn forward(
    upstream: &Upstream,
    live: &LiveConnection,
    mut send: SendStream,
    mut receive: RecvStream,
) {
    let link = match upstream.connect().await {
        Ok(link) => link,
        Err(error) => {
            tracing::warn!(%upstream, %error, "the guarded server is unreachable");
            return give_up(&mut send, &mut receive, BAD_GATEWAY);
        }
    };
    // Whichever fails first ends both: half of a conversation is none.
    let carried =
        tokio::try_join!(to_server(&mut receive, live, &link), to_client(&link, &mut send));
    match carried {
        Ok(_) => link.complete(),
        Err(code) => give_up(&mut send, &mut receive, code),
    }
}

/// Resets both directions, so that what was cut off does not look complete.
pub(crate) fn give_up(send: &mut SendStream, receive: &mut RecvStream, code: VarInt) {
    // Each may have ended already.
    let _result = send.reset(code);
    let _result = receive.stop(code);
}

async fn to_server(
    receive: &mut RecvStream,
    live: &LiveConnection,
    link: &Link,
) -> Result<(), VarInt> {
    while let Some(chunk) = receive.read_chunk(MOST, true).await.map_err(|error| reset(&error))? {
        // What has come behind it goes along: a system call for each packet costs more than QUIC.
        let chunks = with_next(chunk.bytes, receive)?;
        live.touch();
        link.write(chunks).await.map_err(failed)?;
    }
    link.finish().map_err(failed)
}

/// A chunk and those that are there already, which may be none.
pub(crate) fn with_next(chunk: Bytes, receive: &mut RecvStream) -> Result<Vec<Bytes>, VarInt> {
    let mut next = [const { Bytes::new() }; CHUNKS - 1];
    let count = match receive.read_chunks(&mut next).now_or_never() {
        Some(Ok(Some(count))) => count,
        // Nothing yet, or the end, which the next to read sees too.
        None | Some(Ok(None)) => 0,
        Some(Err(error)) => return Err(reset(&error)),
    };
    let mut chunks = Vec::with_capacity(1 + count);
    chunks.push(chunk);
    chunks.extend(next.into_iter().take(count));
    Ok(chunks)
}

async fn to_client(link: &Link, send: &mut SendStream) -> Result<(), VarInt> {
    let mut unwanted = pin!(send.stopped());
    loop {
        let bytes = tokio::select! {
            read = link.read(MOST) => read.map_err(failed)?,
            // A client that wants no more is not waited for until there is something to refuse.
            gone = &mut unwanted => return Err(gone.ok().flatten().unwrap_or(DONE)),
        };
        if bytes.is_empty() {
            // Closed already is as good as finished.
            let _result = send.finish();
            return Ok(());
        }
        send.write_chunk(bytes).await.map_err(|error| stopped(&error))?;
    }
}

fn failed(_error: io::Error) -> VarInt {
    BAD_GATEWAY
}
