//! Words of a config that stand for numbers: exact decimals, durations, dates, instants.
//!
//! Invariants: nothing here goes through a float, so `0.1` is one tenth; what cannot be held exactly is
//! refused, never rounded. Units: decimals become integers at a power of ten, durations and instants become
//! nanoseconds.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Reads a decimal as an integer at `10^-places`. Refuses exponents, and digits finer than `places`.
///
/// # Errors
/// A sentence that says what is wrong with the word.
pub fn decimal(text: &str, places: u32) -> Result<i64, String> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err("expected a decimal number such as 12.5".into());
    }
    if whole.bytes().chain(fraction.bytes()).any(|b| !b.is_ascii_digit()) {
        return Err(format!("`{text}` is not a plain decimal number such as 12.5"));
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places as usize {
        return Err(format!("`{text}` is finer than 1e-{places}, the finest unit held here"));
    }
    let mut value: i128 = 0;
    let padding = places as usize - fraction.len();
    let all = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding));
    for digit in all {
        value = value * 10 + i128::from(digit - b'0');
        if value > i128::from(i64::MAX) {
            return Err(format!("`{text}` is too large"));
        }
    }
    i64::try_from(if negative { -value } else { value })
        .map_err(|_| format!("`{text}` is too large"))
}

/// Writes an integer at `10^-places` as the shortest exact decimal.
pub fn decimal_text(value: i128, places: u32) -> String {
    let scale = 10_u128.pow(places);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (magnitude / scale, magnitude % scale);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{rest:0width$}", width = places as usize);
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

/// Reads a duration: `0`, or a decimal with one of the units ns, us, ms, s, m, h.
///
/// # Errors
/// A sentence that says what is wrong with the word.
pub fn duration_ns(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ').unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), &text[split..]);
    let places = match unit {
        "ns" => 0,
        "us" | "µs" => 3,
        "ms" => 6,
        "s" | "m" | "h" => 9,
        "" => return Err(format!("`{text}` has no unit; write for example `{text}ms`")),
        _ => return Err(format!("`{unit}` is not a unit of time; use ns, us, ms, s, m or h")),
    };
    let factor = match unit {
        "m" => 60,
        "h" => 3_600,
        _ => 1,
    };
    decimal(number, places)?.checked_mul(factor).ok_or_else(|| format!("`{text}` is too long"))
}

/// Writes a duration in the largest unit that holds it exactly.
pub fn duration_text(ns: i64) -> String {
    if ns == 0 {
        return "0".into();
    }
    for (unit, size) in [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ] {
        if ns % size == 0 {
            return format!("{}{unit}", ns / size);
        }
    }
    format!("{ns}ns")
}

/// An end of the run's span. A date stands for the whole day in the config's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A calendar day.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
}

/// Reads a date such as `2026-04-08`, or an RFC 3339 instant.
///
/// # Errors
/// A sentence that says what is wrong with the word.
pub fn edge(text: &str) -> Result<Edge, String> {
    if text.len() <= 10 {
        let day: Date = text.parse().map_err(|_| {
            format!("`{text}` is neither a date such as 2026-04-08 nor an instant such as 2026-04-08T08:45:00+08:00")
        })?;
        return Ok(Edge::Day(day));
    }
    let instant: Timestamp = text.parse().map_err(|_| {
        format!("`{text}` is not an instant with an offset, such as 2026-04-08T08:45:00+08:00")
    })?;
    Ok(Edge::Instant(instant))
}

/// The first instant of a day in a time zone, ns. `None` beyond the years that fit.
pub fn day_start_ns(day: Date, zone: &TimeZone) -> Option<i64> {
    instant_ns(zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible().ok()?)
}

/// An instant in nanoseconds since the epoch. `None` beyond the years that fit.
pub fn instant_ns(instant: Timestamp) -> Option<i64> {
    i64::try_from(instant.as_nanosecond()).ok()
}

/// Writes ns since the epoch as RFC 3339 in UTC.
pub fn instant_text(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| format!("{ns} ns"), |t| t.to_string())
}

/// The nearest known word, if it is near enough to be what was meant.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1) + 1;
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(d, candidate)| *d < limit || *d <= 2 && candidate.starts_with(word))
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Edit distance with neighbours swapped counted as one, over characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            rows[i][j] = if swap { best.min(rows[i - 2][j - 2] + 1) } else { best };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(decimal("0.1", 6), Ok(100_000));
        assert_eq!(decimal("-12.5000000", 6), Ok(-12_500_000));
        assert_eq!(decimal("0.00002", 9), Ok(20_000));
        assert!(decimal("0.0000001", 6).is_err());
        assert!(decimal("1e3", 6).is_err());
        assert!(decimal(".", 6).is_err());
        assert!(decimal("9223372036854.775808", 6).is_err());
        assert_eq!(decimal("9223372036854.775807", 6), Ok(i64::MAX));
        assert_eq!(decimal_text(-100_000, 6), "-0.1");
        assert_eq!(decimal_text(20_000_000, 6), "20");
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration_ns("36ms"), Ok(36_000_000));
        assert_eq!(duration_ns("250us"), Ok(250_000));
        assert_eq!(duration_ns("1.5s"), Ok(1_500_000_000));
        assert_eq!(duration_ns("2h"), Ok(7_200_000_000_000));
        assert_eq!(duration_ns("-1ms"), Ok(-1_000_000));
        assert!(duration_ns("36").is_err_and(|e| e.contains("36ms")));
        assert!(duration_ns("1.5ns").is_err());
        assert!(duration_ns("3 weeks").is_err());
        assert_eq!(duration_text(36_000_000), "36ms");
        assert_eq!(duration_text(60_000_000_000), "1m");
    }

    #[test]
    fn near_words_are_found() {
        assert_eq!(did_you_mean("symbl", ["symbol", "exchange"]), Some("symbol"));
        assert_eq!(did_you_mean("latencies", ["seed", "capital"]), None);
    }
}
