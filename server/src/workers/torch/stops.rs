//! Texts that end an answer, wherever token borders fall.

/// Looks for stop texts in a growing answer, and holds back what could still become one.
#[derive(Debug, Default)]
pub(super) struct Stops {
    texts: Vec<String>,
    held: String,
}

/// What a piece of text led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Text that can be told.
    pub(super) text: String,
    /// Whether a stop text was met.
    pub(super) stopped: bool,
}

impl Stops {
    /// Empty stop texts would stop everything and are left out.
    pub(super) fn new(texts: Vec<String>) -> Self {
        Self {
            texts: texts.into_iter().filter(|text| !text.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Takes more of the answer.
    pub(super) fn push(&mut self, text: &str) -> Passed {
        self.held.push_str(text);
        let met = self
            .texts
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = met {
            self.held.truncate(at);
            return Passed {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let kept = self
            .texts
            .iter()
            .map(|stop| overlap(&self.held, stop))
            .max()
            .unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        Passed {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// Takes more of the answer that is told whatever it says, with what was held back before it.
    pub(super) fn pass(&mut self, text: &str) -> String {
        self.held.push_str(text);
        self.finish()
    }

    /// What was held back, once the answer is over.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .filter(|&length| text.ends_with(&stop[..length]))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let mut stops = Stops::new(stops.iter().map(|s| (*s).to_owned()).collect());
        let mut told = Vec::new();
        for piece in pieces {
            let passed = stops.push(piece);
            told.push(passed.text);
            if passed.stopped {
                return (told, true);
            }
        }
        told.push(stops.finish());
        (told, false)
    }

    #[test]
    fn finds_a_stop_over_three_pieces_and_tells_none_of_it() {
        assert_eq!(
            run(&["\n\nUser:"], &["Yes.\n", "\nUs", "er: no"]),
            (vec!["Yes.".into(), String::new(), String::new()], true)
        );
    }

    #[test]
    fn tells_what_only_looked_like_a_stop() {
        assert_eq!(
            run(&["END"], &["aE", "N", "x"]),
            (
                vec!["a".into(), String::new(), "ENx".into(), String::new()],
                false
            )
        );
        assert_eq!(
            run(&["END"], &["aEN"]),
            (vec!["a".into(), "EN".into()], false)
        );
    }

    #[test]
    fn the_earliest_of_several_stops_wins_and_characters_stay_whole() {
        assert_eq!(run(&["ж!", "é"], &["aé ж!"]), (vec!["a".into()], true));
        assert_eq!(
            run(&["жж"], &["ж", "a"]),
            (vec![String::new(), "жa".into(), String::new()], false)
        );
    }

    #[test]
    fn what_is_passed_unseen_stops_nothing_and_begins_no_stop() {
        let mut stops = Stops::new(vec!["END".to_owned()]);
        assert_eq!(stops.push("aE").text, "a");
        assert_eq!(stops.pass("ND, END, E"), "END, END, E");
        assert!(!stops.push("ND").stopped);
    }

    #[test]
    fn without_stops_everything_passes() {
        assert_eq!(
            run(&[""], &["a", "b"]),
            (vec!["a".into(), "b".into(), String::new()], false)
        );
    }
}
