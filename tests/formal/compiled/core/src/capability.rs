//! Sets of capabilities.

use doorward_policy::Capabilities;

use crate::NOTHING;

pub(crate) fn set(bits: u32) -> Option<Capabilities> {
    u16::try_from(bits).ok().and_then(Capabilities::from_bits)
}

fn of_two(a: u32, b: u32, answer: impl FnOnce(Capabilities, Capabilities) -> u32) -> u32 {
    set(a).zip(set(b)).map_or(NOTHING, |(a, b)| answer(a, b))
}

#[unsafe(no_mangle)]
extern "C" fn capabilities_from_bits(bits: u32) -> u32 {
    set(bits).map_or(NOTHING, |set| set.bits().into())
}

#[unsafe(no_mangle)]
extern "C" fn capabilities_contains(a: u32, b: u32) -> u32 {
    of_two(a, b, |a, b| a.contains(b).into())
}

#[unsafe(no_mangle)]
extern "C" fn capabilities_common(a: u32, b: u32) -> u32 {
    of_two(a, b, |a, b| a.common(b).bits().into())
}

#[unsafe(no_mangle)]
extern "C" fn capabilities_without(a: u32, b: u32) -> u32 {
    of_two(a, b, |a, b| a.without(b).bits().into())
}
