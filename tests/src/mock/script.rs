//! What the server does to which request.

use std::{fmt, sync::Mutex, time::Duration};

use super::{lock, seen::Seen};

type When = Box<dyn Fn(&Seen) -> bool + Send + Sync>;

/// Rules, tried in their order; a request that none fits is answered rightly and at once.
#[derive(Default)]
pub struct Script {
    rules: Vec<Rule>,
    models: Vec<String>,
}

struct Rule {
    when: When,
    act: Act,
    /// How often it may still be used; none means always.
    left: Option<Mutex<u64>>,
}

/// What is done to a request.
#[derive(Debug, Clone)]
pub struct Act {
    /// Before anything is sent.
    pub(super) after: Duration,
    /// Between two pieces of a stream.
    pub(super) pause: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// The right answer, or as much of it as `ending` lets through.
    Answer {
        text: Option<String>,
        words: Option<usize>,
        thoughts: Option<String>,
        ending: Ending,
    },
    /// Another status than 200.
    Refuse {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Option<String>,
    },
    /// 200 with a body that is no answer.
    Raw {
        content_type: &'static str,
        body: String,
    },
    /// Neither status nor body, for ever.
    Silent,
    /// The connection is closed without a word.
    HangUp,
}

/// How a right answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// At its end.
    Whole,
    /// So many pieces, half of the next, then the connection is closed.
    Cut(usize),
    /// So many pieces, then nothing for ever.
    Stall(usize),
    /// So many pieces, then an error object in a piece's place, then the end.
    Fail(usize),
}

impl Script {
    /// Does `act` to each request that `when` picks. The first rule that fits is the one that counts.
    #[must_use]
    pub fn when(mut self, when: impl Fn(&Seen) -> bool + Send + Sync + 'static, act: Act) -> Self {
        self.rules.push(Rule {
            when: Box::new(when),
            act,
            left: None,
        });
        self
    }

    /// Does `act` to the first `times` requests that `when` picks.
    #[must_use]
    pub fn first(
        mut self,
        times: u64,
        when: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        act: Act,
    ) -> Self {
        self.rules.push(Rule {
            when: Box::new(when),
            act,
            left: Some(Mutex::new(times)),
        });
        self
    }

    /// Does `act` to each request.
    #[must_use]
    pub fn always(self, act: Act) -> Self {
        self.when(any, act)
    }

    /// Names these models where it is asked for its models.
    #[must_use]
    pub fn with_models(mut self, names: &[&str]) -> Self {
        self.models = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    pub(super) fn models(&self) -> Vec<String> {
        if self.models.is_empty() {
            vec!["mock".to_owned()]
        } else {
            self.models.clone()
        }
    }

    pub(super) fn act(&self, seen: &Seen) -> Act {
        self.rules
            .iter()
            .find(|rule| (rule.when)(seen) && rule.may())
            .map_or_else(Act::answer, |rule| rule.act.clone())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.rules.iter().map(|rule| &rule.act))
            .finish()
    }
}

impl Rule {
    fn may(&self) -> bool {
        let Some(left) = &self.left else { return true };
        let mut left = lock(left);
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }
}

impl Act {
    fn of(what: What) -> Self {
        Self {
            after: Duration::ZERO,
            pause: Duration::ZERO,
            what,
        }
    }

    fn written(text: Option<String>, words: Option<usize>, ending: Ending) -> Self {
        Self::of(What::Answer {
            text,
            words,
            thoughts: None,
            ending,
        })
    }

    /// The right answer.
    pub fn answer() -> Self {
        Self::written(None, None, Ending::Whole)
    }

    /// An answer of this text.
    pub fn says(text: &str) -> Self {
        Self::written(Some(text.to_owned()), None, Ending::Whole)
    }

    /// An answer of so many words, each a piece of its own and a token.
    pub fn words(words: usize) -> Self {
        Self::written(None, Some(words), Ending::Whole)
    }

    /// A right answer that is cut in the middle of the piece behind the first `pieces`.
    pub fn cut_after(pieces: usize) -> Self {
        Self::written(None, None, Ending::Cut(pieces))
    }

    /// A right answer of which nothing comes after so many pieces, though the connection stays. An answer that is no
    /// stream has two pieces, its halves.
    pub fn stalls_after(pieces: usize) -> Self {
        Self::written(None, None, Ending::Stall(pieces))
    }

    /// A right answer that turns into an error object after so many pieces.
    pub fn fails_after(pieces: usize) -> Self {
        Self::written(None, None, Ending::Fail(pieces))
    }

    /// Another status than 200, with the dialect's own error object.
    pub fn refuse(status: u16) -> Self {
        Self::of(What::Refuse {
            status,
            headers: Vec::new(),
            body: None,
        })
    }

    /// 429 with `Retry-After` in seconds.
    pub fn overloaded(retry_after: u64) -> Self {
        Self::refuse(429).header("retry-after", &retry_after.to_string())
    }

    /// 503.
    pub fn unavailable() -> Self {
        Self::refuse(503)
    }

    /// 200 with bytes that are no JSON and no stream.
    pub fn garbage() -> Self {
        Self::of(What::Raw {
            content_type: "application/json",
            body: "}{ \u{fffd}\u{1} not json \u{2}".to_owned(),
        })
    }

    /// 200 with a page, as a captive portal or a wrong address gives.
    pub fn html() -> Self {
        Self::of(What::Raw {
            content_type: "text/html; charset=utf-8",
            body: "<!doctype html><html><body><h1>Welcome</h1></body></html>".to_owned(),
        })
    }

    /// 200 with an empty body.
    pub fn nothing() -> Self {
        Self::of(What::Raw {
            content_type: "application/json",
            body: String::new(),
        })
    }

    /// The connection is closed without a word.
    pub fn hang_up() -> Self {
        Self::of(What::HangUp)
    }

    /// Neither status nor body, for ever.
    pub fn silent() -> Self {
        Self::of(What::Silent)
    }

    /// Waits so long before anything is sent.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    /// Waits so long between two pieces.
    #[must_use]
    pub fn pause(mut self, wait: Duration) -> Self {
        self.pause = wait;
        self
    }

    /// Lets an answer be of so many words, for acts that do something to it.
    #[must_use]
    pub fn of_words(mut self, wanted: usize) -> Self {
        if let What::Answer { words, .. } = &mut self.what {
            *words = Some(wanted);
        }
        self
    }

    /// Lets an answer begin with reasoning.
    #[must_use]
    pub fn thinks(mut self, text: &str) -> Self {
        if let What::Answer { thoughts, .. } = &mut self.what {
            *thoughts = Some(text.to_owned());
        }
        self
    }

    /// Gives a refusal a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let What::Refuse { headers, .. } = &mut self.what {
            headers.push((name, value.to_owned()));
        }
        self
    }

    /// Gives a refusal its body, as JSON.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        if let What::Refuse { body, .. } = &mut self.what {
            *body = Some(text.to_owned());
        }
        self
    }
}

/// Each request.
pub fn any(_: &Seen) -> bool {
    true
}

/// Requests whose last words hold this text.
pub fn says(text: &str) -> impl Fn(&Seen) -> bool + Send + Sync + use<> {
    let text = text.to_owned();
    move |seen: &Seen| seen.text().contains(&text)
}

/// Requests for this model.
pub fn asks_for(model: &str) -> impl Fn(&Seen) -> bool + Send + Sync + use<> {
    let model = model.to_owned();
    move |seen: &Seen| seen.model() == model
}
