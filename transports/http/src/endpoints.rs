//! Doorward's own endpoints, for requests that the gate has passed.

use std::sync::Arc;

use doorward_gate::{Admission, Gate, Refusal, rfc3339};
use doorward_policy::admission::{AwaitGrant, Opened, Redeemed};
use doorward_policy::denial::{Bound, Denial};
use doorward_policy::id::TraceId;
use doorward_policy::route::{Endpoint, Target};
use doorward_policy::settings::Guarding;
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
use crate::pages::PAIR;
use crate::site::{Limits, QuicInfo};

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

#[derive(Serialize)]
struct Who {
    authenticated: bool,
    session_id: String,
    subject: String,
    capabilities: Vec<&'static str>,
    method: &'static str,
    expires_at: String,
}

impl Who {
    fn of(claims: &Claims) -> Self {
        Self {
            authenticated: true,
            session_id: claims.session.to_string(),
            subject: claims.subject.as_str().to_owned(),
            capabilities: claims.capabilities.names().collect(),
            method: claims.method.name(),
            expires_at: rfc3339(claims.expires_at),
        }
    }
}

/// Answers for an endpoint that needs no credential.
pub(crate) fn open(gate: &Gate, opened: &Opened) -> Response<Body> {
    match opened.context().target {
        Target::Own(Endpoint::PairPage) => answer::page(&PAIR, StatusCode::OK),
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
    json!({
        "authenticated": false,
        "unguarded": gate.settings().guarding == Guarding::Unguarded,
        "pair": "/.doorward/pair",
        "message": "Not paired: run `doorward pair` on the machine of the listener, and open its \
            link or type its code.",
    })
}

/// Reads the body of a redemption, redeems what it brings, and hands out the session.
pub(crate) async fn redeem(
    gate: &Arc<Gate>,
    limits: &Limits,
    awaiting: AwaitGrant,
    body: Incoming,
) -> Response<Body> {
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

/// The one answer that carries the session's first token: in a cookie that no body repeats, or in
/// a body that sets no cookie.
fn hand_out(gate: &Gate, redeemed: &Redeemed) -> Response<Body> {
    let now = gate.now().unwrap_or_default();
    let Some(claims) = redeemed.admitted().claims() else {
        return answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if redeemed.admitted().target() == Target::Own(Endpoint::Token) {
        return bearer(claims, redeemed.token().expose(), now);
    }
    let mut response = answer::json(StatusCode::OK, &Who::of(claims));
    if let Some(cookie) = redeemed.cookie() {
        let value = Zeroizing::new(cookie.set(redeemed.token(), claims.expires_at, now));
        answer::set_cookie(&mut response, &value);
    }
    response
}

fn bearer(claims: &Claims, token: &str, now: doorward_policy::Timestamp) -> Response<Body> {
    #[derive(Serialize)]
    struct Bearer<'a> {
        access_token: &'a str,
        token_type: &'static str,
        expires_in: u64,
        #[serde(flatten)]
        who: Who,
    }
    let expires_in = claims.expires_at.since(now).as_secs();
    let who = Who::of(claims);
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
        Endpoint::Session => Ok(session(gate, admission, quic).await),
        Endpoint::Renew => Ok(renew(gate, admission).await),
        Endpoint::Ticket => ticket(gate, admission, headers).await,
        Endpoint::Logout => sign_out(gate, admission).await,
        Endpoint::PairPage
        | Endpoint::Bootstrap
        | Endpoint::Token
        | Endpoint::Health
        | Endpoint::Workspaces
        | Endpoint::Stay
        | Endpoint::Admin(_) => {
            // The policy routes these elsewhere.
            Ok(answer::empty(StatusCode::NOT_FOUND))
        }
    };
    answered.unwrap_or_else(|refusal| answer::refusal(&refusal))
}

async fn session(gate: &Gate, admission: &Admission, quic: Option<&QuicInfo>) -> Response<Body> {
    #[derive(Serialize)]
    struct Here<'a> {
        #[serde(flatten)]
        who: Who,
        #[serde(skip_serializing_if = "Option::is_none")]
        quic: Option<&'a QuicInfo>,
    }
    let Some(claims) = admission.admitted.claims() else {
        return answer::json(StatusCode::OK, &nobody(gate));
    };
    let mut claims = *claims;
    let mut renewed = None;
    if admission.admitted.by_cookie() {
        renewed = gate.renew_cookie(&admission.admitted).await;
        claims.expires_at = renewed.as_ref().map_or(claims.expires_at, |(new, _)| new.expires_at);
    }
    let mut response = answer::json(StatusCode::OK, &Here { who: Who::of(&claims), quic });
    set_renewed(gate, admission, renewed, &mut response);
    response
}

async fn renew(gate: &Gate, admission: &Admission) -> Response<Body> {
    let Some(claims) = admission.admitted.claims() else {
        return answer::json(StatusCode::OK, &nobody(gate));
    };
    let renewed = gate.renew(&admission.admitted).await;
    if admission.admitted.by_cookie() {
        let latest = renewed.as_ref().map_or(*claims, |(new, _)| *new);
        let mut response = answer::json(StatusCode::OK, &Who::of(&latest));
        set_renewed(gate, admission, renewed, &mut response);
        return response;
    }
    match renewed {
        Some((claims, token)) => bearer(&claims, token.expose(), gate.now().unwrap_or_default()),
        None => answer::json(StatusCode::OK, &Who::of(claims)),
    }
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
    if let Some(cookie) = admission.admitted.context().cookie {
        answer::set_cookie(&mut response, &cookie.expire());
    }
    Ok(response)
}

/// The answer where the guarded server doesn't: 502, with the trace id of the admission.
pub(crate) fn bad_gateway(message: &str, trace: TraceId) -> Response<Body> {
    answer::problem(StatusCode::BAD_GATEWAY, "upstream_unreachable", message, trace)
}
