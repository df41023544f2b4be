//! An export as `/api/v1/editor/sql/export` is asked for it. DB-GPT has no such route; the names are the editor's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A query whose result is wanted as a file.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"db_name": "shop", "sql": "SELECT * FROM customers", "format": "parquet"}))]
pub struct SqlExportIn {
    /// Datasource.
    pub db_name: String,
    /// One query.
    pub sql: String,
    /// `csv` (when not given), `json`, `jsonl`, `arrow`, `parquet` or `xlsx`.
    #[serde(default)]
    pub format: Option<String>,
    /// Break the transfer off where a cap would cut the result, rather than end the file as if that were all. When not
    /// given it does so where neither the format nor a trailer can tell of the cut.
    #[serde(default)]
    pub whole: Option<bool>,
    /// Begin a CSV with a byte order mark, which some spreadsheets need to take it for UTF-8.
    #[serde(default)]
    pub bom: Option<bool>,
}
