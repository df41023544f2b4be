//! Sequences with caches.

use super::*;

#[test]
fn causal_attention_is_what_it_says_for_all_shapes() {
    let cases = [
        PLAIN,
        Case {
            heads: 7,
            kv_heads: 1,
            width: 64,
            pairs: 32,
            ..PLAIN
        },
        Case {
            heads: 3,
            kv_heads: 3,
            width: 80,
            pairs: 20,
            ..PLAIN
        },
        Case {
            width: 24,
            pairs: 12,
            storage: Storage::Bf16,
            ..PLAIN
        },
        Case {
            heads: 8,
            kv_heads: 1,
            width: 96,
            pairs: 48,
            storage: Storage::F16,
            ..PLAIN
        },
        Case {
            heads: 2,
            kv_heads: 1,
            width: 128,
            pairs: 64,
            norms: true,
            ..PLAIN
        },
        Case {
            heads: 2,
            kv_heads: 2,
            width: 256,
            pairs: 128,
            cap: Some(3.0),
            ..PLAIN
        },
        Case {
            window: Some(1),
            ..PLAIN
        },
        Case {
            window: Some(5),
            cap: Some(2.0),
            norms: true,
            ..PLAIN
        },
        Case {
            window: Some(64),
            storage: Storage::Bf16,
            ..PLAIN
        },
        Case {
            window: Some(100),
            heads: 6,
            ..PLAIN
        },
        Case {
            heads: 60,
            kv_heads: 1,
            pairs: 0,
            ..PLAIN
        },
    ];
    let team = Team::new(2);
    for (index, case) in cases.iter().enumerate() {
        for tokens in [1, 63, 64, 65, 150] {
            let qkv = case.sequence(tokens, 11 + index as u64);
            let wanted = case.exact(&qkv);
            for level in Level::available() {
                let got = level.force(|| case.run(&team, &[(&qkv, &[tokens])]));
                near(
                    &got[0],
                    &wanted,
                    &format!("case {index}, {tokens} tokens, {level:?}"),
                );
            }
        }
    }
}

#[test]
fn a_sequence_gives_the_same_numbers_however_it_is_cut_and_whatever_runs_beside_it() {
    for level in Level::available() {
        for case in [
            Case {
                heads: 7,
                kv_heads: 1,
                width: 64,
                pairs: 32,
                storage: Storage::Bf16,
                ..PLAIN
            },
            Case {
                window: Some(70),
                cap: Some(4.0),
                ..PLAIN
            },
            Case {
                heads: 1,
                kv_heads: 1,
                storage: Storage::F16,
                ..PLAIN
            },
        ] {
            level.force(|| {
                let long = case.sequence(1100, 1);
                let short = case.sequence(90, 2);
                let whole = case.run(&Team::new(1), &[(&long, &[1100])]);
                let small = case.run(&Team::new(1), &[(&short, &[90])]);
                let mut steps = vec![256, 1, 33, 64, 640];
                steps.resize(5 + 106, 1);
                assert_eq!(steps.iter().sum::<usize>(), 1100);
                for threads in [1, 2, 7] {
                    let team = Team::new(threads);
                    let got = case.run(&team, &[(&long, &steps)]);
                    assert_eq!(got[0], whole[0], "cut, {level:?}, {threads}");
                    let got = case.run(&team, &[(&short, &[90]), (&long, &[1000, 100])]);
                    assert_eq!(got[1], whole[0], "beside, {level:?}, {threads}");
                    assert_eq!(got[0], small[0], "beside, {level:?}, {threads}");
                    let got = case.run(&team, &[(&long, &[1, 1099]), (&short, &[30, 1, 1, 58])]);
                    assert_eq!(got[0], whole[0], "beside, {level:?}, {threads}");
                    assert_eq!(got[1], small[0], "beside, {level:?}, {threads}");
                }
            });
        }
    }
}

#[test]
fn a_batch_that_is_not_committed_leaves_the_cache_as_it_was() {
    let case = PLAIN;
    let (weights, turns, team) = (case.weights(), case.turns(40), Team::new(1));
    let qkv = case.sequence(40, 5);
    let wanted = case.run(&team, &[(&qkv, &[40])]).remove(0);
    let mut cache = Cache::new(case.layout(), 0).expect("there is memory");
    let mut run = |from: usize, to: usize, commit: bool, spoil: f32| {
        let mut rows: Vec<f32> = qkv[from * case.row()..to * case.row()]
            .iter()
            .map(|x| x + spoil)
            .collect();
        let mut batch = Batch::new([(&mut cache, to - from)]).expect("there is memory");
        let mut out = vec![0.0; (to - from) * 64];
        batch.attend(
            &team,
            0,
            &case.heads(&weights),
            &[&turns],
            &mut rows,
            &mut out,
        );
        if commit {
            batch.commit();
        }
        assert_eq!(cache.tokens(), if commit { to } else { from });
        out
    };
    let mut got = run(0, 20, true, 0.0);
    run(20, 35, false, 9.0);
    got.extend(run(20, 40, true, 0.0));
    assert_eq!(got, wanted);
}

#[test]
fn forks_go_their_own_ways_from_where_they_parted() {
    let case = Case {
        storage: Storage::Bf16,
        ..PLAIN
    };
    let (weights, turns, team) = (case.weights(), case.turns(100), Team::new(2));
    let qkv = case.sequence(100, 6);
    let other = {
        let mut other = qkv.clone();
        let changed = case.sequence(100, 7);
        other[70 * case.row()..].copy_from_slice(&changed[70 * case.row()..]);
        other
    };
    let step = |cache: &mut Cache, qkv: &[f32], from: usize, to: usize| {
        let mut rows = qkv[from * case.row()..to * case.row()].to_vec();
        let mut batch = Batch::new([(cache, to - from)]).expect("there is memory");
        let mut out = vec![0.0; (to - from) * 64];
        batch.attend(
            &team,
            1,
            &case.heads(&weights),
            &[&turns],
            &mut rows,
            &mut out,
        );
        batch.commit();
        out
    };
    let wanted = case.run(&team, &[(&qkv, &[100]), (&other, &[100])]);
    let mut first = Cache::new(case.layout(), 100).expect("there is memory");
    step(&mut first, &qkv, 0, 80);
    let mut second = first.fork(70);
    // Both write to the page they share, in turns.
    let mut ends = [
        step(&mut first, &qkv, 80, 85),
        step(&mut second, &other, 70, 90),
    ];
    ends[0].extend(step(&mut first, &qkv, 85, 100));
    ends[1].extend(step(&mut second, &other, 90, 100));
    assert_eq!(ends[0], wanted[0][80 * 64..]);
    assert_eq!(ends[1], wanted[1][70 * 64..]);
}
