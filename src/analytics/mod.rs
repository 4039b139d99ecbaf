//! One-pass figures of a lane: drawdown of sampled equity, trading days, round trips. Integers only.
//!
//! Invariants: the figures are a function of the samples alone. Drawdown counts the start: capital is the
//! first peak. Ratios (Sharpe, fill rate) are taken at the edge, from these integers. Cost: O(1) a sample.

/// The running peak of equity and the deepest fall from it, money 1e-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawdown {
    peak: i128,
    deepest: i128,
}

impl Drawdown {
    /// Starts at the given equity.
    pub fn new(equity: i128) -> Self {
        Drawdown { peak: equity, deepest: 0 }
    }

    /// Takes a sample and returns its fall from the peak, zero or above.
    pub fn sample(&mut self, equity: i128) -> i128 {
        self.peak = self.peak.max(equity);
        let fall = self.peak - equity;
        self.deepest = self.deepest.max(fall);
        fall
    }

    /// The deepest fall of any sample.
    pub fn deepest(&self) -> i128 {
        self.deepest
    }
}

/// The trading day in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// yyyymmdd; 0 before the first session.
    pub trading_day: u32,
    /// Profit at its start, fees taken off.
    pub pnl_start: i128,
    /// Fees at its start.
    pub fees_start: i128,
    /// Fills at its start.
    pub fills_start: u64,
}
