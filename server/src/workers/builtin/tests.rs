//! The built-in models over the provisioned sentence encoder. Where it is not installed the tests are skipped on a
//! developer's machine and fail in CI.

use std::{path::PathBuf, sync::Arc};

use chrono::NaiveDate;
use futures::StreamExt as _;
use serde_json::Value;
use tch::{Device, Kind};
use tidegate_schema::{
    Error,
    model::{Catalogue, CatalogueColumn, CatalogueTable, Engine, ForeignKey},
};
use tidegate_sqlmodel::net::{
    Calibration, encoder::Encoder, model::Config, model::Net, tokens::Tokens,
};

use super::*;
use crate::workers::{Chunk, Embedder as _, GenerateRequest, LanguageModel as _, SqlTask};

fn encoder() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what was provisioned for the tests is told there"
    )]
    let configured = std::env::var("TIDEGATE_BUILTIN_ENCODER").unwrap_or_default();
    match encoder_directory(&configured, &std::env::temp_dir()) {
        Ok(directory) => Some(directory),
        Err(reason) => {
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

/// A model that was never trained: what it writes makes no sense, but it writes as a trained one does.
fn untrained(directory: &Path) -> SqlModel {
    tch::set_num_threads(1);
    let encoder = Encoder::load(directory, Kind::Float, Device::Cpu).expect("loads");
    let tokens = Tokens::load(directory).expect("loads");
    let net = Net::new(Config::default(), &encoder);
    let flat = net.layout.initial(11);
    SqlModel::assemble(net, &flat, encoder, tokens, Calibration::default())
}

fn catalogue() -> Arc<Catalogue> {
    let column = |name: &str, data_type: &str, values: &[&str]| CatalogueColumn {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        values_complete: !values.is_empty(),
        ..CatalogueColumn::default()
    };
    let table =
        |name: &str, columns: Vec<CatalogueColumn>, foreign_keys: Vec<ForeignKey>| CatalogueTable {
            name: name.to_owned(),
            columns,
            primary_key: vec!["id".to_owned()],
            foreign_keys,
            ..CatalogueTable::default()
        };
    let to_customers = ForeignKey {
        columns: vec!["customer_id".to_owned()],
        references_schema: None,
        references_table: "customers".to_owned(),
        references_columns: vec!["id".to_owned()],
    };
    Arc::new(Catalogue {
        tables: vec![
            table(
                "customers",
                vec![
                    column("id", "INTEGER", &[]),
                    column("name", "TEXT", &[]),
                    column("city", "TEXT", &["Oslo", "Lima"]),
                ],
                Vec::new(),
            ),
            table(
                "orders",
                vec![
                    column("id", "INTEGER", &[]),
                    column("customer_id", "INTEGER", &[]),
                    column("total", "REAL", &[]),
                    column("placed_on", "DATE", &[]),
                ],
                vec![to_customers],
            ),
        ],
    })
}

fn task(question: &str, engine: Engine) -> SqlTask {
    SqlTask {
        question: question.to_owned(),
        catalogue: catalogue(),
        engine,
        today: NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date"),
    }
}

fn object(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).expect("JSON");
    for field in ["thoughts", "direct_response", "sql", "display_type"] {
        assert!(value[field].is_string(), "{field} in {text}");
    }
    value
}

#[test]
fn what_it_writes_runs_and_says_what_it_means() {
    let Some(encoder) = encoder() else { return };
    let mut writer = Writer::new(untrained(&encoder), 0.0);
    let database = rusqlite::Connection::open_in_memory().expect("memory");
    database
        .execute_batch(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers, total REAL, placed_on DATE);",
        )
        .expect("creates");
    for question in [
        "How many orders in Oslo?",
        "total in 2024",
        "customers named 'Ann'",
    ] {
        let written = writer
            .write(&task(question, Engine::Sqlite))
            .expect("answers");
        let value = object(&written.text);
        let sql = value["sql"].as_str().expect("text").to_owned();
        assert!(
            !sql.is_empty()
                && value["thoughts"]
                    .as_str()
                    .is_some_and(|words| words.len() > 5),
            "{}",
            written.text
        );
        assert!(written.usage.prompt_tokens > 1 && written.usage.completion_tokens > 1);
        for sql in std::iter::once(&sql).chain(written.alternatives.iter().map(|other| &other.sql))
        {
            database
                .prepare(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        assert!(
            written
                .alternatives
                .iter()
                .all(|other| other.thoughts.len() > 5)
        );
        let repeated = writer
            .write(&task(question, Engine::Sqlite))
            .expect("answers");
        assert_eq!(repeated, written, "the same question has the same answer");
    }
}

#[test]
fn the_shipped_weights_count_and_filter() {
    let (Some(encoder), true) = (encoder(), shipped::weights().is_some()) else {
        return;
    };
    let model = load_sql(&encoder, 1).expect("the weights fit this build");
    let mut writer = Writer::new(model, 0.0);
    let mut asked = |question| {
        let written = writer
            .write(&task(question, Engine::Sqlite))
            .expect("answers");
        object(&written.text)["sql"]
            .as_str()
            .expect("text")
            .replace('\n', " ")
    };
    assert_eq!(
        asked("How many customers are there?").split(" AS ").next(),
        Some("SELECT COUNT(*)")
    );
    let filtered = asked("Which customers live in Lima?");
    assert!(
        filtered.contains("customers") && filtered.contains("Lima"),
        "{filtered}"
    );
}

#[test]
fn below_the_threshold_it_says_so_and_names_its_guess_and_the_remedy() {
    let Some(encoder) = encoder() else { return };
    let mut writer = Writer::new(untrained(&encoder), 1.1);
    let written = writer
        .write(&task("How many orders in Oslo?", Engine::Postgres))
        .expect("answers");
    let value = object(&written.text);
    assert_eq!(value["sql"], "");
    let said = value["direct_response"].as_str().expect("text");
    assert!(said.starts_with("I cannot answer this reliably"), "{said}");
    assert!(
        said.contains("SELECT") && said.contains("[[models]]"),
        "{said}"
    );
    assert!(written.alternatives.is_empty());
}

#[test]
fn a_question_as_long_as_a_book_is_refused_unread() {
    let Some(encoder) = encoder() else { return };
    let mut writer = Writer::new(untrained(&encoder), 0.0);
    for question in ["orders ".repeat(200_000), "x".repeat(1_000_000)] {
        let error = writer
            .write(&task(&question, Engine::Sqlite))
            .err()
            .expect("refused");
        assert!(error.to_string().contains("at most 8192"), "{error}");
    }
}

#[test]
fn odd_questions_and_databases_are_answered_not_crashed() {
    let Some(encoder) = encoder() else { return };
    let mut writer = Writer::new(untrained(&encoder), 0.0);
    let long = "orders ".repeat(400);
    for question in [
        "",
        "   ",
        "?",
        "日本語 😀",
        "'unclosed",
        &long,
        "DROP TABLE orders",
    ] {
        match writer.write(&task(question, Engine::Sqlite)) {
            Ok(written) => drop(object(&written.text)),
            Err(error) => assert!(error.to_string().contains("at most"), "{question}: {error}"),
        }
    }
    let empty = SqlTask {
        catalogue: Arc::default(),
        ..task("How many orders?", Engine::Sqlite)
    };
    let written = writer.write(&empty).expect("answers");
    assert!(
        object(&written.text)["direct_response"]
            .as_str()
            .is_some_and(|said| said.contains("no tables"))
    );
}

fn request(task: Option<SqlTask>) -> GenerateRequest {
    GenerateRequest {
        task,
        ..GenerateRequest::default()
    }
}

#[tokio::test]
async fn behind_the_seam_it_answers_tasks_and_refuses_chat() {
    let Some(encoder) = encoder() else { return };
    let model =
        TidegateSql::start(SQL, Writer::new(untrained(&encoder), 0.0), 1).expect("a thread");
    assert!(model.metadata().sql_only);
    let Err(Error::Unsupported { what }) = model.generate(request(None)).await else {
        panic!("it cannot chat")
    };
    assert!(
        what.contains("[[models]]") && what.contains("chat_with_db_execute"),
        "{what}"
    );
    let mut chunks = model
        .generate(request(Some(task("orders per city", Engine::Sqlite))))
        .await
        .expect("taken in");
    let mut last = None;
    while let Some(chunk) = chunks.next().await {
        last = Some(chunk.expect("no failure"));
    }
    assert!(
        matches!(last, Some(Chunk::End { confidence: Some(sure), .. }) if (0.0..=1.0).contains(&sure)),
        "{last:?}"
    );
}

#[tokio::test]
async fn the_encoder_knows_what_is_near() {
    let Some(directory) = encoder() else { return };
    let metadata = ModelMetadata::new(ENCODER, ModelKind::Embedding);
    let model = TorchEmbedder::load_published(metadata, &directory, 1, None).expect("loads");
    let texts = ["money earned by sales", "revenue", "a bird in a tree"]
        .map(str::to_owned)
        .to_vec();
    let vectors = model.embed(texts, None).await.expect("embeds");
    let near = |a: usize, b: usize| {
        vectors[a]
            .iter()
            .zip(&vectors[b])
            .map(|(x, y)| x * y)
            .sum::<f32>()
    };
    assert!(near(0, 1) > near(0, 2) + 0.2 && near(0, 1) > near(1, 2) + 0.2);
    assert!(
        model
            .embed(Vec::new(), None)
            .await
            .expect("nothing")
            .is_empty()
    );
}

#[test]
fn a_missing_encoder_is_told_with_its_remedy() {
    let nowhere = std::env::temp_dir().join("no-such-encoder");
    let error =
        encoder_directory(&nowhere.display().to_string(), &nowhere).expect_err("it is not there");
    assert!(
        error.starts_with("builtin.encoder is ") && error.contains("cargo xtask libtorch"),
        "{error}"
    );
    let scratch = tempfile::tempdir().expect("the temporary directory is writable");
    let own = scratch.path().join("encoder");
    std::fs::create_dir(&own).expect("writable");
    for file in ENCODER_FILES {
        std::fs::write(own.join(file), "{}").expect("writable");
    }
    assert_eq!(encoder_directory("", scratch.path()), Ok(own));
}

#[tokio::test]
async fn a_configured_model_stands_in_the_place_of_a_built_in_one() {
    let toml = format!(
        "[builtin]\nencoder = \"/nonexistent\"\n\
         [[models]]\nname = \"{SQL}\"\nprovider = \"proxy\"\nbase_url = \"http://127.0.0.1:9/v1\"\n"
    );
    let config = crate::config::Config::from_toml(&toml).expect("a configuration");
    let registry = Registry::new();
    registry
        .load_configured(&config, &std::env::temp_dir(), &TaskTracker::new())
        .expect("registers");
    let names: Vec<(String, bool)> = registry
        .states()
        .into_iter()
        .map(|(metadata, _)| (metadata.name, metadata.sql_only))
        .collect();
    assert_eq!(
        names,
        [(SQL.to_owned(), false), (ENCODER.to_owned(), false)]
    );
    let Some(Ok(model)) = registry.language(SQL).await else {
        panic!("the configured model is ready at once")
    };
    assert!(!model.metadata().sql_only);
}
