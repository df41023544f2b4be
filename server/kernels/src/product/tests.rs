//! Products against a plain reference.

use half::{bf16, f16};

use super::*;

/// Repeatable numbers between -1 and 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// What a row should give, in `f64`, by the arithmetic that `product` documents; and how large its parts are.
fn reference(matrix: &Matrix, row: &[f32], level: Level) -> Vec<(f64, f64)> {
    let rounded: Vec<f64> = match matrix.format() {
        Format::Bf16 if level.bf16() => row
            .iter()
            .map(|x| f64::from(bf16::from_f32(*x).to_f32()))
            .collect(),
        Format::Int8 | Format::Int4 => row
            .chunks(GROUP)
            .flat_map(|group| {
                let largest = group.iter().fold(0.0_f32, |best, x| best.max(x.abs()));
                let scale = largest / 127.0;
                let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                group
                    .iter()
                    .map(move |x| f64::from((x * inverse).round_ties_even()) * f64::from(scale))
            })
            .collect(),
        _ => row.iter().map(|x| f64::from(*x)).collect(),
    };
    let mut weights = vec![0.0; matrix.columns()];
    (0..matrix.rows())
        .map(|output| {
            matrix.row(output, &mut weights);
            rounded
                .iter()
                .zip(&weights)
                .fold((0.0, 0.0), |(sum, size), (x, w)| {
                    let part = x * f64::from(*w);
                    (sum + part, size + part.abs())
                })
        })
        .collect()
}

fn check(format: Format, level: Level, columns: usize, outputs: usize, rows: usize, bias: bool) {
    let team = Team::new(2);
    let matrix = Matrix::from_f32(format, outputs, columns, &numbers(outputs * columns, 1))
        .expect("a matrix");
    let input = numbers(rows * columns, 2);
    let bias = bias.then(|| numbers(outputs, 3));
    let mut output = vec![f32::NAN; rows * outputs];
    level.force(|| product(&team, &matrix, bias.as_deref(), &input, rows, &mut output));
    for (row, (input, got)) in input
        .chunks(columns)
        .zip(output.chunks(outputs))
        .enumerate()
    {
        // A few rows stand for all where there are many: the reference is slow.
        if row % rows.div_ceil(6) != 0 && row + 1 != rows {
            continue;
        }
        for (at, (got, (sum, size))) in got.iter().zip(reference(&matrix, input, level)).enumerate()
        {
            let wanted = sum + bias.as_ref().map_or(0.0, |bias| f64::from(bias[at]));
            let off = (f64::from(*got) - wanted).abs();
            assert!(
                off <= 2e-6 * (size + 1.0),
                "{format:?} {level:?} {columns} columns, row {row} of {rows}, output {at}: {got} {wanted}"
            );
        }
    }
}

#[test]
fn every_format_on_every_level_gives_what_the_slow_sum_gives() {
    for level in Level::available() {
        for format in Format::ALL {
            for columns in [1, 31, 33, 64, 896] {
                for outputs in [1, 15, 16, 17, 50, 130] {
                    for rows in [1, 2, 3, 5, 7, 13] {
                        check(format, level, columns, outputs, rows, rows % 2 == 0);
                    }
                }
            }
            for rows in 1..=17 {
                check(format, level, 100, 70, rows, true);
            }
            check(format, level, 4864, 40, 17, true);
            check(format, level, 4864, 33, 64, false);
            check(format, level, 896, 100, 257, true);
            check(format, level, 300, 20, 600, true);
        }
    }
}

#[test]
fn a_row_gives_the_same_bits_alone_and_among_others() {
    for level in Level::available() {
        for format in Format::ALL {
            for (columns, outputs) in [(31, 40), (896, 50), (4864, 33)] {
                let matrix =
                    Matrix::from_f32(format, outputs, columns, &numbers(outputs * columns, 4))
                        .expect("a matrix");
                let bias = numbers(outputs, 5);
                let input = numbers(300 * columns, 6);
                let give = |threads: usize, rows: usize| {
                    let mut output = vec![0.0; rows * outputs];
                    let input = &input[..rows * columns];
                    let team = Team::new(threads);
                    level.force(|| product(&team, &matrix, Some(&bias), input, rows, &mut output));
                    output
                };
                let all = give(2, 300);
                for (threads, rows) in [
                    (1, 1),
                    (2, 1),
                    (1, 2),
                    (2, 3),
                    (3, 5),
                    (2, 8),
                    (1, 16),
                    (2, 64),
                ] {
                    assert_eq!(
                        give(threads, rows)
                            .iter()
                            .map(|x| x.to_bits())
                            .collect::<Vec<_>>(),
                        all[..rows * outputs]
                            .iter()
                            .map(|x| x.to_bits())
                            .collect::<Vec<_>>(),
                        "{format:?} {level:?} {columns} columns, {rows} rows"
                    );
                }
            }
        }
    }
}

#[test]
fn processors_that_fuse_agree_to_the_bit() {
    let fusing: Vec<_> = Level::available()
        .into_iter()
        .filter(|l| l.isa() != crate::Isa::Scalar && !l.bf16())
        .collect();
    for format in Format::ALL {
        let matrix = Matrix::from_f32(format, 50, 333, &numbers(50 * 333, 7)).expect("a matrix");
        let input = numbers(9 * 333, 8);
        let give = |level: &Level| {
            let mut output = vec![0.0; 9 * 50];
            level.force(|| product(&Team::new(1), &matrix, None, &input, 9, &mut output));
            output
        };
        for pair in fusing.windows(2) {
            assert_eq!(give(&pair[0]), give(&pair[1]), "{format:?} {pair:?}");
        }
    }
}

#[test]
fn what_is_not_finite_is_passed_on() {
    for level in Level::available() {
        for format in Format::ALL {
            let mut input = numbers(2 * 40, 9);
            input[3] = f32::NAN;
            let matrix = Matrix::from_f32(format, 20, 40, &numbers(800, 10)).expect("a matrix");
            let mut output = vec![0.0; 40];
            level.force(|| product(&Team::new(1), &matrix, None, &input, 2, &mut output));
            assert!(
                output[..20].iter().all(|x| x.is_nan()),
                "{format:?} {level:?}"
            );
            assert!(
                output[20..].iter().all(|x| x.is_finite()),
                "{format:?} {level:?}"
            );
            input[3] = f32::INFINITY;
            level.force(|| product(&Team::new(1), &matrix, None, &input, 2, &mut output));
            assert!(
                output[..20].iter().all(|x| !x.is_finite()),
                "{format:?} {level:?}"
            );
        }
        let mut weights = numbers(800, 11);
        weights[40 * 5 + 2] = f32::NAN;
        weights[40 * 6 + 2] = f32::INFINITY;
        for format in [Format::F32, Format::Bf16, Format::F16] {
            let matrix = Matrix::from_f32(format, 20, 40, &weights).expect("a matrix");
            let mut output = vec![0.0; 20];
            let input = numbers(40, 12);
            level.force(|| product(&Team::new(1), &matrix, None, &input, 1, &mut output));
            for (at, x) in output.iter().enumerate() {
                match at {
                    5 => assert!(x.is_nan()),
                    6 => assert!(x.is_infinite()),
                    _ => assert!(x.is_finite()),
                }
            }
        }
    }
}

#[test]
fn stored_halves_are_taken_as_they_are() {
    let brains: Vec<bf16> = numbers(20 * 33, 13)
        .into_iter()
        .map(bf16::from_f32)
        .collect();
    let halves: Vec<f16> = numbers(20 * 33, 13)
        .into_iter()
        .map(f16::from_f32)
        .collect();
    let input = numbers(33, 14);
    let team = Team::new(1);
    for matrix in [
        Matrix::from_bf16(Format::Bf16, 20, 33, &brains).expect("a matrix"),
        Matrix::from_f16(Format::F16, 20, 33, &halves).expect("a matrix"),
    ] {
        let mut output = vec![0.0; 20];
        Level::SCALAR.force(|| product(&team, &matrix, None, &input, 1, &mut output));
        for (got, (wanted, _)) in output.iter().zip(reference(&matrix, &input, Level::SCALAR)) {
            assert!((f64::from(*got) - wanted).abs() < 1e-5);
        }
    }
}

#[test]
fn nothing_in_gives_the_bias_or_nothing() {
    let team = Team::new(2);
    for format in Format::ALL {
        let matrix = Matrix::from_f32(format, 3, 0, &[]).expect("a matrix");
        let mut output = [9.0; 6];
        product(&team, &matrix, Some(&[1.0, 2.0, 3.0]), &[], 2, &mut output);
        assert_eq!(output, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        product(&team, &matrix, None, &[], 2, &mut output);
        assert_eq!(output, [0.0; 6]);
        product(&team, &matrix, None, &[], 0, &mut []);
        let matrix = Matrix::from_f32(format, 0, 3, &[]).expect("a matrix");
        product(&team, &matrix, None, &[1.0; 6], 2, &mut []);
    }
}

#[test]
fn strips_cover_all_rows_in_nearly_equal_parts() {
    for rows in 1..200 {
        for most in [1, 4, 6, 14] {
            let strips = Strips::new(rows, most);
            let mut next = 0;
            for strip in 0..strips.count {
                let range = strips.rows(strip);
                assert_eq!(range.start, next);
                assert!((1..=most).contains(&range.len()));
                next = range.end;
            }
            assert_eq!(next, rows);
        }
    }
}

#[test]
fn the_tables_have_a_kernel_for_every_strip() {
    let mut tables = integer::every();
    tables.extend(Format::ALL.into_iter().flat_map(float::every));
    #[cfg(target_arch = "x86_64")]
    tables.extend([brain::kernels(), tiles::kernels()]);
    for table in tables {
        for rows in 1..=300 {
            let strips = Strips::new(rows, table.rows);
            let together = (table.panels)(strips.rows(0).len());
            for strip in 0..strips.count {
                for panels in [1, together] {
                    let rows = strips.rows(strip).len();
                    assert!((table.kernel)(rows, panels).is_some(), "{rows} x {panels}");
                }
            }
        }
    }
}
