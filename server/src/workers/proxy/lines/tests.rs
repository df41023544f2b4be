//! Streams cut at every place, broken at every place, and what of them is passed on.

use futures::{StreamExt as _, stream};
use secrecy::SecretString;

use super::*;

const KEY: &str = "sk-very-secret";
const WORD: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\": \"stop\"}]}\n\n";
const END: &str = "data: [DONE]\n\n";

fn lines(pieces: &[&str]) -> Lines {
    let pieces: Vec<reqwest::Result<Bytes>> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from((*piece).to_owned())))
        .collect();
    let words = Arc::new(Words::new("gpt", SecretString::from(KEY)));
    let limit = Duration::from_mins(1);
    Lines::of(stream::iter(pieces).boxed(), words, limit, true)
}

/// What is passed on, and how it ends where it ends badly.
async fn passed(mut lines: Lines) -> (String, Option<String>) {
    let mut text = String::new();
    while let Some(piece) = lines.next().await {
        match piece {
            Ok(piece) => text.push_str(std::str::from_utf8(&piece).expect("text")),
            Err(error) => {
                assert!(lines.next().await.is_none(), "nothing follows a failure");
                return (text, Some(error.to_string()));
            }
        }
    }
    (text, None)
}

#[tokio::test]
async fn every_byte_is_passed_on_wherever_it_was_cut() {
    let whole = format!(": hello\n\n{WORD}{LAST}{END}").replace("\"a\"", "\"é\"");
    for at in 1..whole.len() {
        let (before, behind) = whole.as_bytes().split_at(at);
        let pieces: Vec<reqwest::Result<Bytes>> = vec![
            Ok(Bytes::copy_from_slice(before)),
            Ok(Bytes::copy_from_slice(behind)),
        ];
        let words = Arc::new(Words::new("gpt", SecretString::from("")));
        let lines = Lines::of(
            stream::iter(pieces).boxed(),
            words,
            Duration::from_mins(1),
            true,
        );
        assert_eq!(passed(lines).await, (whole.clone(), None), "cut at {at}");
    }
}

#[tokio::test]
async fn only_whole_lines_are_passed_on_where_a_stream_breaks_off() {
    let cut_short = Some(format!("gpt: {CUT_SHORT}"));
    let half = &WORD[..20];
    assert_eq!(
        passed(lines(&[WORD, half])).await,
        (WORD.to_owned(), cut_short.clone())
    );
    assert_eq!(
        passed(lines(&[WORD])).await,
        (WORD.to_owned(), cut_short.clone())
    );
    assert_eq!(passed(lines(&[half])).await, (String::new(), cut_short));
}

#[tokio::test]
async fn an_end_that_was_not_said_is_said_where_the_answer_is_over() {
    let whole = format!("{WORD}{LAST}{END}");
    assert_eq!(
        passed(lines(&[WORD, LAST])).await,
        (whole.clone(), None),
        "not at all"
    );
    let (text, failure) = passed(lines(&[WORD, LAST, "data: [DONE]"])).await;
    assert_eq!((text, failure), (whole.clone(), None), "without a line end");
    let (text, failure) = passed(lines(&[WORD, LAST.trim_end()])).await;
    assert_eq!((text, failure), (whole, None), "behind half a line");
}

#[tokio::test]
async fn an_error_is_told_without_the_key_and_what_came_before_it_stays() {
    let error = format!("data: {{\"error\": {{\"message\": \"wrong key {KEY}\"}}}}\n\n");
    let told = Some("gpt: wrong key ******".to_owned());
    for pieces in [
        vec![WORD.to_owned(), error.clone(), END.to_owned()],
        vec![format!("{WORD}{error}{END}")],
    ] {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (text, failure) = passed(lines(&pieces)).await;
        assert_eq!((text.trim_end(), &failure), (WORD.trim_end(), &told));
    }
    let (_, failure) = passed(lines(&["error: {\"message\": \"busy\"}\n"])).await;
    assert_eq!(failure.as_deref(), Some("gpt: busy"));
    let (_, failure) = passed(lines(&["data: <html>\n"])).await;
    assert!(failure.is_some_and(|told| told.contains("not a chunk")));
}

#[tokio::test]
async fn the_word_error_in_an_answer_is_no_error() {
    let chunk = "data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"an \\\"error\\\"\"},\"finish_reason\":\"stop\"}]}\n\n";
    let (text, failure) = passed(lines(&[chunk, END])).await;
    assert_eq!((text, failure), (format!("{chunk}{END}"), None));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_late_and_one_that_is_over_is_not() {
    let silent = |pieces: Vec<&'static str>| {
        let pieces = stream::iter(pieces)
            .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
            .chain(stream::pending())
            .boxed();
        let words = Arc::new(Words::new("gpt", SecretString::from("")));
        Lines::of(pieces, words, Duration::from_secs(5), true)
    };
    let (text, failure) = passed(silent(vec![WORD])).await;
    assert_eq!(text, WORD);
    assert_eq!(
        failure.as_deref(),
        Some("a piece of the answer of 'gpt' took longer than 5 s")
    );
    let (text, failure) = passed(silent(vec![WORD, LAST, END])).await;
    assert_eq!((text, failure), (format!("{WORD}{LAST}{END}"), None));
}

#[tokio::test]
async fn a_line_without_an_end_is_not_kept_for_ever() {
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 1 << 20]))).boxed();
    let words = Arc::new(Words::new("gpt", SecretString::from("")));
    let (text, failure) = passed(Lines::of(endless, words, Duration::from_mins(1), true)).await;
    assert!(text.is_empty());
    assert!(failure.is_some_and(|told| told.contains("a line of more than")));
}
