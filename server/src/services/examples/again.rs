//! Whether a query that answered a question once answers it again as it is.

use chrono::NaiveDate;
use tidegate_sqlmodel::{query::Value, question::Question, schema::Schema};

/// Two days that no span of time relative to a day is the same for.
const DAYS: [Option<NaiveDate>; 2] = [
    NaiveDate::from_ymd_opt(2001, 6, 12),
    NaiveDate::from_ymd_opt(2014, 11, 29),
];

/// Words that mean another time on another day, where they mean one at all.
const MOVING: &[&str] = &[
    "ago",
    "current",
    "currently",
    "last",
    "latest",
    "next",
    "now",
    "past",
    "previous",
    "recent",
    "recently",
    "this",
    "today",
    "tomorrow",
    "tonight",
    "upcoming",
    "yesterday",
    "ytd",
];

/// Words that a question begins with if it goes on with another.
const GOING_ON: &[&str] = &[
    "and", "also", "but", "instead", "only", "or", "same", "then",
];
/// Words that stand for something said before.
const STANDING_FOR: &[&str] = &["above", "it", "ones", "them", "these", "they", "those"];

/// Whether the query answers the question on any day and in any conversation: it holds no day that the question means
/// by "last month", and the question needs no other one to be understood.
pub(super) fn answers_again(question: &str, sql: &str) -> bool {
    let words = words(question);
    stands_alone(&words) && !(moves(question, &words) && names_a_year(sql))
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn stands_alone(words: &[String]) -> bool {
    let begins = |starts: &[&str]| {
        words.len() >= starts.len() && words.iter().zip(starts).all(|(word, start)| word == start)
    };
    let goes_on = GOING_ON.iter().any(|&word| begins(&[word]))
        || begins(&["what", "about"])
        || begins(&["how", "about"]);
    !goes_on
        && !words
            .iter()
            .any(|word| STANDING_FOR.contains(&word.as_str()))
}

/// Whether the question means another time on another day.
fn moves(question: &str, words: &[String]) -> bool {
    let days_meant = |today: NaiveDate| -> Vec<(NaiveDate, NaiveDate)> {
        Question::read(question, &Schema::default(), today)
            .candidates
            .iter()
            .filter_map(|candidate| match candidate.value {
                Value::Dates { start, end } => Some((start, end)),
                _ => None,
            })
            .collect()
    };
    let [one, other] = DAYS.map(|day| day.map(&days_meant));
    one != other || words.iter().any(|word| MOVING.contains(&word.as_str()))
}

/// Whether something in the query may be a day: four digits, or eight, that a year begins.
fn names_a_year(sql: &str) -> bool {
    sql.split(|sign: char| !sign.is_ascii_digit())
        .any(|digits| {
            matches!(digits.len(), 4 | 8)
                && ["19", "20", "21"]
                    .iter()
                    .any(|century| digits.starts_with(century))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_A_DAY: &str = "SELECT COUNT(*) FROM orders WHERE at >= '2024-03-01'";
    const ON_ANY_DAY: &str = "SELECT COUNT(*) FROM orders WHERE at >= date('now', '-30 days')";

    #[test]
    fn a_query_of_a_day_answers_no_question_about_another() {
        for question in [
            "How many orders last month?",
            "How many orders were placed in March?",
            "orders of the past 30 days",
            "orders so far this year",
        ] {
            assert!(!answers_again(question, ON_A_DAY), "{question}");
            assert!(answers_again(question, ON_ANY_DAY), "{question}");
        }
        for question in ["How many orders?", "How many orders in March 2024?"] {
            assert!(answers_again(question, ON_A_DAY), "{question}");
        }
    }

    #[test]
    fn a_question_that_goes_on_with_another_is_answered_by_none_alone() {
        for question in [
            "and by month?",
            "What about Oslo?",
            "how many of them are open?",
            "Only those in Bergen",
        ] {
            assert!(!answers_again(question, "SELECT 1"), "{question}");
        }
        for question in [
            "List the products with their prices",
            "What is the total about?",
            "Which items were lent?",
        ] {
            assert!(answers_again(question, "SELECT 1"), "{question}");
        }
    }

    #[test]
    fn a_number_is_no_year_by_its_length_alone() {
        assert!(names_a_year("d >= '20240301'") && names_a_year("YEAR(d) = 1999"));
        assert!(!names_a_year("price > 5000 AND n < 20 AND id = 120240301"));
    }
}
