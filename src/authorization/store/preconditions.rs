//! What a change rests on. Each statement inserts a row whose check fails, unless its condition
//! holds: then the batch ends there.

use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::{Statement, sql};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;

/// Whether the person `$person` has the permission `$permission` of the service itself, or may do
/// everything there, at `$now`.
macro_rules! may {
    ($person:expr, $permission:literal, $now:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM person_roles AS g JOIN role_permissions AS m ON m.role_id = g.role_id
                       WHERE g.person_id = ",
            $person,
            " AND g.service_id = 1000000001 AND m.permission_id IN (",
            $permission,
            ", 1000000001) AND ",
            counts!($now),
            ") OR EXISTS (SELECT 1 FROM person_permissions AS g
                       WHERE g.person_id = ",
            $person,
            " AND g.service_id = 1000000001 AND g.permission_id IN (",
            $permission,
            ", 1000000001) AND ",
            counts!($now),
            "))"
        )
    };
}

/// Whether somebody may do everything there for good, but `$but`.
macro_rules! somebody_administers {
    ($but:expr) => {
        concat!(
            "(EXISTS (SELECT 1 FROM role_permissions AS m JOIN person_roles AS g ON g.role_id = m.role_id AND g.service_id = 1000000001
                       WHERE m.permission_id = 1000000001 AND g.expires_at IS NULL ",
            $but,
            ") OR EXISTS (SELECT 1 FROM person_permissions AS g
                       WHERE g.permission_id = 1000000001 AND g.service_id = 1000000001 AND g.expires_at IS NULL ",
            $but,
            "))"
        )
    };
}

/// The table is as it was: what a condition about it said then holds still.
macro_rules! unless {
    ($condition:expr) => {
        concat!(
            "INSERT INTO preconditions (subject) SELECT 1 WHERE NOT (",
            $condition,
            ")"
        )
    };
}
pub(super) use unless;

/// Whoever presents the token is signed in, and may do what they do.
#[must_use]
pub fn caller(token: &TokenHash, needs: AuthPermission, now: Timestamp) -> Statement {
    sql(
        concat!(
            "INSERT INTO preconditions (caller) SELECT 1 WHERE NOT EXISTS (
                 SELECT 1 FROM person_tokens AS t WHERE t.token_hash = ?1 AND t.expires_at > ?2 AND ",
            may!("t.person_id", "?3", "?2"),
            ")"
        ),
        [token.into(), now.into(), needs.id().into()],
    )
}

/// Somebody administers the service, for good, after what came before in the batch.
#[must_use]
pub fn administrator() -> Statement {
    sql(
        concat!(
            "INSERT INTO preconditions (administrator) SELECT 1 WHERE NOT ",
            somebody_administers!("")
        ),
        [],
    )
}

/// Nobody administers the service yet.
#[must_use]
pub fn no_administrator() -> Statement {
    sql(
        concat!(
            "INSERT INTO preconditions (subject) SELECT 1 WHERE ",
            somebody_administers!("")
        ),
        [],
    )
}

/// The account is not the only one whose owner administers the service.
#[must_use]
pub fn not_the_last(user: UserId, now: Timestamp) -> Statement {
    sql(
        concat!(
            "INSERT INTO preconditions (administrator) SELECT 1 FROM people AS p WHERE p.user_id = ?1 AND ",
            may!("p.id", "1000000001", "?2"),
            " AND NOT ",
            somebody_administers!("AND g.person_id <> p.id")
        ),
        [user.into(), now.into()],
    )
}

/// A service is as it was seen: there, and with the same name and description.
#[must_use]
pub fn service_is(seen: &crate::authorization::store::services::Service) -> Statement {
    sql(
        unless!(
            "EXISTS (SELECT 1 FROM services WHERE id = ?1 AND name = ?2 AND description IS ?3 AND deleted_at IS NULL)"
        ),
        [
            seen.id.into(),
            seen.name.as_str().into(),
            seen.description.as_deref().into(),
        ],
    )
}

/// A person is as they were seen: there, called so, and with no more say in the service itself.
#[must_use]
pub fn person_is(seen: &crate::authorization::store::people::Person) -> Statement {
    sql(
        unless!(
            "EXISTS (SELECT 1 FROM people AS p WHERE p.id = ?1 AND p.username = ?2
                AND (?3 = 1 OR NOT (EXISTS (SELECT 1 FROM person_roles AS g WHERE g.person_id = p.id AND g.service_id = 1000000001)
                                    OR EXISTS (SELECT 1 FROM person_permissions AS g WHERE g.person_id = p.id AND g.service_id = 1000000001))))"
        ),
        [seen.id.into(), seen.username.as_str().into(), seen.of_auth.into()],
    )
}

/// A row if somebody administers the service for good.
#[must_use]
pub fn administrators() -> crate::authorization::store::Query<i64> {
    crate::authorization::store::Query::new(
        sql(
            concat!("SELECT 1 AS count WHERE ", somebody_administers!("")),
            [],
        ),
        crate::authorization::store::count,
    )
}
