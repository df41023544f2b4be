//! Types in casts.

use sqlparser::ast::DataType;

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
        if reads_like_a_call(&kind.to_string()) {
            self.refuse(
                "a type with its schema and arguments reads like a call; leave the schema out",
            );
        }
    }
}

/// Whether a name behind a dot has a list behind it, outside of texts, and is not known to be a type.
fn reads_like_a_call(kind: &str) -> bool {
    let mut text = false;
    kind.char_indices().any(|(at, sign)| {
        text ^= sign == '\'';
        !text && sign == '(' && is_unknown_behind_a_dot(&kind[..at])
    })
}

fn is_unknown_behind_a_dot(before: &str) -> bool {
    let before = before.trim_end();
    let quoted = before.strip_suffix('"').and_then(|rest| {
        let open = rest.rfind('"')?;
        Some((&rest[..open], &rest[open + 1..]))
    });
    let (rest, name) = quoted.unwrap_or_else(|| {
        let is_outside = |sign: char| !(sign.is_alphanumeric() || matches!(sign, '_' | '$'));
        let start = before
            .char_indices()
            .rev()
            .find(|(_, sign)| is_outside(*sign))
            .map_or(0, |(at, sign)| at + sign.len_utf8());
        before.split_at(start)
    });
    rest.trim_end().ends_with('.')
        && !WITH_ARGUMENTS
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_with_schema_and_arguments_reads_like_a_call() {
        for kind in [
            "_catalog.set_config('a', 'b')",
            "pg_catalog . set_config(1)",
            "\"a\".\"set_config\"(1)",
            "Array(a.b(1))",
            "a.b (1)",
        ] {
            assert!(reads_like_a_call(kind), "{kind}");
        }
        for kind in [
            "INT",
            "a.b",
            "VARCHAR(10)",
            "public.geometry(Point,4326)",
            "pg_catalog.varchar(10)",
            "Enum8('a.b(' = 1)",
            "Array(Decimal(10,2))",
            "",
        ] {
            assert!(!reads_like_a_call(kind), "{kind}");
        }
    }
}
