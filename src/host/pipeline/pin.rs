//! Where threads run: the replay on a core of its own, everybody else on the others.
//!
//! Invariants: only cores that the process may use are used, so `taskset` and cpusets are honoured; they are read before
//! anything is pinned. A pin that fails is a warning. The calling thread's own cores are given back afterwards, and
//! threads that a helper starts, such as a client's, share the helpers' cores and never the replay's.

use std::io;

/// `run.pin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// The replay stays on the core that it finds itself on, where there are at least two.
    #[default]
    Auto,
    /// Nothing is pinned.
    Off,
    /// The replay on the first of these, everybody else on the others, or on whatever is left if there are none.
    Cores(Vec<usize>),
}

/// The cores of a run's threads; empty for no pin.
#[derive(Debug, Default)]
pub(crate) struct Places {
    allowed: Vec<usize>,
    replay: Vec<usize>,
    others: Vec<usize>,
}

impl Places {
    /// Decides for the calling thread and its helpers.
    pub fn of(pin: &Pin) -> Self {
        if *pin == Pin::Off {
            return Places::default();
        }
        match allowed() {
            Ok(allowed) => Places::among(pin, allowed, current()),
            Err(error) => {
                warn(&[], &error);
                Places::default()
            }
        }
    }

    fn among(pin: &Pin, allowed: Vec<usize>, current: Option<usize>) -> Self {
        let (replay, mut others) = match pin {
            Pin::Off => return Places::default(),
            Pin::Auto if allowed.len() < 2 => return Places::default(),
            Pin::Auto => {
                let core = current.filter(|core| allowed.contains(core)).unwrap_or(allowed[0]);
                (core, Vec::new())
            }
            Pin::Cores(cores) => match cores.split_first() {
                Some((first, rest)) => (*first, rest.to_vec()),
                None => return Places::default(),
            },
        };
        if others.is_empty() {
            others = allowed.iter().copied().filter(|core| *core != replay).collect();
        }
        Places { allowed, replay: vec![replay], others }
    }

    /// Pins the calling thread, the replay's, until the answer is dropped.
    pub fn take_replay(&self) -> Option<Pinned> {
        if self.replay.is_empty() {
            return None;
        }
        match set(&self.replay) {
            Ok(()) => Some(Pinned { before: self.allowed.clone() }),
            Err(error) => {
                warn(&self.replay, &error);
                None
            }
        }
    }

    /// Pins the calling thread, a helper's.
    pub fn take_other(&self) {
        if !self.others.is_empty()
            && let Err(error) = set(&self.others)
        {
            warn(&self.others, &error);
        }
    }
}

/// A pinned thread; gives it its cores back.
pub(crate) struct Pinned {
    before: Vec<usize>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Err(error) = set(&self.before) {
            warn(&self.before, &error);
        }
    }
}

fn warn(cores: &[usize], error: &io::Error) {
    eprintln!("warning: run.pin: a thread cannot be pinned to cores {cores:?}: {error}");
}

/// The cores that the calling thread may run on.
#[cfg(target_os = "linux")]
fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: a set of zeros is a valid, empty set.
    let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = std::mem::size_of::<libc::cpu_set_t>();
    // SAFETY: the set is writable and of the size that is told.
    if unsafe { libc::sched_getaffinity(0, size, &raw mut cores) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number lies within the set.
    let has = |core: &usize| unsafe { libc::CPU_ISSET(*core, &cores) };
    Ok((0..libc::CPU_SETSIZE as usize).filter(has).collect())
}

#[cfg(target_os = "linux")]
fn set(cores: &[usize]) -> io::Result<()> {
    // SAFETY: a set of zeros is a valid, empty set.
    let mut wanted: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in cores.iter().filter(|core| **core < libc::CPU_SETSIZE as usize) {
        // SAFETY: the number lies within the set.
        unsafe { libc::CPU_SET(*core, &mut wanted) };
    }
    let size = std::mem::size_of::<libc::cpu_set_t>();
    // SAFETY: the set is readable and of the size that is told; 0 is the calling thread.
    if unsafe { libc::sched_setaffinity(0, size, &raw const wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The core that the calling thread runs on now.
#[cfg(target_os = "linux")]
fn current() -> Option<usize> {
    // SAFETY: it has no arguments and only answers.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn set(_: &[usize]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn current() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(pin: &Pin, allowed: &[usize], current: Option<usize>) -> (Vec<usize>, Vec<usize>) {
        let places = Places::among(pin, allowed.to_vec(), current);
        (places.replay, places.others)
    }

    #[test]
    fn the_replay_has_a_core_that_nobody_else_has() {
        assert_eq!(places(&Pin::Auto, &[2, 3, 7], Some(3)), (vec![3], vec![2, 7]));
        assert_eq!(places(&Pin::Auto, &[2, 3], Some(9)), (vec![2], vec![3]));
        assert_eq!(places(&Pin::Auto, &[4], Some(4)), (vec![], vec![]));
        assert_eq!(places(&Pin::Off, &[0, 1], Some(0)), (vec![], vec![]));
        assert_eq!(places(&Pin::Cores(vec![1]), &[0, 1], Some(0)), (vec![1], vec![0]));
        assert_eq!(places(&Pin::Cores(vec![1, 5]), &[0, 1, 5], None), (vec![1], vec![5]));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pin_holds_and_is_given_back_and_a_wrong_one_only_warns() {
        std::thread::spawn(|| {
            let before = allowed().unwrap();
            let core = before[0];
            let pinned = Places::of(&Pin::Cores(vec![core])).take_replay();
            assert!(pinned.is_some());
            assert_eq!(allowed().unwrap(), [core]);
            drop(pinned);
            assert_eq!(allowed().unwrap(), before);
            assert!(Places::of(&Pin::Cores(vec![1_000])).take_replay().is_none());
            assert_eq!(allowed().unwrap(), before);
        })
        .join()
        .unwrap();
    }
}
