//! From questions in words to trained weights and back to queries, with an encoder that knows nothing.

use std::sync::Arc;

use chrono::NaiveDate;
use tch::{Device, Kind};

use super::{
    about,
    evaluate::{evaluate, hold},
    optimiser::Optimiser,
    prepare::{Task, Workshop},
};
use crate::{
    net::{
        Calibration, SqlModel,
        batch::{Batch, Instance},
        encoder::Encoder,
        model::{Net, Regularisation},
        tests::{small, tiny_encoder},
        tokens::Tokens,
    },
    query::{
        Aggregate, Argument, Comparison, Function, Item, Order, Predicate, Query, Value, When,
    },
    schema::{Column, Kind as ColumnKind, Schema, Table},
};

fn shop() -> Schema {
    let column = |table, name: &str, kind| Column {
        table,
        name: name.to_owned(),
        kind,
        comment: None,
        primary: name == "id",
        nullable: false,
        references: None,
        values: vec![],
        values_complete: false,
        numeric_flag: false,
    };
    let mut columns = vec![
        column(0, "id", ColumnKind::Id),
        column(0, "name", ColumnKind::Text),
        column(0, "city", ColumnKind::Text),
        column(1, "id", ColumnKind::Id),
        column(1, "customer_id", ColumnKind::Key),
        column(1, "total", ColumnKind::Number),
        column(1, "placed_on", ColumnKind::Date),
    ];
    columns[2].values = vec!["Oslo".into(), "Lima".into()];
    columns[2].values_complete = true;
    columns[4].references = Some(0);
    let table = |name: &str, columns, label| Table {
        name: name.to_owned(),
        namespace: None,
        comment: None,
        columns,
        label,
    };
    let tables = vec![
        table("customers", 0..3, Some(1)),
        table("orders", 3..7, None),
    ];
    Schema { tables, columns }
}

fn tasks() -> Vec<Task> {
    let schema = Arc::new(shop());
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a day");
    let count = |table| {
        Item::Aggregate(Aggregate {
            function: Function::Count,
            argument: Argument::Rows(table),
        })
    };
    let of = |function| {
        Item::Aggregate(Aggregate {
            function,
            argument: Argument::Column(5),
        })
    };
    let show = |select: Vec<Item>| Query {
        select,
        ..Query::default()
    };
    let year = Value::Dates {
        start: day(2024, 1, 1),
        end: day(2025, 1, 1),
    };
    let oslo = Predicate::Compare(2, Comparison::Eq, Value::Text("Oslo".into()));
    let more = Predicate::Compare(5, Comparison::Gt, Value::Number(50.0));
    let with = |query: Query, predicate| Query {
        filter: vec![vec![predicate]],
        ..query
    };
    [
        ("how many customers are there", show(vec![count(0)])),
        ("how many orders are there", show(vec![count(1)])),
        (
            "customers in Oslo",
            with(show(vec![Item::Column(1)]), oslo.clone()),
        ),
        (
            "how many customers live in Oslo",
            with(show(vec![count(0)]), oslo),
        ),
        (
            "what did all orders bring in",
            show(vec![of(Function::Sum)]),
        ),
        ("what is the dearest order", show(vec![of(Function::Max)])),
        ("how many orders over 50", with(show(vec![count(1)]), more)),
        (
            "turnover in 2024",
            with(
                show(vec![of(Function::Sum)]),
                Predicate::Date(6, When::During, year),
            ),
        ),
        ("customers per city", show(vec![Item::Column(2), count(0)])),
        (
            "top 3 customers by what they paid",
            Query {
                order: Some(Order {
                    by: of(Function::Sum),
                    descending: true,
                }),
                limit: Some(3),
                ..show(vec![Item::Column(1)])
            },
        ),
    ]
    .into_iter()
    .map(|(text, query)| Task::read(&schema, text, day(2026, 3, 1), &query).expect(text))
    .collect()
}

#[test]
fn what_was_learnt_is_answered() {
    let folder = tiny_encoder("answers");
    let tokens = Arc::new(Tokens::load(&folder).expect("tokenizer"));
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("encoder");
    let net = Net::new(small(), &encoder);
    let mut workshop = Workshop::new(tokens);
    let named: Vec<(String, Task)> = tasks()
        .into_iter()
        .map(|task| ("all".to_owned(), task))
        .collect();
    let (held, refused) = hold(&mut workshop, &named);
    assert!(refused.is_empty(), "{refused:?}");
    let instances: Vec<Instance> = held.iter().map(|one| one.instance.clone()).collect();
    let batch = Batch::gather(&instances, Kind::Float, Device::Cpu).expect("gathers");
    let mut optimiser = Optimiser::new(&net.layout, &net.layout.initial(1), Device::Cpu);
    let how = Regularisation {
        dropout: 0.05,
        smoothing: 0.01,
        usage: 0.1,
    };
    for _ in 0..150 {
        let weights = net.layout.cut(&optimiser.flat, Kind::Float);
        let merged = encoder.merge(&net.changes, &weights);
        net.losses(&weights, &merged, &batch, how).total.backward();
        optimiser.step(0.004);
    }
    let weights = net.layout.cut(&optimiser.average, Kind::Float);
    let tallies =
        evaluate(&net, &weights, &encoder, &held, Kind::Float, Device::Cpu).expect("evaluates");
    assert_eq!(tallies["all"].right, held.len(), "{tallies:?}");

    // What is written down and loaded again answers the same, by beam search over the schema's cached
    // vectors, and says so again when asked again.
    let text = about(&net, &Calibration::default(), 150, 0.0).expect("metadata");
    let bytes = net
        .layout
        .to_bytes(&optimiser.average, text)
        .expect("written");
    let model = SqlModel::load(&folder, &bytes).expect("loads");
    let prepared = model.prepare(&held[0].task.schema).expect("prepares");
    for one in &held {
        let answer = model
            .ask(&prepared, &one.task.question, 4)
            .expect("answers");
        assert_eq!(
            answer.candidates[0].query, one.expected,
            "{}",
            one.task.question.text
        );
        assert!(answer.candidates.len() > 1);
        assert!((0.0..=1.0).contains(&answer.confidence));
        assert_eq!(
            model
                .ask(&prepared, &one.task.question, 4)
                .expect("answers"),
            answer
        );
    }

    // Training goes on from a file as if it had not stopped.
    let state = folder.join("state");
    optimiser.save(&state).expect("saved");
    let mut again = Optimiser::new(&net.layout, &net.layout.initial(2), Device::Cpu);
    again.resume(&state).expect("resumed");
    assert_eq!(again.steps, 150);
    let far = (&again.flat - &optimiser.flat)
        .abs()
        .max()
        .double_value(&[]);
    assert!(far == 0.0, "{far}");
    std::fs::remove_dir_all(folder).ok();
}
