//! Ctrl-C and termination: the first asks the run to stop at the next chunk, the second ends the process.
//!
//! Invariants: the handler only stores a number or ends the process, both of which are safe in a handler.

use std::sync::atomic::{AtomicI32, Ordering};

static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: libc::c_int) {
    if CAUGHT.swap(signal, Ordering::Relaxed) != 0 {
        // SAFETY: `_exit` is async-signal-safe.
        unsafe { libc::_exit(128 + signal) };
    }
}

/// Catches SIGINT and SIGTERM from here on.
pub fn install() {
    let handler = note as extern "C" fn(libc::c_int);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler is a function of the right type that is safe to run at any time.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// The number of the signal that was caught, if any.
pub fn caught() -> Option<u8> {
    u8::try_from(CAUGHT.load(Ordering::Relaxed)).ok().filter(|number| *number != 0)
}
