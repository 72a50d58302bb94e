//! What is the same over both transports.

use doorward_policy::capability::Capabilities;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{
    Change, Member as Membership, Placing, Server as At, WorkspaceName,
};
use std::time::Duration;
use tokio::net::TcpListener;

use super::house::{BOTH, GRACE, House, Server, Wire, bearer};

#[tokio::test]
async fn the_first_writes_and_everybody_hears() {
    for wire in BOTH {
        let house = House::open().await;
        let (first, second) = (house.operator().await, house.operator().await);
        let (mut owner, mut server) = house.opened(wire, &first).await;
        let mut follower = house.join(wire, &second).await;
        house.until(&second, |room| room["role"] == "follower").await;
        owner.say("ls").await;
        server.hears("ls").await;
        server.say("files").await;
        owner.hears("files").await;
        follower.hears("files").await;
        follower.say("rm").await;
        follower.is_told_that_it_follows().await;
        owner.say("pwd").await;
        server.hears("pwd").await;
        server.say("/").await;
        owner.hears("/").await;
        follower.hears("/").await;
    }
}

#[tokio::test]
async fn who_may_only_observe_opens_nothing_and_never_writes() {
    for wire in BOTH {
        let house = House::open().await;
        let (observer, operator) = (house.observer().await, house.operator().await);
        let refused = match house.ask(wire, &observer).await {
            Err(refused) => (refused.code, refused.error),
            Ok(mut member) => (member.ends().await, "room_empty".into()),
        };
        let code = if wire == Wire::Quic { 1013 } else { 503 };
        assert_eq!(refused, (code, "room_empty".into()), "{wire:?}");
        let (mut owner, mut server) = house.opened(wire, &operator).await;
        let mut watcher = house.join(wire, &observer).await;
        house.until(&observer, |room| room["role"] == "follower").await;
        assert_eq!(house.act(&observer, r#"{"do":"ask"}"#).await.status, 403);
        server.say("hello").await;
        watcher.hears("hello").await;
        owner.hears("hello").await;
        watcher.say("me").await;
        watcher.is_told_that_it_follows().await;
        owner.say("mine").await;
        server.hears("mine").await;
    }
}

#[tokio::test]
async fn an_owner_who_comes_back_in_time_still_owns() {
    for wire in BOTH {
        let house = House::open().await;
        let (first, second) = (house.operator().await, house.operator().await);
        let (owner, mut server) = house.opened(wire, &first).await;
        let mut follower = house.join(wire, &second).await;
        house.until(&second, |room| room["role"] == "follower").await;
        assert_eq!(house.act(&second, r#"{"do":"ask"}"#).await.status, 200);
        drop(owner);
        house.until(&second, |room| room["owner"]["connected"] == false).await;
        house.wait(GRACE - Duration::from_millis(1)).await;
        assert_eq!(house.room(&second).await["role"], "follower", "{wire:?}");
        let mut owner = house.join(wire, &first).await;
        house.until(&second, |room| room["owner"]["connected"] == true).await;
        house.wait(GRACE).await;
        owner.say("back").await;
        server.hears("back").await;
        server.say("same").await;
        owner.hears("same").await;
        follower.hears("same").await;
    }
}

#[tokio::test]
async fn a_lease_that_lapses_goes_to_who_has_asked_for_longest() {
    for wire in BOTH {
        let house = House::open().await;
        let mut tokens = Vec::new();
        for _ in 0..4 {
            tokens.push(house.operator().await);
        }
        let (owner, mut server) = house.opened(wire, &tokens[0]).await;
        let mut members = Vec::new();
        for token in &tokens[1..] {
            members.push(house.join(wire, token).await);
            house.until(token, |room| room["role"] == "follower").await;
        }
        // The second has come later and asked first; the first has not asked at all.
        for asks in [2, 3] {
            assert_eq!(house.act(&tokens[asks], r#"{"do":"ask"}"#).await.status, 200);
        }
        drop(owner);
        house.until(&tokens[1], |room| room["owner"]["connected"] == false).await;
        house.wait(GRACE).await;
        assert_eq!(house.room(&tokens[2]).await["role"], "owner", "{wire:?}");
        members[1].say("mine now").await;
        server.hears("mine now").await;
        for refused in [0, 2] {
            members[refused].say("me").await;
            members[refused].is_told_that_it_follows().await;
        }
        let owners = house.door.audit().await;
        let owners = owners.iter().filter(|record| record["event"] == "room_owner");
        assert_eq!(owners.count(), 2, "{wire:?}");
    }
}

#[tokio::test]
async fn a_lease_that_is_handed_over_changes_who_writes_at_once() {
    for wire in BOTH {
        let house = House::open().await;
        let (first, second) = (house.operator().await, house.operator().await);
        let (mut owner, mut server) = house.opened(wire, &first).await;
        let mut follower = house.join(wire, &second).await;
        house.until(&second, |room| room["role"] == "follower").await;
        house.act(&second, r#"{"do":"ask"}"#).await;
        let to = house.room(&first).await["waiting"][0]["session_id"].clone();
        let given = house.act(&first, &format!(r#"{{"do":"give","to":{to}}}"#)).await;
        assert_eq!(given.status, 200, "{given:?}");
        follower.say("thanks").await;
        server.hears("thanks").await;
        owner.say("one more").await;
        owner.is_told_that_it_follows().await;
        follower.say("last").await;
        server.hears("last").await;
    }
}

#[tokio::test]
async fn a_revoked_owner_is_put_out_and_writes_nothing_more() {
    for wire in BOTH {
        let house = House::open().await;
        let (first, second) = (house.operator().await, house.operator().await);
        let (mut owner, mut server) = house.opened(wire, &first).await;
        let mut follower = house.join(wire, &second).await;
        house.until(&second, |room| room["role"] == "follower").await;
        house.act(&second, r#"{"do":"ask"}"#).await;
        owner.say("before").await;
        server.hears("before").await;
        let signed_out = house.door.post("/.doorward/api/logout", &bearer(&first), "").await;
        assert_eq!(signed_out.status, 204, "{signed_out:?}");
        assert_eq!(owner.ends().await, 4403, "{wire:?}");
        match wire {
            // The guarded server was told whose connection it is.
            Wire::WebSocket => {
                assert_eq!(follower.ends().await, 1001);
                server.ends().await;
                let (mut follower, mut server) = house.opened(wire, &second).await;
                follower.say("anew").await;
                server.hears("anew").await;
            }
            // It knows of nobody, and who has waited goes on, without a grace for who can't return.
            Wire::Quic => {
                house.until(&second, |room| room["role"] == "owner").await;
                follower.say("on it goes").await;
                server.hears("on it goes").await;
            }
        }
    }
}

#[tokio::test]
async fn a_room_that_nobody_may_come_back_to_ends_and_the_next_is_another() {
    for wire in BOTH {
        let house = House::open().await;
        let token = house.operator().await;
        let (owner, mut server) = house.opened(wire, &token).await;
        drop(owner);
        // Nobody is left who could see it.
        house.until(&token, serde_json::Value::is_null).await;
        house.wait(GRACE).await;
        server.ends().await;
        let (mut owner, mut server) = house.opened(wire, &token).await;
        owner.say("anew").await;
        server.hears("anew").await;
    }
}

#[tokio::test]
async fn a_workspace_shares_with_no_other() {
    for wire in BOTH {
        let house = House::open().await;
        let lab = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (main, name) = (WorkspaceName::main(), WorkspaceName::new("lab").unwrap());
        let at = |scheme| At::new(&format!("{scheme}://{}", lab.local_addr().unwrap()));
        let placing = Placing { claims: Vec::new(), web: at("http"), bytes: at("tcp") };
        house.change(Change::Create(name, placing)).await;
        let subject = Subject::new("tester").unwrap();
        let member = |home| Membership { subject, capabilities: Capabilities::ALL, home };
        house.change(Change::Admit(main, member(true))).await;
        let (first, second) = (house.operator().await, house.operator().await);
        let (mut in_main, mut server) = house.opened(wire, &first).await;
        house.change(Change::Admit(name, member(true))).await;
        let (mut in_lab, mut lab_server) =
            tokio::join!(house.join(wire, &second), Server::accept(wire, &lab));
        in_lab.say("in the lab").await;
        lab_server.hears("in the lab").await;
        in_main.say("in main").await;
        server.hears("in main").await;
        // A lost membership ends those who had it, and nobody else.
        house.change(Change::Expel(name, subject)).await;
        assert_eq!(in_lab.ends().await, 4404, "{wire:?}");
        server.say("still").await;
        in_main.hears("still").await;
    }
}

#[tokio::test]
async fn who_came_to_observe_does_not_write_by_a_later_right_of_the_same_session() {
    for wire in BOTH {
        let house = House::open().await;
        let (main, lab) = (WorkspaceName::main(), WorkspaceName::new("lab").unwrap());
        let placing = Placing { claims: Vec::new(), web: None, bytes: None };
        house.change(Change::Create(lab, placing)).await;
        let admit = |name, capabilities| {
            let subject = Subject::new(name).unwrap();
            Change::Admit(main, Membership { subject, capabilities, home: true })
        };
        house.change(admit("ann", Capabilities::ALL)).await;
        house.change(admit("ben", Capabilities::OBSERVE)).await;
        let ann = house.door.token_of("ann", Capabilities::START_UP).await;
        let ben = house.door.token_of("ben", Capabilities::START_UP).await;
        let (_owner, mut server) = house.opened(wire, &ann).await;
        let mut watching = house.join(wire, &ben).await;
        house.until(&ben, |room| room["role"] == "follower").await;
        house.change(admit("ben", Capabilities::ALL)).await;
        let mut writing = house.join(wire, &ben).await;
        server.say("hi").await;
        writing.hears("hi").await;
        // Only one of the two may ask, and it is the session that does.
        assert_eq!(house.act(&ben, r#"{"do":"ask"}"#).await.status, 200);
        assert_eq!(house.act(&ann, r#"{"do":"release"}"#).await.status, 200);
        writing.say("by right").await;
        server.hears("by right").await;
        watching.hears("hi").await;
        watching.say("by none").await;
        watching.is_told_that_it_follows().await;
        writing.say("still").await;
        server.hears("still").await;
    }
}
