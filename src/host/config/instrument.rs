//! Instruments of a config: symbol, prices, sizes, sessions, fees, as far as they are given.
//!
//! Invariants: prices and money are exact decimals at 1e-6, rates at 1e-9; ladders rise strictly and each step
//! begins on the tick below it. What an instrument of a product leaves out comes from the rules; one without a product
//! states everything. Units: see `btcore::wire`.

use super::reader::{Collector, Cursor, Map};
use super::session::{self, SessionRule, SessionsGiven};
use super::span::Taken;
use super::tree::Place;
use btcore::wire::limits::{FEES_MAX, INSTRUMENTS_MAX, TICK_STEPS_MAX};
use btcore::wire::{
    Fee, FeeBase, FeeSide, Instrument, LEVELS_MAX, PRICE_SCALE, Rounding, TickStep,
};
use jiff::civil::Date;

/// An instrument as the run takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentSpec {
    /// What the core is given, sessions of the run's span included.
    pub instrument: Instrument,
    /// Units of the source's quantities in one lot.
    pub lot: u64,
    /// The rule that the sessions come from; `None` where they come from a product's rows.
    pub sessions: Option<SessionRule>,
    /// IANA name of the venue's clock.
    pub time_zone: String,
    /// Product of the rules.
    pub product: Option<String>,
    /// Last trading day.
    pub expiry: Option<Date>,
    /// First instant after the last trading day, ns; `i64::MAX` where there is none.
    pub expired_ns: i64,
    /// The part of its time that the run takes.
    pub taken: Taken,
}

/// A value of a config, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    place: Place,
    path: String,
}

impl<T> Given<T> {
    /// Notes a fault at the value.
    pub fn fault(
        &self,
        collector: &Collector,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        collector.note(self.place, &self.path, message, help);
    }
}

/// An instrument as the config states it. What is `None` was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Symbol, and the place of the whole instrument.
    pub symbol: Given<String>,
    /// Exchange, for tables.
    pub exchange: Option<String>,
    /// Product of the rules.
    pub product: Option<Given<String>>,
    /// Venue that it is traded on.
    pub venue: Option<Given<String>>,
    /// Last trading day.
    pub expiry: Option<Given<Date>>,
    /// Whether what is stated may contradict the rules.
    pub is_override: bool,
    /// Tick ladder.
    pub ticks: Option<Given<Vec<TickStep>>>,
    /// Money of a lot for a point, 1e-6.
    pub multiplier_e6: Option<Given<i64>>,
    /// Units of the source's quantities in one lot.
    pub lot: u64,
    /// Levels that a side shows at most.
    pub depth_max: u8,
    /// Lowest and highest legal price.
    pub limits: Option<(i64, i64)>,
    /// Points of protection.
    pub protection: Option<i64>,
    /// Largest order, lots.
    pub order_qty_max: Option<Given<u32>>,
    /// Whether prices of zero and below are prices.
    pub negative_prices: bool,
    /// Sessions, and days of the config.
    pub sessions: Option<Given<SessionsGiven>>,
    /// Fees.
    pub fees: Vec<Given<Fee>>,
}

impl Draft {
    /// What the core is given, as far as the config states it.
    pub fn instrument(&self) -> Instrument {
        let (limit_down, limit_up) = self.limits.unwrap_or((i64::MIN, i64::MAX));
        Instrument {
            symbol: self.symbol.value.clone(),
            exchange: self.exchange.clone().unwrap_or_default(),
            ticks: self.ticks.as_ref().map_or(Vec::new(), |ticks| ticks.value.clone()),
            multiplier_e6: self.multiplier_e6.as_ref().map_or(0, |given| given.value),
            limit_down,
            limit_up,
            protection: self.protection.unwrap_or(0),
            depth_max: self.depth_max,
            order_qty_max: self.order_qty_max.as_ref().map_or(u32::MAX, |given| given.value),
            negative_prices: self.negative_prices,
            sessions: Vec::new(),
            fees: self.fees.iter().map(|fee| fee.value.clone()).collect(),
        }
    }
}

/// Lowest price of a ladder that allows negative prices, 1e-6: minus a thousand million units.
const PRICE_LOWEST: i64 = -1_000_000_000 * PRICE_SCALE;

/// Reads a list of instruments.
pub fn read_list(at: &Cursor<'_>) -> Option<Vec<Draft>> {
    let items = at.list_some()?;
    if items.len() > INSTRUMENTS_MAX {
        at.fault(format!("{} instruments; {INSTRUMENTS_MAX} is the most", items.len()), "");
        return None;
    }
    let mut drafts: Vec<Option<Draft>> = Vec::new();
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
        drafts.push(map.and_then(|map| read_one(item, map)));
    }
    drafts.into_iter().collect()
}

/// The value of a key that may be left out. The outer `None` is a fault.
fn given<T>(
    at: Option<Cursor<'_>>,
    read: impl Fn(&Cursor<'_>) -> Option<T>,
) -> Option<Option<Given<T>>> {
    let Some(at) = at else { return Some(None) };
    let value = read(&at)?;
    Some(Some(Given { value, place: at.node.place, path: at.path.clone() }))
}

fn read_one(at: &Cursor<'_>, map: Map<'_>) -> Option<Draft> {
    let symbol = map.need("symbol").and_then(|at| symbol(&at));
    let exchange = map.get("exchange").map_or(Some(None), |at| at.text().map(|t| Some(t.into())));
    let product = given(map.get("product"), |at| at.name());
    let is_product = !matches!(product, Some(None));
    let venue = given(map.get("venue"), |at| at.name());
    let expiry = given(map.get("expiry"), crate::rules::file::date);
    let is_override = map.get("override");
    for at in [map.get("venue"), map.get("expiry"), map.get("override")].into_iter().flatten() {
        if !is_product {
            at.fault("belongs to `product`", "name the product of the rules, or remove this line");
        }
    }
    let is_override = is_override.map_or(Some(false), |at| at.boolean());
    // What the rules do not bring must be stated.
    let stated = |key| if is_product { map.get(key) } else { map.need(key) };
    let negative = map.get("negative_prices").map_or(Some(false), |at| at.boolean());
    let ticks = read_ticks(&map, negative.unwrap_or(false), is_product);
    let multiplier = given(stated("multiplier"), |at| above_zero(at, 6));
    let lot = map.get("lot").map_or(Some(1), |at| at.int(1..=1_000_000_000));
    let depth_max =
        map.get("depth_max").map_or(Some(LEVELS_MAX as i64), |at| at.int(1..=LEVELS_MAX as i64));
    let limits = map.get("price_limits").map_or(Some(None), |at| read_limits(&at).map(Some));
    let protection = map.get("protection").map_or(Some(None), |at| above_zero(&at, 6).map(Some));
    let qty_max =
        given(map.get("order_qty_max"), |at| u32::try_from(at.int(1..=i64::from(u32::MAX))?).ok());
    let sessions = given(stated("sessions"), |at| session::read(at, is_product));
    let fees = map.get("fees").map_or(Some(Vec::new()), |at| read_fees(&at));
    map.finish();
    let symbol = Given { value: symbol?, place: at.node.place, path: at.path.clone() };
    if symbol.value.len() > 64 {
        at.fault("the symbol is longer than 64 bytes", "");
    }
    let draft = Draft {
        symbol,
        exchange: exchange?,
        product: product?,
        venue: venue?,
        expiry: expiry?,
        is_override: is_override?,
        ticks: ticks?,
        multiplier_e6: multiplier?,
        lot: u64::try_from(lot?).ok()?,
        depth_max: u8::try_from(depth_max?).ok()?,
        limits: limits?,
        protection: protection?,
        order_qty_max: qty_max?,
        negative_prices: negative?,
        sessions: sessions?,
        fees: fees?,
    };
    // What is missing was told already.
    let is_stated = draft.multiplier_e6.is_some() && draft.sessions.is_some();
    (is_product || is_stated).then_some(draft)
}

fn symbol(at: &Cursor<'_>) -> Option<String> {
    let name = at.name()?;
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        at.fault("a symbol has no spaces and no control characters", "");
        return None;
    }
    Some(name)
}

/// An exact decimal above zero.
pub fn above_zero(at: &Cursor<'_>, places: u32) -> Option<i64> {
    let value = at.decimal(places)?;
    if value <= 0 {
        at.fault(format!("must be above zero, found {}", at.text()?), "");
        return None;
    }
    Some(value)
}

fn read_ticks(
    map: &Map<'_>,
    negative: bool,
    is_product: bool,
) -> Option<Option<Given<Vec<TickStep>>>> {
    match (map.get("tick"), map.get("ladder")) {
        (Some(at), None) => given(Some(at), |at| {
            let tick = above_zero(at, 6)?;
            let price_from = if negative { PRICE_LOWEST / tick * tick } else { 0 };
            Some(vec![TickStep { price_from, tick }])
        }),
        (None, Some(at)) => given(Some(at), read_ladder),
        (Some(_), Some(at)) => {
            at.fault("`tick` and `ladder` exclude each other", "keep one of them");
            None
        }
        (None, None) if is_product => Some(None),
        (None, None) => {
            map.fault("needs `tick`, or a `ladder` of [price, tick] steps", "");
            None
        }
    }
}

/// A ladder of [price, tick] steps.
pub fn read_ladder(at: &Cursor<'_>) -> Option<Vec<TickStep>> {
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

fn read_fees(at: &Cursor<'_>) -> Option<Vec<Given<Fee>>> {
    let items = at.list()?;
    if items.len() > FEES_MAX {
        at.fault(format!("{} fee rows; {FEES_MAX} is the most", items.len()), "");
        return None;
    }
    let read = |item: &Cursor<'_>| {
        let map = item.map()?;
        let fee = fee(item, &map);
        map.finish();
        Some(Given { value: fee?, place: item.node.place, path: item.path.clone() })
    };
    let fees: Vec<Option<Given<Fee>>> = items.iter().map(read).collect();
    fees.into_iter().collect()
}

/// A fee or tax out of a map that may hold more than that.
pub fn fee(at: &Cursor<'_>, map: &Map<'_>) -> Option<Fee> {
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
