//! Charts that are edited: what changes with them, and what leaves everything as it was.

use std::time::Duration;

use super::*;

/// A query that goes on until it is cancelled.
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";

/// Submits another query for a chart; the envelope.
pub(super) async fn submit(
    user: &User,
    conversation: &str,
    title: &str,
    sql: &str,
) -> Result<Value> {
    submit_as(user, conversation, title, "towns", sql, "Table").await
}

async fn submit_as(
    user: &User,
    conversation: &str,
    title: &str,
    datasource: &str,
    sql: &str,
    showcase: &str,
) -> Result<Value> {
    let body = json!({
        "conv_uid": conversation, "chart_title": title, "db_name": datasource, "old_sql": "x",
        "new_chart_type": showcase, "new_sql": sql, "new_comment": "Edited.", "gmt_create": 0,
    });
    Ok(user
        .post("/api/v1/chart/editor/submit", &body)
        .await?
        .json())
}

#[tokio::test]
async fn an_edited_chart_is_shown_listed_and_carried_away_as_it_is_now() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    let before = report(&user, "c", WISH).await?;
    let sql = "SELECT name, id FROM people ORDER BY id LIMIT 2";
    let edit = submit_as(&user, "c", "Boats", "towns", sql, "BarChart").await?;
    assert_eq!(
        (&edit["success"], &edit["data"]),
        (&json!(true), &Value::Null),
        "{edit}"
    );
    let (said, after) = kept(&user, "c").await?;
    let boats = chart(&after, "Boats");
    assert_eq!(boats.get("err_msg"), None, "{boats}");
    assert_eq!(
        (
            &boats["chart_type"],
            &boats["chart_sql"],
            &boats["chart_desc"]
        ),
        (&json!("BarChart"), &json!(sql), &json!("Edited."))
    );
    assert_eq!(
        boats["values"],
        json!([
            {"name": "Ann", "type": "id", "value": "1"},
            {"name": "Bo", "type": "id", "value": "2"},
        ])
    );
    assert_eq!(boats["chart_uid"], chart(&before, "Boats")["chart_uid"]);
    for title in ["Towns", "People", "Pay"] {
        assert_eq!(chart(&after, title), chart(&before, title));
    }
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!(
        said[1],
        json!({"thoughts": "Edited.", "showcase": "BarChart", "sql": sql, "title": "Boats"})
    );
    assert_eq!(said[0], proposed("Towns", SQL, "BarChart"));
    let list = user
        .get("/api/v1/editor/chart/list?con_uid=c")
        .await?
        .data();
    assert_eq!(list["charts"][1]["sql"], sql);
    let body = json!({"con_uid": "c", "chart_title": "Boats"});
    let info = user.post("/api/v1/editor/chart/info", &body).await?.data();
    assert_eq!(
        info["table_value"],
        json!([["name", "id"], ["Ann", 1], ["Bo", 2]])
    );
    let page = user
        .get("/api/v1/editor/dashboard/export?con_uid=c")
        .await?;
    assert!(!page.text.contains("could not be drawn"), "{}", page.text);
    // A display that the rows do not fit is another one, and never a blank.
    let sql = "SELECT name FROM people";
    let edit = submit_as(&user, "c", "Boats", "towns", sql, "LineChart").await?;
    assert_eq!(edit["success"], true, "{edit}");
    let after = kept(&user, "c").await?.1;
    assert_eq!(chart(&after, "Boats")["chart_type"], "Table");
    assert_eq!(chart(&after, "Boats")["values"][0]["value"], "Ann");
    Ok(())
}

#[tokio::test]
async fn an_edit_that_fails_changes_nothing() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    app.add_sqlite("other", "CREATE TABLE t (a INTEGER)")
        .await?;
    let user = app.anonymous();
    report(&user, "c", WISH).await?;
    let before = kept(&user, "c").await?;
    for (conversation, title, datasource, sql, showcase, code, told) in [
        (
            "c",
            "Towns",
            "towns",
            MISSING,
            "Table",
            "E000X",
            "Edit chart exception!towns: no such table",
        ),
        (
            "c",
            "Towns",
            "towns",
            "DROP TABLE people",
            "Table",
            "E000X",
            "Edit chart exception!",
        ),
        (
            "c",
            "Twons",
            "towns",
            SQL,
            "Table",
            "E000X",
            "did you mean 'Towns'?",
        ),
        (
            "nope",
            "Towns",
            "towns",
            SQL,
            "Table",
            "E000X",
            "no conversation named 'nope'",
        ),
        (
            "c",
            "Towns",
            "other",
            "SELECT 1",
            "Table",
            "E000X",
            "was asked of 'towns'",
        ),
        (
            "c",
            "Towns",
            "twons",
            SQL,
            "Table",
            "E0003",
            "did you mean 'towns'?",
        ),
        (
            "c",
            "Towns",
            "towns",
            SQL,
            "Hologram",
            "E0001",
            "new_chart_type",
        ),
        ("c", "Towns", "towns", "  ", "Table", "E0001", "new_sql"),
    ] {
        let edit = submit_as(&user, conversation, title, datasource, sql, showcase).await?;
        assert_eq!(edit["success"], false, "{edit}");
        assert_eq!(edit["err_code"], code, "{edit}");
        let message = edit["err_msg"].as_str().context("a reason")?;
        assert!(message.contains(told), "{told}: {message}");
        assert_eq!(kept(&user, "c").await?, before, "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_edit_whose_query_goes_on_and_on_is_stopped_like_a_turn() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    report(&user, "c", WISH).await?;
    let before = kept(&user, "c").await?;
    let edit = submit(&user, "c", "Towns", ENDLESS);
    tokio::pin!(edit);
    let edit = loop {
        tokio::select! {
            edit = &mut edit => break edit?,
            // It may not have begun the first time.
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                let stop = "/api/v1/chat/topic/terminate?conv_id=c";
                user.post(stop, &json!({})).await?.data();
            }
        }
    };
    assert_eq!(edit["err_code"], "E000X", "{edit}");
    let message = edit["err_msg"].as_str().context("a reason")?;
    assert!(message.contains("was stopped"), "{message}");
    assert_eq!(kept(&user, "c").await?, before);
    Ok(())
}
