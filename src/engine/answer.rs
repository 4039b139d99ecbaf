//! What an answer of the exchange does on its way to the strategy: digest, account, client order, rows, callback.
//!
//! Invariants: in that order, so that a strategy that is told of a fill finds it in its position; an order's row is written
//! when its end is told. Cost: O(1) an answer.

use super::lane::Lane;
use crate::exchange::{Market, Message, Response};
use crate::recorder::{DigestRecord, FillRow};
use crate::strategy::Strategy;
use crate::wire::{Fault, Fill, Report, ReportKind, TraceWhat};
use alloc::format;
use core::cmp::Ordering;

/// Delivers an answer to the strategy whose order it is about.
pub fn deliver<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    response: &mut Response,
) -> Result<(), Fault> {
    match &mut response.message {
        Message::Report(report) => deliver_report(lane, market, response.slot, report),
        Message::Fill(fill) => deliver_fill(lane, market, response.slot, response.ahead, fill),
    }
}

fn deliver_report<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    slot: u32,
    report: &mut Report,
) -> Result<(), Fault> {
    let state = &mut lane.state;
    let now_ns = state.now_ns;
    state.digest.update(&DigestRecord::report(now_ns, report));
    report.ts_local_ns = now_ns;
    if state.out.trace.is_of(report.order_id) {
        let what = TraceWhat::ToldReport(*report);
        state.out.trace.note_message(state.now_ns, what, report.price, report.qty);
    }
    if report.kind == ReportKind::Accepted as u8 {
        state.counts.orders_accepted += 1;
        state.counts.qty_accepted += u64::from(report.qty);
    }
    state.counts.orders_rejected += u64::from(report.kind == ReportKind::Rejected as u8);
    if let Some(ended) = state.gateway.on_report(slot, report) {
        state.recorder.order(state.gateway.row(slot), ended)?;
        state.gateway.release(slot);
    }
    lane.call(market, report.strategy as usize, "on_report", |code, context| {
        code.on_report(context, report)
    })
}

fn deliver_fill<S: Strategy>(
    lane: &mut Lane<S>,
    market: &Market<'_>,
    slot: u32,
    ahead_qty: [u32; 3],
    fill: &mut Fill,
) -> Result<(), Fault> {
    let state = &mut lane.state;
    let now_ns = state.now_ns;
    let instrument = &market.instruments[fill.instrument as usize];
    let booked = state.account.book(instrument, fill).map_err(|status| {
        let mut fault = state.money_fault(status);
        let name = format!("fill of order {} in {}: ", fill.order_id, instrument.symbol);
        fault.message.insert_str(0, &name);
        fault
    })?;
    state.digest.update(&DigestRecord::fill(now_ns, fill));
    state.recorder.fill(FillRow {
        fill: Fill { ts_local_ns: now_ns, fee: booked.fee, ..*fill },
        ahead_qty,
        position_qty: booked.position_qty,
        pnl_realised: booked.pnl_realised,
    })?;
    (fill.ts_local_ns, fill.fee) = (now_ns, booked.fee);
    if state.out.trace.is_of(fill.order_id) {
        let what = TraceWhat::ToldFill(*fill);
        state.out.trace.note_message(state.now_ns, what, fill.price, fill.qty);
    }
    state.turnover += booked.value;
    let counts = &mut state.counts;
    counts.fills += 1;
    counts.fills_inferred += u64::from(fill.inferred);
    counts.qty_filled += u64::from(fill.qty);
    match booked.trip {
        Some(Ordering::Greater) => counts.trips_won += 1,
        Some(Ordering::Less) => counts.trips_lost += 1,
        Some(Ordering::Equal) => counts.trips_even += 1,
        None => {}
    }
    if let Some((is_first, ended)) = state.gateway.on_fill(slot, fill) {
        state.counts.orders_filled += u64::from(is_first);
        if let Some(ended) = ended {
            state.recorder.order(state.gateway.row(slot), ended)?;
            state.gateway.release(slot);
        }
    }
    state.sample_drawdown(market)?;
    lane.call(market, fill.strategy as usize, "on_fill", |code, context| {
        code.on_fill(context, fill)
    })
}
