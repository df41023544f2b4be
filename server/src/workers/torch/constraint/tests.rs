//! Grammars over a small vocabulary.

mod calls;

use serde_json::{Map, Value, json};

use super::*;
use crate::workers::grammar::of_byte_level;

const END: &str = "<|end|>";

/// A byte-level vocabulary of all bytes, some longer tokens and some marks.
fn tokens() -> Tokens {
    let mut vocabulary = Map::new();
    for sign in (0..0x144_u32).filter_map(char::from_u32) {
        if of_byte_level(&sign.to_string()).is_some() {
            let id = vocabulary.len();
            vocabulary.insert(sign.to_string(), id.into());
        }
    }
    assert_eq!(vocabulary.len(), 256);
    let merges = [
        ("{", "\""),
        ("\"", ":"),
        ("t", "r"),
        ("u", "e"),
        ("tr", "ue"),
        ("n", "a"),
        ("m", "e"),
        ("na", "me"),
        ("Ġ", "\""),
        ("1", "2"),
        ("\"", "}"),
    ];
    for (left, right) in merges {
        let id = vocabulary.len();
        vocabulary.insert(format!("{left}{right}"), id.into());
    }
    let marks = [(END, true), ("[TOOL_CALLS]", true), ("<tool_call>", false)];
    let added: Vec<Value> = marks
        .iter()
        .zip(vocabulary.len()..)
        .map(|((content, special), id)| {
            json!({
                "id": id, "content": content, "special": special, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let merges: Vec<String> = merges
        .map(|(left, right)| format!("{left} {right}"))
        .to_vec();
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary,
            "merges": merges,
        },
    });
    let tokens = Tokens::of(file.to_string().parse().expect("a tokenizer"));
    let end = tokens.id(END).expect("a token");
    tokens.ending_with(&[end])
}

fn schema(schema: Value) -> Form {
    Form::JsonSchema(schema)
}

/// What a model that likes tokens by chance writes: the same behind the same text, however that came about.
fn written(form: &Form, tokens: &Tokens, seed: u64, jumps: bool) -> String {
    let mut constraint = Constraint::new(form, tokens).expect("compiles");
    let end = tokens.ends()[0];
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..2_000 {
        if constraint.is_done() {
            return String::from_utf8(bytes).expect("text");
        }
        constraint.compute().expect("goes on");
        let begun = bytes
            .iter()
            .fold(seed, |sum, &byte| mixed(sum ^ u64::from(byte)));
        let mut scores: Vec<f32> = (0..tokens.count() as u64 + 40)
            .map(|id| (mixed(begun ^ (id << 20)) >> 40) as f32)
            .collect();
        constraint.apply(&mut scores);
        let best = (0_u32..).zip(&scores).max_by(|a, b| a.1.total_cmp(b.1));
        let (token, &score) = best.expect("tokens");
        assert!(
            score > f32::NEG_INFINITY,
            "stuck behind {}",
            String::from_utf8_lossy(&bytes)
        );
        constraint.take(token).expect("was allowed");
        if token == end {
            assert!(constraint.is_done());
            continue;
        }
        bytes.extend_from_slice(tokens.piece(token).unwrap_or_default());
        if jumps {
            for forced in constraint.forced() {
                constraint.take(forced).expect("was forced");
                bytes.extend_from_slice(tokens.piece(forced).unwrap_or_default());
            }
        }
    }
    panic!("goes on for ever: {}", String::from_utf8_lossy(&bytes));
}

fn mixed(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

fn refused(form: &Form) -> String {
    match Constraint::new(form, &tokens()) {
        Ok(_) => panic!("{form:?} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_constraint_goes_from_thread_to_thread() {
    fn is_sent<T: Send>() {}
    is_sent::<Constraint>();
}

#[test]
fn whatever_a_model_likes_its_answer_is_json_of_the_schema() {
    let tokens = tokens();
    let form = schema(json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "kind": {"enum": ["bar", "bars", 12, null, [true]]},
            "list": {"type": "array", "items": {"type": "integer", "minimum": -5, "maximum": 20}, "maxItems": 3},
            "x": {"type": "number", "minimum": 0.5, "maximum": 2},
        },
        "required": ["name", "kind", "list", "x"],
        "additionalProperties": false,
    }));
    for seed in 0..40 {
        let text = written(&form, &tokens, seed, false);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert!(text.starts_with("{\"name\": \""), "{text}");
        assert!(
            read["name"]
                .as_str()
                .is_some_and(|name| name.chars().count() <= 5)
        );
        assert!(
            json!(["bar", "bars", 12, null, [true]])
                .as_array()
                .expect("choices")
                .contains(&read["kind"])
        );
        // Nought may be written as -0, which is read as a float.
        let whole = |item: &Value| {
            item.as_f64()
                .is_some_and(|item| item.fract() == 0.0 && (-5.0..=20.0).contains(&item))
        };
        assert!(
            read["list"]
                .as_array()
                .is_some_and(|list| list.len() <= 3 && list.iter().all(whole)),
            "{text}"
        );
        assert!(
            read["x"].as_f64().is_some_and(|x| (0.5..=2.0).contains(&x)),
            "{text}"
        );
        // What has no choice makes no difference to what has one.
        assert_eq!(written(&form, &tokens, seed, true), text);
    }
}

#[test]
fn what_is_forced_comes_as_the_tokenizer_would_write_it() {
    let tokens = tokens();
    let form = schema(json!({
        "type": "object", "properties": {"name": {"type": "boolean"}}, "required": ["name"],
        "additionalProperties": false,
    }));
    let mut constraint = Constraint::new(&form, &tokens).expect("compiles");
    let forced = constraint.forced();
    let text: Vec<u8> = forced
        .iter()
        .flat_map(|&id| tokens.piece(id).expect("a piece").to_vec())
        .collect();
    assert!(
        b"{\"name\": ".starts_with(&text) && text.len() >= 7,
        "{forced:?}"
    );
    let canonical = tokens.encode("{\"name\": ", false).expect("encodes");
    assert!(
        canonical.starts_with(&forced),
        "{forced:?} of {canonical:?}"
    );
    assert!(!constraint.may_end());
    // Each may be taken, and one that does not fit may not.
    constraint.take(forced[0]).expect("is forced");
    assert!(constraint.take(tokens.id("1").expect("a token")).is_err());
}

#[test]
fn an_answer_ends_where_the_form_does_and_nowhere_else() {
    let tokens = tokens();
    let end = tokens.ends()[0] as usize;
    let id = |text: &str| tokens.id(text).expect("a token");
    let mut constraint =
        Constraint::new(&Form::Regex("a+b?".to_owned()), &tokens).expect("compiles");
    let allowed = |constraint: &mut Constraint| {
        constraint.compute().expect("goes on");
        let mut scores = vec![0.0_f32; tokens.count() + 3];
        constraint.apply(&mut scores);
        (0..scores.len())
            .filter(|&id| scores[id] == 0.0)
            .collect::<Vec<usize>>()
    };
    assert_eq!(allowed(&mut constraint), [id("a") as usize]);
    constraint.take(id("a")).expect("fits");
    let mut wanted = vec![id("a") as usize, id("b") as usize, end];
    wanted.sort_unstable();
    assert_eq!(allowed(&mut constraint), wanted);
    let mut other = constraint.clone();
    constraint.take(id("b")).expect("fits");
    assert!(constraint.is_done() && constraint.may_end());
    assert_eq!(allowed(&mut constraint), [end]);
    assert!(constraint.take(id("a")).is_err());
    // The other stands where it stood.
    assert!(other.may_end() && !other.is_done());
    other.take(end as u32).expect("may end");
    assert!(other.is_done());
}

#[test]
fn lark_regular_expressions_and_objects_are_kept_to() {
    let tokens = tokens();
    let lark = Form::Lark("start: \"yes\" | \"no\" WORD\nWORD: /[a-c]{2}/".to_owned());
    for seed in 0..20 {
        let text = written(&lark, &tokens, seed, seed % 2 == 0);
        assert!(
            text == "yes" || (text.len() == 4 && text.starts_with("no")),
            "{text}"
        );
        let text = written(
            &Form::Regex("^[0-9]{3}-(ab|cd)$".to_owned()),
            &tokens,
            seed,
            true,
        );
        assert!(
            text.len() == 6 && (text.ends_with("-ab") || text.ends_with("-cd")),
            "{text}"
        );
    }
    let mut constraint = Constraint::new(&Form::JsonObject, &tokens).expect("compiles");
    for sign in ["{", "\"", "a", "\"", ":"] {
        constraint
            .take(tokens.id(sign).expect("a token"))
            .expect("fits");
    }
    assert!(!constraint.may_end());
}

#[test]
fn what_no_grammar_can_be_made_of_is_refused_with_its_place() {
    for (form, place) in [
        (
            schema(json!({"type": "integer", "minimum": 3, "maximum": 2})),
            "response_format.json_schema.schema: ",
        ),
        (
            schema(json!({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]})),
            "response_format.json_schema.schema: has a oneOf",
        ),
        (
            schema(json!({"$ref": "#/$defs/none"})),
            "response_format.json_schema.schema: ",
        ),
        (
            schema(json!({"type": "string", "format": "made-up"})),
            "response_format.json_schema.schema: cannot be held to: Unknown format",
        ),
        (
            Form::Lark("start: nothing".to_owned()),
            "response_format.grammar: ",
        ),
        (
            Form::Lark("begin: \"a\"".to_owned()),
            "response_format.grammar: ",
        ),
    ] {
        let said = refused(&form);
        assert!(said.starts_with(place), "{said}");
        assert!(said.len() < 500 && !said.contains('\n'), "{said}");
    }
}
