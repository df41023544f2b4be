//! Executors beyond their scores: what their caches hold, what they refuse, how near shorter formats stay and what
//! they take.

use tch::Device;
use tidegate_kernels::Format;
use tokenizers::Tokenizer;

use super::{
    checkpoints, cosine,
    decoders::{DECODERS, TOLERANCE, dense, farthest, native, run},
    expected, floats, ids,
};
use crate::workers::torch::{
    dense::Dense,
    files::{checkpoint::Checkpoint, shape::Shape},
    network::{Cache, Network, Segment, Wanted},
};

fn caches_copy_and_forget<N: Network>(network: &mut N, ids: &[u32], who: &str) {
    let (half, rest) = ids.split_at(ids.len() / 2);
    let mut first = network.cache(0).expect("room");
    assert_eq!(first.tokens(), 0);
    let none = run(network, &mut first, half, Wanted::None, ids.len()).expect("runs");
    assert!(none.is_empty(), "{who}: nothing was asked for");
    let mut copy = first.fork(half.len()).expect("copies");
    let wanted = run(network, &mut first, rest, Wanted::Last, ids.len()).expect("runs");
    assert_eq!(wanted.len(), network.shape().vocabulary, "{who}");
    assert!(first.bytes() > 0 && first.tokens() == ids.len());
    // A copy goes on as the first did, whatever became of that, and so does one that forgot.
    let copied = run(network, &mut copy, rest, Wanted::Last, ids.len()).expect("runs");
    assert!(farthest(&copied, &wanted) <= 1e-5, "{who}: a copy");
    first.truncate(half.len());
    assert_eq!(first.tokens(), half.len());
    let other: Vec<u32> = rest.iter().rev().copied().collect();
    run(network, &mut first, &other, Wanted::All, ids.len()).expect("runs");
    first.truncate(half.len());
    let again = run(network, &mut first, rest, Wanted::Last, ids.len()).expect("runs");
    assert!(farthest(&again, &wanted) <= 1e-5, "{who}: one that forgot");
    let mut shorter = first.fork(3).expect("copies");
    assert_eq!(shorter.tokens(), 3);
    let fresh = {
        let mut cache = network.cache(8).expect("room");
        run(network, &mut cache, &ids[..4], Wanted::Last, ids.len()).expect("runs")
    };
    let on = run(network, &mut shorter, &ids[3..4], Wanted::Last, ids.len()).expect("runs");
    assert!(
        farthest(&on, &fresh) <= TOLERANCE,
        "{who}: a copy of a part"
    );
    assert!(
        first.fork(ids.len() + 1).is_err(),
        "{who}: more than there is"
    );
}

#[test]
fn caches_are_copied_cut_and_gone_on_with() {
    let Some(made) = checkpoints() else { return };
    for name in ["llama", "gemma3", "phi3-long"] {
        let directory = made.join(name);
        let ids = ids(&expected(&directory)["ids"]);
        caches_copy_and_forget(
            &mut dense(&directory, Format::F32),
            &ids,
            &format!("{name}, dense"),
        );
        caches_copy_and_forget(
            &mut native(&directory, Format::F32),
            &ids,
            &format!("{name}, native"),
        );
    }
}

fn refuses_what_cannot_be_run<N: Network>(network: &mut N, ids: &[u32], who: &str) {
    let mut cache = network.cache(16).expect("room");
    run(network, &mut cache, &ids[..4], Wanted::None, 4).expect("runs");
    let mut refused = |tokens: &[u32]| {
        let error = run(network, &mut cache, tokens, Wanted::Last, 8).expect_err("must be refused");
        assert_eq!(cache.tokens(), 4, "{who}: what was held is held");
        error.to_string()
    };
    let said = refused(&[5, 9999]);
    assert!(
        said.contains("token 9999") && said.contains("vocab_size 640"),
        "{who}: {said}"
    );
    let said = refused(&[5; 253]);
    assert!(
        said.contains("257 tokens") && said.contains("takes 256"),
        "{who}: {said}"
    );
    refused(&[]);
    // One bad segment fails the step before anything is run of the others.
    let mut other = network.cache(16).expect("room");
    let mut segments = [
        Segment {
            tokens: &ids[..4],
            cache: &mut other,
            wanted: Wanted::Last,
            prompt: 4,
        },
        Segment {
            tokens: &[9999],
            cache: &mut cache,
            wanted: Wanted::Last,
            prompt: 4,
        },
    ];
    assert!(network.step(&mut segments).is_err());
    assert_eq!((other.tokens(), cache.tokens()), (0, 4), "{who}");
    let scores = run(network, &mut cache, &ids[4..5], Wanted::Last, 5).expect("goes on");
    assert_eq!(scores.len(), 640);
}

#[test]
fn what_cannot_be_run_is_an_error_not_a_crash() {
    let Some(made) = checkpoints() else { return };
    let directory = made.join("llama");
    let ids = ids(&expected(&directory)["ids"]);
    refuses_what_cannot_be_run(&mut dense(&directory, Format::F32), &ids, "dense");
    refuses_what_cannot_be_run(&mut native(&directory, Format::F32), &ids, "native");
}

/// Scores of a model's prompt.
fn scores<N: Network>(mut network: N, ids: &[u32]) -> Vec<f32> {
    let mut cache = network.cache(ids.len()).expect("room");
    run(&mut network, &mut cache, ids, Wanted::All, ids.len()).expect("runs")
}

#[test]
fn shorter_formats_stay_near() {
    let Some(made) = checkpoints() else { return };
    // Random weights have no slack that training leaves: of four bits little more than the direction is kept.
    let bounds = [
        (Format::Bf16, 0.995),
        (Format::F16, 0.999),
        (Format::Int8, 0.995),
        (Format::Int4, 0.7),
    ];
    for name in ["qwen2", "gemma2", "phi3"] {
        let directory = made.join(name);
        let ids = ids(&expected(&directory)["ids"]);
        let (_, wanted) = floats(&directory.join("expected.safetensors"), "scores");
        for (format, least) in bounds {
            let near = cosine(&scores(dense(&directory, format), &ids), &wanted);
            assert!(near >= least, "{name}, dense, {format:?}: {near}");
            let near = cosine(&scores(native(&directory, format), &ids), &wanted);
            assert!(near >= least, "{name}, native, {format:?}: {near}");
        }
    }
}

#[test]
fn shorter_formats_take_less_memory() {
    let Some(made) = checkpoints() else { return };
    let directory = made.join("llama");
    let shape = Shape::read(&directory).expect("config.json is known");
    let held: Vec<(u64, u64, u64)> = Format::ALL
        .into_iter()
        .map(|format| {
            let counted = shape.weight_bytes(format);
            (
                counted,
                dense(&directory, format).bytes(),
                native(&directory, format).bytes(),
            )
        })
        .collect();
    for (counted, dense, native) in &held {
        // What is asked for beforehand is what is taken, but for filling and for scales that are held wider.
        for bytes in [dense, native] {
            assert!(
                (0.9..1.3).contains(&(*bytes as f64 / *counted as f64)),
                "{held:?}"
            );
        }
    }
    assert!(
        held[4].1 < held[3].1 && held[3].1 < held[1].1 && held[1].1 < held[0].1,
        "{held:?}"
    );
}

#[test]
fn tokenizers_belong_to_their_models() {
    let Some(made) = checkpoints() else { return };
    for name in DECODERS {
        let directory = made.join(name);
        let shape = Shape::read(&directory).expect("config.json is known");
        let tokenizer = Tokenizer::from_file(directory.join("tokenizer.json")).expect("reads");
        shape
            .check_tokenizer(&directory, &tokenizer)
            .expect("600 tokens, 640 rows");
    }
}

#[test]
fn a_tensor_of_another_shape_is_refused_by_name() {
    let Some(made) = checkpoints() else { return };
    let mut shape = Shape::read(&made.join("llama")).expect("config.json is known");
    let checkpoint = Checkpoint::open(&made.join("llama")).expect("whole files");
    shape.feed_forward = 160;
    let Err(error) = Dense::load(&checkpoint, shape, Format::F32, Device::Cpu) else {
        panic!("176 rows are not 160")
    };
    let said = error.to_string();
    assert!(
        said.contains("'model.layers.0.mlp.gate_proj.weight' has the shape [176, 64]"),
        "{said}"
    );
    assert!(said.contains("config.json asks for [160, 64]"), "{said}");
}
