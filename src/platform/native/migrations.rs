//! The migrations, compiled in. Wrangler applies the same files to D1.

use std::borrow::Cow;

use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

/// The end of the name of a migration that an older version of this program can run on: it adds
/// tables, indexes, or columns with a default, and changes nothing that exists.
const ADDITIVE: &str = "_additive";

/// The reasons not to start on a database.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer version of this program changed the schema.
    #[error(
        "the database has a newer schema than this version knows (migration {0}), and this version \
         cannot run on it: start the newer version, or restore the backup from before the update"
    )]
    Newer(String),
    /// A migration failed, or an applied migration has changed since.
    #[error(transparent)]
    Failed(#[from] MigrateError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Every file of `migrations/` in order. A test compares this list with the folder.
pub const FILES: [(i64, &str, &str); 14] = [
    (
        1,
        "users",
        include_str!("../../../migrations/0001_users.sql"),
    ),
    (
        2,
        "sessions",
        include_str!("../../../migrations/0002_sessions.sql"),
    ),
    (
        3,
        "challenges",
        include_str!("../../../migrations/0003_challenges.sql"),
    ),
    (
        4,
        "events",
        include_str!("../../../migrations/0004_events.sql"),
    ),
    (
        5,
        "passkeys",
        include_str!("../../../migrations/0005_passkeys.sql"),
    ),
    (
        6,
        "attest_keys",
        include_str!("../../../migrations/0006_attest_keys.sql"),
    ),
    (
        7,
        "attempts",
        include_str!("../../../migrations/0007_attempts.sql"),
    ),
    (
        8,
        "outbox",
        include_str!("../../../migrations/0008_outbox.sql"),
    ),
    (
        9,
        "factors",
        include_str!("../../../migrations/0009_factors.sql"),
    ),
    (
        10,
        "passwords",
        include_str!("../../../migrations/0010_passwords.sql"),
    ),
    (
        11,
        "people",
        include_str!("../../../migrations/0011_people.sql"),
    ),
    (
        12,
        "policy",
        include_str!("../../../migrations/0012_policy.sql"),
    ),
    (
        13,
        "relay_keys",
        include_str!("../../../migrations/0013_relay_keys.sql"),
    ),
    (
        14,
        "relay_servers",
        include_str!("../../../migrations/0014_relay_servers.sql"),
    ),
];

fn migrator() -> Migrator {
    let migration = |(version, name, text): (i64, &'static str, &'static str)| {
        let sql = sqlx::SqlStr::from_static(text);
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql,
            false,
        )
    };
    Migrator::with_migrations(FILES.map(migration).to_vec())
}

/// Applies every migration that the database does not have.
///
/// A newer version of this program may have applied further migrations. If each is marked as
/// additive, this version runs on them, which the log says.
///
/// # Errors
/// [`MigrationError`]
pub async fn apply(pool: &SqlitePool) -> Result<(), MigrationError> {
    let mut migrator = migrator();
    match migrator.run(pool).await {
        Err(MigrateError::VersionMissing(_)) => {}
        result => return Ok(result?),
    }
    let newer = newer(pool).await?;
    if newer.is_empty() || newer.iter().any(|name| !name.ends_with(ADDITIVE)) {
        return Err(MigrationError::Newer(newer.join(", ")));
    }
    tracing::warn!(
        migrations = newer.join(", "),
        "a newer version migrated the database: this version runs on it, because the migrations \
         are additive"
    );
    migrator.set_ignore_missing(true);
    Ok(migrator.run(pool).await?)
}

/// Returns the numbers and names of the applied migrations that this version does not have.
async fn newer(pool: &SqlitePool) -> Result<Vec<String>, sqlx::Error> {
    let applied: Vec<(i64, String)> =
        sqlx::query_as("SELECT version, description FROM _sqlx_migrations ORDER BY version")
            .fetch_all(pool)
            .await?;
    let unknown = applied
        .into_iter()
        .filter(|(version, _)| FILES.iter().all(|(known, ..)| known != version));
    Ok(unknown
        .map(|(version, name)| format!("{version:04}_{name}"))
        .collect())
}
