//! The hot path: how a lane moves through time.
//!
//! Invariants (law 2): at one instant the exchange applies rows, then requests arrive, then reports are
//! delivered, then rows are delivered, then timers fire; what was sent with zero latency makes another round
//! of the same instant, up to `ROUNDS_MAX`. Most instants have rows and nothing else: [`rows`] runs those in a loop of
//! their own, and leaves the rest to [`instant`]. Cost: a row, two comparisons and the callback; the exchange's rows only
//! where the lane has something there.

use super::answer;
use super::context::Context;
use super::lane::{Lane, LaneState, Phase, stopped};
use crate::exchange::Market;
use crate::latency::Arrival;
use crate::strategy::Strategy;
use crate::wire::Fault;
use crate::wire::limits::ROUNDS_MAX;
use crate::wire::{Event, Status};
use alloc::format;

/// Why a lane stopped running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It has done everything before the limit.
    Limit,
    /// Its recorder wants to be drained.
    Drain,
}

/// Runs every instant of the lane before `limit_ns`.
pub fn run<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    limit_ns: i64,
) -> Result<Pause, Fault> {
    loop {
        let state = &mut lane.state;
        let message_ns = state.message_due_ns();
        state.quiet_ns = limit_ns.min(state.sample_next_ns()).min(message_ns);
        let mut row_ns = state.row_due_ns(market.window);
        if row_ns < state.quiet_ns {
            rows(lane, market)?;
            row_ns = lane.state.row_due_ns(market.window);
        }
        let state = &mut lane.state;
        // Rows may have made something due.
        let t_ns = row_ns.min(state.message_due_ns());
        if state.wants_drain() {
            return Ok(Pause::Drain);
        }
        let sample_ns = state.sample_due_ns(market.window, t_ns);
        if sample_ns < limit_ns {
            state.sample_until(market, sample_ns)?;
        }
        if t_ns >= limit_ns {
            state.catch_up(market, limit_ns);
            return Ok(Pause::Limit);
        }
        if sample_ns >= t_ns {
            instant(lane, market, t_ns, if row_ns <= t_ns { Rows::Both } else { Rows::Neither })?;
        }
    }
}

/// Runs the instants before `quiet_ns`, at which nothing happens but rows.
fn rows<S: Strategy>(lane: &mut Lane<S>, market: &Market<'_>) -> Result<(), Fault> {
    let row_first = lane.state.seen.row;
    match (&*lane.codes, &lane.state.arrival, lane.list) {
        ([_], &Arrival::Constant(feed_ns), None) => {
            rows_of_one(lane, market, |code, context| deliver_rows(code, context, feed_ns))?;
        }
        ([_], &Arrival::Constant(feed_ns), Some(list)) => {
            rows_of_list(lane, market, feed_ns, list)?;
        }
        _ => rows_of_many(lane, market)?,
    }
    // Whatever the last row's callbacks made due at its own instant goes on with that instant.
    let state = &lane.state;
    if state.seen.row > row_first && state.quiet_ns <= state.now_ns {
        return instant(lane, market, state.now_ns, Rows::Delivered);
    }
    Ok(())
}

/// [`rows`] of one strategy on a constant feed leg: the loop that most of a run's time is spent in. Where the lane has
/// something at the exchange, it first looks for the next row that may fill, and has delivered what is due before.
#[inline(always)] // so that it is compiled for each way of delivery
fn rows_of_one<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    mut deliver: impl FnMut(&mut S, &mut Context<'_>) -> Result<i32, Fault>,
) -> Result<(), Fault> {
    let Lane { name, codes, labels, state, .. } = lane;
    let ([code], [label]) = (&mut **codes, &**labels) else { return Ok(()) };
    let mut context = Context { state, market: *market, params: &label.params, strategy: 0 };
    loop {
        // What is due before the exchange's next step comes first. While the exchange is idle its rows are behind.
        let state = &mut *context.state;
        let quiet_ns = state.quiet_ns;
        let is_live = !state.exchange.is_idle();
        let next = if is_live { state.exchange.look_ahead(market.window, quiet_ns) } else { None };
        let next_ns = next.map_or(i64::MAX, |event| event.ts_exch_ns);
        state.quiet_ns = quiet_ns.min(next_ns);
        let status = deliver(code, &mut context)?;
        let state = &mut *context.state;
        if status != 0 {
            return Err(stopped(name, &label.name, "on_event", status, state.now_ns));
        }
        if state.quiet_ns == next_ns {
            state.quiet_ns = quiet_ns.min(state.message_due_ns());
        }
        let Some(event) = next.filter(|event| event.ts_exch_ns < state.quiet_ns) else {
            return Ok(());
        };
        if state.exchange.is_felt() {
            state.apply_found(market, event)?;
        }
    }
}

/// Delivers the rows that are due before `quiet_ns`, which a callback may bring nearer. Returns what the last callback did, or
/// the first that was not 0. Apart from its caller, so that all of it stays in registers.
#[inline(never)]
fn deliver_rows<S: Strategy>(
    code: &mut S,
    context: &mut Context<'_>,
    feed_ns: i64,
) -> Result<i32, Fault> {
    let market = context.market;
    // Counted here, since a count in memory would have to be read back at every row.
    let mut row = context.state.seen.row;
    for event in market.window.events_from(row) {
        let due_ns = event.ts_exch_ns + feed_ns;
        if due_ns >= context.state.quiet_ns {
            break;
        }
        let depth = market.window.depth(event.depth_ix);
        context.state.pass(&market, row, event, due_ns)?;
        row = row.wrapping_add(1);
        let status = code.on_event(context, event, depth);
        if status != 0 {
            return Ok(status);
        }
    }
    Ok(0)
}

/// [`rows`] of one strategy that wants few of them, on a constant feed leg: it stops at those and passes the others by.
fn rows_of_list<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    feed_ns: i64,
    list: usize,
) -> Result<(), Fault> {
    let window = market.window;
    let wants = lane.labels.first().map_or(0, |label| label.wants);
    let mut listed = window.listed_from(list, lane.state.seen.row);
    rows_of_one(lane, market, |code, context| {
        deliver_listed(code, context, feed_ns, wants, &mut listed)
    })?;
    // Those that are not wanted are delivered in passing, up to whatever is due next.
    let state = &mut lane.state;
    let row = window.first_at(state.seen.row, state.quiet_ns.saturating_sub(feed_ns));
    if row > state.seen.row {
        state.seen.row = row;
        let last_ns = window.ts_exch_ns(row - 1).unwrap_or(state.now_ns);
        state.now_ns = state.now_ns.max(last_ns + feed_ns);
    }
    Ok(())
}

/// [`deliver_rows`] of those that are `listed`, and takes them off. Some are there for the lane alone.
#[inline(never)]
fn deliver_listed<S: Strategy>(
    code: &mut S,
    context: &mut Context<'_>,
    feed_ns: i64,
    wants: u8,
    listed: &mut &[u64],
) -> Result<i32, Fault> {
    let market = context.market;
    while let [row, rest @ ..] = *listed
        && let Some(event) = market.window.event(*row)
    {
        let due_ns = event.ts_exch_ns + feed_ns;
        if due_ns >= context.state.quiet_ns {
            break;
        }
        *listed = rest;
        context.state.pass(&market, *row, event, due_ns)?;
        if wants & market.window.class(*row) == 0 {
            continue;
        }
        let status = code.on_event(context, event, market.window.depth(event.depth_ix));
        if status != 0 {
            return Ok(status);
        }
    }
    Ok(0)
}

/// [`rows`] of any lane.
fn rows_of_many<S: Strategy>(lane: &mut Lane<S>, market: &Market<'_>) -> Result<(), Fault> {
    while let Some(event) = market.window.event(lane.state.seen.row) {
        let due_ns = lane.state.due_ns(event);
        exchange_applies_quiet_rows(&mut lane.state, market, due_ns)?;
        if due_ns >= lane.state.quiet_ns {
            return Ok(());
        }
        deliver_row(lane, market, event, due_ns)?;
    }
    exchange_applies_quiet_rows(&mut lane.state, market, i64::MAX)
}

/// Lets the exchange apply rows up to `due_ns`, before anything else is due.
#[inline]
fn exchange_applies_quiet_rows(
    state: &mut LaneState,
    market: &Market<'_>,
    due_ns: i64,
) -> Result<(), Fault> {
    loop {
        let until_ns = state.quiet_ns.min(due_ns.saturating_add(1));
        if state.exchange.is_idle() || !apply_next(state, market, until_ns)? {
            return Ok(());
        }
    }
}

/// Rows that happen at an instant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// None, neither at the exchange nor at the strategy.
    Neither,
    /// There may be some on both sides.
    Both,
    /// The instant has begun: those of the exchange are applied, no message is due, and rows are being delivered.
    Delivered,
}

/// Runs one instant, at which these rows happen.
fn instant<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    t_ns: i64,
    mut rows: Rows,
) -> Result<(), Fault> {
    lane.state.now_ns = t_ns;
    if rows == Rows::Both {
        exchange_applies_rows(&mut lane.state, market, t_ns)?;
    }
    for _ in 0..ROUNDS_MAX {
        if rows != Rows::Delivered {
            messages_arrive(lane, market, t_ns)?;
        }
        if rows != Rows::Neither {
            while let Some(event) = market.window.event(lane.state.seen.row)
                && lane.state.due_ns(event) <= t_ns
            {
                deliver_row(lane, market, event, t_ns)?;
            }
        }
        if lane.state.timers.due_ns() <= t_ns {
            timers_fire(lane, market, t_ns)?;
        }
        if lane.state.message_due_ns() > t_ns {
            return Ok(());
        }
        rows = Rows::Neither; // They are over; what is due was sent with zero latency.
    }
    Err(rounds_exceeded(&lane.name, t_ns))
}

/// Timers that were set before this round fire.
#[inline(never)]
fn timers_fire<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    t_ns: i64,
) -> Result<(), Fault> {
    let rank_end = lane.state.timers.rank_next();
    while let Some(timer) = lane.state.timers.pop_due(t_ns, rank_end) {
        lane.call(market, timer.strategy as usize, "on_timer", |code, context| {
            code.on_timer(context, timer.timer_id)
        })?;
    }
    Ok(())
}

/// Requests reach the exchange, then answers the strategy.
fn messages_arrive<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    t_ns: i64,
) -> Result<(), Fault> {
    let LaneState { gateway, exchange, out, seen, .. } = &mut lane.state;
    if gateway.due_ns() <= t_ns {
        let until_ns = t_ns.saturating_add(1);
        if exchange.is_idle() {
            exchange.pass_idle(market.window, seen.row, until_ns);
        } else {
            exchange.catch_up_to(market, until_ns, &mut out.trace);
        }
        while let Some(request) = gateway.first_due(t_ns) {
            exchange.on_request(market, request, t_ns, out)?;
            gateway.pop();
        }
    }
    while let Some(mut response) = lane.state.out.line.pop_due(t_ns) {
        answer::deliver(lane, market, &mut response)?;
    }
    Ok(())
}

fn exchange_applies_rows(
    state: &mut LaneState,
    market: &Market<'_>,
    t_ns: i64,
) -> Result<(), Fault> {
    let until_ns = t_ns.saturating_add(1);
    while !state.exchange.is_idle() && apply_next(state, market, until_ns)? {}
    Ok(())
}

/// Lets the exchange look at some rows before `until_ns`, and apply the one that may fill, if it finds one; says whether there
/// may be more.
fn apply_next(state: &mut LaneState, market: &Market<'_>, until_ns: i64) -> Result<bool, Fault> {
    let next = state.exchange.look_ahead(market.window, until_ns);
    let next = next.filter(|event| event.ts_exch_ns < until_ns);
    if let Some(event) = next
        && state.exchange.is_felt()
    {
        state.apply_found(market, event)?;
    }
    Ok(next.is_some())
}

/// Hands the next row, `event`, to every strategy of a lane that wants it.
fn deliver_row<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    event: &Event,
    t_ns: i64,
) -> Result<(), Fault> {
    lane.state.check_clock(market, event)?;
    lane.state.pass(market, lane.state.seen.row, event, t_ns)?;
    let depth = market.window.depth(event.depth_ix);
    let class = market.window.class(lane.state.seen.row - 1);
    for strategy in 0..lane.codes.len() {
        if lane.labels[strategy].wants & class == 0 {
            continue;
        }
        lane.call(market, strategy, "on_event", |code, context| {
            code.on_event(context, event, depth)
        })?;
    }
    Ok(())
}

/// After the feed has ended: delivers the last rows, then what the exchange had already said. Requests still
/// under way never arrive, since nothing is known of the market they would meet; timers beyond the last row do
/// not fire.
pub fn run_out<S: Strategy>(lane: &mut Lane<S>, market: &Market<'_>) -> Result<Pause, Fault> {
    if lane.state.phase == Phase::Trading {
        let last_ns = lane.state.last_due_ns(market.window);
        if run(lane, market, last_ns.saturating_add(1))? == Pause::Drain {
            return Ok(Pause::Drain);
        }
        lane.state.phase = Phase::Closing;
        lane.state.gateway.close();
        lane.state.timers.close();
    }
    if run(lane, market, i64::MAX)? == Pause::Drain || lane.state.wants_drain() {
        return Ok(Pause::Drain); // `on_end` and the orders still open find half of every slab free.
    }
    Ok(Pause::Limit)
}

#[cold]
fn rounds_exceeded(lane: &str, t_ns: i64) -> Fault {
    Fault::new(
        Status::RoundsExceeded,
        format!(
            "lane '{lane}' exchanged zero-latency messages more than {ROUNDS_MAX} times at {t_ns}; \
             a strategy and the exchange answer each other without end"
        ),
    )
}
