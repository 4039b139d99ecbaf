//! One simulated trader: its strategies, and everything that is theirs alone.
//!
//! Invariants: a lane reads rows and shares nothing else with other lanes but the memory of what it writes down, which is lent to
//! it while it runs. Everything of its own is allocated here, when it is built (law 12). Two cursors pass over the rows, the
//! exchange's and the strategies'; the exchange's is two, see `exchange/ahead.rs`, and where it has nothing of the lane, it is left
//! behind until a request arrives.

use super::context::Context;
use crate::account::{Account, Totals, money};
use crate::analytics::{Day, Drawdown};
use crate::book::Book;
use crate::exchange::{Exchange, ExchangeConfig, Market, Message, Outbox};
use crate::feed::{Cursor, Window, class, session_at};
use crate::gateway::{Gateway, Sent, Timers};
use crate::latency::{Arrival, Legs, name_key};
use crate::recorder::{
    self, DayRow, DigestRecord, OrderDigest, OrderEnded, Recorder, SeriesRow, Sink,
};
use crate::strategy::{Param, Strategy};
use crate::wire::Fault;
use crate::wire::{Event, Instrument, QueueRow, Status, TraceWhat, UNDEF_TIME, kind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Sizes of a lane's fixed slabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Orders alive at once, requests in flight included.
    pub orders_live: usize,
    /// Requests, and separately reports, in flight.
    pub in_flight: usize,
    /// Timers set at once.
    pub timers: usize,
    /// Output rows of each kind between two drains.
    pub records: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Capacity { orders_live: 1_024, in_flight: 4_096, timers: 256, records: 16_384 }
    }
}

/// One simulated trader.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// Name for tables.
    pub name: String,
    /// Seed of the lane's own draws.
    pub seed: u64,
    /// Latency of each leg, and the broker's throttle.
    pub latency: Legs,
    /// What its exchange believes.
    pub exchange: ExchangeConfig,
    /// Equity is sampled on this grid, ns.
    pub timeseries_ns: i64,
    /// Capital at the start, money 1e-6.
    pub capital: i64,
    /// Slab sizes. Not part of the effective config.
    pub capacity: Capacity,
}

/// A strategy of a lane.
pub struct StrategySlot<S> {
    /// Name for tables.
    pub name: String,
    /// Parameters.
    pub params: Vec<(String, Param)>,
    /// Code.
    pub code: S,
}

/// What a lane came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneSummary {
    /// BLAKE3 over the order records, see `recorder`.
    pub order_digest: [u8; 32],
    /// Rows delivered to the lane, session marks included.
    pub rows_delivered: u64,
    /// Orders sent.
    pub orders: u64,
    /// Orders accepted.
    pub orders_accepted: u64,
    /// Orders rejected.
    pub orders_rejected: u64,
    /// Orders with at least one fill.
    pub orders_filled: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Amends sent.
    pub amends: u64,
    /// Fills.
    pub fills: u64,
    /// Fills inferred from displayed size.
    pub fills_inferred: u64,
    /// Quantity accepted, lots.
    pub qty_accepted: u64,
    /// Quantity filled, lots.
    pub qty_filled: u64,
    /// Value traded, both sides, money 1e-6.
    pub turnover: i64,
    /// Realised profit before fees, money 1e-6.
    pub pnl_realised: i64,
    /// Unrealised profit at the last mark, money 1e-6.
    pub pnl_unrealised: i64,
    /// Fees and taxes, money 1e-6.
    pub fees: i64,
    /// Realised + unrealised - fees, money 1e-6.
    pub pnl: i64,
    /// Largest fall of equity below its peak, over the samples of the time series and every fill, money 1e-6.
    pub drawdown_max: i64,
    /// Round trips (flat to flat, or through a flip) that made money before fees.
    pub trips_won: u64,
    /// Round trips that lost money before fees.
    pub trips_lost: u64,
    /// Round trips of zero profit.
    pub trips_even: u64,
    /// Quantity filled by each estimate, of the orders that rested, lots: pessimistic, model, optimistic.
    pub qty_estimated: [u64; 3],
    /// Filled orders whose other estimates were given up because too many were followed at once.
    pub ghosts_cut: u64,
    /// Requests that the broker's throttle refused or held back.
    pub requests_throttled: u64,
    /// Limit orders on days whose price limits nobody knows: not checked against them.
    pub limits_unknown: u64,
    /// Absolute open quantity at the end, lots.
    pub open_qty: u64,
    /// Prices whose used-up liquidity was forgotten because the table was full.
    pub taken_forgotten: u64,
    /// Time of the first and of the last row delivered, ns.
    pub ts_first_ns: i64,
    /// See `ts_first_ns`.
    pub ts_last_ns: i64,
}

/// How far back the rows that a lane has still to write down may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// No fill will have traded, no order been sent, before this, ns.
    pub ts_ns: i64,
    /// No order will have been sent on sight of fewer rows than this.
    pub row: u64,
}

/// How far a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// `on_start` has not run.
    Created,
    /// Rows come, orders go.
    Trading,
    /// Every row is delivered; the exchange's answers still arrive, requests are sent and never do.
    Closing,
    /// `on_end` runs or has run; requests are refused.
    Ended,
}

/// Memory for what lanes write down, one set for all lanes of a replay.
pub(super) struct Slabs {
    rows: recorder::Slabs,
    queues: Vec<QueueRow>,
}

impl Slabs {
    /// Room for `rows_max` rows of each kind, but for orders sent. Allocates once.
    pub fn new(rows_max: usize) -> Self {
        Slabs { rows: recorder::Slabs::new(rows_max), queues: Vec::with_capacity(rows_max) }
    }

    /// Makes room for orders as they are sent. Allocates.
    pub fn keep_sent(&mut self) {
        self.rows.keep_sent(self.queues.capacity());
    }
}

/// Everything of a lane but the strategies' code.
pub(super) struct LaneState {
    pub now_ns: i64,
    pub phase: Phase,
    /// Rows that were delivered.
    pub seen: Cursor,
    /// Before it nothing is due but rows, as far as is known; lowered by whatever makes something due.
    pub quiet_ns: i64,
    pub gateway: Gateway,
    pub exchange: Exchange,
    pub out: Outbox,
    pub timers: Timers,
    pub account: Account,
    pub recorder: Recorder,
    pub digest: OrderDigest,
    pub counts: LaneSummary,
    pub turnover: i128,
    drawdown: Drawdown,
    day: Day,
    pub arrival: Arrival,
    capital: i64,
    timeseries_ns: i64,
    sample_next_ns: i64,
    totals_end: Totals,
}

/// One simulated trader and its strategies.
pub struct Lane<S> {
    pub(super) name: String,
    /// Code of each strategy, and apart from it, since a callback reads it, what is told about it.
    pub(super) codes: Vec<S>,
    pub(super) labels: Vec<Label>,
    pub(super) state: LaneState,
    /// The list of rows that it stops at; all rows where there is none.
    pub(super) list: Option<usize>,
}

/// A strategy but for its code.
pub(super) struct Label {
    pub name: String,
    pub params: Vec<(String, Param)>,
    /// Classes of rows that it wants.
    pub wants: u8,
}

impl<S: Strategy> Lane<S> {
    /// Builds a lane; the only place where it allocates anything of its own.
    pub(super) fn new(
        config: LaneConfig,
        strategies: Vec<StrategySlot<S>>,
        instruments: &[Instrument],
    ) -> Self {
        let capacity = config.capacity;
        let symbols = instruments.iter().map(|i| name_key(&i.symbol)).collect();
        let instruments = instruments.len();
        let state = LaneState {
            now_ns: i64::MIN,
            phase: Phase::Created,
            seen: Cursor::new(instruments),
            quiet_ns: i64::MIN,
            gateway: Gateway::new(
                &config.latency,
                config.seed,
                capacity.orders_live,
                capacity.in_flight,
            ),
            exchange: Exchange::new(&config.exchange, capacity.orders_live, instruments),
            out: Outbox::new(
                capacity.in_flight,
                capacity.records,
                &config.latency.response,
                config.seed,
            ),
            timers: Timers::new(capacity.timers),
            account: Account::new(strategies.len(), instruments),
            recorder: Recorder::new(capacity.records),
            digest: OrderDigest::default(),
            counts: LaneSummary::default(),
            turnover: 0,
            drawdown: Drawdown::new(i128::from(config.capital)),
            day: Day::default(),
            arrival: Arrival::new(&config.latency.feed, config.seed, symbols),
            capital: config.capital,
            timeseries_ns: config.timeseries_ns,
            sample_next_ns: i64::MIN,
            totals_end: Totals::default(),
        };
        let (codes, labels) = strategies
            .into_iter()
            .map(|StrategySlot { name, params, code }| {
                let wants = code.wants();
                (code, Label { name, params, wants })
            })
            .unzip();
        Lane { name: config.name, codes, labels, state, list: None }
    }

    /// The classes of rows that this lane stops at, if it may pass others by: those that its one strategy wants, and what the
    /// lane itself does at sessions.
    pub(super) fn list_wanted(&self) -> Option<u8> {
        let [label] = &*self.labels else { return None };
        let mask = label.wants | class::SESSION;
        let is_all = mask & class::ALL == class::ALL;
        let is_constant = matches!(self.state.arrival, Arrival::Constant(_));
        (is_constant && !is_all).then_some(mask)
    }

    /// Calls one strategy. A return other than 0 ends the run with a fault that names it.
    #[inline]
    pub(super) fn call(
        &mut self,
        market: &Market<'_>,
        strategy: usize,
        callback: &'static str,
        call: impl FnOnce(&mut S, &mut Context<'_>) -> i32,
    ) -> Result<(), Fault> {
        let label = &self.labels[strategy];
        let mut context = Context {
            state: &mut self.state,
            market: *market,
            params: &label.params,
            strategy: strategy as u32,
        };
        match call(&mut self.codes[strategy], &mut context) {
            0 => Ok(()),
            code => Err(stopped(&self.name, &label.name, callback, code, self.state.now_ns)),
        }
    }

    /// Runs `on_start` of every strategy, before the first row.
    pub(super) fn start(&mut self, market: &Market<'_>, ts_first_ns: i64) -> Result<(), Fault> {
        self.state.now_ns = ts_first_ns;
        self.state.counts.ts_first_ns = ts_first_ns;
        self.state.phase = Phase::Trading;
        self.state.day.trading_day = day_at(market, ts_first_ns);
        for strategy in 0..self.codes.len() {
            self.call(market, strategy, "on_start", |code, context| code.on_start(context))?;
        }
        Ok(())
    }

    /// Runs `on_end` of every strategy and closes the books.
    pub(super) fn end(&mut self, market: &Market<'_>) -> Result<(), Fault> {
        self.state.phase = Phase::Ended;
        for strategy in 0..self.codes.len() {
            self.call(market, strategy, "on_end", |code, context| code.on_end(context))?;
        }
        self.state.finish(market)
    }
}

#[cold]
pub(super) fn stopped(lane: &str, strategy: &str, callback: &str, code: i32, now_ns: i64) -> Fault {
    Fault::new(
        Status::StrategyStopped,
        format!(
            "strategy '{strategy}' of lane '{lane}' returned {code} from {callback} at {now_ns}"
        ),
    )
}

#[cold]
fn clock_missing(market: &Market<'_>, event: &Event) -> Fault {
    let symbol = &market.instruments[event.instrument as usize].symbol;
    let recorded = if event.ts_recv_ns == UNDEF_TIME {
        "no receive time was recorded".into()
    } else {
        format!(
            "it was received {} ns after that, by its clock",
            event.ts_recv_ns - event.ts_exch_ns
        )
    };
    Fault::new(
        Status::BadData,
        format!(
            "{symbol}: the row of {} cannot be delivered by the recorded clock: {recorded}; give the feed leg a skew, \
             or another latency for such rows",
            event.ts_exch_ns
        ),
    )
}

impl LaneState {
    /// When the next row, `event`, is due at the strategy.
    #[inline]
    pub fn due_ns(&mut self, event: &Event) -> i64 {
        match &mut self.arrival {
            Arrival::Constant(ns) => event.ts_exch_ns + *ns,
            // It does not overtake the row before it.
            Arrival::Each(each) => each.due_ns(self.seen.row, event).max(self.now_ns),
        }
    }

    /// When the last row of the run is due at the strategy; the present when there is none.
    pub fn last_due_ns(&self, window: &Window) -> i64 {
        self.arrival.last_due_ns(window.events_from(self.seen.row).iter()).max(self.now_ns)
    }

    /// When the next row happens that may mean something: at the exchange, if the lane has something there, or at the strategy;
    /// `i64::MAX` when none is known.
    #[inline]
    pub fn row_due_ns(&mut self, window: &Window) -> i64 {
        let seen_ns = window.event(self.seen.row).map_or(i64::MAX, |event| self.due_ns(event));
        if self.exchange.is_idle() {
            return seen_ns;
        }
        let row = window.event(self.exchange.row_next());
        seen_ns.min(row.map_or(i64::MAX, |event| event.ts_exch_ns))
    }

    /// When the next request, answer or timer is due; `i64::MAX` when there is none.
    #[inline]
    pub fn message_due_ns(&self) -> i64 {
        self.gateway.due_ns().min(self.out.line.due_ns()).min(self.timers.due_ns())
    }

    /// Behind what the lane will still write down, as far as it is not in its recorder.
    pub fn settled(&self) -> Settled {
        if self.phase == Phase::Ended {
            return Settled { ts_ns: i64::MAX, row: u64::MAX };
        }
        // Answers do not overtake each other: the first one under way is the oldest.
        let ts_ns = match self.out.line.first().map(|response| &response.message) {
            Some(Message::Fill(fill)) => fill.ts_exch_ns.min(self.now_ns),
            Some(Message::Report(report)) => report.ts_exch_ns.min(self.now_ns),
            None => self.now_ns,
        };
        Settled { ts_ns, row: self.seen.row }
    }

    /// When equity is to be sampled: at the first row or message, `next_ns` if no row comes before, from the next grid
    /// point on, on whichever side of the feed leg.
    pub fn sample_due_ns(&mut self, window: &Window, next_ns: i64) -> i64 {
        if !self.exchange.is_idle() || next_ns < self.sample_next_ns {
            return next_ns;
        }
        let row = self.exchange.row_next().max(self.seen.row);
        let first = window.event(window.first_at(row, self.sample_next_ns));
        first.map_or(next_ns, |event| event.ts_exch_ns.min(next_ns))
    }

    /// Grid point of the next sample, ns.
    #[inline]
    pub fn sample_next_ns(&self) -> i64 {
        self.sample_next_ns
    }

    /// Requests are taken until `on_end`.
    pub fn check_trading(&self) -> Result<(), Status> {
        if self.phase == Phase::Ended { Err(Status::InvalidState) } else { Ok(()) }
    }

    /// Takes a request into the digest; `kind` as in [`DigestRecord::sent`].
    pub fn note_sent(&mut self, kind: u8, sent: &Sent) {
        let Sent { slot, price, qty, .. } = sent;
        let row = self.gateway.row(*slot);
        if self.out.trace.is_of(row.order_id) {
            self.out.trace.note_message(self.now_ns, sent_as(kind), *price, *qty);
        }
        self.digest.update(&DigestRecord::sent(self.now_ns, kind, row, *price, *qty));
    }

    /// Takes slabs to write into, and gives back those it had: all, or none.
    pub fn swap(&mut self, slabs: &mut Slabs) {
        self.recorder.swap(&mut slabs.rows);
        core::mem::swap(&mut self.out.queues, &mut slabs.queues);
    }

    /// Hands everything that was written down to `sink`.
    pub fn drain(&mut self, sink: &mut dyn Sink) {
        let is_asked = self.wants_drain();
        self.out.note_drained(is_asked);
        self.recorder.drain(&mut self.out.queues, sink, is_asked);
        self.out.drain(sink);
    }

    /// Whether a row waits for a drain that others' rows must not get among.
    pub fn holds_rows(&self) -> bool {
        !self.recorder.is_empty() || !self.out.queues.is_empty()
    }

    /// Whether the caller should drain before the next instant.
    #[inline]
    pub fn wants_drain(&self) -> bool {
        self.recorder.wants_drain() || self.out.wants_drain()
    }

    /// Lets the exchange apply the row that it found ahead. What it answers is due some time, and is to be taken down.
    #[inline]
    pub fn apply_found(&mut self, market: &Market<'_>, event: &Event) -> Result<(), Fault> {
        self.exchange.apply_found(market, event, &mut self.out)?;
        self.quiet_ns = self.quiet_ns.min(self.out.line.due_ns());
        if self.out.wants_drain() {
            self.quiet_ns = i64::MIN;
        }
        Ok(())
    }

    /// Lets the exchange take in the rows before `limit_ns`, before which nothing is due any more: they may be dropped. It may
    /// have looked beyond, when the limit was another one.
    pub fn catch_up(&mut self, market: &Market<'_>, limit_ns: i64) {
        if !self.exchange.is_idle() {
            self.exchange.catch_up_to(market, limit_ns, &mut self.out.trace);
        }
    }

    /// Bid plus ask of the mark of an instrument, as of the rows that [`Cursor::sync`] took in last.
    pub fn mid_x2(&self, window: &Window, instrument: u32) -> Option<i64> {
        let (event, depth) = window.mark(instrument, self.seen.passed(instrument))?;
        Book { event, depth }.mid_x2()
    }

    /// A row without a clock of its own cannot be delivered by it.
    #[inline]
    pub fn check_clock(&self, market: &Market<'_>, event: &Event) -> Result<(), Fault> {
        let is_missing = self.arrival.is_clock_missing(event);
        if is_missing { Err(clock_missing(market, event)) } else { Ok(()) }
    }

    /// Passes row number `row`, `event`, at its delivery at `due_ns`.
    #[inline(always)]
    pub fn pass(
        &mut self,
        market: &Market<'_>,
        row: u64,
        event: &Event,
        due_ns: i64,
    ) -> Result<(), Fault> {
        self.now_ns = due_ns;
        self.seen.row = row.wrapping_add(1); // 2^64 rows do not come
        if event.kind == kind::SESSION_OPEN { self.roll_day(market, event) } else { Ok(()) }
    }

    /// Ends the trading day in progress when the row belongs to a later one.
    #[cold]
    fn roll_day(&mut self, market: &Market<'_>, event: &Event) -> Result<(), Fault> {
        let instrument = &market.instruments[event.instrument as usize];
        let day = session_at(instrument, event.ts_exch_ns).map_or(0, |s| s.trading_day);
        if day <= self.day.trading_day {
            return Ok(());
        }
        let totals = self.totals(market)?;
        self.end_day(&totals)?;
        self.day = Day {
            trading_day: day,
            pnl_start: totals.pnl(),
            fees_start: totals.fees,
            fills_start: self.counts.fills,
        };
        Ok(())
    }

    fn end_day(&mut self, totals: &Totals) -> Result<(), Fault> {
        if self.day.trading_day == 0 {
            return Ok(());
        }
        let row = DayRow {
            trading_day: self.day.trading_day,
            pnl: self.narrow(totals.pnl() - self.day.pnl_start)?,
            fees: self.narrow(totals.fees - self.day.fees_start)?,
            fills: self.counts.fills - self.day.fills_start,
        };
        self.recorder.day(row)
    }

    /// Samples equity at the last grid point passed, if one was passed before `t_ns`.
    #[inline]
    pub fn sample_until(&mut self, market: &Market<'_>, t_ns: i64) -> Result<(), Fault> {
        if t_ns < self.sample_next_ns { Ok(()) } else { self.sample_grid(market, t_ns) }
    }

    #[cold]
    fn sample_grid(&mut self, market: &Market<'_>, t_ns: i64) -> Result<(), Fault> {
        let grid_ns = t_ns - t_ns.rem_euclid(self.timeseries_ns);
        let is_first = self.sample_next_ns == i64::MIN;
        self.sample_next_ns = grid_ns.saturating_add(self.timeseries_ns);
        if is_first { Ok(()) } else { self.sample(market, grid_ns) }
    }

    fn sample(&mut self, market: &Market<'_>, ts_ns: i64) -> Result<(), Fault> {
        let totals = self.totals(market)?;
        let equity = i128::from(self.capital) + totals.pnl();
        let drawdown = self.drawdown.sample(equity);
        let row = SeriesRow {
            ts_ns,
            equity: self.narrow(equity)?,
            pnl_realised: self.narrow(totals.pnl_realised)?,
            pnl_unrealised: self.narrow(totals.pnl_unrealised)?,
            fees: self.narrow(totals.fees)?,
            exposure_gross: self.narrow(totals.exposure_gross)?,
            exposure_net: self.narrow(totals.exposure_net)?,
            drawdown: self.narrow(drawdown)?,
        };
        self.recorder.series(row)
    }

    /// Takes equity into the drawdown after a fill.
    pub fn sample_drawdown(&mut self, market: &Market<'_>) -> Result<(), Fault> {
        let equity = i128::from(self.capital) + self.totals(market)?.pnl();
        self.drawdown.sample(equity);
        Ok(())
    }

    fn totals(&mut self, market: &Market<'_>) -> Result<Totals, Fault> {
        if self.account.holds_any() {
            self.seen.sync(market.window);
        }
        self.account
            .totals(market.instruments, |index| self.mid_x2(market.window, index))
            .map_err(|status| self.money_fault(status))
    }

    /// A money fault at the present instant.
    #[cold]
    pub fn money_fault(&self, status: Status) -> Fault {
        Fault::new(
            status,
            format!(
                "money leaves its type at {}: more than 64 bits of 1e-6, or a price times the \
                 multiplier that is not a whole 1e-6",
                self.now_ns
            ),
        )
    }

    fn narrow(&self, amount: i128) -> Result<i64, Fault> {
        money::narrow(amount).map_err(|status| self.money_fault(status))
    }

    /// Writes what is still open, the last sample and the last day.
    fn finish(&mut self, market: &Market<'_>) -> Result<(), Fault> {
        self.totals_end = self.totals(market)?;
        let totals = self.totals_end;
        if let Some(last) = self.seen.row.checked_sub(1) {
            self.counts.ts_last_ns = market.window.ts_exch_ns(last).unwrap_or(self.now_ns);
            self.sample(market, self.now_ns)?;
            self.end_day(&totals)?;
        }
        self.exchange.finish(self.now_ns, &mut self.out)?;
        self.out.trace.check()?;
        while let Some(row) = self.gateway.take_open() {
            self.recorder.order(&row, OrderEnded::of(&row))?;
        }
        Ok(())
    }

    /// The figures of the lane; final once it has ended.
    pub fn summary(&self) -> Result<LaneSummary, Fault> {
        let totals = &self.totals_end;
        Ok(LaneSummary {
            order_digest: self.digest.finish(),
            rows_delivered: self.seen.row,
            turnover: self.narrow(self.turnover)?,
            pnl_realised: self.narrow(totals.pnl_realised)?,
            pnl_unrealised: self.narrow(totals.pnl_unrealised)?,
            fees: self.narrow(totals.fees)?,
            pnl: self.narrow(totals.pnl())?,
            drawdown_max: self.narrow(self.drawdown.deepest())?,
            open_qty: totals.open_qty,
            taken_forgotten: self.exchange.taken_forgotten(),
            ghosts_cut: self.exchange.ghosts_cut(),
            limits_unknown: self.exchange.limits_unknown(),
            requests_throttled: self.gateway.requests_throttled(),
            qty_estimated: self.out.qty_estimated,
            ..self.counts.clone()
        })
    }
}

/// A request of this kind, as [`DigestRecord::sent`] counts them, for the tracer.
fn sent_as(kind: u8) -> TraceWhat {
    match kind {
        16 => TraceWhat::SentSubmit,
        17 => TraceWhat::SentAmend,
        _ => TraceWhat::SentCancel,
    }
}

/// The latest trading day among the sessions open at `ts_ns`, of any instrument: the mark of a session that opened
/// before the first row is not delivered. 0 when none is open.
fn day_at(market: &Market<'_>, ts_ns: i64) -> u32 {
    let day = |instrument| session_at(instrument, ts_ns).map_or(0, |s| s.trading_day);
    market.instruments.iter().map(day).max().unwrap_or(0)
}

/// Every instrument must price in whole money units, or the account could not stay exact.
pub(super) fn check_money(instrument: &Instrument) -> Option<String> {
    let inexact = |step: &&crate::wire::TickStep| {
        i128::from(step.tick) * i128::from(instrument.multiplier_e6) % 1_000_000 != 0
    };
    instrument.ticks.iter().find(inexact).map(|step| {
        format!(
            "{}: tick {}e-6 times multiplier {}e-6 is not a whole 1e-6 of money",
            instrument.symbol, step.tick, instrument.multiplier_e6
        )
    })
}
