//! Who cancels: of the lots that left a price without a trade, how many stood ahead of an order.
//!
//! Sources: Rigtorp, "Estimating order queue position" (2013); the forms and the names are those of hftbacktest 0.9.4,
//! `p` being the share that stood behind. What the share puts behind beyond those who are there comes from ahead.
//! Invariants: 0 <= result <= cancelled. Only + - * / of `f64` and the bundled logarithm are used, which give the same
//! bits on every machine.

use super::config::Advance;
use super::queue::LOT;

/// Parts of `cancelled`, out of a level of `level` parts of which `ahead` are ahead, that were ahead.
pub fn cancelled_ahead(advance: Advance, ahead: i64, level: i64, cancelled: i64) -> i64 {
    let behind = (level - ahead).max(0);
    let overhang = |share_behind: f64| {
        let (cancelled, behind) = (to_lots(cancelled), to_lots(behind));
        let from_behind = share_behind * cancelled;
        let beyond = if from_behind > behind { from_behind - behind } else { 0.0 };
        cancelled - from_behind + beyond
    };
    let (b, f) = (to_lots(behind), to_lots(ahead));
    let from_ahead = match advance {
        Advance::RiskAverse => return (cancelled - behind).max(0),
        Advance::FrontOptimistic => return cancelled,
        Advance::Part(share) => {
            let pro_rata = i128::from(cancelled) * i128::from(ahead) / i128::from(level.max(1));
            let part = ((pro_rata * i128::from(share)) / i128::from(LOT)) as i64;
            return part.max(cancelled - behind);
        }
        Advance::ProRata => overhang(ratio(b, b + f)),
        Advance::Power(n) => overhang(ratio(power(b, n), power(b, n) + power(f, n))),
        Advance::Power2(n) => overhang(ratio(power(b, n), power(b + f, n))),
        Advance::Power3(n) => overhang(1.0 - power(ratio(f, f + b), n)),
        Advance::Log => overhang(ratio(libm::log1p(b), libm::log1p(b) + libm::log1p(f))),
        Advance::Log2 => overhang(ratio(libm::log1p(b), libm::log1p(b + f))),
    };
    ((from_ahead * LOT as f64) as i64).clamp(0, cancelled)
}

fn to_lots(parts: i64) -> f64 {
    parts as f64 / LOT as f64
}

/// `a / b`; 1 where nobody is there.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 1.0 }
}

/// `x` to the power of `n`, by multiplication.
fn power(x: f64, n: u32) -> f64 {
    (0..n).fold(1.0, |product, _| product * x)
}
