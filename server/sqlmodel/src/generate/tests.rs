use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;

fn domains() -> Vec<Domain> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("domains");
    Domain::read_all(&folder).unwrap()
}

/// Prints questions to read: `cargo test --features generate -- --ignored read_some --nocapture`.
#[test]
#[ignore = "prints examples for a person to read"]
#[expect(clippy::print_stdout, reason = "that is its purpose")]
fn read_some() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let split = match std::env::var("SPLIT").as_deref() {
        Ok("domains") => Split::HeldOutDomains,
        Ok("frames") => Split::HeldOutFrames,
        _ => Split::Train,
    };
    let mut options = Options::of(split);
    if let Some(share) = std::env::var("WRITTEN").ok().and_then(|v| v.parse().ok()) {
        options.written = share;
    }
    let mut generator = Generator::new(domains(), options);
    let mut rng = ChaCha8Rng::seed_from_u64(number("SEED", 1));
    let started = std::time::Instant::now();
    let count = number("COUNT", 40);
    for _ in 0..count {
        let example = generator.example(&mut rng).unwrap();
        if count > 2000 {
            continue;
        }
        let sql = render(&example.query, &example.schema, Dialect::Sqlite).unwrap();
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let kind = match &example.source {
            Source::Written { .. } => "written",
            Source::Composed { intent, .. } => intent,
        };
        println!("[{kind}] {}\n    {sql}", example.text);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{} domains, {} examples in {seconds:.2} s", generator.domains(), count);
    println!("{} examples refused", generator.refused().len());
    for refused in generator.refused().iter().take(number("REFUSED", 0) as usize) {
        println!("refused {refused}");
    }
    let stats = generator.stats();
    println!("{:?}", stats.made);
    let mut dropped: Vec<_> = stats.dropped.iter().collect();
    dropped.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (reason, n) in dropped.into_iter().take(40) {
        println!("{n:6} {reason}");
    }
}
