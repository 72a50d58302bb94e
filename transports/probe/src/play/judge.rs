//! Whether what came is what had to come.

use std::time::Duration;

use doorward_policy::denial::Denial;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Came};
use super::{Round, Stop};
use crate::attack::{Expect, Outcome, Step};
use crate::target::{Audited, Recorded};
use crate::template::Spelling;

/// How far apart an audit log is asked for a record that isn't there yet: it may lag.
const LAG: Duration = Duration::from_millis(5);

impl Round<'_> {
    /// Judges the answers to one step.
    pub(super) async fn judge(&mut self, expect: &Expect, answers: &[Answer]) -> Result<(), Stop> {
        self.count(expect, answers)?;
        if self.target.profile().strict {
            for answer in answers {
                self.details(expect, answer).await?;
            }
        }
        self.look_for(&expect.never, answers).await
    }

    /// Another product may leave a whole request without an answer, which lets nobody in and
    /// refuses nothing.
    pub(super) fn check_silence(&self, expect: &Expect, answers: &[Answer]) -> Result<(), Stop> {
        let silent = answers.iter().any(|answer| answer.came == Came::Silent);
        if silent && expect.outcome == Outcome::Refused && !self.target.profile().strict {
            let why = format!("step {}: it is left without an answer", self.step);
            return Err(Stop::NotApplicable(why));
        }
        Ok(())
    }

    /// Whether as many came to the outcome as had to.
    fn count(&self, expect: &Expect, answers: &[Answer]) -> Result<(), Stop> {
        let outcome = expect.outcome;
        let Some(exactly) = expect.exactly else {
            return match answers.iter().find(|answer| !is(outcome, answer)) {
                None => Ok(()),
                Some(other) => Err(self.other(outcome, other)),
            };
        };
        let opposite = match outcome {
            Outcome::Admitted => Outcome::Refused,
            Outcome::Refused => Outcome::Admitted,
            Outcome::Ended => Outcome::Open,
            Outcome::Open => Outcome::Ended,
        };
        let neither = |answer: &&Answer| !is(outcome, answer) && !is(opposite, answer);
        if let Some(other) = answers.iter().find(neither) {
            return Err(self.other(outcome, other));
        }
        let count = answers.iter().filter(|answer| is(outcome, answer)).count();
        if Ok(count) == usize::try_from(exactly) {
            return Ok(());
        }
        let (outcome, of) = (said(outcome), answers.len());
        Err(self.not_held(&format!("{count} of {of} were {outcome}, and {exactly} had to be")))
    }

    /// Another outcome than the expected one.
    fn other(&self, outcome: Outcome, answer: &Answer) -> Stop {
        let (expected, words) = (said(outcome), answer.words());
        let harmless = matches!(outcome, Outcome::Admitted | Outcome::Open);
        // No decision ends a connection without a code: it was lost on the way. Once something hostile
        // was sent, that may be why, and is for the server to answer for.
        let lost = matches!(answer.came, Came::Refused | Came::Ended)
            && answer.status.is_none()
            && matches!(answer.close, None | Some(0));
        if outcome == Outcome::Admitted && lost && self.all_harmless_so_far() {
            let why =
                format!("step {}: the connection of the harmless request was lost", self.step);
            return Stop::NotApplicable(why);
        }
        if harmless && !self.target.profile().strict && answer.came != Came::Silent {
            return Stop::NotApplicable(format!(
                "step {}: the harmless request is refused too: {words}",
                self.step
            ));
        }
        self.not_held(&format!("it had to be {expected}, and came to: {words}"))
    }

    /// Whether no step before this one was of the attack itself.
    fn all_harmless_so_far(&self) -> bool {
        self.attack.steps.iter().take(self.step.saturating_sub(1)).all(|step| match step {
            Step::Ask(ask) => ask.expect.outcome == Outcome::Admitted,
            Step::Send(_) | Step::Hello(_) | Step::Packets(_) | Step::Say { .. } => false,
            _ => true,
        })
    }

    /// Whether everything is as expected of an answer that came to what it had to.
    async fn details(&self, expect: &Expect, answer: &Answer) -> Result<(), Stop> {
        if answer.undecided {
            return Ok(());
        }
        if is(expect.outcome, answer) {
            self.status(expect, answer)?;
        }
        let refused = matches!(answer.came, Came::Refused | Came::Ended);
        if !refused {
            return Ok(());
        }
        if let Some(code) = &expect.code
            && answer.code.as_ref() != Some(code)
        {
            let words = answer.words();
            return Err(self.not_held(&format!("its code had to be `{code}`, and it is: {words}")));
        }
        if let Some(close) = expect.close
            && answer.status.is_none()
            && answer.close != Some(u64::from(close))
        {
            let words = answer.words();
            return Err(
                self.not_held(&format!("it had to be closed with {close}, and it is: {words}"))
            );
        }
        self.audited(expect, answer).await
    }

    /// Whether the status is the expected one or, over QUIC, the code is that of such a refusal.
    fn status(&self, expect: &Expect, answer: &Answer) -> Result<(), Stop> {
        let Some(status) = expect.status else { return Ok(()) };
        let fits = match (answer.status, answer.close) {
            (Some(came), _) => came == status,
            (None, Some(close)) => stands_for(close, answer.code.as_deref(), status),
            // An admission has no status over QUIC.
            (None, None) => answer.came == Came::Admitted,
        };
        if fits {
            return Ok(());
        }
        let words = answer.words();
        Err(self.not_held(&format!("its status had to be {status}, and it is: {words}")))
    }

    /// Whether the audit log says of a refusal what it has to.
    async fn audited(&self, expect: &Expect, answer: &Answer) -> Result<(), Stop> {
        let asked = expect.reason.is_some() || expect.threat.is_some();
        if expect.outcome == Outcome::Ended && !asked {
            return Ok(());
        }
        let threat = expect.threat.as_deref().unwrap_or(&self.attack.threat);
        if threat.is_empty() && expect.reason.is_none() {
            return Ok(());
        }
        let Some(Recorded { reason, threat: recorded }) = self.recorded(answer).await? else {
            return Ok(());
        };
        if let Some(expected) = &expect.reason
            && !reason.starts_with(expected.as_str())
        {
            return Err(self.not_held(&format!(
                "its reason in the audit log had to begin with `{expected}`, and it is `{reason}`"
            )));
        }
        if recorded == threat {
            return Ok(());
        }
        Err(self.not_held(&format!(
            "its threat in the audit log had to be {threat}, and it is `{recorded}` ({reason})"
        )))
    }

    /// The record of an answer; none where nobody can read it.
    async fn recorded(&self, answer: &Answer) -> Result<Option<Recorded>, Stop> {
        let found = timeout(self.pace.patience, async {
            loop {
                match self.target.audit(answer.trace_id.as_deref()).await {
                    Audited::Unreadable => return None,
                    Audited::Recorded(recorded) => return Some(recorded),
                    Audited::Missing => sleep(LAG).await,
                }
            }
        });
        found.await.map_err(|_| {
            self.not_held(&format!("the audit log says nothing of it: {}", answer.words()))
        })
    }

    /// Whether none of these texts is in what came, or in the audit log.
    pub(super) async fn look_for(
        &mut self,
        never: &[String],
        answers: &[Answer],
    ) -> Result<(), Stop> {
        if never.is_empty() {
            return Ok(());
        }
        let records = self.target.records().await.unwrap_or_default();
        for text in never {
            let bytes = self.fill(text, Spelling::Plain)?;
            if bytes.is_empty() {
                return Err(self.wrong("`never` has a text that is empty"));
            }
            if answers.iter().any(|answer| holds(&answer.received, &bytes)) {
                return Err(self.not_held(&format!("`{text}` came back")));
            }
            if records.iter().any(|record| holds(record.as_bytes(), &bytes)) {
                return Err(self.not_held(&format!("`{text}` is in the audit log")));
            }
        }
        Ok(())
    }

    /// Whether these have nothing in common.
    pub(super) fn differ(&mut self, values: &[String]) -> Result<(), Stop> {
        let mut filled = Vec::new();
        for value in values {
            filled.push((value, self.fill(value, Spelling::Plain)?));
        }
        for (at, (one, left)) in filled.iter().enumerate() {
            for (other, right) in filled.iter().skip(at.saturating_add(1)) {
                let same = left.iter().zip(right).filter(|(left, right)| left == right).count();
                let shorter = left.len().min(right.len());
                if same.saturating_mul(2) > shorter || shorter == 0 {
                    return Err(self.not_held(&format!(
                        "`{one}` and `{other}` have {same} of {shorter} characters in common"
                    )));
                }
            }
        }
        Ok(())
    }

    fn not_held(&self, what: &str) -> Stop {
        let each = self.each.as_ref().map(|each| format!(" (each = `{each}`)"));
        Stop::NotHeld(format!("step {}{}: {what}", self.step, each.unwrap_or_default()))
    }
}

/// Whether an answer comes to this.
fn is(outcome: Outcome, answer: &Answer) -> bool {
    match outcome {
        Outcome::Admitted => answer.came == Came::Admitted && !answer.unopened,
        Outcome::Refused | Outcome::Ended => matches!(answer.came, Came::Refused | Came::Ended),
        Outcome::Open => answer.came == Came::Open,
    }
}

const fn said(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Admitted => "admitted",
        Outcome::Refused => "refused",
        Outcome::Ended => "ended",
        Outcome::Open => "open",
    }
}

/// Whether a QUIC connection is closed with this code, in these words, for a refusal that is this
/// status over HTTP.
fn stands_for(close: u64, code: Option<&str>, status: u16) -> bool {
    Denial::examples().iter().any(|denial| {
        let public = denial.public();
        u64::from(public.error_code()) == close
            && Some(public.code) == code
            && public.status == status
    })
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
