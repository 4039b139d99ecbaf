//! What a strategy sees and does during a callback.
//!
//! Invariants: nothing here is later than the lane's present: books are delivered rows, positions are delivered
//! fills. Every request is queued with its latency; no call here calls back. Cost: O(1), nothing allocates.

use super::lane::LaneState;
use crate::account::Position;
use crate::exchange::Market;
use crate::gateway::Sent;
use crate::recorder::SentRow;
use crate::strategy::Param;
use crate::wire::{Depth, Event, Instrument, OrderReq, Status};
use alloc::string::String;

/// The lane's side of a callback.
pub struct Context<'a> {
    pub(super) state: &'a mut LaneState,
    pub(super) market: Market<'a>,
    pub(super) params: &'a [(String, Param)],
    pub(super) strategy: u32,
}

impl<'a> Context<'a> {
    /// The lane's time, ns.
    pub fn now_ns(&self) -> i64 {
        self.state.now_ns
    }

    /// Number of this strategy within its lane.
    pub fn strategy(&self) -> u32 {
        self.strategy
    }

    /// Instruments of the run; the index is what rows and requests carry.
    pub fn instruments(&self) -> &[Instrument] {
        self.market.instruments
    }

    /// Number of the instrument with this symbol.
    pub fn instrument_find(&self, symbol: &str) -> Option<u32> {
        let found = self.market.instruments.binary_search_by(|i| i.symbol.as_str().cmp(symbol));
        found.ok().map(|index| index as u32)
    }

    /// A parameter of this strategy.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, param)| param)
    }

    /// Sends a new order and returns its id.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for values no exchange could read, `FULL` when a slab is, `INVALID_STATE` in `on_end`.
    pub fn order_submit(&mut self, req: &OrderReq) -> Result<u64, Status> {
        self.state.check_trading()?;
        let instruments = self.market.instruments.len();
        let now_ns = self.state.now_ns;
        let sent = self.state.gateway.submit(now_ns, self.strategy, instruments, req)?;
        self.state.counts.orders += 1;
        self.state.note_sent(16, &sent);
        self.wake_by(self.state.gateway.due_ns());
        if self.state.recorder.keeps_sent() {
            self.keep_sent(&sent);
        }
        Ok(self.state.gateway.row(sent.slot).order_id)
    }

    /// Writes down what the strategy had seen when it sent an order.
    fn keep_sent(&mut self, sent: &Sent) {
        let row = self.state.gateway.row(sent.slot);
        let row = SentRow {
            order_id: row.order_id,
            ts_submit_ns: row.ts_submit_ns,
            ts_arrive_ns: sent.ts_arrive_ns,
            rows_seen: self.state.seen.row,
            instrument: row.instrument,
        };
        self.state.recorder.sent(row);
        if self.state.recorder.wants_drain() {
            self.wake_by(i64::MIN);
        }
    }

    /// Asks for another price and total quantity (filled lots included) of a live order.
    ///
    /// # Errors
    /// `NOT_FOUND` for an order that this strategy does not have, else as [`Context::order_submit`].
    pub fn order_amend(&mut self, order_id: u64, price: i64, qty: u32) -> Result<(), Status> {
        self.state.check_trading()?;
        let now_ns = self.state.now_ns;
        let sent = self.state.gateway.amend(now_ns, self.strategy, order_id, price, qty)?;
        self.state.counts.amends += 1;
        self.state.note_sent(17, &sent);
        self.wake_by(self.state.gateway.due_ns());
        Ok(())
    }

    /// Asks to cancel a live order.
    ///
    /// # Errors
    /// As [`Context::order_amend`].
    pub fn order_cancel(&mut self, order_id: u64) -> Result<(), Status> {
        self.state.check_trading()?;
        let now_ns = self.state.now_ns;
        let sent = self.state.gateway.cancel(now_ns, self.strategy, order_id)?;
        self.state.counts.cancels += 1;
        self.state.note_sent(18, &sent);
        self.wake_by(self.state.gateway.due_ns());
        Ok(())
    }

    /// Asks for `on_timer(timer_id)` at `at_ns`, now at the earliest.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a time in the past, `FULL` when every timer is set, `INVALID_STATE` in `on_end`.
    pub fn timer_set(&mut self, at_ns: i64, timer_id: u64) -> Result<(), Status> {
        self.state.check_trading()?;
        if at_ns < self.state.now_ns {
            return Err(Status::InvalidArgument);
        }
        let set = self.state.timers.set(at_ns, self.strategy, timer_id);
        self.wake_by(at_ns);
        if set { Ok(()) } else { Err(Status::Full) }
    }

    /// Something is due at `due_ns`: rows alone are run before that only.
    fn wake_by(&mut self, due_ns: i64) {
        self.state.quiet_ns = self.state.quiet_ns.min(due_ns);
    }

    /// The last row delivered of an instrument, with the depth row in force; `None` before the first.
    pub fn book(&mut self, instrument: u32) -> Option<(&'a Event, &'a Depth)> {
        if instrument as usize >= self.market.instruments.len() {
            return None;
        }
        self.state.seen.sync(self.market.window);
        self.market.window.seen(instrument, self.state.seen.passed(instrument))
    }

    /// The position of this strategy, at the mid of the last valid two-sided book delivered.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown instrument, `OVERFLOW` where the money leaves 64 bits.
    pub fn position(&mut self, instrument: u32) -> Result<Position, Status> {
        let known = self.market.instruments.get(instrument as usize).ok_or(Status::NotFound)?;
        self.state.seen.sync(self.market.window);
        let mid_x2 = self.state.mid_x2(self.market.window, instrument);
        self.state.account.position(known, self.strategy, instrument, mid_x2)
    }

    /// Writes a line: level 0 error, 1 warning, 2 info, 3 debug.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for another level, `FULL` when this instant has logged too much.
    pub fn log(&mut self, level: u8, text: &str) -> Result<(), Status> {
        if level > 3 {
            return Err(Status::InvalidArgument);
        }
        self.state.recorder.log(self.state.now_ns, self.strategy, level, text)?;
        if self.state.recorder.wants_drain() {
            self.wake_by(i64::MIN);
        }
        Ok(())
    }
}
