//! When a contract ends, from its symbol: TAIFEX writes the month as a letter (A to L; M to X for puts) and the last digit of
//! the year behind it.

use super::calendar::Calendar;
use jiff::civil::Date;

/// Month, and last digit of the year, of a symbol such as `TXFD6` or, of a put, `TXO35000Q6`.
pub fn month_code(symbol: &str, is_option: bool) -> Option<(i8, i16)> {
    let [.., letter, digit] = symbol.as_bytes() else { return None };
    let month = match letter {
        b'A'..=b'L' => letter - b'A' + 1,
        b'M'..=b'X' if is_option => letter - b'M' + 1,
        _ => return None,
    };
    let year = digit.is_ascii_digit().then(|| i16::from(digit - b'0'))?;
    Some((i8::try_from(month).ok()?, year))
}

/// The last trading day of a contract: of the years that its digit leaves open, the one nearest to `day`.
///
/// # Errors
/// The symbol has no month code, or the calendar does not list the month.
pub fn expiry(
    symbol: &str,
    is_option: bool,
    day: Date,
    calendar: &Calendar,
) -> Result<Date, String> {
    let Some((month, digit)) = month_code(symbol, is_option) else {
        return Err(format!(
            "`{symbol}` does not end in a month code such as D6 (April 2026); give `expiry: 2026-04-15`"
        ));
    };
    let months = |year: i16, month: i8| i32::from(year) * 12 + i32::from(month);
    let now = months(day.year(), day.month());
    // Of two years equally near, the later one: a contract is traded before it ends.
    let year = (day.year() - 9..=day.year() + 9)
        .rev()
        .filter(|year| year % 10 == digit)
        .min_by_key(|year| (months(*year, month) - now).abs())
        .ok_or_else(|| format!("`{symbol}`: no year ends in {digit}"))?;
    calendar.expiry(year, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_codes_are_read() {
        assert_eq!(month_code("TXFD6", false), Some((4, 6)));
        assert_eq!(month_code("TXO35000Q6", true), Some((5, 6)));
        assert_eq!(month_code("TXO35000E6", true), Some((5, 6)));
        assert_eq!(month_code("TXFR1", false), None);
        assert_eq!(month_code("2330", false), None);
        assert_eq!(month_code("X", false), None);
    }
}
