//! Every type a server can send.

mod samples;

use tidegate_schema::model::Cell;
use tidegate_server::drivers::Driver;

use crate::{
    connected,
    said::Request,
    stand_in::{Answer, StandIn, Then},
    tokens::{self, kind, value},
    within,
};

fn all_of_them(request: &Request) -> Option<Answer> {
    if request.text != "SELECT * FROM kinds" {
        return None;
    }
    let samples = samples::all();
    let columns: Vec<(&str, Vec<u8>)> = samples
        .iter()
        .map(|(name, kind, ..)| (*name, kind.clone()))
        .collect();
    let values: Vec<Vec<u8>> = samples.iter().map(|sample| sample.2.clone()).collect();
    let mut tokens = tokens::columns(&columns);
    tokens.extend(tokens::row(&values));
    // The same twice more with NULLs packed: all of them, then every second.
    tokens.extend(tokens::row_with_nulls(&vec![None; values.len()]));
    let half = values.into_iter().enumerate();
    let half: Vec<_> = half
        .map(|(nth, value)| (nth % 2 == 0).then_some(value))
        .collect();
    tokens.extend(tokens::row_with_nulls(&half));
    Some(Answer {
        tokens,
        then: Then::End(3),
    })
}

#[tokio::test]
async fn every_type_is_read_exactly() {
    let server = StandIn::start(all_of_them).await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT * FROM kinds", within(10, 10_000))
        .await
        .expect("runs");
    assert_eq!(set.rows.len(), 3);
    for (nth, (name, _, _, kind, shown)) in samples::all().into_iter().enumerate() {
        assert_eq!(set.columns[nth].name, name);
        assert_eq!(set.columns[nth].kind, kind, "{name}");
        assert_eq!(set.rows[0][nth].to_text().as_deref(), Some(shown), "{name}");
        assert_eq!(set.rows[1][nth], Cell::Null, "{name}");
        let expected = (nth % 2 == 0).then_some(shown);
        assert_eq!(set.rows[2][nth].to_text().as_deref(), expected, "{name}");
    }
}

#[tokio::test]
async fn types_that_cannot_be_null_are_read_too() {
    let columns = [
        ("tinyint", kind::TINY_INT.to_vec()),
        ("smallint", kind::SMALL_INT.to_vec()),
        ("int", kind::INT.to_vec()),
    ];
    let row = vec![vec![200], vec![0xfe, 0xff], vec![1, 0, 0, 0]];
    let server = StandIn::start(move |request| {
        (request.text == "SELECT 3").then(|| Answer::rows(&columns, std::slice::from_ref(&row)))
    })
    .await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT 3", within(10, 10_000))
        .await
        .expect("runs");
    assert_eq!(
        set.rows,
        [vec![Cell::Int(200), Cell::Int(-2), Cell::Int(1)]]
    );
}

/// The largest amount there is, which a float cannot hold.
const MOST: i64 = i64::MAX;

fn amount(request: &Request) -> Option<Answer> {
    if request.is_description() {
        return Some(Answer::described(&[
            ("amount", "money"),
            ("name", "varchar(9)"),
        ]));
    }
    let name = ("c1", kind::varchar(9));
    if request.text.contains("WITH RESULT SETS") {
        assert_eq!(request.params, ["SELECT amount, name FROM t"]);
        let columns = [("c0", kind::decimal(19, 4)), name];
        let row = vec![value::decimal(MOST.into()), value::bounded(b"x")];
        return Some(Answer::rows(&columns, &[row]));
    }
    (request.text == "SELECT amount, name FROM t").then(|| {
        let columns = [("amount", kind::money_or_null(8)), name];
        let row = vec![value::money(MOST), value::bounded(b"x")];
        Answer::rows(&columns, &[row])
    })
}

#[tokio::test]
async fn large_amounts_of_money_are_asked_for_as_decimals() {
    let server = StandIn::start(amount).await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT amount, name FROM t", within(10, 10_000))
        .await
        .expect("runs");
    assert_eq!(set.rows[0][0], Cell::Decimal("922337203685477.5807".into()));
    let columns: Vec<(&str, &str)> = set
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.data_type.as_str()))
        .collect();
    assert_eq!(columns, [("amount", "money"), ("name", "varchar(9)")]);
}

#[tokio::test]
async fn a_server_that_will_not_turn_money_into_decimals_sends_it_as_it_is() {
    let server = StandIn::start(|request| {
        if request.text.contains("WITH RESULT SETS") {
            let words = "EXECUTE statement failed because its WITH RESULT SETS clause is wrong.";
            return Some(Answer::failed(11_538, words));
        }
        amount(request)
    })
    .await;
    let driver = connected(&server).await;
    let set = driver
        .run("SELECT amount, name FROM t", within(10, 10_000))
        .await
        .expect("runs");
    assert_eq!(set.columns[0].name, "amount");
    // Not every digit is known, so it does not pass for a decimal.
    assert!(matches!(set.rows[0][0], Cell::Float(_)));
}
