//! One stream of a tunnel for standard input and output: bytes as they come.

use std::io;

use doorward_client::{Credential, Session, Stream};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split, stdin, stdout,
};

use super::{Visitor, told_to_stop};
use crate::failure::{Failure, Outcome};

/// The most bytes that are on their way in one direction.
const CHUNK: usize = 16 * 1024;

/// Carries standard input out and the answer in, until the server has said all. `saved` says that
/// no link was read from standard input, so that one may still stand at its beginning.
pub(super) async fn run(visitor: &Visitor, session: &Session, saved: bool) -> Outcome {
    let tunnel = visitor.client.tunnel(session).await;
    let tunnel = tunnel.map_err(|error| visitor.refused(session, error))?;
    visitor.greet(session, "");
    let stream = match tunnel.open().await {
        Ok(stream) => stream,
        Err(closed) => return visitor.ended(session, &closed).await,
    };
    let (reader, writer) = split(stream);
    let carried = tokio::select! {
        printed = print(reader) => printed,
        failure = send(writer, saved) => Err(failure),
        () = told_to_stop() => Ok(Ok(())),
    };
    match carried {
        Ok(Ok(())) => {
            tunnel.leave().await;
            Ok(())
        }
        // The tunnel's end says more than the stream's.
        Ok(Err(error)) => match tunnel.end() {
            Some(closed) => visitor.ended(session, &closed).await,
            None => Err(Failure::failed(format!("the connection was reset: {error}"))),
        },
        Err(failure) => Err(failure),
    }
}

/// Prints what comes, to its end. The inner failure is that of the stream.
async fn print(mut reader: ReadHalf<Stream>) -> Outcome<io::Result<()>> {
    let (mut chunk, mut out) = (vec![0; CHUNK], stdout());
    loop {
        let count = match reader.read(&mut chunk).await {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => count,
            Err(error) => return Ok(Err(error)),
        };
        out.write_all(chunk.get(..count).unwrap_or_default()).await?;
        out.flush().await?;
    }
}

/// Sends standard input and finishes this side; returns for a failure alone.
async fn send(mut writer: WriteHalf<Stream>, saved: bool) -> Failure {
    if let Err(failure) = send_all(&mut writer, &mut stdin(), saved).await {
        return failure;
    }
    // Whatever happened to the stream, whoever reads it hears of it.
    std::future::pending().await
}

async fn send_all(
    writer: &mut WriteHalf<Stream>,
    input: &mut (impl AsyncRead + Unpin),
    saved: bool,
) -> Outcome {
    let unreadable = |error| Failure::failed(format!("can't read standard input: {error}"));
    let (mut chunk, mut first) = (vec![0; CHUNK], saved);
    loop {
        let count = input.read(&mut chunk).await.map_err(unreadable)?;
        let bytes = chunk.get(..count).unwrap_or_default();
        if std::mem::take(&mut first) && begins_with_link(bytes) {
            return Err(Failure::failed(
                "standard input begins with a pairing link, and there is a saved session: the \
                 link was not sent; use it with --pair",
            ));
        }
        let sent = match count {
            0 => writer.shutdown().await,
            _ => writer.write_all(bytes).await,
        };
        if count == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

/// A script that always begins with a link would otherwise send it to the guarded server.
fn begins_with_link(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    std::str::from_utf8(line).is_ok_and(Credential::is_link)
}
