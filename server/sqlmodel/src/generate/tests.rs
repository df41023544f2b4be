//! The generator: what it makes is valid, varied and the same for the same seed.

use std::collections::BTreeSet;

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;
use crate::schema::Kind;

const SMALL: &str = r#"
name = "kennel"
[[table]]
name = "owners"
noun = ["owner", "keeper"]
[[table.column]]
name = "full_name"
kind = "label"
phrases = ["name"]
values = ["Ann Lee", "Bo Dahl", "Cy Ruiz", "Di Wolf", "Ed Novak"]
[[table.column]]
name = "city"
kind = "category"
phrases = ["city"]
values = ["Oslo", "Turin", "Graz"]
with = ["{n} from {v}", "{v} {n}"]
[[table]]
name = "stays"
noun = ["stay", "booking"]
[[table.column]]
name = "started_on"
kind = "date"
phrases = ["start date"]
verb = ["started"]
newest = ["latest"]
range = [2019, 2025]
[[table.column]]
name = "fee"
kind = "money"
phrases = ["fee", "price"]
range = [20, 400]
more = ["costing more than {v}"]
[[link]]
child = "stays"
key = "owner_id"
parent = "owners"
of = ["{c} of {p}"]
with = ["{p} with {c}"]
without = ["{p} without {c}"]
[[example]]
q = "Which owners from Oslo paid over 90 in March 2024?"
sql = "SELECT DISTINCT owners.full_name FROM owners JOIN stays ON stays.owner_id = owners.id WHERE owners.city = 'Oslo' AND stays.fee > 90 AND stays.started_on >= '2024-03-01' AND stays.started_on < '2024-04-01'"
"#;

fn small(written: f64) -> Generator {
    let mut domain = Domain::parse("kennel.toml", SMALL).unwrap();
    // a name of the training side, whatever the hash says of this one
    for n in 0.. {
        domain.name = format!("kennel {n}");
        if !domain.held_out() {
            break;
        }
    }
    Generator::new(
        vec![domain],
        Options {
            written,
            ..Options::default()
        },
    )
}

/// An empty database with the tables of a schema.
fn database(schema: &Schema) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for table in &schema.tables {
        let columns: Vec<String> = schema.columns[table.columns.clone()]
            .iter()
            .map(|c| {
                let kind = if c.kind == Kind::Number {
                    "REAL"
                } else {
                    "TEXT"
                };
                format!("\"{}\" {kind}", c.name)
            })
            .collect();
        let sql = format!("CREATE TABLE \"{}\" ({})", table.name, columns.join(", "));
        connection.execute(&sql, []).unwrap();
    }
    connection
}

#[test]
fn an_unknown_key_is_refused_with_file_and_key() {
    let text = SMALL.replacen("noun =", "nuon =", 1);
    let error = Domain::parse("kennel.toml", &text).unwrap_err().to_string();
    assert!(
        error.starts_with("kennel.toml") && error.contains("nuon"),
        "{error}"
    );
}

#[test]
fn a_template_without_its_slot_is_refused_with_its_column() {
    let text = SMALL.replace("{n} from {v}", "from {v}");
    let error = Domain::parse("kennel.toml", &text).unwrap_err().to_string();
    assert!(
        error.contains("column city, with") && error.contains("{n}"),
        "{error}"
    );
}

#[test]
fn a_link_to_a_missing_table_is_refused() {
    let text = SMALL.replace("parent = \"owners\"", "parent = \"people\"");
    let error = Domain::parse("kennel.toml", &text).unwrap_err().to_string();
    assert!(
        error.contains("link 1, parent") && error.contains("people"),
        "{error}"
    );
}

#[test]
fn the_same_seed_makes_the_same_questions() {
    let texts = |seed| {
        let mut generator = small(0.4);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..200)
            .map(|_| generator.example(&mut rng).unwrap().text)
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(5), texts(5));
    assert_ne!(texts(5), texts(6));
}

#[test]
fn a_hand_written_question_comes_with_other_literals_and_a_query_to_match() {
    let mut generator = small(1.0);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let example = generator.example(&mut rng).unwrap();
        let sql = render(&example.query, &example.schema, Dialect::Sqlite).unwrap();
        let text = example.text.to_lowercase();
        let city = ["oslo", "turin", "graz"]
            .into_iter()
            .find(|c| text.contains(c))
            .unwrap();
        assert!(sql.to_lowercase().contains(city), "{text}: {sql}");
        let year: String = text.chars().skip_while(|c| *c != '2').take(4).collect();
        if text.contains(&format!(" {year}")) && year.starts_with("20") {
            assert!(sql.contains(&year), "{text}: {sql}");
        }
        seen.insert(city);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn every_example_decodes_renders_and_runs() {
    let all = domains();
    assert!(all.len() > 20, "the domain files are missing");
    for (split, seed) in [
        (Split::Train, 11),
        (Split::HeldOutDomains, 12),
        (Split::HeldOutFrames, 13),
    ] {
        let mut generator = Generator::new(
            all.clone(),
            Options {
                reuse: 20,
                ..Options::of(split)
            },
        );
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut connection: Option<(Arc<Schema>, rusqlite::Connection)> = None;
        for _ in 0..700 {
            let example = generator.example(&mut rng).unwrap();
            let query =
                grammar::decode(&example.steps, &example.schema, &example.question).unwrap();
            let (meant, decoded) = (
                render(&example.query, &example.schema, Dialect::Sqlite).unwrap(),
                render(&query, &example.schema, Dialect::Sqlite).unwrap(),
            );
            // the same conditions, if in another order
            let parts = |sql: &str| {
                // free text has the letter case of the question
                let sql = sql.to_lowercase();
                let mut words: Vec<String> = sql
                    .split_whitespace()
                    .filter(|w| !matches!(*w, "where" | "and"))
                    .map(str::to_owned)
                    .collect();
                words.sort();
                words
            };
            assert_eq!(parts(&meant), parts(&decoded), "{}", example.text);
            if !connection
                .as_ref()
                .is_some_and(|(s, _)| Arc::ptr_eq(s, &example.schema))
            {
                connection = Some((Arc::clone(&example.schema), database(&example.schema)));
            }
            let (_, connection) = connection.as_ref().unwrap();
            if let Err(error) = connection.prepare(&meant) {
                panic!("{}\n{meant}\n{error}", example.text);
            }
        }
    }
}

#[test]
fn the_examples_of_the_domains_can_be_said() {
    let all = domains();
    let count: usize = all.iter().map(|d| d.examples.len()).sum();
    for split in [Split::Train, Split::HeldOutDomains] {
        let generator = Generator::new(all.clone(), Options::of(split));
        let refused = generator.refused();
        assert!(refused.len() * 100 <= count, "{refused:#?}");
    }
}

#[test]
fn domains_kept_out_of_training_do_not_turn_up_in_it() {
    let all = domains();
    let names = |split| {
        let generator = Generator::new(all.clone(), Options::of(split));
        generator
            .material
            .domains
            .iter()
            .map(|d| d.domain.name.clone())
            .collect::<BTreeSet<_>>()
    };
    let (train, held) = (names(Split::Train), names(Split::HeldOutDomains));
    assert!(train.is_disjoint(&held));
    assert_eq!(train.len() + held.len(), all.len());
    assert!(held.len() * 25 >= all.len(), "{held:?}");
}

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
        std::env::var(name)
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
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
    println!(
        "{} domains, {} examples in {seconds:.2} s",
        generator.domains(),
        count
    );
    println!("{} examples refused", generator.refused().len());
    for refused in generator
        .refused()
        .iter()
        .take(number("REFUSED", 0) as usize)
    {
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
