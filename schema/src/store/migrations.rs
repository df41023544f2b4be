//! The embedded migrations: applied under a lock, refused when the database is newer than the program.

use diesel::{RunQueryDsl as _, SqliteConnection, backend::Backend, migration::MigrationSource};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{PgConn, SqliteConn};
use crate::{Error, Result};

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Which way to go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// To the newest.
    Up,
    /// Back to an empty database.
    #[cfg_attr(
        not(feature = "testing"),
        expect(dead_code, reason = "only tests go down")
    )]
    Down,
}

/// Any number will do, as long as nothing else on the server takes the same one.
const LOCK: i64 = 0x7469_6465_6761_7465;

/// Migrates a SQLite store. The lock is the database's own write lock.
pub(super) async fn sqlite(conn: &mut SqliteConn, way: Way) -> Result<()> {
    conn.spawn_blocking(move |conn| {
        Ok(conn.exclusive_transaction(|conn| migrate::<_, SqliteConnection>(conn, SQLITE, way)))
    })
    .await?
}

/// Migrates a PostgreSQL store. The lock goes with the connection, so it cannot outlive a crash.
pub(super) async fn postgres(conn: PgConn, way: Way) -> Result<()> {
    // The harness is blocking; on a blocking thread it works on every kind of runtime.
    let task = tokio::task::spawn_blocking(move || {
        let mut conn = AsyncConnectionWrapper::<PgConn>::from(conn);
        diesel::sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut conn)?;
        migrate(&mut conn, POSTGRES, way)
    });
    task.await
        .map_err(|error| Error::internal("migrating the store", error))?
}

fn migrate<DB, C>(conn: &mut C, source: EmbeddedMigrations, way: Way) -> Result<()>
where
    DB: Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed = |error| Error::internal("migrating the store", error);
    let known: Vec<String> = MigrationSource::<DB>::migrations(&source)
        .map_err(failed)?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = conn.applied_migrations().map_err(failed)?;
    if let Some(unknown) = applied
        .iter()
        .map(ToString::to_string)
        .find(|version| !known.contains(version))
    {
        return Err(Error::Conflict {
            reason: format!(
                "the store was written by a newer Tidegate (this one does not know its migration {unknown}); \
                 start that version or a newer one, or restore a backup from before the upgrade"
            ),
        });
    }
    match way {
        Way::Up => {
            for version in conn.run_pending_migrations(source).map_err(failed)? {
                tracing::info!(%version, "migrated the store");
            }
        }
        Way::Down => {
            conn.revert_all_migrations(source).map_err(failed)?;
        }
    }
    Ok(())
}
