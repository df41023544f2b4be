//! Questions to files, and how files introduce themselves.

use anyhow::{Context as _, Result};
use reqwest::Method;
use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};
use serde_json::{Value, json};
use tidegate_tests::{TestApp, upstream::Script};

use super::{HISTORY, LOAD, UPLOAD, app, ask, chart, said, send};
use crate::support::TOWNS;

/// Towns, quarters in words and amounts, in GBK as a Chinese spreadsheet writes it: 南京 has the most, 10.
const GBK: &[u8] = b"\xb3\xc7\xca\xd0,\xd4\xc2\xb7\xdd,\xcf\xfa\xc1\xbf\r\n\
\xb1\xb1\xbe\xa9,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xd2\xbb\xbc\xbe\xb6\xc8,1\r\n\
\xc9\xcf\xba\xa3,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xb6\xfe\xbc\xbe\xb6\xc8,8\r\n\
\xb9\xe3\xd6\xdd,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xc8\xfd\xbc\xbe\xb6\xc8,5\r\n\
\xc9\xee\xdb\xda,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xcb\xc4\xbc\xbe\xb6\xc8,2\r\n\
\xba\xbc\xd6\xdd,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xd2\xbb\xbc\xbe\xb6\xc8,9\r\n\
\xb3\xc9\xb6\xbc,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xb6\xfe\xbc\xbe\xb6\xc8,6\r\n\
\xce\xe4\xba\xba,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xc8\xfd\xbc\xbe\xb6\xc8,3\r\n\
\xc4\xcf\xbe\xa9,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xcb\xc4\xbc\xbe\xb6\xc8,10\r\n\
\xd6\xd8\xc7\xec,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xd2\xbb\xbc\xbe\xb6\xc8,7\r\n\
\xcc\xec\xbd\xf2,\xb6\xfe\xc1\xe3\xb6\xfe\xcb\xc4\xc4\xea\xb5\xda\xb6\xfe\xbc\xbe\xb6\xc8,4\r\n";

#[tokio::test]
async fn a_chinese_csv_is_sent_introduced_and_asked() -> Result<()> {
    let question = "哪个城市销量最高?";
    let sql = "SELECT 城市, 销量 FROM 销售_数据 ORDER BY 销量 DESC LIMIT 1";
    let (app, _upstream) = app(Script::default().sql(question, sql)).await?;
    let user = app.anonymous();
    let sent = send(&user, UPLOAD, &[("doc_files", "销售 数据.csv", GBK)])
        .await?
        .data();
    assert_eq!(
        (&sent["is_oss"], &sent["file_learning"], &sent["bucket"]),
        (&json!(true), &json!(true), &json!("dbgpt_app_file"))
    );
    assert_eq!(sent["file_name"], "销售 数据.csv");
    let place = sent["file_path"].as_str().context("a place")?;
    assert!(
        place.starts_with("dbgpt-fs://local/dbgpt_app_file/"),
        "{place}"
    );
    let told = said(&user.get(HISTORY).await?.data());
    let roles: Vec<&str> = told.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["human", "ai", "view"]);
    assert!(told[0].1.contains("销售 数据.csv"), "{}", told[0].1);
    assert!(
        told[2].1.starts_with("alpha beta"),
        "the model's words come first: {}",
        told[2].1
    );
    assert!(
        told[2].1.contains("10 rows") && told[2].1.contains("| 城市 | TEXT | 北京"),
        "the facts stand below: {}",
        told[2].1
    );
    // As the current pages send it back, and as its text.
    for select_param in [sent.clone(), json!(sent.to_string())] {
        let text = ask(&user, question, select_param).await?;
        let chart = chart(&text)?;
        assert_eq!(chart["data"], json!([{"城市": "南京", "销量": 10}]));
        assert_eq!(chart["evidence"]["datasource"], "销售 数据.csv");
        assert_eq!(chart["evidence"]["tables_shown"], json!(["销售_数据"]));
    }
    Ok(())
}

fn book() -> Result<Vec<u8>> {
    let fill = |sheet: &mut Worksheet, name: &str, rows: &[&[&str]]| -> Result<(), XlsxError> {
        sheet.set_name(name)?;
        for (at, row) in rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let (at, column) = (at as u32, column as u16);
                match cell.parse::<f64>() {
                    Ok(number) => sheet.write(at, column, number)?,
                    Err(_) => sheet.write(at, column, *cell)?,
                };
            }
        }
        Ok(())
    };
    let mut book = Workbook::new();
    fill(
        book.add_worksheet(),
        "Customers",
        &[&["id", "town"], &["1", "Oslo"], &["2", "Bergen"]],
    )?;
    fill(
        book.add_worksheet(),
        "Orders 2024",
        &[
            &["order_id", "customer_id", "amount"],
            &["10", "1", "5.5"],
            &["11", "1", "4.5"],
            &["12", "2", "7.5"],
        ],
    )?;
    fill(
        book.add_worksheet(),
        "Returns",
        &[&["order_id", "reason"], &["11", "broken"], &["12", "late"]],
    )?;
    Ok(book.save_to_buffer()?)
}

#[tokio::test]
async fn the_sheets_of_a_workbook_are_joined_as_older_pages_ask_for_it() -> Result<()> {
    let question = "how much was returned per town?";
    let sql = "SELECT c.town, SUM(o.amount) AS returned FROM Returns r JOIN Orders_2024 o ON o.order_id = r.order_id \
               JOIN Customers c ON c.id = o.customer_id GROUP BY c.town ORDER BY returned DESC";
    let (app, upstream) = app(Script::default().sql(question, sql)).await?;
    let user = app.anonymous();
    let history = send(&user, LOAD, &[("doc_file", "shop.xlsx", &book()?)])
        .await?
        .data();
    let told = said(&history);
    assert_eq!(told.len(), 3, "{history}");
    for table in ["Customers", "Orders\\_2024", "Returns"] {
        assert!(told[2].1.contains(&format!("**{table}**")), "{}", told[2].1);
    }
    let text = ask(&user, question, json!("shop.xlsx")).await?;
    let answered = chart(&text)?;
    assert_eq!(
        answered["data"],
        json!([{"town": "Bergen", "returned": 7.5}, {"town": "Oslo", "returned": 4.5}])
    );
    // The introduction is no example of how to answer.
    let asked = upstream.seen().pop().context("a request")?;
    assert!(!asked.to_string().contains("alpha beta"), "{asked}");
    Ok(())
}

#[tokio::test]
async fn a_parquet_file_is_asked_by_its_place() -> Result<()> {
    let question = "how many people are there?";
    let sql = "SELECT COUNT(*) AS people FROM people";
    let (app, _upstream) = app(Script::default().sql(question, sql)).await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    let body =
        json!({"db_name": "towns", "sql": "SELECT name, town FROM people", "format": "parquet"});
    let exported = user
        .request(Method::POST, "/api/v1/editor/sql/export")
        .json(&body)
        .send()
        .await?
        .bytes()
        .await?;
    let sent = send(&user, UPLOAD, &[("file", "people.parquet", &exported)])
        .await?
        .data();
    let text = ask(&user, question, sent["file_path"].clone()).await?;
    assert_eq!(chart(&text)?["data"], json!([{"people": 6}]));
    Ok(())
}

#[tokio::test]
async fn a_question_that_names_no_file_is_about_the_last_one() -> Result<()> {
    let (app, _upstream) =
        app(Script::default().sql("how many?", "SELECT COUNT(*) AS n FROM b")).await?;
    let user = app.anonymous();
    let none = ask(&user, "how many?", Value::Null).await?;
    assert!(none.contains("/api/v1/resource/file/upload"), "{none}");
    for name in ["a.csv", "b.csv"] {
        send(&user, UPLOAD, &[("doc_files", name, b"n\n1\n2\n")])
            .await?
            .data();
    }
    let text = ask(&user, "how many?", Value::Null).await?;
    assert_eq!(chart(&text)?["data"], json!([{"n": 2}]));
    Ok(())
}

#[tokio::test]
async fn a_file_introduces_itself_where_the_model_fails_and_only_once() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/fails-midway")
        .start()
        .await?;
    let user = app.anonymous();
    let path = UPLOAD.replace("scripted", "dummy/fails-midway");
    let content = b"day,region,revenue\n2024-01-01,South,10.50\n2024-01-02,North,7.25\n2024-02-01,South,3.00\n";
    let sent = send(&user, &path, &[("doc_files", "sales.csv", content)])
        .await?
        .data();
    let told = said(&user.get(HISTORY).await?.data());
    let view = &told[2].1;
    assert!(
        view.starts_with("**sales.csv** holds one table with 3 rows."),
        "{view}"
    );
    assert!(view.contains("You could ask:"), "{view}");
    assert!(
        view.contains("What is the total revenue per region"),
        "{view}"
    );
    let body = |mode: &str, select_param: &Value| {
        json!({
            "conv_uid": "c-1", "chat_mode": mode, "model_name": "dummy/fails-midway", "user_input": "",
            "select_param": select_param,
        })
    };
    let again = user
        .post("/api/v1/chat/prepare", &body("chat_excel", &sent))
        .await?
        .data();
    assert_eq!(said(&again), told);
    let other = json!({"conv_uid": "c-2", "chat_mode": "chat_normal", "user_input": ""});
    let other = user.post("/api/v1/chat/prepare", &other).await?.data();
    assert_eq!(other, json!([]), "other modes have nothing to prepare");
    let unknown = user
        .post("/api/v1/chat/prepare", &body("chat_nope", &sent))
        .await?;
    assert_eq!(
        (unknown.status, &unknown.json()["err_code"]),
        (400, &json!("E0003"))
    );
    assert!(unknown.text.contains("Known are "), "{}", unknown.text);
    Ok(())
}

#[tokio::test]
async fn many_prepare_one_conversation_at_once_and_it_is_introduced_once() -> Result<()> {
    let (app, _upstream) = app(Script::default()).await?;
    let user = app.anonymous();
    // Sent for another mode, so that nothing is prepared yet.
    let path = UPLOAD.replace("chat_excel", "chat_normal");
    send(&user, &path, &[("doc_files", "n.csv", b"n\n1\n")])
        .await?
        .data();
    assert_eq!(user.get(HISTORY).await?.data(), json!([]));
    let body = json!({"conv_uid": "c-1", "chat_mode": "chat_excel", "select_param": "n.csv"});
    let preparing = (0..4).map(|_| user.post("/api/v1/chat/prepare", &body));
    for reply in futures::future::join_all(preparing).await {
        assert_eq!(said(&reply?.data()).len(), 3);
    }
    assert_eq!(said(&user.get(HISTORY).await?.data()).len(), 3);
    Ok(())
}
