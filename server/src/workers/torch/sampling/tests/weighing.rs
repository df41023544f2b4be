//! What is done to scores before a choice, and what is told of them.

use super::*;

#[test]
fn what_was_said_is_punished_by_the_formulas() {
    let sampling = sampling(|sampling| {
        sampling.repetition = 2.0;
        sampling.frequency = 0.5;
        sampling.presence = 0.25;
    });
    let mut penalties = Penalties::new(&sampling, &[0, 0, 9999]);
    penalties.took(1);
    penalties.took(1);
    let mut scores = [2.0, -1.0, 0.5];
    penalties.apply(&sampling, &mut scores);
    // 2 / 2; -1 * 2 - (2 * 0.5 + 0.25); untouched.
    assert_eq!(scores, [1.0, -3.25, 0.5]);
}

#[test]
fn presence_and_frequency_leave_the_prompt_alone() {
    let sampling = sampling(|sampling| {
        sampling.presence = 1.0;
        sampling.frequency = -0.5;
    });
    let mut penalties = Penalties::new(&sampling, &[0]);
    let mut scores = [1.0, 1.0];
    penalties.apply(&sampling, &mut scores);
    assert_eq!(scores, [1.0, 1.0]);
    penalties.took(0);
    penalties.apply(&sampling, &mut scores);
    assert_eq!(scores, [0.5, 1.0]);
}

#[test]
fn a_bias_is_added_and_tokens_beyond_the_scores_are_passed_over() {
    let biased = sampling(|sampling| sampling.bias = vec![(1, 2.5), (900, 1.0)]);
    let mut scores = [0.0, 0.0];
    sampler(&biased, 0, 0).add_bias(&mut scores);
    assert_eq!(scores, [0.0, 2.5]);
}

#[test]
fn likelihoods_are_the_models_own_and_sum_to_one() {
    let shares = [0.125_f32, 0.5, 0.25, 0.125];
    let mut likelihoods = Likelihoods::default();
    // Shares are the same wherever the scores lie.
    let shifted: Vec<f32> = scores(&shares).iter().map(|score| score + 40.0).collect();
    likelihoods.look(&shifted);
    let mut sum = 0.0;
    for (token, share) in (0_u32..).zip(shares) {
        let told = likelihoods.of(token).exp();
        assert!((told - share).abs() < 1e-5, "{told} {share}");
        sum += told;
    }
    assert!((sum - 1.0).abs() < 1e-5);
    assert_eq!(likelihoods.of(99), f32::NEG_INFINITY);
    let top: Vec<u32> = likelihoods.top(3).iter().map(|(token, _)| *token).collect();
    assert_eq!(top, [1, 2, 0], "best first, of equals the first");
    assert!(likelihoods.top(0).is_empty());
    assert_eq!(likelihoods.top(20).len(), 4);
}

#[test]
fn the_likeliest_of_many_are_found_without_sorting_all() {
    let scores: Vec<f32> = (0..5000_u32)
        .map(|nth| ((nth * 7919) % 5000) as f32)
        .collect();
    let mut likelihoods = Likelihoods::default();
    likelihoods.look(&scores);
    let top: Vec<f32> = likelihoods
        .top(20)
        .iter()
        .map(|(token, _)| scores[*token as usize])
        .collect();
    let wanted: Vec<f32> = (0..20_u16).map(|nth| 4999.0 - f32::from(nth)).collect();
    assert_eq!(top, wanted);
}
