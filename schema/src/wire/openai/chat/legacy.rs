//! The older form of tools: `functions`, `function_call`, and messages of the role `function`.

use serde_json::{Value, json};

use super::{Call, ChatIn, ToolIn};
use crate::{Error, Result};

impl ChatIn {
    /// Whether the request speaks of functions, so that its answer does too.
    pub fn is_older(&self) -> bool {
        self.functions.is_some()
    }

    /// The same request in words of tools.
    ///
    /// # Errors
    /// [`Error::Invalid`] where both forms are mixed, or a function is named that there is not.
    pub fn modern(mut self) -> Result<Self> {
        let choice = self.function_call.take().filter(|choice| !choice.is_null());
        let Some(functions) = self.functions.take() else {
            return match choice {
                Some(choice) if choice != "auto" && choice != "none" => Err(Error::invalid(
                    "function_call",
                    "forces a call, but there are no functions; add 'functions', or leave function_call out",
                )),
                _ => Ok(self),
            };
        };
        if self.tools.is_some() || self.tool_choice.is_some() {
            return Err(Error::invalid(
                "functions",
                "is the older form of 'tools' and 'tool_choice'; send one form of the two",
            ));
        }
        self.tool_choice = match choice {
            None => None,
            Some(Value::String(word)) if word == "auto" || word == "none" => Some(word.into()),
            Some(named) => {
                let name = named.get("name").and_then(Value::as_str).ok_or_else(|| {
                    Error::invalid(
                        "function_call",
                        "must be 'auto', 'none' or an object with the name of a function in name",
                    )
                })?;
                if !functions.iter().any(|function| function.name == name) {
                    return Err(Error::invalid(
                        "function_call",
                        format!("names '{name}', which is none of the functions"),
                    ));
                }
                Some(json!({"type": "function", "function": {"name": name}}))
            }
        };
        let tool = |function| ToolIn {
            kind: "function".to_owned(),
            function,
        };
        self.tools = Some(functions.into_iter().map(tool).collect());
        // The answer has a place for one.
        self.parallel_tool_calls = Some(false);
        Ok(self)
    }
}

/// The id of a call that had none: its function's name, by which the answer names it too.
pub(super) fn older_call_id(name: &str) -> String {
    format!("call_{name}")
}

/// The call of an assistant's message in the older form, if it made one.
pub(super) fn older_call(message: &Value, place: &str) -> Result<Vec<Call>> {
    let Some(call) = message.get("function_call").filter(|call| !call.is_null()) else {
        return Ok(Vec::new());
    };
    let part = |field: &str| {
        call.get(field)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                Error::invalid(format!("{place}.function_call.{field}"), "must be a text")
            })
    };
    let name = part("name")?;
    Ok(vec![Call {
        id: older_call_id(&name),
        arguments: part("arguments")?,
        name,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::openai::ToolChoiceIn;

    fn request(extra: &Value) -> ChatIn {
        let mut body = json!({"model": "m", "messages": "hi"});
        body.as_object_mut()
            .expect("object")
            .extend(extra.as_object().expect("object").clone());
        serde_json::from_value(body).expect("a request")
    }

    #[test]
    fn functions_are_tools_of_which_one_is_called_at_a_time() {
        let older = request(&json!({
            "functions": [{"name": "f", "parameters": {"type": "object"}}], "function_call": {"name": "f"},
        }));
        assert!(older.is_older());
        let modern = older.modern().expect("valid");
        assert!(!modern.is_older() && modern.parallel_tool_calls == Some(false));
        assert_eq!(
            modern.tool_choice().expect("a choice"),
            ToolChoiceIn::Function("f".to_owned())
        );
        assert_eq!(modern.tools.expect("tools")[0].function.name, "f");
    }

    #[test]
    fn what_is_wrong_with_the_older_form_is_named_in_its_own_words() {
        let f = json!([{"name": "f"}]);
        let tools = json!([{"type": "function", "function": {"name": "f"}}]);
        for (extra, field) in [
            (json!({"function_call": {"name": "f"}}), "function_call"),
            (
                json!({"functions": f, "function_call": {"name": "g"}}),
                "function_call",
            ),
            (json!({"functions": f, "function_call": 3}), "function_call"),
            (json!({"functions": f, "tools": tools}), "functions"),
        ] {
            let said = request(&extra).modern().expect_err("refused").to_string();
            assert!(said.starts_with(&format!("{field}: ")), "{said}");
        }
        let plain = request(&json!({"function_call": "auto"})).modern();
        assert!(plain.expect("asks for nothing").function_call.is_none());
    }

    #[test]
    fn a_call_and_its_answer_find_each_other_by_name() {
        let read = request(&json!({"messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "42"},
        ]}));
        let turns = read.turns().expect("turns");
        assert_eq!(turns[0].calls[0].name, "f");
        assert_eq!(turns[1].role, "tool");
        assert_eq!(turns[1].call_id.as_ref(), Some(&turns[0].calls[0].id));
        let nameless = request(&json!({"messages": [{"role": "function", "content": "42"}]}));
        let said = nameless.turns().expect_err("refused").to_string();
        assert!(said.starts_with("body.messages[0].name: "), "{said}");
    }
}
