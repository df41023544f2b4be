//! Dates with one end or two: lower and upper bounds, joined to spans.

use sqlparser::ast::Expr;

use super::{Bound, Filter, comparison, comparisons::date_column, turned};
use crate::{
    generate::sql::{
        literals::{Constant, Cut, constant, cut, dates, one_day, span},
        scope::{Scope, strip},
    },
    query::{Bucket, Comparison, Predicate, When},
    schema::ColumnId,
};

impl Filter {
    /// Joins lower and upper bounds of one column to spans.
    pub(super) fn settle(&mut self, mut bounds: Vec<Bound>) -> Result<(), String> {
        while !bounds.is_empty() {
            let bound = bounds.remove(0);
            let other = bounds
                .iter()
                .position(|b| b.column == bound.column && b.lower != bound.lower)
                .map(|at| bounds.remove(at));
            let predicate = match other {
                Some(other) => {
                    let (low, high) = if bound.lower {
                        (&bound, &other)
                    } else {
                        (&other, &bound)
                    };
                    match cut(low.at, high.at).filter(|_| low.at < high.at) {
                        Some(Cut::One(one)) => {
                            Predicate::Date(bound.column, When::During, dates(one))
                        }
                        Some(Cut::Two(a, b)) => {
                            Predicate::DateBetween(bound.column, dates(a), dates(b))
                        }
                        None => return Err(format!("nothing lies from {} to {}", low.at, high.at)),
                    }
                }
                None => {
                    let span = match bound.when {
                        When::After | When::Until => bound.at.pred_opt().and_then(one_day),
                        _ => one_day(bound.at),
                    };
                    let span = span.ok_or("a date at the end of time")?;
                    Predicate::Date(bound.column, bound.when, dates(span))
                }
            };
            self.clauses[bound.place] = vec![predicate];
        }
        Ok(())
    }

    pub(super) fn bound(&self, scope: &Scope, condition: &Expr) -> Result<Option<Bound>, String> {
        let Some((column, unit, operator, literal)) = date_comparison(scope, condition)? else {
            return Ok(None);
        };
        let complain = || format!("{condition} does not compare with a date");
        let (start, end) = span(unit, &literal).ok_or_else(complain)?;
        let (lower, when) = match operator {
            Comparison::Ge => (true, When::Since),
            Comparison::Gt => (true, When::After),
            Comparison::Lt => (false, When::Before),
            Comparison::Le => (false, When::Until),
            Comparison::Eq | Comparison::Ne => return Ok(None),
        };
        let at = if matches!(when, When::Since | When::Before) {
            start
        } else {
            end
        };
        Ok(Some(Bound {
            column,
            lower,
            at,
            when,
            place: self.clauses.len(),
        }))
    }
}

/// A comparison of a date column, cut or not, with a literal.
fn date_comparison(
    scope: &Scope,
    condition: &Expr,
) -> Result<Option<(ColumnId, Bucket, Comparison, Constant)>, String> {
    let Expr::BinaryOp { left, op, right } = strip(condition) else {
        return Ok(None);
    };
    let Some(operator) = comparison(op) else {
        return Ok(None);
    };
    let (expr, operator, literal) = match (constant(left), constant(right)) {
        (None, Some(literal)) => (left, operator, literal),
        (Some(literal), None) => (right, turned(operator), literal),
        _ => return Ok(None),
    };
    Ok(date_column(scope, expr)?.map(|(unit, column)| (column, unit, operator, literal)))
}
