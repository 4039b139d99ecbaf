//! How far a Sharpe ratio may be luck: probabilistic and deflated Sharpe ratios (Bailey, Lopez de Prado: "The Sharpe
//! ratio efficient frontier", 2012; "The deflated Sharpe ratio", 2014).
//!
//! PSR(SR*) = Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1)/4 SR^2)), with SR the ratio of one period, mean
//! over standard deviation (ddof 1), n periods, and g3, g4 the biased skewness and (non-excess) kurtosis. DSR is PSR
//! at SR* = sqrt(V) [(1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e))], the Sharpe ratio to be expected of the best of
//! N trials that are worth nothing: V is the variance (ddof 1) of the trials' ratios, g the Euler-Mascheroni
//! constant.
//!
//! Invariants: what cannot be had is a reason, never NaN or infinity; transcendental functions are `libm`'s, alike on
//! every machine. Cost: microseconds.

/// The Euler-Mascheroni constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// The moments of a series of profits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Periods.
    pub count: usize,
    /// Mean over standard deviation (ddof 1): the Sharpe ratio of one period.
    pub sharpe: f64,
    /// Biased skewness.
    pub skewness: f64,
    /// Biased kurtosis, 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Moments {
    /// Takes the moments of daily profits in one unit of money, whichever: all of them are free of it.
    ///
    /// # Errors
    /// Why there is no Sharpe ratio.
    pub fn of(profits: &[i64]) -> Result<Moments, &'static str> {
        if profits.len() < 2 {
            return Err("fewer than 2 trading days");
        }
        if profits.iter().all(|profit| *profit == profits[0]) {
            return Err("daily profit does not vary");
        }
        let count = profits.len() as f64;
        let mean = profits.iter().map(|&profit| profit as f64).sum::<f64>() / count;
        let power = |exponent: u32| {
            let power = |&profit: &i64| {
                let off = profit as f64 - mean;
                (1..exponent).fold(off, |product, _| product * off)
            };
            profits.iter().map(power).sum::<f64>()
        };
        let (second, third, fourth) = (power(2), power(3) / count, power(4) / count);
        let variance = second / count;
        Ok(Moments {
            count: profits.len(),
            sharpe: mean / libm::sqrt(second / (count - 1.0)),
            skewness: third / (variance * libm::sqrt(variance)),
            kurtosis: fourth / (variance * variance),
        })
    }

    /// Probability that the true Sharpe ratio of a period lies above `benchmark`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn probabilistic(&self, benchmark: f64) -> Result<f64, &'static str> {
        let sharpe = self.sharpe;
        let spread = 1.0 - self.skewness * sharpe + (self.kurtosis - 1.0) / 4.0 * sharpe * sharpe;
        if spread <= 0.0 {
            return Err("the daily profits are too skewed for an error of the Sharpe ratio");
        }
        let root = libm::sqrt(self.count as f64 - 1.0);
        Ok(below((sharpe - benchmark) * root / libm::sqrt(spread)))
    }
}

/// The Sharpe ratio of one period to be expected of the best of so many trials that are worth nothing, whose ratios
/// vary by `variance`. The number need not be whole.
///
/// # Errors
/// Why there is none.
pub fn expected_best(variance: f64, trials: f64) -> Result<f64, &'static str> {
    if trials < 2.0 {
        return Err("fewer than 2 trials");
    }
    let best = (1.0 - EULER_GAMMA) * above(1.0 / trials)
        + EULER_GAMMA * above(1.0 / (trials * std::f64::consts::E));
    Ok(libm::sqrt(variance) * best)
}

/// Variance (ddof 1).
///
/// # Errors
/// Why there is none.
pub fn variance(values: &[f64]) -> Result<f64, &'static str> {
    if values.len() < 2 {
        return Err("fewer than 2 trials with a Sharpe ratio");
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    Ok(values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0))
}

/// Mean correlation of the trials' daily profits, and the number of independent trials that it leaves of them:
/// r + (1 - r) N, with r held to 0..1 (Bailey, Lopez de Prado 2014, appendix 3). The trials must share their days.
///
/// # Errors
/// Why there is none.
pub fn independent(trials: &[&[i64]]) -> Result<(f64, f64), &'static str> {
    let days = trials.first().map_or(0, |trial| trial.len());
    if trials.len() < 2 {
        return Err("fewer than 2 trials with a Sharpe ratio");
    }
    // The variance of the sum of N standardised series is N + N (N - 1) r.
    let mut sum = vec![0.0; days];
    for trial in trials {
        let count = days as f64;
        let mean = trial.iter().map(|&profit| profit as f64).sum::<f64>() / count;
        let square = |&profit: &i64| (profit as f64 - mean) * (profit as f64 - mean);
        let deviation = libm::sqrt(trial.iter().map(square).sum::<f64>() / count);
        for (sum, &profit) in sum.iter_mut().zip(*trial) {
            *sum += (profit as f64 - mean) / deviation;
        }
    }
    let count = trials.len() as f64;
    let spread = sum.iter().map(|value| value * value).sum::<f64>() / days as f64;
    let correlation = (spread - count) / (count * (count - 1.0));
    let held = correlation.clamp(0.0, 1.0);
    Ok((correlation, held + (1.0 - held) * count))
}

/// Probability of a standard normal variable below `z`.
fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The point with probability `p` above it, 0 < p < 1, by halving: it is asked for a few times a sweep.
fn above(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if below(-middle) > p { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Daily returns in per mille of a per cent, whose figures public libraries agree on.
    const GOLDEN: [i64; 10] = [1_000, -2_000, 1_500, 0, -500, 3_000, -1_200, 400, 900, -3_000];

    /// Equal to as many decimals as are known.
    fn is_near(found: f64, expected: f64, decimals: i32) {
        assert!(
            (found - expected).abs() <= 0.51 * 10_f64.powi(-decimals),
            "{found} for {expected}"
        );
    }

    #[test]
    fn the_golden_vector_gives_the_known_figures() {
        let moments = Moments::of(&GOLDEN).unwrap();
        is_near(moments.sharpe * 252_f64.sqrt(), 0.090_146_607_5, 10);
        is_near(moments.skewness, -0.118_440_985, 9);
        is_near(moments.kurtosis, 2.401_867_967, 9);
        is_near(moments.probabilistic(0.0).unwrap(), 0.506_793_77, 8);
        let benchmark = expected_best(0.01, 100.0).unwrap();
        is_near(moments.probabilistic(benchmark).unwrap(), 0.229_076_654_2, 10);
    }

    #[test]
    fn the_best_of_many_is_as_good_as_published() {
        for (trials, expected) in [(10.0, 1.575), (100.0, 2.531), (1e3, 3.255), (1e4, 3.861)] {
            is_near(expected_best(1.0, trials).unwrap(), expected, 3);
        }
    }

    /// Values of Python's `statistics.NormalDist().inv_cdf`.
    #[test]
    fn the_inverse_is_right_in_both_tails() {
        for (p, z) in [
            (1e-15, 7.941_345_326_170_995),
            (1e-9, 5.997_807_015_007_686_5),
            (0.02, 2.053_748_910_631_822_5),
            (0.5, 0.0),
            (0.95, -1.644_853_626_951_471_5),
        ] {
            assert!((above(p) - z).abs() < 1e-13 * z.abs().max(1.0), "{p}: {} for {z}", above(p));
        }
    }

    #[test]
    fn what_cannot_be_had_has_a_reason() {
        assert_eq!(Moments::of(&[5]).unwrap_err(), "fewer than 2 trading days");
        assert_eq!(Moments::of(&[5, 5, 5]).unwrap_err(), "daily profit does not vary");
        assert!(expected_best(0.1, 1.0).is_err());
        assert!(variance(&[0.5]).is_err());
        let steep = Moments { count: 9, sharpe: 2.0, skewness: 2.0, kurtosis: 3.0 };
        assert!(steep.probabilistic(0.0).is_err());
    }

    #[test]
    fn trials_that_go_together_are_fewer() {
        let (up, down): ([i64; 4], [i64; 4]) = ([1, 2, 3, 5], [-1, -2, -3, -5]);
        let (correlation, count) = independent(&[&up, &up, &up]).unwrap();
        assert!((correlation - 1.0).abs() < 1e-12 && (count - 1.0).abs() < 1e-12);
        let (correlation, count) = independent(&[&up, &down]).unwrap();
        assert!((correlation + 1.0).abs() < 1e-12 && (count - 2.0).abs() < 1e-12);
        let (a, b): ([i64; 4], [i64; 4]) = ([1, -1, 1, -1], [1, 1, -1, -1]);
        assert!((independent(&[&a, &b]).unwrap().1 - 2.0).abs() < 1e-12);
    }
}
