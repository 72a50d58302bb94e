//! An allocator that has nothing: what is proved here allocates nothing.

use core::alloc::{GlobalAlloc, Layout};

struct Nothing;

// SAFETY: a null pointer says that there is no memory, and none is ever given back.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        core::arch::wasm32::unreachable()
    }

    unsafe fn dealloc(&self, _pointer: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;
