//! Patterns of the formats that a calendar or a clock decides on.
//!
//! The grammar engine's own ones let the 29th of February pass in every year and a 60th second in every minute, which
//! no reader of dates does. These are exact, from the year 1000 on.

const DATE: &str = concat!(
    r"(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])",
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    // Leap days: of years that four divides, of centuries that four hundred does.
    r"|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)",
);
const TIME: &str = concat!(
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?",
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
);

/// The pattern of a format, where it is one of these.
pub(super) fn pattern(format: &str) -> Option<String> {
    match format {
        "date" => Some(format!("^{DATE}$")),
        "time" => Some(format!("^{TIME}$")),
        "date-time" => Some(format!("^{DATE}T{TIME}$")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(format: &str, text: &str) -> bool {
        let pattern = pattern(format).expect("one of these");
        regex::Regex::new(&pattern)
            .expect("a pattern")
            .is_match(text)
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for year in 1000..=2999 {
            let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            assert_eq!(fits("date", &format!("{year}-02-29")), is_leap, "{year}");
        }
        for (month, days) in [(1, 31), (2, 28), (4, 30), (9, 30), (11, 30), (12, 31)] {
            assert!(fits("date", &format!("2023-{month:02}-{days}")), "{month}");
            assert!(
                !fits("date", &format!("2023-{month:02}-{}", days + 1)),
                "{month}"
            );
        }
        assert!(!fits("date", "2023-00-10") && !fits("date", "x2023-01-10"));
    }

    #[test]
    fn times_are_those_of_a_clock() {
        for good in ["00:00:00Z", "23:59:59.125+02:00", "12:30:00-23:59"] {
            assert!(fits("time", good), "{good}");
            assert!(fits("date-time", &format!("2024-02-29T{good}")), "{good}");
        }
        for bad in [
            "24:00:00Z",
            "12:60:00Z",
            "12:00:60Z",
            "12:00:00",
            "1:00:00Z",
        ] {
            assert!(!fits("time", bad), "{bad}");
        }
        assert_eq!(pattern("uuid"), None);
    }
}
