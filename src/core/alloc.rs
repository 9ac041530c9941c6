//! The system's allocator, and beside it a count of what each thread holds in large blocks.
//!
//! The hash table of a shard belongs to the `lru` crate, which does not say how large it is, and grows when it sees fit. What
//! it takes is bounded like everything else, so it is measured where it is allocated: the difference of
//! [`large_bytes`] before and after an insertion is what the insertion's table growth cost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Blocks from this size on are counted. Smaller ones (list nodes, keys) are accounted by their users.
pub const LARGE: usize = 1024;

thread_local! {
    static LARGE_BYTES: Cell<isize> = const { Cell::new(0) };
}

/// What this thread has allocated in large blocks less what it has freed, in bytes with the allocator's rounding. Only
/// differences mean something: a block may be freed by another thread than the one that allocated it.
pub fn large_bytes() -> isize {
    LARGE_BYTES.try_with(Cell::get).unwrap_or(0)
}

/// What the allocator takes for a block of `size` bytes: a header of 8 bytes, rounded to 16; whole pages for large ones.
pub const fn footprint(size: usize) -> usize {
    if size >= 128 * 1024 {
        (size + 16).next_multiple_of(4096)
    } else {
        let rounded = (size + 8).next_multiple_of(16);
        if rounded < 32 { 32 } else { rounded }
    }
}

fn note(size: usize, sign: isize) {
    if size >= LARGE {
        // A thread that is being taken down has no counter any more, and no shard is at work on it.
        let _ = LARGE_BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(sign * footprint(size) as isize)));
    }
}

/// Forwards to [`System`] and counts.
#[derive(Debug)]
pub struct CountingAllocator;

// SAFETY: every method forwards its arguments unchanged to `System`, which keeps the contract; counting touches a
// thread-local `Cell` without a destructor, allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(new_size, 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
