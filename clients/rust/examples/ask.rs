//! Asks the sample database a question: `cargo run -p tidegate-client --example ask -- shop "top 5 cities?"`.

use futures::StreamExt as _;
use tidegate_client::{Tidegate, TurnEvent, TurnRequest};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example prints what it gets")]
#[expect(
    clippy::disallowed_methods,
    reason = "an example is configured by its environment"
)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let datasource = arguments.next().unwrap_or_else(|| "shop".to_owned());
    let question = arguments
        .next()
        .unwrap_or_else(|| "how many orders per city in 2024, top 5?".to_owned());
    let server =
        std::env::var("TIDEGATE_URL").unwrap_or_else(|_| "http://127.0.0.1:5670".to_owned());
    let key = std::env::var("TIDEGATE_KEY").ok();

    let tidegate = Tidegate::new(&server, key.as_deref())?;
    for source in tidegate
        .rest
        .list_datasources_v1()
        .send()
        .await?
        .into_inner()
        .data
        .unwrap_or_default()
    {
        println!("{} ({})", source.db_name, source.db_type);
    }
    let mut events = tidegate
        .turn(&TurnRequest::about(&datasource, &question))
        .await?;
    while let Some(event) = events.next().await {
        match event? {
            TurnEvent::Thinking(piece) | TurnEvent::Text(piece) => print!("{piece}"),
            TurnEvent::Done(asked) => {
                if asked.failed {
                    println!("\nThe query failed.");
                }
                println!("\n{}", asked.sql.unwrap_or_default());
                for row in asked.rows {
                    println!("{}", serde_json::Value::Object(row));
                }
            }
        }
    }
    Ok(())
}
