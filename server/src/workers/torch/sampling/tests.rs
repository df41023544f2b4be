//! What is chosen how often.

mod settings;
mod weighing;

use super::*;
use crate::workers::GenerateRequest;

const DRAWS: u32 = 4000;

fn sampling(change: impl FnOnce(&mut Sampling)) -> Sampling {
    let request = GenerateRequest {
        temperature: Some(1.0),
        ..GenerateRequest::default()
    };
    let mut sampling = Sampling::new(&request, &Defaults::default(), 1000).expect("valid");
    change(&mut sampling);
    sampling
}

fn sampler(sampling: &Sampling, seed: u64, choice: u32) -> Sampler {
    Sampler::new(Arc::new(sampling.clone()), seed, choice, &[])
}

fn scores(shares: &[f32]) -> Vec<f32> {
    shares.iter().map(|share| share.ln()).collect()
}

fn counts(change: impl FnOnce(&mut Sampling), scores: &[f32]) -> Vec<u32> {
    let mut sampler = sampler(&sampling(change), 7, 0);
    let mut counts = vec![0; scores.len()];
    for _ in 0..DRAWS {
        let Chosen::Token(token) = sampler.choose(&mut scores.to_vec()) else {
            panic!("the scores are numbers")
        };
        counts[token as usize] += 1;
    }
    counts
}

/// Which tokens were drawn at all.
fn kept(change: impl FnOnce(&mut Sampling), shares: &[f32]) -> Vec<usize> {
    let counts = counts(change, &scores(shares));
    (0..counts.len())
        .filter(|&token| counts[token] > 0)
        .collect()
}

/// Each token as often as its share says, give or take five standard deviations.
fn follows(counts: &[u32], shares: &[f64]) {
    let draws = f64::from(DRAWS);
    for (token, (&count, &share)) in counts.iter().zip(shares).enumerate() {
        let spread = 5.0 * (share * (1.0 - share) * draws).sqrt();
        let off = (f64::from(count) - share * draws).abs();
        assert!(
            off <= spread,
            "token {token}: {count} of {draws}, not {share}"
        );
    }
}

#[test]
fn zero_is_greedy_and_takes_the_first_of_equals_whatever_else_is_said() {
    let greedy = |sampling: &mut Sampling| {
        sampling.temperature = 0.0;
        sampling.typical_p = 0.1;
        sampling.top_k = 2;
    };
    assert_eq!(counts(greedy, &[1.0, 3.0, 3.0]), [0, DRAWS, 0]);
}

#[test]
fn follows_the_likelihoods() {
    follows(&counts(|_| {}, &scores(&[0.5, 0.3, 0.2])), &[0.5, 0.3, 0.2]);
}

#[test]
fn a_temperature_sharpens_or_flattens_them() {
    // Each share to the power of 1 / temperature, made whole again.
    let powered = |power: f64| {
        let raw = [0.5_f64, 0.3, 0.2].map(|share| share.powf(power));
        let whole: f64 = raw.iter().sum();
        raw.map(|share| share / whole)
    };
    for (temperature, power) in [(0.5, 2.0), (2.0, 0.5)] {
        let counted = counts(
            |sampling| sampling.temperature = temperature,
            &scores(&[0.5, 0.3, 0.2]),
        );
        follows(&counted, &powered(power));
    }
}

#[test]
fn the_nucleus_is_the_smallest_set_that_reaches_top_p() {
    let shares = [0.2, 0.5, 0.3];
    assert_eq!(kept(|sampling| sampling.top_p = 0.6, &shares), [1, 2]);
    assert_eq!(kept(|sampling| sampling.top_p = 0.4, &shares), [1]);
    let counted = counts(|sampling| sampling.top_p = 0.6, &scores(&shares));
    follows(&counted, &[0.0, 0.625, 0.375]);
}

#[test]
fn top_k_keeps_the_best_and_the_others_look_at_what_it_left() {
    let shares = [0.15, 0.5, 0.1, 0.25];
    assert_eq!(kept(|sampling| sampling.top_k = 2, &shares), [1, 3]);
    // 0.75 of the 0.9 that three have is more than 0.8 of it.
    let both = |sampling: &mut Sampling| {
        sampling.top_k = 3;
        sampling.top_p = 0.8;
    };
    assert_eq!(kept(both, &shares), [1, 3]);
    let equals = |sampling: &mut Sampling| sampling.top_k = 2;
    assert_eq!(kept(equals, &[0.25; 4]), [0, 1], "of equals the first");
}

#[test]
fn min_p_keeps_what_is_at_least_that_share_as_likely_as_the_best() {
    let shares = [0.15, 0.5, 0.1, 0.25];
    assert_eq!(kept(|sampling| sampling.min_p = 0.4, &shares), [1, 3]);
    assert_eq!(kept(|sampling| sampling.min_p = 0.6, &shares), [1]);
    assert_eq!(kept(|sampling| sampling.min_p = 1.0, &shares), [1]);
    let both = |sampling: &mut Sampling| {
        sampling.min_p = 0.25;
        sampling.top_p = 0.95;
    };
    assert_eq!(kept(both, &shares), [0, 1, 3]);
}

#[test]
fn typical_keeps_what_is_closest_to_the_expected_surprise() {
    // The entropy is 1.208; the surprises are off by 0.689, 0.515, 1.095 and 0.178.
    let shares = [0.15, 0.5, 0.1, 0.25];
    assert_eq!(kept(|sampling| sampling.typical_p = 0.2, &shares), [3]);
    assert_eq!(kept(|sampling| sampling.typical_p = 0.7, &shares), [1, 3]);
    assert_eq!(
        kept(|sampling| sampling.typical_p = 0.8, &shares),
        [0, 1, 3]
    );
}

/// The tokens that may be drawn, the long way round: everything sorted.
fn sorted_out(sampling: &Sampling, scores: &[f32]) -> Vec<usize> {
    let best = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut all: Vec<(usize, f64)> = scores
        .iter()
        .map(|score| f64::from((score - best).exp()))
        .enumerate()
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(sampling.top_k);
    let whole: f64 = all.iter().map(|(_, share)| share).sum();
    let mut sum = 0.0;
    let reached = all.iter().position(|(_, share)| {
        sum += share;
        sum >= f64::from(sampling.top_p) * whole
    });
    all.truncate(reached.map_or(all.len(), |at| at + 1));
    all.retain(|(_, share)| *share >= f64::from(sampling.min_p));
    let mut tokens: Vec<usize> = all.into_iter().map(|(token, _)| token).collect();
    tokens.sort_unstable();
    tokens
}

#[test]
fn of_many_tokens_the_same_are_kept_as_by_sorting_all() {
    // Scores without a pattern, close enough together that all that is kept is drawn too.
    let mut state = 11_u64;
    let scores: Vec<f32> = (0..700)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32
        })
        .collect();
    for (top_k, top_p, min_p) in [
        (150, 1.0, 0.0),
        (usize::MAX, 0.2, 0.0),
        (usize::MAX, 1.0, 0.8),
        (300, 0.5, 0.6),
    ] {
        let change = |sampling: &mut Sampling| {
            sampling.top_k = top_k;
            sampling.top_p = top_p;
            sampling.min_p = min_p;
        };
        let allowed = sorted_out(&sampling(change), &scores);
        let counted = counts(change, &scores);
        let drawn: Vec<usize> = (0..counted.len())
            .filter(|&token| counted[token] > 0)
            .collect();
        assert!(drawn.iter().all(|token| allowed.contains(token)));
        let share = drawn.len() as f64 / allowed.len() as f64;
        assert!(share > 0.9, "{} of {}", drawn.len(), allowed.len());
    }
}

#[test]
fn a_seed_repeats_by_answer_and_other_seeds_and_answers_differ() {
    let flat = vec![0.0_f32; 1000];
    let draw = |seed, choice| {
        let mut sampler = sampler(&sampling(|sampling| sampling.top_p = 0.9), seed, choice);
        let draws = (0..8).map(|_| sampler.choose(&mut flat.clone()));
        draws.collect::<Vec<_>>()
    };
    assert_eq!(draw(3, 0), draw(3, 0));
    assert_eq!(draw(3, 1), draw(3, 1));
    assert_ne!(draw(3, 0), draw(3, 1));
    assert_ne!(draw(3, 0), draw(4, 0));
}

#[test]
fn scores_that_are_no_numbers_are_told_from_those_that_are_masked() {
    for temperature in [0.0, 1.0] {
        let mut sampler = sampler(
            &sampling(|sampling| sampling.temperature = temperature),
            0,
            0,
        );
        let mut choose = |scores: &[f32]| sampler.choose(&mut scores.to_vec());
        assert_eq!(choose(&[1.0, f32::NAN]), Chosen::NotNumbers);
        assert_eq!(choose(&[f32::NAN, 1.0]), Chosen::NotNumbers);
        assert_eq!(choose(&[f32::INFINITY, 1.0]), Chosen::NotNumbers);
        assert_eq!(choose(&[f32::NEG_INFINITY; 3]), Chosen::Nothing);
        assert_eq!(choose(&[]), Chosen::Nothing);
        assert_eq!(choose(&[f32::NEG_INFINITY, -5.0]), Chosen::Token(1));
    }
}
