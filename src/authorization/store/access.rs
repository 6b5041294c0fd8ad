//! The roles and permissions of a person in a service. The number of rows that a statement reads
//! grows only with the number of the person's grants in the service.

use crate::authorization::model::names::IdOrName;
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::people::Person;
use crate::authorization::store::read::{NamedRow, Query, Reads, each, reference_params};
use crate::authorization::store::services;
use crate::authorization::store::services::Service;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Row, Rows, Statement, StoreError, Value, read_all, read_first, sql};

/// The roles and permissions of a person in a service.
#[derive(Clone, Debug)]
pub struct EffectiveAccess {
    /// The service.
    pub service: Service,
    /// The roles, by id.
    pub roles: Vec<NamedRow>,
    /// The permissions of the roles and the direct permissions, by id.
    pub permissions: Vec<NamedRow>,
    /// When the first of the grants expires, if one of them does.
    pub until: Option<Timestamp>,
}

/// The statements that read the access of a person in a service. Reads `None` for an unknown
/// service.
#[derive(Debug)]
pub struct AccessQuery<'a> {
    /// The person.
    pub person: PersonSelector<'a>,
    /// The service.
    pub service: &'a IdOrName,
    /// The time at which a grant must be active.
    pub now: Timestamp,
}

/// The way in which a query finds a person.
#[derive(Clone, Copy, Debug)]
pub enum PersonSelector<'a> {
    /// By id or username.
    Reference(&'a IdOrName),
    /// By the hash of a token of the person.
    Token(&'a TokenHash),
}

impl AccessQuery<'_> {
    /// Returns the parameters: the person's id, username and token, the service's id and name, and
    /// the time.
    fn params(&self) -> [Value; 6] {
        let ([id, username], token) = match self.person {
            PersonSelector::Reference(person) => (reference_params(person), None),
            PersonSelector::Token(token) => ([Value::Null, Value::Null], Some(token)),
        };
        let [service, name] = reference_params(self.service);
        [id, username, token.into(), service, name, self.now.into()]
    }
}

impl Reads for AccessQuery<'_> {
    type Output = Option<EffectiveAccess>;

    fn statements(&self) -> Vec<Statement> {
        let roles = sql(
            "SELECT r.id, r.name, g.expires_at
               FROM person_roles AS g
               JOIN service_roles AS a
                 ON a.service_id = g.service_id AND a.role_id = g.role_id
               JOIN roles AS r ON r.id = g.role_id
              WHERE g.person_id = COALESCE(?1,
                        (SELECT id FROM people WHERE username = ?2),
                        (SELECT person_id FROM person_tokens WHERE token_hash = ?3))
                AND g.service_id = COALESCE(?4, (SELECT id FROM services WHERE name = ?5))
                AND (g.expires_at IS NULL OR g.expires_at > ?6)
              ORDER BY r.id",
            self.params(),
        );
        let permissions = sql(
            "SELECT id, name FROM permissions
              WHERE id IN (
                 SELECT m.permission_id
                   FROM person_roles AS g
                   JOIN service_roles AS a
                     ON a.service_id = g.service_id AND a.role_id = g.role_id
                   JOIN role_permissions AS m ON m.role_id = g.role_id
                  WHERE g.person_id = COALESCE(?1,
                            (SELECT id FROM people WHERE username = ?2),
                            (SELECT person_id FROM person_tokens WHERE token_hash = ?3))
                    AND g.service_id = COALESCE(?4, (SELECT id FROM services WHERE name = ?5))
                    AND (g.expires_at IS NULL OR g.expires_at > ?6)
                 UNION
                 SELECT g.permission_id FROM person_permissions AS g
                  WHERE g.person_id = COALESCE(?1,
                            (SELECT id FROM people WHERE username = ?2),
                            (SELECT person_id FROM person_tokens WHERE token_hash = ?3))
                    AND g.service_id = COALESCE(?4, (SELECT id FROM services WHERE name = ?5))
                    AND (g.expires_at IS NULL OR g.expires_at > ?6))
              ORDER BY id",
            self.params(),
        );
        let first_expiry = sql(
            "SELECT MIN(expires_at) AS expires_at FROM person_permissions AS g
              WHERE g.person_id = COALESCE(?1,
                        (SELECT id FROM people WHERE username = ?2),
                        (SELECT person_id FROM person_tokens WHERE token_hash = ?3))
                AND g.service_id = COALESCE(?4, (SELECT id FROM services WHERE name = ?5))
                AND g.expires_at > ?6",
            self.params(),
        );
        let mut statements = services::by_reference(self.service).statements();
        statements.extend([roles, permissions, first_expiry]);
        statements
    }

    fn read(&self, results: &[Rows]) -> Result<Option<EffectiveAccess>, StoreError> {
        let [service, roles, permissions, first_expiry] = each(results)?;
        let Some(service) = read_first(service)? else {
            return Ok(None);
        };
        let expiries = roles.iter().chain(first_expiry);
        let expiries = expiries.map(|row| row.opt_time("expires_at"));
        let expiries: Vec<Option<Timestamp>> = expiries.collect::<Result<_, _>>()?;
        Ok(Some(EffectiveAccess {
            service,
            roles: read_all(roles)?,
            permissions: read_all(permissions)?,
            until: expiries.into_iter().flatten().min(),
        }))
    }
}

/// Returns a page of the services in which a person has an active role or permission.
#[must_use]
pub fn services_of(person: i64, page: PageRequest, now: Timestamp) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at, emptying
           FROM services
          WHERE id IN (SELECT service_id FROM (
                         SELECT DISTINCT g.service_id FROM person_roles AS g
                           JOIN service_roles AS a
                             ON a.service_id = g.service_id AND a.role_id = g.role_id
                           JOIN services AS s ON s.id = g.service_id AND s.deleted_at IS NULL
                          WHERE g.person_id = ?1 AND g.service_id > ?2
                            AND (g.expires_at IS NULL OR g.expires_at > ?4)
                          ORDER BY g.service_id LIMIT ?3)
                       UNION
                       SELECT service_id FROM (
                         SELECT DISTINCT g.service_id FROM person_permissions AS g
                           JOIN permissions AS m ON m.id = g.permission_id
                           JOIN services AS s ON s.id = g.service_id AND s.deleted_at IS NULL
                          WHERE g.person_id = ?1 AND g.service_id > ?2
                            AND (g.expires_at IS NULL OR g.expires_at > ?4)
                          ORDER BY g.service_id LIMIT ?3))
          ORDER BY id LIMIT ?3",
        [
            person.into(),
            page.after.into(),
            page.limit.into(),
            now.into(),
        ],
    );
    Query::rows(select)
}

/// Returns a page of the active roles of a person in a service.
#[must_use]
pub fn roles_of(person: i64, service: i64, page: PageRequest, now: Timestamp) -> Query<NamedRow> {
    let select = sql(
        "SELECT r.id, r.name FROM person_roles AS g
           JOIN service_roles AS a ON a.service_id = g.service_id AND a.role_id = g.role_id
           JOIN roles AS r ON r.id = g.role_id
          WHERE g.person_id = ?1 AND g.service_id = ?2 AND g.role_id > ?3
            AND (g.expires_at IS NULL OR g.expires_at > ?5)
          ORDER BY g.role_id LIMIT ?4",
        [
            person.into(),
            service.into(),
            page.after.into(),
            page.limit.into(),
            now.into(),
        ],
    );
    Query::rows(select)
}

/// A role or a permission that a person has in a service, with its expiry.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    /// The role or the permission.
    pub row: NamedRow,
    /// When the grant expires. `None` if it does not.
    pub until: Option<Timestamp>,
}

/// A person with their grants in a service.
#[derive(Clone, Debug)]
pub struct GrantHolder {
    /// The person.
    pub person: Person,
    /// The roles of the person in the service.
    pub roles: Vec<HeldGrant>,
    /// The direct permissions of the person in the service.
    pub permissions: Vec<HeldGrant>,
}

impl TryFrom<&Row> for GrantHolder {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            person: Person::try_from(row)?,
            roles: read_grants(row, "roles")?,
            permissions: read_grants(row, "permissions")?,
        })
    }
}

fn read_grants(row: &Row, column: &str) -> Result<Vec<HeldGrant>, StoreError> {
    let grants: Vec<(i64, String, Option<i64>)> = serde_json::from_str(&row.text(column)?)
        .map_err(|error| StoreError::Broken(error.to_string()))?;
    let grants = grants.into_iter().map(|(id, name, until)| HeldGrant {
        row: NamedRow { id, name },
        until: until.map(Timestamp::from_millis),
    });
    Ok(grants.collect())
}

/// Returns a page of the people who have roles or permissions in a service, with these. Expired
/// grants are included. A person whose last role there was deleted is included until the grant is
/// removed, so that a page never reads past many such grants.
#[must_use]
pub fn holders(service: i64, page: PageRequest) -> Query<GrantHolder> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, u.email, 0 AS of_auth,
                (SELECT json_group_array(json_array(r.id, r.name, g.expires_at))
                   FROM person_roles AS g
                   JOIN service_roles AS a
                     ON a.service_id = g.service_id AND a.role_id = g.role_id
                   JOIN roles AS r ON r.id = g.role_id
                  WHERE g.person_id = p.id AND g.service_id = ?1) AS roles,
                (SELECT json_group_array(json_array(m.id, m.name, g.expires_at))
                   FROM person_permissions AS g JOIN permissions AS m ON m.id = g.permission_id
                  WHERE g.person_id = p.id AND g.service_id = ?1) AS permissions
           FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id > ?2
            AND p.id IN (SELECT person_id
                           FROM (SELECT DISTINCT person_id FROM person_roles
                                  WHERE service_id = ?1 AND person_id > ?2
                                  ORDER BY person_id LIMIT ?3)
                         UNION
                         SELECT person_id
                           FROM (SELECT DISTINCT person_id FROM person_permissions
                                  WHERE service_id = ?1 AND person_id > ?2
                                  ORDER BY person_id LIMIT ?3))
          ORDER BY p.id LIMIT ?3",
        [service.into(), page.after.into(), page.limit.into()],
    );
    Query::rows(select)
}
