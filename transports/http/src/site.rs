//! One listener's HTTP service: a connection from its first byte to its end.

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use doorward_gate::rooms::Links;
use doorward_gate::{Admission, Begun, ClientSlot, Gate, Refusal, Verdict};
use doorward_policy::admission::Wire;
use doorward_policy::denial::Denial;
use doorward_policy::request::{Field, Head, MAX_FIELDS};
use doorward_policy::route::{Endpoint, Target};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::admin::{self, Administered};
use crate::answer;
use crate::behind::{self, Behind, Misplaced, Servers};
use crate::body::{Body, Ending, Switching};
use crate::endpoints;
use crate::proxy::Upstream;
use crate::readahead::{FirstHead, Prefixed, first_head, prefixed};
use crate::rooms;
use crate::sockets::{Carried, Duplex, Sockets, Stream};
use crate::upgrade::{self, Link};

/// Bounds in time on what a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To a complete head and credential.
    pub head_deadline: Duration,
    /// Between two requests of an admitted connection.
    pub idle: Duration,
    /// For a connection on which nobody has been admitted.
    pub unadmitted: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_deadline: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            unadmitted: Duration::from_secs(10),
        }
    }
}

/// What a site is made of.
pub struct SiteParts {
    /// Takes the decisions.
    pub gate: Arc<Gate>,
    /// The guarded server of `main`; the built-in console if there is none.
    pub upstream: Option<Upstream>,
    /// Carries admitted WebSockets.
    pub sockets: Arc<dyn Sockets>,
    /// Bounds in time.
    pub limits: Limits,
    /// What clients are told of QUIC, if it is spoken too.
    pub quic: Option<QuicInfo>,
    /// What is administered, at the origin of administration.
    pub administered: Option<Administered>,
}

/// Where the same server speaks QUIC, for those who are paired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuicInfo {
    /// The UDP port.
    pub port: u16,
    /// The SHA-256 of the certificate to pin, in hexadecimal; none if it is verified by name.
    pub certificate_sha256: Option<String>,
}

impl std::fmt::Debug for SiteParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteParts").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

/// One listener's HTTP service.
pub struct Site {
    pub(crate) gate: Arc<Gate>,
    servers: Servers,
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) limits: Limits,
    pub(crate) rooms: Arc<Links<Link>>,
    quic: Option<QuicInfo>,
    pub(crate) administered: Option<Administered>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("upstream", &self.servers.main()).finish_non_exhaustive()
    }
}

/// How a connection begins.
enum Beginning<S> {
    /// With a head: these bytes of it, and perhaps of what follows, have been read.
    Head(Bytes, S),
    /// With what is refused at once. Boxed, so that no connection that goes on has room for it.
    Refused(S, Box<Refusal>),
    /// With nothing that could be answered.
    Gone,
}

/// A connection counts as unadmitted until the first admission on it.
type Slot = Mutex<Option<ClientSlot>>;

/// What the answer under way means for its connection.
#[derive(Default)]
struct UnderWay(Mutex<Meant>);

#[derive(Default)]
struct Meant {
    /// The end of the session that it is for.
    ending: Option<Ending>,
    /// How the connection is carried after it.
    carry: Option<Carry>,
}

/// Carries a connection that speaks HTTP no more.
type Carry = Box<dyn FnOnce(Stream) -> Carried + Send>;

impl UnderWay {
    fn put(&self, body: &mut Body) {
        let meant = match body.take_switching() {
            Some(Switching { carry, late }) => Meant { ending: Some(late), carry: Some(carry) },
            None => Meant { ending: body.take_ending(), carry: None },
        };
        *self.lock() = meant;
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().ending.as_mut().map_or(Poll::Pending, |ending| ending.as_mut().poll(cx))
    }

    fn is_switching(&self) -> bool {
        self.lock().carry.is_some()
    }

    fn take_carry(&self) -> Option<Carry> {
        self.lock().carry.take()
    }

    fn lock(&self) -> MutexGuard<'_, Meant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    pub(crate) const UNREACHABLE: &str =
        "The guarded server doesn't answer; start it, or see the listener's log.";

    /// A site.
    #[must_use]
    pub fn new(parts: SiteParts) -> Arc<Self> {
        let SiteParts { gate, upstream, sockets, limits, quic, administered } = parts;
        let servers = Servers::new(upstream);
        let rooms = Links::new();
        Arc::new(Self { gate, servers, sockets, limits, rooms, quic, administered })
    }

    /// Carries one connection until its end, or gracefully to it once `drained` resolves.
    pub fn serve<S: Duplex + 'static>(
        self: Arc<Self>,
        stream: S,
        peer: SocketAddr,
        tls: bool,
        drained: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send {
        through_both(Box::pin(self.take_in(stream, peer, tls, drained)))
    }

    /// Carries one connection as [`serve`](Self::serve) does, from the first byte of the TLS
    /// handshake that `securing` is. The connection is counted in before it, and its handshake and
    /// first head have one deadline together.
    pub fn serve_secured<S: Duplex + 'static>(
        self: Arc<Self>,
        securing: impl Future<Output = io::Result<S>> + Send,
        peer: SocketAddr,
        drained: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send {
        through_both(Box::pin(self.take_in_secured(securing, peer, drained)))
    }

    async fn take_in<S: Duplex + 'static>(
        self: Arc<Self>,
        mut stream: S,
        peer: SocketAddr,
        tls: bool,
        drained: impl Future<Output = ()> + Send,
    ) -> Option<Carried> {
        //= req: HTTP-5
        match self.gate.enter(peer.ip(), wire(tls)) {
            Ok(slot) => self.speak(ready(Ok(stream)), slot, peer, tls, drained).await,
            Err(refusal) => {
                refuse_raw(&mut stream, &refusal).await;
                None
            }
        }
    }

    async fn take_in_secured<S: Duplex + 'static>(
        self: Arc<Self>,
        securing: impl Future<Output = io::Result<S>> + Send,
        peer: SocketAddr,
        drained: impl Future<Output = ()> + Send,
    ) -> Option<Carried> {
        // A refusal would take the handshake that it is to save.
        //= req: HTTP-5
        let slot = self.gate.enter(peer.ip(), wire(true)).ok()?;
        self.speak(securing, slot, peer, true, drained).await
    }

    /// Speaks HTTP until the connection ends, or becomes what this returns.
    async fn speak<S: Duplex + 'static>(
        self: Arc<Self>,
        securing: impl Future<Output = io::Result<S>> + Send,
        slot: ClientSlot,
        peer: SocketAddr,
        tls: bool,
        drained: impl Future<Output = ()> + Send,
    ) -> Option<Carried> {
        let mut drained = pin!(drained);
        let beginning = tokio::select! {
            beginning = self.beginning(securing, peer, tls) => beginning,
            // Browsers open connections ahead of time: nothing is lost with one of those.
            () = &mut drained => return None,
        };
        match beginning {
            Beginning::Head(prefix, stream) => {
                let stream = Prefixed::new(prefix, Box::new(stream) as Stream);
                self.answering(stream, peer, tls, Mutex::new(Some(slot)), drained).await
            }
            Beginning::Refused(mut stream, refusal) => {
                refuse_raw(&mut stream, &refusal).await;
                None
            }
            Beginning::Gone => None,
        }
    }

    /// Secures a connection and reads its first head ahead, within one deadline.
    async fn beginning<S: Duplex>(
        &self,
        securing: impl Future<Output = io::Result<S>> + Send,
        peer: SocketAddr,
        tls: bool,
    ) -> Beginning<S> {
        let (mut secured, mut arrived) = (None, false);
        let head = async {
            let stream = secured.insert(securing.await?);
            Ok::<_, io::Error>(first_head(stream, &mut arrived).await)
        };
        //= req: HTTP-1
        let head = timeout(self.limits.head_deadline, head).await;
        let denial = match head {
            Ok(Ok(FirstHead::Complete(prefix))) => {
                return secured.map_or(Beginning::Gone, |stream| Beginning::Head(prefix, stream));
            }
            Ok(Ok(FirstHead::Refused(denial))) => denial,
            Ok(Ok(FirstHead::Gone)) => return Beginning::Gone,
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "a connection was not secured");
                return Beginning::Gone;
            }
            Err(_) => Denial::DeadlinePassed,
        };
        let refusal = self.gate.refuse_early(denial, peer.ip(), wire(tls));
        match secured {
            Some(stream) if arrived => Beginning::Refused(stream, Box::new(refusal)),
            // Nothing came that an answer could be an answer to.
            _ => Beginning::Gone,
        }
    }

    /// [`answer_all`](Self::answer_all), compiled here and once for every kind of stream: what is hot
    /// is not to depend on how the crate is built that serves.
    fn answering<'a>(
        self: Arc<Self>,
        stream: Prefixed<Stream>,
        peer: SocketAddr,
        tls: bool,
        slot: Slot,
        drained: Pin<&'a mut (dyn Future<Output = ()> + Send)>,
    ) -> Pin<Box<dyn Future<Output = Option<Carried>> + Send + 'a>> {
        Box::pin(self.answer_all(stream, peer, tls, slot, drained))
    }

    async fn answer_all(
        self: Arc<Self>,
        stream: Prefixed<Stream>,
        peer: SocketAddr,
        tls: bool,
        slot: Slot,
        mut drained: Pin<&mut (dyn Future<Output = ()> + Send)>,
    ) -> Option<Carried> {
        let limits = self.limits;
        let slot = Arc::new(slot);
        let held = Arc::clone(&slot);
        let under_way = Arc::new(UnderWay::default());
        let ending = Arc::clone(&under_way);
        let service = service_fn(move |request| {
            let (site, slot) = (Arc::clone(&self), Arc::clone(&slot));
            let under_way = Arc::clone(&under_way);
            // Boxed, as the admission is later: each future that they pass through has room for them twice, and
            // hyper holds that room for as long as the connection speaks HTTP.
            let request = Box::new(request);
            async move {
                let mut response = site.answer(request, peer, tls, &slot).await;
                under_way.put(response.body_mut());
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // From the end of one request to the end of the next one's head.
            .header_read_timeout(limits.idle)
            // Above the policy's own bound, so that it is the policy that refuses and tells.
            .max_headers(MAX_FIELDS * 2)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let mut unadmitted = pin!(sleep(limits.unadmitted));
        let (mut draining, mut judged) = (false, false);
        loop {
            tokio::select! {
                // What is under way is put there by this first one: then it is waited for.
                biased;
                ended = &mut connection => {
                    ended.ok()?;
                    break;
                }
                // A client that doesn't read its answer has its body asked for nothing, which
                // would otherwise end it.
                //= req: PROXY-6
                () = poll_fn(|cx| ending.poll(cx)) => return None,
                () = &mut drained, if !draining => {
                    draining = true;
                    // hyper would cut a 101 off, and what is carried behind it ends by itself.
                    if !ending.is_switching() {
                        Pin::new(&mut connection).graceful_shutdown();
                    }
                }
                //= req: HTTP-6
                () = &mut unadmitted, if !judged => {
                    judged = true;
                    if is_held(&held) {
                        Pin::new(&mut connection).graceful_shutdown();
                    }
                }
            }
        }
        let carry = ending.take_carry()?;
        let parts = connection.into_parts();
        Some(carry(plain(parts.read_buf, parts.io.into_inner())))
    }

    async fn answer(
        self: &Arc<Self>,
        request: Box<Request<Incoming>>,
        peer: SocketAddr,
        tls: bool,
        slot: &Slot,
    ) -> Response<Body> {
        //= req: UPGRADE-3
        match self.gate.finish(self.judge(&request, peer, tls)).await {
            Verdict::Admit(admission) => {
                admit(slot);
                self.admitted(request, Box::new(admission)).await
            }
            Verdict::Open(opened) => endpoints::open(&self.gate, &opened),
            Verdict::Grant(awaiting) => {
                let body = request.into_body();
                endpoints::redeem(&self.gate, &self.limits, awaiting, body).await
            }
            Verdict::Deny(refusal) => answer::refusal(&refusal),
        }
    }

    /// Not asynchronous, so that the fields don't become part of what a connection holds.
    fn judge(&self, request: &Request<Incoming>, peer: SocketAddr, tls: bool) -> Begun {
        // One more than the policy takes, so that it sees that there are too many.
        let mut fields = [Field { name: "", value: b"" }; MAX_FIELDS + 1];
        let mut count = 0;
        for (slot, (name, value)) in fields.iter_mut().zip(request.headers()) {
            *slot = Field { name: name.as_str(), value: value.as_bytes() };
            count += 1;
        }
        let uri = request.uri();
        let origin_form = uri.scheme().is_none() && uri.authority().is_none();
        // hyper speaks HTTP/1.0 as well, which no connection can be upgraded from.
        let whole = origin_form && request.version() == Version::HTTP_11;
        let target = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let head = Head {
            method: request.method().as_str(),
            // Whatever the first head's request line can't be is no path, and denied as such.
            target: target.filter(|_| whole).unwrap_or_default(),
            fields: &fields[..count],
            peer: peer.ip(),
            tls,
        };
        self.gate.begin(&head)
    }

    async fn admitted(
        self: &Arc<Self>,
        request: Box<Request<Incoming>>,
        admission: Box<Admission>,
    ) -> Response<Body> {
        match admission.admitted.target() {
            Target::Own(Endpoint::Admin(endpoint)) => {
                let body = request.into_body();
                return Box::pin(admin::answer(self, endpoint, &admission, body)).await;
            }
            Target::Own(endpoint @ (Endpoint::Room | Endpoint::ActInRoom | Endpoint::Ask)) => {
                let (gate, limits, body) = (&self.gate, &self.limits, request.into_body());
                return rooms::answer(gate, limits, &admission, endpoint, body).await;
            }
            Target::Own(Endpoint::Stay) => {
                let (gate, limits, body) = (&self.gate, &self.limits, request.into_body());
                return endpoints::stay(gate, limits, &admission, body).await;
            }
            Target::Own(endpoint) => {
                let (gate, quic) = (&self.gate, self.quic.as_ref());
                let headers = request.headers();
                return endpoints::with_session(gate, &admission, endpoint, headers, quic).await;
            }
            Target::Guarded => {}
        }
        if admission.admitted.context().is_upgrade() {
            return upgrade::answer(self, request, admission).await;
        }
        let mut response = match self.behind(&admission) {
            Ok(Behind::Server(upstream)) => self.forward(&upstream, request, &admission).await,
            Ok(Behind::BuiltIn(roots)) => behind::console(&request, &admission, &roots),
            Err(misplaced) => return misplaced.answer(&self.gate, &admission),
        };
        if admission.admitted.by_cookie() {
            let renewed = self.gate.renew_cookie(&admission.admitted).await;
            endpoints::set_renewed(&self.gate, &admission, renewed, &mut response);
        }
        response
    }

    /// What is behind the workspace that a request has joined.
    pub(crate) fn behind(&self, admission: &Admission) -> Result<Behind, Misplaced> {
        self.servers.of(admission.admitted.joined(), &self.gate.directory())
    }

    /// Passes a request on, for as long as its session lasts.
    async fn forward(
        &self,
        upstream: &Upstream,
        request: Box<Request<Incoming>>,
        admission: &Admission,
    ) -> Response<Body> {
        let live = match self.gate.register(admission) {
            Ok(live) => live,
            Err(refusal) => return answer::refusal(&refusal),
        };
        let answered = tokio::select! {
            answered = upstream.forward(request, &admission.admitted) => answered,
            end = live.ended() => {
                //= req: PROXY-6
                return answer::refusal(&self.gate.refuse_admitted(admission, end.denial()));
            }
        };
        match answered {
            Ok(mut response) => {
                crate::headers::to_client(response.headers_mut());
                response.map(|body| Body::guarded(body, live))
            }
            Err(error) => {
                let upstream = upstream.authority();
                tracing::warn!(upstream, %error, "the guarded server is unreachable");
                endpoints::bad_gateway(Site::UNREACHABLE, admission.trace)
            }
        }
    }
}

/// Carries a connection while it speaks HTTP, and on if that becomes something else. What HTTP
/// takes is boxed, so that it goes then.
async fn through_both(http: Pin<Box<impl Future<Output = Option<Carried>> + Send>>) {
    if let Some(carried) = http.await {
        carried.await;
    }
}

/// A stream that hyper has read from, without what hyper and [`first_head`] needed.
fn plain(read: Bytes, stream: Prefixed<Stream>) -> Stream {
    match stream.into_plain() {
        Ok(stream) => prefixed(read, stream),
        Err(stream) => prefixed(read, Box::new(stream)),
    }
}

const fn wire(tls: bool) -> Wire {
    if tls { Wire::Tls } else { Wire::Plain }
}

//= req: HTTP-5
fn admit(slot: &Slot) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn is_held(slot: &Slot) -> bool {
    slot.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Refuses a connection that hyper has not seen: one answer, then the end.
async fn refuse_raw<S: Duplex>(stream: &mut S, refusal: &Refusal) {
    let response = answer::refusal(refusal);
    let mut head = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        if let Ok(value) = value.to_str() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let body = match response.into_body() {
        Body::Own(bytes) => bytes.unwrap_or_default(),
        // A refusal is Doorward's own.
        Body::Guarded(_) | Body::Switching(_) => Bytes::new(),
    };
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let answer = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.shutdown().await
    };
    // Whoever doesn't take the refusal in time goes without it.
    let _result = timeout(Duration::from_secs(1), answer).await;
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::net::TcpStream;

    use super::*;

    /// Of what it returns, which it need not be called for.
    fn size<F>(_carried: impl FnOnce(Arc<Site>, TcpStream, SocketAddr) -> F) -> usize {
        size_of::<F>()
    }

    /// The same of what answers a request: nearly all of the room that hyper keeps between two of them.
    fn size_of_answer<'a, F: 'a>(
        _answering: impl FnOnce(&'a Arc<Site>, Box<Request<Incoming>>, SocketAddr, &'a Slot) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_waits_for_a_request_holds_little_room_for_its_answer() {
        let held =
            size_of_answer(|site, request, peer, slot| site.answer(request, peer, false, slot));
        assert!(held <= 2048, "{held}");
    }

    #[test]
    fn a_connection_has_no_room_for_http_when_it_speaks_it_no_more() {
        let held = size(|site, stream, peer| site.serve(stream, peer, false, pending()));
        assert!(held <= 6 * size_of::<usize>(), "{held}");
    }
}
