//! Charts that are listed, looked at, run and carried away.

use super::*;

#[tokio::test]
async fn charts_are_listed_looked_at_and_run() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    report(&user, "c", WISH).await?;
    for spelling in ["con_uid", "conv_uid"] {
        let list = user
            .get(&format!("/api/v1/editor/chart/list?{spelling}=c"))
            .await?
            .data();
        assert_eq!(
            (&list["round"], &list["db_name"]),
            (&json!(1), &json!("towns"))
        );
        assert_eq!(list["charts"][1], proposed("Boats", MISSING, "LineChart"));
        let body = json!({spelling: "c", "chart_title": "Towns"});
        let info = user.post("/api/v1/editor/chart/info", &body).await?.data();
        assert_eq!(
            (&info["chart_type"], &info["db_name"], &info["chart_sql"]),
            (&json!("BarChart"), &json!("towns"), &json!(SQL))
        );
        assert_eq!(info["chart_value"][0]["value"], "3");
        assert_eq!(
            info["table_value"],
            json!([
                ["town", "people"],
                ["Oslo", 3],
                ["Bergen", 2],
                ["Tromsø", 1]
            ])
        );
        let body = json!({spelling: "c", "sql": SQL, "chart_type": "BarChart"});
        let ran = user.post("/api/v1/editor/chart/run", &body).await?.data();
        assert_eq!(ran["chart_type"], "BarChart");
        assert_eq!(ran["sql_data"]["colunms"], json!(["town", "people"]));
        assert_eq!(
            ran["chart_values"][0],
            json!({"name": "Oslo", "type": "people", "value": "3"})
        );
    }
    let refused = |path: &'static str, body: Value| {
        let user = user.clone();
        async move {
            let reply = user.post(path, &body).await?.json();
            anyhow::ensure!(reply["success"] == false, "{reply}");
            let text = |name: &str| reply[name].as_str().unwrap_or_default().to_owned();
            anyhow::Ok((text("err_code"), text("err_msg")))
        }
    };
    let (code, message) = refused(
        "/api/v1/editor/chart/info",
        json!({"con_uid": "c", "chart_title": "Twons"}),
    )
    .await?;
    assert_eq!(code, "E0003");
    assert!(message.contains("did you mean 'Towns'?"), "{message}");
    let (code, message) = refused(
        "/api/v1/editor/chart/info",
        json!({"con_uid": "nope", "chart_title": "Towns"}),
    )
    .await?;
    assert_eq!(code, "E000X");
    assert!(
        message.starts_with("Can't Find Chart Detail Info!"),
        "{message}"
    );
    for (sql, told) in [
        (MISSING, "no such table"),
        ("DELETE FROM people", "Operation not allowed: "),
    ] {
        let body = json!({"db_name": "towns", "sql": sql});
        let (code, message) = refused("/api/v1/editor/chart/run", body).await?;
        assert_eq!(code, "E000X");
        assert!(message.contains(told), "{message}");
    }
    let unknown = user.get("/api/v1/editor/chart/list?con_uid=nope").await?;
    assert_eq!(unknown.json()["err_msg"], "Not have charts!");
    Ok(())
}

#[tokio::test]
async fn a_dashboard_is_carried_away_as_one_page_that_leads_nowhere() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    report(&user, "c", WISH).await?;
    let page = user
        .get("/api/v1/editor/dashboard/export?con_uid=c")
        .await?;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(
        page.header("content-disposition"),
        "attachment; filename=\"Show_me_our_towns_and_what_people_earn.html\""
    );
    for part in [
        "<svg ",
        "Tromsø",
        "could not be drawn",
        "no such table",
        "<b>6</b>",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    for lead in ["://", "src=", "href", "url(", "<script", "@import"] {
        assert!(!page.text.contains(lead), "{lead}: {}", page.text);
    }
    let missing = user
        .get("/api/v1/editor/dashboard/export?con_uid=c&round=7")
        .await?;
    assert_eq!(missing.status, 400);
    assert!(
        missing.text.contains("there is one in round 1"),
        "{}",
        missing.text
    );
    Ok(())
}
