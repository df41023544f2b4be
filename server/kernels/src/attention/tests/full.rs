//! Whole texts.

use super::*;

#[test]
fn full_attention_sees_both_ways_within_each_text() {
    let team = Team::new(2);
    for (heads, width, window) in [
        (2, 32, None),
        (3, 64, None),
        (2, 24, Some(3)),
        (1, 64, Some(64)),
        (2, 80, Some(0)),
    ] {
        let lengths = [1, 130, 7, 64, 300];
        let rows: usize = lengths.iter().sum();
        let qkv = numbers(rows * 3 * heads * width, 3);
        let qkv: Vec<f32> = qkv.iter().map(|x| 2.0 * x).collect();
        let scale = 1.0 / (width as f32).sqrt();
        let mut wanted = vec![0.0; rows * heads * width];
        let mut first = 0;
        for length in lengths {
            for (token, head) in
                (0..length).flat_map(|token| (0..heads).map(move |head| (token, head)))
            {
                let at = |token: usize, which: usize| {
                    let from = ((first + token) * 3 + which) * heads * width + head * width;
                    &qkv[from..from + width]
                };
                let seen: Vec<usize> = (0..length)
                    .filter(|key| window.is_none_or(|window| key.abs_diff(token) <= window))
                    .collect();
                let weights: Vec<f64> = seen
                    .iter()
                    .map(|key| {
                        let dot: f64 = at(token, 0)
                            .iter()
                            .zip(at(*key, 1))
                            .map(|(q, k)| f64::from(*q) * f64::from(*k))
                            .sum();
                        (dot * f64::from(scale)).exp()
                    })
                    .collect();
                let sum: f64 = weights.iter().sum();
                let from = ((first + token) * heads + head) * width;
                for number in 0..width {
                    wanted[from + number] = seen
                        .iter()
                        .zip(&weights)
                        .map(|(key, weight)| weight / sum * f64::from(at(*key, 2)[number]))
                        .sum();
                }
            }
            first += length;
        }
        for level in Level::available() {
            let texts = Texts {
                qkv: &qkv,
                lengths: &lengths,
                heads,
                width,
                scale,
                window,
            };
            let mut got = vec![0.0; rows * heads * width];
            level.force(|| full(&team, &texts, &mut got));
            near(
                &got,
                &wanted,
                &format!("{heads} {width} {window:?} {level:?}"),
            );
            // The last text alone.
            let mut alone = vec![0.0; 300 * heads * width];
            let texts = Texts {
                qkv: &qkv[(rows - 300) * 3 * heads * width..],
                lengths: &[300],
                ..texts
            };
            level.force(|| full(&Team::new(1), &texts, &mut alone));
            assert_eq!(alone, got[(rows - 300) * heads * width..]);
        }
    }
}
