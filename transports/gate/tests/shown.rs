//! What a person is shown: times and failures.

use std::time::Duration;

use doorward_gate::admin::AdminError;
use doorward_gate::store::StoreError;
use doorward_gate::{ClockError, EntropyError, GateError, ProcessError, rfc3339};
use doorward_policy::Timestamp;

#[test]
fn a_time_is_shown_in_utc_to_the_millisecond() {
    assert_eq!(rfc3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(Timestamp::from_millis(1_790_000_000_123)), "2026-09-21T14:13:20.123Z");
    let last = Timestamp::from_millis(0).plus(Duration::from_secs(253_402_300_799));
    assert_eq!(rfc3339(last), "9999-12-31T23:59:59.000Z");
    assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
}

#[test]
fn a_failure_says_what_has_failed() {
    let store = || StoreError::Unavailable("no disk".to_owned());
    assert_eq!(ClockError.to_string(), "the system clock reads a time before 1970; set it");
    assert_eq!(EntropyError.to_string(), "the operating system's random generator has failed");
    assert!(ProcessError.to_string().contains("/proc"));
    assert_eq!(store().to_string(), "the store is unavailable: no disk");
    for (shown, part) in [
        (AdminError::Clock(ClockError).to_string(), ClockError.to_string()),
        (AdminError::Entropy(EntropyError).to_string(), EntropyError.to_string()),
        (AdminError::Store(store()).to_string(), store().to_string()),
        (GateError::Entropy(EntropyError).to_string(), EntropyError.to_string()),
        (GateError::Store(store()).to_string(), store().to_string()),
    ] {
        assert_eq!(shown, part);
    }
    assert!(AdminError::Asking.to_string().contains("the session that asks for it"));
    assert!(GateError::Clock.to_string().contains("clock"));
}
