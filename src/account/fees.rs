//! Fees and taxes of a fill: per lot, or a share of the value, each row rounded as it says.
//!
//! Invariants: integers throughout; a rate is 1e-9 of the value. Source of the shapes: TAIFEX charges a fixed
//! amount a contract and side, and a transaction tax of 0.00002 of the contract value, rounded to whole NTD
//! for each contract; equity brokerage is a rate rounded down once a fill.

use super::money::{round_to, value};
use crate::wire::{FeeBase, FeeSide, Fill, Instrument, Side, Status};

const E9: i128 = 1_000_000_000;

/// Fees and taxes of `fill`, money 1e-6.
pub fn fees(instrument: &Instrument, fill: &Fill) -> Result<i128, Status> {
    let mut total = 0_i128;
    let qty = i128::from(fill.qty);
    for row in &instrument.fees {
        let applies = match row.side {
            FeeSide::Both => true,
            FeeSide::Buy => fill.side == Side::Buy as u8,
            FeeSide::Sell => fill.side == Side::Sell as u8,
        };
        if !applies {
            continue;
        }
        let amount = match row.base {
            FeeBase::PerLot { amount } => {
                round_to(i128::from(amount), 1, row.unit, row.rounding) * qty
            }
            FeeBase::ValuePerLot { rate_e9 } => {
                let worth = value(instrument, fill.price, 1)?.abs();
                let product = worth.checked_mul(i128::from(rate_e9)).ok_or(Status::Overflow)?;
                let lot = round_to(product, E9, row.unit, row.rounding);
                lot.checked_mul(qty).ok_or(Status::Overflow)?
            }
            FeeBase::ValuePerFill { rate_e9 } => {
                let worth = value(instrument, fill.price, i64::from(fill.qty))?.abs();
                let product = worth.checked_mul(i128::from(rate_e9)).ok_or(Status::Overflow)?;
                round_to(product, E9, row.unit, row.rounding)
            }
        };
        total = total.checked_add(amount).ok_or(Status::Overflow)?;
    }
    Ok(total)
}
