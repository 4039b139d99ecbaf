//! `malloc` and its family, defined in this program, so that every call of them in the process comes here first: from Rust,
//! from C, and from a shared object that was opened at run time. A counting allocator of Rust's would see Rust alone.
//!
//! Invariants: the counts are the calling thread's own, so tests may run side by side; nothing here allocates, and the memory
//! is glibc's, by the names under which it exports its own functions. glibc on 64-bit Linux only. What glibc asks the kernel for on
//! behalf of a `malloc` is not counted again; an `mmap` of anybody else is.

use libc::{c_int, c_long, c_void, off_t, size_t};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// What a piece of code asked for and gave back, in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// `malloc`, `calloc`, `realloc`, the aligned ones, `mmap`, `mremap`.
    pub asked: u64,
    /// `free` of something, `munmap`.
    pub freed: u64,
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, more: Calls) {
        self.asked += more.asked;
        self.freed += more.freed;
    }
}

/// Runs a piece of code of this thread and adds its calls to `calls`.
pub fn counted<R>(calls: &mut Calls, code: impl FnOnce() -> R) -> R {
    let before = Calls { asked: ASKED.get(), freed: FREED.get() };
    let result = code();
    *calls += Calls { asked: ASKED.get() - before.asked, freed: FREED.get() - before.freed };
    result
}

fn ask() {
    ASKED.set(ASKED.get() + 1);
}

unsafe extern "C" {
    fn __libc_malloc(size: size_t) -> *mut c_void;
    fn __libc_calloc(count: size_t, size: size_t) -> *mut c_void;
    fn __libc_realloc(at: *mut c_void, size: size_t) -> *mut c_void;
    fn __libc_memalign(align: size_t, size: size_t) -> *mut c_void;
    fn __libc_free(at: *mut c_void);
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: size_t) -> *mut c_void {
    ask();
    // SAFETY: any size is an argument of it.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: size_t, size: size_t) -> *mut c_void {
    ask();
    // SAFETY: any sizes are arguments of it.
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(at: *mut c_void, size: size_t) -> *mut c_void {
    ask();
    // SAFETY: the caller's promise on `at` is that of `realloc`.
    unsafe { __libc_realloc(at, size) }
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: size_t, size: size_t) -> *mut c_void {
    ask();
    // SAFETY: it refuses what is no alignment.
    unsafe { __libc_memalign(align, size) }
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: size_t, size: size_t) -> *mut c_void {
    memalign(align, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: size_t, size: size_t) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let at = memalign(align, size);
    if at.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's promise is that of `posix_memalign`.
    unsafe { *out = at };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(at: *mut c_void) {
    if !at.is_null() {
        FREED.set(FREED.get() + 1);
    }
    // SAFETY: the caller's promise on `at` is that of `free`.
    unsafe { __libc_free(at) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    at: *mut c_void,
    size: size_t,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> *mut c_void {
    ask();
    // SAFETY: the arguments are those of the system call, which the caller promises to be right.
    let mapped = unsafe {
        libc::syscall(
            libc::SYS_mmap,
            at,
            size,
            c_long::from(protection),
            c_long::from(flags),
            c_long::from(file),
            offset,
        )
    };
    mapped as *mut c_void // -1 is MAP_FAILED, and errno is set.
}

/// The same by its other name, which Rust's own library calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    at: *mut c_void,
    size: size_t,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: as of `mmap`; both offsets have 64 bits.
    unsafe { mmap(at, size, protection, flags, file, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(at: *mut c_void, size: size_t) -> c_int {
    FREED.set(FREED.get() + 1);
    // SAFETY: as of `mmap`.
    unsafe { libc::syscall(libc::SYS_munmap, at, size) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mremap(
    at: *mut c_void,
    size: size_t,
    size_new: size_t,
    flags: c_int,
    at_new: *mut c_void,
) -> *mut c_void {
    ask();
    // SAFETY: as of `mmap`; the last argument is looked at where the flags say so.
    let mapped =
        unsafe { libc::syscall(libc::SYS_mremap, at, size, size_new, c_long::from(flags), at_new) };
    mapped as *mut c_void
}
