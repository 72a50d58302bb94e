//! `api/room` and `api/ask`: who may write to a shared connection, and what they are asked.

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::rooms::{Act, ActRefusal, AskRefusal, Member, QuestionText, RoomId, RoomView};
use doorward_gate::{Admission, Gate, rfc3339};
use doorward_policy::denial::{Bound, Denial};
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{Answer, Because, QUESTION_LIFE};
use doorward_policy::route::Endpoint;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::answer;
use crate::body::Body;
use crate::site::Limits;

/// The most bytes of a body: a question, every character of it escaped.
const MAX_BODY: usize = 8192;
const HOW_TO_ACT: &str = "Send {\"do\": \"ask\", \"withdraw\" or \"release\"}, {\"do\": \"give\", \"to\": \
    a session_id that waits} or {\"do\": \"answer\", \"question\": its id, \"allow\": true or false}, with \
    \"room\" where the session is in several.";
const HOW_TO_ASK: &str =
    "Send {\"question\": one line of up to 1024 bytes, without control characters}.";
/// How long a question is held open at most, should nobody end it before.
const HELD: Duration = QUESTION_LIFE.saturating_add(Duration::from_secs(5));

/// Answers for an endpoint that is about rooms.
pub(crate) async fn answer(
    gate: &Arc<Gate>,
    limits: &Limits,
    admission: &Admission,
    endpoint: Endpoint,
    body: Incoming,
) -> Response<Body> {
    let answered = match endpoint {
        Endpoint::ActInRoom => act(gate, limits, admission, body).await,
        Endpoint::Ask => ask(gate, limits, admission, body).await,
        _ => Ok(seen(gate, admission)),
    };
    answered.unwrap_or_else(|denial| answer::refusal(&gate.refuse_admitted(admission, denial)))
}

fn seen(gate: &Gate, admission: &Admission) -> Response<Body> {
    let rooms = gate.rooms_of(admission).iter().map(room).collect::<Vec<_>>();
    answer::json(StatusCode::OK, &json!({ "rooms": rooms }))
}

fn room(view: &RoomView) -> Value {
    let owner = view.owner.as_ref().map(|owner| {
        let mut owner = member(owner);
        owner["connected"] = view.lapses_at.is_none().into();
        if let Some(lapses_at) = view.lapses_at {
            owner["lapses_at"] = rfc3339(lapses_at).into();
        }
        owner
    });
    let questions = view.questions.iter().map(|one| {
        json!({
            "id": one.id.to_string(),
            "question": one.text.as_str(),
            "asked_by": one.by.as_str(),
            "ends_at": rfc3339(one.ends_at),
        })
    });
    json!({
        "room": view.id.0,
        "workspace": view.key.joined.name.as_str(),
        "transport": view.key.transport.name(),
        "place": view.key.place,
        "role": if view.is_owner { "owner" } else { "follower" },
        "owner": owner,
        "waiting": view.waiting.iter().map(member).collect::<Vec<_>>(),
        "questions": questions.collect::<Vec<_>>(),
    })
}

fn member(member: &Member) -> Value {
    json!({ "session_id": member.id.to_string(), "subject": member.subject.as_str() })
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Ask,
    Withdraw,
    Release,
    Give,
    Answer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    r#do: Verb,
    room: Option<u64>,
    to: Option<String>,
    question: Option<String>,
    allow: Option<bool>,
}

impl Wish {
    /// What it asks for; `None` if it lacks something, or says what has no place in it.
    fn act(&self) -> Option<Act> {
        let question = self.question.as_deref().map(QuestionId::parse);
        let to = self.to.as_deref().map(SessionId::parse);
        match (&self.r#do, to, question, self.allow) {
            (Verb::Ask, None, None, None) => Some(Act::Ask),
            (Verb::Withdraw, None, None, None) => Some(Act::Withdraw),
            (Verb::Release, None, None, None) => Some(Act::Release),
            (Verb::Give, Some(to), None, None) => to.map(Act::Give),
            (Verb::Answer, None, Some(question), Some(allow)) => {
                question.map(|question| Act::Answer { question, allow })
            }
            _ => None,
        }
    }
}

async fn act(
    gate: &Arc<Gate>,
    limits: &Limits,
    admission: &Admission,
    body: Incoming,
) -> Result<Response<Body>, Denial> {
    let wish = read::<Wish>(gate, limits, admission, body).await?;
    let Some((wish, act)) = wish.and_then(|wish| wish.act().map(|act| (wish, act))) else {
        return Ok(malformed(HOW_TO_ACT, admission));
    };
    let done = gate.act_in_room(admission, wish.room.map(RoomId), act);
    Ok(match done {
        Ok(()) => seen(gate, admission),
        Err(refusal) => {
            let (status, code, message) = words(refusal);
            answer::problem(status, code, message, admission.trace)
        }
    })
}

const fn words(refusal: ActRefusal) -> (StatusCode, &'static str, &'static str) {
    match refusal {
        ActRefusal::NoRoom => {
            (StatusCode::NOT_FOUND, "not_found", "The session has no part in such a room.")
        }
        ActRefusal::MayNotOwn => (
            StatusCode::FORBIDDEN,
            "insufficient_capability",
            "The session lacks the capability \"operate\" in this room.",
        ),
        ActRefusal::NotOwner => {
            (StatusCode::CONFLICT, "not_owner", "Only the owner of the room can do that.")
        }
        ActRefusal::NotWaiting => {
            (StatusCode::CONFLICT, "not_waiting", "That session has not asked for the room.")
        }
        ActRefusal::NoQuestion => {
            (StatusCode::CONFLICT, "no_question", "No such question waits for an answer.")
        }
        ActRefusal::WhichRoom => (
            StatusCode::CONFLICT,
            "which_room",
            "The session has a part in several rooms: say in \"room\" which is meant.",
        ),
        ActRefusal::Clock => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server can't tell the time.")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    question: String,
}

/// Holds the request open until the owner has answered, or can't any more.
async fn ask(
    gate: &Arc<Gate>,
    limits: &Limits,
    admission: &Admission,
    body: Incoming,
) -> Result<Response<Body>, Denial> {
    let asked = read::<Asked>(gate, limits, admission, body).await?;
    let Some(text) = asked.and_then(|asked| QuestionText::new(&asked.question)) else {
        return Ok(malformed(HOW_TO_ASK, admission));
    };
    let live = match gate.register(admission) {
        Ok(live) => live,
        Err(refusal) => return Ok(answer::refusal(&refusal)),
    };
    let mut pending = match gate.ask_owner(admission, &text) {
        Ok(pending) => pending,
        Err(refusal) => {
            return Ok(denied(match refusal {
                AskRefusal::NoOwner => "no_owner",
                AskRefusal::TooMany => "too_many",
                AskRefusal::Unavailable => "unavailable",
            }));
        }
    };
    let answer = tokio::select! {
        answer = timeout(HELD, pending.answer()) => answer,
        end = live.ended() => return Err(end.denial()),
    };
    Ok(match answer.unwrap_or(Answer::Denied(Because::TimedOut)) {
        Answer::Allowed => answer::json(StatusCode::OK, &json!({ "answer": "allowed" })),
        Answer::Denied(because) => denied(because.name()),
    })
}

fn denied(reason: &str) -> Response<Body> {
    answer::json(StatusCode::OK, &json!({ "answer": "denied", "reason": reason }))
}

fn malformed(message: &str, admission: &Admission) -> Response<Body> {
    answer::problem(StatusCode::BAD_REQUEST, "malformed", message, admission.trace)
}

/// Reads a body, and looks whether its sender still may send it when it is all there; `None` if it
/// is not of the form.
pub(crate) async fn read<T: DeserializeOwned>(
    gate: &Gate,
    limits: &Limits,
    admission: &Admission,
    body: Incoming,
) -> Result<Option<T>, Denial> {
    let body = match timeout(limits.head_deadline, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Denial::TooLarge(Bound::BodyBytes));
        }
        Ok(Err(_)) => return Err(Denial::MalformedBody),
        Err(_) => return Err(Denial::DeadlinePassed),
    };
    gate.look_again(admission)?;
    Ok(serde_json::from_slice(&body).ok())
}
