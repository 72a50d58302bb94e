//! What an operator reads of what went wrong, and when.
#![allow(missing_docs, reason = "a test that can't go on must stop")]

use std::fmt::Display;

use doorward_gate::admin::AdminError;
use doorward_gate::{ClockError, EntropyError, GateError, ProcessError, rfc3339};
use doorward_policy::Timestamp;
use doorward_policy::grant::GrantRequestError;
use proptest::prelude::{prop_assert_eq, proptest};
use time::OffsetDateTime;
use time::macros::format_description;

fn says(what: &impl Display, words: &str) {
    let text = what.to_string();
    assert!(text.contains(words), "{text:?} says nothing of {words:?}");
}

#[test]
fn an_error_says_what_failed() {
    says(&ClockError, "clock reads a time before 1970");
    says(&EntropyError, "random generator has failed");
    says(&ProcessError, "/proc");
    says(&GateError::Clock, "the clock can't be read");
    assert_eq!(GateError::Entropy(EntropyError).to_string(), EntropyError.to_string());
    says(&AdminError::Asking, "the session that asks");
    assert_eq!(AdminError::Clock(ClockError).to_string(), ClockError.to_string());
    let uses = GrantRequestError::Uses;
    assert_eq!(AdminError::Request(uses).to_string(), uses.to_string());
}

/// RFC 3339, section 5.6. After the last year that it can spell comes its last moment.
#[test]
fn a_time_is_shown_in_utc_to_the_millisecond() {
    assert_eq!(rfc3339(Timestamp::EPOCH), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(Timestamp::from_millis(1_798_761_599_007)), "2026-12-31T23:59:59.007Z");
    assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    let last = 253_402_300_799_999;
    assert_eq!(rfc3339(Timestamp::from_millis(last)), "9999-12-31T23:59:59.999Z");
    assert_eq!(rfc3339(Timestamp::from_millis(last + 1)), "9999-12-31T23:59:59.999Z");
}

proptest! {
    /// As another program writes it.
    #[test]
    fn every_time_is_shown_as_it_is(millis in 0..253_402_300_800_000_u64) {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
        let expected = moment.expect("a time").format(&format).expect("a text");
        prop_assert_eq!(rfc3339(Timestamp::from_millis(millis)), expected);
    }
}
