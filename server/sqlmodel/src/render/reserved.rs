//! Words that engines reserve, at least in some place where a name may stand.
//!
//! Among them are words that the engine would take for a name and a parser of many dialects would not: what cannot be
//! read may not be run.

use std::{collections::HashSet, sync::LazyLock};

use super::Dialect;

/// SQLite and PostgreSQL; every dialect keeps off these.
const COMMON: &str = "\
    abort action add after all alter always analyse analyze and any array as asc asymmetric attach authorization \
    autoincrement before begin between binary both by cascade case cast check collate collation column commit \
    concurrently conflict constraint create cross current current_catalog current_date current_role current_schema \
    current_time current_timestamp current_user database default deferrable deferred delete desc detach distinct do \
    drop each else end escape except exclude exclusive exists explain fail false fetch filter first following for \
    foreign freeze from full generated glob grant group groups having if ignore ilike immediate in index indexed \
    initially inner insert instead intersect into is isnull join key last lateral leading left like limit localtime \
    localtimestamp match materialized natural no not nothing notnull null nulls of offset on only or order others \
    outer over overlaps partition placing plan pragma preceding primary query raise range recursive references \
    regexp reindex release rename replace restrict returning right rollback row rows savepoint select session_user \
    set similar some symmetric system_user table tablesample temp temporary then ties to trailing transaction \
    trigger true unbounded union unique update user using vacuum values variadic verbose view virtual when where \
    window with without";

/// MySQL and MariaDB besides.
const MYSQL: &str = "\
    accessible asensitive bigint blob call change char character condition continue convert cube cume_dist cursor \
    databases day_hour day_microsecond day_minute day_second dec decimal declare delayed dense_rank describe \
    deterministic distinctrow div double dual dumpfile elseif empty enclosed escaped exit first_value float float4 \
    float8 force fulltext function get grouping high_priority hour_microsecond hour_minute hour_second infile inout \
    insensitive int int1 int2 int3 int4 int8 integer interval io_after_gtids io_before_gtids iterate json_table keys \
    kill lag last_value lead leave linear lines load lock long longblob longtext loop low_priority manual \
    master_bind maxvalue mediumblob mediumint mediumtext middleint minus minute_microsecond minute_second mod \
    modifies no_write_to_binlog nth_value ntile numeric optimize optimizer_costs option optionally out outfile \
    parallel percent_rank precision procedure purge qualify rank read read_write reads real repeat require resignal \
    return revoke rlike row_number schema schemas second_microsecond sensitive separator show signal smallint sort \
    spatial specific sql sql_big_result sql_calc_found_rows sql_small_result sqlexception sqlstate sqlwarning ssl \
    starting stored straight_join system terminated tinyblob tinyint tinytext undo unlock unsigned usage use \
    utc_date utc_time utc_timestamp varbinary varchar varcharacter varying while write xor year_month zerofill";

/// DuckDB besides.
const DUCKDB: &str = "\
    anti asof at columns connect describe format get_impl_interface global interval lambda minus open pivot \
    pivot_longer pivot_wider positional qualify sample semi settings show sort start struct summarize top trim \
    try_cast unpack unpivot";

/// ClickHouse besides.
const CLICKHOUSE: &str = "\
    anti asof cluster connect date div final format global infile interpolate interval minus mod open outfile pivot \
    prewhere qualify sample semi settings sort start struct timestamp top trim unpivot";

/// Transact-SQL besides.
const TRANSACT_SQL: &str = "\
    backup break browse bulk checkpoint close clustered coalesce compute connect contains containstable continue \
    convert cursor dbcc deallocate declare deny disk distributed double dump errlvl exec execute exit external file \
    fillfactor format freetext freetexttable function global goto holdlock identity identity_insert identitycol \
    interval kill lineno load merge minus national nocheck nonclustered nullif off offsets open opendatasource \
    openquery openrowset openxml option percent pivot precision print proc procedure public raiserror read readtext \
    reconfigure replication restore return revert revoke rowcount rowguidcol rule sample save schema securityaudit \
    semantickeyphrasetable semanticsimilaritydetailstable semanticsimilaritytable settings setuser shutdown sort \
    start statistics struct textsize throw top tran trim truncate try_convert tsequal unpivot updatetext use waitfor \
    while within writetext";

type Words = LazyLock<HashSet<&'static str>>;

static IN_ALL: Words = LazyLock::new(|| words(COMMON));
static IN_MYSQL: Words = LazyLock::new(|| words(MYSQL));
static IN_DUCKDB: Words = LazyLock::new(|| words(DUCKDB));
static IN_CLICKHOUSE: Words = LazyLock::new(|| words(CLICKHOUSE));
static IN_TRANSACT_SQL: Words = LazyLock::new(|| words(TRANSACT_SQL));

fn words(list: &'static str) -> HashSet<&'static str> {
    list.split_whitespace().collect()
}

/// Whether a lower-case word has to be quoted where it is a name.
pub(super) fn is_reserved(word: &str, dialect: Dialect) -> bool {
    let own = match dialect {
        Dialect::Sqlite | Dialect::Postgres => None,
        Dialect::MySql => Some(&IN_MYSQL),
        Dialect::DuckDb => Some(&IN_DUCKDB),
        Dialect::ClickHouse => Some(&IN_CLICKHOUSE),
        Dialect::TransactSql => Some(&IN_TRANSACT_SQL),
    };
    IN_ALL.contains(word) || own.is_some_and(|own| own.contains(word))
}
