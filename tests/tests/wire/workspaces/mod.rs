//! Workspaces, over WebSocket and QUIC: what is joined, what is not there for whom, and what ends
//! live connections.

mod house;

use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Change, Placing, Server};
use quinn::{ReadToEndError, VarInt};

use self::house::{House, ended, name, placing};
use crate::quic::{LOCAL, SESSION, TOKEN, Words};

#[tokio::test]
async fn each_workspace_is_a_server_of_its_own_and_main_the_listener_s() {
    let house = House::open().await;
    let ann = house.token("ann").await;
    house.reach(&ann, "", "main").await;
    house.workspace("lab").await;
    house.workspace("shop").await;
    for workspace in ["main", "lab", "shop"] {
        house.admit(workspace, "ann", "observe,operate").await;
    }
    house.reach(&ann, "", "main").await;
    for workspace in ["lab", "shop"] {
        house.reach(&ann, workspace, workspace).await;
    }
    let (main, _) = house.greet(SESSION, &ann, "main").await.welcome();
    assert_eq!(house::Live::Quic(main).heard().await, "main");
}

#[tokio::test]
async fn what_is_another_s_and_what_is_not_there_answer_alike() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.admit("lab", "ann", "observe,operate").await;
    let (ann, ben) = (house.token("ann").await, house.token("ben").await);
    house.reach(&ann, "lab", "lab").await;
    let foreign = house.refusals(&ben, "lab").await;
    let record = house.door.last_denial().await;
    assert_eq!(record["reason"], "workspace_unknown");
    assert_eq!(foreign, house.refusals(&ben, "").await, "nothing is theirs");
    let unknown = house.greet(SESSION, &ben, "attic").await.closed();
    let trace = unknown.reason["trace_id"].as_str().unwrap().to_owned();
    assert_eq!(unknown.code, 4404);
    assert_eq!(foreign[1], unknown.reason.to_string().replace(&trace, ""));
    let other = house.door.last_denial().await;
    assert_eq!(record["threat"], other["threat"]);
}

#[tokio::test]
async fn who_names_none_joins_their_home_else_main_else_the_only_one() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.workspace("shop").await;
    let ann = house.token("ann").await;
    house.refusals(&ann, "").await;
    house.admit("lab", "ann", "observe,operate").await;
    house.reach(&ann, "", "lab").await;
    house.admit("shop", "ann", "observe,operate").await;
    house.refusals(&ann, "").await;
    house.admit("main", "ann", "observe,operate").await;
    house.reach(&ann, "", "main").await;
    house.admit_as("shop", "ann", "observe,operate", true).await;
    house.reach(&ann, "", "shop").await;
}

#[tokio::test]
async fn a_lost_membership_ends_its_connections_and_no_other() {
    let house = House::open().await;
    house.workspace("lab").await;
    for (workspace, who) in [("lab", "ann"), ("lab", "ben"), ("main", "ann")] {
        house.admit(workspace, who, "observe,operate").await;
    }
    let (ann, ben) = (house.token("ann").await, house.token("ben").await);
    let lost = house.reach(&ann, "lab", "lab").await;
    let elsewhere = house.reach(&ann, "", "main").await;
    let others = house.reach(&ben, "lab", "lab").await;
    house.change(Change::Expel(name("lab"), Subject::new("ann").unwrap())).await;
    assert_eq!(ended(lost).await, [4404, 4404]);
    house.refusals(&ann, "lab").await;
    for mut live in elsewhere.into_iter().chain(others) {
        live.heard().await;
    }
}

#[tokio::test]
async fn a_lost_capability_ends_what_was_admitted_with_it() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.admit("lab", "ann", "observe,operate,spawn").await;
    let ann = house.token("ann").await;
    let live = house.reach(&ann, "lab", "lab").await;
    house.admit("lab", "ann", "observe,operate").await;
    let [mut one, mut other] = live;
    // Its token never had the one that is gone.
    assert_eq!((one.heard().await, other.heard().await), ("lab".into(), "lab".into()));
    house.admit("lab", "ann", "observe").await;
    assert_eq!(ended([one, other]).await, [4403, 4403]);
    let (answer, _) = house.upgrade(&format!("Bearer {ann}"), "lab").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "insufficient_capability"));
    let closed = house.greet(SESSION, &ann, "lab").await.closed();
    assert_eq!((closed.code, closed.error()), (4403, "insufficient_capability"));
}

//= req: PROXY-7, type=test
#[tokio::test]
async fn a_workspace_that_is_placed_anew_sends_its_connections_to_the_new_place() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.admit("lab", "ann", "observe,operate").await;
    let ann = house.token("ann").await;
    let before = house.reach(&ann, "lab", "lab").await;
    house.change(Change::Place(name("lab"), placing("lab", "moved").await)).await;
    assert_eq!(ended(before).await, [1001, 1001]);
    let before = house.reach(&ann, "lab", "moved").await;
    house.change(Change::Delete(name("lab"))).await;
    assert_eq!(ended(before).await, [4404, 4404]);
}

#[tokio::test]
async fn a_hello_for_a_token_may_name_a_workspace_that_is_its_own_alone() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.admit("lab", "ann", "observe,operate").await;
    for (who, code) in [("ann", 0), ("ben", 4404)] {
        let token = house.token(who).await;
        let words = Words::one(TOKEN, SESSION, &token);
        house.wicket.greet(&words).await.welcome();
        let greeted = house.wicket.greet(&Words { workspace: b"lab".to_vec(), ..words }).await;
        match code {
            0 => drop(greeted.welcome()),
            code => assert_eq!(greeted.closed().code, code),
        }
    }
}

#[tokio::test]
async fn a_local_token_joins_its_own_workspace_and_no_other() {
    let house = House::open().await;
    house.workspace("lab").await;
    house.workspace("shop").await;
    let token = house.local("lab").await;
    let says = format!("Doorward-Session {token}");
    for workspace in ["", "lab"] {
        let (answer, socket) = house.upgrade(&says, "lab").await;
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(house::Live::WebSocket(socket).heard().await, "lab");
        let (connection, _) = house.greet(LOCAL, &token, workspace).await.welcome();
        assert_eq!(house::Live::Quic(connection).heard().await, "lab");
    }
    let (answer, _) = house.upgrade(&says, "shop").await;
    assert_eq!(answer.status, 404);
    for workspace in ["shop", "main", "attic"] {
        assert_eq!(house.greet(LOCAL, &token, workspace).await.closed().code, 4404);
    }
}

#[tokio::test]
async fn streams_reach_no_web_server_and_no_address_that_is_none() {
    let house = House::open().await;
    let server = |text| Server::new(text).unwrap();
    let web = Placing { web: Some(server("http://127.0.0.1:9")), ..Placing::default() };
    house.change(Change::Create(name("web"), web)).await;
    let bad = Placing { bytes: Some(server("http://127.0.0.1:9")), ..Placing::default() };
    house.change(Change::Create(name("bad"), bad)).await;
    house.change(Change::Create(name("bare"), Placing::default())).await;
    for workspace in ["web", "bad", "bare"] {
        house.admit(workspace, "ann", "observe,operate").await;
    }
    let ann = house.token("ann").await;
    assert_eq!(house.greet(SESSION, &ann, "web").await.closed().code, 4404);
    let (connection, _) = house.greet(SESSION, &ann, "bad").await.welcome();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"x").await.unwrap();
    let Err(ReadToEndError::Read(quinn::ReadError::Reset(code))) = receive.read_to_end(9).await
    else {
        panic!("it is reset")
    };
    assert_eq!(code, VarInt::from_u32(4502));
    let (connection, _) = house.greet(SESSION, &ann, "bare").await.welcome();
    crate::quic::echoes(&connection).await;
}
