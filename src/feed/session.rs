//! The session clock: which rows lie outside every session, which belong to a call auction, and the rows that mark opens
//! and closes.
//!
//! Invariants: boundaries come out in the order (time, close before open, instrument) and only once; a boundary at an
//! instant precedes the data of that instant, so `[open, close)` is what strategies see. Between two sessions of a trading
//! day of which one is an auction there is no close: orders pass from one into the other. An auction's print is the first
//! trade at or after its match, with what else is stamped and priced alike; a valid book behind the match ends the wait
//! for it.

use crate::wire::{Event, Instrument, Phase, Session, flags, kind};
use alloc::vec::Vec;

/// The clock over every instrument of a run.
#[derive(Debug)]
pub struct SessionClock {
    boundaries: Vec<Boundary>,
    next: usize,
    states: Vec<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Boundary {
    ts_ns: i64,
    is_open: bool,
    instrument: u32,
    call: Option<Call>,
}

/// When the print of an auction may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    match_ns: i64,
    print_until_ns: i64,
}

/// Where one instrument is.
#[derive(Clone, Copy, Debug)]
struct State {
    is_open: bool,
    is_auction: bool,
    /// The last auction.
    call: Option<Call>,
    /// Its print: time and price.
    print: Option<(i64, i64)>,
}

impl State {
    fn pass(&mut self, boundary: &Boundary) {
        self.is_open = boundary.is_open;
        self.is_auction = boundary.call.is_some();
        if boundary.call.is_some() {
            (self.call, self.print) = (boundary.call, None);
        }
    }

    /// Whether a trade is the last auction's print, or part of it.
    fn takes_print(&mut self, event: &Event) -> bool {
        let Some(call) = self.call else { return false };
        let is_within = (call.match_ns..call.print_until_ns).contains(&event.ts_exch_ns);
        let this = (event.ts_exch_ns, event.trade_price);
        is_within && event.flags & flags::SENTINEL == 0 && *self.print.get_or_insert(this) == this
    }
}

impl SessionClock {
    /// A clock at the beginning of time. An instrument without sessions is always open.
    pub fn new(instruments: &[Instrument]) -> Self {
        let mut boundaries = Vec::new();
        for (index, instrument) in instruments.iter().enumerate() {
            let sessions = &instrument.sessions;
            for (n, session) in sessions.iter().enumerate() {
                let mut mark = |ts_ns, is_open, call| {
                    let instrument = index as u32;
                    boundaries.push(Boundary { ts_ns, is_open, instrument, call });
                };
                let is_auction = session.phase == Phase::Auction;
                let call =
                    Call { match_ns: session.match_ns, print_until_ns: session.print_until_ns };
                mark(session.open_ns, true, is_auction.then_some(call));
                let passes_on = sessions.get(n + 1).is_some_and(|next| {
                    next.trading_day == session.trading_day
                        && (is_auction || next.phase == Phase::Auction)
                });
                if !passes_on {
                    mark(session.close_ns, false, None);
                }
            }
        }
        boundaries.sort_unstable();
        let state = |instrument: &Instrument| State {
            is_open: instrument.sessions.is_empty(),
            is_auction: false,
            call: None,
            print: None,
        };
        SessionClock { boundaries, next: 0, states: instruments.iter().map(state).collect() }
    }

    /// Moves past the boundaries before `ts_ns` without telling: a run does not begin before its first row.
    pub fn start_at(&mut self, ts_ns: i64) {
        while let Some(boundary) = self.boundaries.get(self.next)
            && boundary.ts_ns < ts_ns
        {
            self.states[boundary.instrument as usize].pass(boundary);
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
        self.states[boundary.instrument as usize].pass(&boundary);
        Some(Event {
            ts_exch_ns: boundary.ts_ns,
            instrument: boundary.instrument,
            kind: if boundary.is_open { kind::SESSION_OPEN } else { kind::SESSION_CLOSE },
            flags: if boundary.call.is_some() { flags::AUCTION } else { 0 },
            ..Event::EMPTY
        })
    }

    /// A valid book was stamped `ts_ns`: an auction that has not printed by then prints nothing more.
    #[inline]
    pub fn end_call(&mut self, instrument: u32, ts_ns: i64) {
        if let Some(call) = &mut self.states[instrument as usize].call {
            call.print_until_ns = call.print_until_ns.min(ts_ns.saturating_add(1));
        }
    }

    /// What the clock says about a row: its phase, and whether it is an auction's print.
    #[inline]
    pub fn flags(&mut self, event: &Event) -> u16 {
        let state = &mut self.states[event.instrument as usize];
        if event.kind == kind::TRADE && state.call.is_some() && state.takes_print(event) {
            return flags::AUCTION_PRINT;
        }
        match state.is_open {
            false => flags::OUT_OF_SESSION,
            true if state.is_auction => flags::AUCTION,
            true => 0,
        }
    }
}

/// The session of `instrument` that holds `ts_ns`. O(log sessions).
pub fn session_at(instrument: &Instrument, ts_ns: i64) -> Option<&Session> {
    let after = instrument.sessions.partition_point(|s| s.open_ns <= ts_ns);
    let session = instrument.sessions.get(after.checked_sub(1)?)?;
    (ts_ns < session.close_ns).then_some(session)
}

/// A session without end or rules.
static ALWAYS: Session = Session::continuous(i64::MIN, i64::MAX, 0);

/// The session in which the exchange takes orders at `ts_ns`: not one whose auction has matched already. An instrument
/// without sessions is always open.
pub fn order_session(instrument: &Instrument, ts_ns: i64) -> Option<&Session> {
    if instrument.sessions.is_empty() {
        return Some(&ALWAYS);
    }
    session_at(instrument, ts_ns).filter(|session| ts_ns < session.match_ns)
}
