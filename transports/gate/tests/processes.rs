//! Several processes, some of which are killed. A child is this test binary once more, told by an
//! environment variable which part it plays.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use common::{at, attempt, audit, digest, grant, local, open, place};
use doorward_gate::audit::Event;
use doorward_gate::export::AuditFile;
use doorward_gate::store::{SqliteStore, Store, StoreError};
use doorward_policy::Capabilities;
use doorward_policy::grant::GrantRefusal;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::workspace::{Change, Placing, WorkspaceName};
use rustix::process::{Resource, Rlimit, setrlimit};

const PART: &str = "DOORWARD_TEST_PART";
const PLACE: &str = "DOORWARD_TEST_PLACE";
/// Before what a child says, to tell it from what the test harness says.
const SAYS: &str = "says: ";

fn main_of(part: &str) -> bool {
    std::env::var(PART).is_ok_and(|played| played == part)
}

fn store_of_child() -> Arc<SqliteStore> {
    Arc::new(open(Path::new(&std::env::var(PLACE).expect("a place"))))
}

fn say(what: impl Display) {
    println!("\n{SAYS}{what}");
}

struct Actor {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    fn start(part: &str, place: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        // A file that grows too far is an error for it, not its end.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["--exact", part, "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .env(PLACE, place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, input, output }
    }

    /// The next thing that it says; `None` after its end.
    fn hear(&mut self) -> Option<String> {
        let said = |line: String| line.strip_prefix(SAYS).map(str::to_owned);
        self.output.by_ref().map_while(Result::ok).find_map(said)
    }

    fn tell(&mut self, what: impl Display) {
        writeln!(self.input, "{what}").expect("it listens");
    }

    /// SIGKILL. Returns what it had said before.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        let rest = std::iter::from_fn(|| self.hear()).collect();
        self.child.wait().expect("gone");
        rest
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

async fn make(store: &SqliteStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let grant = grant(number, "ada", 1, at(0));
        store.insert_grant(digest(number), grant, audit(Event::GrantMade)).await.expect("kept");
    }
}

const GRANTS: u64 = 160;

#[test]
fn redeems_until_killed() {
    if !main_of("redeems_until_killed") {
        return;
    }
    let store = store_of_child();
    runtime().block_on(async {
        let tasks = (0..4).map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in (task..GRANTS).step_by(4) {
                    let record = audit(Event::GrantRedeemed);
                    let answer = store.redeem(digest(number), attempt(number), at(1), record).await;
                    let session = answer.expect("answered").expect("a session");
                    say(format_args!("{number} {}", session.id));
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
    });
}

//= req: STORE-1, STORE-3, type=test
/// I5, I21: afterwards each grant is unspent, or its one session exists with its audit record,
/// and the same nonce fetches the session that was acknowledged.
#[test]
fn a_redemption_survives_kill_9_or_did_not_happen() {
    for round in 0..16 {
        let (_dir, path) = place();
        runtime().block_on(make(&open(&path), 0..GRANTS));
        let mut child = Actor::start("redeems_until_killed", &path);
        let mut acknowledged = Vec::new();
        for _ in 0..=round * 7 {
            acknowledged.extend(child.hear());
        }
        acknowledged.extend(child.kill());
        let acknowledged = acknowledged.iter().map(|line| {
            let (number, session) = line.split_once(' ').expect("two words");
            let session = SessionId::parse(session).expect("a session");
            (number.parse::<u64>().expect("a number"), session)
        });
        let acknowledged = acknowledged.collect::<BTreeMap<_, _>>();
        assert!(!acknowledged.is_empty());
        runtime().block_on(check_after_kill(&open(&path), &acknowledged));
    }
}

async fn check_after_kill(store: &SqliteStore, acknowledged: &BTreeMap<u64, SessionId>) {
    let mut by_grant = BTreeMap::new();
    for session in store.sessions().await.expect("a list") {
        assert_eq!(by_grant.insert(session.grant, session.id), None, "never two sessions");
    }
    let spent = store.grants().await.expect("a list");
    assert_eq!(spent.len() as u64, GRANTS);
    for grant in &spent {
        assert_eq!(grant.uses_left == 0, by_grant.contains_key(&grant.id));
    }
    let lines = store.audit_lines(0, usize::MAX).await.expect("lines");
    for session in by_grant.values() {
        let about = lines.iter().filter(|line| line.json.contains(&session.to_string()));
        assert_eq!(about.count(), 1);
    }
    assert_eq!(lines.len(), spent.len() + by_grant.len());
    for (number, session) in acknowledged {
        let record = audit(Event::GrantRedeemed);
        let again = store.redeem(digest(*number), attempt(*number), at(2), record).await;
        assert_eq!(again.expect("answered").expect("the same again").id, *session);
    }
}

#[test]
fn changes_rights_until_killed() {
    if !main_of("changes_rights_until_killed") {
        return;
    }
    let store = store_of_child();
    runtime().block_on(async {
        let sessions = store.sessions().await.expect("a list");
        for (number, session) in (1_u64..).zip(sessions.iter().map(|session| session.id)) {
            let which = Selector::Session(session);
            let record = audit(Event::SessionLimited);
            let limited = store.limit_sessions(which, Capabilities::OBSERVE, at(1), record).await;
            assert_eq!(limited.expect("answered").len(), 1);
            say(format_args!("limited {session}"));
            // Every third one takes the place of the one before.
            let id = number - u64::from(number.is_multiple_of(3));
            let local = local(id, 1000 + number, at(1));
            let record = audit(Event::LocalMade).about_local(&local);
            store.insert_local(digest(number), local.clone(), record).await.expect("kept");
            say(format_args!("local {number} {}", local.incarnation));
            let change = Change::Create(workspace(number), Placing::default());
            let record = audit(Event::WorkspaceChanged).about_change(&change);
            store.change_directory(change, record).await.expect("answered").expect("made");
            say(format_args!("workspace {number}"));
        }
    });
}

fn workspace(number: u64) -> WorkspaceName {
    WorkspaceName::new(&format!("workspace-{number}")).expect("a name")
}

//= req: STORE-1, type=test
/// I21: what was acknowledged is there, and for all that is there an audit record is.
#[test]
fn a_change_of_rights_survives_kill_9_or_did_not_happen() {
    for round in 0..8 {
        let (_dir, path) = place();
        runtime().block_on(async {
            let store = open(&path);
            let grant = grant(0, "ada", SESSIONS, at(0));
            store.insert_grant(digest(0), grant, audit(Event::GrantMade)).await.expect("kept");
            for nonce in 0..u64::from(SESSIONS) {
                let record = audit(Event::GrantRedeemed);
                let redeemed = store.redeem(digest(0), attempt(nonce), at(0), record).await;
                redeemed.expect("answered").expect("a session");
            }
            let made = store.audit_lines(0, usize::MAX).await.expect("lines");
            store.trim_audit(made.last().expect("one").number).await.expect("done");
        });
        let mut child = Actor::start("changes_rights_until_killed", &path);
        let mut acknowledged = Vec::new();
        for _ in 0..=round * 5 {
            acknowledged.extend(child.hear());
        }
        acknowledged.extend(child.kill());
        assert!(!acknowledged.is_empty());
        runtime().block_on(check_rights_after_kill(&open(&path), &acknowledged));
    }
}

const SESSIONS: u32 = 60;

async fn check_rights_after_kill(store: &SqliteStore, acknowledged: &[String]) {
    let sessions = store.sessions().await.expect("a list");
    let limited = sessions.iter().filter(|one| one.capabilities == Capabilities::OBSERVE);
    let limited = limited.map(|one| one.id).collect::<BTreeSet<_>>();
    let locals = store.locals().await.expect("a list");
    let directory = store.directory().await.expect("answered");
    let news = store.news(0).await.expect("answered");
    let told = news.sessions.iter().map(|(id, ..)| *id).collect::<BTreeSet<_>>();
    assert!(limited.is_subset(&told));
    let departed = told.difference(&limited).count();
    assert_eq!(news.directory.unwrap_or_default(), directory);
    // With the first workspace, main has got a record.
    let workspaces = directory.workspaces().len().saturating_sub(1);

    let lines = store.audit_lines(0, usize::MAX).await.expect("lines");
    let count = |event: &str| lines.iter().filter(|line| line.json.contains(event)).count();
    assert_eq!(count("session_limited"), limited.len());
    assert_eq!(count("local_made"), locals.len() + departed);
    assert_eq!(count("local_removed"), departed);
    assert_eq!(count("workspace_changed"), workspaces);

    for said in acknowledged {
        match *said.split(' ').collect::<Vec<_>>() {
            ["limited", session] => {
                assert!(limited.contains(&SessionId::parse(session).expect("a session")));
            }
            ["local", number, incarnation] => {
                let incarnation = SessionId::parse(incarnation).expect("an incarnation");
                let token = digest(number.parse().expect("a number"));
                let found = store.find_local(token).await.expect("answered");
                let there = found.is_some_and(|local| local.incarnation == incarnation);
                assert!(there != told.contains(&incarnation), "there, or replaced since");
            }
            ["workspace", number] => {
                let name = workspace(number.parse().expect("a number"));
                assert!(directory.workspace(&name).is_some());
            }
            _ => panic!("{said}"),
        }
    }
}

#[test]
fn races_for_each_grant() {
    if !main_of("races_for_each_grant") {
        return;
    }
    let store = store_of_child();
    say("ready");
    runtime().block_on(async {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let number = line.parse::<u64>().expect("a number");
            let tasks = (0..16).map(|client| {
                let store = Arc::clone(&store);
                let nonce = u64::from(std::process::id()) * 100 + client;
                let record = audit(Event::GrantRedeemed);
                tokio::spawn(async move {
                    store.redeem(digest(number), attempt(nonce), at(1), record).await
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                match task.await.expect("no panic") {
                    Ok(Ok(session)) => say(format_args!("got {}", session.id)),
                    Ok(Err(GrantRefusal::Spent)) => say("spent"),
                    other => say(format_args!("{other:?}")),
                }
            }
        }
    });
}

//= req: STORE-3, type=test
/// I5, over 64 clients in 4 processes.
#[test]
fn of_64_redeemers_in_4_processes_one_gets_a_session() {
    let (_dir, path) = place();
    let store = open(&path);
    const ROUNDS: u64 = 40;
    runtime().block_on(make(&store, 0..ROUNDS));
    let start = |_| Actor::start("races_for_each_grant", &path);
    let mut racers = (0..4).map(start).collect::<Vec<_>>();
    for racer in &mut racers {
        assert_eq!(racer.hear().as_deref(), Some("ready"));
    }
    for round in 0..ROUNDS {
        racers.iter_mut().for_each(|racer| racer.tell(round));
        let mut said = Vec::new();
        for racer in &mut racers {
            said.extend((0..16).map(|_| racer.hear().expect("an answer")));
        }
        let got = said.iter().filter(|answer| answer.starts_with("got"));
        assert_eq!(got.count(), 1, "{said:?}");
        assert_eq!(said.iter().filter(|answer| *answer == "spent").count(), 63, "{said:?}");
    }
    let sessions = runtime().block_on(store.sessions()).expect("a list");
    assert_eq!(sessions.len() as u64, ROUNDS);
    for racer in racers {
        racer.kill();
    }
}

#[test]
fn exports_until_killed() {
    if !main_of("exports_until_killed") {
        return;
    }
    let store = store_of_child();
    let place = std::env::var(PLACE).expect("a place");
    runtime().block_on(async {
        let dir = Path::new(&place).parent().expect("a folder");
        let mut file = AuditFile::open(dir).expect("it opens");
        loop {
            store.record(vec![audit(Event::Denied); 5]).await.expect("kept");
            say(file.export(&*store).await.expect("exported"));
        }
    });
}

//= req: AUDIT-2, AUDIT-3, type=test
#[test]
fn every_audit_line_is_exported_once_whenever_the_exporter_is_killed() {
    let (dir, path) = place();
    for round in 0..20 {
        let mut child = Actor::start("exports_until_killed", &path);
        for _ in 0..=round * 3 {
            child.hear().expect("it exports");
        }
        child.kill();
    }
    let store = open(&path);
    runtime().block_on(async {
        let mut file = AuditFile::open(dir.path()).expect("it opens");
        file.export(&store).await.expect("exported");
        assert_eq!(store.audit_lines(0, 1).await, Ok(Vec::new()));
    });
    let text = std::fs::read_to_string(dir.path().join("audit.jsonl")).expect("the file");
    let numbers = text.lines().map(|line| {
        let line = serde_json::from_str::<serde_json::Value>(line).expect("a whole line");
        line["n"].as_u64().expect("a number")
    });
    let numbers = numbers.collect::<Vec<_>>();
    assert!(numbers.len() > 500);
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
}

#[test]
fn runs_out_of_disk() {
    if !main_of("runs_out_of_disk") {
        return;
    }
    let store = store_of_child();
    let place = std::env::var(PLACE).expect("a place");
    let size = std::fs::metadata(format!("{place}-wal")).expect("a file").len();
    let limit = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum: None });
    runtime().block_on(async {
        limit(Some(size + 20_000)).expect("limited");
        let mut kept = 0;
        let refused = loop {
            let grant = grant(kept, "ada", 1, at(0));
            match store.insert_grant(digest(kept), grant, audit(Event::GrantMade)).await {
                Ok(()) => kept += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, StoreError::Unavailable(_)));
        say(&refused);
        say(kept);
        limit(None).expect("lifted");
        make(&store, kept..kept + 1).await;
        say("recovered");
    });
}

#[test]
fn a_file_that_can_grow_no_further_is_unavailable_until_it_can() {
    let (_dir, path) = place();
    let mut child = Actor::start("runs_out_of_disk", &path);
    let error = child.hear().expect("an error");
    assert!(error.contains("unavailable") && error.contains("disk"), "{error}");
    let kept = child.hear().expect("a number").parse::<u64>().expect("a number");
    assert_eq!(child.hear().as_deref(), Some("recovered"));
    child.kill();
    let store = open(&path);
    let grants = runtime().block_on(store.grants()).expect("a list");
    let ids = grants.iter().map(|grant| grant.id).collect::<BTreeSet<_>>();
    assert_eq!(ids.len() as u64, kept + 1, "all that was answered, and nothing else");
    let lines = runtime().block_on(store.audit_lines(0, usize::MAX)).expect("lines");
    assert_eq!(lines.len(), grants.len());
}
