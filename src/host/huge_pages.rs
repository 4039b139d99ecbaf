//! The allocator of the program: the system's, which is asked for huge pages where a block is large.
//!
//! Windows and tapes are large, and whoever passes over them meets a new page every 64 rows; finding each costs more than
//! reading it where the machine is itself a guest. Measured: a lane that does nothing takes 9.5 ns a row of a tape out of
//! cache, and 5.8 ns with huge pages (`benches/wall_tape.rs`). Invariants: asking is a hint, and a refusal costs speed only; a
//! block below 4 MiB costs one comparison more than without. Only pages that are touched are taken, 2 MiB at a time.

use std::alloc::{GlobalAlloc, Layout, System};

/// Blocks from here on are asked for in huge pages.
const LARGE_BYTES: usize = 4 << 20;
const PAGE_BYTES: usize = 2 << 20;

/// The allocator; for `#[global_allocator]`.
pub struct HugePages;

// SAFETY: every block comes from the system's allocator and goes back to it, as it was asked for.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is handed on.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.realloc(block, layout, bytes) }, bytes)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn advised(block: *mut u8, bytes: usize) -> *mut u8 {
    if bytes >= LARGE_BYTES && !block.is_null() {
        advise(block as usize, bytes);
    }
    block
}

#[cold]
fn advise(start: usize, bytes: usize) {
    let first = start.next_multiple_of(PAGE_BYTES);
    let whole = (start + bytes).saturating_sub(first) / PAGE_BYTES * PAGE_BYTES;
    #[cfg(target_os = "linux")]
    if whole > 0 {
        // SAFETY: the range lies within a block of our own, and the advice changes no byte of it.
        unsafe { libc::madvise(first as *mut libc::c_void, whole, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = whole;
}
