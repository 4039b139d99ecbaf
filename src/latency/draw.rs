//! Random numbers by key: the same question always has the same answer.
//!
//! Invariant: a draw is a pure function of its words (law 11): the lane's seed, which leg, and what identifies the
//! message. There is no state to advance, so order of calls, threads and resume points cannot matter.

/// The feed leg, as the second word of a key.
pub const FEED: u64 = 1;
/// The entry leg.
pub const ENTRY: u64 = 2;
/// The response leg.
pub const RESPONSE: u64 = 3;

/// 64 random bits for these words. The finaliser is SplitMix64's (Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014), run over each word in turn. About 2 ns for four words.
#[inline]
pub fn draw(words: [u64; 4]) -> u64 {
    words.into_iter().fold(0x243F_6A88_85A3_08D3, |state, word| finalise(state ^ finalise(word)))
}

/// A name as a word: FNV-1a.
pub fn name_key(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// A draw as a number strictly between 0 and 1.
#[inline]
pub(super) fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

#[inline]
fn finalise(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
