//! Plays a corpus against one server, and asks before anything that could disturb it.

use std::collections::BTreeSet;

use doorward_policy::threat::Threat;
use futures_util::stream::{self, StreamExt as _};

use crate::attack::{Attack, Step, Transport};
use crate::baseline::{self, Closed};
use crate::pace::Pace;
use crate::play::{Played, Verdict, play};
use crate::target::Target;

/// What may be done that could disturb a server that others use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: such attacks are not played.
    Harmless,
    /// Everything.
    Disturb,
    /// What a person says, attack by attack.
    Ask,
}

/// Which attacks are played.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// By their names; all without any.
    pub attacks: Vec<String>,
    /// By the threats that they are of, such as `DW-GRANT-REPLAY`; all without any.
    pub threats: Vec<String>,
}

impl Selection {
    /// The attacks that are meant, in the order of the corpus.
    ///
    /// # Errors
    ///
    /// Names what is in no corpus: whoever selects it would otherwise hear that nothing was wrong.
    pub fn of(&self, corpus: Vec<Attack>) -> Result<Vec<Attack>, String> {
        for name in &self.attacks {
            if !corpus.iter().any(|attack| attack.id == *name) {
                return Err(format!("no attack is called \"{name}\""));
            }
        }
        for name in &self.threats {
            let known = Threat::find(name).is_some();
            if !corpus.iter().any(|attack| attack.threat.eq_ignore_ascii_case(name)) {
                let what = if known { "no attack is of the threat" } else { "no threat is called" };
                return Err(format!("{what} \"{name}\""));
            }
        }
        let picked = |attack: &Attack| {
            let named = self.attacks.is_empty() || self.attacks.contains(&attack.id);
            let same = |name: &String| attack.threat.eq_ignore_ascii_case(name);
            named && (self.threats.is_empty() || self.threats.iter().any(same))
        };
        Ok(corpus.into_iter().filter(picked).collect())
    }
}

/// What came of one attack over one transport.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The attack.
    pub attack: Attack,
    /// What it was played over.
    pub over: Transport,
    /// What came of it.
    pub played: Played,
}

/// A server, as one attack after the other comes to it.
pub trait Door: Sync {
    /// What one attack is played against, over one transport.
    fn visit(&self) -> Box<dyn Target + '_>;
}

/// How attacks are played.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// How fast.
    pub pace: &'a Pace,
    /// Whether what could disturb is played.
    pub consent: Consent,
    /// How many attacks are under way at once; those that could disturb are alone.
    pub at_once: usize,
}

/// Plays attacks over each transport that the server speaks; the answers are in their order.
///
/// An attack by which nothing is let in says something only of a server that lets a harmless request
/// in: without that it is not applicable.
///
/// Under [`Consent::Ask`], `ask` is asked once for each attack that could disturb, and told why.
/// `heard` is told of each answer as it comes.
pub async fn run(
    attacks: Vec<Attack>,
    door: &dyn Door,
    manner: Manner<'_>,
    ask: impl AsyncFn(&Attack, &str) -> bool,
    mut heard: impl FnMut(&Answer),
) -> Vec<Answer> {
    let (mut answers, mut harmless, mut disturbing) = (Vec::new(), Vec::new(), Vec::new());
    let mut number = 0_usize;
    for attack in attacks {
        let disturbs = disturbs(&attack);
        let withheld = match &disturbs {
            Some(why) => withheld(&attack, why, door, manner.consent, &ask).await,
            None => None,
        };
        for &over in &attack.over {
            number = number.saturating_add(1);
            let one = One { number, attack: attack.clone(), over };
            let target = door.visit();
            let beside = || target.profile().beside_the_point.get(&one.attack.id).cloned();
            match unspoken(&*target, over).or_else(beside).or_else(|| withheld.clone()) {
                Some(why) => {
                    let answer = one.not_applicable(why);
                    heard(&answer);
                    answers.push((number, answer));
                }
                None if disturbs.is_some() => disturbing.push(one),
                None => harmless.push(one),
            }
        }
    }
    let needed = harmless.iter().chain(&disturbing).filter(|one| one.needs_baseline(door));
    let over: BTreeSet<Transport> = needed.map(|one| one.over).collect();
    let closed = &baseline::closed(door, over, manner.pace).await;
    let under_way = harmless.into_iter().map(|one| one.play(door, closed, manner.pace));
    let mut under_way = stream::iter(under_way).buffer_unordered(manner.at_once.max(1));
    while let Some((number, answer)) = under_way.next().await {
        heard(&answer);
        answers.push((number, answer));
    }
    for one in disturbing {
        let (number, answer) = one.play(door, closed, manner.pace).await;
        heard(&answer);
        answers.push((number, answer));
    }
    // Whichever of them it was: a server that is gone has not held.
    let played = answers.iter_mut().rev().find(|(_, one)| one.played.verdict == Verdict::Held);
    if let Some((_, last)) = played
        && let Some(why) = baseline::gone(door, manner.pace).await
    {
        last.played.verdict = Verdict::NotHeld(why);
    }
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// One attack over one transport.
struct One {
    number: usize,
    attack: Attack,
    over: Transport,
}

impl One {
    fn needs_baseline(&self, door: &dyn Door) -> bool {
        baseline::is_needed(&self.attack, self.over, door.visit().profile())
    }

    async fn play(self, door: &dyn Door, closed: &Closed, pace: &Pace) -> (usize, Answer) {
        if let Some(why) = closed.get(&self.over)
            && self.needs_baseline(door)
        {
            return (self.number, self.not_applicable(why.clone()));
        }
        let Self { number, attack, over } = self;
        let played = play(&attack, over, &*door.visit(), pace).await;
        (number, Answer { attack, over, played })
    }

    fn not_applicable(self, why: String) -> Answer {
        let played = Played { verdict: Verdict::NotApplicable(why), exchanges: Vec::new() };
        Answer { attack: self.attack, over: self.over, played }
    }
}

/// Why an attack could disturb others, if it could.
fn disturbs(attack: &Attack) -> Option<String> {
    let places = |step: &Step| matches!(step, Step::Workspace { .. } | Step::Member { .. });
    let placed = || {
        attack.steps.iter().any(places).then(|| {
            "it makes a workspace, and while that is there, whoever is a member of none reaches \
             nothing."
                .to_owned()
        })
    };
    attack.disturbs.clone().or_else(placed)
}

/// Why nothing can be played over this transport.
fn unspoken(target: &dyn Target, over: Transport) -> Option<String> {
    let http = target.http().is_some();
    let (spoken, what) = match over {
        Transport::Http => (http, "no HTTP is spoken there"),
        Transport::Websocket => {
            (http && target.profile().websocket.is_some(), "there is no WebSocket")
        }
        Transport::Quic => (target.quic().is_some(), "no QUIC is spoken there, or none was named"),
    };
    (!spoken).then(|| what.to_owned())
}

/// Why an attack that could disturb is not played, if it is not.
async fn withheld(
    attack: &Attack,
    why: &str,
    door: &dyn Door,
    consent: Consent,
    ask: impl AsyncFn(&Attack, &str) -> bool,
) -> Option<String> {
    // A person is asked only about what would be played.
    let target = door.visit();
    let beside = target.profile().beside_the_point.contains_key(&attack.id);
    if beside || attack.over.iter().all(|&over| unspoken(&*target, over).is_some()) {
        return None;
    }
    let allowed = match consent {
        Consent::Harmless => false,
        Consent::Disturb => true,
        Consent::Ask => ask(attack, why).await,
    };
    (!allowed).then(|| format!("could disturb: {why}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use crate::target::{Audited, HttpAddress, NotOffered, Pending, QuicAddress};
    use crate::{Profile, Variables};

    use super::*;

    /// A server that offers nothing, and writes down what it was asked for.
    struct Nowhere {
        profile: Profile,
        prepared: Mutex<usize>,
    }

    impl Nowhere {
        fn new() -> Self {
            Self { profile: Profile::doorward(), prepared: Mutex::new(0) }
        }

        fn prepared(&self) -> usize {
            *self.prepared.lock().expect("nobody panics")
        }
    }

    impl Door for Nowhere {
        fn visit(&self) -> Box<dyn Target + '_> {
            Box::new(Visit(self))
        }
    }

    struct Visit<'a>(&'a Nowhere);

    impl Target for Visit<'_> {
        fn http(&self) -> Option<HttpAddress> {
            let address = ([127, 0, 0, 1], 1).into();
            let authority = "127.0.0.1:1".to_owned();
            Some(HttpAddress { address, tls: false, certificate_sha256: None, authority })
        }

        fn quic(&self) -> Option<QuicAddress> {
            None
        }

        fn profile(&self) -> &Profile {
            &self.0.profile
        }

        fn prepare<'a>(
            &'a self,
            _step: &'a Step,
            _known: &'a mut Variables,
        ) -> Pending<'a, Result<(), NotOffered>> {
            *self.0.prepared.lock().expect("nobody panics") += 1;
            Box::pin(async { Err(NotOffered("anything".to_owned())) })
        }

        fn audit<'a>(&'a self, _trace_id: Option<&'a str>) -> Pending<'a, Audited> {
            Box::pin(async { Audited::Unreadable })
        }
    }

    fn attack(id: &str, more: &str, step: &str) -> Attack {
        let text = format!(
            "title = 'T'\nthreat = 'DW-GRANT-REPLAY'\nover = ['http', 'quic']\n{more}\n\
             [[step]]\n{step}\n[[step]]\ndo = 'ask'\nexpect = {{ outcome = 'refused' }}\n"
        );
        Attack::parse(id, &text).expect("an attack")
    }

    fn attacks() -> Vec<Attack> {
        let session = "do = 'session'\nas = 'a'";
        let workspace = "do = 'workspace'\nname = 'lab'\nprefix = '/lab'\nmembers = []";
        vec![
            attack("harmless", "", session),
            attack("loud", "disturbs = 'It is loud.'", session),
            attack("places", "", workspace),
        ]
    }

    async fn reasons(consent: Consent, yes: &[&str]) -> (Vec<String>, usize, Vec<String>) {
        let (door, asked) = (Nowhere::new(), Mutex::new(Vec::new()));
        let pace = Pace::unlimited(Duration::from_secs(1));
        let manner = Manner { pace: &pace, consent, at_once: 2 };
        let ask = async |attack: &Attack, _why: &str| {
            asked.lock().expect("nobody panics").push(attack.id.clone());
            yes.contains(&attack.id.as_str())
        };
        let answers = run(attacks(), &door, manner, ask, |_| {}).await;
        let told = answers.iter().map(|answer| match &answer.played.verdict {
            Verdict::NotApplicable(why) => format!("{} {why}", answer.attack.id),
            other => format!("{} {other:?}", answer.attack.id),
        });
        (told.collect(), door.prepared(), asked.into_inner().expect("nobody panics"))
    }

    #[tokio::test]
    async fn nothing_that_could_disturb_is_played_unasked() {
        let (told, prepared, asked) = reasons(Consent::Harmless, &[]).await;
        assert_eq!((prepared, asked.len()), (1, 0));
        assert!(told.contains(&"loud could disturb: It is loud.".to_owned()), "{told:?}");
        assert!(told.iter().any(|it| it.starts_with("places could disturb: it makes a workspace")));
        let names: Vec<_> = told.iter().filter_map(|it| it.split(' ').next()).collect();
        assert_eq!(names, ["harmless", "harmless", "loud", "loud", "places", "places"]);
    }

    #[tokio::test]
    async fn a_person_is_asked_about_each_attack_once() {
        let (told, prepared, asked) = reasons(Consent::Ask, &["loud"]).await;
        assert_eq!(asked, ["loud", "places"]);
        assert_eq!(prepared, 2);
        assert!(told.iter().any(|it| it.starts_with("places could disturb")), "{told:?}");
    }

    #[tokio::test]
    async fn everything_is_played_where_that_was_said() {
        let (_, prepared, asked) = reasons(Consent::Disturb, &[]).await;
        assert_eq!((prepared, asked.len()), (3, 0));
    }

    #[test]
    fn a_selection_of_what_there_is_not_is_no_selection() {
        let selection = |attacks: &[&str], threats: &[&str]| Selection {
            attacks: attacks.iter().map(ToString::to_string).collect(),
            threats: threats.iter().map(ToString::to_string).collect(),
        };
        let picked = selection(&["loud"], &[]).of(attacks()).expect("there is one");
        assert_eq!(picked.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["loud"]);
        assert_eq!(selection(&[], &["dw-grant-replay"]).of(attacks()).map(|it| it.len()), Ok(3));
        assert!(selection(&["nothing"], &[]).of(attacks()).is_err());
        assert!(selection(&[], &["DW-NO-SUCH"]).of(attacks()).is_err());
        assert!(selection(&[], &["DW-FAIL-OPEN"]).of(attacks()).is_err());
    }
}
