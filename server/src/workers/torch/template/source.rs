//! The text of a chat template, made ready for this Jinja.

use std::fmt::Write as _;

/// `{% generation %}` marks what training learns from; it says nothing here, and Jinja does not know it.
pub(super) fn without_generation_marks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}").map(|at| at + 2) else {
            break;
        };
        let tag = &rest[start..start + length];
        let word = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        out.push_str(&rest[..start]);
        if matches!(word, "generation" | "endgeneration") {
            // An empty block with the same dashes keeps the same white space.
            let (left, right) = (
                if tag.starts_with("{%-") { "-" } else { "" },
                if tag.ends_with("-%}") { "-" } else { "" },
            );
            let _ = write!(
                out,
                "{{%{left} if true {right}%}}{{%{left} endif {right}%}}"
            );
        } else {
            out.push_str(tag);
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}
