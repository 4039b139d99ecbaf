//! Counter-based random numbers: splitmix64, the n-th draw is a pure function of (seed, n).
//!
//! Invariants: the stream equals the published splitmix64 reference (pinned by a test), so a tape
//! made on one machine is the tape made on every machine. Floats use only exact operations and
//! `libm`, never the platform's own logarithm. Cost: about 1 ns a draw, 10 ns an exponential.

/// The odd constant that splitmix64 adds to its state at every step: 2^64 / golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A seeded stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    seed: u64,
    draws: u64,
}

impl Rng {
    /// A stream at its first draw.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(1);
        let mut z = self.seed.wrapping_add(self.draws.wrapping_mul(GOLDEN));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number in `0..bound`; 0 when `bound` is 0. The bias is below `bound` / 2^64.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// `true` with a probability of `ppm` parts in a million.
    #[inline]
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// An exponential draw of mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of Vigna's reference `splitmix64.c`.
    #[test]
    fn stream_equals_the_published_vectors() {
        let mut zero = Rng::new(0);
        let first = [zero.next_u64(), zero.next_u64(), zero.next_u64()];
        assert_eq!(first, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
        let mut other = Rng::new(1_234_567);
        assert_eq!(other.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(other.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn floats_are_pinned_bit_for_bit() {
        let mut rng = Rng::new(7);
        let bits: Vec<u64> = (0..3).map(|_| rng.exponential().to_bits()).collect();
        assert_eq!(bits, PINNED);
    }

    /// `-ln(1 - u)` of the first draws of seed 7, as `libm` computes it.
    const PINNED: [u64; 3] =
        [4_602_571_043_705_754_258, 4_580_537_196_675_857_683, 4_612_384_573_968_689_798];

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut rng = Rng::new(1);
        let mut seen = [0u32; 5];
        for _ in 0..5_000 {
            seen[rng.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }
}
