//! A house with several workspaces, each behind servers that say whose they are, and both doors to
//! it.

use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::{Clock as _, Processes as _, SystemEntropy, SystemProcesses, admin};
use doorward_http::Limits as HttpLimits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::local::LocalRequest;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Change, Claim, Member, Placing, Server, WorkspaceName};
use doorward_quic::{Limits, Upstream};
use quinn::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::door::{Answer, Door, handshake, read_answer};
use crate::quic::{Greeted, OPEN, SESSION, Wicket, Words, closed};

pub(super) fn name(text: &str) -> WorkspaceName {
    WorkspaceName::new(text).unwrap()
}

/// A web server that takes up each WebSocket, and says its name there after whatever it hears.
async fn web(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, name));
        }
    });
    format!("http://{address}")
}

async fn talk(mut stream: TcpStream, name: &'static str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(upgrade).await?;
    loop {
        let frame = [&[0x81, name.len() as u8], name.as_bytes()].concat();
        // The shortest frame of a client: its head, its mask, and a byte.
        stream.read_exact(&mut [0; 7]).await?;
        stream.write_all(&frame).await?;
    }
}

/// A server of streams that says its name.
async fn bytes(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _result = stream.write_all(name.as_bytes()).await;
        }
    });
    format!("tcp://{address}")
}

/// Where a workspace of this name is: under a path of its name, at servers that say `says`.
pub(super) async fn placing(path: &str, says: &'static str) -> Placing {
    Placing {
        claims: vec![Claim::parse(&format!("/{path}")).unwrap()],
        web: Server::new(&web(says).await),
        bytes: Server::new(&bytes(says).await),
    }
}

pub(super) struct House {
    pub(super) door: Door,
    pub(super) wicket: Wicket,
}

impl House {
    /// With servers of the listener's own, and no workspace.
    pub(super) async fn open() -> Self {
        let own = doorward_http::Upstream::parse(&web("main").await).unwrap();
        let door = Door::with(Settings::default(), Some(own), HttpLimits::default()).await;
        let own = Upstream::parse(&bytes("main").await).unwrap();
        let wicket = Wicket::with(&door, Some(own), Limits::default());
        Self { door, wicket }
    }

    /// As another process changes it: the store is told, and the listener finds it there.
    pub(super) async fn change(&self, change: Change) {
        let now = self.door.clock.now().unwrap();
        let audit = AuditRecord::new(Event::WorkspaceChanged, now).about_change(&change);
        self.door.store.change_directory(change, audit).await.unwrap().unwrap();
        self.door.gate.refresh().await.unwrap();
    }

    pub(super) async fn workspace(&self, called: &'static str) {
        self.change(Change::Create(name(called), placing(called, called).await)).await;
    }

    /// Makes somebody a member who may do so much.
    pub(super) async fn admit(&self, to: &str, who: &str, can: &str) {
        self.admit_as(to, who, can, false).await;
    }

    pub(super) async fn admit_as(&self, to: &str, who: &str, can: &str, home: bool) {
        let capabilities = Capabilities::parse(can).unwrap();
        let member = Member { subject: Subject::new(who).unwrap(), capabilities, home };
        self.change(Change::Admit(name(to), member)).await;
    }

    pub(super) async fn token(&self, who: &str) -> String {
        self.door.token_of(who, Capabilities::START_UP).await
    }

    /// A token of this process for one workspace.
    pub(super) async fn local(&self, workspace: &str) -> String {
        let pid = std::process::id();
        let request = LocalRequest {
            id: SessionId::new([1; 16]),
            name: Subject::new("agent").unwrap(),
            workspace: name(workspace),
            capabilities: Capabilities::START_UP,
            pid,
            started: SystemProcesses.started(pid).unwrap().unwrap(),
            directory: "/".to_owned(),
        };
        let (door, digester) = (&self.door, self.door.digester());
        let (store, clock, all) = (&*door.store, &*door.clock, Capabilities::ALL);
        let made = admin::issue_local(store, &digester, clock, &SystemEntropy, &request, all);
        made.await.unwrap().0.expose().to_string()
    }

    /// Asks for a WebSocket at a path of the workspace; without a name, at one that nobody claims.
    pub(super) async fn upgrade(&self, authorization: &str, at: &str) -> (Answer, TcpStream) {
        let headers = format!("Authorization: {authorization}\r\n");
        let path = if at.is_empty() { "/x".to_owned() } else { format!("/{at}/x") };
        let mut stream = TcpStream::connect(self.door.address).await.unwrap();
        let request = handshake(&self.door.address.to_string(), &path, &headers);
        stream.write_all(request.as_bytes()).await.unwrap();
        (read_answer(&mut stream).await, stream)
    }

    pub(super) async fn greet(&self, kind: u8, credential: &str, workspace: &str) -> Greeted {
        let words = Words::one(OPEN, kind, credential);
        self.wicket.greet(&Words { workspace: workspace.into(), ..words }).await
    }

    /// A live connection over each transport to a workspace, which is that of `says`.
    pub(super) async fn reach(&self, token: &str, workspace: &str, says: &str) -> [Live; 2] {
        let (answer, socket) = self.upgrade(&format!("Bearer {token}"), workspace).await;
        assert_eq!(answer.status, 101, "{says}: {answer:?}");
        let (connection, _) = self.greet(SESSION, token, workspace).await.welcome();
        let mut both = [Live::WebSocket(socket), Live::Quic(connection)];
        for live in &mut both {
            assert_eq!(live.heard().await, says);
        }
        both
    }

    /// What a workspace is refused with over each transport, without the trace id and the time.
    pub(super) async fn refusals(&self, token: &str, workspace: &str) -> [String; 2] {
        let (answer, _) = self.upgrade(&format!("Bearer {token}"), workspace).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        let trace = answer.json()["trace_id"].as_str().unwrap().to_owned();
        let body = String::from_utf8(answer.body).unwrap();
        let date = answer.head.lines().find(|line| line.starts_with("date: ")).unwrap();
        let whole = [&answer.head.replace(date, ""), body.as_str()].concat().replace(&trace, "");
        let closed = self.greet(SESSION, token, workspace).await.closed();
        assert_eq!(closed.code, 4404, "{closed:?}");
        let trace = closed.reason["trace_id"].as_str().unwrap().to_owned();
        [whole, closed.reason.to_string().replace(&trace, "")]
    }
}

/// A connection that was admitted.
pub(super) enum Live {
    WebSocket(TcpStream),
    Quic(Connection),
}

impl Live {
    /// The name of the server at its other end.
    pub(super) async fn heard(&mut self) -> String {
        let said = match self {
            Self::WebSocket(stream) => {
                stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'?']).await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), 0x81);
                let mut said = vec![0; stream.read_u8().await.unwrap().into()];
                stream.read_exact(&mut said).await.unwrap();
                said
            }
            Self::Quic(connection) => {
                let (mut send, mut receive) = connection.open_bi().await.unwrap();
                send.finish().unwrap();
                receive.read_to_end(64).await.unwrap()
            }
        };
        String::from_utf8(said).unwrap()
    }

    /// The code with which it ends.
    pub(super) async fn code(self) -> u64 {
        match self {
            Self::WebSocket(mut stream) => {
                assert_eq!(stream.read_u8().await.unwrap(), 0x88);
                stream.read_u8().await.unwrap();
                stream.read_u16().await.unwrap().into()
            }
            Self::Quic(connection) => closed(&connection).await.code,
        }
    }
}

/// The code with which both end.
pub(super) async fn ended(both: [Live; 2]) -> [u64; 2] {
    let [one, other] = both;
    [one.code().await, other.code().await]
}
