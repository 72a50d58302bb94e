//! Clients that a listener turns away by their first packet: real ones, recorded on their way and sent
//! again and again.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quinn::{Connection, Endpoint};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use crate::quic::Outcome;

/// What a client's first packet has at least (RFC 9000, section 14.1).
const INITIAL: usize = 1200;
/// The type of a packet with a long header, and that of a Retry (RFC 9000, section 17.2).
const TYPE: u8 = 0x30;
const RETRY: u8 = 0x30;
/// How many packets are on their way at once.
pub const AT_ONCE: usize = 16;
/// How long an answer is waited for. A packet may be lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// Until the last answer to a client that was refused has come.
const SETTLING: Duration = Duration::from_millis(100);

/// Clients whose address has as many connections as it may.
#[derive(Debug)]
pub struct Flood {
    socket: UdpSocket,
    server: SocketAddr,
    /// Takes up the room that there is for the address, and never says hello.
    _held: Connection,
}

/// First packets, each of another client.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Without a word of the server's: they are answered by a Retry.
    pub unvalidated: Vec<Vec<u8>>,
    /// With what the Retry brought: they are refused, for as long as that is valid.
    pub validated: Vec<Vec<u8>>,
}

impl Flood {
    /// Fills a server that has room for one unadmitted connection from an address and validates
    /// every address.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn prepare(client: &Endpoint, server: SocketAddr) -> Outcome<Self> {
        let held = client.connect(server, "localhost")?.await?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { socket, server, _held: held })
    }

    /// Records how clients are refused.
    ///
    /// # Errors
    /// If they aren't.
    pub async fn record(&self, client: &Endpoint) -> Outcome<Recorded> {
        let mut recorded = Recorded::default();
        // One that is sent again before it is answered is no new connection.
        for _ in 0..AT_ONCE {
            let refused = client.connect(self.socket.local_addr()?, "localhost")?;
            let mut sent = Vec::new();
            tokio::select! {
                outcome = refused => if outcome.is_ok() { return Err("there was room".into()) },
                relayed = relay(&self.socket, self.server, &mut sent) => relayed?,
            }
            sent.retain(|packet: &Vec<u8>| packet.len() >= INITIAL);
            recorded.unvalidated.push(sent.first().ok_or("no packet was sent")?.clone());
            recorded.validated.push(sent.pop().ok_or("no packet was sent")?);
        }
        sleep(SETTLING).await;
        let mut left = [0; 2048];
        while self.socket.try_recv_from(&mut left).is_ok() {}
        Ok(recorded)
    }

    /// Sends so many packets, over and over, and takes as many answers: each a Retry, or none.
    ///
    /// # Errors
    /// If there is no answer, or another.
    pub async fn send(&self, packets: &[Vec<u8>], times: usize, retried: bool) -> Outcome<()> {
        let mut answer = [0; 2048];
        for _ in 0..times.div_ceil(AT_ONCE) {
            for packet in packets {
                self.socket.send_to(packet, self.server).await?;
            }
            for _ in packets {
                timeout(PATIENCE, self.socket.recv_from(&mut answer)).await??;
                if (answer[0] & TYPE == RETRY) != retried {
                    return Err("that is another answer".into());
                }
            }
        }
        Ok(())
    }
}

/// Passes packets on between a client and the server, and keeps those of the client.
async fn relay(socket: &UdpSocket, server: SocketAddr, sent: &mut Vec<Vec<u8>>) -> Outcome<()> {
    let mut buffer = [0; 2048];
    let mut client = None;
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let packet = &buffer[..length];
        if from == server {
            // What comes ahead of the client is for one before it.
            let Some(client) = client else { continue };
            socket.send_to(packet, client).await?;
        } else {
            client = Some(from);
            sent.push(packet.to_vec());
            socket.send_to(packet, server).await?;
        }
    }
}
