//! The numbers that are promised, written out: whoever changes one has to mean it.
#![allow(missing_docs)]

use std::time::Duration;

use doorward_policy::session::Lifetimes;
use doorward_policy::token::MAX_RECORD;
use doorward_policy::{grant, local, notice, request};

#[test]
fn nothing_lives_longer_than_is_promised() {
    assert_eq!(local::MAX_LIFE, Duration::from_secs(2_592_000), "30 days");
    assert_eq!(grant::MAX_LINK_LIFE, Duration::from_secs(2_592_000), "30 days");
    assert_eq!(grant::MAX_CODE_LIFE, Duration::from_secs(600), "10 minutes");
    assert_eq!(grant::REPEAT_WINDOW, Duration::from_secs(60));
    assert_eq!(Lifetimes::CEILING, Duration::from_secs(7_776_000), "90 days");
    assert_eq!(Lifetimes::DEFAULT.idle(), Duration::from_secs(604_800), "7 days");
    assert_eq!(Lifetimes::DEFAULT.absolute(), Duration::from_secs(2_592_000), "30 days");
}

#[test]
fn nothing_is_longer_than_is_promised() {
    assert_eq!(request::MAX_HEAD, 16_384);
    assert_eq!(MAX_RECORD, 98);
    assert_eq!(notice::Notice::FRAME, 9, "a length of two bytes, and seven");
}
