//! A QUIC client that sends whatever it is told, as no library does: whole packets, under the right
//! keys, with any frames in them. It acknowledges nothing, and retransmits nothing.

mod frames;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_policy::hello::ALPN;
use rustls::Side;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, KeyChange, Keys, Suite, Version};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use self::frames::Frame;
use self::wire::{Header, Level, Reader, Seen, look, open, seal, varint};
use super::answer::{Answer, Came};
use super::trust;
use crate::attack::Space;
use crate::target::QuicAddress;

/// A datagram with an Initial packet has at least so many bytes (RFC 9000, section 14.1).
const DATAGRAM: usize = 1200;
/// The bytes of frames that go into one packet.
const PAYLOAD: usize = 1100;
/// How often it asks whether the connection is still there.
const ASKING: Duration = Duration::from_millis(50);
/// No server of ours sends a larger datagram.
const LARGEST: usize = 4096;
const ID: usize = 8;
/// The most datagrams that are read in between: who sends them faster isn't waited out.
const GLANCE: usize = 64;
/// The most parts of a handshake that are kept until their turn comes.
const PARTS: usize = 256;
const PING: &[u8] = &[0x01];

/// What is to be sent.
pub(super) struct Plan<'a> {
    pub(super) space: Space,
    pub(super) from: Option<IpAddr>,
    /// The client's parameters beside the id of its own; usual ones without it.
    pub(super) parameters: Option<&'a [u8]>,
    /// Goes first, alone, and something on a stream has to come of it.
    pub(super) first: Option<&'a [u8]>,
    /// The frames of each round.
    pub(super) rounds: &'a [Vec<u8>],
    /// Under the token of a Retry, each packet once with a broken tag and then twice.
    pub(super) retry: bool,
    /// Whether the server's end of the connection is waited for.
    pub(super) ends: bool,
}

/// Carries out a plan.
pub(super) async fn send(
    to: &QuicAddress,
    plan: &Plan<'_>,
    patience: Duration,
) -> io::Result<Answer> {
    let mut forger = Forger::new(to, plan).await?;
    if plan.retry {
        forger.ask_for_retry(patience).await?;
    }
    if plan.space == Space::Data {
        timeout(patience, forger.shake_hands()).await??;
    }
    if let Some(first) = plan.first {
        forger.packet(first).await?;
        forger.hear_until(patience, |heard| heard.stream).await?;
    }
    for payload in packed(plan.rounds) {
        if forger.heard.closed.is_some() {
            break;
        }
        if plan.retry {
            forger.copies(&payload).await?;
        } else {
            forger.packet(&payload).await?;
        }
        forger.glance();
        tokio::task::yield_now().await;
    }
    if plan.rounds.is_empty() && plan.space == Space::Initial {
        let client_hello = std::mem::take(&mut forger.client_hello);
        if plan.retry {
            forger.copies(&client_hello).await?;
        } else {
            forger.packet(&client_hello).await?;
        }
    }
    forger.finish(plan, patience).await
}

/// As many rounds to a packet as fit.
fn packed(rounds: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for round in rounds {
        match packets.last_mut() {
            Some(last) if last.len() + round.len() <= PAYLOAD => last.extend(round),
            _ => packets.push(round.clone()),
        }
    }
    packets
}

/// What the server has said so far.
#[derive(Default)]
struct Heard {
    closed: Option<(u64, bool)>,
    stream: bool,
    /// The largest number of ours that it has acknowledged.
    acknowledged: Option<u64>,
    retried: bool,
    answered: bool,
}

/// The client.
struct Forger {
    socket: UdpSocket,
    tls: ClientConnection,
    suite: Suite,
    own: [u8; ID],
    to: Vec<u8>,
    token: Vec<u8>,
    keys: [Option<Keys>; 3],
    numbers: [u32; 3],
    /// What has come of the handshake before its turn, and up to where it was taken.
    parts: [(u64, BTreeMap<u64, Vec<u8>>); 3],
    /// Which keys are the newest.
    level: Level,
    /// The frame that a handshake begins with.
    client_hello: Vec<u8>,
    /// Packets that are to be sent next.
    due: Vec<Vec<u8>>,
    heard: Heard,
}

impl Forger {
    async fn new(to: &QuicAddress, plan: &Plan<'_>) -> io::Result<Self> {
        let local = plan.from.unwrap_or(match to.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let socket = UdpSocket::bind((local, 0)).await?;
        socket.connect(to.address).await?;
        let (mut own, mut id) = ([0; ID], [0; ID]);
        let generator = aws_lc_rs::default_provider().secure_random;
        for random in [&mut own, &mut id] {
            generator.fill(random).map_err(|_| io::Error::other("there are no random bytes"))?;
        }
        let suite = suite().ok_or_else(|| io::Error::other("there is no such cipher"))?;
        let config = trust::small(to.certificate_sha256, &[ALPN]).map_err(io::Error::other)?;
        let name = ServerName::try_from(to.server_name.clone()).map_err(io::Error::other)?;
        let parameters = parameters(own, plan.parameters);
        let tls = ClientConnection::new(Arc::new(config), Version::V1, name, parameters);
        let initial = suite.keys(&id, Side::Client, Version::V1);
        let mut forger = Self {
            socket,
            tls: tls.map_err(io::Error::other)?,
            suite,
            own,
            to: id.to_vec(),
            token: Vec::new(),
            keys: [Some(initial), None, None],
            numbers: [0; 3],
            parts: Default::default(),
            level: Level::Initial,
            client_hello: Vec::new(),
            due: Vec::new(),
            heard: Heard::default(),
        };
        let mut client_hello = Vec::new();
        let _no_keys_yet = forger.tls.write_hs(&mut client_hello);
        forger.client_hello = crypto(&client_hello);
        Ok(forger)
    }

    /// Begins, and takes the token that it is asked to come again with.
    async fn ask_for_retry(&mut self, patience: Duration) -> io::Result<()> {
        let client_hello = self.client_hello.clone();
        self.packet(&client_hello).await?;
        self.hear_until(patience, |heard| heard.retried).await?;
        match self.heard.retried {
            true => Ok(()),
            false => Err(io::Error::other("the server asks for no other try")),
        }
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let client_hello = std::mem::take(&mut self.client_hello);
        self.packet(&client_hello).await?;
        while self.level != Level::Data && self.heard.closed.is_none() {
            if !self.hear().await? {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            for packet in std::mem::take(&mut self.due) {
                self.datagram(&packet).await?;
            }
        }
        Ok(())
    }

    /// Takes the keys that are there by now, since the next packet may be under them, and writes
    /// what the handshake has to say next.
    fn go_on(&mut self) -> io::Result<()> {
        loop {
            let mut said = Vec::new();
            let change = self.tls.write_hs(&mut said);
            if !said.is_empty() {
                let packet = self.sealed(&crypto(&said))?;
                self.due.push(packet);
            }
            let (level, keys) = match change {
                Some(KeyChange::Handshake { keys }) => (Level::Handshake, keys),
                Some(KeyChange::OneRtt { keys, .. }) => (Level::Data, keys),
                None => return Ok(()),
            };
            self.level = level;
            if let Some(slot) = self.keys.get_mut(level as usize) {
                *slot = Some(keys);
            }
        }
    }

    /// A packet with these frames, under the newest keys.
    fn sealed(&mut self, payload: &[u8]) -> io::Result<Vec<u8>> {
        let level = self.level;
        let mut payload = payload.to_vec();
        if level == Level::Initial {
            payload.resize(payload.len().max(DATAGRAM), 0);
        }
        let keys = self.keys.get(level as usize).and_then(Option::as_ref);
        let keys = keys.ok_or_else(|| io::Error::other("there are no keys yet"))?;
        let number = self.numbers.get_mut(level as usize);
        let number = number.map(|number| std::mem::replace(number, number.wrapping_add(1)));
        let header = Header {
            level,
            to: &self.to,
            from: &self.own,
            token: &self.token,
            number: number.unwrap_or_default(),
        };
        seal(&header, &payload, &keys.local).map_err(io::Error::other)
    }

    async fn packet(&mut self, payload: &[u8]) -> io::Result<()> {
        let packet = self.sealed(payload)?;
        self.datagram(&packet).await
    }

    async fn copies(&mut self, payload: &[u8]) -> io::Result<()> {
        let packet = self.sealed(payload)?;
        let mut broken = packet.clone();
        if let Some(last) = broken.last_mut() {
            *last ^= 1;
        }
        for packet in [&broken, &packet, &packet] {
            self.datagram(packet).await?;
        }
        Ok(())
    }

    /// A server that has had enough may be gone: what it has said is read all the same.
    async fn datagram(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.socket.send(bytes).await {
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads until that is enough, or for as long as is waited.
    async fn hear_until(
        &mut self,
        patience: Duration,
        enough: impl Fn(&Heard) -> bool,
    ) -> io::Result<()> {
        let heard = async {
            while !enough(&self.heard) && self.heard.closed.is_none() && self.hear().await? {}
            Ok(())
        };
        timeout(patience, heard).await.unwrap_or(Ok(()))
    }

    /// Reads one datagram; `false` if nobody is there.
    async fn hear(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; LARGEST];
        match self.socket.recv(&mut buffer).await {
            Ok(length) => {
                self.read(buffer.get(..length).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads whatever has come already.
    fn glance(&mut self) {
        let mut buffer = vec![0; LARGEST];
        for _ in 0..GLANCE {
            let Ok(length) = self.socket.try_recv(&mut buffer) else { return };
            self.read(buffer.get(..length).unwrap_or_default());
        }
    }

    fn read(&mut self, mut datagram: &[u8]) {
        while let Some(seen) = look(datagram, ID) {
            let (level, id, number_at, end) = match seen {
                Seen::Retry { id, token } => return self.come_again(id, token),
                Seen::Sealed { level, id, number_at, end } => (level, id, number_at, end),
            };
            let Some((packet, rest)) = datagram.split_at_checked(end) else { return };
            datagram = rest;
            let keys = self.keys.get(level as usize).and_then(Option::as_ref);
            let Some(payload) = keys.and_then(|keys| open(packet, number_at, &keys.remote)) else {
                continue;
            };
            if !id.is_empty() {
                self.to = id;
            }
            self.take(level, &payload);
        }
    }

    fn come_again(&mut self, id: Vec<u8>, token: Vec<u8>) {
        if !self.heard.retried {
            let keys = self.suite.keys(&id, Side::Client, Version::V1);
            (self.to, self.token, self.heard.retried) = (id, token, true);
            if let Some(initial) = self.keys.first_mut() {
                *initial = Some(keys);
            }
        }
    }

    fn take(&mut self, level: Level, payload: &[u8]) {
        let mut reader = Reader::new(payload);
        while let Some(frame) = frames::next(&mut reader) {
            match frame {
                // Its words are behind it, and nothing else.
                Frame::Close { code, application } => {
                    self.heard.closed.get_or_insert((code, application));
                    return;
                }
                Frame::Stream => self.heard.stream = true,
                Frame::Ack(largest) if level == Level::Data => {
                    self.heard.acknowledged = self.heard.acknowledged.max(Some(largest));
                }
                Frame::Crypto(offset, data) => self.part(level, offset, data),
                Frame::Ack(_) | Frame::Other => {}
            }
        }
    }

    /// Asks whether the connection is still there, until it says so.
    async fn ping(&mut self) -> io::Result<()> {
        let asked = self.numbers.last().copied().map(u64::from);
        while !self.heard.answered && self.heard.closed.is_none() {
            self.packet(PING).await?;
            self.hear_until(ASKING, |heard| heard.acknowledged >= asked).await?;
            self.heard.answered = self.heard.acknowledged >= asked;
        }
        Ok(())
    }

    /// Gives the handshake what has come of it, in its order.
    fn part(&mut self, level: Level, offset: u64, data: &[u8]) {
        let Some((taken, parts)) = self.parts.get_mut(level as usize) else { return };
        // It was taken already, or too many come out of their order.
        if offset < *taken || parts.len() >= PARTS {
            return;
        }
        parts.insert(offset, data.to_vec());
        while let Some(data) = parts.remove(taken) {
            *taken = taken.saturating_add(data.len() as u64);
            // What it can't read is the server's mistake, and shows as a handshake that never ends.
            let _result = self.tls.read_hs(&data);
        }
        // Without keys the packets that need them can't be read, which shows in the same way.
        let _result = self.go_on();
    }

    /// Waits for what has to come, and says what it is.
    async fn finish(mut self, plan: &Plan<'_>, patience: Duration) -> io::Result<Answer> {
        if plan.ends {
            self.hear_until(patience, |_| false).await?;
        } else if plan.space == Space::Data {
            let answered = timeout(patience, self.ping()).await;
            answered.unwrap_or(Ok(()))?;
            if !self.heard.answered && self.heard.closed.is_none() {
                return Ok(Answer::new(Came::Silent, Vec::new()));
            }
        } else {
            // Whoever is refused at once hears of it now.
            self.hear_until(ASKING, |_| false).await?;
        }
        Ok(match self.heard.closed {
            Some((code, application)) => {
                let mut answer = Answer::new(Came::Ended, Vec::new());
                answer.close = Some(code);
                if application { answer } else { answer.noted("by QUIC itself") }
            }
            None if plan.ends => Answer::new(Came::Silent, Vec::new()),
            None => Answer::new(Came::Open, Vec::new()),
        })
    }
}

/// The cipher of Initial packets (RFC 9001, section 5.2).
fn suite() -> Option<Suite> {
    aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?.quic_suite()
}

/// A CRYPTO frame from the beginning.
fn crypto(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x06];
    varint(&mut frame, 0);
    varint(&mut frame, data.len());
    frame.extend(data);
    frame
}

/// The parameters of a client (RFC 9000, section 18.2): the id of its own, and these or usual ones.
fn parameters(own: [u8; ID], instead: Option<&[u8]>) -> Vec<u8> {
    let mut all = vec![0x0f, 8];
    all.extend(own);
    match instead {
        Some(instead) => all.extend(instead),
        None => {
            // How much the server may send, in all and on a stream, and how many it may open.
            for (id, value) in [(0x04, 1 << 20), (0x05, 1 << 18), (0x06, 1 << 18), (0x07, 1 << 18)]
            {
                all.extend([id, 4]);
                varint(&mut all, value);
            }
            all.extend([0x09, 1, 16]);
        }
    }
    all
}
