//! Requests of our own, for what was not recorded: routes that are ours, those recorded with a state we do not
//! rebuild, and of every route a success and a failure. A group is played in its order against one server; what an
//! answer binds to a placeholder, later requests may say.

mod charts;
mod cluster;
mod datasources;
mod dialogue;
mod editor;
mod feedback;
mod files;
mod models;
mod openai;
mod server;

use serde_json::{Value, json};

pub(super) use self::{
    charts::{DASHBOARD, proposal},
    cluster::MODELS as CLUSTER_MODELS,
    openai::MODELS as OPENAI_MODELS,
};

/// One request and what comes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) openai: bool,
    pub(super) method: &'static str,
    /// Path and query; placeholders are filled in.
    pub(super) path: &'static str,
    /// Whether a page of another origin sends it.
    pub(super) foreign: bool,
    pub(super) sent: Sent,
    pub(super) answer: Answer,
}

/// What a request brings.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sent {
    Nothing,
    Json(fn() -> Value),
    /// A text that is no JSON.
    Text(&'static str),
    /// A form with one file.
    File {
        field: &'static str,
        name: &'static str,
        content: &'static str,
    },
}

/// What comes back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// This body and nothing else.
    Body(u16, fn() -> Value),
    /// Status 200 and these fields among others.
    Part(fn() -> Value),
    /// Status 200 and a text that holds this.
    Holds(&'static str),
    /// A turn, told to its end.
    Turn,
    /// A failure in the envelope, of this status and code; what the message has to hold.
    Refused(u16, &'static str, &'static str),
}

impl Case {
    pub(super) const fn get(path: &'static str, answer: Answer) -> Self {
        Self {
            openai: false,
            method: "GET",
            path,
            foreign: false,
            sent: Sent::Nothing,
            answer,
        }
    }

    pub(super) const fn post(path: &'static str, sent: Sent, answer: Answer) -> Self {
        Self {
            method: "POST",
            sent,
            ..Self::get(path, answer)
        }
    }

    /// The same at the OpenAI listener.
    pub(super) const fn on_openai(self) -> Self {
        Self {
            openai: true,
            ..self
        }
    }

    /// What cannot fail by anything that it is sent is refused to pages of other origins.
    pub(super) const fn from_another_origin(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            foreign: true,
            ..Self::get(path, Answer::Refused(403, "403", "are refused"))
        }
    }

    /// Whether this is a request that is answered as it wants to be.
    pub(super) fn succeeds(&self) -> bool {
        match self.answer {
            Answer::Body(status, body) => status == 200 && body()["success"] != false,
            Answer::Part(_) | Answer::Holds(_) | Answer::Turn => true,
            Answer::Refused(..) => false,
        }
    }
}

/// The groups by their names.
pub(super) static GROUPS: [(&str, &[Case]); 10] = [
    ("server", server::CASES),
    ("dialogue", dialogue::CASES),
    ("datasources", datasources::CASES),
    ("editor", editor::CASES),
    ("charts", charts::CASES),
    ("files", files::CASES),
    ("feedback", feedback::CASES),
    ("models", models::CASES),
    ("openai", openai::CASES),
    ("cluster", cluster::CASES),
];

/// A success without a payload.
fn nothing() -> Value {
    json!({"success": true, "err_code": null, "err_msg": null, "data": null})
}

/// A success whose payload is looked at elsewhere.
fn success() -> Value {
    json!({"success": true, "err_code": null, "err_msg": null})
}

/// What a request without its body is told.
const NO_BODY: Answer = Answer::Refused(400, "E0001", "body:Field required;");
/// What a body is told that is no JSON.
const NO_JSON: Answer = Answer::Refused(400, "E0001", "JSON decode error;");
