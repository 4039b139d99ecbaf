//! Threads that share one queue of work, whose pieces may leave further pieces behind.
//!
//! Invariants: every piece is worked on once; the crew ends when the queue is empty and nobody is busy, or when it is
//! told to stop. A piece that panics ends the crew with that panic. Cost: one lock a piece.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A strategy finds the stack that `run` gives it on the main thread.
const STACK_BYTES: usize = 8 << 20;

struct State<T> {
    queue: VecDeque<T>,
    busy: usize,
    is_stopped: bool,
}

struct Crew<T> {
    state: Mutex<State<T>>,
    bell: Condvar,
}

impl<T> Crew<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece; `None` when there will be none.
    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(piece) = state.queue.pop_front() {
                state.busy += 1;
                return Some(piece);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_over(state: &State<T>) -> bool {
        state.busy == 0 && (state.is_stopped || state.queue.is_empty())
    }
}

/// Gives a piece back, panic or not.
struct Busy<'a, T> {
    crew: &'a Crew<T>,
    rest: Option<Vec<T>>,
}

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        let mut state = self.crew.lock();
        state.busy -= 1;
        match self.rest.take() {
            Some(rest) => state.queue.extend(rest),
            None => state.is_stopped = true,
        }
        self.crew.bell.notify_all();
    }
}

/// Works through `pieces` on so many threads. `work` returns further pieces, or `None` to stop everything. `watch` is
/// called on this thread now and then until all is done.
///
/// # Errors
/// A thread cannot be started.
pub fn work<T: Send>(
    threads: usize,
    pieces: Vec<T>,
    work: impl Fn(T) -> Option<Vec<T>> + Sync,
    mut watch: impl FnMut(),
) -> Result<(), std::io::Error> {
    let threads = threads.min(pieces.len());
    let state = State { queue: pieces.into(), busy: 0, is_stopped: false };
    let crew = Crew { state: Mutex::new(state), bell: Condvar::new() };
    let hand = || {
        while let Some(piece) = crew.take() {
            let mut busy = Busy { crew: &crew, rest: None };
            busy.rest = work(piece);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
            if let Err(error) = builder.spawn_scoped(scope, hand) {
                crew.lock().is_stopped = true;
                crew.bell.notify_all();
                return Err(error);
            }
        }
        let mut state = crew.lock();
        while !Crew::is_over(&state) {
            let wait = crew.bell.wait_timeout(state, Duration::from_millis(200));
            drop(wait.unwrap_or_else(PoisonError::into_inner));
            watch();
            state = crew.lock();
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn pieces_may_leave_pieces_and_all_are_worked_on_once() {
        for threads in [1, 2, 3, 8] {
            let sum = AtomicUsize::new(0);
            let split = |piece: usize| {
                if piece > 1 {
                    return Some(vec![piece / 2, piece - piece / 2]);
                }
                sum.fetch_add(piece, Ordering::Relaxed);
                Some(Vec::new())
            };
            work(threads, vec![100, 23], split, || {}).unwrap();
            assert_eq!(sum.into_inner(), 123, "{threads} threads");
        }
    }

    #[test]
    fn a_stop_ends_the_crew() {
        let count = AtomicUsize::new(0);
        let stop = |_: usize| {
            count.fetch_add(1, Ordering::Relaxed);
            None
        };
        work(1, (0..100).collect(), stop, || {}).unwrap();
        assert_eq!(count.into_inner(), 1);
    }

    #[test]
    fn a_panic_comes_through() {
        let told = std::panic::catch_unwind(|| {
            let _ = work(2, vec![1, 2, 3], |_| -> Option<Vec<i32>> { panic!("piece") }, || {});
        });
        assert!(told.is_err());
    }
}
