//! Exact money: value of a quantity at a price, and division with a named rounding.
//!
//! Invariants: no float, no wrap; a value that is not a whole number of money units (1e-6) is refused, not
//! rounded, unless a fee row names its rounding.

use crate::wire::{Instrument, Rounding, Status};

const E6: i128 = 1_000_000;

/// Value of `qty` lots at `price` (1e-6), money 1e-6. Refused when it is not whole.
pub fn value(instrument: &Instrument, price: i64, qty: i64) -> Result<i128, Status> {
    let (product, is_whole) = product(instrument, price, qty)?;
    if is_whole {
        return Ok(product);
    }
    if product % E6 == 0 { Ok(product / E6) } else { Err(Status::Overflow) }
}

/// Value of `qty` lots at half of `mid_x2`, money 1e-6, rounded half away from zero. For marks only.
pub fn value_at_mid(instrument: &Instrument, mid_x2: i64, qty: i64) -> Result<i128, Status> {
    Ok(match product(instrument, mid_x2, qty)? {
        (product, true) => divide(product, 2, Rounding::HalfUp),
        (product, false) => divide(product, 2 * E6, Rounding::HalfUp),
    })
}

/// Price at which `qty` lots, not none, are worth `value` (money 1e-6), 1e-6, rounded half away from zero.
pub fn price_of(instrument: &Instrument, value: i128, qty: i64) -> Result<i128, Status> {
    let value = if qty < 0 { -value } else { value };
    let lots = i128::from(qty.unsigned_abs());
    Ok(match whole_multiplier(instrument) {
        Some(multiplier) => divide(value, i128::from(multiplier) * lots, Rounding::HalfUp),
        None => {
            let units = i128::from(instrument.multiplier_e6) * lots;
            divide(value.checked_mul(E6).ok_or(Status::Overflow)?, units, Rounding::HalfUp)
        }
    })
}

/// The multiplier, where it is a whole number, as most are.
#[inline]
fn whole_multiplier(instrument: &Instrument) -> Option<i64> {
    const WHOLE: i64 = E6 as i64;
    (instrument.multiplier_e6 % WHOLE == 0).then_some(instrument.multiplier_e6 / WHOLE)
}

/// Price times multiplier times quantity: in money 1e-6 where the multiplier is a whole number, and then no division of 128 bits
/// is wanted; else in 1e-12, and false.
#[inline]
fn product(instrument: &Instrument, price: i64, qty: i64) -> Result<(i128, bool), Status> {
    let whole = whole_multiplier(instrument);
    let (multiplier, is_whole) = (whole.unwrap_or(instrument.multiplier_e6), whole.is_some());
    // It fits 64 bits nearly always, and then costs two instructions.
    if let Some(product) = price.checked_mul(multiplier).and_then(|worth| worth.checked_mul(qty)) {
        return Ok((i128::from(product), is_whole));
    }
    let product = i128::from(price) * i128::from(multiplier);
    Ok((product.checked_mul(i128::from(qty)).ok_or(Status::Overflow)?, is_whole))
}

/// `numerator / denominator`, rounded; the denominator is above zero.
#[inline]
pub fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    // A division of 64 bits is an instruction, one of 128 a function.
    let (quotient, rest) = match (i64::try_from(numerator), i64::try_from(denominator)) {
        (Ok(n), Ok(d)) => (i128::from(n / d), i128::from(n % d).abs()),
        _ => (numerator / denominator, (numerator % denominator).abs()),
    };
    let away = if numerator < 0 { -1 } else { 1 };
    let up = match rounding {
        Rounding::Down => false,
        Rounding::HalfUp => rest >= denominator - rest,
        Rounding::Up => rest > 0,
    };
    if up { quotient + away } else { quotient }
}

/// The amount rounded to a whole number of `unit`s.
pub fn round_to(numerator: i128, denominator: i128, unit: i64, rounding: Rounding) -> i128 {
    let unit = i128::from(unit);
    divide(numerator, denominator * unit, rounding) * unit
}

/// The edge: money as the ABI and the files carry it.
pub fn narrow(money: i128) -> Result<i64, Status> {
    i64::try_from(money).map_err(|_| Status::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiplier_of_whole_units_is_worth_the_same_as_one_that_is_not() {
        let with = |multiplier_e6| Instrument {
            symbol: "A".into(),
            exchange: "TEST".into(),
            ticks: alloc::vec![],
            multiplier_e6,
            limit_down: i64::MIN,
            limit_up: i64::MAX,
            protection: 0,
            depth_max: 5,
            order_qty_max: u32::MAX,
            negative_prices: true,
            sessions: alloc::vec![],
            fees: alloc::vec![],
        };
        for (price, qty) in [(34_824 * 1_000_000, 3), (-7_500_000, 2), (1, -1), (3, 5)] {
            for multiplier in [1_i64, 200, 50] {
                let whole = value(&with(multiplier * 1_000_000), price, qty);
                let product = i128::from(price) * i128::from(multiplier) * i128::from(qty);
                assert_eq!(whole, Ok(product));
                let at_mid = value_at_mid(&with(multiplier * 1_000_000), price, qty);
                assert_eq!(at_mid, Ok(divide(product, 2, Rounding::HalfUp)));
            }
            for (multiplier_e6, cost) in
                [(200_000_000, 7_i128), (50_000_000, -1_000_000_007), (500_000, 3)]
            {
                let price = price_of(&with(multiplier_e6), cost, qty);
                let scaled = if qty < 0 { -cost * E6 } else { cost * E6 };
                let units = i128::from(multiplier_e6) * i128::from(qty.abs());
                assert_eq!(price, Ok(divide(scaled, units, Rounding::HalfUp)));
            }
            // Half a unit of money for each: whole only where price times quantity is even.
            let half = value(&with(500_000), price, qty);
            let product = i128::from(price) * i128::from(qty);
            assert_eq!(half.is_ok(), product % 2 == 0);
        }
    }

    #[test]
    fn rounding_is_as_named_on_both_sides_of_zero() {
        assert_eq!(divide(5, 2, Rounding::Down), 2);
        assert_eq!(divide(5, 2, Rounding::HalfUp), 3);
        assert_eq!(divide(-5, 2, Rounding::HalfUp), -3);
        assert_eq!(divide(-5, 2, Rounding::Down), -2);
        assert_eq!(divide(7, 3, Rounding::HalfUp), 2);
        assert_eq!(divide(7, 3, Rounding::Up), 3);
        assert_eq!(divide(-6, 3, Rounding::Up), -2);
        assert_eq!(divide(-5 * E6 * E6 * E6 * E6, 2 * E6 * E6 * E6 * E6, Rounding::HalfUp), -3);
        assert_eq!(round_to(150_560_000, 1, 1_000_000, Rounding::HalfUp), 151_000_000);
    }
}
