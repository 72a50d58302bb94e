//! Shared WebSockets: one session at a time writes, the others follow.

use std::time::Duration;

use doorward_http::Upstream;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::route::Routes;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::door::{Answer, Door, handshake, read_answer};

const GRACE: Duration = Duration::from_secs(30);

/// Both ends of a WebSocket, in short unfragmented frames.
struct Wire<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Sends a text; a client's under a mask of zeros.
    async fn say(&mut self, text: &str, masked: bool) {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 126, "short");
        let mut frame = vec![0x81, length];
        if masked {
            frame[1] |= 0x80;
            frame.extend([0; 4]);
        }
        frame.extend(text.bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next text, or the code with which the other end closes.
    async fn hear(&mut self) -> Result<String, u16> {
        let first = self.0.read_u8().await.unwrap();
        let second = self.0.read_u8().await.unwrap();
        let length = match second & 0x7f {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            self.0.read_exact(&mut mask).await.unwrap();
        }
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.unwrap();
        payload.iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match first {
            0x81 => Ok(String::from_utf8(payload).unwrap()),
            0x88 => Err(u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("unexpected frame {other:#x}"),
        }
    }
}

type Client = Wire<TcpStream>;

/// What the guarded server is asked, and its end of each WebSocket.
type Opened = (String, Client);

/// A guarded server of WebSockets, which selects `protocol`.
async fn guarded(protocol: &'static str) -> (Upstream, mpsc::UnboundedReceiver<Opened>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (opened, opens) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                {protocol}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let _result = opened.send((head, Wire(stream)));
        }
    });
    (upstream, opens)
}

/// Somebody with a session.
struct Person {
    token: String,
    id: String,
}

impl Person {
    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }
}

struct House {
    door: Door,
    opens: mpsc::UnboundedReceiver<Opened>,
}

impl House {
    /// Where observing is enough to be let in.
    async fn open() -> Self {
        Self::speaking("").await
    }

    async fn speaking(protocol: &'static str) -> Self {
        let (upstream, opens) = guarded(protocol).await;
        let mut routes = Routes::none();
        assert!(routes.add("/", Capabilities::OBSERVE));
        let settings = Settings { share: true, routes, ..Settings::default() };
        let door = Door::with(settings, Some(upstream), Default::default()).await;
        Self { door, opens }
    }

    async fn person(&self, name: &str) -> Person {
        self.person_with(name, Capabilities::START_UP).await
    }

    async fn person_with(&self, name: &str, capabilities: Capabilities) -> Person {
        let token = self.door.token_of(name, capabilities).await;
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let who = self.door.get("/.doorward/api/session", &bearer).await.json();
        Person { token, id: who["session_id"].as_str().unwrap().to_owned() }
    }

    async fn try_enter(&self, person: &Person, headers: &str) -> (Answer, Client) {
        let headers = format!("{}{headers}", person.bearer());
        let request = handshake(&self.door.address.to_string(), "/terminal?cols=80", &headers);
        let mut stream = TcpStream::connect(self.door.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        (read_answer(&mut stream).await, Wire(stream))
    }

    async fn enter(&self, person: &Person) -> Client {
        let (answer, client) = self.try_enter(person, "").await;
        assert_eq!(answer.status, 101, "{answer:?}");
        client
    }

    /// The only room that somebody is in.
    async fn room(&self, person: &Person) -> Value {
        let answer = self.door.get("/.doorward/api/room", &person.bearer()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["rooms"][0].clone()
    }

    async fn act(&self, person: &Person, wish: Value) -> Answer {
        self.door.post("/.doorward/api/room", &person.bearer(), &wish.to_string()).await
    }

    /// Waits until somebody sees the room so.
    async fn until(&self, person: &Person, seen: impl Fn(&Value) -> bool) -> Value {
        loop {
            let room = self.room(person).await;
            if seen(&room) {
                return room;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn turn(&self, by: Duration) {
        self.door.clock.turn(by);
        self.door.gate.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn all_who_come_to_a_place_share_one_connection_and_one_of_them_writes() {
    let mut house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let mut anns = house.enter(&ann).await;
    let mut bens = house.enter(&ben).await;
    let (head, mut server) = house.opens.recv().await.unwrap();
    assert!(head.starts_with("get /terminal?cols=80 http/1.1"), "{head}");
    assert!(head.contains("x-doorward-subject: ann\r\n"), "{head}");
    server.say("welcome", false).await;
    assert_eq!(anns.hear().await, Ok("welcome".to_owned()));
    assert_eq!(bens.hear().await, Ok("welcome".to_owned()));

    bens.say("not mine to say", true).await;
    let refused = bens.hear().await.unwrap();
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(refused["error"], "not_owner");
    anns.say("ls", true).await;
    assert_eq!(server.hear().await, Ok("ls".to_owned()), "and nothing before it");
    server.say("README.md", false).await;
    assert_eq!(bens.hear().await, Ok("README.md".to_owned()));
    assert!(house.opens.try_recv().is_err(), "there is no second connection");
}

//= req: WS-6, type=test
#[tokio::test]
async fn who_may_only_observe_opens_nothing_and_never_writes() {
    let mut house = House::open().await;
    let eve = house.person_with("eve", Capabilities::OBSERVE).await;
    let (answer, _) = house.try_enter(&eve, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "room_empty"));
    assert!(house.opens.try_recv().is_err(), "nothing reaches the guarded server");
    let ann = house.person("ann").await;
    let mut anns = house.enter(&ann).await;
    let mut eves = house.enter(&eve).await;
    let (_, mut server) = house.opens.recv().await.unwrap();
    server.say("hi", false).await;
    assert_eq!(eves.hear().await, Ok("hi".to_owned()));
    let asked = house.act(&eve, json!({ "do": "ask" })).await;
    assert_eq!((asked.status, asked.code().as_str()), (403, "insufficient_capability"));
    eves.say("rm", true).await;
    assert!(eves.hear().await.unwrap().contains("not_owner"));
    anns.say("ls", true).await;
    assert_eq!(server.hear().await, Ok("ls".to_owned()));
}

#[tokio::test]
async fn a_lease_survives_a_reconnect_and_lapses_after_thirty_seconds() {
    let mut house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let anns = house.enter(&ann).await;
    let mut bens = house.enter(&ben).await;
    let (_, mut server) = house.opens.recv().await.unwrap();
    assert_eq!(house.act(&ben, json!({ "do": "ask" })).await.status, 200);
    drop(anns);
    house.until(&ben, |room| room["owner"]["connected"] == false).await;
    house.turn(GRACE - Duration::from_millis(1)).await;
    let mut anns = house.enter(&ann).await;
    anns.say("still me", true).await;
    assert_eq!(server.hear().await, Ok("still me".to_owned()), "on the same connection");
    drop(anns);
    house.until(&ben, |room| room["owner"]["connected"] == false).await;
    house.turn(GRACE).await;
    let room = house.room(&ben).await;
    assert_eq!((&room["role"], &room["owner"]["subject"]), (&json!("owner"), &json!("ben")));
    bens.say("mine now", true).await;
    assert_eq!(server.hear().await, Ok("mine now".to_owned()));
    let owners = house.door.audit().await.into_iter().filter(|one| one["event"] == "room_owner");
    let owners = owners.map(|one| one["subject"].clone()).collect::<Vec<_>>();
    assert_eq!(owners, ["ann", "ben"]);
}

#[tokio::test]
async fn the_shared_connection_ends_with_the_lease() {
    let mut house = House::open().await;
    let ann = house.person("ann").await;
    let anns = house.enter(&ann).await;
    let (_, mut server) = house.opens.recv().await.unwrap();
    drop(anns);
    while house.room(&ann).await != Value::Null {
        tokio::task::yield_now().await;
    }
    house.turn(GRACE).await;
    assert_eq!(server.hear().await, Err(1001));
    let _anns = house.enter(&ann).await;
    assert!(house.opens.recv().await.is_some(), "another is opened");
}

#[tokio::test]
async fn the_owner_passes_the_lease_on_to_who_asked() {
    let house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let _anns = house.enter(&ann).await;
    let _bens = house.enter(&ben).await;
    let give = json!({ "do": "give", "to": ben.id });
    assert_eq!(house.act(&ann, give.clone()).await.code(), "not_waiting");
    let asked = house.act(&ben, json!({ "do": "ask" })).await.json();
    assert_eq!(asked["rooms"][0]["waiting"][0]["session_id"], json!(ben.id));
    assert_eq!(house.act(&ben, give.clone()).await.code(), "not_owner");
    assert_eq!(house.act(&ann, give).await.status, 200);
    assert_eq!(house.room(&ben).await["role"], "owner");
    assert_eq!(house.act(&ann, json!({ "do": "release" })).await.code(), "not_owner");
    assert_eq!(house.act(&ben, json!({ "do": "release" })).await.status, 200);
    assert_eq!(house.room(&ben).await["owner"], Value::Null);
}

#[tokio::test]
async fn whoever_is_in_no_room_sees_none_and_does_nothing() {
    let house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let _anns = house.enter(&ann).await;
    let number = house.room(&ann).await["room"].clone();
    assert_eq!(house.room(&ben).await, Value::Null);
    for wish in [json!({ "do": "ask" }), json!({ "do": "release", "room": number })] {
        assert_eq!(house.act(&ben, wish).await.status, 404);
    }
    let bad = [json!({ "do": "give" }), json!({ "do": "own" }), json!({ "do": "ask", "to": "x" })];
    for wish in bad {
        assert_eq!(house.act(&ann, wish).await.code(), "malformed");
    }
    assert_eq!(house.door.get("/.doorward/api/room", "").await.status, 401);
}

#[tokio::test]
async fn the_rights_of_who_opened_it_end_the_room_for_all() {
    let mut house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let mut anns = house.enter(&ann).await;
    let mut bens = house.enter(&ben).await;
    let (_, mut server) = house.opens.recv().await.unwrap();
    assert_eq!(house.door.post("/.doorward/api/logout", &ann.bearer(), "").await.status, 204);
    assert_eq!(anns.hear().await, Err(4403), "its own end comes first");
    assert_eq!(bens.hear().await, Err(1001));
    assert_eq!(server.hear().await, Err(1001));
    let mut bens = loop {
        // Until the one that has ended is out of the way.
        let (answer, client) = house.try_enter(&ben, "").await;
        assert_eq!(answer.status, 101, "{answer:?}");
        if let Ok(opened) = house.opens.try_recv() {
            server = opened.1;
            break client;
        }
    };
    bens.say("mine", true).await;
    assert_eq!(server.hear().await, Ok("mine".to_owned()), "nobody keeps a lease by being gone");
}

#[tokio::test]
async fn a_follower_that_is_revoked_leaves_the_others_alone() {
    let mut house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let mut anns = house.enter(&ann).await;
    let mut bens = house.enter(&ben).await;
    let (_, mut server) = house.opens.recv().await.unwrap();
    assert_eq!(house.door.post("/.doorward/api/logout", &ben.bearer(), "").await.status, 204);
    assert_eq!(bens.hear().await, Err(4403));
    anns.say("on I go", true).await;
    assert_eq!(server.hear().await, Ok("on I go".to_owned()));
}

#[tokio::test]
async fn those_who_join_speak_what_is_spoken() {
    let mut house = House::speaking("Sec-WebSocket-Protocol: app\r\n").await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let offer = |list: &str| format!("Sec-WebSocket-Protocol: {list}\r\n");
    let (answer, _anns) = house.try_enter(&ann, &offer("doorward, app")).await;
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some("app")));
    let (head, _server) = house.opens.recv().await.unwrap();
    assert!(head.contains("sec-websocket-protocol: app\r\n"), "{head}");
    for (offered, selected) in [("other, app", "app"), ("doorward, other", "doorward")] {
        let (answer, _) = house.try_enter(&ben, &offer(offered)).await;
        let seen = (answer.status, answer.header("sec-websocket-protocol"));
        assert_eq!(seen, (101, Some(selected)));
    }
    for headers in [offer("other"), String::new()] {
        let (answer, _) = house.try_enter(&ben, &headers).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "subprotocol_mismatch"));
    }
}

//= req: UPGRADE-6, type=test
#[tokio::test]
async fn a_handshake_answered_with_what_was_not_asked_for_opens_nothing() {
    for answered in [
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        "Sec-WebSocket-Protocol: other\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    ] {
        let house = House::speaking(answered).await;
        let ann = house.person("ann").await;
        let (answer, _) = house.try_enter(&ann, "Sec-WebSocket-Protocol: app, doorward\r\n").await;
        assert_eq!(answer.status, 502, "{answered}");
        assert_eq!(house.room(&ann).await, Value::Null, "and nobody has a place");
    }
}

#[tokio::test]
async fn what_runs_on_the_server_asks_the_owner() {
    let house = House::open().await;
    let (ann, ben) = (house.person("ann").await, house.person("ben").await);
    let local = format!("Authorization: Doorward-Session {}\r\n", house.door.local("build").await);
    let ask = || house.door.post("/.doorward/api/ask", &local, r#"{"question":"Deploy?"}"#);
    assert_eq!(ask().await.json(), json!({ "answer": "denied", "reason": "no_owner" }));
    let anns = house.enter(&ann).await;
    let _bens = house.enter(&ben).await;
    for (allow, expected) in [
        (true, json!({ "answer": "allowed" })),
        (false, json!({ "answer": "denied", "reason": "owner_said_no" })),
    ] {
        let answering = async {
            let room = house.until(&ann, |room| room["questions"][0] != Value::Null).await;
            let question = &room["questions"][0];
            let shown = (&question["question"], &question["asked_by"]);
            assert_eq!(shown, (&json!("Deploy?"), &json!("build")));
            assert_eq!(house.room(&ben).await["questions"], json!([]), "the owner's alone");
            let answer = json!({ "do": "answer", "question": question["id"], "allow": allow });
            assert_eq!(house.act(&ben, answer.clone()).await.code(), "no_question");
            assert_eq!(house.act(&ann, answer).await.status, 200);
        };
        let (asked, ()) = tokio::join!(ask(), answering);
        assert_eq!(asked.json(), expected);
    }
    let leaving = async {
        house.until(&ann, |room| room["questions"][0] != Value::Null).await;
        drop(anns);
    };
    let (asked, ()) = tokio::join!(ask(), leaving);
    assert_eq!(asked.json(), json!({ "answer": "denied", "reason": "owner_left" }));
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_denied_after_a_minute() {
    let house = House::open().await;
    let ann = house.person("ann").await;
    let _anns = house.enter(&ann).await;
    let local = format!("Authorization: Doorward-Session {}\r\n", house.door.local("build").await);
    let asking = house.door.post("/.doorward/api/ask", &local, r#"{"question":"Deploy?"}"#);
    let waiting = async {
        house.until(&ann, |room| room["questions"][0] != Value::Null).await;
        house.turn(Duration::from_secs(60)).await;
    };
    let (asked, ()) = tokio::join!(asking, waiting);
    assert_eq!(asked.json(), json!({ "answer": "denied", "reason": "timed_out" }));
}

#[tokio::test]
async fn only_a_local_token_asks_and_only_what_can_be_shown() {
    let house = House::open().await;
    let ann = house.person("ann").await;
    let ask = |bearer: String, body: &'static str| {
        let door = &house.door;
        async move { door.post("/.doorward/api/ask", &bearer, body).await }
    };
    let question = r#"{"question":"Deploy?"}"#;
    assert_eq!(ask(ann.bearer(), question).await.code(), "local_only");
    assert_eq!(ask(String::new(), question).await.status, 401);
    let local = format!("Authorization: Doorward-Session {}\r\n", house.door.local("build").await);
    for body in [r#"{"question":"a\u001b[2J"}"#, r#"{"question":""}"#, "{}", "Deploy?"] {
        assert_eq!(ask(local.clone(), body).await.code(), "malformed", "{body}");
    }
}
