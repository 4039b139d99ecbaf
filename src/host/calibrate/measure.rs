//! How far models are from the truth: the measures of a calibration, stratum by stratum.
//!
//! *Fate* is whether an order was filled at all before its end; one that was filled ended by that and would have
//! stayed, so a model has longer to fill it (see [`super::shadow`]; being late is told apart from being wrong). *Bias* is (predicted - real) / real filled orders; *Brier* is
//! the mean squared difference of predicted and real, where a prediction is 0 or 1. The `10s` measures ask the same of
//! the first ten seconds. *Late* and *early* are shares of the real fills: predicted more than a second after (or never),
//! more than a second before. The *bracket* is what lies between the longest and the shortest queue; it is *contested* by
//! the orders that were filled in truth or in any model, and *undecided* where its ends disagree on fate.
//!
//! Intervals are 95 % percentile intervals of a block bootstrap: blocks of one minute by time of joining, since orders
//! that come together share their fate; 1,000 resamples, always the same ones.

use super::orders::RealOrder;
use super::shadow::{Fate, Outcome};
use crate::synth::rng::Rng;
use std::collections::BTreeMap;

const SECOND_NS: i64 = 1_000_000_000;
const BLOCK_NS: i64 = 60 * SECOND_NS;
const RESAMPLES: usize = 1_000;

/// Which orders are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// All.
    All,
    /// The first half by time of joining.
    First,
    /// The second.
    Second,
}

/// A figure and its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figure {
    /// Its value.
    pub value: f64,
    /// The interval.
    pub interval: [f64; 2],
}

/// One model in one stratum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelScore {
    /// Orders that it fills.
    pub filled_orders: u64,
    /// Lots that it fills.
    pub filled_qty: u64,
    /// Fate.
    pub bias: Figure,
    /// Fate.
    pub brier: Figure,
    /// Filled within ten seconds.
    pub bias_10s: Figure,
    /// Filled within ten seconds.
    pub brier_10s: Figure,
    /// Error of the time to the first fill where both fill, ns: median.
    pub ttf_err_p50_ns: Option<i64>,
    /// 90th percentile.
    pub ttf_err_p90_ns: Option<i64>,
    /// Share of the real fills that it has late or never.
    pub late: f64,
    /// Share of the real fills that it has early.
    pub early: f64,
}

/// The bracket in one stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bracket {
    /// Orders filled in truth or in any model.
    pub contested: u64,
    /// Share of them whose real first fill lies within, and whose real quantity the shortest queue reaches. (A real
    /// quantity below the longest queue's is a cancel, not an error.)
    pub coverage: f64,
    /// Share of all orders on whose fate its ends disagree.
    pub undecided: f64,
}

/// One stratum.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratum {
    /// Name.
    pub name: &'static str,
    /// Orders in it.
    pub orders: u64,
    /// Those that were filled.
    pub real_filled_orders: u64,
    /// Their lots.
    pub real_filled_qty: u64,
    /// Brier score of who always says the share that was filled.
    pub base_rate_brier: f64,
    /// Brier score of who always says no: that share itself.
    pub never_brier: f64,
    /// Models, in the order of the candidates.
    pub models: Vec<ModelScore>,
    /// Bracket.
    pub bracket: Bracket,
}

/// All strata.
#[derive(Clone, Debug)]
pub struct Scores {
    /// All orders first.
    pub strata: Vec<Stratum>,
}

/// Scores what was played.
pub fn score(
    orders: &[RealOrder],
    outcomes: &[Option<Outcome>],
    half: Half,
    models: usize,
) -> Scores {
    let middle = orders.len() / 2;
    let range = match half {
        Half::All => 0..orders.len(),
        Half::First => 0..middle,
        Half::Second => middle..orders.len(),
    };
    let played: Vec<(&RealOrder, &Outcome)> =
        range.filter_map(|index| Some((&orders[index], outcomes[index].as_ref()?))).collect();
    let stratum = |name, keep: fn(&RealOrder, &Outcome) -> bool| {
        let kept: Vec<_> = played.iter().copied().filter(|(o, c)| keep(o, c)).collect();
        score_stratum(name, &kept, models)
    };
    let strata = vec![
        stratum("all", |_, _| true),
        stratum("ahead", |order, outcome| ahead(order, outcome) > 0),
        stratum("front", |order, outcome| ahead(order, outcome) == 0),
        stratum("interval", |_, outcome| outcome.saw_book),
    ];
    Scores { strata }
}

/// Lots ahead on arrival: in truth where that is known, else as displayed.
fn ahead(order: &RealOrder, outcome: &Outcome) -> u32 {
    order.ahead_qty.unwrap_or(outcome.ahead_qty)
}

/// Sums over one block of orders.
#[derive(Clone, Copy, Default)]
struct Sums {
    orders: f64,
    real: f64,
    predicted: f64,
    missed: f64,
    real_10s: f64,
    predicted_10s: f64,
    missed_10s: f64,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.orders += other.orders;
        self.real += other.real;
        self.predicted += other.predicted;
        self.missed += other.missed;
        self.real_10s += other.real_10s;
        self.predicted_10s += other.predicted_10s;
        self.missed_10s += other.missed_10s;
    }

    /// Bias and Brier of fate, and of ten seconds.
    fn figures(&self) -> [f64; 4] {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        [
            ratio(self.predicted - self.real, self.real),
            ratio(self.missed, self.orders),
            ratio(self.predicted_10s - self.real_10s, self.real_10s),
            ratio(self.missed_10s, self.orders),
        ]
    }
}

/// Whether a shadow filled, and within its first ten seconds.
fn predicted(order: &RealOrder, fate: &Fate) -> [bool; 2] {
    let Some(first_ns) = fate.first_ns else { return [false; 2] };
    [true, first_ns - order.add_ns <= 10 * SECOND_NS]
}

/// The same of the truth.
fn real(order: &RealOrder) -> [bool; 2] {
    let Some(first_ns) = order.first_fill_ns else { return [false; 2] };
    [true, first_ns - order.add_ns <= 10 * SECOND_NS]
}

fn score_stratum(name: &'static str, played: &[(&RealOrder, &Outcome)], models: usize) -> Stratum {
    let orders = played.len() as u64;
    let filled = played.iter().filter(|(order, _)| order.filled_qty > 0);
    let real_filled_orders = filled.clone().count() as u64;
    let rate = if orders > 0 { real_filled_orders as f64 / orders as f64 } else { 0.0 };
    Stratum {
        name,
        orders,
        real_filled_orders,
        real_filled_qty: filled.map(|(order, _)| u64::from(order.filled_qty)).sum(),
        base_rate_brier: rate * (1.0 - rate),
        never_brier: rate,
        models: (0..models).map(|model| score_model(played, model)).collect(),
        bracket: score_bracket(played),
    }
}

fn score_model(played: &[(&RealOrder, &Outcome)], model: usize) -> ModelScore {
    let mut score = ModelScore::default();
    let mut blocks: BTreeMap<i64, Sums> = BTreeMap::new();
    let mut errors_ns = Vec::new();
    let (mut late, mut early, mut fills) = (0_u64, 0_u64, 0_u64);
    for (order, outcome) in played {
        let fate = &outcome.models[model];
        let ([says, says_10s], [is, is_10s]) = (predicted(order, fate), real(order));
        let figure = |yes: bool| f64::from(u8::from(yes));
        blocks.entry(order.add_ns.div_euclid(BLOCK_NS)).or_default().add(&Sums {
            orders: 1.0,
            real: figure(is),
            predicted: figure(says),
            missed: figure(says != is),
            real_10s: figure(is_10s),
            predicted_10s: figure(says_10s),
            missed_10s: figure(says_10s != is_10s),
        });
        score.filled_orders += u64::from(says);
        score.filled_qty += u64::from(fate.filled_qty);
        let Some(real_ns) = order.first_fill_ns else { continue };
        fills += 1;
        match fate.first_ns {
            None => late += 1,
            Some(first_ns) => {
                errors_ns.push(first_ns.abs_diff(real_ns) as i64);
                late += u64::from(first_ns - real_ns > SECOND_NS);
                early += u64::from(real_ns - first_ns > SECOND_NS);
            }
        }
    }
    let share = |count: u64| if fills > 0 { count as f64 / fills as f64 } else { 0.0 };
    (score.late, score.early) = (share(late), share(early));
    errors_ns.sort_unstable();
    let quantile = |percent: usize| errors_ns.get(errors_ns.len() * percent / 100).copied();
    (score.ttf_err_p50_ns, score.ttf_err_p90_ns) = (quantile(50), quantile(90));
    let blocks: Vec<Sums> = blocks.into_values().collect();
    [score.bias, score.brier, score.bias_10s, score.brier_10s] = bootstrap(&blocks);
    score
}

fn bootstrap(blocks: &[Sums]) -> [Figure; 4] {
    let total = |picked: &mut dyn Iterator<Item = usize>| {
        let mut sums = Sums::default();
        picked.for_each(|block| sums.add(&blocks[block]));
        sums.figures()
    };
    let values = total(&mut (0..blocks.len()));
    let mut rng = Rng::new(1);
    let mut drawn: Vec<[f64; 4]> = (0..RESAMPLES)
        .map(|_| total(&mut (0..blocks.len()).map(|_| rng.below(blocks.len() as u64) as usize)))
        .collect();
    std::array::from_fn(|figure| {
        drawn.sort_unstable_by(|a, b| a[figure].total_cmp(&b[figure]));
        let (low, high) = (RESAMPLES * 25 / 1_000, RESAMPLES * 975 / 1_000);
        Figure { value: values[figure], interval: [drawn[low][figure], drawn[high][figure]] }
    })
}

fn score_bracket(played: &[(&RealOrder, &Outcome)]) -> Bracket {
    let (mut contested, mut covered, mut undecided) = (0_u64, 0_u64, 0_u64);
    for (order, outcome) in played {
        let [longest, shortest] = &outcome.ends;
        let fates = [predicted(order, longest)[0], predicted(order, shortest)[0]];
        undecided += u64::from(fates[0] != fates[1]);
        let any_model = outcome.models.iter().any(|fate| predicted(order, fate)[0]);
        if order.filled_qty == 0 && !fates[0] && !fates[1] && !any_model {
            continue;
        }
        contested += 1;
        let never = i64::MAX;
        let first = |fate: &Fate| fate.first_ns.unwrap_or(never);
        let real_ns = order.first_fill_ns.unwrap_or(never);
        let qty_within = order.filled_qty <= shortest.filled_qty;
        let time_within = (first(shortest)..=first(longest)).contains(&real_ns);
        covered += u64::from(qty_within && time_within);
    }
    let ratio = |a: u64, b: u64| if b > 0 { a as f64 / b as f64 } else { 0.0 };
    Bracket {
        contested,
        coverage: ratio(covered, contested),
        undecided: ratio(undecided, played.len() as u64),
    }
}
