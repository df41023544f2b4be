//! Which requests are passed on, and which are read.

use super::*;

const CHAT: RelayPath = RelayPath::ChatCompletions;

fn head(path: RelayPath, body: &str) -> Option<Head> {
    Head::of(path, body.as_bytes())
}

/// A conversation with these fields beside it.
fn chat(more: &str) -> Option<Head> {
    let body = format!(
        "{{ \"messages\": [{{\"role\": \"user\", \"content\": \"a \\\"model\\\": \\\"x\\\"\"}}],{more} \"model\" : \"g\\u0070t\" }}"
    );
    let head = head(CHAT, &body)?;
    assert_eq!(&body[head.model.clone()], "\"g\\u0070t\"", "{body}");
    assert_eq!(head.name, "gpt");
    Some(head)
}

#[test]
fn a_plain_request_is_passed_on_with_where_its_models_name_stands() {
    let plain = chat("").expect("plain");
    assert_eq!((plain.stream, plain.most_tokens), (false, None));
    let streamed = chat(
        r#""stream": true, "max_completion_tokens": 9, "temperature": 0.5, "stop": ["a"], "seed": -1, "n": 1,
           "tools": [], "tool_choice": "auto", "response_format": {"type": "json_object"}, "datasource": "",
           "logprobs": true, "top_k": -1, "user": null, "unheard_of": [{}],"#,
    )
    .expect("plain");
    assert_eq!((streamed.stream, streamed.most_tokens), (true, Some(9)));
    for (path, body) in [
        (
            RelayPath::Completions,
            r#"{"model": "m", "prompt": ["a"], "logprobs": 5}"#,
        ),
        (
            RelayPath::Embeddings,
            r#"{"model": "m", "input": [1, 2], "encoding_format": "base64"}"#,
        ),
        (
            RelayPath::Rerank,
            r#"{"model": "m", "query": "q", "documents": ["d"], "top_n": 1}"#,
        ),
    ] {
        assert!(head(path, body).is_some(), "{body}");
    }
}

#[test]
fn what_is_ours_or_read_in_several_ways_or_wrong_is_read() {
    for more in [
        r#""datasource": "shop","#,
        r#""user_input": "hi","#,
        r#""functions": [],"#,
        r#""n": 2,"#,
        r#""best_of": 2,"#,
        r#""stream": "yes","#,
        r#""temperature": 3,"#,
        r#""temperature": "hot","#,
        r#""max_tokens": 0,"#,
        r#""max_tokens": 1.5,"#,
        r#""top_k": 0,"#,
        r#""stop": 7,"#,
        r#""logprobs": 5,"#,
        r#""model": "twice","#,
        r#""messages": [{"role": "user"}],"#,
    ] {
        assert_eq!(chat(more), None, "{more}");
    }
    for body in [
        "",
        "[]",
        "{",
        r#"{"model": "m"}"#,
        r#"{"messages": [{"role": "user"}]}"#,
        r#"{"model": "", "messages": [{"role": "user"}]}"#,
        r#"{"model": 7, "messages": [{"role": "user"}]}"#,
        r#"{"model": "m", "messages": "hi"}"#,
        r#"{"model": "m", "messages": []}"#,
        r#"{"model": "m", "messages": [{"role": "human"}]}"#,
        r#"{"model": "m", "messages": [{"content": "no role"}]}"#,
        r#"{"model": "m", "messages": [{"role": "user"}]} {}"#,
    ] {
        assert_eq!(head(CHAT, body), None, "{body}");
    }
    for (path, body) in [
        (RelayPath::Completions, r#"{"model": "m"}"#),
        (RelayPath::Embeddings, r#"{"model": "m", "input": []}"#),
        (
            RelayPath::Embeddings,
            r#"{"model": "m", "input": "a", "dimensions": 8}"#,
        ),
        (
            RelayPath::Rerank,
            r#"{"model": "m", "query": "q", "documents": [{"text": "d"}]}"#,
        ),
        (
            RelayPath::Rerank,
            r#"{"model": "m", "query": "q", "documents": ["d"], "stream": true}"#,
        ),
    ] {
        assert_eq!(head(path, body), None, "{body}");
    }
}
