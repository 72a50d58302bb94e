//! The core of the policy as functions that C can call with numbers. Each takes its arguments
//! apart, calls one function of the policy and puts its answer together: nothing is decided here.
#![no_std]

use core::arch::wasm32;
use core::panic::PanicInfo;

mod nothing;
mod grant;

/// A panic is a trap, which no proof allows.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
