//! Points in time.

use core::time::Duration;

use doorward_policy::Timestamp;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn span(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[unsafe(no_mangle)]
extern "C" fn time_plus(moment: u64, millis: u64) -> u64 {
    at(moment).plus(span(millis)).as_millis()
}

#[unsafe(no_mangle)]
extern "C" fn time_minus(moment: u64, millis: u64) -> u64 {
    at(moment).minus(span(millis)).as_millis()
}

#[unsafe(no_mangle)]
extern "C" fn time_floor(moment: u64) -> u64 {
    at(moment).floor_to_second().as_millis()
}

#[unsafe(no_mangle)]
extern "C" fn time_spelt(secs: u32) -> u32 {
    Timestamp::from_secs(secs).as_secs()
}
