//! Real sockets and whole handshakes.

use std::future::pending;

use doorward_websocket::{End, Limits, Opened, Peer, Summary, Violation, echo, relay};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};
use tungstenite::protocol::Message;

use crate::support::{
    BINARY, FIN, close_message, close_of, header, rest, revoked, unlimited, until,
};

/// Both ends of a connection.
async fn socket() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.expect("connected"), far.expect("accepted").0)
}

type Socket = WebSocketStream<TcpStream>;

/// A client and a server that each did their handshake, with a relay between them.
async fn relayed(
    ended: impl Future<Output = doorward_websocket::CloseReason> + Send + 'static,
) -> (Socket, Socket, JoinHandle<Summary>) {
    let ((client, near_client), (near_server, server)) = tokio::join!(socket(), socket());
    let plain = Some(unlimited());
    let (client, accepted) = tokio::join!(
        client_async_with_config("ws://localhost/", client, plain),
        accept_async_with_config(near_client, plain)
    );
    let (dialled, server) = tokio::join!(
        client_async_with_config("ws://localhost/", near_server, plain),
        accept_async_with_config(server, plain)
    );
    let relay = tokio::spawn(relay(
        Opened::new(accepted.expect("upgraded").into_inner()),
        Opened::new(dialled.expect("upgraded").0.into_inner()),
        Limits::default(),
        ended,
    ));
    (client.expect("upgraded").0, server.expect("upgraded"), relay)
}

#[tokio::test]
async fn a_whole_conversation() {
    let (mut client, mut server, relay) = relayed(pending()).await;
    for message in
        [Message::text("hello"), Message::binary(vec![5; 1 << 20]), Message::Ping("p".into())]
    {
        let (sent, received) = tokio::join!(client.send(message.clone()), server.next());
        sent.expect("sent");
        assert!(received.expect("one").expect("lawful") == message);
    }
    server.flush().await.expect("the pong is written");
    let pong = client.next().await.expect("one").expect("lawful");
    assert_eq!(pong, Message::Pong("p".into()));
    let big = Message::binary(vec![6; 16 << 20]);
    let (sent, received) = tokio::join!(server.send(big.clone()), client.next());
    sent.expect("sent");
    assert!(received.expect("one").expect("lawful") == big);

    client.send(close_message(1000, "bye")).await.expect("sent");
    let (at_client, at_server) = tokio::join!(close_of(&mut client), close_of(&mut server));
    assert_eq!(at_server, Some((1000, "bye".to_owned())));
    assert_eq!(at_client, at_server);
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Closed { by: Peer::Client, code: Some(1000) });
}

#[tokio::test]
async fn an_offender_hears_why_though_it_keeps_sending() {
    let (client, mut server, relay) = relayed(pending()).await;
    let (mut reader, mut writer) = client.into_inner().into_split();
    // Much more than any buffer on the way: closing with bytes unread would reset the connection
    // and take the Close frame with it.
    let flood = async {
        let _ = writer.write_all(&header(FIN | BINARY, true, 8 << 20)).await;
        let _ = writer.write_all(&vec![0; 8 << 20]).await;
        drop(writer);
    };
    let hear = async {
        let mut close = [0; 4];
        reader.read_exact(&mut close).await.expect("a Close frame");
        let _ = rest(&mut reader).await;
        close
    };
    let ((), close, told) = tokio::join!(flood, hear, close_of(&mut server));
    assert_eq!((close[0], &close[2..]), (0x88, &1009_u16.to_be_bytes()[..]));
    assert_eq!(told.map(|(code, _)| code), Some(1001));
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Violation { by: Peer::Client, violation: Violation::TooBig });
}

#[tokio::test]
async fn ended_over_sockets() {
    let (end, ended) = tokio::sync::oneshot::channel();
    let (mut client, mut server, relay) = relayed(until(ended)).await;
    client.send(Message::text("hello")).await.expect("sent");
    assert_eq!(server.next().await.expect("one").expect("lawful"), Message::text("hello"));
    end.send(revoked()).expect("listening");
    let (at_client, at_server) = tokio::join!(close_of(&mut client), close_of(&mut server));
    assert_eq!(at_client, Some((4403, "session revoked".to_owned())));
    assert_eq!(at_server.map(|(code, _)| code), Some(1001));
    assert_eq!(relay.await.expect("no panic").end, End::Ended(revoked()));
}

#[tokio::test]
async fn a_reset_ends_it() {
    let (client, mut server, relay) = relayed(pending()).await;
    let client = client.into_inner();
    client.set_zero_linger().expect("a socket option");
    drop(client);
    assert_eq!(close_of(&mut server).await, None);
    drop(server);
    let end = relay.await.expect("no panic").end;
    assert!(matches!(end, End::Dropped { by: Peer::Client, .. }), "{end:?}");
}

#[tokio::test]
async fn echo_over_sockets() {
    let (client, server) = socket().await;
    let plain = Some(unlimited());
    let (client, accepted) = tokio::join!(
        client_async_with_config("ws://localhost/", client, plain),
        accept_async_with_config(server, plain)
    );
    let server = Opened::new(accepted.expect("upgraded").into_inner());
    let echo = tokio::spawn(echo(server, Limits::default(), pending()));
    let mut client = client.expect("upgraded").0;
    for message in [Message::text("hello"), Message::binary(vec![5; 1 << 20])] {
        client.send(message.clone()).await.expect("sent");
        assert!(client.next().await.expect("one").expect("lawful") == message);
    }
    let _ = client.send(Message::binary(vec![5; 4 << 20])).await;
    assert_eq!(close_of(&mut client).await.map(|(code, _)| code), Some(1009));
    drop(client);
    let end = echo.await.expect("no panic").end;
    assert_eq!(end, End::Violation { by: Peer::Client, violation: Violation::TooBig });
}
