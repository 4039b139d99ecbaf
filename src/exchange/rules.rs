//! What an exchange refuses before it matches, and in which order it looks.
//!
//! Invariants: the order of checks is part of the contract: session, type, time in force, post-only, size cap, tick,
//! limits. The first that fails is the reason.

use crate::wire::{Instrument, OrderType, Reason, Session, TickStep, Tif};

/// The terms of an order, every value known.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Limit price, 1e-6; 0 for a market order.
    pub price: i64,
    /// Total quantity, lots.
    pub qty: u32,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub tif: Tif,
    /// Whether it must not take.
    pub post_only: bool,
    /// Lots of the order itself that the displayed books contain: above 0 for shadows of recorded orders.
    pub own_shown: u32,
    /// When those leave the books without a fill, ns; `i64::MAX` when they never do.
    pub own_until_ns: i64,
}

/// Why an order of these terms is refused in a session, if it is.
pub fn refusal(
    instrument: &Instrument,
    session: Option<&Session>,
    terms: &Terms,
) -> Option<Reason> {
    let immediate = matches!(terms.tif, Tif::Ioc | Tif::Fok);
    let Some(session) = session else {
        return Some(Reason::SessionClosed);
    };
    let rule = session.rule(terms.order_type);
    let is_protected = terms.order_type == OrderType::MarketProtected;
    if rule.tifs == 0 || is_protected && instrument.protection == 0 {
        return Some(Reason::TypeNotAllowed);
    }
    if !rule.takes(terms.tif) || terms.order_type == OrderType::Market && !immediate {
        return Some(Reason::TifNotAllowed);
    }
    if terms.post_only && (immediate || terms.order_type != OrderType::Limit) {
        return Some(Reason::PostOnlyNotAllowed);
    }
    if terms.qty > instrument.order_qty_max.min(rule.qty_max) {
        return Some(Reason::SizeCap);
    }
    if terms.order_type == OrderType::Limit {
        if !is_on_tick(instrument, terms.price) {
            return Some(Reason::OffTick);
        }
        let down = instrument.limit_down.max(session.limit_down);
        let up = instrument.limit_up.min(session.limit_up);
        if !(down..=up).contains(&terms.price) {
            return Some(Reason::OutsideLimits);
        }
    }
    None
}

/// Whether `price` lies on the tick ladder. O(log steps).
pub fn is_on_tick(instrument: &Instrument, price: i64) -> bool {
    step_at(instrument, price).is_some_and(|step| price.rem_euclid(step.tick) == 0)
}

/// The tick at `price`; below the ladder, its first one.
pub fn tick_at(instrument: &Instrument, price: i64) -> i64 {
    let step = step_at(instrument, price).or(instrument.ticks.first());
    step.map_or(1, |step| step.tick)
}

fn step_at(instrument: &Instrument, price: i64) -> Option<&TickStep> {
    let after = instrument.ticks.partition_point(|step| step.price_from <= price);
    after.checked_sub(1).and_then(|index| instrument.ticks.get(index))
}
