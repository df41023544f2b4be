//! A tiny random encoder and made-up examples: enough to see that everything is wired and learns.

mod tiny;

use std::{collections::HashMap, path::PathBuf};

use tch::{Device, Kind, Tensor};

use super::{
    batch::{Batch, Instance},
    encoder::{Encoder, pool},
    model::{Config, Net, Regularisation},
    tokens::Tokens,
    weights::{metadata, read},
};
use tiny::{example, pieces};

pub(crate) use tiny::{small, tiny_encoder};

const HOW: Regularisation = Regularisation {
    dropout: 0.0,
    smoothing: 0.0,
    usage: 0.1,
};

#[test]
fn words_know_their_pieces() {
    let folder = tiny_encoder("pieces");
    let tokens = Tokens::load(&folder).expect("loads");
    let schema = crate::schema::Schema::default();
    let today = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    let question = crate::question::Question::read("ab über c?", &schema, today);
    let pieces = tokens.question(&question).expect("pieces");
    // [CLS] a b u b e r c [UNK] [SEP]: longer than the eight of the file.
    assert_eq!(pieces.ids.len(), 10);
    let words: Vec<&str> = question
        .words
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    assert_eq!(words, ["ab", "über", "c"]);
    assert_eq!(pieces.pools[..3], [vec![1, 2], vec![3, 4, 5, 6], vec![7]]);
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn learns_a_handful_of_examples_by_heart() {
    let folder = tiny_encoder("learns");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let mut seed = 11;
    let schemas = [pieces(&mut seed, 5), pieces(&mut seed, 9)];
    let examples: Vec<Instance> = (0..12)
        .map(|at| example(&mut seed, &schemas[at % 2], 3 + at % 4))
        .collect();
    let batch = Batch::gather(&examples, Kind::Float, Device::Cpu).expect("gathers");
    let mut flat = net.layout.initial(1).set_requires_grad(true);
    let mut velocity = flat.zeros_like();
    let mut spread = flat.zeros_like();
    let mut last = f64::MAX;
    let mut first = 0.0;
    for step in 0..900 {
        let weights = net.layout.cut(&flat, Kind::Float);
        let merged = encoder.merge(&net.changes, &weights);
        let losses = net.losses(&weights, &merged, &batch, HOW);
        losses.total.backward();
        last = losses.steps.double_value(&[]);
        if step == 0 {
            first = last;
        }
        let slope = flat.grad();
        assert!(slope.isfinite().all().int64_value(&[]) == 1, "step {step}");
        tch::no_grad(|| {
            velocity = &velocity * 0.9 + &slope * 0.1;
            spread = &spread * 0.98 + slope.square() * 0.02;
            flat -= &velocity / (spread.sqrt() + 1e-6) * 0.005;
        });
        flat.zero_grad();
    }
    assert!(last < 0.25 * first, "from {first} to {last}");
    // The changes to the sentence encoder learn too.
    let before = net.layout.cut(&net.layout.initial(1), Kind::Float);
    let after = net.layout.cut(&flat.detach(), Kind::Float);
    let same = encoder.merge(&net.changes, &before);
    let moved = encoder.merge(&net.changes, &after);
    let texts = &batch.texts;
    let distance = same.forward(&texts.ids, &texts.mask) - moved.forward(&texts.ids, &texts.mask);
    assert!(distance.abs().max().double_value(&[]) > 1e-3);
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn padding_changes_nothing() {
    let folder = tiny_encoder("padding");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(3), Kind::Float);
    let merged = encoder.merge(&net.changes, &weights);
    let mut seed = 23;
    let (short, long) = (pieces(&mut seed, 4), pieces(&mut seed, 25));
    let examples = [example(&mut seed, &short, 3), example(&mut seed, &long, 9)];
    let alone: f64 = examples
        .iter()
        .map(|one| {
            let one = std::slice::from_ref(one);
            let batch = Batch::gather(one, Kind::Float, Device::Cpu).expect("gathers");
            net.losses(&weights, &merged, &batch, HOW)
                .total
                .double_value(&[])
        })
        .sum();
    let batch = Batch::gather(&examples, Kind::Float, Device::Cpu).expect("gathers");
    let together = net
        .losses(&weights, &merged, &batch, HOW)
        .total
        .double_value(&[]);
    assert!(
        (together - alone / 2.0).abs() < 1e-4,
        "{together} and {}",
        alone / 2.0
    );
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn stepwise_decoding_agrees_with_decoding_at_once() {
    let folder = tiny_encoder("stepwise");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(4), Kind::Float);
    let tuned = encoder.merge(&net.changes, &weights);
    let mut seed = 31;
    let schema = pieces(&mut seed, 6);
    let one = [example(&mut seed, &schema, 5)];
    let batch = Batch::gather(&one, Kind::Float, Device::Cpu).expect("gathers");
    let memory = net.memory(&weights, &tuned, &batch, 0.0);
    let lessons = &batch.lessons;
    let whole = net.decode(
        &weights,
        &memory,
        &lessons.codes,
        &lessons.pointed,
        &lessons.points,
        &mut None,
        0,
        0.0,
    );
    let mut past = None;
    for step in 0..5 {
        // Two rows over one memory, as the beam has them.
        let twice = |x: Tensor| Tensor::cat(&[&x, &x], 0);
        let next = net.decode(
            &weights,
            &memory,
            &twice(lessons.codes.narrow(1, step, 1)),
            &twice(lessons.pointed.narrow(0, step, 1)),
            &twice(lessons.points.narrow(1, step, 1)),
            &mut past,
            step as usize,
            0.0,
        );
        let expected = whole.get(0).get(step);
        for row in 0..2 {
            let far = (next.get(row).get(0) - &expected)
                .abs()
                .max()
                .double_value(&[]);
            assert!(far < 1e-4, "step {step}, row {row}: {far}");
        }
    }
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn weights_survive_a_file() {
    let folder = tiny_encoder("file");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let flat = net.layout.initial(9);
    let about = HashMap::from([("config".to_owned(), "{}".to_owned())]);
    let bytes = net.layout.to_bytes(&flat, about).expect("written");
    assert_eq!(metadata(&bytes).expect("metadata")["config"], "{}");
    let again = net.layout.from_bytes(&bytes).expect("read");
    let far = (again - &flat).abs().max().double_value(&[]);
    assert!(far < 2e-3, "{far}");
    assert!(net.layout.from_bytes(&bytes[..bytes.len() / 2]).is_err());
    std::fs::remove_dir_all(folder).ok();
}

/// With the published encoder at hand (`TIDEGATE_ENCODER`), near meanings lie near.
#[test]
fn published_encoder_knows_what_words_mean() {
    let Some(folder) = std::env::var_os("TIDEGATE_ENCODER").map(PathBuf::from) else {
        return;
    };
    let tokens = Tokens::load(&folder).expect("tokenizer");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("encoder");
    let net = Net::new(Config::default(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(1), Kind::Float);
    let tuned = encoder.tune(&net.changes, &weights);
    let vector = |text: &str| {
        let ids = tokens.text(text, 64).expect("pieces");
        let texts = super::batch::Texts::pad(&[&ids], Device::Cpu);
        let last = tuned.forward(&texts.ids, &texts.mask).narrow(-1, 384, 384);
        read(&pool(&last, &texts.mask)).expect("values")
    };
    let near = |a: &str, b: &str| {
        let (a, b) = (vector(a), vector(b));
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    assert!(near("how many cars are there", "number of vehicles") > 0.6);
    assert!(near("how many cars are there", "a ripe yellow banana") < 0.2);
}
