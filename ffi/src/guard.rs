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
struct Unwinding<'a, N: AsRef<str> + ?Sized> {
    strategy: &'a N, // whoever owns the name, so that not even its two words are read before they are wanted
    callback: &'static str,
}

impl<N: AsRef<str> + ?Sized> Drop for Unwinding<'_, N> {
    #[inline(always)] // so that nothing is laid out in memory for it on the path that does not unwind
    fn drop(&mut self) {
        escaped(self.strategy.as_ref(), self.callback);
    }
}

#[cold]
#[inline(never)]
fn escaped(strategy: &str, callback: &str) {
    if std::thread::panicking() {
        return;
    }
    let _ = writeln!(
        std::io::stderr(),
        "btcore: strategy '{strategy}' let an exception out of {callback}; the process ends here. A callback must not \
         throw: catch it and return a status (btcore.hpp does so)."
    );
    std::process::abort();
}

/// Calls foreign code that is named should it unwind.
#[inline(always)]
pub(crate) fn foreign<R>(
    strategy: &(impl AsRef<str> + ?Sized),
    callback: &'static str,
    call: impl FnOnce() -> R,
) -> R {
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
