//! The core of the policy as functions that C can call with numbers. Each takes its arguments
//! apart, calls one function of the policy and puts its answer together: nothing is decided here.
//!
//! Moments are milliseconds since 1970, spans too. What a record has besides the numbers of a
//! function is the same in every call, and no answer may depend on it.
#![no_std]

extern crate alloc;

use core::arch::wasm32;
use core::panic::PanicInfo;

mod answers;
mod capability;
mod grant;
mod limiter;
mod local;
mod memory;
mod session;
mod ticket;
mod time;
mod token;

/// A panic is a trap, which no proof allows.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}

/// What is no answer: where an argument is none that the policy's types can hold.
const NOTHING: u32 = u32::MAX;
