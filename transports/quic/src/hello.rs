//! Reads the hello: exactly one frame on the first stream.

use doorward_policy::denial::{Denial, HelloFault};
use doorward_policy::hello::{PREFIX, body_length};
use futures_util::FutureExt as _;
use quinn::{ReadExactError, RecvStream};
use zeroize::Zeroizing;

/// Why there is no hello.
pub(crate) enum NoHello {
    /// What came is none.
    Denied(Denial),
    /// The connection is gone.
    Gone,
}

impl From<Denial> for NoHello {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<ReadExactError> for NoHello {
    fn from(error: ReadExactError) -> Self {
        use quinn::ReadError::Reset;
        match error {
            ReadExactError::FinishedEarly(_) | ReadExactError::ReadError(Reset(_)) => {
                Self::Denied(HelloFault::Truncated.into())
            }
            ReadExactError::ReadError(_) => Self::Gone,
        }
    }
}

/// Reads the body of the hello frame, and looks whether anything has come behind it.
pub(crate) async fn read(stream: &mut RecvStream) -> Result<Zeroizing<Vec<u8>>, NoHello> {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).await?;
    // In full before anything is read into it: growing would leave a copy of a secret behind.
    //= req: HELLO-1
    let mut body = Zeroizing::new(vec![0; body_length(prefix)?]);
    stream.read_exact(&mut body).await?;
    //= req: HELLO-4
    check_silent(stream)?;
    Ok(body)
}

/// Checks that nothing has come after the hello. A client has nothing to say before the answer.
pub(crate) fn check_silent(stream: &mut RecvStream) -> Result<(), Denial> {
    match stream.read_chunk(1, false).now_or_never() {
        Some(Ok(Some(_))) => Err(HelloFault::Trailing.into()),
        // Nothing yet, the end, or the end of all.
        Some(Ok(None) | Err(_)) | None => Ok(()),
    }
}
