//! The migrations, compiled in. Wrangler applies the same files to D1.

use std::borrow::Cow;

use sqlx::SqlitePool;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every file of `migrations/` in order. A test compares this list with the folder.
pub const FILES: [(i64, &str, &str); 12] = [
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
/// # Errors
/// If a migration fails, or if an applied migration has changed since.
pub async fn apply(pool: &SqlitePool) -> Result<(), sqlx::migrate::MigrateError> {
    migrator().run(pool).await
}
