//! Our rows as theirs, for a simulator that is driven by hand: the rows of `bt-host export --format npz`, exchange's clock alone,
//! prices in ticks.

use crate::Row;
pub use bt_host::export::encode::LeftOut;
use bt_host::export::encode::{Encoder, Fate, ev};
use btcore::wire::{Event, Side};
use hftbacktest::types::Event as TheirEvent;

/// A feed for both.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    pub theirs: Vec<TheirEvent>,
    /// The rows that theirs were made of, every print with its aggressor.
    pub clean: Vec<Row>,
    /// When prints came that have none, and their prices.
    pub unsided: Vec<(i64, i64)>,
    pub left_out: LeftOut,
}

/// Translates rows of one instrument of a constant `tick`.
pub fn encode(rows: &[Row], tick: i64, depth_max: usize) -> Feed {
    let mut feed = Feed::default();
    let mut encoder = Encoder::new(depth_max);
    let mut changes = Vec::new();
    for (event, depth) in rows {
        match encoder.encode(event, depth, &mut changes) {
            Fate::Trade(side) => {
                let aggressor = if side == Side::Buy { 1 } else { -1 };
                feed.clean.push((Event { aggressor, ..*event }, *depth));
            }
            Fate::Book => feed.clean.push((*event, *depth)),
            Fate::Unsided => feed.unsided.push((event.ts_exch_ns, event.trade_price)),
            Fate::LeftOut => {}
        }
        feed.theirs.extend(changes.drain(..).map(|change| TheirEvent {
            ev: change.ev | ev::EXCH,
            exch_ts: event.ts_exch_ns,
            local_ts: event.ts_exch_ns,
            px: (change.price / tick) as f64,
            qty: f64::from(change.qty),
            order_id: 0,
            ival: 0,
            fval: 0.0,
        }));
    }
    feed.left_out = encoder.left_out();
    feed
}
