//! Their queue arithmetic for one order, written out once more in plain floats, so that a difference has a name: each of
//! the [`Repairs`] turns their rule into ours.

use crate::{Fills, Model, Row};
use btcore::book::{Book, LevelState};
use btcore::wire::{Side, kind};

/// What ours does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Repairs {
    /// A print that goes past the queue by less than half a lot, or a cancel of more than is ahead, leaves nobody ahead.
    /// Theirs leaves the queue below zero: it gives the part of a lot to the next print, and a share "ahead" of less than
    /// nothing to the next cancel, which a power or a logarithm turns into a longer queue.
    pub nobody_is_less_than_nobody: bool,
    /// A price that comes back into view keeps its place: what left the level unseen may have stood anywhere, and what
    /// traded there was printed. Theirs takes the change since it was last seen for one cancel by everybody.
    pub unseen_is_not_cancelled: bool,
    /// Who joins between a print and the picture that shows its effect is not behind the lots that were printed. Theirs
    /// takes them for ahead, and then for cancelled.
    pub printed_is_gone: bool,
}

impl Repairs {
    /// Every one.
    pub const ALL: Repairs = Repairs {
        nobody_is_less_than_nobody: true,
        unseen_is_not_cancelled: true,
        printed_is_gone: true,
    };
}

/// A resting order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub side: Side,
    pub price: i64,
    pub qty: u32,
    pub arrival_ns: i64,
    /// When its cancel arrives.
    pub until_ns: i64,
}

/// Fills as (time, lots), and how near to the half of a lot the nearest decision was.
pub fn fills(
    rows: &[Row],
    order: &Order,
    model: Model,
    mode: Fills,
    repairs: Repairs,
) -> (Vec<(i64, u32)>, f64) {
    let mut filled: Vec<(i64, u32)> = Vec::new();
    let mut nearest = f64::MAX;
    let state = |row: &Row| Book { event: &row.0, depth: &row.1 }.state(order.side, order.price, 5);
    let before = rows.partition_point(|row| row.0.ts_exch_ns <= order.arrival_ns);
    let picture = rows[..before].iter().rfind(|row| row.0.kind == kind::BOOK);
    let lots = |state| if let LevelState::Known(qty) = state { f64::from(qty) } else { 0.0 };
    let mut level = picture.map_or(0.0, |row| lots(state(row)));
    if repairs.printed_is_gone {
        level -= gone_before(&rows[..before], order).min(level);
    }
    let (mut front, mut printed, mut left, mut in_view) = (level, 0.0, order.qty, true);
    for row in rows[before..].iter().take_while(|row| row.0.ts_exch_ns < order.until_ns) {
        let event = &row.0;
        let mut fill = 0;
        if event.kind == kind::TRADE {
            let hits = event.aggressor == if order.side == Side::Buy { -1 } else { 1 };
            if hits && order.side.is_better(order.price, event.trade_price) {
                fill = left;
            } else if hits && event.trade_price == order.price {
                front -= f64::from(event.trade_qty);
                printed += f64::from(event.trade_qty);
                nearest = nearest.min((front.abs().fract() - 0.5).abs());
                let beyond = (-front).round();
                if beyond > 0.0 {
                    front = 0.0;
                    fill = if mode == Fills::Whole { left } else { left.min(beyond as u32) };
                } else if repairs.nobody_is_less_than_nobody {
                    front = front.max(0.0);
                }
            }
        } else {
            match state(row) {
                LevelState::Unknown => in_view = false,
                now => {
                    let now = lots(now);
                    if !in_view && repairs.unseen_is_not_cancelled {
                        front = front.min(now);
                    } else {
                        front = advance(model, front, level, now, printed);
                    }
                    if repairs.nobody_is_less_than_nobody {
                        front = front.max(0.0);
                    }
                    (level, printed, in_view) = (now, 0.0, true);
                }
            }
            let book = Book { event, depth: &row.1 };
            let touch = book.level(order.side.opposite(), 0).map(|level| level.0);
            if touch.is_some_and(|touch| !order.side.is_better(touch, order.price)) {
                fill = left;
            }
        }
        if fill > 0 {
            left -= fill;
            match filled.last_mut() {
                Some((ts_ns, qty)) if *ts_ns == event.ts_exch_ns => *qty += fill,
                _ => filled.push((event.ts_exch_ns, fill)),
            }
        }
        if left == 0 {
            break;
        }
    }
    (filled, nearest)
}

/// Lots that printed at the order's price, or all of them where a print went through it, since the last picture.
fn gone_before(rows: &[Row], order: &Order) -> f64 {
    let hit = if order.side == Side::Buy { -1 } else { 1 };
    let since = rows.iter().rev().take_while(|row| row.0.kind != kind::BOOK);
    since.filter(|row| row.0.aggressor == hit).fold(0.0, |sum, (event, _)| {
        let (price, qty) = (event.trade_price, f64::from(event.trade_qty));
        match () {
            () if order.side.is_better(order.price, price) => f64::INFINITY,
            () if price == order.price => sum + qty,
            () => sum,
        }
    })
}

fn advance(model: Model, front: f64, before: f64, now: f64, printed: f64) -> f64 {
    if model == Model::RiskAverse {
        return front.min(now);
    }
    let gone = before - now - printed;
    if gone < 0.0 {
        return front.min(now);
    }
    let back = before - front;
    let log = |x: f64| (1.0 + x).ln();
    let behind = match model {
        Model::RiskAverse => 1.0,
        Model::Power(n) => {
            let n = f64::from(n);
            back.powf(n) / (back.powf(n) + front.powf(n))
        }
        Model::Power2(n) => back.powf(f64::from(n)) / (back + front).powf(f64::from(n)),
        Model::Power3(n) => 1.0 - (front / (front + back)).powf(f64::from(n)),
        Model::Log => log(back) / (log(back) + log(front)),
        Model::Log2 => log(back) / log(back + front),
    };
    let behind = if behind.is_infinite() { 1.0 } else { behind };
    (front - (1.0 - behind) * gone + (back - behind * gone).min(0.0)).min(now)
}
