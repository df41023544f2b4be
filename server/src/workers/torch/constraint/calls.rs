//! The grammar of calls of tools, in each of the ways that models write them.

use std::fmt::Write as _;

use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use serde_json::json;

use super::{super::tokens::Tokens, grammars};
use crate::workers::{
    grammar::{CallFormat, Calls, Form},
    torch::tools,
};

/// The grammar of an answer: calls, or the other answer where there may be one.
pub(super) fn whole(calls: &Calls, tokens: &Tokens) -> TopLevelGrammar {
    let newline = literal("\n");
    let mut rules = String::new();
    match calls.format {
        CallFormat::Tagged => {
            let open = mark(tools::CALL_OPENS, tokens);
            let close = mark(tools::CALL_CLOSES, tokens);
            let _ = writeln!(rules, "one: {open} {newline} call {newline} {close}");
            rules += &repeated("calls", "one", &newline, calls.several);
        }
        CallFormat::Bare => {
            rules += &repeated("calls", "call", &literal("; "), calls.several);
        }
        CallFormat::Listed => {
            let open = mark(tools::LIST_OPENS, tokens);
            rules += &repeated("list", "call", &literal(", "), calls.several);
            let _ = writeln!(
                rules,
                "calls: {open} {}? {} list {}",
                literal(" "),
                literal("["),
                literal("]")
            );
        }
    }
    let start = match &calls.answer {
        Some(_) if !calls.is_forced => "start: calls | @answer\n",
        _ => "start: calls\n",
    };
    let answer = calls.answer.as_deref().filter(|_| !calls.is_forced);
    assembled(&format!("{start}{rules}"), calls, answer)
}

/// The grammar of what follows the sign that a call begins, in an answer that is free otherwise: of one call where a
/// call has a sign of its own, of all where there is one for all.
pub(super) fn opened(calls: &Calls, tokens: &Tokens) -> TopLevelGrammar {
    let newline = literal("\n");
    let rules = match calls.format {
        CallFormat::Tagged => {
            let close = mark(tools::CALL_CLOSES, tokens);
            format!("start: {newline}? call {newline}? {close}\n")
        }
        CallFormat::Bare => format!(
            "start: calls\n{}",
            repeated("calls", "call", &literal("; "), calls.several)
        ),
        CallFormat::Listed => format!(
            "start: {}? {} calls {}\n{}",
            literal(" "),
            literal("["),
            literal("]"),
            repeated("calls", "call", &literal(", "), calls.several)
        ),
    };
    assembled(&rules, calls, None)
}

/// A rule of one `item`, or of several with something between.
fn repeated(rule: &str, item: &str, between: &str, several: bool) -> String {
    if several {
        format!("{rule}: {item} ({between} {item})*\n")
    } else {
        format!("{rule}: {item}\n")
    }
}

/// Puts the rules together with those of each tool and the schemas of their arguments.
fn assembled(rules: &str, calls: &Calls, answer: Option<&Form>) -> TopLevelGrammar {
    let names: Vec<String> = (0..calls.tools.len())
        .map(|nth| format!("tool_{nth}"))
        .collect();
    let mut lark = format!("{rules}call: {}\n", names.join(" | "));
    let mut schemas = Vec::new();
    for (nth, tool) in calls.tools.iter().enumerate() {
        let opens = format!(
            "{{\"name\": {}, \"{}\": ",
            json!(tool.name),
            calls.format.arguments()
        );
        let _ = writeln!(
            lark,
            "tool_{nth}: {} @arguments_{nth} {}",
            literal(&opens),
            literal("}")
        );
        schemas.push(named(
            format!("arguments_{nth}"),
            GrammarWithLexer::from_json_schema(grammars::with_options(&tool.arguments)),
        ));
    }
    let mut all = vec![named("calls".to_owned(), GrammarWithLexer::from_lark(lark))];
    all.extend(schemas);
    all.extend(
        answer
            .and_then(grammars::plain)
            .map(|grammar| named("answer".to_owned(), grammar)),
    );
    TopLevelGrammar {
        grammars: all,
        max_tokens: None,
    }
}

fn named(name: String, grammar: GrammarWithLexer) -> GrammarWithLexer {
    GrammarWithLexer {
        name: Some(name),
        ..grammar
    }
}

/// A text in Lark's notation, which is JSON's.
fn literal(text: &str) -> String {
    json!(text).to_string()
}

/// A mark in Lark's notation: a special token by its number, any other as its text.
fn mark(text: &str, tokens: &Tokens) -> String {
    match tokens.id(text) {
        Some(id) if tokens.is_special(id) => format!("<[{id}]>"),
        _ => literal(text),
    }
}
