//! Matrices in and out of every format.

use super::*;

fn numbers(count: usize) -> Vec<f32> {
    let mut state = 7_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// What a format may lose of a number below one.
fn tolerance(format: Format) -> f32 {
    match format {
        Format::F32 => 0.0,
        Format::Bf16 => 0.004,
        Format::F16 => 0.0005,
        Format::Int8 => 0.0045,
        // The largest of the side without the spare step is cut by a whole one.
        Format::Int4 => 0.13,
    }
}

#[test]
fn rows_come_back_and_parts_make_the_same_matrix() {
    for format in Format::ALL {
        for (rows, columns) in [(1, 1), (3, 31), (16, 32), (17, 33), (40, 100), (600, 65)] {
            let values = numbers(rows * columns);
            let matrix = Matrix::from_f32(format, rows, columns, &values).expect("a matrix");
            assert_eq!((matrix.rows(), matrix.columns()), (rows, columns));
            let (weights, scales) = matrix.parts();
            let again = Matrix::from_parts(format, rows, columns, &weights, &scales)
                .expect("its own parts");
            assert_eq!(again.parts(), (weights, scales));
            let (mut first, mut second) = (vec![0.0; columns], vec![0.0; columns]);
            for row in 0..rows {
                matrix.row(row, &mut first);
                again.row(row, &mut second);
                assert_eq!(first, second);
                for (got, wanted) in first.iter().zip(&values[row * columns..]) {
                    let off = (got - wanted).abs();
                    assert!(
                        off <= tolerance(format),
                        "{format:?} {rows}x{columns}: {got} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn float_parts_are_the_plain_numbers() {
    let values = numbers(5 * 7);
    let matrix = Matrix::from_f32(Format::F32, 5, 7, &values).expect("a matrix");
    let plain: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(matrix.parts(), (plain, Vec::new()));
    let halves: Vec<bf16> = values.iter().copied().map(bf16::from_f32).collect();
    let matrix = Matrix::from_bf16(Format::Bf16, 5, 7, &halves).expect("a matrix");
    let plain: Vec<u8> = halves
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(matrix.parts(), (plain, Vec::new()));
    let halves: Vec<f16> = values.iter().copied().map(f16::from_f32).collect();
    let matrix = Matrix::from_f16(Format::F16, 5, 7, &halves).expect("a matrix");
    let plain: Vec<u8> = halves
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(matrix.parts(), (plain, Vec::new()));
}

#[test]
fn integer_parts_are_plain_too() {
    let values = [1.27, -0.5, 0.0];
    let matrix = Matrix::from_f32(Format::Int8, 1, 3, &values).expect("a matrix");
    let (weights, scales) = matrix.parts();
    assert_eq!(weights, [127, -50_i8 as u8, 0]);
    assert_eq!(scales, f16::from_f32(0.01).to_le_bytes());
    let matrix = Matrix::from_f32(Format::Int4, 1, 3, &[-4.0, 1.0, 3.0]).expect("a matrix");
    let (weights, scales) = matrix.parts();
    assert_eq!(weights, [10 << 4, (8 << 4) + 14]);
    assert_eq!(scales, f16::from_f32(0.5).to_le_bytes());
}

#[test]
fn nothing_makes_an_empty_matrix() {
    for format in Format::ALL {
        for (rows, columns) in [(0, 0), (0, 5), (5, 0)] {
            let matrix = Matrix::from_f32(format, rows, columns, &[]).expect("an empty matrix");
            assert_eq!(matrix.parts(), (Vec::new(), Vec::new()));
            assert_eq!(matrix.bytes(), 0);
        }
    }
}

#[test]
fn wrong_lengths_and_numbers_are_told() {
    let told = Matrix::from_f32(Format::F32, 2, 3, &[0.0; 5]).expect_err("one is missing");
    assert_eq!(told.to_string(), "a matrix of 2 x 3 has 6 numbers, not 5");
    let told = Matrix::from_parts(Format::Int8, 2, 3, &[0; 6], &[0; 3]).expect_err("half a scale");
    assert_eq!(
        told.to_string(),
        "a matrix of 2 x 3 has 4 bytes of scales, not 3"
    );
    let told = Matrix::from_parts(Format::Bf16, 2, 3, &[0; 6], &[]).expect_err("too short");
    assert_eq!(
        told.to_string(),
        "a matrix of 2 x 3 has 12 bytes of weights, not 6"
    );
    let told = Matrix::from_f32(Format::F32, usize::MAX / 2, 9, &[]).expect_err("no such memory");
    assert!(matches!(told, KernelError::Shape { .. }), "{told}");
    let mut values = numbers(700 * 8);
    values[650 * 8] = f32::NAN;
    values[20 * 8 + 1] = f32::INFINITY;
    let told = Matrix::from_f32(Format::Int4, 700, 8, &values).expect_err("not finite");
    assert_eq!(
        told,
        KernelError::NotFinite {
            row: 20,
            format: Format::Int4
        }
    );
    assert!(Matrix::from_f32(Format::Bf16, 700, 8, &values).is_ok());
}
