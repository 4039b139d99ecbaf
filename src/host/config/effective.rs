//! The effective config: every rule that a result depends on, all defaults explicit, in one canonical form.
//!
//! Invariants: keys are sorted; numbers that could be fractions are exact decimal strings; nothing about I/O,
//! memory, output or credentials is in it, so moving a run to another machine or source keeps its hash. The
//! config hash is BLAKE3 of the compact text. Sessions are in it by rule and by a digest of the intervals that
//! the rule gave, because the latter depend on the time zone database.

use super::Config;
use super::data::SourceSpec;
use super::instrument::InstrumentSpec;
use super::lane::LaneSpec;
use super::scalar::{decimal_text, instant_text};
use super::session::{SessionRule, Window};
use super::span::{DayPart, Span};
use btcore::strategy::Param;
use btcore::wire::{Fee, FeeBase, FeeSide, Phase, Rounding, Session, TypeRule};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The effective config as a document with sorted keys.
pub fn document(config: &Config) -> Value {
    let mut data = json!({
        "from": instant_text(config.data.from_ns),
        "to": instant_text(config.data.to_ns),
        "ts_grid_ns": config.data.ts_grid_ns,
        "malformed": if config.data.malformed_skip { "skip" } else { "fail" },
        "trade_first": config.data.feed.trade_first,
        "reorder_ns": config.data.feed.reorder_ns,
        "duplicates": match (config.data.feed.drop_exact_duplicates, config.data.feed.drop_second_ticks) {
            (false, _) => "keep",
            (true, false) => "drop_exact",
            (true, true) => "drop_second_tick",
        },
    });
    // Not said where they are as ever: a config from before there were such keys has the hash that it had.
    let Span { trading_days, part, .. } = config.data.span;
    if let Some((first, last)) = trading_days {
        data["trading_days"] = json!([first.to_string(), last.to_string()]);
    }
    if part != DayPart::All {
        data["session"] = part.name().into();
    }
    if let SourceSpec::Synth { preset, seed, book_interval_ns } = &config.data.source {
        data["synth"] = json!({
            "preset": preset,
            "seed": seed.to_string(),
            "book_interval_ns": book_interval_ns,
        });
    }
    sorted(&json!({
        "version": super::VERSION,
        "name": config.name,
        "data": data,
        "instruments": config.instruments.iter().map(instrument).collect::<Vec<_>>(),
        "lanes": config.lanes.iter().map(lane).collect::<Vec<_>>(),
    }))
}

/// BLAKE3 of the canonical text.
pub fn hash(document: &Value) -> [u8; 32] {
    blake3::hash(document.to_string().as_bytes()).into()
}

/// A document with the keys of every map sorted by their bytes.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            Value::Object(entries.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn instrument(spec: &InstrumentSpec) -> Value {
    let it = &spec.instrument;
    let price = |value: i64| decimal_text(i128::from(value), 6);
    let limit = |value: i64, none: i64| (value != none).then(|| price(value));
    let expired = (spec.expired_ns != i64::MAX).then(|| instant_text(spec.expired_ns));
    json!({
        "symbol": it.symbol,
        "exchange": it.exchange,
        "ladder": it.ticks.iter().map(|s| json!([price(s.price_from), price(s.tick)])).collect::<Vec<_>>(),
        "multiplier": price(it.multiplier_e6),
        "lot": spec.lot,
        "depth_max": it.depth_max,
        "limit_down": limit(it.limit_down, i64::MIN),
        "protection": decimal_text(i128::from(it.protection), 6),
        "limit_up": limit(it.limit_up, i64::MAX),
        "order_qty_max": (it.order_qty_max != u32::MAX).then_some(it.order_qty_max),
        "negative_prices": it.negative_prices,
        "product": spec.product,
        "expired": expired,
        "sessions": {
            "rule": spec.sessions.as_ref().map(session_rule),
            "resolved": it.sessions.len(),
            "resolved_blake3": sessions_hash(&it.sessions),
        },
        "fees": it.fees.iter().map(fee).collect::<Vec<_>>(),
    })
}

fn session_rule(rule: &SessionRule) -> Value {
    let days = |days: &BTreeSet<Date>| days.iter().map(ToString::to_string).collect::<Vec<_>>();
    let window = |w: &Window| {
        json!({
            "open_s": w.open_s,
            "close_s": w.close_s,
            "trading_day_next": w.trading_day_next,
            "phase": match w.phase { Phase::Continuous => "continuous", Phase::Auction => "auction" },
            "frozen_ns": w.frozen_ns,
            "print_within_ns": w.print_within_ns,
        })
    };
    json!({
        "time_zone": rule.time_zone,
        "windows": rule.windows.iter().map(window).collect::<Vec<_>>(),
        "holidays": days(&rule.days.holidays),
        "extra_days": days(&rule.days.extra_days),
        "calendar": rule.calendar.as_ref().map(|calendar| &calendar.name),
    })
}

/// A digest of every field of every session: hours, and with them what the rules and references say about each day.
fn sessions_hash(sessions: &[Session]) -> String {
    let mut hasher = blake3::Hasher::new();
    for session in sessions {
        // Taken apart, so that a new field cannot be forgotten here.
        let Session {
            open_ns,
            close_ns,
            trading_day,
            phase,
            match_ns,
            print_until_ns,
            frozen_from_ns,
            limit_down,
            limit_up,
            is_limit_unknown,
            band_ppm,
            types,
        } = *session;
        for word in
            [open_ns, close_ns, match_ns, print_until_ns, frozen_from_ns, limit_down, limit_up]
        {
            hasher.update(&word.to_le_bytes());
        }
        hasher.update(&trading_day.to_le_bytes());
        hasher.update(&band_ppm.to_le_bytes());
        hasher.update(&[u8::from(phase == Phase::Auction), u8::from(is_limit_unknown)]);
        for TypeRule { tifs, qty_max } in types {
            hasher.update(&[tifs]);
            hasher.update(&qty_max.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

fn fee(fee: &Fee) -> Value {
    let side = match fee.side {
        FeeSide::Both => "both",
        FeeSide::Buy => "buy",
        FeeSide::Sell => "sell",
    };
    let round = match fee.rounding {
        Rounding::Down => "down",
        Rounding::HalfUp => "half_up",
        Rounding::Up => "up",
    };
    let mut row = json!({
        "name": fee.name,
        "side": side,
        "unit": decimal_text(i128::from(fee.unit), 6),
        "round": round,
    });
    match fee.base {
        FeeBase::PerLot { amount } => row["per_lot"] = json!(decimal_text(i128::from(amount), 6)),
        FeeBase::ValuePerLot { rate_e9 } => {
            row["rate"] = json!(decimal_text(i128::from(rate_e9), 9));
            row["base"] = json!("value_per_lot");
        }
        FeeBase::ValuePerFill { rate_e9 } => {
            row["rate"] = json!(decimal_text(i128::from(rate_e9), 9));
            row["base"] = json!("value_per_fill");
        }
    }
    row
}

fn lane(lane: &LaneSpec) -> Value {
    json!({
        "name": lane.config.name,
        "seed": lane.config.seed.to_string(),
        "capital": decimal_text(i128::from(lane.config.capital), 6),
        "timeseries_ns": lane.config.timeseries_ns,
        "latency": super::latency::effective(&lane.config.latency),
        "exchange": super::exchange::effective(&lane.config.exchange),
        "strategies": lane.strategies.iter().map(|s| json!({
            "name": s.name,
            "params": params(&s.params),
        })).collect::<Vec<_>>(),
    })
}

/// Parameters as a map with sorted keys.
pub fn params(params: &[(String, Param)]) -> Value {
    let value = |param: &Param| match param {
        Param::Int(whole) => json!(whole),
        Param::Float(number) => json!(number),
        Param::Text(text) => json!(text),
    };
    sorted(&Value::Object(params.iter().map(|(k, v)| (k.clone(), value(v))).collect::<Map<_, _>>()))
}
