//! Ratios of a lane, taken from its integers at the edge.
//!
//! Invariants: money stays in integers up to here; a ratio that cannot be had is `None` with a reason, never
//! NaN or infinity. Sharpe is on daily profit: mean over standard deviation (ddof 1), times the root of 252.

use btcore::engine::LaneSummary;
use btcore::recorder::DayRow;

/// Trading days of a year that the Sharpe ratio is scaled to.
pub const PERIODS_PER_YEAR: u32 = 252;

/// A ratio, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Value.
    pub value: Option<f64>,
    /// Why there is no value; empty where there is one.
    pub reason: &'static str,
}

impl Ratio {
    fn of(part: f64, whole: f64, reason: &'static str) -> Ratio {
        if whole > 0.0 {
            Ratio { value: Some(part / whole), reason: "" }
        } else {
            Ratio { value: None, reason }
        }
    }
}

/// Ratios of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratios {
    /// Annualised Sharpe ratio of daily profit.
    pub sharpe: Ratio,
    /// Filled over accepted quantity.
    pub fill_rate: Ratio,
    /// Won over won and lost round trips; even ones are left out.
    pub win_rate: Ratio,
    /// Largest fall of equity over capital.
    pub drawdown_of_capital: Ratio,
    /// Value traded, both sides, over capital.
    pub turnover_of_capital: Ratio,
}

/// Takes the ratios.
pub fn ratios(summary: &LaneSummary, days: &[DayRow], capital: i64) -> Ratios {
    let capital = capital as f64;
    let (won, lost) = (summary.trips_won as f64, summary.trips_lost as f64);
    let (filled, accepted) = (summary.qty_filled as f64, summary.qty_accepted as f64);
    Ratios {
        sharpe: sharpe(days),
        fill_rate: Ratio::of(filled, accepted, "no order was accepted"),
        win_rate: Ratio::of(won, won + lost, "no round trip closed with a profit or a loss"),
        drawdown_of_capital: Ratio::of(summary.drawdown_max as f64, capital, "no capital"),
        turnover_of_capital: Ratio::of(summary.turnover as f64, capital, "no capital"),
    }
}

/// Annualised Sharpe ratio of daily profit.
pub fn sharpe(days: &[DayRow]) -> Ratio {
    if days.len() < 2 {
        return Ratio { value: None, reason: "fewer than 2 trading days" };
    }
    let count = days.len() as f64;
    let mean = days.iter().map(|day| day.pnl as f64).sum::<f64>() / count;
    let square = |day: &DayRow| (day.pnl as f64 - mean) * (day.pnl as f64 - mean);
    let deviation = (days.iter().map(square).sum::<f64>() / (count - 1.0)).sqrt();
    if deviation == 0.0 {
        return Ratio { value: None, reason: "daily profit does not vary" };
    }
    Ratio { value: Some(mean / deviation * f64::from(PERIODS_PER_YEAR).sqrt()), reason: "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(pnls: &[i64]) -> Vec<DayRow> {
        pnls.iter().map(|&pnl| DayRow { trading_day: 20260408, pnl, fees: 0, fills: 0 }).collect()
    }

    #[test]
    fn the_golden_vector_gives_the_known_ratio() {
        // Percent returns of a vector whose ratio three public libraries agree on.
        let pnls = [1.0, -2.0, 1.5, 0.0, -0.5, 3.0, -1.2, 0.4, 0.9, -3.0];
        let pnls: Vec<i64> = pnls.iter().map(|r: &f64| (r * 1e6).round() as i64).collect();
        let value = sharpe(&days(&pnls)).value.unwrap();
        assert!((value / 0.090_146_607_5 - 1.0).abs() < 1e-8, "{value}");
    }

    #[test]
    fn no_ratio_has_a_reason() {
        assert_eq!(sharpe(&days(&[5])).reason, "fewer than 2 trading days");
        assert_eq!(sharpe(&days(&[5, 5])).reason, "daily profit does not vary");
        let none = ratios(&LaneSummary::default(), &[], 1);
        assert_eq!(none.win_rate.value, None);
        assert_eq!(none.fill_rate.reason, "no order was accepted");
    }
}
