//! The normal distribution and its inverse, alike on every machine: `libm` and plain arithmetic, nothing of the platform.

/// Probability below `z`.
pub fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}

/// The point with probability `p` below it, 0 < p < 1. Relative error about 1e-16: Wichura, "Algorithm AS 241: The
/// percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if libm::fabs(q) <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(r, &MIDDLE);
    }
    let r = libm::sqrt(-libm::log(if q < 0.0 { p } else { 1.0 - p }));
    let z = if r <= 5.0 { ratio(r - 1.6, &TAIL) } else { ratio(r - 5.0, &FAR_TAIL) };
    if q < 0.0 { -z } else { z }
}

/// Coefficients of a rational function, lowest power first: above, below.
type Rational = [[f64; 8]; 2];

fn ratio(r: f64, rational: &Rational) -> f64 {
    let [above, below] = rational.map(|row| row.into_iter().rev().fold(0.0, |sum, c| sum * r + c));
    above / below
}

const MIDDLE: Rational = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_854e3,
    ],
];

const TAIL: Rational = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];

const FAR_TAIL: Rational = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::{below, quantile};

    /// Values of Python's `statistics.NormalDist().inv_cdf`.
    #[test]
    fn the_inverse_is_right_in_every_branch() {
        for (p, z) in INVERSE {
            let error = libm::fabs(quantile(p) - z);
            assert!(error <= 4e-15 * libm::fabs(z).max(1.0), "{p}: {} for {z}", quantile(p));
        }
        for p in [1e-9, 0.02, 0.3, 0.5, 0.9, 0.9999] {
            assert!(libm::fabs(below(quantile(p)) - p) < 1e-13, "{p}");
        }
    }

    const INVERSE: [(f64, f64); 7] = [
        (1e-15, -7.941345326170995),
        (1e-09, -5.9978070150076865),
        (0.02, -2.0537489106318225),
        (0.3, -0.5244005127080407),
        (0.6, 0.2533471031357998),
        (0.95, 1.6448536269514715),
        (0.999999, 4.753424308817089),
    ];
}
