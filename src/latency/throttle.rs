//! The broker's limit on requests, before the entry leg.
//!
//! Invariant: of any `requests + 1` requests that depart in turn, the last departs at least `per_ns` after the first.
//! Cost: O(1) a request, nothing allocates.

use super::is_bounded;
use alloc::boxed::Box;
use alloc::string::String;

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// Requests (submits, amends and cancels together) that pass within `per_ns`.
    pub requests: u32,
    /// The window, above 0.
    pub per_ns: i64,
    /// What becomes of one more.
    pub excess: Excess,
}

/// What becomes of requests beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Refused, with the reason `THROTTLED`.
    Reject,
    /// Held back until the window has room.
    Wait,
}

/// Most requests of a window: the departures of one are kept.
const REQUESTS_MAX: u32 = 100_000;

impl ThrottleConfig {
    /// What keeps the limit from being used.
    pub fn fault(&self) -> Option<String> {
        let ok = (1..=REQUESTS_MAX).contains(&self.requests)
            && self.per_ns > 0
            && is_bounded(self.per_ns);
        (!ok).then(|| "a throttle has 1 to 100000 requests per time above 0, up to one hour".into())
    }
}

/// A limit at work.
#[derive(Clone, Debug)]
pub struct Throttle {
    config: ThrottleConfig,
    /// The last departures, a ring; the oldest is at `next`.
    departed_ns: Box<[i64]>,
    next: usize,
}

impl Throttle {
    /// Nothing has departed. Allocates once.
    pub fn new(config: ThrottleConfig) -> Self {
        let departed_ns = alloc::vec![i64::MIN; config.requests as usize].into_boxed_slice();
        Throttle { config, departed_ns, next: 0 }
    }

    /// When a request made now departs; `None` if it is refused, which costs it no place in the window.
    pub fn depart_ns(&mut self, now_ns: i64) -> Option<i64> {
        let oldest_ns = self.departed_ns[self.next];
        let free_ns = if oldest_ns == i64::MIN {
            now_ns
        } else {
            oldest_ns.saturating_add(self.config.per_ns)
        };
        if free_ns > now_ns && self.config.excess == Excess::Reject {
            return None;
        }
        let depart_ns = free_ns.max(now_ns);
        self.departed_ns[self.next] = depart_ns;
        self.next = if self.next + 1 == self.departed_ns.len() { 0 } else { self.next + 1 };
        Some(depart_ns)
    }
}
