//! The border: no panic leaves through a C function, and no foreign exception enters unnamed.
//!
//! Invariants: every exported function and every entry of the host table runs inside `catch_unwind`; a callback
//! into foreign code is `C-unwind` with an `Unwinding` on the stack. Cost: one landing pad, no instruction
//! on the path that does not unwind.
//!
//! What happens: a Rust panic of our own standard library goes on to the nearest border and becomes
//! `BT_STATUS_PANIC`. Anything else that unwinds out of a callback (a bare C++ throw, the panic of a plugin with a
//! standard library of its own) cannot be caught by Rust; the process ends with a line that names the strategy
//! and the callback.

use std::any::Any;
use std::io::Write;

/// Names the callback that is running, should anything unwind out of it.
pub(crate) struct Unwinding<'a> {
    pub strategy: &'a str,
    pub callback: &'static str,
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let _ = writeln!(
            std::io::stderr(),
            "btcore: strategy '{}' let an exception out of {}; the process ends here. A callback must not \
             throw: catch it and return a status (btcore.hpp does so).",
            self.strategy,
            self.callback
        );
        std::process::abort();
    }
}

/// Calls foreign code that is named should it unwind.
#[inline(always)]
pub(crate) fn foreign<R>(strategy: &str, callback: &'static str, call: impl FnOnce() -> R) -> R {
    let unwinding = Unwinding { strategy, callback };
    let result = call();
    core::mem::forget(unwinding);
    result
}

/// The text of a panic.
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}
