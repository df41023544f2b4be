//! Against f64, on every level of the machine.

use super::*;
use crate::{level::Level, vector::Element};

/// `|got - wanted|` in units in the last place of `wanted` as f32.
fn units(got: f32, wanted: f64) -> f64 {
    if wanted.abs() > f64::from(f32::MAX) {
        return if f64::from(got) == wanted || got.is_infinite() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let size = (wanted.abs() as f32).max(f32::MIN_POSITIVE);
    let unit = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
    (f64::from(got) - wanted).abs() / unit
}

/// The tail of a normal distribution beyond `x`, which must not be negative.
fn tail(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    if z < 2.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..80 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 0.5 - sum / std::f64::consts::PI.sqrt();
    }
    let fraction = (1..=120)
        .rev()
        .fold(0.0, |below, k| f64::from(k) / 2.0 / (z + below));
    (-z * z).exp() / (z + fraction) / std::f64::consts::PI.sqrt() / 2.0
}

fn exact_gelu(x: f64) -> f64 {
    if x < 0.0 {
        x * tail(-x)
    } else {
        x * (1.0 - tail(x))
    }
}

fn exact_gelu_tanh(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    x / (1.0 + (-2.0 * u).exp())
}

#[derive(Clone, Copy)]
struct Exponential;
#[derive(Clone, Copy)]
struct Share;

impl Function for Share {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        exp_share(vector, x)
    }
}

impl Function for Exponential {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        exp(vector, x)
    }
}

/// Numbers over the range that matters, more of them near zero.
fn sample(range: f32) -> Vec<f32> {
    let mut numbers: Vec<f32> = (-20_000..=20_000)
        .map(|i| {
            let share = i as f32 / 20_000.0;
            range * share * share.abs()
        })
        .collect();
    numbers.extend((-2_000..=2_000).map(|i| range * i as f32 / 2_000.0));
    numbers
}

/// The largest error of a function over a sample, and where.
fn worst(x: &[f32], function: impl Fn(&mut [f32]), exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let mut got = x.to_vec();
    function(&mut got);
    x.iter()
        .zip(got)
        .map(|(x, got)| (units(got, exact(f64::from(*x))), *x))
        .fold(
            (0.0, 0.0),
            |worst, one| if one.0 > worst.0 { one } else { worst },
        )
}

#[test]
fn the_exponential_is_within_two_units() {
    for level in Level::available() {
        let found = level.force(|| {
            worst(
                &sample(103.0),
                |x| {
                    dispatch(Each {
                        x,
                        function: Exponential,
                    });
                },
                f64::exp,
            )
        });
        assert!(found.0 <= 2.0, "{level:?}: {found:?}");
        let shares: Vec<f32> = sample(87.0).into_iter().filter(|x| *x <= 0.0).collect();
        let of = |x: &mut [f32]| dispatch(Each { x, function: Share });
        let found = level.force(|| worst(&shares, of, f64::exp));
        assert!(found.0 <= 2.0, "{level:?}: {found:?}");
        let mut shares = [f32::NEG_INFINITY, -88.0, 1e-6, f32::NAN];
        level.force(|| of(&mut shares));
        assert_eq!(shares[..3], [0.0, 0.0, 1.000_001]);
        assert!(shares[3].is_nan());
        let mut ends = [
            f32::NEG_INFINITY,
            -200.0,
            0.0,
            -0.0,
            89.0,
            f32::INFINITY,
            f32::NAN,
        ];
        level.force(|| {
            dispatch(Each {
                x: &mut ends,
                function: Exponential,
            });
        });
        assert_eq!(
            ends[..6],
            [0.0, 0.0, 1.0, 1.0, f32::INFINITY, f32::INFINITY]
        );
        assert!(ends[6].is_nan());
    }
}

#[test]
fn activations_are_within_a_few_units_over_the_whole_range() {
    let exact_cap = |x: f64| 30.0 * (x / 30.0).tanh();
    for level in Level::available() {
        // Without a fused product the square of a large number loses more; its bell is tiny there.
        let fused = level != Level::SCALAR;
        level.force(|| {
            let found = worst(&sample(80.0), silu, |x| x / (1.0 + (-x).exp()));
            assert!(found.0 <= 4.0, "silu, {level:?}: {found:?}");
            let found = worst(&sample(60.0), tanh, f64::tanh);
            assert!(found.0 <= 4.0, "tanh, {level:?}: {found:?}");
            let found = worst(&sample(200.0), |x| cap(x, 30.0), exact_cap);
            assert!(found.0 <= 6.0, "cap, {level:?}: {found:?}");
            let found = worst(&sample(if fused { 12.0 } else { 3.0 }), gelu, exact_gelu);
            assert!(found.0 <= 16.0, "gelu, {level:?}: {found:?}");
            let found = worst(&sample(3.0), gelu_tanh, exact_gelu_tanh);
            assert!(found.0 <= 24.0, "gelu_tanh, {level:?}: {found:?}");
            for (function, exact) in [
                (gelu as fn(&mut [f32]), exact_gelu as fn(f64) -> f64),
                (gelu_tanh, exact_gelu_tanh),
            ] {
                let x = sample(20.0);
                let mut got = x.clone();
                function(&mut got);
                for (x, got) in x.iter().zip(got) {
                    let wanted = exact(f64::from(*x));
                    let error = (f64::from(got) - wanted).abs();
                    assert!(
                        error <= 4e-7 * wanted.abs().max(1.0),
                        "{level:?}: {x} {got} {wanted}"
                    );
                }
            }
        });
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for level in Level::available() {
        level.force(|| {
            for function in [silu, gelu, gelu_tanh, tanh] {
                let mut x = [1.0, f32::NAN, -1.0];
                function(&mut x);
                assert!(
                    x[1].is_nan() && !x[0].is_nan() && !x[2].is_nan(),
                    "{level:?}: {x:?}"
                );
            }
        });
    }
}

#[test]
fn a_number_gives_the_same_wherever_it_stands() {
    let x: Vec<f32> = (0..101).map(|i| (i as f32 * 0.37).sin() * 5.0).collect();
    for level in Level::available() {
        level.force(|| {
            for activation in [Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
                let mut whole = x.clone();
                activation.apply(&mut whole);
                for from in [0, 1, 5, 96, 101] {
                    let mut piece = x[from..].to_vec();
                    activation.apply(&mut piece);
                    assert_eq!(piece, whole[from..], "{level:?}");
                }
            }
        });
    }
}

#[test]
fn a_gate_multiplies_what_goes_up_row_by_row_on_any_team() {
    for width in [1, 8, 13, 48, 4864] {
        let rows = 5;
        let gate_up: Vec<f32> = (0..2 * width * rows)
            .map(|i| (i as f32 * 0.7).sin() * 3.0)
            .collect();
        for activation in [Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
            let mut wanted = Vec::new();
            for row in gate_up.chunks_exact(2 * width) {
                let (gate, up) = row.split_at(width);
                let mut gate = gate.to_vec();
                activation.apply(&mut gate);
                wanted.extend(gate.iter().zip(up).map(|(gate, up)| gate * up));
            }
            for threads in [1, 3] {
                let mut got = vec![0.0; width * rows];
                gated_rows(&Team::new(threads), activation, &gate_up, width, &mut got);
                assert_eq!(got, wanted);
            }
        }
    }
}

#[test]
fn functions_of_all_numbers_are_the_same_on_any_team() {
    let x: Vec<f32> = (0..20_011)
        .map(|i| (i as f32 * 0.11).sin() * 40.0)
        .collect();
    let mut alone = x.clone();
    cap(&mut alone, 30.0);
    gelu(&mut alone);
    for threads in [1, 2, 5] {
        let team = Team::new(threads);
        let mut shared = x.clone();
        cap_rows(&team, &mut shared, 30.0);
        apply_rows(&team, Activation::Gelu, &mut shared);
        assert_eq!(shared, alone);
    }
}

/// Reads with the set's own widening.
struct Read<'a, E>(&'a [E]);

impl<E: Element> Kernel for Read<'_, E> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) -> Vec<f32> {
        let mut numbers = vec![0.0; self.0.len()];
        for (into, from) in numbers
            .chunks_exact_mut(V::LANES)
            .zip(self.0.chunks_exact(V::LANES))
        {
            #[expect(unsafe_code, reason = "the chunk is as long as a register")]
            // SAFETY: as the reason says.
            let value = unsafe { E::load(vector, from.as_ptr()) };
            vector.put(into, value);
        }
        numbers
    }
}

#[test]
fn every_half_number_is_widened_exactly() {
    let bits: Vec<u16> = (0..=u16::MAX).collect();
    let bf16s: Vec<half::bf16> = bits
        .iter()
        .map(|&bits| half::bf16::from_bits(bits))
        .collect();
    let f16s: Vec<half::f16> = bits
        .iter()
        .map(|&bits| half::f16::from_bits(bits))
        .collect();
    for level in Level::available() {
        let (wide_bf16, wide_f16) = level.force(|| (dispatch(Read(&bf16s)), dispatch(Read(&f16s))));
        for at in 0..bits.len() {
            let pairs = [
                (wide_bf16[at], bf16s[at].to_f32()),
                (wide_f16[at], f16s[at].to_f32()),
            ];
            for (got, wanted) in pairs {
                assert!(
                    got.to_bits() == wanted.to_bits() || (got.is_nan() && wanted.is_nan()),
                    "{level:?}: {at:#x}"
                );
            }
        }
    }
}
