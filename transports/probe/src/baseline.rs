//! Whether anybody is let in at all: who refuses everything shows nothing by refusing an attack.

use std::collections::BTreeMap;

use crate::attack::{Attack, Outcome, Step, Transport};
use crate::pace::Pace;
use crate::play::{Verdict, Wire, play};
use crate::profile::Profile;
use crate::run::Door;

/// Over which transports a harmless request is not let in, and what came of it.
pub(crate) type Closed = BTreeMap<Transport, String>;

/// Asks once over each of these transports what has to be let in.
pub(crate) async fn closed(
    door: &dyn Door,
    over: impl IntoIterator<Item = Transport>,
    pace: &Pace,
) -> Closed {
    let mut closed = Closed::new();
    for over in over {
        let target = door.visit();
        let why = match harmless(target.profile(), over) {
            Ok(attack) => match play(&attack, over, &*target, pace).await.verdict {
                Verdict::Held => continue,
                Verdict::NotHeld(why) | Verdict::NotApplicable(why) => why,
            },
            Err(why) => why,
        };
        let why = format!("nothing is let in here that could be told from an attack: {why}");
        closed.insert(over, why);
    }
    closed
}

/// Whether a refusal by this server says something only where it lets something else in. A Doorward
/// says why it refuses; but what is named as its QUIC endpoint could be another's.
pub(crate) fn is_needed(attack: &Attack, over: Transport, profile: &Profile) -> bool {
    let admits = |step: &Step| match step {
        Step::Ask(ask) => ask.expect.outcome == Outcome::Admitted,
        Step::Send(send) if over != Transport::Quic => {
            let expects = [Some(&send.expect), send.afterwards.as_ref()];
            expects.into_iter().flatten().any(|expect| expect.outcome == Outcome::Admitted)
        }
        Step::Hello(hello) if over == Transport::Quic => hello.expect.outcome == Outcome::Admitted,
        _ => false,
    };
    (!profile.strict || over == Transport::Quic) && !attack.steps.iter().any(admits)
}

/// Somebody with a session asks for what they may have.
fn harmless(profile: &Profile, over: Transport) -> Result<Attack, String> {
    let by_query = over == Transport::Websocket && profile.query.is_some();
    let credential = if profile.bearer.is_some() || by_query || profile.unguarded.contains(&over) {
        "credential = \"bearer ${a.token}\""
    } else if profile.cookie.is_some() {
        "credential = \"cookie ${a.cookie}\""
    } else {
        ""
    };
    let over = format!("{over:?}").to_lowercase();
    let text = format!(
        "title = \"Somebody asks for what they may have\"\nthreat = \"DW-FAIL-OPEN\"\n\
         over = [\"{over}\"]\n[[step]]\ndo = \"session\"\nas = \"a\"\n[[step]]\ndo = \"ask\"\n\
         origin = \"${{origin}}\"\n{credential}\nexpect = {{ outcome = \"admitted\" }}\n"
    );
    Attack::parse("harmless", &text).map_err(|error| error.to_string())
}

/// What stops a connection from being made, when all attacks are over.
pub(crate) async fn gone(door: &dyn Door, pace: &Pace) -> Option<String> {
    let target = door.visit();
    let to = target.http()?;
    pace.turn().await;
    let connected = Wire::connect(&to, target.from(), pace.patience).await;
    let error = connected.err()?;
    Some(format!("when all attacks were over, nobody took connections any more: {error}"))
}
