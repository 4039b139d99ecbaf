//! One feed and one list of orders through two simulators: hftbacktest 0.9.4 and btcore.
//!
//! Units: ns, lots, prices in ticks on their side and 1e-6 on ours. Both sides answer with a [`Life`] for every order, so
//! that they can be held against each other.

pub mod feed;
pub mod ours;
pub mod recorded;
pub mod reference;
pub mod theirs;

use btcore::wire::{Depth, Event, Side, Tif};
use std::collections::BTreeMap;

/// A market row with the depth row in force, as the core has finished it.
pub type Row = (Event, Depth);

/// Queue models that both have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Model {
    RiskAverse,
    Power(u32),
    Power2(u32),
    Power3(u32),
    Log,
    Log2,
}

/// What a print or a displayed size does to an order that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fills {
    /// `NoPartialFillExchange`: every fill is whole.
    Whole,
    /// `PartialFillExchange`: prints at the price fill by their size.
    Partial,
}

/// What a strategy does, and when.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    pub ts_ns: i64,
    pub ask: Ask,
}

/// Orders are numbered from 1 in the order of their submits.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    Submit { side: Side, price: i64, qty: u32, tif: Tif, post_only: bool },
    Cancel { order: u64 },
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum End {
    #[default]
    Open,
    Filled,
    Cancelled(i64),
    /// Refused, or lapsed without rest.
    Lapsed,
}

/// What became of an order: fills as (time, lots), one for each instant.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Life {
    pub fills: Vec<(i64, u32)>,
    pub end: End,
}

impl Life {
    pub fn filled(&self) -> u32 {
        self.fills.iter().map(|fill| fill.1).sum()
    }

    fn fill(&mut self, ts_ns: i64, qty: u32) {
        match self.fills.last_mut() {
            _ if qty == 0 => {}
            Some(last) if last.0 == ts_ns => last.1 += qty,
            _ => self.fills.push((ts_ns, qty)),
        }
    }
}

/// Every order's life.
pub type Lives = BTreeMap<u64, Life>;

/// How long messages take.
#[derive(Clone, Copy, Debug)]
pub struct Legs {
    pub entry_ns: i64,
    pub response_ns: i64,
}
