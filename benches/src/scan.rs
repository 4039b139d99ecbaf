//! What memory gives: the best of several ways to read a slice once, which is the limit of any replay over it.
//!
//! Cost: that of reading. The ways: a plain sum, a sum in AVX2 registers, one load a cache line with a prefetch ahead.

use std::hint::black_box;

/// The ways to read.
pub const WAYS: &[fn(&[u64]) -> u64] = &[
    plain,
    #[cfg(target_arch = "x86_64")]
    vector,
    #[cfg(target_arch = "x86_64")]
    lines,
];

/// Rows as words.
pub fn words<T: Copy>(rows: &[T]) -> &[u64] {
    assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() >= 8, "rows are whole words");
    // SAFETY: events and depth rows are integers without padding, aligned to more than a word.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows) / 8) }
}

/// Reads the slice once, in one of the [`WAYS`].
pub fn read(way: usize, words: &[u64]) {
    black_box(WAYS[way](black_box(words)));
}

fn plain(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

#[cfg(target_arch = "x86_64")]
fn vector(words: &[u64]) -> u64 {
    if !std::is_x86_feature_detected!("avx2") {
        return plain(words);
    }
    // SAFETY: the feature is there.
    unsafe { vector_avx2(words) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn vector_avx2(words: &[u64]) -> u64 {
    use core::arch::x86_64::*;
    let mut sums = [_mm256_setzero_si256(); 4];
    let (blocks, rest) = words.as_chunks::<16>();
    for block in blocks {
        let at: *const __m256i = block.as_ptr().cast();
        _mm_prefetch(at.wrapping_byte_add(1_024).cast(), _MM_HINT_T0);
        for (n, sum) in sums.iter_mut().enumerate() {
            // SAFETY: a block is four vectors.
            *sum = _mm256_add_epi64(*sum, unsafe { _mm256_loadu_si256(at.add(n)) });
        }
    }
    let sum =
        _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3]));
    let mut parts = [0_u64; 4];
    // SAFETY: four words are one vector.
    unsafe { _mm256_storeu_si256(parts.as_mut_ptr().cast(), sum) };
    parts.iter().fold(plain(rest), |sum, part| sum.wrapping_add(*part))
}

#[cfg(target_arch = "x86_64")]
fn lines(words: &[u64]) -> u64 {
    use core::arch::x86_64::*;
    let mut sum = 0_u64;
    for line in words.chunks(8) {
        // SAFETY: a prefetch may point anywhere.
        unsafe { _mm_prefetch(line.as_ptr().wrapping_add(128).cast(), _MM_HINT_T0) };
        sum = sum.wrapping_add(line[0]);
    }
    sum
}
