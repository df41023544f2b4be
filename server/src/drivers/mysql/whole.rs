//! Whether a result is whole: what a server leaves out with no more than a warning is asked for, and is an error, as
//! a part would be taken for the answer.

use mysql_async::{Row, prelude::Queryable};
use tidegate_schema::Error;

use super::{
    cells,
    failure::{Failed, Line},
    pool::{FAREWELL, Loan, Pool},
};

/// A warning that tells of something left out.
struct Cut {
    code: u16,
    /// A part of the server's words: its number may have other uses. It is a name, which no language changes.
    names: &'static str,
    remedy: &'static str,
}

const CUTS: [Cut; 3] = [
    Cut {
        code: 1260,
        names: "",
        remedy: "group_concat_max_len is 1048576 bytes here; let GROUP_CONCAT join fewer or shorter values",
    },
    Cut {
        code: 1301,
        names: "max_allowed_packet",
        remedy: "it became NULL; make the text shorter, or raise max_allowed_packet on the server",
    },
    // `LIMIT ROWS EXAMINED` has the same number, and whoever writes it wants it.
    Cut {
        code: 1931,
        names: "max_recursive_iterations",
        remedy: "see to it that the recursion ends",
    },
];

/// An error if the server has warned of a cut in the result that was read to its end just now.
pub(super) async fn check(pool: &Pool, loan: &mut Loan) -> Result<(), Failed> {
    if !pool.flavour().warns_of_cuts() {
        return Ok(());
    }
    let asking = async {
        let conn = loan.conn()?;
        if conn.get_warnings() == 0 {
            return Ok(Vec::new());
        }
        conn.query::<Row, _>("SHOW WARNINGS").await
    };
    let warnings = pool.within(FAREWELL, "asking for warnings", asking).await?;
    let mut warnings = warnings.into_iter().map(cells::texts);
    match warnings.find_map(|warning| of(&warning)) {
        Some((code, message)) => Err(Failed {
            error: Error::upstream(pool.name(), message),
            line: Line::Whole,
            code,
        }),
        None => Ok(()),
    }
}

/// The cut that a warning tells of (its level, number and words), with what to do about it.
fn of(warning: &[Option<String>]) -> Option<(u16, String)> {
    let [_, Some(code), Some(said), ..] = warning else {
        return None;
    };
    let code: u16 = code.parse().ok()?;
    let cut = CUTS
        .iter()
        .find(|cut| cut.code == code && said.contains(cut.names))?;
    let message = format!(
        "the result is not whole: {said} (warning {code}); {}",
        cut.remedy
    );
    Some((code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(code: &str, said: &str) -> Vec<Option<String>> {
        ["Warning", code, said]
            .map(|text| Some(text.to_owned()))
            .into()
    }

    #[test]
    fn a_cut_is_told_from_other_warnings_and_names_its_variable() {
        for (code, said, names) in [
            (
                "1260",
                "Row 1 was cut by GROUP_CONCAT()",
                "group_concat_max_len",
            ),
            (
                "1301",
                "Result of repeat() was larger than max_allowed_packet (16777216) - truncated",
                "max_allowed_packet",
            ),
            (
                "1931",
                "Query execution was interrupted. The query exceeded max_recursive_iterations = 1000000. The query \
                 result may be incomplete",
                "max_recursive_iterations",
            ),
        ] {
            let (number, message) = of(&warning(code, said)).expect(said);
            assert_eq!(number.to_string(), code);
            for part in ["is not whole", said, names] {
                assert!(message.contains(part), "{message}");
            }
        }
        for (code, said) in [
            ("1292", "Truncated incorrect DOUBLE value: 'a'"),
            (
                "1931",
                "Query execution was interrupted. The query exceeded LIMIT ROWS EXAMINED 5. The query result may be \
                 incomplete",
            ),
            ("many", "words"),
        ] {
            assert_eq!(of(&warning(code, said)), None, "{said}");
        }
        assert_eq!(of(&[]), None);
    }
}
