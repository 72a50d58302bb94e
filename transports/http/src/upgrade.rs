//! An admitted WebSocket upgrade: the guarded server is asked first, and what it refuses is
//! refused; nothing of the client's reaches it before that (I18).

mod shared;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorward_gate::{Admission, End, LiveConnection};
use doorward_policy::admission::own_subprotocol;
use doorward_policy::denial::Denial;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;

pub(crate) use self::shared::Link;
use crate::answer;
use crate::behind::Behind;
use crate::body::{Body, Switching};
use crate::endpoints::{bad_gateway, set_renewed};
use crate::headers;
use crate::proxy::Upstream;
use crate::readahead::prefixed;
use crate::site::Site;
use crate::sockets::{Carried, Duplex, Ended, Ending, Stream};

/// How long a client whose session has ended may take to read its 101.
const GOODBYE: Duration = Duration::from_secs(2);
/// Where the built-in echo listens, below the console's own path.
const ECHO_PATH: &str = "/echo";

/// Answers an admitted upgrade. The body of a 101 says how the connection is carried once that has
/// gone out.
pub(crate) async fn answer(
    site: &Arc<Site>,
    request: Box<Request<Incoming>>,
    admission: Box<Admission>,
) -> Response<Body> {
    // Registered first, then looked at once more: a revocation is either seen here or finds it.
    let live = match site.gate.register(&admission) {
        Ok(live) => live,
        Err(refusal) => return answer::refusal(&refusal),
    };
    let ending = live.ending();
    let context = *admission.admitted.context();
    let mut response = tokio::select! {
        biased;
        response = handed_on(site, request, admission, live) => response,
        // The guarded server may take its time to answer.
        //= req: PROXY-6
        end = ending => answer::refusal(&site.gate.refuse_late(end.denial(), context)),
    };
    //= req: UPGRADE-5
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn handed_on(
    site: &Arc<Site>,
    request: Box<Request<Incoming>>,
    admission: Box<Admission>,
    live: LiveConnection,
) -> Response<Body> {
    match site.behind(&admission) {
        Ok(Behind::Server(upstream)) if site.gate.settings().share => {
            Box::pin(shared::answer(site, &upstream, request, *admission, live)).await
        }
        Ok(Behind::Server(upstream)) => through(site, &upstream, request, admission, live).await,
        Ok(Behind::BuiltIn(roots)) => echo(site, &request, admission, live, &roots).await,
        Err(misplaced) => misplaced.answer(&site.gate, &admission),
    }
}

async fn echo(
    site: &Arc<Site>,
    request: &Request<Incoming>,
    admission: Box<Admission>,
    live: LiveConnection,
    roots: &[String],
) -> Response<Body> {
    let root = request.uri().path().strip_suffix(ECHO_PATH);
    if !root.is_some_and(|root| roots.iter().any(|one| one == root)) {
        let message = "There is nothing here; the built-in echo is at /echo.";
        return answer::problem(StatusCode::NOT_FOUND, "not_found", message, admission.trace);
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return answer::empty(StatusCode::BAD_REQUEST);
    };
    let accept = site.sockets.accept_key(key.as_bytes());
    let mut response = switching(&accept);
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    if let Some(own) = offered.and_then(|offered| own_subprotocol(offered.as_bytes())) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(own));
    }
    renew(site, &admission, &mut response).await;
    response.map(|_none| carried(site, None, admission, live))
}

async fn through(
    site: &Arc<Site>,
    upstream: &Upstream,
    request: Box<Request<Incoming>>,
    admission: Box<Admission>,
    live: LiveConnection,
) -> Response<Body> {
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    let mut answered = match ask(upstream, request, &admission).await {
        Ok(answered) => answered,
        Err(response) => return response,
    };
    if answered.status() != StatusCode::SWITCHING_PROTOCOLS {
        headers::to_client(answered.headers_mut());
        return answered.map(|body| Body::guarded(body, live));
    }
    let Some(mut response) = accepted(answered.headers(), offered.as_ref()) else {
        return unasked(&admission);
    };
    renew(site, &admission, &mut response).await;
    let server = hyper::upgrade::on(answered);
    response.map(|_none| carried(site, Some(server), admission, live))
}

/// Asks the guarded server for a WebSocket, as whoever was admitted.
async fn ask(
    upstream: &Upstream,
    mut request: Box<Request<Incoming>>,
    admission: &Admission,
) -> Result<Response<Incoming>, Response<Body>> {
    headers::to_upstream(request.headers_mut(), &admission.admitted);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    request.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    upstream.send(request).await.map_err(|error| {
        let upstream = upstream.authority();
        tracing::warn!(upstream, %error, "the guarded server is unreachable");
        bad_gateway(Site::UNREACHABLE, admission.trace)
    })
}

fn unasked(admission: &Admission) -> Response<Body> {
    let message =
        "The guarded server answered the WebSocket handshake with what was not asked for.";
    bad_gateway(message, admission.trace)
}

async fn renew(site: &Arc<Site>, admission: &Admission, response: &mut Response<Body>) {
    if admission.admitted.by_cookie() {
        let renewed = site.gate.renew_cookie(&admission.admitted).await;
        set_renewed(&site.gate, admission, renewed, response);
    }
}

/// The 101 to the client, from that of the guarded server. `None` if that one agrees to an
/// extension, none of which was offered, or upgrades to something else.
///
/// Where the guarded server selects no subprotocol and ours was offered, ours is selected: a
/// browser fails a handshake that selects none of what it offered.
fn accepted(answered: &HeaderMap, offered: Option<&HeaderValue>) -> Option<Response<Body>> {
    if !is_websocket(answered) {
        return None;
    }
    let mut response = switching("");
    let mut passed = answered.clone();
    headers::to_client(&mut passed);
    response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    response.headers_mut().extend(passed);
    if !answered.contains_key(SEC_WEBSOCKET_PROTOCOL)
        && let Some(own) = offered.and_then(|offered| own_subprotocol(offered.as_bytes()))
    {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(own));
    }
    Some(response)
}

//= req: UPGRADE-6
/// Whether the guarded server upgrades to a WebSocket without extensions, none of which was offered.
fn is_websocket(answered: &HeaderMap) -> bool {
    let websocket = answered
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    websocket && !answered.contains_key(SEC_WEBSOCKET_EXTENSIONS)
}

fn switching(accept: &str) -> Response<Body> {
    // No document, and so without the headers of one.
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Has a connection carried until either end closes it or the session ends.
fn carried(
    site: &Site,
    server: Option<OnUpgrade>,
    admission: Box<Admission>,
    live: LiveConnection,
) -> Body {
    let (sockets, gate) = (Arc::clone(&site.sockets), Arc::clone(&site.gate));
    let late = Box::pin(too_late(live.ending()));
    let carry = Box::new(move |client: Stream| -> Carried {
        let live = Arc::new(live);
        let touched = Arc::clone(&live);
        let active = Box::new(move || touched.touch());
        let ending = live.ending();
        let ended: Ending = Box::pin(async move {
            let denial = live.ended().await.denial();
            gate.closed(&admission, denial);
            told(denial)
        });
        let Some(server) = server else { return sockets.carry(client, None, active, ended) };
        Box::pin(async move {
            let server = async { server.await.ok() };
            // Boxed, so that its room isn't held for as long as the connection is.
            let Some(server) = Box::pin(in_time(server, ending)).await else { return };
            sockets.carry(client, Some(plain::<TcpStream>(server)), active, ended).await;
        })
    });
    Body::switching(Switching { carry, late })
}

/// Resolves when a session has ended and its client has had time for a goodbye: one that doesn't
/// take its answer would otherwise keep the connection from ending.
async fn too_late(ending: impl Future<Output = End>) {
    ending.await;
    sleep(GOODBYE).await;
}

/// What comes before it is [too late](too_late).
async fn in_time<T>(
    upgraded: impl Future<Output = Option<T>>,
    ending: impl Future<Output = End>,
) -> Option<T> {
    tokio::select! {
        biased;
        upgraded = upgraded => upgraded,
        () = too_late(ending) => None,
    }
}

/// How a client is told why its connection ends.
fn told(denial: Denial) -> Ended {
    let code = denial.public().close.unwrap_or(1008);
    Ended { code, reason: denial.public().code.to_owned() }
}

/// Takes the stream out of hyper's hands, and with it out of hyper's read buffer.
fn plain<S: Duplex + 'static>(upgraded: Upgraded) -> Stream {
    match upgraded.downcast::<TokioIo<S>>() {
        Ok(parts) => prefixed(parts.read_buf, Box::new(parts.io.into_inner())),
        Err(upgraded) => Box::new(TokioIo::new(upgraded)),
    }
}
