//! What an arriving order finds on the other side: the displayed levels less what the lane took of them, and, by policy,
//! what may lie beyond the last one.
//!
//! Invariants: levels come best first; a level that is assumed rather than displayed says so. The price charged is the
//! level's or, where a slippage model asks for more, the touch moved by it, and never beyond a limit.

use super::Exchange;
use super::config::{Beyond, Slippage};
use super::here::Here;
use super::resting::Resting;
use super::rules::tick_at;
use crate::book::Book;
use crate::wire::{LEVELS_MAX, OrderType, Side};

/// Levels assumed beyond the last displayed one, at most.
const LEVELS_BEYOND_MAX: usize = 16;

/// One level to trade with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub price: i64,
    /// Displayed lots; assumed ones beyond.
    pub shown: u32,
    /// Those that the lane did not use.
    pub left: u32,
    pub is_assumed: bool,
}

impl Exchange {
    /// The offers that `order` reaches, best first.
    pub(super) fn offers<'a>(
        &'a self,
        here: &'a Here<'_>,
        order: &'a Resting,
    ) -> impl Iterator<Item = Offer> + use<'a> {
        (0..LEVELS_MAX + LEVELS_BEYOND_MAX).map_while(move |index| self.offer(here, order, index))
    }

    fn offer(&self, here: &Here<'_>, order: &Resting, index: usize) -> Option<Offer> {
        let side = order.side.opposite();
        let book = here.book_to_take?;
        let is_reached = |price| {
            order.order_type != OrderType::Limit || !order.side.is_better(price, order.price)
        };
        let offer = match book.level(side, index) {
            Some((price, _)) if !is_reached(price) => return None,
            Some((price, shown)) => {
                let taken = &self.venues[order.instrument as usize].taken[side.index()];
                let world = usize::from(order.fills_in);
                let left = taken.left(self.config.replenish, world, here.ts_ns, price, shown);
                Offer { price, shown, left, is_assumed: false }
            }
            None => self.beyond(here, order, &book, index - book.levels(side))?,
        };
        is_reached(offer.price).then_some(offer)
    }

    /// The level `index` behind the last displayed one of a full side.
    fn beyond(
        &self,
        here: &Here<'_>,
        order: &Resting,
        book: &Book<'_>,
        index: usize,
    ) -> Option<Offer> {
        if self.config.beyond == Beyond::Reject {
            return None;
        }
        let instrument = here.instrument;
        let side = order.side.opposite();
        let levels = book.levels(side);
        if levels < usize::from(instrument.depth_max) {
            return None; // Nothing is beyond a side that shows fewer levels than it could (law 4).
        }
        let ((touch, _), (last, _)) = (book.level(side, 0)?, book.level(side, levels - 1)?);
        let tick = tick_at(instrument, last);
        let (steps, qty) = match self.config.beyond {
            Beyond::Reject => return None,
            Beyond::PenaltyTicks(ticks) if index == 0 => (i64::from(ticks), u32::MAX),
            Beyond::PenaltyTicks(_) => return None,
            Beyond::Extrapolate => {
                let shown = (0..levels).filter_map(|n| book.level(side, n));
                let sum: u64 = shown.map(|(_, qty)| u64::from(qty)).sum();
                let gaps = (levels as i64 - 1).max(1);
                let gap = (last.abs_diff(touch) as i64 / gaps / tick).max(1);
                let mean = u32::try_from(sum / levels as u64).unwrap_or(u32::MAX).max(1);
                (gap.checked_mul(index as i64 + 1)?, mean)
            }
        };
        let away = steps.checked_mul(tick)?;
        let price = match order.side {
            Side::Buy => last.checked_add(away)?,
            Side::Sell => last.checked_sub(away)?,
        };
        Some(Offer { price, shown: qty, left: qty, is_assumed: true })
    }

    /// What `order` pays for lots at `price`, when `touch` was the best it found: the greater of walk and model.
    pub(super) fn charged(&self, here: &Here<'_>, order: &Resting, touch: i64, price: i64) -> i64 {
        let ticks = match self.config.slippage {
            Slippage::None => return price,
            Slippage::FixedTicks(ticks) => u64::from(ticks),
            Slippage::Linear { ticks_e6 } => {
                whole_ticks(u128::from(ticks_e6) * u128::from(order.qty))
            }
            Slippage::SquareRoot { ticks_e6, volume } => {
                // sqrt(qty / volume) x ticks = sqrt(qty x ticks^2 / volume), in millionths.
                let square = u128::from(ticks_e6) * u128::from(ticks_e6) / u128::from(volume)
                    * u128::from(order.qty);
                whole_ticks(square.isqrt())
            }
        };
        let tick = tick_at(here.instrument, touch);
        let away = i64::try_from(ticks).unwrap_or(i64::MAX).saturating_mul(tick);
        let model = match order.side {
            Side::Buy => touch.saturating_add(away),
            Side::Sell => touch.saturating_sub(away),
        };
        // For who takes, the price that a resting order of the side would find better is the dearer one.
        let dearer = if order.side.is_better(price, model) { price } else { model };
        let is_limit = order.order_type == OrderType::Limit;
        if is_limit && order.side.is_better(dearer, order.price) { order.price } else { dearer }
    }
}

/// Millionths of a tick, rounded up to whole ticks: prices stay on the ladder.
fn whole_ticks(ticks_e6: u128) -> u64 {
    u64::try_from(ticks_e6.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
