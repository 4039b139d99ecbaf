//! Lanes of a config: latency, seed, capital, strategies and their parameters.
//!
//! Invariants: every latency leg is stated, so none is zero by accident; names of lanes, and of the strategies
//! of one lane, differ. Units: durations in ns, capital in money 1e-6.

use super::reader::{Cursor, Map};
use super::tree::Value;
use super::{exchange, latency};
use btcore::engine::{Capacity, LaneConfig};
use btcore::exchange::{Estimate, ExchangeConfig};
use btcore::strategy::Param;
use btcore::wire::limits::{ORDERS_LIVE_MAX, STRATEGIES_MAX};
use std::path::{Path, PathBuf};

/// A lane as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSpec {
    /// What the core is given.
    pub config: LaneConfig,
    /// Its strategies.
    pub strategies: Vec<StrategySpec>,
}

/// A strategy as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategySpec {
    /// Name for tables.
    pub name: String,
    /// Where its code is.
    pub code: CodeFrom,
    /// Parameters, sorted by name.
    pub params: Vec<(String, Param)>,
}

/// Where a strategy's code is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodeFrom {
    /// A shared object.
    File(PathBuf),
    /// The example market maker that is built into this program.
    Builtin,
}

/// The word that stands for the built-in example.
pub const BUILTIN: &str = "builtin:market_maker";

/// What the command line says about strategies, and where relative paths begin.
#[derive(Clone, Copy, Debug)]
pub struct LaneOptions<'a> {
    /// Directory of the config.
    pub base: &'a Path,
    /// `--strategy`: the code of every strategy.
    pub code: Option<&'a Path>,
}

/// Reads `lanes`, or one lane from the keys at the top.
pub fn read(map: &Map<'_>, name: &str, options: LaneOptions<'_>) -> Option<Vec<LaneSpec>> {
    let Some(list) = map.get("lanes") else {
        return Some(vec![read_lane(map, name.into(), options)?]);
    };
    for key in LANE_KEYS {
        if let Some(at) = map.get(key) {
            at.fault(
                "belongs into each of `lanes` when there is such a list",
                "move it there; a YAML anchor saves repeating it",
            );
        }
    }
    let items = list.list_some()?;
    let mut lanes = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for item in &items {
        lanes.push(item.map().and_then(|map| {
            let name_at = map.need("name");
            let name = name_at.as_ref().and_then(Cursor::name);
            if let (Some(at), Some(name)) = (&name_at, &name) {
                unique(at, name, &mut seen);
            }
            // The lane's other faults are told even when its name has one.
            let lane = read_lane(&map, name.clone().unwrap_or_default(), options);
            map.finish();
            name.and(lane)
        }));
    }
    lanes.into_iter().collect()
}

/// With `interval: true`, makes three lanes of each, one for every queue estimate, that differ in nothing else (law 7).
pub fn interval(at: &Cursor<'_>, lanes: Option<Vec<LaneSpec>>) -> Option<Vec<LaneSpec>> {
    let (is_wanted, lanes) = (at.boolean()?, lanes?);
    if !is_wanted {
        return Some(lanes);
    }
    if lanes.iter().any(|lane| lane.config.exchange.estimate != Estimate::Model) {
        at.fault("runs every estimate, and a lane names one", "take `exchange.estimate` away");
        return None;
    }
    let three = |lane: LaneSpec| {
        Estimate::ALL.map(|estimate| {
            let mut lane = lane.clone();
            lane.config.name = format!("{}.{}", lane.config.name, estimate.name());
            lane.config.exchange.estimate = estimate;
            lane
        })
    };
    Some(lanes.into_iter().flat_map(three).collect())
}

const LANE_KEYS: [&str; 7] =
    ["strategies", "latency", "exchange", "seed", "capital", "timeseries", "capacity"];

fn unique(at: &Cursor<'_>, name: &str, seen: &mut Vec<String>) {
    if seen.iter().any(|known| known == name) {
        at.fault(format!("the name `{name}` stands twice"), "");
    }
    seen.push(name.into());
}

fn read_lane(map: &Map<'_>, name: String, options: LaneOptions<'_>) -> Option<LaneSpec> {
    let [strategies, latency, exchange, seed, capital, timeseries, capacity] =
        LANE_KEYS.map(|key| map.get(key));
    let strategies = match strategies {
        Some(at) => read_strategies(&at, options),
        None => map.need("strategies").and(None),
    };
    let latency = match latency {
        Some(at) => latency::read(&at, options.base),
        None => map.need("latency").and(None),
    };
    let capital = match capital {
        Some(at) => read_capital(&at),
        None => map.need("capital").and(None),
    };
    let exchange = exchange.map_or(Some(ExchangeConfig::default()), |at| exchange::read(&at));
    let seed = seed.map_or(Some(0), |at| at.seed());
    let timeseries =
        timeseries.map_or(Some(60_000_000_000), |at| at.duration(1_000_000..=86_400_000_000_000));
    let sizes = capacity.as_ref().map_or(Some(Capacity::default()), read_capacity);
    if let (Some(at), Some(sizes), Some(exchange)) = (&capacity, &sizes, &exchange) {
        check_records(at, sizes, exchange.ghosts_max);
    }
    Some(LaneSpec {
        config: LaneConfig {
            name,
            seed: seed?,
            latency: latency?,
            exchange: exchange?,
            timeseries_ns: timeseries?,
            capital: capital?,
            capacity: sizes?,
        },
        strategies: strategies?,
    })
}

fn read_capital(at: &Cursor<'_>) -> Option<i64> {
    let capital = at.decimal(6)?;
    if capital <= 0 {
        at.fault("must be above zero", "drawdown and turnover are shares of it");
        return None;
    }
    Some(capital)
}

fn read_capacity(at: &Cursor<'_>) -> Option<Capacity> {
    let map = at.map()?;
    let default = Capacity::default();
    let size = |key, default: usize, max: i64| {
        map.get(key).map_or(Some(default), |at: Cursor<'_>| at.count(1..=max))
    };
    let orders_live = size("orders_live", default.orders_live, ORDERS_LIVE_MAX as i64);
    let in_flight = size("in_flight", default.in_flight, 1 << 20);
    let timers = size("timers", default.timers, 1 << 20);
    let records = size("records", default.records, 1 << 24);
    map.finish();
    let capacity = Capacity {
        orders_live: orders_live?,
        in_flight: in_flight?,
        timers: timers?,
        records: records?,
    };
    Some(capacity)
}

fn check_records(at: &Cursor<'_>, sizes: &Capacity, ghosts: usize) {
    let least = 2 * (sizes.orders_live + ghosts) + 64;
    if sizes.records < least {
        at.fault(
            format!(
                "`records` is {}, and `orders_live` {} with {ghosts} ghosts needs {least}",
                sizes.records, sizes.orders_live
            ),
            "every order may end within one instant",
        );
    }
}

fn read_strategies(at: &Cursor<'_>, options: LaneOptions<'_>) -> Option<Vec<StrategySpec>> {
    let items = at.list_some()?;
    if items.len() > STRATEGIES_MAX {
        at.fault(
            format!("{} strategies; {STRATEGIES_MAX} is the most of one lane", items.len()),
            "",
        );
        return None;
    }
    let mut seen = Vec::new();
    let read = |item: &Cursor<'_>| {
        let map = item.map()?;
        let name_at = map.need("name");
        let name = name_at.as_ref().and_then(Cursor::name);
        if let (Some(at), Some(name)) = (&name_at, &name) {
            unique(at, name, &mut seen);
        }
        let code = read_code(&map, options);
        let params = map.get("params").map_or(Some(Vec::new()), |at| read_params(&at));
        map.finish();
        Some(StrategySpec { name: name?, code: code?, params: params? })
    };
    let strategies: Vec<Option<StrategySpec>> = items.iter().map(read).collect();
    strategies.into_iter().collect()
}

fn read_code(map: &Map<'_>, options: LaneOptions<'_>) -> Option<CodeFrom> {
    let at = map.get("path");
    if let Some(code) = options.code {
        return Some(CodeFrom::File(code.into()));
    }
    let Some(at) = at else {
        map.fault(
            "`path` is missing",
            format!("name a shared object, or `{BUILTIN}`, or give --strategy"),
        );
        return None;
    };
    let path = at.name()?;
    if path == BUILTIN {
        return Some(CodeFrom::Builtin);
    }
    let file = options.base.join(&path);
    if !file.is_file() {
        at.fault(
            format!("there is no file `{path}`"),
            "paths are relative to the config's own directory",
        );
        return None;
    }
    Some(CodeFrom::File(file))
}

fn read_params(at: &Cursor<'_>) -> Option<Vec<(String, Param)>> {
    let map = at.map()?;
    let mut params = Vec::new();
    let mut whole = true;
    for (entry, value) in map.entries() {
        match read_param(&value) {
            Some(param) => params.push((entry.key.clone(), param)),
            None => whole = false,
        }
    }
    params.sort_by(|a, b| a.0.cmp(&b.0));
    whole.then_some(params)
}

/// A parameter: a whole number, a number, or a text. Quotes make a text.
fn read_param(at: &Cursor<'_>) -> Option<Param> {
    let Value::Scalar { text, quoted } = &at.node.value else {
        at.fault(format!("a parameter is a number or a text, found {}", at.kind()), "");
        return None;
    };
    if *quoted {
        return Some(Param::Text(text.clone()));
    }
    if text == "true" || text == "false" {
        at.fault("a parameter has no truth values", "use 1 and 0, or put the word in quotes");
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Param::Int(whole));
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Some(Param::Float(number)),
        Ok(_) if numeric => {
            at.fault(format!("`{text}` is beyond what a number holds"), "");
            None
        }
        _ => Some(Param::Text(text.clone())),
    }
}
