//! Servers of a few lines, and a target that is one of them.

use std::future::ready;
use std::net::SocketAddr;

use doorward_probe::{
    Attack, Audited, HttpAddress, NotOffered, Pace, Pending, Played, Profile, QuicAddress,
    Recorded, Step, Target, Transport, Variables, Verdict, play,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

/// Longer than anything takes here; what nothing comes for is never awaited with it.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// The token of a session: a record, and a tag of 32 bytes.
pub(crate) const TOKEN: &str =
    "cmVjb3JkLW9mLXNvbWVib2R5.dGFnLW9mLXRoaXJ0eS10d28tYnl0ZXMtaW4tYWxsISE";

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Answers so, and ends the connection.
    Says(&'static str),
    /// Answers so, takes what comes next, and answers that so.
    SaysThen(&'static str, &'static [u8]),
    /// Refuses whatever has this in its head, upgrades what asks for it, and serves the rest.
    Knows(&'static str),
    /// Answers with what it got.
    Echoes,
    /// Ends the connection.
    Closes,
    /// Says nothing.
    Waits,
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
pub(crate) const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 44\r\nConnection: close\r\n\
    \r\n{\"error\":\"host_denied\",\"trace_id\":\"77aa\"}   ";

pub(crate) const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n";

/// Starts a server that does this with every connection.
pub(crate) async fn serve(does: Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream, does));
        }
    });
    address
}

async fn handle(mut stream: TcpStream, does: Does) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    match does {
        Does::Says(answer) => stream.write_all(answer.as_bytes()).await,
        Does::SaysThen(answer, then) => {
            stream.write_all(answer.as_bytes()).await?;
            let mut next = [0; 512];
            let _read = stream.read(&mut next).await?;
            stream.write_all(then).await
        }
        Does::Knows(bad) => {
            let head = String::from_utf8_lossy(&head).into_owned();
            let answer = match (head.contains(bad), head.contains("Upgrade: websocket")) {
                (true, _) => REFUSAL.into(),
                (false, true) => [UPGRADED.as_bytes(), b"\x81\x05hello"].concat(),
                (false, false) => OK.into(),
            };
            stream.write_all(&answer).await
        }
        Does::Echoes => {
            let length = head.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(&[answer.as_bytes(), &head].concat()).await
        }
        Does::Closes => Ok(()),
        Does::Waits => std::future::pending().await,
    }
}

/// A server as a target, with whatever its audit log says.
pub(crate) struct Fake {
    pub(crate) profile: Profile,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) quic: Option<QuicAddress>,
    pub(crate) audit: Audited,
    pub(crate) records: Vec<String>,
    pub(crate) secrets: Vec<(String, String)>,
}

impl Fake {
    /// A Doorward that does this, and whose audit log says that it was DNS rebinding.
    pub(crate) async fn strict(does: Does) -> Self {
        let (reason, threat) = ("host_denied: x".to_owned(), "DW-DNS-REBINDING".to_owned());
        Self {
            profile: Profile::doorward(),
            http: Some(serve(does).await),
            quic: None,
            audit: Audited::Recorded(Recorded { reason, threat }),
            records: vec!["{\"event\":\"denied\",\"trace_id\":\"77aa\"}".to_owned()],
            secrets: Vec::new(),
        }
    }

    /// Another product that does this.
    pub(crate) async fn lenient(does: Does) -> Self {
        let fake = Self::strict(does).await;
        let profile = Profile { strict: false, login: Some("/login".into()), ..fake.profile };
        Self { profile, audit: Audited::Unreadable, ..fake }
    }

    /// Plays an attack with this inside.
    pub(crate) async fn play(&self, steps: &str, over: Transport) -> Played {
        play(&attack(steps), over, self, &Pace::unlimited(PATIENCE)).await
    }
}

/// An attack with these steps, over everything that they can be played over.
pub(crate) fn attack(steps: &str) -> Attack {
    let over = if steps.contains("\"hello\"") {
        "[\"quic\"]"
    } else if steps.contains("\"send\"") {
        "[\"http\", \"websocket\"]"
    } else {
        "[\"http\", \"websocket\", \"quic\"]"
    };
    let text = format!("title = \"x\"\nthreat = \"DW-DNS-REBINDING\"\nover = {over}\n{steps}");
    Attack::parse("it", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// One request that has to come to this.
pub(crate) fn ask(more: &str, expect: &str) -> String {
    format!("[[step]]\ndo = \"ask\"\n{more}\nexpect = {{ {expect} }}\n")
}

pub(crate) fn not_held(played: &Played) -> &str {
    match &played.verdict {
        Verdict::NotHeld(why) => why,
        verdict => panic!("{verdict:?}"),
    }
}

impl Target for Fake {
    fn http(&self) -> Option<HttpAddress> {
        let address = self.http?;
        Some(HttpAddress {
            address,
            tls: false,
            certificate_sha256: None,
            authority: address.to_string(),
        })
    }

    fn quic(&self) -> Option<QuicAddress> {
        self.quic.clone()
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        let secrets = self.secrets.iter();
        secrets.map(|(name, secret)| (name.clone(), Zeroizing::new(secret.clone()))).collect()
    }

    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(ready(match step {
            Step::Session { r#as, subject, .. } => {
                let token = subject.as_deref().unwrap_or(TOKEN);
                known.set_secret(&format!("{as}.token", as = r#as), token);
                known.set_secret(&format!("{as}.cookie", as = r#as), token);
                known.set(&format!("{as}.id", as = r#as), "0011223344556677");
                Ok(())
            }
            step => Err(NotOffered(format!("{step:?}"))),
        }))
    }

    fn audit<'a>(&'a self, _trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        Box::pin(ready(self.audit.clone()))
    }

    fn records(&self) -> Pending<'_, Option<Vec<String>>> {
        Box::pin(ready(Some(self.records.clone())))
    }
}
