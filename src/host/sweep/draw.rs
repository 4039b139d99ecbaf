//! Random values of a sweep's keys: a law, and a draw that is a function of (sweep seed, member, key) alone.
//!
//! Invariants: neither the order of keys, their number, nor the number of members changes a draw; uniform and whole
//! draws are integer arithmetic, the logarithm is `libm`'s, so that a seed means the same values on every machine.

use crate::config::scalar::decimal_text;
use btcore::latency::{draw, name_key};

/// A sweep's draws among all that ask [`draw`].
const STREAM: u64 = u64::from_le_bytes(*b"sweep 1\0");
/// A uniform draw has at least this many equal steps, and no more decimals than that takes.
const STEPS_MIN: i128 = 10_000;
/// Significant digits of a log-uniform draw.
const DIGITS: i32 = 5;
/// Decimals at most, so that everything fits.
const PLACES_MAX: u32 = 18;

/// How a key's value is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Equally likely between two ends, both included.
    Uniform(Span),
    /// Its logarithm is equally likely between those of two ends.
    LogUniform(Span),
    /// A whole number between two, both included.
    Int(i64, i64),
    /// One of some words.
    Choice(Vec<String>),
}

/// Two ends with one unit, at one number of decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    low: i128,
    high: i128,
    places: u32,
    unit: String,
}

impl Span {
    /// Reads the two ends, such as `0.5` and `2`, or `10ms` and `50ms`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(low: &str, high: &str) -> Result<Self, String> {
        let (mut from, mut to) = (Quantity::read(low)?, Quantity::read(high)?);
        if from.unit.is_empty() && from.digits == 0 {
            from.unit.clone_from(&to.unit); // a bare 0 is 0 of any unit
        }
        if from.unit != to.unit {
            return Err(format!("`{low}` and `{high}` need the same unit"));
        }
        let places = from.places.max(to.places);
        (from, to) = (from.at(places), to.at(places));
        if from.digits >= to.digits {
            return Err(format!("`{low}` does not lie below `{high}`"));
        }
        if to.digits - from.digits > i128::from(i64::MAX) {
            return Err(format!("`{low}` and `{high}` lie too far apart"));
        }
        Ok(Span { low: from.digits, high: to.digits, places, unit: from.unit })
    }

    /// Whether both ends lie above zero.
    pub fn is_positive(&self) -> bool {
        self.low > 0
    }

    fn text(&self, value: i128, places: u32) -> String {
        format!("{}{}", decimal_text(value, places), self.unit)
    }

    fn uniform(&self, bits: u64) -> String {
        let (mut low, mut high, mut places) = (self.low, self.high, self.places);
        while high - low < STEPS_MIN && places < PLACES_MAX {
            (low, high, places) = (low * 10, high * 10, places + 1);
        }
        self.text(low + below(bits, (high - low + 1).unsigned_abs()), places)
    }

    fn log_uniform(&self, bits: u64) -> String {
        let end = |value: i128| value as f64 / power_of_ten(self.places as i32);
        let (low, high) = (libm::log(end(self.low)), libm::log(end(self.high)));
        let unit = ((bits >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0);
        let value = libm::exp(low + (high - low) * unit);
        let places = DIGITS - 1 - libm::floor(libm::log10(value)) as i32;
        let places = places.clamp(0, PLACES_MAX as i32);
        let rounded = libm::round(value * power_of_ten(places)) as i128;
        // Rounding may step over an end.
        let both = self.places.max(places as u32);
        let scaled = |value: i128, places: u32| value * 10_i128.pow(both - places);
        let (low, high) = (scaled(self.low, self.places), scaled(self.high, self.places));
        self.text(scaled(rounded, places as u32).clamp(low, high), both)
    }
}

/// A decimal and its unit.
struct Quantity {
    digits: i128,
    places: u32,
    unit: String,
}

impl Quantity {
    fn read(text: &str) -> Result<Self, String> {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_');
        let split = text.find(|c| !is_number(c)).unwrap_or(text.len());
        let (number, unit) = (text[..split].replace('_', ""), text[split..].trim());
        if !unit.chars().all(|c| c.is_alphabetic() || c == '%') || unit.starts_with(['e', 'E']) {
            return Err(format!("`{text}` is not a plain decimal, with or without a unit"));
        }
        let fraction = number.split_once('.').map_or("", |(_, f)| f).trim_end_matches('0');
        let places = fraction.len() as u32;
        if places > 9 {
            return Err(format!("`{text}` has more than 9 decimals"));
        }
        let digits = i128::from(crate::config::scalar::decimal(&number, places)?);
        Ok(Quantity { digits, places, unit: unit.into() })
    }

    fn at(mut self, places: u32) -> Self {
        self.digits *= 10_i128.pow(places - self.places);
        self.places = places;
        self
    }
}

/// The word of a key for a member.
pub fn word(law: &Law, seed: u64, member: u64, key: &str) -> String {
    let bits = draw([seed, STREAM, member, name_key(key)]);
    match law {
        Law::Uniform(span) => span.uniform(bits),
        Law::LogUniform(span) => span.log_uniform(bits),
        Law::Int(low, high) => {
            let count = (i128::from(*high) - i128::from(*low) + 1).unsigned_abs();
            (i128::from(*low) + below(bits, count)).to_string()
        }
        Law::Choice(words) => {
            let index = usize::try_from(below(bits, words.len() as u128)).unwrap_or_default();
            words.get(index).cloned().unwrap_or_default()
        }
    }
}

/// A whole number in `0..count`, `count` at most 2^64; the bias is below `count` / 2^64.
fn below(bits: u64, count: u128) -> i128 {
    ((u128::from(bits) * count) >> 64) as i128
}

fn power_of_ten(places: i32) -> f64 {
    (0..places).fold(1.0, |power, _| power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(low: &str, high: &str) -> Law {
        Law::Uniform(Span::read(low, high).unwrap())
    }

    fn log_uniform(low: &str, high: &str) -> Law {
        Law::LogUniform(Span::read(low, high).unwrap())
    }

    /// These never change: a seed that was published must keep its meaning.
    #[test]
    fn draws_are_pinned() {
        let words = |law: &Law, key: &str| -> Vec<String> {
            (0..4).map(|member| word(law, 7, member, key)).collect()
        };
        let choice = Law::Choice(["a", "b", "c"].map(String::from).to_vec());
        let found = [
            words(&uniform("0", "1"), "k"),
            words(&uniform("10ms", "50ms"), "latency.submit"),
            words(&log_uniform("0.001", "1000"), "k"),
            words(&log_uniform("100us", "9000us"), "k"),
            words(&Law::Int(1, 10), "j"),
            words(&choice, "m"),
        ];
        assert_eq!(found, PINNED.map(|row| row.map(String::from).to_vec()));
    }

    const PINNED: [[&str; 4]; 6] = [
        ["0.7238", "0.9602", "0.7036", "0.0938"],
        ["14.092ms", "43.265ms", "24.701ms", "14.779ms"],
        ["22.002", "576.99", "16.658", "0.0036568"],
        ["2596.4us", "7524.1us", "2371.5us", "152.55us"],
        ["5", "7", "10", "9"],
        ["c", "a", "a", "a"],
    ];

    #[test]
    fn a_draw_depends_on_seed_member_and_key_alone() {
        let law = uniform("0", "1");
        let base = word(&law, 1, 2, "a");
        assert_eq!(word(&law, 1, 2, "a"), base);
        for other in [word(&law, 2, 2, "a"), word(&law, 1, 3, "a"), word(&law, 1, 2, "b")] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn draws_keep_to_their_ends_and_reach_them() {
        let (mut least, mut most) = (10, 1);
        for member in 0..2_000 {
            let whole: i64 = word(&Law::Int(1, 10), 3, member, "j").parse().unwrap();
            (least, most) = (least.min(whole), most.max(whole));
            let value: f64 = word(&uniform("-0.5", "0.25"), 3, member, "u").parse().unwrap();
            assert!((-0.5..=0.25).contains(&value), "{value}");
            let value: f64 = word(&log_uniform("0.3", "0.7"), 3, member, "l").parse().unwrap();
            assert!((0.3..=0.7).contains(&value), "{value}");
        }
        assert_eq!((least, most), (1, 10));
        assert_eq!(
            word(&Law::Int(i64::MIN, i64::MAX), 1, 1, "w").parse::<i64>().map(|_| ()),
            Ok(())
        );
        let median =
            (0..2_001).map(|m| word(&log_uniform("0.01", "100"), 9, m, "x").parse::<f64>());
        let mut all: Vec<f64> = median.map(Result::unwrap).collect();
        all.sort_by(f64::total_cmp);
        assert!((0.7..1.4).contains(&all[1_000]), "the middle of the decades: {}", all[1_000]);
    }

    #[test]
    fn ends_that_do_not_fit_are_refused() {
        for (low, high, told) in [
            ("1", "1", "below"),
            ("2ms", "1ms", "below"),
            ("1ms", "2s", "same unit"),
            ("1e3", "2e3", "plain decimal"),
            ("x", "y", "decimal"),
            ("0.0000000001", "1", "more than 9"),
        ] {
            let error = Span::read(low, high).unwrap_err();
            assert!(error.contains(told), "{low} {high}: {error}");
        }
        assert!(Span::read("0", "5ms").is_ok());
        assert!(!Span::read("0", "5ms").unwrap().is_positive());
    }
}
