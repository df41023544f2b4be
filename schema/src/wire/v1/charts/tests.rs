//! Bodies and answers of the routes of charts.

use serde_json::json;

use super::*;
use crate::{
    Error,
    model::{CellKind, ResultColumn},
};

fn submitted(body: Value) -> Result<(ConversationId, ChartPatch)> {
    let body: ChartSubmitIn = serde_json::from_value(body).expect("a body");
    body.parts()
}

#[test]
fn an_edit_without_its_fields_is_told_all_of_them() {
    let refused = submitted(json!({"conv_uid": "c"})).expect_err("refused");
    let Error::Invalid { field, reason } = refused else {
        panic!("{refused}")
    };
    assert_eq!(
        format!("{field}:{reason};"),
        "body.chart_title:Field required;body.db_name:Field required;body.old_sql:Field required;\
         body.new_chart_type:Field required;body.new_sql:Field required;body.new_comment:Field required;\
         body.gmt_create:Field required;"
    );
}

#[test]
fn an_edit_needs_no_fields_that_nothing_is_done_with() {
    let (id, patch) = submitted(json!({
        "con_uid": "c", "chart_title": "t", "db_name": "shop", "new_sql": "SELECT 1",
        "gmt_create": 1_732_500_000_000_i64,
    }))
    .expect("an edit");
    assert_eq!((id.as_str(), patch.title.as_str()), ("c", "t"));
    assert_eq!((patch.showcase.as_str(), patch.thoughts.as_str()), ("", ""));
    assert!(submitted(json!({"con_uid": "c", "conv_uid": "d"})).is_err());
}

#[test]
fn a_chart_in_detail_has_its_names_above_its_rows() {
    let chart = json!({
        "id": "u", "title": "City sales", "thoughts": "Sales by city", "sql": "SELECT 1", "chart": "bar",
        "columns": [{"name": "city", "kind": "text"}, {"name": "total", "kind": "float"}],
        "rows": [["Oslo", 120.5]],
    });
    let column = |name: &str| ResultColumn {
        name: name.to_owned(),
        kind: CellKind::Unknown,
        data_type: String::new(),
    };
    let table = RowSet {
        columns: vec![column("city"), column("total")],
        rows: vec![vec![Cell::Text("Bergen".to_owned()), Cell::Int(7)]],
        ..RowSet::default()
    };
    let out = ChartOut::of(&chart, "shop".to_owned(), &table);
    assert_eq!(
        serde_json::to_value(out).expect("serialises"),
        json!({
            "chart_uid": "u", "chart_type": "BarChart", "chart_desc": "Sales by city", "chart_sql": "SELECT 1",
            "db_name": "shop", "chart_name": "City sales",
            "chart_value": [{"name": "Oslo", "type": "total", "value": "120.5"}],
            "table_value": [["city", "total"], ["Bergen", 7]],
        })
    );
}

#[test]
fn a_conversation_goes_by_two_names() {
    let query = DashboardQuery {
        conv_uid: Some("c".to_owned()),
        ..DashboardQuery::default()
    };
    assert_eq!(query.conversation().expect("named").as_str(), "c");
    let refused = DashboardQuery::default().conversation();
    assert_eq!(
        refused.expect_err("refused").to_string(),
        "query.con_uid: Field required"
    );
}
