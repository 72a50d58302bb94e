//! An admitted upgrade to a connection that several clients share: a room. The first session that
//! may operate has the guarded server asked, with its own request; the others join what came of
//! it. Here Doorward is the end of each client's connection and answers the handshake itself.

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::rooms::{Found, Opening, RoomPlace};
use doorward_gate::{Admission, LiveConnection};
use doorward_policy::admission::own_subprotocol;
use doorward_policy::denial::{Denial, Outage};
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ask, is_websocket, plain, renew, switching, told, too_late, unasked};
use crate::answer;
use crate::body::{Body, Switching};
use crate::headers;
use crate::proxy::Upstream;
use crate::site::Site;
use crate::sockets::{Carried, Shared, Stream};

/// How long one waits for another to open what they share.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shared connection of a room.
#[derive(Clone)]
pub(crate) struct Link {
    socket: Arc<dyn Shared>,
    /// The subprotocol that the guarded server has selected.
    protocol: Option<HeaderValue>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// Answers an upgrade, and has its connection join the room.
pub(super) async fn answer(
    site: &Arc<Site>,
    upstream: &Upstream,
    request: Box<Request<Incoming>>,
    admission: Admission,
    live: LiveConnection,
) -> Response<Body> {
    let place = match site.gate.enter_room(&admission, request.uri().path()) {
        Ok(place) => place,
        Err(refusal) => return answer::refusal(&refusal),
    };
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).cloned() else {
        return answer::empty(StatusCode::BAD_REQUEST);
    };
    let accept = site.sockets.accept_key(key.as_bytes());
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    let admission = Arc::new(admission);
    let link = match timeout(PATIENCE, site.rooms.find(&place)).await {
        Ok(Found::Open(link)) => link,
        Ok(Found::Yours(opening)) => {
            let offered = offered.as_ref();
            let asked = Asked { request, accept: &accept, offered, admission: &admission };
            match open(site, upstream, asked, &place, opening).await {
                Ok(link) => link,
                Err(response) => return response,
            }
        }
        Ok(Found::Nothing) | Err(_) => {
            return answer::refusal(&site.gate.refuse_empty_room(&admission));
        }
    };
    let Ok(protocol) = selected(link.protocol.as_ref(), offered.as_ref()) else {
        return answer::problem(
            StatusCode::BAD_REQUEST,
            "subprotocol_mismatch",
            "This connection is shared, and speaks a subprotocol that was not offered.",
            admission.trace,
        );
    };
    let mut response = switching(&accept);
    response.headers_mut().extend(protocol.map(|protocol| (SEC_WEBSOCKET_PROTOCOL, protocol)));
    renew(site, &admission, &mut response).await;
    response.map(|_none| join(site, &link, place, admission, live))
}

/// The request that opens a room.
struct Asked<'a> {
    request: Box<Request<Incoming>>,
    /// What the guarded server has to answer its key with.
    accept: &'a str,
    offered: Option<&'a HeaderValue>,
    admission: &'a Arc<Admission>,
}

/// Asks the guarded server, as whoever opens the room, and has what comes of it carried for as
/// long as the room lasts and they may.
async fn open(
    site: &Arc<Site>,
    upstream: &Upstream,
    asked: Asked<'_>,
    place: &RoomPlace,
    opening: Opening<Link>,
) -> Result<Link, Response<Body>> {
    let Asked { request, accept, offered, admission } = asked;
    // The guarded server is told who they are: that has to hold for as long as it is connected.
    let live = site.gate.register_own(admission).map_err(|refusal| answer::refusal(&refusal))?;
    let mut answered = ask(upstream, request, admission).await?;
    if answered.status() != StatusCode::SWITCHING_PROTOCOLS {
        headers::to_client(answered.headers_mut());
        return Err(answered.map(|body| Body::guarded(body, live)));
    }
    if !is_websocket(answered.headers()) || !accepts(answered.headers(), accept) {
        return Err(unasked(admission));
    }
    let protocol = answered.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    if protocol.as_ref().is_some_and(|protocol| !lists(offered, protocol)) {
        return Err(unasked(admission));
    }
    let server = hyper::upgrade::on(answered).await.map_err(|_| unasked(admission))?;
    let over = over(Arc::clone(site), Arc::clone(admission), place, live);
    let over = Box::pin(async move { told(over.await) });
    let (socket, carried) = site.sockets.share(plain::<TcpStream>(server), over);
    let link = Link { socket, protocol };
    opening.opened(link.clone());
    tokio::spawn(async move {
        carried.await;
        // From here on another may be opened.
        drop(opening);
    });
    Ok(link)
}

fn accepts(answered: &HeaderMap, accept: &str) -> bool {
    answered.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value.as_bytes() == accept.as_bytes())
}

/// Resolves when a shared connection has to end: with its room, or with the rights of whoever
/// opened it.
fn over(
    site: Arc<Site>,
    admission: Arc<Admission>,
    place: &RoomPlace,
    live: LiveConnection,
) -> impl Future<Output = Denial> + Send + use<> {
    let over = place.over();
    async move {
        let end = tokio::select! {
            () = over => return Denial::Unavailable(Outage::RoomClosed),
            end = live.ended() => end,
        };
        // Whoever tells the connections of a session tells all of them before this returns, so that
        // each of its own has heard of its own end before it hears of this one.
        let _told = site.gate.live_connections();
        let denial = match end.denial() {
            Denial::Unavailable(Outage::Draining) => end.denial(),
            _ => Denial::Unavailable(Outage::RoomClosed),
        };
        site.gate.closed(&admission, denial);
        denial
    }
}

/// The subprotocol to answer a client with: the one that is spoken, if it offered it, else ours.
/// An error if it offered something else alone, or nothing, where one is spoken.
fn selected(
    spoken: Option<&HeaderValue>,
    offered: Option<&HeaderValue>,
) -> Result<Option<HeaderValue>, ()> {
    if let Some(spoken) = spoken.filter(|spoken| lists(offered, spoken)) {
        return Ok(Some(spoken.clone()));
    }
    let own = offered.and_then(|offered| own_subprotocol(offered.as_bytes()));
    match own {
        None if spoken.is_some() => Err(()),
        own => Ok(own.map(HeaderValue::from_static)),
    }
}

fn lists(offered: Option<&HeaderValue>, protocol: &HeaderValue) -> bool {
    let offered = offered.and_then(|offered| offered.to_str().ok()).unwrap_or_default();
    offered.split(',').any(|one| one.trim().as_bytes() == protocol.as_bytes())
}

/// Gives a client its part in what is shared, at once, so that it misses nothing from its 101 on;
/// then has it carried until it leaves, or its session or the room ends.
fn join(
    site: &Site,
    link: &Link,
    place: RoomPlace,
    admission: Arc<Admission>,
    live: LiveConnection,
) -> Body {
    let late = Box::pin(too_late(live.ending()));
    let live = Arc::new(live);
    let (pen, writing) = (place.pen(), Arc::clone(&live));
    let may_write = Box::new(move || {
        writing.touch();
        pen.may_write()
    });
    let part = link.socket.join(may_write);
    let gate = Arc::clone(&site.gate);
    // The place goes with this, when the client has left and only the goodbye is still to be said;
    // the connection is live for as long as that takes.
    let ending = Arc::clone(&live);
    let ended = Box::pin(async move {
        let denial = ending.ended().await.denial();
        if denial != Denial::Unavailable(Outage::Draining) {
            place.forfeit();
        }
        gate.closed(&admission, denial);
        told(denial)
    });
    let carry = Box::new(move |client: Stream| -> Carried {
        Box::pin(async move {
            part.carry(client, ended).await;
            drop(live);
        })
    });
    Body::switching(Switching { carry, late })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_speaks_what_is_spoken_or_nothing_but_ours() {
        let value = HeaderValue::from_static;
        let select = |spoken: Option<&'static str>, offered: Option<&'static str>| {
            selected(spoken.map(value).as_ref(), offered.map(value).as_ref())
        };
        assert_eq!(select(Some("chat"), Some("doorward, chat")), Ok(Some(value("chat"))));
        assert_eq!(select(Some("chat"), Some("doorward, other")), Ok(Some(value("doorward"))));
        assert_eq!(select(Some("chat"), Some("Chat, chats")), Err(()));
        assert_eq!(select(Some("chat"), None), Err(()));
        assert_eq!(select(None, Some("chat")), Ok(None));
        assert_eq!(select(None, Some("doorward, doorward.ticket.x")), Ok(Some(value("doorward"))));
        assert_eq!(select(None, None), Ok(None));
    }
}
