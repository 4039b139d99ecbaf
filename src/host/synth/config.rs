//! Parameters of the synthetic exchange, and the named presets.
//!
//! Invariants: `validate` holds before a tape starts; equal configs give equal tapes. Rates are
//! events a second at activity 1, the long-run mean; bursts multiply all of them together, so they
//! change the rhythm of a tape and leave its depth and spread alone. Units are in each field's text.

use super::SynthError;

/// One continuous-trading interval, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSpan {
    /// First instant, ns UTC.
    pub start_ts_ns: i64,
    /// First instant after the last, ns UTC.
    pub end_ts_ns: i64,
}

/// Order sizes: mostly one lot plus a geometric tail, now and then a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLaw {
    /// Chance of each further lot after the first, ppm; below 1,000,000.
    pub more_ppm: u32,
    /// Chance that the order is a block instead, ppm.
    pub block_ppm: u32,
    /// Blocks are uniform from 1 to this many lots.
    pub block_lots_max: u32,
}

/// Self-excitation: market orders raise the activity of everything, in two time scales.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstLaw {
    /// Share of the mean activity that decays with `fast_ns`, 0 to 1.
    pub fast_ratio: f64,
    /// Decay time of the fast part, ns.
    pub fast_ns: i64,
    /// Share of the mean activity that decays with `slow_ns`; the two ratios sum below 1.
    pub slow_ratio: f64,
    /// Decay time of the slow part, ns.
    pub slow_ns: i64,
    /// One market order in so many excites, that many times as much: larger is burstier. At least 1.
    pub one_in: u32,
    /// Upper limit of the activity, so that a burst ends.
    pub activity_max: f64,
}

/// A rush: when the price moves, orders hurry to the new quote, and some of them leave again as fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RushLaw {
    /// Orders that hurry to the new quote after each move of the fair price, on average.
    pub orders_per_move: f64,
    /// Decay time of a rush, ns.
    pub decay_ns: i64,
    /// Share of them that leave soon, ppm.
    pub fleeting_ppm: u32,
    /// Cancels a second for each of those.
    pub fleeting_per_s: f64,
}

/// The stochastic order flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowConfig {
    /// Limit orders a second, both sides.
    pub limit_per_s: f64,
    /// Market orders a second, both sides.
    pub market_per_s: f64,
    /// Cancels a second for each resting order.
    pub cancel_per_s: f64,
    /// Further cancels a second for each resting order nearer to the fair price than `react_ticks`.
    pub react_per_s: f64,
    /// Ticks from the nearest price that quotes at all; 0 lets only quotes through the fair price
    /// react.
    pub react_ticks: i64,
    /// Moves of the fair price a second, up or down alike.
    pub fair_per_s: f64,
    /// Size of one move of the fair price, half ticks.
    pub fair_step_half_ticks: i64,
    /// Chance that a market order moves the fair price one step its way, ppm.
    pub impact_ppm: u32,
    /// Relative weights of a limit order's distance, in ticks, from the nearest price that quotes.
    pub place_weights: Vec<u32>,
    /// Farthest a resting order may be from the fair price, ticks; farther ones are cancelled.
    pub reach_ticks: i64,
    /// Chance that a limit order joins the queue of the limit order before it, ppm.
    pub herd_ppm: u32,
    /// Chance that a limit order fills the first hole behind the best of its side, if any, ppm.
    pub fill_ppm: u32,
    /// Chance that a cancel takes an order near the back of its queue, ppm; else any order.
    pub cancel_back_ppm: u32,
    /// Chance that a cancel of several lots leaves some, ppm.
    pub cancel_partial_ppm: u32,
    /// Chance that a market order has the side of the one before it, ppm.
    pub market_repeat_ppm: u32,
    /// Chance that a market order arrives just as a book is due, and shares its stamp, ppm.
    pub market_on_grid_ppm: u32,
    /// How many ticks past the best price a market order takes at most; the rest of it lapses.
    pub sweep_ticks_max: i64,
    /// Sizes of limit orders.
    pub limit_size: SizeLaw,
    /// Sizes of market orders.
    pub market_size: SizeLaw,
    /// The rhythm.
    pub burst: BurstLaw,
    /// Rushes to a new quote.
    pub rush: RushLaw,
}

/// Everything that a tape depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthConfig {
    /// Seed of every random draw.
    pub seed: u64,
    /// Written into the symbol column.
    pub symbol: String,
    /// Written into the exchange column.
    pub exchange: String,
    /// Trading intervals, in time order, apart. The book is rebuilt from nothing in each.
    pub sessions: Vec<SessionSpan>,
    /// Flow that runs unseen before each session, so that it opens with a full book, ns.
    pub warmup_ns: i64,
    /// Price step, 1e-6.
    pub tick_e6: i64,
    /// First fair price, 1e-6, a multiple of the tick.
    pub start_price_e6: i64,
    /// Books appear on this grid, counted from the session's start, when they changed, ns;
    /// 0 publishes every change. Trades are never held back.
    pub book_interval_ns: i64,
    /// Stamps are multiples of this, ns. With `book_interval_ns` 0 use 1, else books and trades
    /// alternate within one stamp.
    pub ts_grid_ns: i64,
    /// Most orders that rest at once; further limit orders are dropped and counted.
    pub orders_max: u32,
    /// Keep truth rows for `drain_truth`. Whoever sets this must drain.
    pub record_truth: bool,
    /// Keep order events for `drain_l3`. Whoever sets this must drain.
    pub record_l3: bool,
    /// The order flow.
    pub flow: FlowConfig,
}

/// Names that `SynthConfig::preset` knows.
pub const PRESETS: [&str; 4] = ["txf", "queue_heavy", "rush", "thin"];

/// 2026-04-08 08:45 in Taipei, the open of a TAIFEX day session, ns UTC.
const DAY_OPEN_TS_NS: i64 = 1_775_609_100_000_000_000;
/// The length of a TAIFEX day session, ns.
const DAY_NS: i64 = 5 * 3_600 * 1_000_000_000;

impl Default for SynthConfig {
    /// The `txf` preset: one day session.
    fn default() -> Self {
        Self {
            seed: 1,
            symbol: "SYNTXF".to_owned(),
            exchange: "SYNTH".to_owned(),
            sessions: vec![SessionSpan {
                start_ts_ns: DAY_OPEN_TS_NS,
                end_ts_ns: DAY_OPEN_TS_NS + DAY_NS,
            }],
            warmup_ns: 60_000_000_000,
            tick_e6: 1_000_000,
            start_price_e6: 35_000_000_000,
            book_interval_ns: 125_000_000,
            ts_grid_ns: 1_000_000,
            orders_max: 1 << 16,
            record_truth: false,
            record_l3: false,
            flow: txf_flow(),
        }
    }
}

impl SynthConfig {
    /// The preset of that name, or `None`. `txf`: a busy index future, small tick. `queue_heavy`:
    /// large tick, one-tick spread, queues of hundreds of lots. `rush`: orders hurry to every new quote,
    /// and on books of 125 ms half of the queues are longer than displayed. `thin`: a quiet option-like book
    /// with holes, wide spread and moments with one side empty.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let base = Self::default();
        match name {
            "txf" => Some(base),
            "queue_heavy" => Some(Self {
                symbol: "SYNQUEUE".to_owned(),
                tick_e6: 5_000_000,
                start_price_e6: 1_000_000_000,
                warmup_ns: 120_000_000_000,
                flow: queue_heavy_flow(),
                ..base
            }),
            "rush" => Some(Self { symbol: "SYNRUSH".to_owned(), flow: rush_flow(), ..base }),
            "thin" => Some(Self {
                symbol: "SYNTHIN".to_owned(),
                start_price_e6: 300_000_000,
                warmup_ns: 600_000_000_000,
                flow: thin_flow(),
                ..base
            }),
            _ => None,
        }
    }

    /// Replaces the sessions by one.
    #[must_use]
    pub fn with_session(mut self, start_ts_ns: i64, duration_ns: i64) -> Self {
        self.sessions =
            vec![SessionSpan { start_ts_ns, end_ts_ns: start_ts_ns.saturating_add(duration_ns) }];
        self
    }

    /// The sessions' total length, ns.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        self.sessions.iter().map(|s| s.end_ts_ns - s.start_ts_ns).sum()
    }

    /// Says what is wrong with the parameters, if anything.
    ///
    /// # Errors
    /// `SynthError::Config` naming the first rule that is broken.
    pub fn validate(&self) -> Result<(), SynthError> {
        let ordered = self.sessions.iter().all(|s| s.start_ts_ns < s.end_ts_ns)
            && self.sessions.windows(2).all(|w| w[0].end_ts_ns <= w[1].start_ts_ns);
        let grid = self.ts_grid_ns;
        let on_grid = grid > 0
            && self.book_interval_ns >= 0
            && self.book_interval_ns % grid == 0
            && self.sessions.iter().all(|s| s.start_ts_ns % grid == 0);
        let far = self.flow.reach_ticks;
        let price_ok = self.tick_e6 > 0
            && self.start_price_e6 % self.tick_e6 == 0
            && self.start_price_e6 / self.tick_e6 > 2 * far
            && self.start_price_e6 < i64::MAX / 8;
        let rules = [
            (ordered && !self.sessions.is_empty(), "sessions must be in order, apart, not empty"),
            (on_grid, "ts_grid_ns must divide book_interval_ns and every session's start"),
            ((8..=4_096).contains(&far), "reach_ticks must lie between 8 and 4096"),
            (price_ok, "start_price_e6 must be a multiple of tick_e6 above twice the reach"),
            (self.warmup_ns >= 0, "warmup_ns must not be negative"),
            ((1..1 << 30).contains(&self.orders_max), "orders_max must lie between 1 and 2^30"),
        ];
        rules
            .iter()
            .find(|(holds, _)| !holds)
            .map_or_else(|| self.flow.validate(), |&(_, rule)| Err(SynthError::Config(rule)))
    }
}

impl FlowConfig {
    /// Says what is wrong with the order flow, if anything.
    fn validate(&self) -> Result<(), SynthError> {
        let burst = &self.burst;
        let rates = [self.limit_per_s, self.market_per_s, self.cancel_per_s];
        let others = [self.react_per_s, self.fair_per_s, burst.fast_ratio, burst.slow_ratio];
        let sizes = [self.limit_size, self.market_size];
        let step = self.fair_step_half_ticks;
        let rules = [
            (rates.iter().all(|r| *r > 0.0 && *r < 1e6), "rates must be positive and below 1e6"),
            (others.iter().all(|r| *r >= 0.0 && *r < 1e6), "rates and ratios must not be negative"),
            (burst.fast_ratio + burst.slow_ratio < 0.95, "burst ratios must sum below 0.95"),
            (burst.fast_ns > 0 && burst.slow_ns > 0 && burst.one_in > 0, "burst times must be > 0"),
            (
                burst.activity_max >= 1.0 && burst.activity_max < 1e6,
                "activity_max must be 1 to 1e6",
            ),
            (self.place_weights.iter().any(|w| *w > 0), "place_weights must have a weight"),
            (self.place_weights.len() as i64 <= self.reach_ticks - 2, "place_weights beyond reach"),
            ((0..=self.reach_ticks).contains(&self.react_ticks), "react_ticks must be 0 to reach"),
            (sizes.iter().all(|s| s.more_ppm < 990_000), "more_ppm must lie below 990,000"),
            (sizes.iter().all(|s| s.block_lots_max > 0), "block_lots_max must be positive"),
            ((1..=8).contains(&step), "fair_step_half_ticks must lie between 1 and 8"),
            (self.sweep_ticks_max >= 0, "sweep_ticks_max must not be negative"),
            (
                self.rush.orders_per_move >= 0.0
                    && self.rush.orders_per_move < 1e4
                    && self.rush.decay_ns > 0
                    && self.rush.fleeting_per_s > 0.0,
                "a rush has 0 to 1e4 orders, and times above zero",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some(&(_, rule)) => Err(SynthError::Config(rule)),
            None => Ok(()),
        }
    }
}

/// Calibrated by hand against `profile::TXF_APRIL_2026`.
fn txf_flow() -> FlowConfig {
    FlowConfig {
        limit_per_s: 18.0,
        market_per_s: 1.8,
        cancel_per_s: 0.13,
        react_per_s: 60.0,
        react_ticks: 0,
        fair_per_s: 18.0,
        fair_step_half_ticks: 1,
        impact_ppm: 150_000,
        place_weights: vec![
            150, 140, 110, 100, 100, 90, 80, 70, 60, 50, 45, 40, 35, 30, 25, 20, 12, 12, 12, 12,
            12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        ],
        reach_ticks: 60,
        herd_ppm: 80_000,
        fill_ppm: 600_000,
        cancel_back_ppm: 700_000,
        cancel_partial_ppm: 60_000,
        market_repeat_ppm: 600_000,
        market_on_grid_ppm: 120_000,
        sweep_ticks_max: 1,
        limit_size: SizeLaw { more_ppm: 250_000, block_ppm: 20_000, block_lots_max: 20 },
        market_size: SizeLaw { more_ppm: 230_000, block_ppm: 140_000, block_lots_max: 20 },
        burst: BurstLaw {
            fast_ratio: 0.43,
            fast_ns: 110_000_000,
            slow_ratio: 0.4,
            slow_ns: 4_000_000_000,
            one_in: 4,
            activity_max: 200.0,
        },
        rush: RushLaw {
            orders_per_move: 0.0,
            decay_ns: 40_000_000,
            fleeting_ppm: 0,
            fleeting_per_s: 1.0,
        },
    }
}

fn queue_heavy_flow() -> FlowConfig {
    FlowConfig {
        limit_per_s: 40.0,
        market_per_s: 1.5,
        cancel_per_s: 0.03,
        react_per_s: 1.0,
        react_ticks: 0,
        fair_per_s: 0.05,
        fair_step_half_ticks: 2,
        impact_ppm: 4_000,
        place_weights: vec![400, 300, 200, 150, 120, 80, 60, 40, 20, 10],
        reach_ticks: 16,
        herd_ppm: 300_000,
        fill_ppm: 0,
        cancel_back_ppm: 850_000,
        limit_size: SizeLaw { more_ppm: 600_000, block_ppm: 20_000, block_lots_max: 60 },
        market_size: SizeLaw { more_ppm: 700_000, block_ppm: 80_000, block_lots_max: 150 },
        sweep_ticks_max: 1,
        ..txf_flow()
    }
}

/// A busy future of medium queues whose orders come in rushes after each move of the price: on books of 125 ms what is
/// displayed is much too little of what is there.
fn rush_flow() -> FlowConfig {
    FlowConfig {
        limit_per_s: 12.0,
        market_per_s: 2.0,
        cancel_per_s: 0.25,
        react_per_s: 20.0,
        fair_per_s: 1.2,
        impact_ppm: 60_000,
        fair_step_half_ticks: 2,
        fill_ppm: 0,
        cancel_back_ppm: 500_000,
        place_weights: vec![200, 160, 120, 90, 70, 50, 40, 30, 20, 10],
        reach_ticks: 30,
        rush: RushLaw {
            orders_per_move: 14.0,
            decay_ns: 50_000_000,
            fleeting_ppm: 400_000,
            fleeting_per_s: 1.5,
        },
        ..txf_flow()
    }
}

fn thin_flow() -> FlowConfig {
    FlowConfig {
        limit_per_s: 0.6,
        market_per_s: 0.02,
        cancel_per_s: 0.05,
        react_per_s: 0.5,
        fair_per_s: 0.1,
        place_weights: vec![10, 20, 40, 60, 60, 60, 50, 40, 40, 30, 30, 20, 20, 20, 10, 10],
        reach_ticks: 40,
        fill_ppm: 0,
        sweep_ticks_max: 8,
        limit_size: SizeLaw { more_ppm: 500_000, block_ppm: 50_000, block_lots_max: 30 },
        ..txf_flow()
    }
}
