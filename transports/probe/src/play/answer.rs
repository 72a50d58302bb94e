//! What came back, whatever it came over.

use serde_json::Value;

/// How much is kept of what a server sends.
pub(super) const MOST: usize = 4 << 20;

/// What a request, a hello or an open connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Admitted,
    Refused,
    /// The connection ended without an answer, or an open one did.
    Ended,
    /// Nothing came for as long as was waited.
    Silent,
    /// An open connection goes on.
    Open,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) came: Came,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    /// The code with which a connection was ended.
    pub(super) close: Option<u64>,
    pub(super) trace_id: Option<String>,
    /// Everything that came, as it came.
    pub(super) received: Vec<u8>,
    /// The session that it brought.
    pub(super) bought: Option<Bought>,
    /// Whether the server never came to decide: no audit log says anything of it.
    pub(super) undecided: bool,
    /// Whether a WebSocket was asked for and none was opened.
    pub(super) unopened: bool,
    /// What isn't said by the rest.
    pub(super) note: Option<String>,
}

/// A session that an answer brought.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    pub(super) token: String,
    pub(super) id: Option<String>,
}

impl Answer {
    pub(super) fn new(came: Came, received: Vec<u8>) -> Self {
        Self {
            came,
            status: None,
            code: None,
            close: None,
            trace_id: None,
            received,
            bought: None,
            undecided: false,
            unopened: false,
            note: None,
        }
    }

    pub(super) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Takes the code and the trace id out of a problem's JSON.
    pub(super) fn explained(mut self, problem: &[u8]) -> Self {
        let problem: Value = serde_json::from_slice(problem).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
        self.code = text("error");
        self.trace_id = text("trace_id");
        self
    }

    /// In a few words, such as `401 grant_refused`.
    pub(super) fn words(&self) -> String {
        let mut words = match (&self.came, self.status) {
            (_, Some(status)) => status.to_string(),
            (Came::Admitted, None) => "admitted".to_owned(),
            (Came::Refused, None) => "refused".to_owned(),
            (Came::Ended, None) => "the connection ended".to_owned(),
            (Came::Silent, None) => "nothing came".to_owned(),
            (Came::Open, None) => "the connection is open".to_owned(),
        };
        if let Some(close) = self.close {
            words.push_str(&format!(" with {close}"));
        }
        for more in [&self.code, &self.note].into_iter().flatten() {
            words.push(' ');
            words.push_str(more);
        }
        words
    }
}
