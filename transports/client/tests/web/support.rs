//! What stands in for a Doorward that speaks HTTP: heads and answers, written by hand.

use doorward_client::{
    Client, ClientError, Closed, Connection, Credential, Server, Session, Target, Trust,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

use crate::desk::NOW;

/// What a redemption is answered with.
pub(crate) const TOKEN: &str = r#"{"access_token":"A.token","token_type":"Bearer","expires_in":100000,"session_id":"00","subject":"me"}"#;

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) fn client() -> Client {
    Client::new(Trust::system())
}

/// A port of its own, and the server that a client takes it for.
pub(crate) async fn listen(scheme: &str) -> (TcpListener, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("{scheme}://localhost:{port}");
    (listener, Target::parse(&url).expect("valid").server)
}

pub(crate) async fn pair(client: &Client, server: &Server) -> Result<Session, ClientError> {
    let secret = Credential::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    client.pair(server, &secret.expect("valid"), [7; 32], NOW).await
}

/// The head of a request that comes in one piece.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.expect("read");
    String::from_utf8_lossy(&head[..length]).into_owned()
}

pub(crate) fn answer(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
}

/// Takes up the WebSocket that a request with this head asks for.
pub(crate) async fn upgrade(mut stream: TcpStream, head: &str) -> Socket {
    let key = head.split_once("sec-websocket-key: ").expect("a key").1;
    let key = derive_accept_key(key.lines().next().expect("a line").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("written");
    WebSocketStream::from_raw_socket(stream, Role::Server, None).await
}

pub(crate) async fn until_closed(mut connection: Connection) -> Closed {
    loop {
        if let Err(closed) = connection.next().await {
            return closed;
        }
    }
}
