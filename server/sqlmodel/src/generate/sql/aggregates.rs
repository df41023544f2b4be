//! `COUNT`, `SUM` and the other aggregates.

use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function as Call, FunctionArg, FunctionArgExpr,
    FunctionArguments,
};

use super::{
    Reader,
    literals::{arguments, bucket, constant, is_named},
    scope::{last_part, strip},
    unsaid,
};
use crate::{
    query::{Aggregate, Argument, Function},
    schema::ColumnId,
};

impl Reader<'_> {
    /// The column of `COUNT(column)` that may be without a value.
    pub(super) fn counted_column(&self, expr: &Expr) -> Result<Option<ColumnId>, String> {
        let Expr::Function(call) = strip(expr) else {
            return Ok(None);
        };
        let list = arguments(call).unwrap_or_default();
        let [argument] = list.as_slice() else {
            return Ok(None);
        };
        Ok(self
            .scope
            .column(argument)?
            .filter(|&c| self.scope.schema.columns[c].nullable && !is_distinct(call)))
    }

    pub(super) fn aggregate(&self, expr: &Expr) -> Result<Option<Aggregate>, String> {
        let call = match strip(expr) {
            Expr::Function(call) => call,
            Expr::Cast { expr, .. } if bucket(&self.scope, expr)?.is_none() => {
                return self.aggregate(expr);
            }
            _ => return Ok(None),
        };
        if is_named(call, "round") {
            // Rounding is a matter of showing; the form leaves it out.
            return match arguments(call).unwrap_or_default().first() {
                Some(inner) => self.aggregate(inner),
                None => Err(unsaid(expr)),
            };
        }
        let function = match last_part(&call.name)?.value.to_ascii_lowercase().as_str() {
            "count" => return self.count(call, expr).map(Some),
            "sum" => Function::Sum,
            "avg" => Function::Avg,
            "min" => Function::Min,
            "max" => Function::Max,
            _ => return Ok(None),
        };
        let list = arguments(call).ok_or_else(|| unsaid(expr))?;
        let [argument] = list.as_slice() else {
            return Err(unsaid(expr));
        };
        if is_distinct(call) || call.over.is_some() || call.filter.is_some() {
            return Err(unsaid(expr));
        }
        let argument = match strip(argument) {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Multiply,
                right,
            } => match (self.scope.column(left)?, self.scope.column(right)?) {
                (Some(a), Some(b)) => Argument::Product(a.min(b), a.max(b)),
                _ => return Err(unsaid(expr)),
            },
            argument => Argument::Column(self.scope.column(argument)?.ok_or_else(|| unsaid(expr))?),
        };
        Ok(Some(Aggregate { function, argument }))
    }

    fn count(&self, call: &Call, expr: &Expr) -> Result<Aggregate, String> {
        let rows = || {
            let table = self.scope.finest().ok_or_else(|| {
                format!("{expr} counts pairs of rows; use COUNT(DISTINCT …) to say of which table")
            })?;
            Ok(Aggregate {
                function: Function::Count,
                argument: Argument::Rows(table),
            })
        };
        if call.over.is_some() || call.filter.is_some() {
            return Err(unsaid(expr));
        }
        let FunctionArguments::List(list) = &call.args else {
            return Err(unsaid(expr));
        };
        match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => rows(),
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => {
                if !is_distinct(call) && constant(argument).is_some() {
                    return rows();
                }
                let column = self.scope.column(argument)?.ok_or_else(|| unsaid(expr))?;
                let own = &self.scope.schema.columns[column];
                if !is_distinct(call) {
                    return rows();
                }
                Ok(
                    if self.scope.schema.primary_key(own.table) == Some(column) {
                        Aggregate {
                            function: Function::Count,
                            argument: Argument::Rows(own.table),
                        }
                    } else {
                        Aggregate {
                            function: Function::CountDistinct,
                            argument: Argument::Column(column),
                        }
                    },
                )
            }
            _ => Err(unsaid(expr)),
        }
    }
}

fn is_distinct(call: &Call) -> bool {
    matches!(&call.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}
