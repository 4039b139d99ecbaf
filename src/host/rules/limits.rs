//! Price limits of a day from its reference price.
//!
//! Invariants: exact in integers; a limit lies on the tick of its own price, never outside the percentage. Prices 1e-6.

use btcore::wire::TickStep;

/// A hundred percent, in 1e-6 of a percent.
const WHOLE: i128 = 100_000_000;

/// Lowest and highest price for a reference and a percentage (1e-6 of a percent): the percentages of the reference, drawn
/// inwards to the tick that holds at the result.
pub fn around(reference: i64, pct_e6: i64, ticks: &[TickStep]) -> (i64, i64) {
    let (reference, pct) = (i128::from(reference), i128::from(pct_e6));
    let up = (reference * (WHOLE + pct)).div_euclid(WHOLE);
    let down = -((-reference * (WHOLE - pct)).div_euclid(WHOLE));
    let (up_tick, down_tick) = (tick_at(ticks, up), tick_at(ticks, down));
    let up = up.div_euclid(up_tick) * up_tick;
    let down = -((-down).div_euclid(down_tick) * down_tick);
    let narrow = |price: i128| price.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    (narrow(down), narrow(up))
}

fn tick_at(ticks: &[TickStep], price: i128) -> i128 {
    let step = ticks.iter().rfind(|step| i128::from(step.price_from) <= price);
    step.or(ticks.first()).map_or(1, |step| i128::from(step.tick))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits at 10 % for prices at 1e-2.
    fn at(reference_e2: i64, steps: &[(i64, i64)]) -> (i64, i64) {
        let scale = 10_000;
        let step =
            |(from, tick): &(i64, i64)| TickStep { price_from: from * scale, tick: tick * scale };
        let ticks: Vec<TickStep> = steps.iter().map(step).collect();
        let (down, up) = around(reference_e2 * scale, 10_000_000, &ticks);
        assert_eq!((down % scale, up % scale), (0, 0));
        (down / scale, up / scale)
    }

    const STOCK: [(i64, i64); 6] =
        [(0, 1), (1_000, 5), (5_000, 10), (10_000, 50), (50_000, 100), (100_000, 500)];

    #[test]
    fn limits_lie_on_the_tick_of_their_own_price() {
        // 99.9: 109.89 and 89.91, the former on ticks of 0.5, the latter of 0.1.
        assert_eq!(at(9_990, &STOCK), (9_000, 10_950));
        // 950: 1,045 on ticks of 5, 855 on ticks of 1.
        assert_eq!(at(95_000, &STOCK), (85_500, 104_500));
        // 10.05: 11.055 and 9.045; below 10 the tick is 0.01.
        assert_eq!(at(1_005, &STOCK), (905, 1_105));
        // 34,567 points: 38,023.7 and 31,110.3 on whole points.
        assert_eq!(at(3_456_700, &[(0, 100)]), (3_111_100, 3_802_300));
    }
}
