//! One stream of a tunnel for standard input and output: bytes as they come.

use std::borrow::Cow;
use std::io;
use std::pin::pin;

use doorward_client::{Credential, Session, Stream};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split, stdin, stdout,
};

use zeroize::Zeroizing;

use super::{Visitor, told_to_stop};
use crate::failure::{Failure, Outcome};

/// The most bytes that are on their way in one direction.
const CHUNK: usize = 16 * 1024;
/// What a link begins with.
const SCHEME: &[u8] = b"http";
/// Longer than any link: the longest host name has 253 characters.
const LONGEST_LINK: usize = 1024;

/// Carries standard input out and the answer in, until the server has said all. `saved` says that
/// no link was read from standard input, so that one may still stand at its beginning.
pub(super) async fn run(visitor: &Visitor, session: &Session, saved: bool) -> Outcome {
    let mut stop = pin!(told_to_stop());
    let tunnel = tokio::select! {
        opened = visitor.client.tunnel(session) => opened,
        () = &mut stop => return Ok(()),
    };
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
        () = stop => Ok(Ok(())),
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
    // A link may come by.
    let (mut chunk, mut beginning) = (Zeroizing::new(vec![0; CHUNK]), Beginning::new(saved));
    loop {
        let count = input.read(&mut chunk).await.map_err(unreadable)?;
        let bytes = beginning.pass(chunk.get(..count).unwrap_or_default()).ok_or_else(|| {
            Failure::failed(
                "standard input begins with a pairing link, and there is a saved session: the \
                 link was not sent; use it with --pair",
            )
        })?;
        let mut sent = writer.write_all(&bytes).await;
        if count == 0 && sent.is_ok() {
            sent = writer.shutdown().await;
        }
        if count == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

/// The beginning of standard input, of which nothing passes that may become a link: a script that
/// always begins with one would otherwise send it to the guarded server.
struct Beginning {
    held: Zeroizing<Vec<u8>>,
    over: bool,
}

impl Beginning {
    fn new(saved: bool) -> Self {
        // Room for all that is held: growing would leave a copy behind.
        let room = LONGEST_LINK.saturating_add(CHUNK);
        Self { held: Zeroizing::new(Vec::with_capacity(room)), over: !saved }
    }

    //= req: CLIENT-7
    /// What may be sent after this has come, of which nothing is the end; `None` if it is a link.
    fn pass<'a>(&mut self, came: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.over {
            return Some(Cow::Borrowed(came));
        }
        self.held.extend_from_slice(came);
        let blank = self.held.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = self.held.get(blank..).unwrap_or_default();
        if begins_with_link(rest) {
            return None;
        }
        let passes = if !came.is_empty() && may_become_link(rest) {
            blank
        } else {
            self.over = true;
            self.held.len()
        };
        Some(Cow::Owned(self.held.drain(..passes).collect()))
    }
}

fn begins_with_link(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    std::str::from_utf8(line).is_ok_and(Credential::is_link)
}

/// Whether the rest of a link may be on its way. What begins otherwise doesn't wait: its answer may
/// be what the next of it depends on.
fn may_become_link(bytes: &[u8]) -> bool {
    let begins = bytes.iter().zip(SCHEME).all(|(byte, scheme)| byte == scheme);
    begins && bytes.len() < LONGEST_LINK && !bytes.contains(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "http://127.0.0.1:8765/.doorward/pair#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// What passes of chunks and their end; `None` if they begin with a link.
    fn pass(saved: bool, chunks: &[&str]) -> Option<Vec<String>> {
        let mut beginning = Beginning::new(saved);
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.to_vec()).expect("text");
        let chunks = chunks.iter().chain(&[""]);
        chunks.map(|chunk| beginning.pass(chunk.as_bytes()).map(text)).collect()
    }

    //= req: CLIENT-7, type=test
    #[test]
    fn no_link_passes_however_it_comes() {
        let lines = format!("{LINK}\nhello\n");
        for at in 1..lines.len() {
            let (one, two) = lines.split_at(at);
            assert_eq!(pass(true, &["\r\n", " \n", one, two]), None, "{at}");
        }
        let bytes: Vec<_> = LINK.split("").filter(|each| !each.is_empty()).collect();
        assert_eq!(pass(true, &bytes), None);
        assert_eq!(pass(true, &[&format!("\n\n{LINK}")]), None);
        assert_eq!(pass(false, &[LINK]).expect("no saved session").concat(), LINK);
    }

    #[test]
    fn nothing_else_waits_for_more_than_it_has_to() {
        let passed = |chunks: &[&str]| pass(true, chunks).expect("no link");
        assert_eq!(passed(&["\n", "hello", LINK]), ["\n", "hello", LINK, ""]);
        assert_eq!(passed(&["ht", "ml"]), ["", "html", ""]);
        assert_eq!(passed(&["http://x", "\n", "more"]), ["", "http://x\n", "more", ""]);
        assert_eq!(passed(&["http"]), ["", "http"]);
        let long = format!("http{}", "x".repeat(LONGEST_LINK));
        assert_eq!(passed(&[&long, "y"]), [long.as_str(), "y", ""]);
    }
}
