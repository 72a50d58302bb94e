//! An allocator that has nothing: what is proved here allocates nothing.

use core::alloc::{GlobalAlloc, Layout};

struct Nothing;

// SAFETY: it traps rather than answer, and what is given back is never its own.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        core::arch::wasm32::unreachable()
    }

    unsafe fn dealloc(&self, _pointer: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;
