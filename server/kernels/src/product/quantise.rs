//! Groups of 32 numbers of a row as integers from -127 to 127.

#![expect(
    unsafe_code,
    reason = "integers are written through pointers, and one of the two ways has instructions of one processor"
)]

use crate::format::GROUP;

/// Turns a group of numbers to integers.
pub(super) trait Quantise {
    /// Writes 32 bytes; gives the scale and the sum of the integers.
    ///
    /// # Safety
    ///
    /// The pointer reaches that far, and the processor has the implementor's instructions.
    unsafe fn bytes(numbers: &[f32; GROUP], into: *mut i8) -> (f32, i32);

    /// Writes 32 words; of each four the first and third come before the second and fourth.
    ///
    /// # Safety
    ///
    /// As above.
    unsafe fn words(numbers: &[f32; GROUP], into: *mut i16) -> (f32, i32);
}

/// With what every processor has.
pub(super) struct Plain;

impl Quantise for Plain {
    #[inline(always)]
    unsafe fn bytes(numbers: &[f32; GROUP], into: *mut i8) -> (f32, i32) {
        let (scale, steps) = quantise(numbers);
        // SAFETY: the trait's.
        unsafe {
            into.cast::<[i8; GROUP]>()
                .write_unaligned(steps.map(|step| step as i8));
        };
        (scale, steps.iter().sum())
    }

    #[inline(always)]
    unsafe fn words(numbers: &[f32; GROUP], into: *mut i16) -> (f32, i32) {
        let (scale, steps) = quantise(numbers);
        let mut words = [[0; 4]; GROUP / 4];
        for (words, steps) in words.iter_mut().zip(steps.as_chunks::<4>().0) {
            *words = [steps[0], steps[2], steps[1], steps[3]].map(|step| step as i16);
        }
        // SAFETY: the trait's.
        unsafe { into.cast::<[[i16; 4]; GROUP / 4]>().write_unaligned(words) };
        (scale, steps.iter().sum())
    }
}

/// The scale of a group and its numbers in steps of it.
#[inline(always)]
fn quantise(numbers: &[f32; GROUP]) -> (f32, [i32; GROUP]) {
    // As integers the bits of what is not finite are the largest, so that is not lost.
    let mut largest = 0;
    for number in numbers {
        largest = largest.max(number.to_bits() & 0x7fff_ffff);
    }
    let (scale, inverse) = scale(f32::from_bits(largest));
    let mut steps = [0; GROUP];
    // A scale that is NaN decides for itself.
    if !inverse.is_nan() {
        for (step, number) in steps.iter_mut().zip(numbers) {
            *step = (number * inverse).round_ties_even() as i32;
        }
    }
    (scale, steps)
}

/// The scale for the largest number of a group, and by what to multiply to get steps of it.
#[inline(always)]
fn scale(largest: f32) -> (f32, f32) {
    if !largest.is_finite() {
        return (f32::NAN, f32::NAN);
    }
    // So small that its inverse is beyond f32: nothing of it would be seen in a sum.
    if largest < 1e-36 {
        return (0.0, 0.0);
    }
    (largest / 127.0, 127.0 / largest)
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    use std::arch::x86_64::*;

    use super::{GROUP, Quantise};

    /// Eight numbers at a time.
    pub(in crate::product) struct Avx2;

    impl Quantise for Avx2 {
        #[inline(always)]
        unsafe fn bytes(numbers: &[f32; GROUP], into: *mut i8) -> (f32, i32) {
            // SAFETY: the trait's.
            unsafe {
                let (scale, steps, sum) = quantise(numbers);
                let low = _mm256_packs_epi32(steps[0], steps[1]);
                let high = _mm256_packs_epi32(steps[2], steps[3]);
                // Packing goes by halves of a vector; this puts the quarters back in order.
                let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
                let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
                _mm256_storeu_si256(into.cast(), bytes);
                (scale, sum)
            }
        }

        #[inline(always)]
        unsafe fn words(numbers: &[f32; GROUP], into: *mut i16) -> (f32, i32) {
            // SAFETY: the trait's.
            unsafe {
                let (scale, steps, sum) = quantise(numbers);
                for half in 0..2 {
                    let words = _mm256_packs_epi32(steps[half * 2], steps[half * 2 + 1]);
                    let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
                    let words = _mm256_shufflelo_epi16::<0b11_01_10_00>(words);
                    let words = _mm256_shufflehi_epi16::<0b11_01_10_00>(words);
                    _mm256_storeu_si256(into.add(half * 16).cast(), words);
                }
                (scale, sum)
            }
        }
    }

    /// As [`super::quantise`], with the sum.
    #[inline(always)]
    unsafe fn quantise(numbers: &[f32; GROUP]) -> (f32, [__m256i; 4], i32) {
        // SAFETY: the trait's.
        unsafe {
            let magnitude = _mm256_set1_epi32(0x7fff_ffff);
            let mut vectors = [_mm256_setzero_ps(); 4];
            let mut largest = _mm256_setzero_si256();
            for (part, vector) in vectors.iter_mut().enumerate() {
                *vector = _mm256_loadu_ps(numbers.as_ptr().add(part * 8));
                let bits = _mm256_and_si256(_mm256_castps_si256(*vector), magnitude);
                largest = _mm256_max_epi32(largest, bits);
            }
            let half = _mm_max_epi32(
                _mm256_castsi256_si128(largest),
                _mm256_extracti128_si256::<1>(largest),
            );
            let half = _mm_max_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
            let half = _mm_max_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
            let (scale, inverse) = super::scale(f32::from_bits(_mm_cvtsi128_si32(half) as u32));
            let inverse = _mm256_set1_ps(inverse);
            let mut steps = [_mm256_setzero_si256(); 4];
            let mut sum = _mm256_setzero_si256();
            // A scale that is NaN decides for itself.
            let sane = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_ORD_Q>(inverse, inverse));
            for (vector, step) in vectors.into_iter().zip(&mut steps) {
                let nearest = _mm256_cvtps_epi32(_mm256_mul_ps(vector, inverse));
                *step = _mm256_and_si256(nearest, sane);
                sum = _mm256_add_epi32(sum, *step);
            }
            let half = _mm_add_epi32(
                _mm256_castsi256_si128(sum),
                _mm256_extracti128_si256::<1>(sum),
            );
            let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
            let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
            (scale, steps, _mm_cvtsi128_si32(half))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "x86_64")]
    use crate::level::{Isa, Level};

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_ways_to_integers_give_the_same() {
        if !matches!(Level::detected().isa(), Isa::Avx2 | Isa::Avx512) {
            return;
        }
        let mut state = 5_u32;
        for round in 0..2000 {
            let mut numbers = [0.0_f32; GROUP];
            for number in &mut numbers {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                *number = (state >> 8) as f32 / (1 << 22) as f32 - 2.0;
            }
            match round % 10 {
                7 => numbers[round % GROUP] = f32::NAN,
                8 => numbers[round % GROUP] = f32::NEG_INFINITY,
                9 => numbers = numbers.map(|number| number * 1e-37),
                _ => {}
            }
            let (mut plain, mut quick) = ([0_i8; GROUP], [0_i8; GROUP]);
            let (mut plain_words, mut quick_words) = ([0_i16; GROUP], [0_i16; GROUP]);
            // SAFETY: the arrays are as long as a group, and the processor was asked.
            let told = unsafe {
                [
                    Plain::bytes(&numbers, plain.as_mut_ptr()),
                    avx2::Avx2::bytes(&numbers, quick.as_mut_ptr()),
                    Plain::words(&numbers, plain_words.as_mut_ptr()),
                    avx2::Avx2::words(&numbers, quick_words.as_mut_ptr()),
                ]
            };
            assert_eq!((plain, plain_words), (quick, quick_words), "{numbers:?}");
            for (scale, sum) in told {
                assert_eq!((scale.to_bits(), sum), (told[0].0.to_bits(), told[0].1));
            }
        }
    }

    #[test]
    fn a_group_in_steps_is_the_nearest_and_keeps_what_is_not_finite() {
        let mut numbers = [0.0; GROUP];
        numbers[3] = -2.54;
        numbers[4] = 0.011;
        numbers[5] = 0.009;
        let (scale, steps) = quantise(&numbers);
        assert!((scale - 0.02).abs() < 1e-6);
        assert_eq!((steps[3], steps[4], steps[5], steps[6]), (-127, 1, 0, 0));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            numbers[7] = bad;
            assert!(quantise(&numbers).0.is_nan());
        }
        assert_eq!(quantise(&[1e-40; GROUP]), (0.0, [0; GROUP]));
    }
}
