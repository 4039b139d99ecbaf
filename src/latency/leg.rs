//! How long one message takes.
//!
//! Invariants: every answer lies in 0 to `LATENCY_NS_MAX`, whatever the parameters (the run's window must be bounded); it
//! is a function of (bits, time) alone, and grows with the bits, so bits are a rank among all possible answers. Units: ns.

use super::draw::unit;
use super::{is_bounded, normal};
use crate::wire::limits::LATENCY_NS_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

/// One leg's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Always the same.
    Constant(i64),
    /// Anything between two bounds, equally likely.
    Uniform {
        /// Shortest.
        min_ns: i64,
        /// Longest.
        max_ns: i64,
    },
    /// A normal distribution cut off at both bounds (not piled up at them).
    Normal {
        /// Mean before the cut.
        mean_ns: i64,
        /// Standard deviation before the cut, above 0.
        sd_ns: i64,
        /// Shortest.
        min_ns: i64,
        /// Longest.
        max_ns: i64,
    },
    /// A floor, and a lognormal distribution above it, cut off at the longest.
    LogNormal {
        /// Nothing is faster.
        floor_ns: i64,
        /// Half of all messages take less, before the cut; above the floor.
        median_ns: i64,
        /// Standard deviation of the logarithm, 1e-6.
        sigma_e6: i64,
        /// Longest.
        max_ns: i64,
    },
    /// Measured quantiles, straight lines between them; the first one is the shortest and the last the longest.
    Quantiles(Vec<Quantile>),
    /// Recorded latencies: (time, ns), rising in time. Each holds until the next; the first one also before its time.
    Replay(Vec<(i64, i64)>),
    /// Another leg by time of day: (ns of the local day from which it holds, leg), rising. Before the first, the last holds.
    TimeOfDay {
        /// Local time is UTC plus this.
        utc_offset_ns: i64,
        /// The legs.
        legs: Vec<(i64, Leg)>,
    },
}

/// One measured quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile {
    /// Share of messages that take at most this long, millionths.
    pub ppm: u32,
    /// How long.
    pub ns: i64,
}

/// Length of a day, ns.
const DAY_NS: i64 = 86_400_000_000_000;

impl Leg {
    /// What keeps the leg from being used.
    pub fn fault(&self) -> Option<String> {
        let range = |min: i64, max: i64| {
            let ok = is_bounded(min) && is_bounded(max) && min <= max;
            (!ok).then(|| format!("{min} to {max} ns is not a range within 0 to one hour"))
        };
        match self {
            Leg::Constant(ns) => (!is_bounded(*ns)).then(|| "negative or above one hour".into()),
            Leg::Uniform { min_ns, max_ns } => range(*min_ns, *max_ns),
            Leg::Normal { mean_ns, sd_ns, min_ns, max_ns } => {
                let near = is_bounded(*mean_ns) && is_bounded(*sd_ns) && *sd_ns > 0;
                let text = "mean and deviation lie within one hour, the deviation above 0";
                range(*min_ns, *max_ns).or((!near).then(|| text.into()))
            }
            Leg::LogNormal { floor_ns, median_ns, sigma_e6, max_ns } => {
                let text = "the median lies above the floor, and sigma within 0 to 10";
                let near = floor_ns < median_ns && (0..=10_000_000).contains(sigma_e6);
                range(*floor_ns, *max_ns)
                    .or_else(|| range(*median_ns, *max_ns))
                    .or((!near).then(|| text.into()))
            }
            Leg::Quantiles(points) => {
                let rising = points.windows(2).all(|w| w[0].ppm < w[1].ppm && w[0].ns <= w[1].ns);
                let ok = rising
                    && !points.is_empty()
                    && points.iter().all(|q| q.ppm <= 1_000_000 && is_bounded(q.ns));
                (!ok).then(|| "quantiles rise, in share and in time, within one hour".into())
            }
            Leg::Replay(pairs) => {
                let rising = pairs.windows(2).all(|w| w[0].0 < w[1].0);
                let ok = rising && !pairs.is_empty() && pairs.iter().all(|p| is_bounded(p.1));
                (!ok).then(|| "recorded latencies rise in time and lie within one hour".into())
            }
            Leg::TimeOfDay { utc_offset_ns, legs } => {
                let rising = legs.windows(2).all(|w| w[0].0 < w[1].0);
                let within = legs.iter().all(|(from, _)| (0..DAY_NS).contains(from));
                let flat = legs.iter().all(|(_, leg)| !matches!(leg, Leg::TimeOfDay { .. }));
                let near = (-DAY_NS..=DAY_NS).contains(utc_offset_ns);
                if !(rising && within && flat && near && !legs.is_empty()) {
                    return Some("times of day rise within one day, each with a plain leg".into());
                }
                legs.iter().find_map(|(_, leg)| leg.fault())
            }
        }
    }

    /// How long a message of `ts_ns` takes; `bits` are its own draw, made only if one is needed.
    #[inline]
    pub fn ns(&self, ts_ns: i64, bits: impl FnOnce() -> u64) -> i64 {
        match self {
            Leg::Constant(ns) => *ns,
            other => other.drawn_ns(ts_ns, bits()),
        }
    }

    fn drawn_ns(&self, ts_ns: i64, bits: u64) -> i64 {
        match self {
            Leg::Constant(ns) => *ns,
            Leg::Uniform { min_ns, max_ns } => min_ns + share(bits, max_ns - min_ns + 1),
            Leg::Normal { mean_ns, sd_ns, min_ns, max_ns } => {
                let (mean, sd) = (*mean_ns as f64, *sd_ns as f64);
                let z = |ns: i64| (ns as f64 - mean) / sd;
                let (low, high) = (normal::below(z(*min_ns)), normal::below(z(*max_ns)));
                let p = low + unit(bits) * (high - low);
                rounded(mean + sd * inner(p), *min_ns, *max_ns)
            }
            Leg::LogNormal { floor_ns, median_ns, sigma_e6, max_ns } => {
                let sigma = *sigma_e6 as f64 * 1e-6;
                let (floor, scale) = (*floor_ns as f64, (*median_ns - *floor_ns) as f64);
                let cut = if *sigma_e6 == 0 || max_ns == median_ns {
                    1.0
                } else {
                    normal::below(libm::log((*max_ns as f64 - floor) / scale) / sigma)
                };
                let z = inner(unit(bits) * cut);
                rounded(floor + scale * libm::exp(sigma * z), *floor_ns, *max_ns)
            }
            Leg::Quantiles(points) => between(points, bits),
            Leg::Replay(pairs) => {
                let after = pairs.partition_point(|(from_ns, _)| *from_ns <= ts_ns);
                pairs[after.saturating_sub(1)].1
            }
            Leg::TimeOfDay { utc_offset_ns, legs } => {
                let clock_ns = (ts_ns.saturating_add(*utc_offset_ns)).rem_euclid(DAY_NS);
                let after = legs.partition_point(|(from_ns, _)| *from_ns <= clock_ns);
                let index = if after == 0 { legs.len() - 1 } else { after - 1 };
                legs[index].1.drawn_ns(ts_ns, bits)
            }
        }
    }

    /// Quantiles at 5 % steps of what this leg answers at `ts_ns`, for tables and for tests.
    pub fn profile(&self, ts_ns: i64) -> Vec<Quantile> {
        let mut points = vec![];
        for ppm in (0..=1_000_000_u32).step_by(50_000) {
            let bits = (u128::from(ppm) * u128::from(u64::MAX) / 1_000_000) as u64;
            points.push(Quantile { ppm, ns: self.ns(ts_ns, || bits) });
        }
        points
    }
}

/// `bits` as a whole number from 0 to `count - 1`.
fn share(bits: u64, count: i64) -> i64 {
    ((u128::from(bits) * count as u128) >> 64) as i64
}

/// The normal quantile of a probability that rounding may have put onto 0 or 1.
fn inner(p: f64) -> f64 {
    normal::quantile(p.clamp(1e-300, 1.0 - f64::EPSILON / 2.0))
}

fn rounded(ns: f64, min_ns: i64, max_ns: i64) -> i64 {
    // A float beyond 64 bits becomes the nearest bound by `as`, and then the nearest one of the leg.
    (libm::round(ns) as i64).clamp(min_ns, max_ns)
}

fn between(points: &[Quantile], bits: u64) -> i64 {
    // Millionths of the whole, times 2^44, so that the line between two points is followed finely.
    let at = (u128::from(bits) * 1_000_000) >> 20;
    let below = points.partition_point(|q| (u128::from(q.ppm) << 44) <= at);
    let (Some(low), Some(high)) = (points.get(below.wrapping_sub(1)), points.get(below)) else {
        return points[below.min(points.len() - 1)].ns;
    };
    let span = u128::from(high.ppm - low.ppm) << 44;
    let done = at - (u128::from(low.ppm) << 44);
    low.ns + ((high.ns - low.ns) as u128 * done / span) as i64
}

const _: () = assert!(LATENCY_NS_MAX < 1 << 52, "a latency is exact as a float");
