//! One driver suite: every case of `cases.toml` on SQLite, PostgreSQL, MariaDB and DuckDB, through the driver seam, and
//! through the guard where it matters.
//!
//! The engines differ in what `cases.toml` spells for them and in how a database of theirs is made (`ground`); what is
//! demanded of them (`acts`) is the same for all. `cargo xtask test` starts the servers.
//!
//! Beside it stand what no case can say: data files that are none (`data_files`), places where nobody answers
//! (`unreachable`), and lines that are cut, silenced or encrypted on the way (`relay`).

mod acts;
mod alone;
mod bed;
mod cases;
mod data_files;
mod ground;
mod relay;
mod unreachable;

/// Acts as tests of one engine.
macro_rules! tests {
    ($engine:ident; $($room:ident: $($act:ident)+;)+) => { $($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $act() {
            crate::acts::$room::$act(tidegate_schema::model::Engine::$engine).await;
        }
    )+)+ };
}

/// Acts as tests of every engine.
macro_rules! on_every_engine {
    ($($acts:tt)+) => {
        mod sqlite { tests!(Sqlite; $($acts)+); }
        mod postgresql { tests!(Postgres; $($acts)+); }
        mod mariadb { tests!(MariaDb; $($acts)+); }
        #[cfg(feature = "duckdb")]
        mod duckdb { tests!(DuckDb; $($acts)+); }
    };
}

on_every_engine! {
    reads: every_type_keeps_its_values every_read_answers_the_same_through_the_guard
        a_table_dropped_after_it_was_listed_is_an_error plans_are_made_and_run_nothing;
    streams: a_hundred_thousand_rows_come_in_small_batches large_cells_come_a_few_at_a_time memory_stays_flat
        rows_and_bytes_are_cut_and_told;
    stops: a_dropped_stream_is_cancelled time_runs_out sixteen_readers_are_served;
    session: writes_are_refused_when_nobody_judges;
    changes: changes_are_kept_whole_or_not_at_all a_change_that_takes_too_long_is_taken_back;
    catalogue: the_catalogue_is_whole the_fingerprint_follows_the_structure_alone values_are_sampled_within_bounds
        names_may_be_anything;
    bounds: the_widest_table_is_read ten_thousand_columns_are_survived fifty_megabytes_of_sql_are_survived;
}

mod postgresql_server {
    tests!(Postgres;
        stops: a_killed_session_is_an_error_in_the_stream;
        ways: wrong_ways_to_a_server_end_in_time;
        lines: a_line_that_breaks_is_an_error_in_the_stream a_line_that_falls_silent_is_given_up_by_the_clock
            an_idle_line_that_fell_silent_is_done_with_soon all_is_encrypted_where_the_server_offers_it;
    );
}

mod mariadb_server {
    tests!(MariaDb;
        stops: a_killed_session_is_an_error_in_the_stream;
        ways: wrong_ways_to_a_server_end_in_time;
        lines: a_line_that_breaks_is_an_error_in_the_stream a_line_that_falls_silent_is_given_up_by_the_clock
            an_idle_line_that_fell_silent_is_done_with_soon all_is_encrypted_where_the_server_offers_it;
        catalogue: without_a_database_all_are_listed;
        reads: what_the_server_leaves_out_is_an_error;
    );
}

mod sqlite_file {
    tests!(Sqlite; ways: wrong_ways_to_a_file_name_the_path; damaged: a_damaged_file_is_an_error;);
}

#[cfg(feature = "duckdb")]
mod duckdb_file {
    tests!(DuckDb; ways: wrong_ways_to_a_file_name_the_path; damaged: a_damaged_file_is_an_error;);
}
