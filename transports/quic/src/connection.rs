//! A connection from its handshake to its end.

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use doorward_gate::rooms::RoomPlace;
use doorward_gate::{Admission, ClientSlot, Deadline, LiveConnection, Refusal, Welcome, Welcomed};
use doorward_policy::admission::{Greeting, Wire};
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::hello::Accept;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::answer;
use crate::behind::Behind;
use crate::config::ADMITTED_BYTES;
use crate::echo::echo;
use crate::forward::{forward, give_up};
use crate::hello::{self, NoHello};
use crate::listener::Shared;
use crate::notice;
use crate::room::{self, Joined};
use crate::upstream::Upstream;

/// A connection that was admitted, and has been told so.
pub(crate) struct Admitted {
    connection: Connection,
    admission: Admission,
    live: Arc<LiveConnection>,
}

/// Why a connection goes no further.
#[allow(clippy::large_enum_variant, reason = "it is made once a connection, on its way out")]
enum Refused {
    /// It is told so.
    Told(Refusal),
    /// It was for an answer alone, and has it; or it is gone.
    Over,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal)
    }
}

/// Greets a connection whose handshake is complete: none is left of one that isn't admitted.
///
/// `slot` counts it as unadmitted. It is let go of as soon as that is over. `drained` resolves once
/// nobody new gets in.
pub(crate) async fn greet(
    shared: &Arc<Shared>,
    connection: Connection,
    peer: IpAddr,
    slot: ClientSlot,
    deadline: impl Future<Output = ()>,
    drained: impl Future<Output = ()>,
) -> Option<Box<Admitted>> {
    let early = |denial| Refused::from(shared.gate.refuse_early(denial, peer, Wire::Quic));
    // Kept until the connection is closed: dropped before, an answer without a byte would go out
    // first.
    let mut stream = None;
    let heard = tokio::select! {
        heard = hear(&connection, &mut stream) => heard.map_err(|missing| match missing {
            NoHello::Denied(denial) => early(denial),
            NoHello::Gone => Refused::Over,
        }),
        //= req: QUIC-7
        () = deadline => Err(early(Denial::DeadlinePassed)),
        () = drained => Err(early(Denial::Unavailable(Outage::Draining))),
    };
    // What is decided is seen through: a redemption cut off would be one that nobody hears of.
    let admitted = match (heard, &mut stream) {
        (Ok(body), Some(stream)) => admit(shared, &connection, peer, &body, stream).await,
        (Ok(_), None) => Err(Refused::Over),
        (Err(refused), _) => Err(refused),
    };
    match admitted {
        Ok((admission, live)) => {
            drop((slot, stream));
            return Some(Box::new(Admitted { connection, admission, live: Arc::new(live) }));
        }
        Err(Refused::Told(refusal)) => answer::refuse(&connection, &refusal),
        Err(Refused::Over) => connection.close(answer::DONE, b""),
    }
    None
}

/// The stream that a hello comes on.
type Stream = (SendStream, RecvStream);

/// The body of the hello, and its stream.
async fn hear(
    connection: &Connection,
    stream: &mut Option<Stream>,
) -> Result<Zeroizing<Vec<u8>>, NoHello> {
    let accepted = connection.accept_bi().await.map_err(|_| NoHello::Gone)?;
    let (_, receive) = stream.insert(accepted);
    hello::read(receive).await
}

/// From the hello to the answer.
async fn admit(
    shared: &Shared,
    connection: &Connection,
    peer: IpAddr,
    body: &[u8],
    (send, receive): &mut Stream,
) -> Result<(Admission, LiveConnection), Refused> {
    let gate = &shared.gate;
    if connection.close_reason().is_some() {
        // There is nobody to decide for, and nothing is spent.
        return Err(Refused::Over);
    }
    let (protocol, server_name) = negotiated(connection);
    let server_name = server_name.as_deref();
    let greeting = Greeting { body, server_name, protocol: &protocol, peer };
    let Welcome { outcome, accept } = gate.greet(&greeting).await?;
    match outcome {
        Welcomed::Open(admission) => {
            // Registered first, then looked at once more: a revocation is either seen or finds it.
            let live = gate.register(&admission)?;
            //= req: HELLO-4
            hello::check_silent(receive)
                .map_err(|denial| gate.refuse_admitted(&admission, denial))?;
            let answered = within(shared, answer_with(send, &accept));
            tokio::select! {
                answered = answered => answered?,
                // Whoever doesn't take the answer holds up nobody's end.
                //= req: QUIC-12
                end = live.ended() => {
                    return Err(gate.refuse_admitted(&admission, end.denial()).into());
                }
            }
            Ok((admission, live))
        }
        Welcomed::Answered => {
            // Closed at once, the connection would take the answer with it.
            let taken = async {
                answer_with(send, &accept).await?;
                let _result = send.stopped().await;
                Ok(())
            };
            within(shared, taken).await?;
            Err(Refused::Over)
        }
    }
}

/// What the handshake has shown: the application protocol and the server name.
fn negotiated(connection: &Connection) -> (Vec<u8>, Option<String>) {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.map_or_else(Default::default, |data| (data.protocol.unwrap_or_default(), data.server_name))
}

/// Whoever doesn't take the answer in time goes without it.
async fn within<T>(
    shared: &Shared,
    answer: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    timeout(shared.limits.deadline, answer).await.unwrap_or(Err(Refused::Over))
}

async fn answer_with(send: &mut SendStream, accept: &Accept) -> Result<(), Refused> {
    // What the policy has made is within the policy's own bound.
    let frame = accept.frame().ok_or(Refused::Over)?;
    send.write_all(&frame).await.map_err(|_| Refused::Over)?;
    let _result = send.finish();
    Ok(())
}

/// Carries the streams of an admitted connection until it or its session ends.
pub(crate) async fn live(shared: &Arc<Shared>, admitted: &Admitted) {
    let Admitted { connection, admission, live } = admitted;
    let mut streams = match Streams::of(shared, admitted) {
        Ok(streams) => streams,
        Err(refusal) => return answer::refuse(connection, &refusal),
    };
    connection.set_receive_window(VarInt::from_u32(ADMITTED_BYTES));
    //= req: QUIC-11
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(shared.limits.streams));
    loop {
        tokio::select! {
            biased;
            end = live.ended() => {
                //= req: QUIC-12
                let denial = end.denial();
                shared.gate.closed(admission, denial);
                // Before its streams are let go of, which would look like their end.
                let now = shared.gate.now().unwrap_or_default();
                answer::end(connection, denial, admission.trace, now);
                return streams.forfeit(denial);
            }
            deadline = live.warning() => streams.warn(connection, deadline),
            Some(ended) = streams.tasks.join_next(), if !streams.tasks.is_empty() => {
                if matches!(ended, Ok(Joined::Empty)) {
                    let refusal = shared.gate.refuse_empty_room(admission);
                    return answer::refuse(connection, &refusal);
                }
            }
            stream = connection.accept_bi() => match stream {
                Ok(stream) => if let Err(refusal) = streams.carry(stream) {
                    return answer::refuse(connection, &refusal);
                },
                Err(error) => {
                    tracing::debug!(%error, "a QUIC connection has ended");
                    return;
                }
            },
        }
    }
}

/// The streams of an admitted connection. They end when this is dropped.
struct Streams<'a> {
    shared: &'a Arc<Shared>,
    admission: &'a Admission,
    live: &'a Arc<LiveConnection>,
    behind: Behind,
    /// The place in a room that the first stream has taken, where connections are shared.
    place: Option<Weak<RoomPlace>>,
    tasks: JoinSet<Joined>,
}

impl<'a> Streams<'a> {
    /// Those of a connection, to what is behind the door for it.
    ///
    /// # Errors
    /// The refusal to close the connection with.
    fn of(shared: &'a Arc<Shared>, admitted: &'a Admitted) -> Result<Self, Refusal> {
        let Admitted { admission, live, .. } = admitted;
        let joined = admission.admitted.joined();
        let behind = Behind::of(shared.upstream.as_ref(), joined, &shared.gate.directory())
            .map_err(|denial| shared.gate.refuse_admitted(admission, denial))?;
        if behind == Behind::Unusable {
            let workspace = joined.map(|joined| joined.name);
            tracing::warn!(?workspace, "the address of a workspace's server is none for QUIC");
        }
        Ok(Self { shared, admission, live, behind, place: None, tasks: JoinSet::new() })
    }

    /// Carries a stream that the client has opened.
    ///
    /// # Errors
    /// The refusal to close the connection with.
    fn carry(&mut self, (mut send, mut receive): Stream) -> Result<(), Refusal> {
        match &self.behind {
            Behind::Server(upstream) if self.shared.gate.settings().share => {
                let upstream = upstream.clone();
                return self.join(upstream, (send, receive));
            }
            Behind::Server(upstream) => {
                let (upstream, live) = (upstream.clone(), Arc::clone(self.live));
                self.tasks.spawn(async move {
                    forward(&upstream, &live, send, receive).await;
                    Joined::Over
                });
            }
            Behind::Echo => {
                let live = Arc::clone(self.live);
                self.tasks.spawn(async move {
                    echo(&live, send, receive).await;
                    Joined::Over
                });
            }
            Behind::Unusable => give_up(&mut send, &mut receive, answer::BAD_GATEWAY),
        }
        Ok(())
    }

    fn join(&mut self, upstream: Upstream, mut stream: Stream) -> Result<(), Refusal> {
        if self.place.is_some() {
            room::refuse(stream);
            return Ok(());
        }
        let place = match self.shared.gate.enter_room(self.admission, "") {
            Ok(place) => Arc::new(place),
            Err(refusal) => {
                // Let go of, it would look as if it had ended well.
                give_up(&mut stream.0, &mut stream.1, answer::code(refusal.denied.denial));
                return Err(refusal);
            }
        };
        self.place = Some(Arc::downgrade(&place));
        let member = room::Member { place, live: Arc::clone(self.live) };
        self.tasks.spawn(room::join(Arc::clone(self.shared), upstream, member, stream));
        Ok(())
    }

    /// Tells the client of its session's end.
    fn warn(&mut self, connection: &Connection, deadline: Deadline) {
        // Without a clock there is nothing to tell, and nobody is let on.
        let Ok(now) = self.shared.gate.now() else { return };
        let notice = notice::of(deadline, self.admission, now);
        let told = notice::tell(connection.clone(), notice, self.shared.limits.deadline);
        self.tasks.spawn(async move {
            told.await;
            Joined::Over
        });
    }

    /// Ends all of them. Whoever loses what they were admitted with loses the lease too, rather
    /// than have it kept for their return.
    fn forfeit(self, denial: Denial) {
        let place = self.place.and_then(|place| place.upgrade());
        if let Some(place) = place.filter(|_| !matches!(denial, Denial::Unavailable(_))) {
            place.forfeit();
        }
    }
}
