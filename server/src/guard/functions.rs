//! Functions that may be called: those known to compute and nothing else.
//!
//! A list of what is allowed, since a list of what is forbidden is never complete: extensions and the users
//! themselves bring functions of any name.

use tidegate_schema::model::Engine;

/// Known to both engines, or harmlessly unknown to one of them.
const COMMON: &[&str] = &[
    // aggregates
    "avg", "count", "max", "min", "sum", "total", "group_concat", "string_agg",
    // window
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value",
    "last_value", "nth_value",
    // numbers
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "ceiling", "cos", "cosh", "degrees",
    "exp", "floor", "ln", "log", "log10", "mod", "pi", "pow", "power", "radians", "random", "round", "sign", "sin",
    "sinh", "sqrt", "tan", "tanh", "trunc",
    // text
    "concat", "concat_ws", "format", "length", "lower", "ltrim", "octet_length", "replace", "rtrim", "substr",
    "substring", "trim", "upper", "unistr",
    // nulls and choices
    "coalesce", "nullif",
    // dates
    "date", "time", "current_date", "current_time", "current_timestamp",
];

const SQLITE: &[&str] = &[
    "changes", "char", "glob", "hex", "ifnull", "iif", "if", "instr", "last_insert_rowid", "like", "likelihood",
    "likely", "unlikely", "log2", "printf", "quote", "soundex", "sqlite_version", "typeof", "unhex", "unicode",
    "datetime", "julianday", "strftime", "timediff", "unixepoch",
    "json", "jsonb", "json_array", "jsonb_array", "json_array_length", "json_each", "jsonb_each", "json_error_position",
    "json_extract", "jsonb_extract", "json_group_array", "jsonb_group_array", "json_group_object",
    "jsonb_group_object", "json_insert", "jsonb_insert", "json_object", "jsonb_object", "json_patch", "jsonb_patch",
    "json_pretty", "json_quote", "json_remove", "jsonb_remove", "json_replace", "jsonb_replace", "json_set",
    "jsonb_set", "json_tree", "jsonb_tree", "json_type", "json_valid",
    "generate_series", "median", "percentile", "percentile_cont", "percentile_disc", "regexp", "subtype",
    "bm25", "highlight", "snippet", "match", "concat",
];

const POSTGRES: &[&str] = &[
    // aggregates
    "any_value", "array_agg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "every", "json_agg",
    "json_arrayagg", "json_object_agg", "json_objectagg", "jsonb_agg", "jsonb_object_agg", "mode", "percentile_cont",
    "percentile_disc", "corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept",
    "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop", "stddev_samp", "variance",
    "var_pop", "var_samp", "range_agg", "range_intersect_agg", "grouping",
    // numbers
    "acosd", "asind", "atand", "atan2d", "cosd", "cot", "cotd", "sind", "tand", "cbrt", "div", "erf", "erfc",
    "factorial", "gcd", "lcm", "min_scale", "scale", "trim_scale", "width_bucket", "random_normal", "greatest", "least",
    "to_number", "to_hex", "to_bin", "to_oct", "num_nonnulls", "num_nulls",
    // text
    "ascii", "bit_length", "btrim", "char_length", "character_length", "chr", "decode", "encode", "convert_from",
    "convert_to", "initcap", "left", "right", "lpad", "rpad", "repeat", "md5", "sha224", "sha256", "sha384", "sha512",
    "normalize", "overlay", "parse_ident", "position", "quote_ident", "quote_literal", "quote_nullable",
    "regexp_count", "regexp_instr", "regexp_like", "regexp_match", "regexp_matches", "regexp_replace",
    "regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "reverse", "split_part", "starts_with",
    "string_to_array", "string_to_table", "strpos", "to_ascii", "to_char", "translate", "unaccent", "similarity",
    "word_similarity", "levenshtein", "soundex", "difference", "metaphone", "get_bit", "get_byte", "bit_count",
    // dates
    "age", "clock_timestamp", "date_add", "date_bin", "date_part", "date_subtract", "date_trunc", "extract",
    "isfinite", "justify_days", "justify_hours", "justify_interval", "localtime", "localtimestamp", "make_date",
    "make_interval", "make_time", "make_timestamp", "make_timestamptz", "now", "statement_timestamp", "timeofday",
    "timezone", "to_date", "to_timestamp", "transaction_timestamp", "timestamp", "timestamptz", "interval",
    // documents
    "array_to_json", "row_to_json", "to_json", "to_jsonb", "json_array", "json_array_elements",
    "json_array_elements_text", "json_array_length", "json_build_array", "json_build_object", "json_each",
    "json_each_text", "json_exists", "json_extract_path", "json_extract_path_text", "json_object", "json_object_keys",
    "json_query", "json_scalar", "json_serialize", "json_strip_nulls", "json_to_record", "json_to_recordset",
    "json_typeof", "json_value", "json_populate_record", "json_populate_recordset", "jsonb_array_elements",
    "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object", "jsonb_each",
    "jsonb_each_text", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert", "jsonb_object",
    "jsonb_object_keys", "jsonb_path_exists", "jsonb_path_match", "jsonb_path_query", "jsonb_path_query_array",
    "jsonb_path_query_first", "jsonb_pretty", "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls", "jsonb_to_record",
    "jsonb_to_recordset", "jsonb_typeof", "jsonb_populate_record", "jsonb_populate_recordset",
    // arrays and sets
    "array", "array_append", "array_cat", "array_dims", "array_length", "array_lower", "array_ndims", "array_position",
    "array_positions", "array_prepend", "array_remove", "array_replace", "array_reverse", "array_sort",
    "array_to_string", "array_upper", "cardinality", "trim_array", "unnest", "generate_series", "generate_subscripts",
    // ranges
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "lower_inc", "upper_inc", "lower_inf",
    "upper_inf", "isempty", "range_merge", "multirange",
    // full text
    "to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "ts_rank",
    "ts_rank_cd", "ts_headline", "tsvector_to_array", "numnode", "querytree", "setweight", "strip",
    // addresses and identifiers
    "abbrev", "broadcast", "family", "host", "hostmask", "inet_merge", "masklen", "netmask", "network",
    "set_masklen", "gen_random_uuid", "uuidv4", "uuidv7", "uuid_extract_timestamp", "uuid_extract_version",
    // geometry
    "area", "center", "diameter", "height", "width", "radius", "point", "box", "circle", "line", "lseg", "path",
    "polygon", "isclosed", "isopen", "npoints", "slope", "diagonal",
    "st_area", "st_asgeojson", "st_astext", "st_buffer", "st_centroid", "st_contains", "st_distance", "st_dwithin",
    "st_envelope", "st_geomfromtext", "st_intersection", "st_intersects", "st_length", "st_makepoint", "st_overlaps",
    "st_point", "st_setsrid", "st_srid", "st_transform", "st_within", "st_x", "st_y",
    // casts in the shape of calls
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar",
    // what describes the database
    "col_description", "obj_description", "shobj_description", "format_type", "pg_get_constraintdef",
    "pg_get_expr", "pg_get_indexdef", "pg_get_viewdef", "pg_column_size", "pg_indexes_size", "pg_relation_size",
    "pg_size_pretty", "pg_table_is_visible", "pg_table_size", "pg_total_relation_size", "pg_typeof", "to_regclass",
    "to_regtype", "has_column_privilege", "has_schema_privilege", "has_table_privilege", "current_catalog",
    "current_database", "current_role", "current_schema", "current_schemas", "current_user", "session_user", "user",
    "version",
    // casting unknown rows
    "row", "ifnull",
];

/// Whether a function of this name may be called.
pub(super) fn is_allowed(name: &str, engine: Engine) -> bool {
    let own = match engine {
        Engine::Sqlite => SQLITE,
        Engine::Postgres => POSTGRES,
    };
    COMMON.contains(&name) || own.contains(&name)
}

/// The argument that says how large the result gets, for functions that could fill the server's memory with one.
pub(super) fn size_argument(name: &str) -> Option<usize> {
    matches!(name, "repeat" | "lpad" | "rpad").then_some(1)
}

/// Why a function was refused.
pub(super) fn refusal(name: &str) -> String {
    let why = match name {
        "pg_sleep" | "pg_sleep_for" | "pg_sleep_until" => "keeps the database waiting",
        "nextval" | "setval" | "set_config" | "txid_current" | "pg_current_xact_id" => "changes the database's state",
        name if name.starts_with("lo_") || name.starts_with("pg_read_") || name.starts_with("pg_ls_") => {
            "reaches the server's files"
        }
        "readfile" | "writefile" | "load_extension" | "edit" | "pg_stat_file" => "reaches the server's files",
        "query_to_xml" | "query_to_json" | "table_to_xml" | "cursor_to_xml" | "database_to_xml" | "schema_to_xml" => {
            "runs SQL of its own"
        }
        name if name.starts_with("dblink") => "reaches other databases",
        _ => "is not among the functions known to be harmless",
    };
    format!("the function {name} may not be called: it {why}; write the query without it")
}
