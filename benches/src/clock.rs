//! Clocks: the thread's CPU time, the time-stamp counter, and how fast the core really runs.
//!
//! Invariants: the counter ticks at a constant rate that is not the core's, so cycles come from a chain of dependent
//! multiplications, three cycles each on every x86 core of the last fifteen years, timed beside what is measured; hardware
//! counters are not needed. A loop of additions would not do: the compiler folds it. Costs: the counter some 20 ticks, the
//! CPU clock some 200 ns, so what is timed takes milliseconds. On other architectures the counter is the monotonic clock, in
//! ns, and cycles are unknown.

use std::hint::black_box;

/// CPU time of this thread, ns.
pub fn cpu_ns() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the children that this process has waited for, ns.
pub fn children_cpu_ns() -> u64 {
    // SAFETY: the struct is plain integers, and written by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is written by the call.
    let status = unsafe { libc::clock_gettime(id, &raw mut time) };
    assert_eq!(status, 0, "the clock is there");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The time-stamp counter.
#[inline]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    clock(libc::CLOCK_MONOTONIC)
}

/// How fast this core runs, now.
#[derive(Clone, Copy, Debug)]
pub struct Core {
    /// Core cycles in a ns of CPU time; NaN where it is unknown.
    pub ghz: f64,
    /// Ticks of the counter in a ns.
    pub ticks_per_ns: f64,
}

impl Core {
    /// Times the chain some times, some 20 ms in all, and believes the fastest.
    pub fn calibrate() -> Core {
        const LENGTH: u64 = 2_000_000;
        let mut core = Core { ghz: 0.0, ticks_per_ns: 0.0 };
        for _ in 0..12 {
            let (cpu, wall, tick) = (cpu_ns(), clock(libc::CLOCK_MONOTONIC), ticks());
            black_box(chain(black_box(LENGTH)));
            let (tick, wall) = (ticks() - tick, clock(libc::CLOCK_MONOTONIC) - wall);
            let ghz = 3.0 * LENGTH as f64 / (cpu_ns() - cpu) as f64;
            if ghz > core.ghz {
                core = Core { ghz, ticks_per_ns: tick as f64 / wall as f64 };
            }
        }
        if !cfg!(target_arch = "x86_64") {
            core.ghz = f64::NAN;
        }
        core
    }
}

/// So many multiplications, each of what the one before gave.
#[inline(never)]
fn chain(length: u64) -> u64 {
    let mut x = black_box(3_u64);
    for _ in 0..length / 8 {
        // Eight in a row, opaque to the compiler: the loop's own instructions run beside them.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: registers only.
        unsafe {
            core::arch::asm!(
                "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}",
                "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}",
                x = inout(reg) x, options(pure, nomem, nostack)
            );
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            x = black_box(x.wrapping_mul(x));
        }
    }
    x
}
