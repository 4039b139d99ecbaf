//! `summary.json`: what a run came to, as a function of (effective config, data, build) and of nothing else.
//!
//! Invariants: keys are sorted; money is an exact decimal text; two runs of the same three give the same
//! bytes. When, where and how fast is in `invocation.json`.

use super::metrics::{PERIODS_PER_YEAR, Ratio};
use super::result::{LaneResult, RunResult, feed_counts};
use crate::config::effective::sorted;
use crate::config::scalar::{decimal_text, instant_text};
use crate::provenance::hex;
use crate::rules::RulesNote;
use btcore::recorder::DayRow;
use serde_json::{Map, Value, json};

/// Version of the document.
pub const VERSION: u32 = 1;

/// The document.
pub fn document(run: &RunResult) -> Value {
    sorted(&json!({
        "format": "btcore-summary",
        "version": VERSION,
        "name": run.name,
        "run_id": run.run_id.to_string(),
        "config_hash": hex(&run.config_hash),
        "data_hash": hex(&run.data_hash),
        "build_id": hex(&run.build_id),
        "config": run.effective,
        "data": data(run),
        "rules": run.rules.as_ref().map(rules),
        "lanes": run.lanes.iter().map(lane).collect::<Vec<_>>(),
    }))
}

/// The document as the file holds it.
pub fn text(run: &RunResult) -> String {
    format!("{:#}\n", document(run))
}

fn money(value: i64) -> String {
    decimal_text(i128::from(value), 6)
}

fn data(run: &RunResult) -> Value {
    let symbols: Map<String, Value> = run
        .feed
        .iter()
        .map(|(symbol, stats)| {
            let counts = feed_counts(stats).into_iter().map(|(name, n)| (name.into(), json!(n)));
            (symbol.clone(), Value::Object(counts.collect()))
        })
        .collect();
    json!({
        "from": instant_text(run.from_ns),
        "to": instant_text(run.to_ns),
        "symbols": symbols,
        "source_skipped": run.source_skipped,
    })
}

fn rules(note: &RulesNote) -> Value {
    json!({
        "name": note.name,
        "warnings": note.warnings,
        "limit_days_without_reference": note.limit_days_without_reference,
    })
}

fn ratio(ratio: Ratio) -> Value {
    match ratio.value {
        Some(value) => json!({ "value": value }),
        None => json!({ "value": null, "reason": ratio.reason }),
    }
}

fn day(row: &DayRow) -> Value {
    json!({
        "trading_day": row.trading_day,
        "pnl": money(row.pnl),
        "fees": money(row.fees),
        "fills": row.fills,
    })
}

fn lane(lane: &LaneResult) -> Value {
    let s = &lane.summary;
    let ratios = lane.ratios();
    let strategies: Vec<Value> = lane
        .strategies
        .iter()
        .zip(&lane.strategy_hashes)
        .map(|(name, hash)| json!({ "name": name, "code_blake3": hex(hash) }))
        .collect();
    let instant = |ns: i64| (s.rows_delivered > 0).then(|| instant_text(ns));
    json!({
        "name": lane.name,
        "seed": lane.seed.to_string(),
        "capital": money(lane.capital),
        "strategies": strategies,
        "order_digest": hex(&s.order_digest),
        "rows_delivered": s.rows_delivered,
        "ts_first": instant(s.ts_first_ns),
        "ts_last": instant(s.ts_last_ns),
        "orders": s.orders,
        "orders_accepted": s.orders_accepted,
        "orders_rejected": s.orders_rejected,
        "orders_filled": s.orders_filled,
        "cancels": s.cancels,
        "amends": s.amends,
        "fills": s.fills,
        "fills_inferred": s.fills_inferred,
        "qty_accepted": s.qty_accepted,
        "qty_filled": s.qty_filled,
        "open_qty": s.open_qty,
        "qty_filled_estimates": {
            "pessimistic": s.qty_estimated[0],
            "model": s.qty_estimated[1],
            "optimistic": s.qty_estimated[2],
        },
        "ghosts_cut": s.ghosts_cut,
        "requests_throttled": s.requests_throttled,
        "taken_forgotten": s.taken_forgotten,
        "limits_unknown": s.limits_unknown,
        "pnl": money(s.pnl),
        "pnl_realised": money(s.pnl_realised),
        "pnl_unrealised": money(s.pnl_unrealised),
        "fees": money(s.fees),
        "turnover": money(s.turnover),
        "drawdown_max": money(s.drawdown_max),
        "trips_won": s.trips_won,
        "trips_lost": s.trips_lost,
        "trips_even": s.trips_even,
        "sharpe": ratio(ratios.sharpe),
        "sharpe_periods_per_year": PERIODS_PER_YEAR,
        "fill_rate": ratio(ratios.fill_rate),
        "win_rate": ratio(ratios.win_rate),
        "drawdown_of_capital": ratio(ratios.drawdown_of_capital),
        "turnover_of_capital": ratio(ratios.turnover_of_capital),
        "daily": lane.days.iter().map(day).collect::<Vec<_>>(),
    })
}
