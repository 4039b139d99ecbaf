//! Positions, fees and profit of one lane, exact in integers (law 10).
//!
//! Invariants: a position keeps its open quantity and what that quantity cost; closing part of it takes the
//! proportional share of the cost, rounded towards zero, and leaves the rest, so that realised + unrealised is
//! exact whatever the rounding. Fees never enter realised profit. Sums are `i128`; leaving `i64` at the edge is
//! `OVERFLOW`. The account knows what the strategy was told, no more: fills enter when they are delivered.
//! Cost: O(1) a fill; a mark visits the positions that ever traded.

mod fees;
pub mod money;

pub use fees::fees;

use crate::wire::{Fill, Instrument, Rounding, Side, Status};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use money::{divide, narrow, value, value_at_mid};

/// A position of one strategy in one instrument, as that strategy knows it now. Money in 1e-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Position {
    /// Open quantity, lots; negative when short.
    pub qty: i64,
    /// What the open quantity cost, money 1e-6; negative when short.
    pub open_cost: i64,
    /// Average price of the open quantity, 1e-6, rounded to nearest; 0 when flat.
    pub price_avg: i64,
    /// Profit realised by closing, fees not included, money 1e-6.
    pub pnl_realised: i64,
    /// Profit of the open quantity at the mark, money 1e-6.
    pub pnl_unrealised: i64,
    /// Fees and taxes paid, money 1e-6.
    pub fees: i64,
}

const _: () = assert!(core::mem::size_of::<Position>() == 48);

#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    qty: i64,
    open_cost: i128,
    pnl_realised: i128,
    fees: i128,
    pnl_trip: i128,
    is_listed: bool,
}

/// What a fill did to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Fees and taxes of the fill, money 1e-6.
    pub fee: i64,
    /// Profit realised by it, before fees.
    pub pnl_realised: i64,
    /// Value traded.
    pub value: i128,
    /// Position after it, lots.
    pub position_qty: i64,
    /// How the round trip that it ended compares with nothing gained, before fees; `None` where it ended none.
    pub trip: Option<Ordering>,
}

/// Sums over all positions at the marks, money 1e-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Realised, before fees.
    pub pnl_realised: i128,
    /// Unrealised at the marks.
    pub pnl_unrealised: i128,
    /// Fees and taxes.
    pub fees: i128,
    /// Sum of absolute position values.
    pub exposure_gross: i128,
    /// Sum of signed position values.
    pub exposure_net: i128,
    /// Sum of absolute quantities, lots.
    pub open_qty: u64,
}

impl Totals {
    /// Realised + unrealised - fees.
    pub fn pnl(&self) -> i128 {
        self.pnl_realised + self.pnl_unrealised - self.fees
    }
}

/// The account of one lane.
#[derive(Debug)]
pub struct Account {
    holdings: Box<[Holding]>,
    listed: Vec<u32>,
    instruments: usize,
}

impl Account {
    /// Flat everywhere. Allocates once.
    pub fn new(strategies: usize, instruments: usize) -> Self {
        let count = strategies * instruments;
        Account {
            holdings: alloc::vec![Holding::default(); count].into_boxed_slice(),
            listed: Vec::with_capacity(count),
            instruments,
        }
    }

    /// Whether anything was ever traded, so that marks matter.
    pub fn holds_any(&self) -> bool {
        !self.listed.is_empty()
    }

    fn place(&self, strategy: u32, instrument: u32) -> usize {
        strategy as usize * self.instruments + instrument as usize
    }

    /// Books a fill.
    pub fn book(&mut self, instrument: &Instrument, fill: &Fill) -> Result<Booked, Status> {
        let place = self.place(fill.strategy, fill.instrument);
        let holding = &mut self.holdings[place];
        if !holding.is_listed {
            holding.is_listed = true;
            self.listed.push(place as u32);
        }
        let is_buy = fill.side == Side::Buy as u8;
        let signed = if is_buy { i64::from(fill.qty) } else { -i64::from(fill.qty) };
        let cost = value(instrument, fill.price, signed)?;
        let fee = fees(instrument, fill)?;

        let closes = holding.qty.signum() == -signed.signum();
        let closed = if closes { signed.abs().min(holding.qty.abs()) } else { 0 };
        let mut realised = 0;
        let mut trip = None;
        if closed > 0 {
            let share = i128::from(closed);
            let cost_closed = divide(
                holding.open_cost.checked_mul(share).ok_or(Status::Overflow)?,
                i128::from(holding.qty.abs()),
                Rounding::Down,
            );
            let cost_closing = value(instrument, fill.price, signed.signum() * closed)?;
            realised = -cost_closing - cost_closed;
            holding.open_cost += cost - cost_closing - cost_closed;
            holding.pnl_trip += realised;
            if closed == holding.qty.abs() {
                trip = Some(holding.pnl_trip.cmp(&0));
                holding.pnl_trip = 0;
                holding.open_cost = cost - cost_closing;
            }
        } else {
            holding.open_cost += cost;
        }
        holding.qty = holding.qty.checked_add(signed).ok_or(Status::Overflow)?;
        holding.pnl_realised += realised;
        holding.fees += fee;
        Ok(Booked {
            fee: narrow(fee)?,
            pnl_realised: narrow(realised)?,
            value: cost.abs(),
            position_qty: holding.qty,
            trip,
        })
    }

    /// A position at a mark; `mid_x2` is bid plus ask, or `None` before the first two-sided book.
    pub fn position(
        &self,
        instrument: &Instrument,
        strategy: u32,
        index: u32,
        mid_x2: Option<i64>,
    ) -> Result<Position, Status> {
        let holding = &self.holdings[self.place(strategy, index)];
        let unrealised = unrealised(instrument, holding, mid_x2)?.1;
        let price_avg = match holding.qty {
            0 => 0,
            qty => money::price_of(instrument, holding.open_cost, qty)?,
        };
        Ok(Position {
            qty: holding.qty,
            open_cost: narrow(holding.open_cost)?,
            price_avg: narrow(price_avg)?,
            pnl_realised: narrow(holding.pnl_realised)?,
            pnl_unrealised: narrow(unrealised)?,
            fees: narrow(holding.fees)?,
        })
    }

    /// Sums over all positions; `mid_x2` gives the mark of an instrument.
    pub fn totals(
        &self,
        instruments: &[Instrument],
        mid_x2: impl Fn(u32) -> Option<i64>,
    ) -> Result<Totals, Status> {
        let mut totals = Totals::default();
        for &place in &self.listed {
            let holding = &self.holdings[place as usize];
            let index = place % self.instruments as u32;
            let instrument = &instruments[index as usize];
            let (worth, pnl) = unrealised(instrument, holding, mid_x2(index))?;
            totals.pnl_realised += holding.pnl_realised;
            totals.fees += holding.fees;
            totals.pnl_unrealised += pnl;
            totals.exposure_gross += worth.abs();
            totals.exposure_net += worth;
            totals.open_qty += holding.qty.unsigned_abs();
        }
        Ok(totals)
    }
}

/// Worth of a holding at the mark, and its profit over cost. Without a mark it is worth what it cost.
fn unrealised(
    instrument: &Instrument,
    holding: &Holding,
    mid_x2: Option<i64>,
) -> Result<(i128, i128), Status> {
    match (holding.qty, mid_x2) {
        (0, _) => Ok((0, 0)),
        (_, None) => Ok((holding.open_cost, 0)),
        (qty, Some(mid_x2)) => {
            let worth = value_at_mid(instrument, mid_x2, qty)?;
            Ok((worth, worth - holding.open_cost))
        }
    }
}
