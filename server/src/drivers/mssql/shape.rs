//! What a statement returns, as the server describes it without running it.

use futures::TryStreamExt as _;
use tiberius::{Client, QueryItem, Row, error::Error};
use tidegate_schema::model::ResultColumn;

use super::{
    cells::{self, Reader},
    wire::Wire,
};

/// Since SQL Server 2012. A statement it cannot make sense of comes back as one row with an error in it.
const DESCRIBE: &str = "
    SELECT name, system_type_name, user_type_name, collation_name, error_number, error_message
    FROM sys.dm_exec_describe_first_result_set(@P1, NULL, 0) ORDER BY column_ordinal";

/// "The metadata could not be determined": the statement may be right all the same.
const UNDETERMINED: std::ops::Range<u32> = 11_500..11_600;

/// Types that may hold up to 2 GiB.
const LARGE: [&str; 4] = ["text", "ntext", "image", "xml"];

/// The server's description of a statement.
pub(super) enum Shape {
    /// Its columns; none if it is no query.
    Known(Vec<Described>),
    /// The server cannot say.
    Unknown,
    /// It would not run.
    Wrong(Wrong),
}

/// Why a statement would not run.
pub(super) struct Wrong {
    pub(super) number: u32,
    pub(super) message: String,
}

/// One column.
pub(super) struct Described {
    name: String,
    /// With length, precision and scale; `None` for a type made in .NET, such as `geometry`.
    system_type: Option<String>,
    user_type: Option<String>,
    collation: Option<String>,
}

/// Has the server describe a statement.
pub(super) async fn describe(client: &mut Client<Wire>, sql: &str) -> Result<Shape, Error> {
    let mut columns = Vec::new();
    let mut rows = match client.query(DESCRIBE, &[&sql]).await {
        Ok(rows) => rows,
        Err(error) => return undescribed(error),
    };
    loop {
        let row = match rows.try_next().await {
            Ok(Some(QueryItem::Row(row))) => row,
            Ok(Some(QueryItem::Metadata(_))) => continue,
            Ok(None) => return Ok(Shape::Known(columns)),
            Err(error) => return undescribed(error),
        };
        match read(&row)? {
            Ok(column) => columns.push(column),
            Err(wrong) => {
                // One row is all there is; read to the end so that the connection can be used again.
                while rows.try_next().await?.is_some() {}
                let undetermined = UNDETERMINED.contains(&wrong.number);
                return Ok(if undetermined {
                    Shape::Unknown
                } else {
                    Shape::Wrong(wrong)
                });
            }
        }
    }
}

/// A server that will not describe anything can still run it.
fn undescribed(error: Error) -> Result<Shape, Error> {
    match error {
        Error::Server(said) => {
            tracing::debug!(code = said.code(), "SQL Server describes no statements");
            Ok(Shape::Unknown)
        }
        error => Err(error),
    }
}

fn read(row: &Row) -> Result<Result<Described, Wrong>, Error> {
    let text = |at: usize| -> Result<Option<String>, Error> {
        Ok(row.try_get::<&str, _>(at)?.map(str::to_owned))
    };
    if let Some(number) = row.try_get::<i32, _>(4)? {
        let message = text(5)?.unwrap_or_else(|| "the statement cannot be run".to_owned());
        return Ok(Err(Wrong {
            number: number.unsigned_abs(),
            message,
        }));
    }
    Ok(Ok(Described {
        name: text(0)?.unwrap_or_default(),
        system_type: text(1)?,
        user_type: text(2)?,
        collation: text(3)?,
    }))
}

impl Described {
    fn data_type(&self) -> &str {
        let named = self.system_type.as_deref().or(self.user_type.as_deref());
        named.unwrap_or_default()
    }

    /// Whether one value may be larger than any result.
    pub(super) fn is_large(&self) -> bool {
        let name = self.data_type();
        name.ends_with("(max)") || LARGE.contains(&name)
    }
}

/// The statement that runs `@P1` and has the server turn money into decimals, where there is money; the library
/// would read it as a float.
pub(super) fn exact(shape: &[Described]) -> Option<String> {
    let is_money = |column: &Described| column.system_type.as_deref() == Some("money");
    if !shape.iter().any(is_money) {
        return None;
    }
    let mut columns = Vec::with_capacity(shape.len());
    for (nth, column) in shape.iter().enumerate() {
        let kind = match column.system_type.as_deref()? {
            "money" => "decimal(19,4)",
            "timestamp" => "binary(8)",
            other if is_plain(other) => other,
            _ => return None,
        };
        // Without it, text would pass through the database's own code page.
        let collation = match column.collation.as_deref() {
            Some(name) if is_plain(name) => format!(" COLLATE {name}"),
            Some(_) => return None,
            None => String::new(),
        };
        columns.push(format!("c{nth} {kind}{collation} NULL"));
    }
    Some(format!(
        "EXEC sys.sp_executesql @P1 WITH RESULT SETS (({}))",
        columns.join(", ")
    ))
}

/// It stands in a statement unquoted.
fn is_plain(name: &str) -> bool {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || "_(), ".contains(sign);
    !name.is_empty() && name.chars().all(fits)
}

/// The result's columns and how to read them: what came over the wire, named by what was described.
pub(super) fn columns(
    sent: &[tiberius::Column],
    shape: Option<&[Described]>,
) -> (Vec<ResultColumn>, Vec<Reader>) {
    let shape = shape.filter(|shape| shape.len() == sent.len());
    let described = sent.iter().enumerate().map(|(nth, column)| {
        let known = shape.and_then(|shape| shape.get(nth));
        let data_type = known.map_or(cells::type_name(column.column_type()), Described::data_type);
        let reader = Reader::new(column.column_type(), data_type);
        let column = ResultColumn {
            name: known
                .map_or(column.name(), |known| known.name.as_str())
                .to_owned(),
            kind: reader.kind(),
            data_type: data_type.to_owned(),
        };
        (column, reader)
    });
    described.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(system_type: Option<&str>, collation: Option<&str>) -> Described {
        Described {
            name: "x".into(),
            system_type: system_type.map(str::to_owned),
            user_type: Some("geometry".into()),
            collation: collation.map(str::to_owned),
        }
    }

    #[test]
    fn only_money_needs_another_statement() {
        let plain = [column(Some("int"), None), column(Some("smallmoney"), None)];
        assert_eq!(exact(&plain), None);
        let latin = Some("SQL_Latin1_General_CP1_CI_AS");
        let shape = [
            column(Some("money"), None),
            column(Some("varchar(20)"), latin),
            column(Some("timestamp"), None),
            column(Some("decimal(10,2)"), None),
        ];
        assert_eq!(
            exact(&shape).as_deref(),
            Some(
                "EXEC sys.sp_executesql @P1 WITH RESULT SETS ((c0 decimal(19,4) NULL, c1 varchar(20) COLLATE \
                 SQL_Latin1_General_CP1_CI_AS NULL, c2 binary(8) NULL, c3 decimal(10,2) NULL))"
            )
        );
    }

    #[test]
    fn what_cannot_be_declared_is_left_as_it_is() {
        let money = || column(Some("money"), None);
        assert_eq!(exact(&[money(), column(None, None)]), None);
        assert_eq!(exact(&[money(), column(Some("int; DROP"), None)]), None);
        assert_eq!(exact(&[money(), column(Some("int"), Some("a'b"))]), None);
    }

    #[test]
    fn large_columns_are_known_by_their_type() {
        assert!(column(Some("nvarchar(max)"), None).is_large());
        assert!(column(Some("xml"), None).is_large());
        assert!(!column(Some("nvarchar(4000)"), None).is_large());
        assert_eq!(column(None, None).data_type(), "geometry");
    }
}
