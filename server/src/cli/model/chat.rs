//! `tidegate model chat`: a conversation in the terminal.

use std::io::{IsTerminal as _, stdin};

use anyhow::{Context as _, bail};
use clap::Args;
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines, Stdin};

use super::server::{Door, Server};
use crate::{
    cli::{complain, for_terminal, print},
    config::Config,
};

/// Most bytes of a question that is piped in.
const MOST_PIPED: u64 = 8 << 20;

/// Talk to a model.
#[derive(Debug, Args)]
pub struct Chat {
    /// Its name.
    name: String,
    /// Instructions for the model.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// How freely it chooses words; 0 is the likeliest each time.
    #[arg(long)]
    temperature: Option<f32>,
    /// Most tokens of an answer.
    #[arg(long)]
    max_tokens: Option<u32>,
    #[command(flatten)]
    door: Door,
}

/// What is typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    Quit,
    Clear,
    Help,
    Nothing,
    Said(&'a str),
}

impl<'a> Typed<'a> {
    fn read(line: &'a str) -> Self {
        match line.trim() {
            "" => Self::Nothing,
            "/quit" | "/exit" => Self::Quit,
            "/clear" => Self::Clear,
            "/help" => Self::Help,
            said => Self::Said(said),
        }
    }
}

impl Chat {
    /// Talks until the person has enough, or answers what is piped in.
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let server = Server::of(config, self.door.clone())?;
        let mut messages = self.beginning();
        if !stdin().is_terminal() {
            let mut question = String::new();
            tokio::io::stdin()
                .take(MOST_PIPED)
                .read_to_string(&mut question)
                .await
                .context("reading standard input")?;
            if question.trim().is_empty() {
                bail!("nothing was piped in; pipe a question, or run it in a terminal");
            }
            messages.push(json!({"role": "user", "content": question.trim()}));
            self.answer(&server, &messages).await?;
            return Ok(());
        }
        complain(&for_terminal(&format!(
            "Talking to {}. /clear begins anew, /quit ends.",
            self.name
        )));
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = next(&mut lines).await? {
            match Typed::read(&line) {
                Typed::Quit => break,
                Typed::Nothing => {}
                Typed::Clear => {
                    messages = self.beginning();
                    complain("Begun anew.");
                }
                Typed::Help => complain(
                    "/clear forgets what was said, /quit ends; anything else is said to the model.",
                ),
                Typed::Said(said) => {
                    messages.push(json!({"role": "user", "content": said}));
                    match self.answer(&server, &messages).await {
                        Ok(answer) => {
                            messages.push(json!({"role": "assistant", "content": answer}));
                        }
                        Err(error) => {
                            // As if it had not been said: it can be put again.
                            messages.pop();
                            complain(&for_terminal(&format!("error: {error:#}")));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn beginning(&self) -> Vec<Value> {
        let system = self.system.iter();
        system
            .map(|text| json!({"role": "system", "content": text}))
            .collect()
    }

    fn body(&self, messages: &[Value]) -> Value {
        let mut body = json!({"model": self.name, "messages": messages, "stream": true});
        if let Some(temperature) = self.temperature {
            body["temperature"] = json!(temperature);
        }
        if let Some(most) = self.max_tokens {
            body["max_tokens"] = json!(most);
        }
        body
    }

    /// Prints an answer as it is written; all of it.
    async fn answer(&self, server: &Server, messages: &[Value]) -> anyhow::Result<String> {
        let response = server
            .post("/v1/chat/completions", &self.body(messages))
            .await?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.unwrap_or_default();
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            match failure(&body) {
                Some(message) => bail!("{message}"),
                None => bail!("the server answered with status {status}"),
            }
        }
        let mut events = std::pin::pin!(response.bytes_stream().eventsource());
        let mut answer = String::new();
        let mut is_whole = false;
        while let Some(event) = events.next().await {
            let event = event.context("the answer broke off")?;
            if event.data == "[DONE]" {
                is_whole = true;
                break;
            }
            let frame: Value = serde_json::from_str(&event.data)
                .context("the server wrote a piece that is no JSON")?;
            if let Some(message) = failure(&frame) {
                print("\n")?;
                bail!("{message}");
            }
            if let Some(piece) = frame
                .pointer("/choices/0/delta/content")
                .and_then(Value::as_str)
            {
                answer.push_str(piece);
                print(&for_terminal(piece))?;
            }
        }
        print("\n")?;
        if !is_whole {
            bail!("the answer broke off");
        }
        Ok(answer)
    }
}

/// The next line that is typed; nothing at the end.
async fn next(lines: &mut Lines<BufReader<Stdin>>) -> anyhow::Result<Option<String>> {
    print("> ")?;
    lines.next_line().await.context("reading what is typed")
}

/// What a frame or a body says of a failure.
fn failure(body: &Value) -> Option<&str> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let message = error.get("message").and_then(Value::as_str);
    Some(message.unwrap_or("the server reports a failure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_begin_with_a_slash_and_stand_alone() {
        for (line, typed) in [
            (" /quit ", Typed::Quit),
            ("/exit", Typed::Quit),
            ("/clear", Typed::Clear),
            ("/help", Typed::Help),
            ("  ", Typed::Nothing),
            ("/clear the table?", Typed::Said("/clear the table?")),
            (" hello ", Typed::Said("hello")),
        ] {
            assert_eq!(Typed::read(line), typed, "{line}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_sent() {
        let chat = Chat {
            name: "m".to_owned(),
            system: Some("be brief".to_owned()),
            temperature: None,
            max_tokens: Some(5),
            door: Door::default(),
        };
        let body = chat.body(&chat.beginning());
        assert_eq!(
            body,
            json!({
                "model": "m", "messages": [{"role": "system", "content": "be brief"}], "stream": true,
                "max_tokens": 5,
            })
        );
    }

    #[test]
    fn a_failure_is_told_in_the_servers_words() {
        let body = json!({"error": {"message": "no model named 'x'"}});
        assert_eq!(failure(&body), Some("no model named 'x'"));
        assert_eq!(failure(&json!({"choices": [], "error": null})), None);
    }
}
