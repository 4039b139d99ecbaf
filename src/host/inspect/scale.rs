//! Whether prices look like an instrument's own, or a power of ten away: recordings of one platform may be scaled by
//! 10,000 and by 1,000,000 side by side.
//!
//! Invariants: it is a guess, told and never acted upon. It goes by the price limits where the config has any, else by the
//! ladder: prices too small by a power of ten fall between its steps, prices too large are all multiples of more
//! than a step. Few prices tell nothing. Cost: a set of `PRICES_MAX` prices.

use btcore::exchange::is_on_tick;
use btcore::wire::{Instrument, UNDEF_PRICE};
use std::collections::BTreeSet;

/// Different prices that are looked at, at most.
const PRICES_MAX: usize = 4_096;
/// Different prices below which nothing is said.
const PRICES_MIN: usize = 8;
/// Powers of ten that are tried, either way.
const POWER_MAX: u32 = 8;

/// Different prices of a symbol.
#[derive(Default)]
pub struct Prices {
    seen: BTreeSet<i64>,
    last: i64,
}

/// How prices look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misscaled {
    /// They look like the instrument's when they are multiplied by ten to this power.
    pub power: i32,
    /// What says so.
    pub by: &'static str,
    /// Units of the source's prices that were taken for one.
    pub price_scale: u64,
}

impl Prices {
    /// Notes the prices of a row.
    pub fn take(&mut self, prices: &[i64]) {
        for &price in prices {
            if price > 0 && price != UNDEF_PRICE && price != self.last {
                self.last = price;
                if self.seen.len() < PRICES_MAX {
                    self.seen.insert(price);
                }
            }
        }
    }

    /// What they look like, if not like those of the instrument.
    pub fn judge(&self, instrument: &Instrument, price_scale: u64) -> Option<Misscaled> {
        if self.seen.len() < PRICES_MIN || instrument.negative_prices {
            return None;
        }
        let powers = (1..=POWER_MAX).map(u32::cast_signed);
        let (power, by) = if let Some((low, high)) = limits(instrument) {
            let is_within = |price: i64| (low..=high).contains(&price);
            if self.share(0, is_within) >= 50 {
                return None;
            }
            let either = powers.flat_map(|power| [power, -power]);
            (
                either.into_iter().find(|power| self.share(*power, is_within) >= 90)?,
                "the price limits",
            )
        } else {
            let is_on = |price: i64| is_on_tick(instrument, price);
            let power = if self.share(0, is_on) <= 50 {
                powers.into_iter().find(|power| self.share(*power, is_on) >= 99)?
            } else {
                // A tick may be a tenth of what the market uses, not a hundredth.
                let powers = powers.rev().map(|power| -power).filter(|power| *power <= -2);
                powers.into_iter().find(|power| self.share(*power, is_on) == 100)?
            };
            (power, "the ladder")
        };
        Some(Misscaled { power, by, price_scale })
    }

    /// How many of a hundred prices, times ten to the power, are whole and `fit`; rounded down.
    fn share(&self, power: i32, fit: impl Fn(i64) -> bool) -> usize {
        let factor = 10_i64.pow(power.unsigned_abs());
        let moved = |price: i64| match power {
            0.. => price.checked_mul(factor),
            _ => (price % factor == 0).then_some(price / factor),
        };
        let fitting = self.seen.iter().filter(|price| moved(**price).is_some_and(&fit)).count();
        fitting * 100 / self.seen.len()
    }
}

/// The lowest and the highest legal price of an instrument, over its sessions too, where both are known.
fn limits(instrument: &Instrument) -> Option<(i64, i64)> {
    let of = |down: i64, up: i64| (down != i64::MIN && up != i64::MAX).then_some((down, up));
    let sessions = instrument.sessions.iter().filter_map(|s| of(s.limit_down, s.limit_up));
    let known = of(instrument.limit_down, instrument.limit_up).into_iter().chain(sessions);
    known.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

impl Misscaled {
    /// In words, with the way out.
    pub fn text(&self) -> String {
        let factor = 10_u64.pow(self.power.unsigned_abs());
        let (word, scale) = match self.power {
            0.. => ("small", self.price_scale / factor),
            _ => ("large", self.price_scale.saturating_mul(factor)),
        };
        let by = self.by;
        let mut text = format!("prices look {factor} times too {word}, by {by}");
        if self.power < 0 && by == "the ladder" {
            text.push_str(", or the ladder is finer than the market's");
        }
        if scale > 0 {
            text.push_str(&format!(
                ": if they are scaled by {scale}, set price_scale: {scale} beside the source"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use btcore::wire::TickStep;

    fn txf() -> Instrument {
        let ticks = vec![TickStep { price_from: 0, tick: 1_000_000 }];
        Instrument {
            symbol: "TXF".into(),
            exchange: "X".into(),
            ticks,
            multiplier_e6: 200_000_000,
            limit_down: i64::MIN,
            limit_up: i64::MAX,
            depth_max: 5,
            order_qty_max: u32::MAX,
            protection: 0,
            negative_prices: false,
            sessions: Vec::new(),
            fees: Vec::new(),
        }
    }

    fn judged(instrument: &Instrument, scale: i64, div: i64) -> Option<i32> {
        let mut prices = Prices::default();
        (0..100).for_each(|n| prices.take(&[(34_801 + n) * 1_000_000 * scale / div, UNDEF_PRICE]));
        prices.judge(instrument, 1_000_000).map(|found| found.power)
    }

    #[test]
    fn prices_of_another_scale_are_told_by_ladder_and_limits() {
        let mut instrument = txf();
        assert_eq!(judged(&instrument, 1, 1), None);
        assert_eq!(judged(&instrument, 1, 100), Some(2));
        assert_eq!(judged(&instrument, 1, 10_000), Some(4));
        assert_eq!(judged(&instrument, 100, 1), Some(-2));
        assert_eq!(judged(&instrument, 10, 1), None, "a coarse market");
        // Of a ladder that is finer than the market nothing else can be said; limits tell.
        instrument.ticks[0].tick = 1;
        assert_eq!(judged(&instrument, 1, 1), Some(-6));
        (instrument.limit_down, instrument.limit_up) = (31_000_000_000, 38_000_000_000);
        assert_eq!(judged(&instrument, 1, 1), None);
        assert_eq!(judged(&instrument, 1, 100), Some(2));
        assert_eq!(judged(&instrument, 10_000, 1), Some(-4));
    }

    #[test]
    fn few_prices_tell_nothing() {
        let mut prices = Prices::default();
        (0..7).for_each(|n| prices.take(&[348_010_000 + n * 10_000]));
        assert_eq!(prices.judge(&txf(), 1_000_000), None);
        prices.take(&[349_010_000]);
        let found = prices.judge(&txf(), 1_000_000).map(|found| found.text());
        let text = found.unwrap_or_default();
        assert!(text.contains("set price_scale: 10000"), "{text}");
    }
}
