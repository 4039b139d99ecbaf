//! The session clock: which rows lie outside every session, and the rows that mark opens and closes.
//!
//! Invariants: boundaries come out in the order (time, close before open, instrument) and only once; a
//! boundary at an instant precedes the data of that instant, so `[open, close)` is what strategies see.

use crate::wire::{Event, Instrument, kind};
use alloc::vec::Vec;

/// The clock over every instrument of a run.
#[derive(Debug)]
pub struct SessionClock {
    boundaries: Vec<Boundary>,
    next: usize,
    open: Vec<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Boundary {
    ts_ns: i64,
    is_open: bool,
    instrument: u32,
}

impl SessionClock {
    /// A clock at the beginning of time. An instrument without sessions is always open.
    pub fn new(instruments: &[Instrument]) -> Self {
        let mut boundaries = Vec::new();
        for (index, instrument) in instruments.iter().enumerate() {
            for session in &instrument.sessions {
                let index = index as u32;
                boundaries.push(Boundary {
                    ts_ns: session.open_ns,
                    is_open: true,
                    instrument: index,
                });
                boundaries.push(Boundary {
                    ts_ns: session.close_ns,
                    is_open: false,
                    instrument: index,
                });
            }
        }
        boundaries.sort_unstable();
        let open = instruments.iter().map(|i| i.sessions.is_empty()).collect();
        SessionClock { boundaries, next: 0, open }
    }

    /// Moves past the boundaries before `ts_ns` without telling: a run does not begin before its first row.
    pub fn start_at(&mut self, ts_ns: i64) {
        while let Some(boundary) = self.boundaries.get(self.next)
            && boundary.ts_ns < ts_ns
        {
            self.open[boundary.instrument as usize] = boundary.is_open;
            self.next += 1;
        }
    }

    /// The next boundary at or before `ts_ns`, as a row without a touch.
    pub fn next_until(&mut self, ts_ns: i64) -> Option<Event> {
        let boundary = *self.boundaries.get(self.next)?;
        if boundary.ts_ns > ts_ns {
            return None;
        }
        self.next += 1;
        self.open[boundary.instrument as usize] = boundary.is_open;
        Some(Event {
            ts_exch_ns: boundary.ts_ns,
            instrument: boundary.instrument,
            kind: if boundary.is_open { kind::SESSION_OPEN } else { kind::SESSION_CLOSE },
            ..Event::EMPTY
        })
    }

    /// Whether the instrument is in a session now.
    pub fn is_open(&self, instrument: u32) -> bool {
        self.open[instrument as usize]
    }
}

/// The session of `instrument` that holds `ts_ns`. O(log sessions).
pub fn session_at(instrument: &Instrument, ts_ns: i64) -> Option<crate::wire::Session> {
    let after = instrument.sessions.partition_point(|s| s.open_ns <= ts_ns);
    let session = *instrument.sessions.get(after.checked_sub(1)?)?;
    (ts_ns < session.close_ns).then_some(session)
}

/// Whether orders are taken at `ts_ns`.
pub fn is_open_at(instrument: &Instrument, ts_ns: i64) -> bool {
    instrument.sessions.is_empty() || session_at(instrument, ts_ns).is_some()
}
