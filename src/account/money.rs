//! Exact money: value of a quantity at a price, and division with a named rounding.
//!
//! Invariants: no float, no wrap; a value that is not a whole number of money units (1e-6) is refused, not
//! rounded, unless a fee row names its rounding.

use crate::wire::{Instrument, Rounding, Status};

const E6: i128 = 1_000_000;

/// Value of `qty` lots at `price` (1e-6), money 1e-6. Refused when it is not whole.
pub fn value(instrument: &Instrument, price: i64, qty: i64) -> Result<i128, Status> {
    let product = i128::from(price) * i128::from(instrument.multiplier_e6);
    let product = product.checked_mul(i128::from(qty)).ok_or(Status::Overflow)?;
    if product % E6 == 0 { Ok(product / E6) } else { Err(Status::Overflow) }
}

/// Value of `qty` lots at half of `mid_x2`, money 1e-6, rounded half away from zero. For marks only.
pub fn value_at_mid(instrument: &Instrument, mid_x2: i64, qty: i64) -> Result<i128, Status> {
    let product = i128::from(mid_x2) * i128::from(instrument.multiplier_e6);
    let product = product.checked_mul(i128::from(qty)).ok_or(Status::Overflow)?;
    Ok(divide(product, 2 * E6, Rounding::HalfUp))
}

/// `numerator / denominator`, rounded; the denominator is above zero.
pub fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    let (quotient, rest) = (numerator / denominator, (numerator % denominator).abs());
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
    fn rounding_is_as_named_on_both_sides_of_zero() {
        assert_eq!(divide(5, 2, Rounding::Down), 2);
        assert_eq!(divide(5, 2, Rounding::HalfUp), 3);
        assert_eq!(divide(-5, 2, Rounding::HalfUp), -3);
        assert_eq!(divide(-5, 2, Rounding::Down), -2);
        assert_eq!(divide(7, 3, Rounding::HalfUp), 2);
        assert_eq!(divide(7, 3, Rounding::Up), 3);
        assert_eq!(divide(-6, 3, Rounding::Up), -2);
        assert_eq!(round_to(150_560_000, 1, 1_000_000, Rounding::HalfUp), 151_000_000);
    }
}
