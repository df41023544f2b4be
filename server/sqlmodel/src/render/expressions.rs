//! Items and plain conditions as SQL expressions.

use super::{
    Dialect, RenderError,
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
        let d = self.column(column);
        match (self.dialect, bucket) {
            (Dialect::Sqlite, Bucket::Year) => format!("strftime('%Y', {d})"),
            (Dialect::Sqlite, Bucket::Month) => format!("strftime('%Y-%m', {d})"),
            (Dialect::Sqlite, Bucket::Day) => format!("date({d})"),
            (Dialect::Sqlite, Bucket::Weekday) => format!("CAST(strftime('%w', {d}) AS INTEGER)"),
            (Dialect::Sqlite, Bucket::Quarter) => {
                format!("strftime('%Y', {d}) || '-Q' || ((strftime('%m', {d}) + 2) / 3)")
            }
            (Dialect::Postgres, Bucket::Year) => format!("to_char({d}, 'YYYY')"),
            (Dialect::Postgres, Bucket::Month) => format!("to_char({d}, 'YYYY-MM')"),
            (Dialect::Postgres, Bucket::Day) => format!("to_char({d}, 'YYYY-MM-DD')"),
            (Dialect::Postgres, Bucket::Weekday) => {
                format!("CAST(EXTRACT(DOW FROM {d}) AS integer)")
            }
            (Dialect::Postgres, Bucket::Quarter) => format!("to_char({d}, 'YYYY-\"Q\"Q')"),
        }
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
                match when {
                    When::During => format!("{d} >= {} AND {d} < {}", day(start), day(end)),
                    When::Before => format!("{d} < {}", day(start)),
                    When::After => format!("{d} >= {}", day(end)),
                    When::Since => format!("{d} >= {}", day(start)),
                    When::Until => format!("{d} < {}", day(end)),
                }
            }
            Predicate::DateBetween(c, first, last) => {
                let (start, _) = self.dates(*c, first)?;
                let (_, end) = self.dates(*c, last)?;
                let d = self.column(*c);
                format!("{d} >= {} AND {d} < {}", day(start), day(end))
            }
            Predicate::Null(c, is) => {
                format!(
                    "{} IS {}NULL",
                    self.column(*c),
                    if *is { "" } else { "NOT " }
                )
            }
            Predicate::Flag(c, is) => match (self.schema.columns[*c].numeric_flag, is) {
                (true, true) => format!("{} = 1", self.column(*c)),
                (true, false) => format!("{} = 0", self.column(*c)),
                (false, true) => format!("{} IS TRUE", self.column(*c)),
                (false, false) => format!("{} IS FALSE", self.column(*c)),
            },
            Predicate::AverageOf(c, above) => {
                let column = &self.schema.columns[*c];
                let mut inner = Names::default();
                inner.open();
                let from = inner.add(self.schema, column.table);
                let sign = if *above { '>' } else { '<' };
                let own = name(&column.name);
                format!("{} {sign} (SELECT AVG({own}) FROM {from})", self.column(*c))
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
        Ok(if !literal.folded {
            format!("{own} {sign} {}", literal.sql)
        } else if self.schema.columns[column].kind == Kind::Text {
            format!("LOWER({own}) {sign} LOWER({})", literal.sql)
        } else {
            format!("LOWER(CAST({own} AS text)) {sign} LOWER({})", literal.sql)
        })
    }

    fn literal(&self, column: ColumnId, value: &Value) -> Result<Literal, RenderError> {
        let own = &self.schema.columns[column];
        let exact = |sql: String| Ok(Literal { sql, folded: false });
        match (own.kind, value) {
            (Kind::Number, _) => exact(number(self.number(column, value)?)),
            (Kind::Id | Kind::Key, Value::Number(n)) if n.is_finite() => {
                // PostgreSQL reads a quoted literal as whatever type the key has; a number fits only some.
                let spelled = number(*n);
                exact(if self.dialect == Dialect::Postgres && n.fract() == 0.0 {
                    text(&spelled)
                } else {
                    spelled
                })
            }
            (Kind::Text, Value::Number(n)) if n.is_finite() => exact(text(&number(*n))),
            (Kind::Text | Kind::Id | Kind::Key, Value::Text(value)) => {
                let known = own.values.iter().find(|known| *known == value).or_else(|| {
                    let folded = value.to_lowercase();
                    own.values
                        .iter()
                        .find(|known| known.to_lowercase() == folded)
                });
                Ok(Literal {
                    sql: text(known.unwrap_or(value)),
                    folded: known.is_none(),
                })
            }
            _ => Err(self.mismatch(column, value)),
        }
    }

    fn like(&self, column: ColumnId, like: Like, value: &str) -> String {
        let mut pattern = String::new();
        for ch in value.chars() {
            if matches!(ch, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(ch);
        }
        let escape = if pattern == value { "" } else { " ESCAPE '\\'" };
        let pattern = match like {
            Like::Contains => format!("%{pattern}%"),
            Like::StartsWith => format!("{pattern}%"),
            Like::EndsWith => format!("%{pattern}"),
        };
        let operator = match self.dialect {
            Dialect::Sqlite => "LIKE",
            Dialect::Postgres => "ILIKE",
        };
        format!(
            "{} {operator} {}{escape}",
            self.column(column),
            text(&pattern)
        )
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
