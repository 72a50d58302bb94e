//! Questions of what runs on the server to the person who drives it.

use std::sync::Arc;

use doorward_policy::id::QuestionId;
use doorward_policy::room::{Answer, Because};
use tokio::sync::oneshot;

use super::hall::Hall;
use crate::clock::Clock;

/// Bytes of the longest question.
pub const MAX_QUESTION: usize = 1024;

/// What is asked: 1 to [`MAX_QUESTION`] bytes without control characters, which could make a
/// terminal show something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionText(String);

impl QuestionText {
    /// Takes a text; `None` if it is too long or could not be shown as it is.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let shown = !text.trim().is_empty() && !text.chars().any(misleads);
        (shown && text.len() <= MAX_QUESTION).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that turn the direction of what follows (Unicode, annex 9).
fn misleads(one: char) -> bool {
    let turns = matches!(one, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    one.is_control() || turns
}

/// A question that waits for its answer. Dropping it takes the question back.
#[derive(Debug)]
pub struct Pending {
    clock: Arc<dyn Clock>,
    hall: Arc<Hall>,
    id: QuestionId,
    answered: oneshot::Receiver<Answer>,
}

impl Pending {
    pub(super) const fn new(
        clock: Arc<dyn Clock>,
        hall: Arc<Hall>,
        id: QuestionId,
        answered: oneshot::Receiver<Answer>,
    ) -> Self {
        Self { clock, hall, id, answered }
    }

    /// Waits for the answer; an answer that got lost is no.
    pub async fn answer(&mut self) -> Answer {
        (&mut self.answered).await.unwrap_or(Answer::Denied(Because::OwnerLeft))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.hall.retract(self.id, self.clock.now().unwrap_or_default());
    }
}
