//! Types in casts and in lists of columns.

use sqlparser::{
    ast::{ArrayElemTypeDef, ColumnDef, DataType, ObjectName, ObjectNamePart},
    tokenizer::{Token, Word},
};

use super::Walk;

/// Types of extensions and of the engines that take arguments and may be written with their schema.
const WITH_ARGUMENTS: &[&str] = &[
    "bit",
    "bpchar",
    "char",
    "decimal",
    "geography",
    "geometry",
    "halfvec",
    "interval",
    "numeric",
    "sparsevec",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "varbit",
    "varchar",
    "vector",
];

impl Walk<'_> {
    /// Refuses `x::schema.name(…)`, which reads like a call, unless it is a type that is known.
    pub(super) fn cast_to(&mut self, kind: &DataType) {
        let tokens = self.tokens;
        if any_custom(kind, &|name, list| reads_like_a_call(name, list, tokens)) {
            self.refuse(
                "a type with its schema and arguments, or with an empty list, reads like a call; leave them out",
            );
        }
    }
}

/// Whether a type, or one that it is made of, is of the user's own and `odd` by its name and arguments.
pub(super) fn any_custom(kind: &DataType, odd: &impl Fn(&ObjectName, &[String]) -> bool) -> bool {
    let columns = |columns: &[ColumnDef]| {
        let mut kinds = columns.iter().map(|column| &column.data_type);
        kinds.any(|kind| any_custom(kind, odd))
    };
    match kind {
        DataType::Custom(name, arguments) => odd(name, arguments),
        DataType::Array(
            ArrayElemTypeDef::AngleBracket(inner)
            | ArrayElemTypeDef::SquareBracket(inner, _)
            | ArrayElemTypeDef::Parenthesis(inner)
            | ArrayElemTypeDef::Qualified(inner, _),
        )
        | DataType::Nullable(inner)
        | DataType::LowCardinality(inner) => any_custom(inner, odd),
        DataType::Map(key, value, _) => any_custom(key, odd) || any_custom(value, odd),
        DataType::Tuple(fields) | DataType::Struct(fields, _) => fields
            .iter()
            .any(|field| any_custom(&field.field_type, odd)),
        DataType::Union(fields) => fields
            .iter()
            .any(|field| any_custom(&field.field_type, odd)),
        DataType::Nested(inner)
        | DataType::NamedTable { columns: inner, .. }
        | DataType::Table(Some(inner)) => columns(inner),
        _ => false,
    }
}

/// Whether a name behind a dot has a list behind it and is not known to be a type. No type at all has an empty list,
/// which leaves no trace in the tree, so it is looked for among the tokens.
fn reads_like_a_call(name: &ObjectName, arguments: &[String], tokens: &[Token]) -> bool {
    if arguments.is_empty() {
        return has_list(name, arguments, tokens);
    }
    name.0.len() > 1 && !takes_arguments(name)
}

fn takes_arguments(name: &ObjectName) -> bool {
    let last = name.0.last().and_then(ObjectNamePart::as_ident);
    last.is_some_and(|last| {
        WITH_ARGUMENTS
            .iter()
            .any(|known| last.value.eq_ignore_ascii_case(known))
    })
}

/// Whether a type has a list of arguments behind it, were it an empty one.
pub(super) fn has_list(name: &ObjectName, arguments: &[String], tokens: &[Token]) -> bool {
    let last = name.0.last().and_then(ObjectNamePart::as_ident);
    !arguments.is_empty() || last.is_none_or(|last| has_empty_list(&last.value, tokens))
}

/// Whether `name()` stands anywhere among the tokens: in doubt it is the type's.
fn has_empty_list(name: &str, tokens: &[Token]) -> bool {
    let mut last = [&Token::EOF; 3];
    tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .any(|token| {
            last.rotate_left(1);
            last[2] = token;
            matches!(
                last,
                [Token::Word(Word { value, .. }), Token::LParen, Token::RParen] if value == name
            )
        })
}

#[cfg(test)]
mod tests {
    use sqlparser::{
        ast::{Expr, SelectItem, SetExpr, Statement},
        dialect::{ClickHouseDialect, Dialect, PostgreSqlDialect},
        parser::Parser,
        tokenizer::Tokenizer,
    };

    use super::*;

    fn reads(dialect: &dyn Dialect, written: &str) -> bool {
        let tokens = Tokenizer::new(dialect, written).tokenize().expect(written);
        let kind = kind(dialect, written);
        any_custom(&kind, &|name, list| reads_like_a_call(name, list, &tokens))
    }

    fn kind(dialect: &dyn Dialect, written: &str) -> DataType {
        let sql = format!("SELECT CAST(1 AS {written})");
        let mut statements = Parser::parse_sql(dialect, &sql).expect(written);
        let Some(Statement::Query(query)) = statements.pop() else {
            panic!("a query")
        };
        let SetExpr::Select(select) = *query.body else {
            panic!("a select")
        };
        match select.projection.into_iter().next() {
            Some(SelectItem::UnnamedExpr(Expr::Cast { data_type, .. })) => data_type,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_type_with_schema_and_arguments_reads_like_a_call() {
        let (postgres, clickhouse) = (PostgreSqlDialect {}, ClickHouseDialect {});
        for written in [
            "_catalog.set_config('a', 'b')",
            "pg_catalog . set_config(1)",
            "\"a\".\"set_config\"(1)",
            "a.b (1)",
            "a.b(1)[]",
            "a.b()",
            "b()",
            "pg_catalog . \"set_config\" ( )",
        ] {
            assert!(reads(&postgres, written), "{written}");
        }
        for written in [
            "Array(a.b(1))",
            "Map(String, Nullable(a.b(1)))",
            "Tuple(n a.b(1))",
            "Array(a.b())",
            "Array(url())",
        ] {
            assert!(reads(&clickhouse, written), "{written}");
        }
        for written in [
            "INT",
            "a.b",
            "VARCHAR(10)",
            "public.geometry(Point,4326)",
            "pg_catalog.varchar(10)",
            "thing(3)",
        ] {
            assert!(!reads(&postgres, written), "{written}");
        }
        for written in ["Enum8('a.b(' = 1)", "Array(Decimal(10,2))"] {
            assert!(!reads(&clickhouse, written), "{written}");
        }
    }
}
