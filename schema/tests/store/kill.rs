//! kill -9 while turns are written: what was acknowledged is there once, nothing is half there.

use std::{
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use tidegate_schema::{
    model::{Message, MessageDetail, NewMessage, Role},
    store::{Sealer, Store, StoreUrl},
};

use crate::place::{Place, at, head, message, on_both};

on_both!(a_killed_writer_leaves_whole_turns);

const ADDRESS: &str = "TIDEGATE_TEST_WRITE_TO";
const RUN: &str = "TIDEGATE_TEST_RUN";
/// Long enough for an answer to be many pages of the database.
const ANSWER_BYTES: usize = 40_000;
const LIVES: usize = 4;

/// The process that is killed: this test binary, told by the environment where to write. It says `asked` and
/// `answered` after the store has said so, and never ends by itself.
#[test]
#[ignore = "started and killed by the tests below"]
#[expect(clippy::disallowed_methods, reason = "its parent speaks to it so")]
fn writer() {
    let (Ok(address), Ok(run)) = (env::var(ADDRESS), env::var(RUN)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = StoreUrl::parse(&address).unwrap();
        let store = Store::open(&url, Sealer::from_bytes(&[7; 32]))
            .await
            .unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4 {
            // Two to a conversation.
            writers.spawn(write(
                store.clone(),
                format!("c{}", writer / 2),
                format!("{run}.{writer}"),
            ));
        }
        writers.join_all().await;
    });
}

async fn write(store: Store, conversation: String, writer: String) {
    for turn in 0.. {
        let name = format!("{writer}.{turn}");
        let begun = store
            .begin_turn(head(&conversation), message(Role::Human, &name), at(turn))
            .await
            .unwrap();
        let round = begun.round;
        say(&format!("asked {conversation} {round} {name}"));
        let detail = MessageDetail {
            evidence: Some(
                serde_json::json!({ "name": name, "padding": "e".repeat(ANSWER_BYTES) }),
            ),
            ..MessageDetail::default()
        };
        let answer = vec![
            message(Role::Ai, &name),
            NewMessage {
                role: Role::View,
                content: view(&name),
                detail,
            },
        ];
        store
            .finish_turn(&conversation.as_str().into(), &begun, answer, at(turn))
            .await
            .unwrap();
        say(&format!("answered {conversation} {round} {name}"));
    }
}

fn view(name: &str) -> String {
    format!("{name}:{}", "v".repeat(ANSWER_BYTES))
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nACK {line}").unwrap();
    out.flush().unwrap();
}

/// `asked` and `answered`: conversation, round, name.
type Acknowledged = Vec<(bool, String, i32, String)>;

/// Lets a writer live for so many acknowledgements, then kills it.
fn live_and_die(address: &str, run: usize, acknowledgements: usize) -> Acknowledged {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::writer",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ADDRESS, address)
        .env(RUN, run.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Acknowledged::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ACK", act, conversation, round, name] = words[..] {
            acknowledged.push((
                act == "answered",
                conversation.to_owned(),
                round.parse().unwrap(),
                name.to_owned(),
            ));
        }
        // What it had said by then is still read: it was acknowledged.
        if !killed && acknowledged.len() >= acknowledgements {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "the writer ended by itself");
    child.wait().unwrap();
    acknowledged
}

async fn a_killed_writer_leaves_whole_turns(place: Place) {
    drop(place.open().await);
    let mut acknowledged = Acknowledged::new();
    for run in 0..LIVES {
        let address = place.address();
        let some = tokio::task::spawn_blocking(move || live_and_die(&address, run, 30 + 17 * run))
            .await
            .unwrap();
        acknowledged.extend(some);

        let store = place.open().await;
        let mut rounds: HashMap<(String, i32), Vec<Message>> = HashMap::new();
        for conversation in ["c0", "c1"] {
            let messages = store.list_messages(&conversation.into()).await.unwrap();
            let mut indexes: Vec<i32> = messages.iter().map(|m| m.index).collect();
            indexes.sort_unstable();
            assert_eq!(
                indexes,
                (0..messages.len() as i32).collect::<Vec<_>>(),
                "no gap and no double"
            );
            for message in messages {
                rounds
                    .entry((conversation.to_owned(), message.round))
                    .or_default()
                    .push(message);
            }
        }
        for (place, messages) in &rounds {
            let roles: Vec<Role> = messages.iter().map(|m| m.role).collect();
            let whole = [Role::Human, Role::Ai, Role::View];
            assert!(
                roles == whole || roles == whole[..1],
                "{place:?} is half there: {roles:?}"
            );
            let name = &messages[0].content;
            if let [_, ai, shown] = &messages[..] {
                assert_eq!((&ai.content, &shown.content), (name, &view(name)));
                let evidence = shown.detail.evidence.as_ref().unwrap();
                assert_eq!(evidence["name"].as_str(), Some(name.as_str()));
                assert_eq!(
                    evidence["padding"].as_str().map(str::len),
                    Some(ANSWER_BYTES)
                );
            }
        }
        for (answered, conversation, round, name) in &acknowledged {
            let messages = &rounds[&(conversation.clone(), *round)];
            assert_eq!(&messages[0].content, name);
            if *answered {
                assert_eq!(messages.len(), 3, "{name} was answered");
            }
        }
        let mut names: Vec<&String> = rounds
            .values()
            .map(|messages| &messages[0].content)
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "a question is stored once");
    }
    assert!(
        acknowledged
            .iter()
            .filter(|(answered, ..)| *answered)
            .count()
            > 40
    );
}
