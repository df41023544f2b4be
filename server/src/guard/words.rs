//! Words and signs that no query has outside of quotes, whatever the parser makes of them.
//!
//! The parser takes many a word for an alias that the engine takes for the beginning of another statement or clause:
//! Transact-SQL needs nothing between two statements.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, Word},
};
use tidegate_schema::model::Dialect;

/// Reserved in Transact-SQL, and each begins a statement or reaches out of the database.
const TRANSACT_SQL: &[&str] = &[
    "alter",
    "backup",
    "begin",
    "break",
    "bulk",
    "checkpoint",
    "close",
    "commit",
    "continue",
    "create",
    "dbcc",
    "deallocate",
    "declare",
    "deny",
    "disk",
    "drop",
    "dump",
    "exec",
    "execute",
    "function",
    "goto",
    "grant",
    "if",
    "kill",
    "lineno",
    "load",
    "nocheck",
    "open",
    "opendatasource",
    "openquery",
    "openrowset",
    "openxml",
    "option",
    "print",
    "proc",
    "procedure",
    "raiserror",
    "readtext",
    "reconfigure",
    "restore",
    "return",
    "revert",
    "revoke",
    "rollback",
    "rule",
    "save",
    "setuser",
    "shutdown",
    "tran",
    "transaction",
    "trigger",
    "truncate",
    "updatetext",
    "use",
    "waitfor",
    "while",
    "writetext",
];
/// What a read has no use for and a change of rows does.
const TRANSACT_SQL_CHANGES: &[&str] = &["delete", "insert", "into", "merge", "set", "update"];
/// Reserved in MySQL, but for the names of files.
const MYSQL: &[&str] = &["dumpfile", "lock", "outfile", "procedure"];
const CLICKHOUSE: &[&str] = &["infile", "outfile"];

/// Variables of the server that describe it and no more.
const MYSQL_VARIABLES: &[&str] = &[
    "@@autocommit",
    "@@character_set_connection",
    "@@character_set_database",
    "@@collation_connection",
    "@@collation_database",
    "@@lower_case_table_names",
    "@@max_execution_time",
    "@@sql_mode",
    "@@system_time_zone",
    "@@time_zone",
    "@@transaction_isolation",
    "@@version",
    "@@version_comment",
];
const TRANSACT_SQL_VARIABLES: &[&str] = &[
    "@@datefirst",
    "@@language",
    "@@max_precision",
    "@@rowcount",
    "@@spid",
    "@@version",
];

/// Types that PostgreSQL writes as names: of tables, or of what is made of them.
const TELLING_TYPES: &[&str] = &["regclass", "regprocedure", "regtype"];

/// Why these tokens are refused, if they are. `changes` says that a change of rows may stand here, which has INTO and
/// the like; where none may, every engine reserves INTO for what writes.
pub(super) fn refused(tokens: &[Token], dialect: Dialect, changes: bool) -> Option<String> {
    let mut before: Option<&Token> = None;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let reason = match token {
            Token::Word(Word {
                value,
                quote_style: None,
                ..
            }) => word(value, before, next, dialect, changes),
            Token::Assignment if dialect == Dialect::MySql => {
                Some("the sign := sets a variable; leave it out".to_owned())
            }
            Token::Colon | Token::DoubleColon if dialect == Dialect::TransactSql => {
                Some("leave labels (a:) and methods of types (a::b) out".to_owned())
            }
            Token::AtSign | Token::AtAt if variables(dialect).is_some() => {
                Some("leave variables of the session out".to_owned())
            }
            _ => None,
        };
        if reason.is_some() {
            return reason;
        }
        before = Some(token);
    }
    None
}

/// Why the parser may have moved over words that the engine reads, though it found one statement.
///
/// It takes three words behind `TABLE`, in the middle of a query, for a table's name and looks at the first alone: of
/// `TABLE t; COMMIT` and `TABLE t FOR UPDATE` its tree shows `t`. It forgets the quotes around that name, too.
pub(super) fn hidden(tokens: &[Token], dialect: Dialect) -> Option<String> {
    if tokens.contains(&Token::SemiColon) {
        return Some("there are several statements; send one query at a time".to_owned());
    }
    // There a column may be called so without quotes; the walk refuses the query.
    if dialect == Dialect::ClickHouse {
        return None;
    }
    let hides = tokens.iter().enumerate().any(|(at, token)| {
        let is_name = tokens[..at]
            .last()
            .is_some_and(|before| *before == Token::Period || is_keyword(before, Keyword::AS));
        is_keyword(token, Keyword::TABLE) && !is_name && !is_a_name_at_most(&tokens[at + 1..])
    });
    hides.then(|| {
        "TABLE t may only stand last in a query, and t without quotes; write SELECT * FROM t"
            .to_owned()
    })
}

/// Whether a plain name is all that is left, or no name stands here at all.
fn is_a_name_at_most(rest: &[Token]) -> bool {
    let is_plain = |token: &Token| matches!(token, Token::Word(word) if word.quote_style.is_none());
    let Some(first @ Token::Word(_)) = rest.first() else {
        return true;
    };
    match rest {
        [_] => is_plain(first),
        [_, Token::Period, last] => is_plain(first) && is_plain(last),
        _ => false,
    }
}

/// Whether a token is this keyword, and no quoted name.
pub(super) fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

/// Why these words are refused to those who may read some tables only: PostgreSQL makes a table's name of any number,
/// wherever a type may stand.
pub(super) fn tell_of_others(tokens: &[Token], dialect: Dialect) -> Option<String> {
    let is_telling = |token: &Token| match token {
        Token::Word(word) => {
            // Behind an underscore it is the type of a list of them.
            let name = word.value.trim_start_matches('_');
            TELLING_TYPES
                .iter()
                .any(|telling| telling.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    let tells = dialect == Dialect::Postgres && tokens.iter().any(is_telling);
    tells.then(|| {
        "regclass and its like tell of more tables than you may read; query a table that you may"
            .to_owned()
    })
}

fn variables(dialect: Dialect) -> Option<&'static [&'static str]> {
    match dialect {
        Dialect::MySql => Some(MYSQL_VARIABLES),
        Dialect::TransactSql => Some(TRANSACT_SQL_VARIABLES),
        _ => None,
    }
}

fn word(
    value: &str,
    before: Option<&Token>,
    next: Option<&Token>,
    dialect: Dialect,
    changes: bool,
) -> Option<String> {
    let word = value.to_lowercase();
    let after_dot = matches!(before, Some(Token::Period));
    if word.contains('@') {
        let known = variables(dialect).is_some_and(|known| known.contains(&word.as_str()));
        let alone = !after_dot && !matches!(next, Some(Token::Period));
        return (!known || !alone).then(|| {
            format!("the variable {value} is not among those that may be read; write the value into the query")
        });
    }
    if word.starts_with(|first: char| first.is_ascii_digit()) && dialect == Dialect::MySql {
        return Some(format!("the name {value} begins by a digit; quote it"));
    }
    let stays_a_name = dialect == Dialect::MySql && after_dot;
    let own: &[&str] = match dialect {
        Dialect::MySql => MYSQL,
        Dialect::ClickHouse => CLICKHOUSE,
        Dialect::TransactSql => TRANSACT_SQL,
        _ => &[],
    };
    if own.contains(&word.as_str()) && !stays_a_name {
        let upper = value.to_uppercase();
        return Some(format!(
            "{upper} has no place in a query; leave it out, or quote it if it is a name"
        ));
    }
    let writes: &[&str] = match dialect {
        Dialect::TransactSql => TRANSACT_SQL_CHANGES,
        _ => &["into"],
    };
    (writes.contains(&word.as_str()) && !changes && !stays_a_name).then(|| {
        let upper = value.to_uppercase();
        format!(
            "{upper} writes; only reading is allowed, so leave {upper} out, or quote it if it is a name"
        )
    })
}
