//! What a session is told before each run: everything it depends on, so that no earlier run and no setting of the
//! server changes what a statement means or may do.

use std::time::Duration;

/// Which product answers, by its own words: what they know of read-only sessions and clocks differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flavour {
    #[default]
    MySql,
    MariaDb,
    TiDb,
    OceanBase,
    /// Apache Doris and StarRocks, which descend from it.
    Doris,
}

/// What a run may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Flavour {
    /// From the server's version and the comment on it.
    pub(super) fn of(said: &str) -> Self {
        let said = said.to_ascii_lowercase();
        [
            ("mariadb", Self::MariaDb),
            ("tidb", Self::TiDb),
            ("oceanbase", Self::OceanBase),
            ("doris", Self::Doris),
            ("starrocks", Self::Doris),
        ]
        .into_iter()
        .find_map(|(word, flavour)| said.contains(word).then_some(flavour))
        .unwrap_or(Self::MySql)
    }

    /// Whether the server itself refuses to write in a read-only transaction.
    pub(super) fn has_read_only(self) -> bool {
        matches!(self, Self::MySql | Self::MariaDb | Self::OceanBase)
    }

    /// Whether a change can be rolled back.
    pub(super) fn has_transactions(self) -> bool {
        self != Self::Doris
    }

    /// Strict, and without the modes that change how a text is read: `ANSI_QUOTES`, `PIPES_AS_CONCAT`,
    /// `NO_BACKSLASH_ESCAPES`, `IGNORE_SPACE`.
    fn sql_mode(self) -> &'static str {
        match self {
            // A column that is neither grouped by nor aggregated would be any row's: a wrong answer.
            Self::MySql | Self::TiDb | Self::OceanBase => {
                "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
            }
            // MariaDB does not see that a key decides the other columns, and would refuse good queries.
            Self::MariaDb => {
                "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
            }
            Self::Doris => "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES",
        }
    }

    /// The server's own clock, so that it stops by itself what we no longer wait for.
    fn clock(self, time: Duration) -> String {
        let ms = time.as_millis().clamp(1, 86_400_000);
        let seconds = ms.div_ceil(1_000);
        let locks = seconds.min(5);
        match self {
            Self::MySql => format!(
                "max_execution_time = {ms}, lock_wait_timeout = {locks}, innodb_lock_wait_timeout = {locks}"
            ),
            Self::MariaDb => format!(
                "max_statement_time = {}.{:03}, lock_wait_timeout = {locks}, innodb_lock_wait_timeout = {locks}",
                ms / 1_000,
                ms % 1_000
            ),
            Self::TiDb => format!("max_execution_time = {ms}"),
            Self::OceanBase => format!(
                "ob_query_timeout = {us}, ob_trx_timeout = {us}",
                us = ms * 1_000
            ),
            Self::Doris => format!("query_timeout = {seconds}"),
        }
    }

    /// Limits of the server that would cut a result without a word, and its patience with a slow reader.
    fn no_silent_cuts(self) -> Option<String> {
        let more = match self {
            // It ends an endless recursion with an error, and keeps enough warnings.
            Self::MySql => "",
            // It ends any recursion after a thousand rounds and calls it a result; some versions do not even warn.
            // Servers before 10.2 know neither. Warnings tell of other cuts, and only 64 would be kept.
            Self::MariaDb => {
                ", max_error_count = 1024 /*M!100202 , max_recursive_iterations = 1000000 */"
            }
            Self::TiDb | Self::OceanBase | Self::Doris => return None,
        };
        Some(format!(
            "SET SESSION group_concat_max_len = 1048576, sql_select_limit = 18446744073709551615, \
             net_write_timeout = 600{more}"
        ))
    }

    /// Whether its warnings tell what it left out of a result, and it takes `SHOW WARNINGS`.
    pub(super) fn warns_of_cuts(self) -> bool {
        matches!(self, Self::MySql | Self::MariaDb)
    }
}

/// The statements that open a run, in one text. `time` is the server's limit on each statement of the run.
pub(super) fn opening(flavour: Flavour, access: Access, time: Duration) -> String {
    let mut statements = vec![
        "SET NAMES utf8mb4".to_owned(),
        format!("SET SESSION sql_mode = '{}'", flavour.sql_mode()),
        "SET SESSION time_zone = '+00:00'".to_owned(),
        format!("SET SESSION {}", flavour.clock(time)),
    ];
    statements.extend(flavour.no_silent_cuts());
    if flavour.has_read_only() {
        // The session too: what commits by itself looks at the session, not at the transaction it ended.
        statements.extend(match access {
            Access::Read => [
                "SET SESSION TRANSACTION READ ONLY".to_owned(),
                "START TRANSACTION READ ONLY".to_owned(),
            ],
            Access::Write => [
                "SET SESSION TRANSACTION READ WRITE".to_owned(),
                "START TRANSACTION".to_owned(),
            ],
        });
    } else if flavour.has_transactions() {
        statements.push("START TRANSACTION".to_owned());
    }
    statements.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_known_by_its_words() {
        for (said, expected) in [
            ("8.4.3 MySQL Community Server - GPL", Flavour::MySql),
            ("10.11.6-MariaDB-0+deb12u1 Debian 12", Flavour::MariaDb),
            (
                "8.0.11-TiDB-v8.5.0 TiDB Server (Apache License 2.0)",
                Flavour::TiDb,
            ),
            ("5.7.25-OceanBase-v4.3.5.1 OceanBase_CE", Flavour::OceanBase),
            ("5.7.99 Doris version doris-3.0.3", Flavour::Doris),
            ("8.0.33 StarRocks version 3.3.9", Flavour::Doris),
            ("", Flavour::MySql),
        ] {
            assert_eq!(Flavour::of(said), expected, "{said}");
        }
    }

    #[test]
    fn a_reading_session_is_read_only_twice_where_the_server_can() {
        let time = Duration::from_millis(1_500);
        for flavour in [Flavour::MySql, Flavour::MariaDb, Flavour::OceanBase] {
            let sql = opening(flavour, Access::Read, time);
            assert!(
                sql.ends_with("SET SESSION TRANSACTION READ ONLY; START TRANSACTION READ ONLY"),
                "{sql}"
            );
            let sql = opening(flavour, Access::Write, time);
            assert!(!sql.contains("READ ONLY"), "{sql}");
            assert!(sql.ends_with("START TRANSACTION"), "{sql}");
        }
        let sql = opening(Flavour::Doris, Access::Read, time);
        assert!(!sql.contains("TRANSACTION"), "{sql}");
    }

    #[test]
    fn the_servers_clock_is_set_in_its_own_unit() {
        let clock = |flavour| opening(flavour, Access::Read, Duration::from_millis(1_500));
        assert!(clock(Flavour::MySql).contains("max_execution_time = 1500,"));
        assert!(clock(Flavour::MariaDb).contains("max_statement_time = 1.500,"));
        assert!(clock(Flavour::OceanBase).contains("ob_query_timeout = 1500000,"));
        assert!(clock(Flavour::Doris).contains("query_timeout = 2"));
        // Zero would mean no limit at all.
        let none = opening(Flavour::MariaDb, Access::Read, Duration::ZERO);
        assert!(none.contains("max_statement_time = 0.001,"), "{none}");
    }

    #[test]
    fn only_mariadb_is_told_how_far_a_recursion_may_go() {
        let sql = |flavour| opening(flavour, Access::Read, Duration::from_secs(1));
        let mariadb = sql(Flavour::MariaDb);
        assert!(
            mariadb.contains(" /*M!100202 , max_recursive_iterations = 1000000 */; "),
            "{mariadb}"
        );
        for flavour in [
            Flavour::MySql,
            Flavour::TiDb,
            Flavour::OceanBase,
            Flavour::Doris,
        ] {
            assert!(!sql(flavour).contains("recursi"), "{flavour:?}");
        }
    }

    #[test]
    fn no_mode_changes_how_a_text_is_read() {
        for flavour in [
            Flavour::MySql,
            Flavour::MariaDb,
            Flavour::TiDb,
            Flavour::OceanBase,
            Flavour::Doris,
        ] {
            let sql = opening(flavour, Access::Read, Duration::from_secs(1));
            for mode in ["ANSI", "PIPES", "BACKSLASH", "IGNORE_SPACE"] {
                assert!(!sql.contains(mode), "{sql}");
            }
            assert!(sql.contains("sql_mode = '"), "{sql}");
        }
    }
}
