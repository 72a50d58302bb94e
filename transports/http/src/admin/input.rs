//! What administrators send: small JSON objects, in which nothing unknown is overlooked.

use std::fmt;
use std::time::Duration;

use doorward_policy::capability::Capabilities;
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::subject::Subject;
use doorward_policy::workspace::WorkspaceName;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use tokio::time::timeout;

use super::fault::Fault;

/// The most bytes of a body.
const MAX_BODY: usize = 16 * 1024;

/// What an endpoint takes.
pub(super) trait Input: DeserializeOwned {
    /// In words, for whoever sent something else.
    const EXPECTED: &'static str;
}

/// Reads a body.
pub(super) async fn read<I: Input>(body: Incoming, deadline: Duration) -> Result<I, Fault> {
    //= req: ADMIN-7
    let body = match timeout(deadline, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Fault::TOO_LONG),
        Ok(Err(error)) => return Err(malformed::<I>(&error)),
        Err(_) => return Err(Fault::TOO_LATE),
    };
    //= req: ADMIN-7
    serde_json::from_slice(&body).map_err(|error| malformed::<I>(&error))
}

fn malformed<I: Input>(error: &dyn fmt::Display) -> Fault {
    Fault::Malformed(format!("This takes {}: {error}.", I::EXPECTED))
}

/// A value that has a text form of its own, parsed as it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub(super) T);

/// What can be read from a text.
pub(super) trait FromText: Sized {
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Option<Self>;
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::from_text(&text).map(Self).ok_or_else(|| D::Error::custom(T::EXPECTED))
    }
}

impl FromText for SessionId {
    const EXPECTED: &'static str = "an id has 32 hexadecimal digits, in lower case";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl FromText for GrantId {
    const EXPECTED: &'static str = "an id has 32 hexadecimal digits, in lower case";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl FromText for Subject {
    const EXPECTED: &'static str = "a name has 1 to 64 bytes and no control characters";

    fn from_text(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl FromText for WorkspaceName {
    const EXPECTED: &'static str = "a name has 1 to 64 bytes and no control characters";

    fn from_text(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

/// A set of capabilities, from the list of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CapabilityList(pub(super) Capabilities);

impl<'de> Deserialize<'de> for CapabilityList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let one = |held: Capabilities, name: &String| {
            let unknown =
                |_| D::Error::custom("capabilities are observe, operate, spawn, administer");
            Capabilities::parse(name).map(|one| held.with(one)).map_err(unknown)
        };
        names.iter().try_fold(Capabilities::NONE, one).map(Self)
    }
}
