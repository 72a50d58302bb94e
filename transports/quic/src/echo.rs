//! The built-in echo: what comes goes back.

use doorward_gate::LiveConnection;
use quinn::{RecvStream, SendStream, VarInt};

use crate::answer::DONE;

/// As much as is taken at once.
const MOST: usize = 64 * 1024;

/// Echoes a stream until its end.
pub(crate) async fn echo(live: &LiveConnection, mut send: SendStream, mut receive: RecvStream) {
    loop {
        match receive.read_chunk(MOST, true).await {
            Ok(Some(chunk)) => {
                live.touch();
                if let Err(error) = send.write_chunk(chunk.bytes).await {
                    let _result = receive.stop(stopped(&error));
                    return;
                }
            }
            Ok(None) => {
                let _result = send.finish();
                return;
            }
            Err(error) => {
                let _result = send.reset(reset(&error));
                return;
            }
        }
    }
}

/// The code with which the other side stopped reading.
pub(crate) const fn stopped(error: &quinn::WriteError) -> VarInt {
    match error {
        quinn::WriteError::Stopped(code) => *code,
        _ => DONE,
    }
}

/// The code with which the other side gave up writing.
pub(crate) const fn reset(error: &quinn::ReadError) -> VarInt {
    match error {
        quinn::ReadError::Reset(code) => *code,
        _ => DONE,
    }
}
