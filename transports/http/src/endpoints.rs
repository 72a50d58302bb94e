//! Doorward's own endpoints, for requests that the gate has passed.

use std::sync::Arc;

use doorward_gate::{Admission, Gate, Refusal, rfc3339};
use doorward_policy::Timestamp;
use doorward_policy::admission::{AwaitGrant, Opened, Redeemed};
use doorward_policy::denial::{Bound, Denial};
use doorward_policy::id::{SessionId, TraceId};
use doorward_policy::route::{Admin, Endpoint, Target};
use doorward_policy::settings::{Guarding, Surface};
use doorward_policy::token::Claims;
use http::header::ORIGIN;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::answer;
use crate::body::Body;
use crate::pages::{ADMIN, PAIR};
use crate::rooms;
use crate::site::{Limits, QuicInfo};
use crate::who::{Seen, Who, seen};

/// The most bytes of a body that redeems a grant.
const MAX_BODY: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presented<'a> {
    #[serde(borrow)]
    credential: &'a str,
    #[serde(borrow)]
    nonce: &'a str,
}

/// Answers for an endpoint that needs no credential.
pub(crate) fn open(gate: &Gate, opened: &Opened) -> Response<Body> {
    match opened.context().target {
        Target::Own(Endpoint::PairPage) => answer::page(&PAIR, StatusCode::OK),
        Target::Own(Endpoint::Admin(Admin::Page)) => answer::page(&ADMIN, StatusCode::OK),
        Target::Own(Endpoint::Health) if gate.is_draining() => {
            answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }))
        }
        Target::Own(Endpoint::Health) => answer::json(StatusCode::OK, &json!({ "status": "ok" })),
        Target::Own(Endpoint::Session) => answer::json(StatusCode::OK, &nobody(gate)),
        // The policy opens nothing else.
        Target::Own(_) | Target::Guarded => answer::empty(StatusCode::NOT_FOUND),
    }
}

fn nobody(gate: &Gate) -> Value {
    if gate.settings().surface == Surface::Admin {
        return json!({
            "authenticated": false,
            "message": "Not signed in: run `doorward pair --admin` on the machine of the listener, \
                and open its link or type its code.",
        });
    }
    let unguarded = gate.settings().guarding == Guarding::Unguarded;
    let message = if unguarded {
        "This server is unguarded: nobody is asked for a credential."
    } else {
        "Not paired: run `doorward pair` on the machine of the listener, and open its link or type \
            its code."
    };
    json!({
        "authenticated": false,
        "unguarded": unguarded,
        "pair": "/.doorward/pair",
        "message": message,
    })
}

/// Reads the body of a redemption, redeems what it brings, and hands out the session.
pub(crate) async fn redeem(
    gate: &Arc<Gate>,
    limits: &Limits,
    awaiting: AwaitGrant,
    body: Incoming,
) -> Response<Body> {
    //= req: HTTP-2, HTTP-3
    let body = match timeout(limits.head_deadline, Limited::new(body, MAX_BODY).collect()).await {
        // A buffer of our own, to be wiped: the body is a secret.
        Ok(Ok(body)) => Zeroizing::new(Vec::from(body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refuse(gate, awaiting, Denial::TooLarge(Bound::BodyBytes));
        }
        Ok(Err(_)) => return refuse(gate, awaiting, Denial::MalformedBody),
        Err(_) => return refuse(gate, awaiting, Denial::DeadlinePassed),
    };
    let Ok(presented) = serde_json::from_slice::<Presented<'_>>(&body) else {
        return refuse(gate, awaiting, Denial::MalformedBody);
    };
    match gate.redeem(awaiting, presented.credential, presented.nonce).await {
        Ok((redeemed, _trace)) => hand_out(gate, &redeemed),
        Err(refusal) => answer::refusal(&refusal),
    }
}

fn refuse(gate: &Gate, awaiting: AwaitGrant, denial: Denial) -> Response<Body> {
    answer::refusal(&gate.refuse(awaiting, denial))
}

//= req: HTTP-10
/// The one answer that carries the session's first token: in a cookie that no body repeats, or in
/// a body that sets no cookie.
fn hand_out(gate: &Gate, redeemed: &Redeemed) -> Response<Body> {
    let now = gate.now().unwrap_or_default();
    let Some(claims) = redeemed.admitted().claims() else {
        return answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let own = [Endpoint::Token, Endpoint::Admin(Admin::Bootstrap)].map(Target::Own);
    if own.contains(&redeemed.admitted().target()) {
        return bearer(claims, redeemed.token().expose(), now);
    }
    let mut response = answer::json(StatusCode::OK, &Who::of(claims, now));
    if let Some(cookie) = redeemed.cookie() {
        let value = Zeroizing::new(cookie.set(redeemed.token(), claims.expires_at, now));
        answer::set_cookie(&mut response, &value);
    }
    response
}

fn bearer(claims: &Claims, token: &str, now: Timestamp) -> Response<Body> {
    #[derive(Serialize)]
    struct Bearer<'a> {
        access_token: &'a str,
        token_type: &'static str,
        expires_in: u64,
        #[serde(flatten)]
        who: Who,
    }
    let expires_in = claims.expires_at.since(now).as_secs();
    let who = Who::of(claims, now);
    answer::json(
        StatusCode::OK,
        &Bearer { access_token: token, token_type: "Bearer", expires_in, who },
    )
}

/// Answers for an endpoint that a session is needed for.
pub(crate) async fn with_session(
    gate: &Arc<Gate>,
    admission: &Admission,
    endpoint: Endpoint,
    headers: &HeaderMap,
    quic: Option<&QuicInfo>,
) -> Response<Body> {
    let answered = match endpoint {
        Endpoint::Session => Ok(session(gate, admission, quic)),
        Endpoint::Renew => Ok(renew(gate, admission).await),
        Endpoint::Ticket => ticket(gate, admission, headers).await,
        Endpoint::Logout => sign_out(gate, admission).await,
        Endpoint::Workspaces => Ok(workspaces(gate, admission)),
        Endpoint::PairPage
        | Endpoint::Bootstrap
        | Endpoint::Token
        | Endpoint::Health
        | Endpoint::Stay
        | Endpoint::Room
        | Endpoint::ActInRoom
        | Endpoint::Ask
        | Endpoint::Admin(_) => {
            // The policy routes these elsewhere.
            Ok(answer::empty(StatusCode::NOT_FOUND))
        }
    };
    answered.unwrap_or_else(|refusal| answer::refusal(&refusal))
}

/// Who am I. Renews nothing: a page that asks every minute is no sign of anybody's being there.
fn session(gate: &Gate, admission: &Admission, quic: Option<&QuicInfo>) -> Response<Body> {
    #[derive(Serialize)]
    struct Here<'a> {
        #[serde(flatten)]
        who: Who,
        #[serde(skip_serializing_if = "Option::is_none")]
        workspaces: Option<Vec<Seen>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        quic: Option<&'a QuicInfo>,
    }
    let now = gate.now().unwrap_or(admission.at);
    let Some(who) = Who::admitted(&admission.admitted, now) else {
        return answer::json(StatusCode::OK, &nobody(gate));
    };
    // Administration has none of its own.
    let guarded = gate.settings().surface == Surface::Guarded;
    let workspaces = guarded.then(|| seen(admission, &gate.directory()));
    answer::json(StatusCode::OK, &Here { who, workspaces, quic })
}

fn workspaces(gate: &Gate, admission: &Admission) -> Response<Body> {
    let seen = seen(admission, &gate.directory());
    answer::json(StatusCode::OK, &json!({ "workspaces": seen }))
}

/// A fresher token, if it is time for one: `renewed` says whether it was.
async fn renew(gate: &Gate, admission: &Admission) -> Response<Body> {
    #[derive(Serialize)]
    struct Renewal {
        #[serde(flatten)]
        who: Who,
        renewed: bool,
    }
    let renewed = gate.renew(&admission.admitted).await;
    let now = gate.now().unwrap_or(admission.at);
    if !admission.admitted.by_cookie()
        && let Some((claims, token)) = &renewed
    {
        return bearer(claims, token.expose(), now);
    }
    let who = match &renewed {
        Some((claims, _)) => Some(Who::of(claims, now)),
        None => Who::admitted(&admission.admitted, now),
    };
    let Some(who) = who else { return answer::json(StatusCode::OK, &nobody(gate)) };
    let body = Renewal { who, renewed: renewed.is_some() };
    let mut response = answer::json(StatusCode::OK, &body);
    set_renewed(gate, admission, renewed, &mut response);
    response
}

/// Sets the cookie of a renewed session on whatever answer goes out.
pub(crate) fn set_renewed(
    gate: &Gate,
    admission: &Admission,
    renewed: Option<(Claims, doorward_policy::token::SessionToken)>,
    response: &mut Response<Body>,
) {
    let cookie = admission.admitted.context().cookie;
    if let Some(((claims, token), cookie)) = renewed.zip(cookie) {
        let now = gate.now().unwrap_or_default();
        let value = Zeroizing::new(cookie.set(&token, claims.expires_at, now));
        answer::set_cookie(response, &value);
    }
}

/// Which session a process on this machine asks to keep.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    session: String,
}

/// Moves the end of a session on, for what runs on the server and is in use through it.
pub(crate) async fn stay(
    gate: &Gate,
    limits: &Limits,
    admission: &Admission,
    body: Incoming,
) -> Response<Body> {
    let kept = match rooms::read::<Kept>(gate, limits, admission, body).await {
        Ok(kept) => kept.and_then(|kept| SessionId::parse(&kept.session)),
        Err(denial) => return answer::refusal(&gate.refuse_admitted(admission, denial)),
    };
    let Some(session) = kept else {
        let message = "Send {\"session\": a session_id}, as X-Doorward-Session tells it.";
        return answer::problem(StatusCode::BAD_REQUEST, "malformed", message, admission.trace);
    };
    let ends_at = match gate.stay(admission, session).await {
        Ok(ends_at) => ends_at,
        Err(refusal) => return answer::refusal(&refusal),
    };
    let left = ends_at.since(gate.now().unwrap_or(admission.at));
    let body = json!({
        "session_id": session.to_string(),
        "expires_at": rfc3339(ends_at),
        "deadline_seconds": left.as_secs(),
    });
    answer::json(StatusCode::OK, &body)
}

async fn ticket(
    gate: &Gate,
    admission: &Admission,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    let (ticket, expires_at) = gate.issue_ticket(admission, origin).await?;
    let body = json!({ "ticket": *ticket.expose(), "expires_at": rfc3339(expires_at) });
    Ok(answer::json(StatusCode::OK, &body))
}

async fn sign_out(gate: &Gate, admission: &Admission) -> Result<Response<Body>, Refusal> {
    gate.sign_out(admission).await?;
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    let cookie = admission.admitted.context().cookie;
    if let Some(cookie) = cookie.filter(|_| admission.admitted.by_cookie()) {
        answer::set_cookie(&mut response, &cookie.expire());
    }
    Ok(response)
}

/// The answer where the guarded server doesn't: 502, with the trace id of the admission.
pub(crate) fn bad_gateway(message: &str, trace: TraceId) -> Response<Body> {
    answer::problem(StatusCode::BAD_GATEWAY, "upstream_unreachable", message, trace)
}
