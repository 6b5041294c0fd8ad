//! Preconditions about the caller and about administrators.
//!
//! The statement of a precondition inserts a row that a constraint refuses, unless the condition
//! holds. The refused row fails the batch and names the precondition.

use crate::authorization::model::names::{AuthPermission, BUILT_IN_PERMISSION, BUILT_IN_SERVICE};
use crate::authorization::store::read::{Query, read_id};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// Requires that the token is valid and its owner has the permission in the service `auth`.
#[must_use]
pub fn caller_may(token: &TokenHash, needed: AuthPermission, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO preconditions (caller) SELECT 1 WHERE NOT EXISTS (
             SELECT 1 FROM person_tokens AS t
              WHERE t.token_hash = ?1 AND t.expires_at > ?2
                AND (EXISTS (SELECT 1 FROM person_roles AS g
                               JOIN role_permissions AS m ON m.role_id = g.role_id
                              WHERE g.person_id = t.person_id AND g.service_id = ?4
                                AND m.permission_id IN (?3, ?5)
                                AND (g.expires_at IS NULL OR g.expires_at > ?2))
                     OR EXISTS (SELECT 1 FROM person_permissions AS g
                                 WHERE g.person_id = t.person_id AND g.service_id = ?4
                                   AND g.permission_id IN (?3, ?5)
                                   AND (g.expires_at IS NULL OR g.expires_at > ?2))))",
        [
            token.into(),
            now.into(),
            needed.id().into(),
            BUILT_IN_SERVICE.into(),
            BUILT_IN_PERMISSION.into(),
        ],
    )
}

/// Requires that, after the statements before this one, at least one person holds `auth.administer`
/// without an expiry.
#[must_use]
pub fn administrator_remains() -> Statement {
    sql(
        "INSERT INTO preconditions (administrator)
         SELECT 1
          WHERE NOT EXISTS (SELECT 1 FROM role_permissions AS m
                              JOIN person_roles AS g
                                ON g.role_id = m.role_id AND g.service_id = ?1
                             WHERE m.permission_id = ?2 AND g.expires_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM person_permissions AS g
                             WHERE g.permission_id = ?2 AND g.service_id = ?1
                               AND g.expires_at IS NULL)",
        [BUILT_IN_SERVICE.into(), BUILT_IN_PERMISSION.into()],
    )
}

/// Requires that no person holds `auth.administer` without an expiry.
#[must_use]
pub fn no_administrator_exists() -> Statement {
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1
          WHERE EXISTS (SELECT 1 FROM role_permissions AS m
                          JOIN person_roles AS g
                            ON g.role_id = m.role_id AND g.service_id = ?1
                         WHERE m.permission_id = ?2 AND g.expires_at IS NULL)
             OR EXISTS (SELECT 1 FROM person_permissions AS g
                         WHERE g.permission_id = ?2 AND g.service_id = ?1
                           AND g.expires_at IS NULL)",
        [BUILT_IN_SERVICE.into(), BUILT_IN_PERMISSION.into()],
    )
}

/// Requires that the account owner does not hold `auth.administer`, or that another person holds it
/// without an expiry.
#[must_use]
pub fn is_not_last_administrator(user: UserId, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO preconditions (administrator)
         SELECT 1 FROM people AS p
          WHERE p.user_id = ?1
            AND (EXISTS (SELECT 1 FROM person_roles AS g
                           JOIN role_permissions AS m ON m.role_id = g.role_id
                          WHERE g.person_id = p.id AND g.service_id = ?3 AND m.permission_id = ?4
                            AND (g.expires_at IS NULL OR g.expires_at > ?2))
                 OR EXISTS (SELECT 1 FROM person_permissions AS g
                             WHERE g.person_id = p.id AND g.service_id = ?3
                               AND g.permission_id = ?4
                               AND (g.expires_at IS NULL OR g.expires_at > ?2)))
            AND NOT EXISTS (SELECT 1 FROM role_permissions AS m
                              JOIN person_roles AS g
                                ON g.role_id = m.role_id AND g.service_id = ?3
                             WHERE m.permission_id = ?4 AND g.expires_at IS NULL
                               AND g.person_id <> p.id)
            AND NOT EXISTS (SELECT 1 FROM person_permissions AS g
                             WHERE g.permission_id = ?4 AND g.service_id = ?3
                               AND g.expires_at IS NULL AND g.person_id <> p.id)",
        [
            user.into(),
            now.into(),
            BUILT_IN_SERVICE.into(),
            BUILT_IN_PERMISSION.into(),
        ],
    )
}

/// Returns the ids of people who hold `auth.administer` without an expiry; at most one.
#[must_use]
pub fn administrators() -> Query<i64> {
    let select = sql(
        "SELECT id FROM people
          WHERE id IN (SELECT g.person_id FROM role_permissions AS m
                         JOIN person_roles AS g ON g.role_id = m.role_id AND g.service_id = ?1
                        WHERE m.permission_id = ?2 AND g.expires_at IS NULL
                       UNION
                       SELECT g.person_id FROM person_permissions AS g
                        WHERE g.permission_id = ?2 AND g.service_id = ?1
                          AND g.expires_at IS NULL)
          LIMIT 1",
        [BUILT_IN_SERVICE.into(), BUILT_IN_PERMISSION.into()],
    );
    Query::new(select, read_id)
}
