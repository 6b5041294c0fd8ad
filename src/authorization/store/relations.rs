//! Relations: permissions of roles, roles of services, and roles and permissions of people in
//! services.

use crate::authorization::store::roles::ROLES;
use crate::authorization::store::{removal, services};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// A relation that a change can add or remove.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// A permission of a role.
    RolePermission {
        /// The id of the role.
        role: i64,
        /// The id of the permission.
        permission: i64,
    },
    /// A role of a service.
    ServiceRole {
        /// The id of the service.
        service: i64,
        /// The id of the role.
        role: i64,
    },
    /// A role of a person in a service that has the role.
    PersonRole {
        /// The id of the person.
        person: i64,
        /// The id of the service.
        service: i64,
        /// The id of the role.
        role: i64,
        /// When the grant expires. `None` if it does not.
        until: Option<Timestamp>,
    },
    /// A direct permission of a person in a service.
    PersonPermission {
        /// The id of the person.
        person: i64,
        /// The id of the service.
        service: i64,
        /// The id of the permission.
        permission: i64,
        /// When the grant expires. `None` if it does not.
        until: Option<Timestamp>,
    },
}

/// A relation that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExistingRelation {
    /// When the relation expires. `None` if it does not.
    pub until: Option<Timestamp>,
}

impl Relation {
    /// Inserts the relation, or replaces its expiry.
    #[must_use]
    pub fn insert(&self) -> Statement {
        match *self {
            Self::RolePermission { role, permission } => sql(
                "INSERT INTO role_permissions (role_id, permission_id) VALUES (?1, ?2)
                 ON CONFLICT DO NOTHING",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => sql(
                "INSERT INTO service_roles (service_id, role_id) VALUES (?1, ?2)
                 ON CONFLICT DO NOTHING",
                [service.into(), role.into()],
            ),
            Self::PersonRole {
                person,
                service,
                role,
                until,
            } => sql(
                "INSERT INTO person_roles (person_id, service_id, role_id, expires_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
                [person.into(), service.into(), role.into(), until.into()],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                until,
            } => sql(
                "INSERT INTO person_permissions (person_id, service_id, permission_id, expires_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
                [
                    person.into(),
                    service.into(),
                    permission.into(),
                    until.into(),
                ],
            ),
        }
    }

    /// Deletes the relation. If a service loses a role, people lose the role in that service.
    #[must_use]
    pub fn delete(&self, now: Timestamp) -> Vec<Statement> {
        let delete = match *self {
            Self::RolePermission { role, permission } => sql(
                "DELETE FROM role_permissions WHERE role_id = ?1 AND permission_id = ?2",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => {
                return removal::remove_service_role(service, role, now).into();
            }
            Self::PersonRole {
                person,
                service,
                role,
                ..
            } => sql(
                "DELETE FROM person_roles
                  WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3",
                [person.into(), service.into(), role.into()],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                ..
            } => sql(
                "DELETE FROM person_permissions
                  WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3",
                [person.into(), service.into(), permission.into()],
            ),
        };
        vec![delete]
    }

    /// Increases the policy version of every service that the relation affects.
    #[must_use]
    pub fn bump(&self) -> Statement {
        match *self {
            Self::RolePermission { role, .. } => ROLES.bump(role),
            Self::ServiceRole { service, .. }
            | Self::PersonRole { service, .. }
            | Self::PersonPermission { service, .. } => services::bump(service),
        }
    }

    /// Returns when the relation expires. `None` if it does not.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match *self {
            Self::PersonRole { until, .. } | Self::PersonPermission { until, .. } => until,
            Self::RolePermission { .. } | Self::ServiceRole { .. } => None,
        }
    }

    /// Requires that both sides of the relation exist: the service is not deleted, and it has the
    /// role. No grant may be left of a role that the service lost.
    #[must_use]
    pub fn is_grantable(&self) -> Statement {
        match *self {
            Self::RolePermission { role, permission } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM roles WHERE id = ?1)
                             OR NOT EXISTS (SELECT 1 FROM permissions WHERE id = ?2)",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM services
                                             WHERE id = ?1 AND deleted_at IS NULL)
                             OR NOT EXISTS (SELECT 1 FROM roles WHERE id = ?2)
                             OR EXISTS (SELECT 1 FROM removed_roles
                                         WHERE service_id = ?1 AND role_id = ?2)",
                [service.into(), role.into()],
            ),
            Self::PersonRole {
                person,
                service,
                role,
                ..
            } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM services
                                             WHERE id = ?2 AND deleted_at IS NULL)
                             OR NOT EXISTS (SELECT 1 FROM people WHERE id = ?1)
                             OR NOT EXISTS (SELECT 1 FROM service_roles
                                             WHERE service_id = ?2 AND role_id = ?3)",
                [person.into(), service.into(), role.into()],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                ..
            } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM services
                                             WHERE id = ?2 AND deleted_at IS NULL)
                             OR NOT EXISTS (SELECT 1 FROM people WHERE id = ?1)
                             OR NOT EXISTS (SELECT 1 FROM permissions WHERE id = ?3)",
                [person.into(), service.into(), permission.into()],
            ),
        }
    }

    /// Requires that the relation is as it was read: with the expiry of `seen`, or missing.
    #[must_use]
    pub fn is_unchanged(&self, seen: Option<ExistingRelation>) -> Statement {
        let count = i64::from(seen.is_some());
        let seen_until = seen.and_then(|seen| seen.until);
        match *self {
            Self::RolePermission { role, permission } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE (SELECT COUNT(*) FROM role_permissions
                                  WHERE role_id = ?1 AND permission_id = ?2) <> ?3",
                [role.into(), permission.into(), count.into()],
            ),
            Self::ServiceRole { service, role } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 WHERE (SELECT COUNT(*) FROM service_roles
                                  WHERE service_id = ?1 AND role_id = ?2) <> ?3",
                [service.into(), role.into(), count.into()],
            ),
            Self::PersonRole {
                person,
                service,
                role,
                ..
            } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1
                  WHERE (SELECT COUNT(*) FROM person_roles
                          WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3) <> ?4
                     OR (SELECT expires_at FROM person_roles
                          WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3) IS NOT ?5",
                [
                    person.into(),
                    service.into(),
                    role.into(),
                    count.into(),
                    seen_until.into(),
                ],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                ..
            } => sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1
                  WHERE (SELECT COUNT(*) FROM person_permissions
                          WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3) <> ?4
                     OR (SELECT expires_at FROM person_permissions
                          WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3)
                        IS NOT ?5",
                [
                    person.into(),
                    service.into(),
                    permission.into(),
                    count.into(),
                    seen_until.into(),
                ],
            ),
        }
    }
}
