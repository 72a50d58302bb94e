//! Clocks that are set wrong, set right, and slept through: no session gains time, and setting a
//! clock back ends none that should go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use door::{DAY, Door, HOUR, MINUTE, Paired, ended, living, memory};
use doorward_gate::store::Store;
use doorward_gate::{Clock, ClockError, LiveConnection, Reading, Readings, SystemClock};
use doorward_policy::denial::Denial;
use doorward_policy::{Settings, Timestamp};
use proptest::prelude::*;

/// When the tests begin.
const START: Duration = Duration::from_secs(1_900_000_000);
/// How often the time is persisted.
const MARK: Duration = Duration::from_secs(30);

/// A machine: the true time, and what its clocks make of it.
#[derive(Clone, Debug)]
struct Machine(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    /// Since the test's beginning.
    passed: Duration,
    wall: Duration,
}

impl Machine {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Times { passed: Duration::ZERO, wall: START })))
    }

    fn pass(&self, span: Duration) {
        self.sleep(span);
        self.0.lock().unwrap().wall += span;
    }

    /// Time passes, and the wall clock stands.
    fn sleep(&self, span: Duration) {
        self.0.lock().unwrap().passed += span;
    }

    fn set_back(&self, span: Duration) {
        self.0.lock().unwrap().wall -= span;
    }

    fn set_forward(&self, span: Duration) {
        self.0.lock().unwrap().wall += span;
    }

    fn set_to_the_epoch(&self) {
        self.0.lock().unwrap().wall = Duration::ZERO;
    }

    fn passed(&self) -> Duration {
        self.0.lock().unwrap().passed
    }
}

impl Readings for Machine {
    fn read(&self) -> Reading {
        let times = self.0.lock().unwrap();
        let wall = (times.wall > Duration::ZERO).then_some(times.wall);
        Reading { wall, boot: times.passed }
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}

fn at(passed: Duration) -> Timestamp {
    Timestamp::from_millis(millis(START + passed))
}

/// A listener starts on a machine, with what it finds in its store.
async fn start(machine: &Machine, store: &Arc<dyn Store>, settings: &Settings) -> Door {
    let floor = store.clock().await.unwrap();
    let clock = Arc::new(SystemClock::reading(machine.clone(), floor));
    let door = Door::open(settings.clone(), Arc::clone(store), clock).await;
    door.tick().await;
    door
}

/// A session of a week with a connection, on a machine of its own.
async fn in_use() -> (Machine, Door, Paired, LiveConnection) {
    let machine = Machine::new();
    let door = start(&machine, &memory(), &living(7 * DAY, 30 * DAY)).await;
    let paired = door.pair("laptop").await;
    let live = door.connect(&paired).await;
    (machine, door, paired, live)
}

impl Door {
    /// Whether the session and its connection stand, which they do together.
    async fn stands(&self, paired: &Paired, live: &LiveConnection) -> bool {
        self.tick().await;
        let admits = self.admits(paired).await;
        let end = ended(live).await;
        assert_eq!(end, (!admits).then_some(Denial::SessionExpired));
        admits
    }
}

//= req: TIME-1, type=test
#[tokio::test]
async fn a_clock_set_back_an_hour_ends_nothing_and_gives_nothing() {
    let (machine, door, paired, live) = in_use().await;
    machine.pass(7 * DAY - MINUTE);
    assert!(door.stands(&paired, &live).await);
    machine.set_back(HOUR);
    assert!(door.stands(&paired, &live).await);
    machine.pass(MINUTE - Duration::from_millis(1));
    assert!(door.stands(&paired, &live).await);
    machine.pass(Duration::from_millis(1));
    assert!(!door.stands(&paired, &live).await);
    assert_eq!(door.denial(&paired).await, Denial::SessionExpired);
}

#[tokio::test]
async fn a_session_opened_before_its_clock_was_set_back_is_admitted_after_it() {
    let (machine, door, paired, live) = in_use().await;
    machine.set_back(300 * DAY);
    assert!(door.stands(&paired, &live).await);
    let after = door.pair("phone").await;
    assert!(door.admits(&after).await);
    machine.pass(DAY);
    assert!(door.stands(&paired, &live).await);
    assert!(door.admits(&after).await);
}

//= req: FAIL-2, type=test
#[tokio::test]
async fn a_clock_set_to_before_1970_runs_on_and_one_that_began_there_is_refused() {
    let (machine, door, paired, live) = in_use().await;
    machine.set_to_the_epoch();
    assert!(door.stands(&paired, &live).await);
    machine.sleep(7 * DAY);
    assert!(!door.stands(&paired, &live).await);
    let never_set = SystemClock::reading(machine.clone(), Timestamp::EPOCH);
    assert_eq!(never_set.now(), Err(ClockError));
    let set_once = SystemClock::reading(machine, at(Duration::ZERO));
    assert_eq!(set_once.now(), Ok(at(Duration::ZERO)));
}

#[tokio::test]
async fn a_clock_set_forward_a_day_ends_what_would_end_by_then() {
    let (machine, door, ending, live) = in_use().await;
    machine.pass(6 * DAY + HOUR);
    door.tick().await;
    let staying = door.pair("phone").await;
    let stays = door.connect(&staying).await;
    machine.set_forward(DAY);
    assert!(!door.stands(&ending, &live).await);
    assert!(door.stands(&staying, &stays).await);
}

#[tokio::test]
async fn a_clock_set_forward_a_day_and_back_gives_nothing_again() {
    let (machine, door, paired, live) = in_use().await;
    machine.set_forward(DAY);
    assert!(door.stands(&paired, &live).await);
    machine.set_back(DAY);
    assert!(door.stands(&paired, &live).await);
    // What it was told once goes on to count: a day of the week is gone.
    machine.pass(6 * DAY - Duration::from_millis(1));
    assert!(door.stands(&paired, &live).await);
    machine.pass(Duration::from_millis(1));
    assert!(!door.stands(&paired, &live).await);
}

//= req: TIME-1, type=test
#[tokio::test]
async fn a_machine_that_sleeps_ages_whether_its_clock_runs_on_or_stands() {
    for wall_stands in [false, true] {
        let (machine, door, paired, live) = in_use().await;
        let sleep = |span| if wall_stands { machine.sleep(span) } else { machine.pass(span) };
        sleep(7 * DAY - Duration::from_millis(1));
        assert!(door.stands(&paired, &live).await, "{wall_stands}");
        // Awake, the wall clock is set right, and nothing is counted twice.
        if wall_stands {
            machine.set_forward(7 * DAY - Duration::from_millis(1));
        }
        assert!(door.stands(&paired, &live).await, "{wall_stands}");
        sleep(Duration::from_millis(1));
        assert!(!door.stands(&paired, &live).await, "{wall_stands}");
    }
}

//= req: TIME-2, type=test
#[tokio::test]
async fn a_clock_set_back_between_two_starts_gives_half_a_minute_at_most() {
    let (machine, store, settings) = (Machine::new(), memory(), living(MINUTE, MINUTE));
    let door = start(&machine, &store, &settings).await;
    machine.pass(MARK);
    door.tick().await;
    let paired = door.pair("laptop").await;
    // The moment before the time would be persisted again, it is killed.
    machine.pass(MARK - Duration::from_millis(1));
    door.tick().await;
    drop(door);
    machine.set_back(DAY);
    let door = start(&machine, &store, &settings).await;
    let live = door.connect(&paired).await;
    machine.pass(MINUTE - Duration::from_millis(1));
    assert!(door.stands(&paired, &live).await);
    machine.pass(Duration::from_millis(1));
    assert!(!door.stands(&paired, &live).await);
    assert_eq!(machine.passed() - MARK, MINUTE + MARK - Duration::from_millis(1));
}

//= req: TIME-2, type=test
#[tokio::test]
async fn a_listener_that_is_stopped_in_order_persists_its_time() {
    let (machine, store, settings) = (Machine::new(), memory(), living(MINUTE, MINUTE));
    let door = start(&machine, &store, &settings).await;
    machine.pass(Duration::from_secs(7));
    door.gate.drain();
    door.tick().await;
    assert_eq!(store.clock().await.unwrap(), at(Duration::from_secs(7)));
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Pass(Duration),
    /// Time passes, and the wall clock stands.
    Sleep(Duration),
    SetForward(Duration),
    SetBack(Duration),
    /// A listener is killed; another is started after this time.
    Restart(Duration),
}

fn happening() -> impl Strategy<Value = Happening> {
    let short = (0_u64..120_000).prop_map(Duration::from_millis);
    let long = (0_u64..2 * 24 * 3600).prop_map(Duration::from_secs);
    let span = || prop_oneof![short.clone(), long.clone()];
    prop_oneof![
        4 => span().prop_map(Happening::Pass),
        1 => span().prop_map(Happening::Sleep),
        1 => span().prop_map(Happening::SetForward),
        2 => span().prop_map(Happening::SetBack),
        1 => span().prop_map(Happening::Restart),
    ]
}

impl Happening {
    fn to(self, machine: &Machine) {
        match self {
            Self::Pass(span) | Self::Restart(span) => machine.pass(span),
            Self::Sleep(span) => machine.sleep(span),
            Self::SetForward(span) => machine.set_forward(span),
            Self::SetBack(span) => machine.set_back(span),
        }
    }

    /// By how much it puts the wall clock ahead of the true time, in milliseconds.
    fn error(self) -> i64 {
        match self {
            Self::Pass(_) | Self::Restart(_) => 0,
            Self::SetForward(span) => millis(span) as i64,
            Self::Sleep(span) | Self::SetBack(span) => -(millis(span) as i64),
        }
    }
}

/// A session against the true time, over what happens to the clock of its server.
async fn outlives_nothing(happenings: &[Happening]) -> Result<(), TestCaseError> {
    let (machine, store, settings) = (Machine::new(), memory(), living(3 * DAY, 3 * DAY));
    let mut door = start(&machine, &store, &settings).await;
    let paired = door.pair("laptop").await;
    // How far the wall clock is ahead of the true time, and how far it was at most; what no server
    // was there to count.
    let (mut error, mut most, mut unseen) = (0, 0, Duration::ZERO);
    for happening in happenings {
        let before = door.now();
        happening.to(&machine);
        error += happening.error();
        most = most.max(error);
        if let Happening::Restart(span) = happening {
            unseen += *span + MARK;
            door = start(&machine, &store, &settings).await;
        }
        door.tick().await;
        let (now, admits) = (door.now(), door.admits(&paired).await);
        let passed = machine.passed();
        let ahead = Duration::from_millis(u64::try_from(most).expect("never behind"));
        if unseen.is_zero() {
            // To the millisecond: the true time, and the furthest that anything said beyond it.
            prop_assert_eq!(now, at(passed + ahead));
            prop_assert!(now >= before);
        }
        if passed >= 3 * DAY + unseen {
            prop_assert!(!admits, "it has gained time");
        }
        if passed + ahead < 3 * DAY {
            prop_assert!(admits, "it was put out before its time");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    //= req: TIME-1, type=property
    #[test]
    fn no_session_gains_time_and_no_clock_set_back_ends_one(
        happenings in proptest::collection::vec(happening(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(outlives_nothing(&happenings))?;
    }
}
