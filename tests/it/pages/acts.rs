//! What both pages do in the same words: databases, the SQL editor, the chart editor.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Page, chart, chart_view, has, list, report, text};
use crate::support::{QUESTION, SQL};

const LARGEST: &str =
    "SELECT town, COUNT(*) AS people FROM people GROUP BY town ORDER BY people DESC LIMIT 1";

/// Adds the database `towns`, after trying it, and changes its comment.
pub(super) async fn databases(page: &Page, dir: &Path) -> Result<()> {
    let types = page.get("/api/v1/chat/db/support/type").await?;
    for kind in list(&types) {
        has(kind, "db_type:string is_file_db:boolean");
    }
    assert!(list(&types).contains(&json!({"db_type": "sqlite", "is_file_db": true})));
    let config = |comment: &str| {
        json!({
            "db_type": "sqlite", "db_name": "towns", "file_path": dir.join("towns.db"), "db_host": "", "db_port": 0,
            "db_user": "", "db_pwd": "", "comment": comment,
        })
    };
    let tried = page
        .post("/api/v1/chat/db/test/connect", &config("People"))
        .await?;
    assert_eq!(tried, true);
    assert_eq!(
        page.post("/api/v1/chat/db/add", &config("People")).await?,
        true
    );
    assert_eq!(
        page.post("/api/v1/chat/db/edit", &config("People and towns"))
            .await?,
        true
    );
    assert_eq!(
        page.post("/api/v1/chat/db/refresh", &config("")).await?,
        true
    );
    let rows = page.get("/api/v1/chat/db/list").await?;
    let row = &list(&rows)[0];
    has(
        row,
        "id:number db_type:string db_name:string db_path:string? file_path:string? db_host:string db_port:string \
         db_user:string db_pwd:string comment:string",
    );
    assert_eq!(
        (&row["db_name"], &row["comment"]),
        (&json!("towns"), &json!("People and towns"))
    );
    Ok(())
}

/// What a mode may be asked of.
pub(super) async fn choices(page: &Page) -> Result<()> {
    let path = "/api/v1/chat/mode/params/list?chat_mode=";
    for mode in ["chat_with_db_execute", "chat_with_db_qa", "chat_dashboard"] {
        let choices = page.act(&format!("{path}{mode}")).await?;
        assert_eq!(
            choices,
            json!([{"param": "towns", "type": "sqlite"}]),
            "{mode}"
        );
    }
    assert_eq!(page.act(&format!("{path}chat_normal")).await?, Value::Null);
    Ok(())
}

/// Opens the editor on a conversation's first round, tries another query, saves it, and finds it wherever the answer
/// is shown.
pub(super) async fn edit_sql(page: &Page, conversation: &str) -> Result<()> {
    let rounds = page
        .get(&format!("/api/v1/editor/sql/rounds?con_uid={conversation}"))
        .await?;
    assert_eq!(
        rounds,
        json!([{"round": 1, "db_name": "towns", "round_name": QUESTION}])
    );
    let tree = page
        .get("/api/v1/editor/db/tables?db_name=towns&page_index=1&page_size=200")
        .await?;
    check_tree(&tree);
    let opened = format!("/api/v1/editor/sql?con_uid={conversation}&round=1");
    let before = page.get(&opened).await?;
    has(&before, "sql:string thoughts:string display_type:string");
    assert_eq!(before["sql"], SQL);

    let run = |sql: &str| json!({"db_name": "towns", "sql": sql});
    let tried = page.post("/api/v1/editor/sql/run", &run(LARGEST)).await?;
    has(
        &tried,
        "result_info:string run_cost:number colunms:list values:list",
    );
    assert_eq!(
        (&tried["colunms"], &tried["values"], &tried["result_info"]),
        (
            &json!(["town", "people"]),
            &json!([["Oslo", "3"]]),
            &json!("")
        )
    );
    let broken = page
        .post("/api/v1/editor/sql/run", &run("SELECT * FROM missing"))
        .await?;
    assert!(text(&broken["result_info"]).contains("missing"), "{broken}");
    // Without a chart's type, from the editor of an answer.
    let drawn = page.post("/api/v1/editor/chart/run", &run(LARGEST)).await?;
    check_drawn(&drawn, &Value::Null);

    let saved = page
        .post(
            "/api/v1/sql/editor/submit",
            &json!({
                "conv_uid": conversation, "db_name": "towns", "conv_round": 1, "old_sql": before["sql"],
                "old_speak": before["thoughts"], "new_sql": LARGEST, "new_speak": "The largest town.",
            }),
        )
        .await?;
    assert_eq!(saved, Value::Null);
    let after = page.get(&opened).await?;
    assert_eq!(
        (&after["sql"], &after["thoughts"]),
        (&json!(LARGEST), &json!("The largest town."))
    );
    let shown = page.shown(conversation, 1).await?;
    assert!(shown.starts_with("The largest town."), "{shown}");
    let chart = chart_view(&shown);
    assert_eq!(
        (&chart["sql"], &chart["data"]),
        (&json!(LARGEST), &json!([{"town": "Oslo", "people": 3}]))
    );
    Ok(())
}

/// The table tree: database, tables, columns.
fn check_tree(tree: &Value) {
    let node = "title:string key:string type:string can_null:string children:list";
    has(tree, node);
    assert_eq!(
        (&tree["title"], &tree["type"]),
        (&json!("towns"), &json!("db"))
    );
    for table in list(&tree["children"]) {
        has(table, node);
        assert_eq!(table["type"], "table");
        for column in list(&table["children"]) {
            has(column, node);
            has(column, "comment:string");
        }
    }
    assert_eq!(tree["children"][0]["title"], "people");
}

/// What the chart editor draws after a run.
fn check_drawn(drawn: &Value, kind: &Value) {
    has(
        drawn,
        "sql_data:object chart_values:list chart_type:string?",
    );
    has(
        &drawn["sql_data"],
        "result_info:string run_cost:number colunms:list values:list",
    );
    assert_eq!(&drawn["chart_type"], kind);
    assert_eq!(
        drawn["chart_values"][0],
        json!({"name": "Oslo", "type": "people", "value": "3"})
    );
}

/// What a dashboard shows: two charts, and beside them why the third could not be drawn.
pub(super) fn check_dashboard(report: &Value) {
    let towns = chart(report, "People by town");
    assert_eq!(towns["chart_type"], "BarChart");
    assert_eq!(towns["column_name"], json!(["town", "people"]));
    assert_eq!(
        towns["values"][0],
        json!({"name": "Oslo", "type": "people", "value": "3"})
    );
    let people = chart(report, "People");
    assert_eq!(people["chart_type"], "IndicatorValue");
    assert_eq!(people["values"][0]["value"], "6");
    let lost = chart(report, "Lost").to_string();
    assert!(lost.contains("no such table"), "{lost}");
}

/// Opens the editor on a dashboard, tries another query for a chart, saves it, and finds it in the history.
pub(super) async fn edit_chart(page: &Page, conversation: &str) -> Result<()> {
    let charts = page
        .get(&format!(
            "/api/v1/editor/sql?con_uid={conversation}&round=1"
        ))
        .await?;
    for one in list(&charts) {
        has(
            one,
            "title:string sql:string thoughts:string showcase:string",
        );
    }
    let before = list(&charts)
        .iter()
        .find(|one| one["title"] == "People by town")
        .cloned()
        .unwrap_or_default();
    assert_eq!(before["sql"], SQL);
    let drawn = page
        .post(
            "/api/v1/editor/chart/run",
            &json!({"db_name": "towns", "sql": LARGEST, "chart_type": "PieChart"}),
        )
        .await?;
    check_drawn(&drawn, &json!("PieChart"));
    let saved = page
        .post(
            "/api/v1/chart/editor/submit",
            &json!({
                "conv_uid": conversation, "chart_title": "People by town", "db_name": "towns",
                "old_sql": before["sql"], "new_chart_type": "Table", "new_sql": LARGEST,
                "new_comment": "The largest alone.", "gmt_create": 1_732_500_000_000_i64,
            }),
        )
        .await?;
    assert_eq!(saved, Value::Null);
    let shown = report(&page.shown(conversation, 1).await?);
    let after = chart(&shown, "People by town");
    assert_eq!(
        (
            &after["chart_sql"],
            &after["chart_type"],
            &after["chart_desc"]
        ),
        (
            &json!(LARGEST),
            &json!("Table"),
            &json!("The largest alone.")
        )
    );
    assert_eq!(
        after["values"],
        json!([{"name": "Oslo", "type": "people", "value": "3"}])
    );
    // The others stay as they were.
    assert_eq!(chart(&shown, "People")["values"][0]["value"], "6");
    Ok(())
}

/// What the file's answer is read by.
pub(super) fn check_regions(shown: &str) {
    let chart = chart_view(shown);
    let rows = list(&chart["data"]);
    assert_eq!(rows.len(), 4, "{chart}");
    assert_eq!(
        rows[0],
        json!({"region": "West", "total_revenue": 24_995.64})
    );
}

/// Removes a conversation: its messages go, and it is not listed any more.
pub(super) async fn delete(page: &Page, conversation: &str) -> Result<()> {
    let path = format!("/api/v1/chat/dialogue/delete?con_uid={conversation}");
    assert_eq!(page.act(&path).await?, Value::Null);
    assert!(page.listed(conversation).await?.is_none());
    assert!(page.history(conversation).await?.is_empty());
    Ok(())
}
