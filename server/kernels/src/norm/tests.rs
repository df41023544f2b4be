//! Against f64, on every level of the machine.

use super::*;
use crate::level::Level;

const WIDTHS: [usize; 12] = [1, 2, 7, 8, 15, 16, 24, 33, 64, 80, 896, 1025];

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    (0..count)
        .map(|i| ((i as f32 + 1.0) * (seed as f32 + 0.37)).sin() * 4.0 + 0.5)
        .collect()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

fn near(got: &[f32], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let error = (f64::from(*got) - wanted).abs();
        assert!(
            error <= tolerance * wanted.abs().max(1.0),
            "{at}: {got} {wanted}"
        );
    }
}

fn exact_rms(x: &[f32], weight: &[f32], epsilon: f64) -> Vec<f64> {
    let x = wide(x);
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter()
        .zip(wide(weight))
        .map(|(x, w)| x / (mean + epsilon).sqrt() * w)
        .collect()
}

#[test]
fn rms_norm_is_what_it_says() {
    for level in Level::available() {
        for width in WIDTHS {
            let (x, weight) = (numbers(width, 1), numbers(width, 2));
            let mut out = vec![0.0; width];
            level.force(|| rms_norm(&x, &weight, 1e-6, &mut out));
            near(&out, &exact_rms(&x, &weight, 1e-6), 1e-6);
            let mut in_place = x.clone();
            level.force(|| rms_norm_in_place(&mut in_place, &weight, 1e-6));
            assert_eq!(in_place, out);
        }
    }
}

#[test]
fn layer_norm_is_what_it_says_even_far_from_zero() {
    for level in Level::available() {
        for width in WIDTHS {
            let x: Vec<f32> = numbers(width, 3).iter().map(|x| x + 100.0).collect();
            let (weight, bias) = (numbers(width, 4), numbers(width, 5));
            let mean = wide(&x).iter().sum::<f64>() / width as f64;
            let variance = wide(&x)
                .iter()
                .map(|x| (x - mean) * (x - mean))
                .sum::<f64>()
                / width as f64;
            for bias in [None, Some(&bias[..])] {
                let mut out = vec![0.0; width];
                level.force(|| layer_norm(&x, &weight, bias, 1e-5, &mut out));
                let wanted: Vec<f64> = (0..width)
                    .map(|i| {
                        (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(weight[i])
                            + bias.map_or(0.0, |bias| f64::from(bias[i]))
                    })
                    .collect();
                near(&out, &wanted, 1e-4);
            }
        }
    }
}

#[test]
fn shares_add_up_to_one_and_minus_infinity_has_none() {
    for level in Level::available() {
        for width in WIDTHS {
            let mut x = numbers(width, 6);
            x.push(f32::NEG_INFINITY);
            let sum: f64 = wide(&x).iter().map(|x| x.exp()).sum();
            let wanted: Vec<f64> = wide(&x).iter().map(|x| x.exp() / sum).collect();
            level.force(|| softmax(&mut x));
            near(&x, &wanted, 1e-6);
            assert_eq!(x[width], 0.0);
        }
        let mut large = [3e38, -3e38, 3e38];
        level.force(|| softmax(&mut large));
        assert_eq!(large, [0.5, 0.0, 0.5]);
        level.force(|| softmax(&mut []));
    }
}

#[test]
fn many_rows_give_what_each_gives_alone_on_any_team() {
    for width in [24, 896] {
        for rows in [1, 3, 40] {
            let (x, delta) = (numbers(width * rows, 7), numbers(width * rows, 8));
            let (weight, after) = (numbers(width, 9), numbers(width, 10));
            let mut wanted_norm = vec![0.0; width * rows];
            let mut wanted_layer = wanted_norm.clone();
            for row in 0..rows {
                let at = row * width..(row + 1) * width;
                rms_norm(&x[at.clone()], &weight, 1e-6, &mut wanted_norm[at.clone()]);
                layer_norm(
                    &x[at.clone()],
                    &weight,
                    Some(&after),
                    1e-6,
                    &mut wanted_layer[at],
                );
            }
            for threads in [1, 2, 5] {
                let team = Team::new(threads);
                let mut out = vec![0.0; width * rows];
                rms_norm_rows(&team, &x, &weight, 1e-6, &mut out);
                assert_eq!(out, wanted_norm);
                layer_norm_rows(&team, &x, &weight, Some(&after), 1e-6, &mut out);
                assert_eq!(out, wanted_layer);
                for after in [None, Some(&after[..])] {
                    let mut sum = x.clone();
                    add_rows(&team, &mut sum, &delta, after, width, 1e-6);
                    for row in 0..rows {
                        let at = row * width..(row + 1) * width;
                        let added = match after {
                            None => wide(&delta[at.clone()]),
                            Some(after) => exact_rms(&delta[at.clone()], after, 1e-6),
                        };
                        let wanted: Vec<f64> = added
                            .iter()
                            .zip(&x[at.clone()])
                            .map(|(d, x)| d + f64::from(*x))
                            .collect();
                        near(&sum[at], &wanted, 1e-6);
                    }
                    let mut x = x.clone();
                    add_rms_norm_rows(&team, &mut x, &delta, after, &weight, 1e-6, &mut out);
                    assert_eq!(x, sum);
                    let mut normed = vec![0.0; width * rows];
                    rms_norm_rows(&team, &sum, &weight, 1e-6, &mut normed);
                    assert_eq!(out, normed);
                }
            }
        }
    }
}
