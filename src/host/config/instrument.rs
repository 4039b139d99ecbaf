//! Instruments of a config: symbol, prices, sizes, sessions, fees.
//!
//! Invariants: prices and money are exact decimals at 1e-6, rates at 1e-9; ladders rise strictly and each step
//! begins on the tick below it. Units: see `btcore::wire`.

use super::reader::{Cursor, Map};
use super::session::{self, SessionRule};
use btcore::wire::limits::{FEES_MAX, INSTRUMENTS_MAX, TICK_STEPS_MAX};
use btcore::wire::{
    Fee, FeeBase, FeeSide, Instrument, LEVELS_MAX, PRICE_SCALE, Rounding, TickStep,
};

/// An instrument as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentSpec {
    /// What the core is given; sessions are filled in when the run's span is known.
    pub instrument: Instrument,
    /// Units of the source's quantities in one lot.
    pub lot: u64,
    /// The rule that the sessions come from.
    pub sessions: SessionRule,
}

/// Lowest price of a ladder that allows negative prices, 1e-6: minus a thousand million units.
const PRICE_LOWEST: i64 = -1_000_000_000 * PRICE_SCALE;

/// Reads a list of instruments.
pub fn read_list(at: &Cursor<'_>) -> Option<Vec<InstrumentSpec>> {
    let items = at.list_some()?;
    if items.len() > INSTRUMENTS_MAX {
        at.fault(format!("{} instruments; {INSTRUMENTS_MAX} is the most", items.len()), "");
        return None;
    }
    let mut specs: Vec<Option<InstrumentSpec>> = Vec::new();
    let mut seen: Vec<(String, usize)> = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let map = item.map();
        if let Some(symbol) = map.as_ref().and_then(|map| map.get("symbol"))
            && let Some(text) = symbol.text()
        {
            if let Some((_, first)) = seen.iter().find(|(known, _)| known == text) {
                symbol.fault(
                    format!("symbol `{text}` stands twice"),
                    format!("first as {}[{first}]", at.path),
                );
            }
            seen.push((text.into(), number));
        }
        specs.push(map.and_then(|map| read_one(item, map)));
    }
    specs.into_iter().collect()
}

fn read_one(at: &Cursor<'_>, map: Map<'_>) -> Option<InstrumentSpec> {
    let symbol = map.need("symbol").and_then(|at| symbol(&at));
    let exchange = map.get("exchange").map_or(Some(String::new()), |at| at.text().map(Into::into));
    let negative = map.get("negative_prices").map_or(Some(false), |at| at.boolean());
    let ticks = read_ticks(&map, negative.unwrap_or(false));
    let multiplier = map.need("multiplier").and_then(|at| above_zero(&at, 6));
    let lot = map.get("lot").map_or(Some(1), |at| at.int(1..=1_000_000_000));
    let depth_max =
        map.get("depth_max").map_or(Some(LEVELS_MAX as i64), |at| at.int(1..=LEVELS_MAX as i64));
    let limits = map.get("price_limits").map_or(Some((i64::MIN, i64::MAX)), |at| read_limits(&at));
    let protection = map.get("protection").map_or(Some(0), |at| above_zero(&at, 6));
    let qty_max = map
        .get("order_qty_max")
        .map_or(Some(i64::from(u32::MAX)), |at| at.int(1..=i64::from(u32::MAX)));
    let sessions = match map.need("sessions") {
        Some(at) => session::read(&at),
        None => None,
    };
    let fees = map.get("fees").map_or(Some(Vec::new()), |at| read_fees(&at));
    map.finish();
    let (limit_down, limit_up) = limits?;
    let spec = InstrumentSpec {
        instrument: Instrument {
            symbol: symbol?,
            exchange: exchange?,
            ticks: ticks?,
            multiplier_e6: multiplier?,
            limit_down,
            limit_up,
            protection: protection?,
            depth_max: u8::try_from(depth_max?).ok()?,
            order_qty_max: u32::try_from(qty_max?).ok()?,
            negative_prices: negative?,
            sessions: Vec::new(),
            fees: fees?,
        },
        lot: u64::try_from(lot?).ok()?,
        sessions: sessions?,
    };
    if spec.instrument.symbol.len() > 64 {
        at.fault("the symbol is longer than 64 bytes", "");
    }
    Some(spec)
}

fn symbol(at: &Cursor<'_>) -> Option<String> {
    let name = at.name()?;
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        at.fault("a symbol has no spaces and no control characters", "");
        return None;
    }
    Some(name)
}

fn above_zero(at: &Cursor<'_>, places: u32) -> Option<i64> {
    let value = at.decimal(places)?;
    if value <= 0 {
        at.fault(format!("must be above zero, found {}", at.text()?), "");
        return None;
    }
    Some(value)
}

fn read_ticks(map: &Map<'_>, negative: bool) -> Option<Vec<TickStep>> {
    match (map.get("tick"), map.get("ladder")) {
        (Some(at), None) => {
            let tick = above_zero(&at, 6)?;
            let price_from = if negative { PRICE_LOWEST / tick * tick } else { 0 };
            Some(vec![TickStep { price_from, tick }])
        }
        (None, Some(at)) => read_ladder(&at),
        (Some(_), Some(at)) => {
            at.fault("`tick` and `ladder` exclude each other", "keep one of them");
            None
        }
        (None, None) => {
            map.fault("needs `tick`, or a `ladder` of [price, tick] steps", "");
            None
        }
    }
}

fn read_ladder(at: &Cursor<'_>) -> Option<Vec<TickStep>> {
    let items = at.list_some()?;
    if items.len() > TICK_STEPS_MAX {
        at.fault(format!("{} steps; {TICK_STEPS_MAX} is the most", items.len()), "");
        return None;
    }
    let mut steps: Vec<TickStep> = Vec::new();
    let mut whole = true;
    for item in &items {
        let Some(step) = read_step(item) else {
            whole = false;
            continue;
        };
        if let Some(before) = steps.last() {
            if step.price_from <= before.price_from {
                item.fault("the steps of a ladder must rise", "");
                whole = false;
            } else if (step.price_from - before.price_from) % before.tick != 0 {
                item.fault("the step begins off the tick below it", "");
                whole = false;
            }
        }
        steps.push(step);
    }
    whole.then_some(steps)
}

fn read_step(at: &Cursor<'_>) -> Option<TickStep> {
    match at.list()?.as_slice() {
        [price, tick] => {
            let (price_from, tick) = (price.decimal(6), above_zero(tick, 6));
            Some(TickStep { price_from: price_from?, tick: tick? })
        }
        other => {
            at.fault(format!("a step is [price, tick], found {} values", other.len()), "");
            None
        }
    }
}

fn read_limits(at: &Cursor<'_>) -> Option<(i64, i64)> {
    let map = at.map()?;
    let down = map.get("down").map_or(Some(i64::MIN), |at| at.decimal(6));
    let up = map.get("up").map_or(Some(i64::MAX), |at| at.decimal(6));
    map.finish();
    let (down, up) = (down?, up?);
    if down > up {
        at.fault("`down` lies above `up`", "");
        return None;
    }
    Some((down, up))
}

fn read_fees(at: &Cursor<'_>) -> Option<Vec<Fee>> {
    let items = at.list()?;
    if items.len() > FEES_MAX {
        at.fault(format!("{} fee rows; {FEES_MAX} is the most", items.len()), "");
        return None;
    }
    let fees: Vec<Option<Fee>> = items.iter().map(read_fee).collect();
    fees.into_iter().collect()
}

fn read_fee(at: &Cursor<'_>) -> Option<Fee> {
    let map = at.map()?;
    let name = map.need("name").and_then(|at| at.name());
    let side = map.get("side").map_or(Some(FeeSide::Both), |at| {
        at.choice(&[("both", FeeSide::Both), ("buy", FeeSide::Buy), ("sell", FeeSide::Sell)])
    });
    let unit = map.get("unit").map_or(Some(1), |at| above_zero(&at, 6));
    let rounding = map.get("round").map_or(Some(Rounding::HalfUp), |at| {
        at.choice(&[("down", Rounding::Down), ("half_up", Rounding::HalfUp), ("up", Rounding::Up)])
    });
    let value_base = map.get("base");
    let base = match (map.get("per_lot"), map.get("rate")) {
        (Some(amount), None) => {
            if let Some(base) = &value_base {
                base.fault("`base` belongs to `rate`; `per_lot` is an amount", "remove this line");
            }
            amount.decimal(6).map(|amount| FeeBase::PerLot { amount })
        }
        (None, Some(rate)) => read_rate(&rate, value_base.as_ref()),
        (Some(_), Some(rate)) => {
            rate.fault("`per_lot` and `rate` exclude each other", "write two fee rows");
            None
        }
        (None, None) => {
            at.fault("needs `per_lot` (an amount) or `rate` (a share of the value)", "");
            None
        }
    };
    map.finish();
    Some(Fee { name: name?, side: side?, base: base?, unit: unit?, rounding: rounding? })
}

fn read_rate(rate: &Cursor<'_>, base: Option<&Cursor<'_>>) -> Option<FeeBase> {
    let rate_e9 = rate.decimal(9);
    if rate_e9.is_some_and(|rate| rate.abs() >= 1_000_000_000) {
        rate.fault(
            "a rate is a share of the value, so below 1",
            "2 hundred-thousandths are \"0.00002\"",
        );
        return None;
    }
    let per_lot = base.map_or(Some(true), |at| {
        at.choice(&[("value_per_lot", true), ("value_per_fill", false)])
    })?;
    let rate_e9 = rate_e9?;
    Some(if per_lot { FeeBase::ValuePerLot { rate_e9 } } else { FeeBase::ValuePerFill { rate_e9 } })
}
