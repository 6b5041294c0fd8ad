//! Growing access to the service `auth`: whose effective permissions a batch adds to.
//!
//! [`note_access`] precedes the statements of a change, and [`end_sessions`] follows them. What
//! counts is the difference between the two, so no way to gain a permission can be left out: a
//! grant, a role of the person, or a permission of a role.

use crate::authorization::model::names::{BUILT_IN_PERMISSION, BUILT_IN_SERVICE};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// Notes the effective permissions of every person in the service `auth`.
#[must_use]
pub fn note_access(now: Timestamp) -> Statement {
    sql(
        "INSERT INTO auth_access (person_id, permission_id)
         SELECT g.person_id, m.permission_id
           FROM person_roles AS g JOIN role_permissions AS m ON m.role_id = g.role_id
          WHERE g.service_id = ?2 AND (g.expires_at IS NULL OR g.expires_at > ?1)
          UNION
         SELECT g.person_id, g.permission_id FROM person_permissions AS g
          WHERE g.service_id = ?2 AND (g.expires_at IS NULL OR g.expires_at > ?1)",
        [now.into(), BUILT_IN_SERVICE.into()],
    )
}

/// Revokes every session and token of the people who gained an effective permission since
/// [`note_access`], because those were issued for less.
///
/// The batch fails with [`crate::kernel::store::Precondition::Owner`] if a way to sign in to the
/// account of such a person was set by another person. An operator and a person who was an
/// administrator before the change could take the permission themselves, so they may set it.
#[must_use]
pub fn end_sessions(now: Timestamp) -> [Statement; 5] {
    // A person who gained a permission is noted with the permission 0, which does not exist.
    let note_gain = sql(
        "INSERT INTO auth_access (person_id, permission_id)
         SELECT g.person_id, 0
           FROM person_roles AS g JOIN role_permissions AS m ON m.role_id = g.role_id
          WHERE g.service_id = ?2 AND (g.expires_at IS NULL OR g.expires_at > ?1)
            AND NOT EXISTS (SELECT 1 FROM auth_access AS b
                             WHERE b.person_id = g.person_id
                               AND b.permission_id IN (m.permission_id, ?3))
          UNION
         SELECT g.person_id, 0 FROM person_permissions AS g
          WHERE g.service_id = ?2 AND (g.expires_at IS NULL OR g.expires_at > ?1)
            AND NOT EXISTS (SELECT 1 FROM auth_access AS b
                             WHERE b.person_id = g.person_id
                               AND b.permission_id IN (g.permission_id, ?3))",
        [
            now.into(),
            BUILT_IN_SERVICE.into(),
            BUILT_IN_PERMISSION.into(),
        ],
    );
    let require_owner = sql(
        "INSERT INTO preconditions (owner)
         SELECT 1 FROM auth_access AS a
           JOIN people AS p ON p.id = a.person_id
           JOIN users AS u ON u.id = p.user_id
          WHERE a.permission_id = 0 AND u.credentials_by <> 'operator'
            AND NOT EXISTS (SELECT 1 FROM people AS s
                              JOIN auth_access AS b ON b.person_id = s.id
                             WHERE s.user_id = u.credentials_by AND b.permission_id = ?1)",
        [BUILT_IN_PERMISSION.into()],
    );
    let revoke_tokens = sql(
        "DELETE FROM person_tokens
          WHERE person_id IN (SELECT person_id FROM auth_access WHERE permission_id = 0)",
        [],
    );
    let revoke_sessions = sql(
        "UPDATE sessions SET revoked_at = ?1
          WHERE revoked_at IS NULL
            AND user_id IN (SELECT p.user_id FROM auth_access AS a
                              JOIN people AS p ON p.id = a.person_id
                             WHERE a.permission_id = 0)",
        [now.into()],
    );
    let forget = sql("DELETE FROM auth_access WHERE permission_id >= 0", []);
    [
        note_gain,
        require_owner,
        revoke_tokens,
        revoke_sessions,
        forget,
    ]
}
