//! Items and plain conditions as SQL expressions.

use super::{
    Dialect, RenderError, functions,
    names::{Names, day, name, number, text},
};
use crate::{
    query::{Bucket, Comparison, Like, Predicate, Value, When},
    schema::{ColumnId, Kind, Schema},
};

/// What an expression is written for: which columns there are, how they are reached, in which dialect.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) schema: &'a Schema,
    pub(super) names: &'a Names,
    pub(super) dialect: Dialect,
}

impl Context<'_> {
    pub(super) fn column(&self, column: ColumnId) -> String {
        self.names.column(self.schema, column)
    }

    pub(super) fn bucket(&self, bucket: Bucket, column: ColumnId) -> String {
        functions::bucket(bucket, &self.column(column), self.dialect)
    }

    /// A condition on one column; `Exists` is not one.
    pub(super) fn condition(&self, predicate: &Predicate) -> Result<String, RenderError> {
        Ok(match predicate {
            Predicate::Compare(c, comparison, value) => self.compare(*c, *comparison, value)?,
            Predicate::Between(c, low, high) => {
                let (mut low, mut high) = (self.number(*c, low)?, self.number(*c, high)?);
                if low > high {
                    std::mem::swap(&mut low, &mut high);
                }
                format!(
                    "{} BETWEEN {} AND {}",
                    self.column(*c),
                    number(low),
                    number(high)
                )
            }
            Predicate::Like(c, like, value) => {
                let Value::Text(value) = value else {
                    return Err(self.mismatch(*c, value));
                };
                self.like(*c, *like, value)
            }
            Predicate::Date(c, when, value) => {
                let (start, end) = self.dates(*c, value)?;
                let d = self.column(*c);
                let (start, end) = (day(start, self.dialect), day(end, self.dialect));
                match when {
                    When::During => format!("{d} >= {start} AND {d} < {end}"),
                    When::Before => format!("{d} < {start}"),
                    When::After => format!("{d} >= {end}"),
                    When::Since => format!("{d} >= {start}"),
                    When::Until => format!("{d} < {end}"),
                }
            }
            Predicate::DateBetween(c, first, last) => {
                let (start, _) = self.dates(*c, first)?;
                let (_, end) = self.dates(*c, last)?;
                let d = self.column(*c);
                let (start, end) = (day(start, self.dialect), day(end, self.dialect));
                format!("{d} >= {start} AND {d} < {end}")
            }
            Predicate::Null(c, is) => {
                format!(
                    "{} IS {}NULL",
                    self.column(*c),
                    if *is { "" } else { "NOT " }
                )
            }
            Predicate::Flag(c, is) => match (self.is_number(*c), is) {
                (true, true) => format!("{} = 1", self.column(*c)),
                (true, false) => format!("{} = 0", self.column(*c)),
                (false, true) => format!("{} IS TRUE", self.column(*c)),
                (false, false) => format!("{} IS FALSE", self.column(*c)),
            },
            Predicate::AverageOf(c, above) => {
                let column = &self.schema.columns[*c];
                let mut inner = Names::new(self.dialect);
                inner.open();
                let from = inner.add(self.schema, column.table);
                let sign = if *above { '>' } else { '<' };
                let mean = functions::average(&name(&column.name, self.dialect), self.dialect);
                format!("{} {sign} (SELECT {mean} FROM {from})", self.column(*c))
            }
            Predicate::Exists(..) => String::new(),
        })
    }

    /// The literals of a clause, if all of it asks whether one column equals one of them.
    pub(super) fn one_of(&self, clause: &[Predicate]) -> Option<String> {
        let mut column = None;
        let mut literals = Vec::new();
        for predicate in clause {
            let Predicate::Compare(c, Comparison::Eq, value) = predicate else {
                return None;
            };
            if *column.get_or_insert(*c) != *c {
                return None;
            }
            let literal = self.literal(*c, value).ok()?;
            if literal.folded {
                return None;
            }
            literals.push(literal.sql);
        }
        let column = column.filter(|_| literals.len() > 1)?;
        Some(format!(
            "{} IN ({})",
            self.column(column),
            literals.join(", ")
        ))
    }

    fn compare(
        &self,
        column: ColumnId,
        comparison: Comparison,
        value: &Value,
    ) -> Result<String, RenderError> {
        let literal = self.literal(column, value)?;
        let equality = matches!(comparison, Comparison::Eq | Comparison::Ne);
        if self.schema.columns[column].kind == Kind::Text && !equality {
            return Err(self.mismatch(column, value));
        }
        let sign = sign(comparison);
        let own = self.column(column);
        if !literal.folded {
            return Ok(format!("{own} {sign} {}", literal.sql));
        }
        let own = if self.schema.columns[column].kind == Kind::Text {
            own
        } else {
            functions::as_text(&own, self.dialect)
        };
        let lower = |text: &str| functions::lower(text, self.dialect);
        Ok(format!("{} {sign} {}", lower(&own), lower(&literal.sql)))
    }

    /// Whether a flag is compared with 0 and 1: as it is stored so, or as the engine knows no `IS TRUE`.
    fn is_number(&self, flag: ColumnId) -> bool {
        self.schema.columns[flag].numeric_flag
            || matches!(self.dialect, Dialect::ClickHouse | Dialect::TransactSql)
    }

    fn literal(&self, column: ColumnId, value: &Value) -> Result<Literal, RenderError> {
        let own = &self.schema.columns[column];
        let exact = |sql: String| Ok(Literal { sql, folded: false });
        match (own.kind, value) {
            (Kind::Number, _) => exact(number(self.number(column, value)?)),
            (Kind::Id | Kind::Key, Value::Number(n)) if n.is_finite() => {
                // All but SQLite read a quoted literal as whatever type the key has; a number fits only some.
                let spelled = number(*n);
                exact(if self.dialect != Dialect::Sqlite && n.fract() == 0.0 {
                    text(&spelled, self.dialect)
                } else {
                    spelled
                })
            }
            (Kind::Text, Value::Number(n)) if n.is_finite() => {
                exact(text(&number(*n), self.dialect))
            }
            (Kind::Text | Kind::Id | Kind::Key, Value::Text(value)) => {
                let known = own.values.iter().find(|known| *known == value).or_else(|| {
                    let folded = value.to_lowercase();
                    own.values
                        .iter()
                        .find(|known| known.to_lowercase() == folded)
                });
                Ok(Literal {
                    sql: text(known.unwrap_or(value), self.dialect),
                    folded: known.is_none(),
                })
            }
            _ => Err(self.mismatch(column, value)),
        }
    }

    fn like(&self, column: ColumnId, like: Like, value: &str) -> String {
        let dialect = self.dialect;
        // Here LIKE may tell cases apart, by the product or by how the column compares.
        let folds = matches!(dialect, Dialect::MySql | Dialect::TransactSql);
        let value = if folds {
            value.to_lowercase()
        } else {
            value.to_owned()
        };
        // A backslash would escape in MySQL's strings as well.
        let escape = if dialect == Dialect::MySql { '!' } else { '\\' };
        let mut pattern = String::new();
        for ch in value.chars() {
            let is_set = ch == '[' && dialect == Dialect::TransactSql;
            if matches!(ch, '%' | '_') || ch == escape || is_set {
                pattern.push(escape);
            }
            pattern.push(ch);
        }
        let is_plain = pattern == value && !(dialect == Dialect::MySql && value.contains('\\'));
        // ClickHouse has no such clause; a backslash always escapes there.
        let escape = if is_plain || dialect == Dialect::ClickHouse {
            String::new()
        } else {
            format!(" ESCAPE '{escape}'")
        };
        let pattern = match like {
            Like::Contains => format!("%{pattern}%"),
            Like::StartsWith => format!("{pattern}%"),
            Like::EndsWith => format!("%{pattern}"),
        };
        let operator = match dialect {
            Dialect::Sqlite | Dialect::MySql | Dialect::TransactSql => "LIKE",
            Dialect::Postgres | Dialect::DuckDb | Dialect::ClickHouse => "ILIKE",
        };
        let own = self.column(column);
        let own = if folds {
            functions::lower(&own, dialect)
        } else {
            own
        };
        format!("{own} {operator} {}{escape}", text(&pattern, dialect))
    }

    fn number(&self, column: ColumnId, value: &Value) -> Result<f64, RenderError> {
        match value {
            Value::Number(number) if number.is_finite() => Ok(*number),
            _ => Err(self.mismatch(column, value)),
        }
    }

    fn dates(
        &self,
        column: ColumnId,
        value: &Value,
    ) -> Result<(chrono::NaiveDate, chrono::NaiveDate), RenderError> {
        match value {
            Value::Dates { start, end } => Ok((*start, *end)),
            _ => Err(self.mismatch(column, value)),
        }
    }

    fn mismatch(&self, column: ColumnId, value: &Value) -> RenderError {
        let column = &self.schema.columns[column];
        RenderError::Mismatch {
            column: format!("{}.{}", self.schema.tables[column.table].name, column.name),
            value: format!("{value:?}"),
        }
    }
}

struct Literal {
    sql: String,
    /// Whether the database's spelling is not known, so that case must be ignored.
    folded: bool,
}

pub(super) fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Eq => "=",
        Comparison::Ne => "<>",
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
    }
}
