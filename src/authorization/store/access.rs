//! What a person may do in a service. What is read grows with what the person has there, and with
//! nothing else.

use crate::authorization::store::services::Service;
use crate::authorization::store::{
    Named, Page, Query, Reads, Ref, Row, Rows, Statement, StoreError, all, one, services, sql,
};
use crate::kernel::model::time::Timestamp;

/// What somebody has in a service.
#[derive(Clone, Debug)]
pub struct Access {
    /// The service.
    pub service: Service,
    /// Roles, by id.
    pub roles: Vec<Named>,
    /// Permissions, of roles and direct ones, by id.
    pub permissions: Vec<Named>,
    /// When the first of the grants ends.
    pub until: Option<Timestamp>,
}

/// Asks what a person has in a service, at a moment. Nothing for an unknown service.
#[derive(Debug)]
pub struct Effective<'a> {
    /// Who.
    pub person: PersonOf<'a>,
    /// Where.
    pub service: &'a Ref,
    /// When.
    pub now: Timestamp,
}

/// Whose access is asked for.
#[derive(Clone, Copy, Debug)]
pub enum PersonOf<'a> {
    /// Whoever is named.
    Named(&'a Ref),
    /// Whoever presents the token with this hash.
    Token(&'a crate::kernel::model::secret::TokenHash),
}

/// The person's id; `?1` is their id, `?2` their username, `?3` a token's hash.
macro_rules! person {
    () => {
        "COALESCE(?1, (SELECT id FROM people WHERE username = ?2), (SELECT person_id FROM person_tokens WHERE token_hash = ?3))"
    };
}

/// The service's id; `?4` is its id, `?5` its name.
macro_rules! service {
    () => {
        "COALESCE(?4, (SELECT id FROM services WHERE name = ?5))"
    };
}

impl Reads for Effective<'_> {
    type Output = Option<Access>;

    fn statements(&self) -> Vec<Statement> {
        let params = || {
            let ([id, username], token) = match self.person {
                PersonOf::Named(person) => (person.params(), None),
                PersonOf::Token(token) => ([None::<i64>.into(), None::<i64>.into()], Some(token)),
            };
            let [service, name] = self.service.params();
            [id, username, token.into(), service, name, self.now.into()]
        };
        let roles = sql(
            concat!(
                "SELECT r.id, r.name, g.expires_at FROM person_roles AS g JOIN roles AS r ON r.id = g.role_id
                  WHERE g.person_id = ",
                person!(),
                " AND g.service_id = ",
                service!(),
                " AND ",
                counts!("?6"),
                " ORDER BY r.id"
            ),
            params(),
        );
        let permissions = sql(
            concat!(
                "SELECT id, name FROM permissions WHERE id IN (
                     SELECT m.permission_id FROM person_roles AS g JOIN role_permissions AS m ON m.role_id = g.role_id
                      WHERE g.person_id = ",
                person!(),
                " AND g.service_id = ",
                service!(),
                " AND ",
                counts!("?6"),
                " UNION
                     SELECT g.permission_id FROM person_permissions AS g
                      WHERE g.person_id = ",
                person!(),
                " AND g.service_id = ",
                service!(),
                " AND ",
                counts!("?6"),
                ") ORDER BY id"
            ),
            params(),
        );
        let ends = sql(
            concat!(
                "SELECT MIN(expires_at) AS expires_at FROM person_permissions AS g WHERE g.person_id = ",
                person!(),
                " AND g.service_id = ",
                service!(),
                " AND g.expires_at > ?6"
            ),
            params(),
        );
        let mut statements = services::named(self.service).statements();
        statements.extend([roles, permissions, ends]);
        statements
    }

    fn read(&self, results: &[Rows]) -> Result<Option<Access>, StoreError> {
        let Some(service) = one(results, 0, services::read)? else {
            return Ok(None);
        };
        let ends = |row: &Row| row.opt_time("expires_at");
        let ends = all(results, 1, ends)?
            .into_iter()
            .chain(all(results, 3, ends)?)
            .flatten()
            .min();
        Ok(Some(Access {
            service,
            roles: all(results, 1, Named::read)?,
            permissions: all(results, 2, Named::read)?,
            until: ends,
        }))
    }
}

/// A page of the services where a person has something.
#[must_use]
pub fn services_of(person: i64, page: Page, now: Timestamp) -> Query<Service> {
    let select = sql(
        concat!(
            "SELECT id, name, description, policy_version, built_in, deleted_at FROM services
              WHERE deleted_at IS NULL AND id > ?2 AND id IN (
                 SELECT g.service_id FROM person_roles AS g WHERE g.person_id = ?1 AND ",
            counts!("?4"),
            " UNION SELECT g.service_id FROM person_permissions AS g WHERE g.person_id = ?1 AND ",
            counts!("?4"),
            ") ORDER BY id LIMIT ?3"
        ),
        [
            person.into(),
            page.after.into(),
            page.limit.into(),
            now.into(),
        ],
    );
    Query::new(select, services::read)
}

/// A page of the roles that a person has in a service.
#[must_use]
pub fn roles_of(person: i64, service: i64, page: Page, now: Timestamp) -> Query<Named> {
    let select = sql(
        concat!(
            "SELECT r.id, r.name FROM person_roles AS g JOIN roles AS r ON r.id = g.role_id
              WHERE g.person_id = ?1 AND g.service_id = ?2 AND g.role_id > ?3 AND ",
            counts!("?5"),
            " ORDER BY g.role_id LIMIT ?4"
        ),
        [
            person.into(),
            service.into(),
            page.after.into(),
            page.limit.into(),
            now.into(),
        ],
    );
    Query::new(select, Named::read)
}

/// Somebody with what they have in a service.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Who.
    pub person: crate::authorization::store::people::Person,
    /// Roles, each with when it ends.
    pub roles: Vec<(Named, Option<Timestamp>)>,
    /// Direct permissions, each with when it ends.
    pub permissions: Vec<(Named, Option<Timestamp>)>,
}

fn read_holder(row: &Row) -> Result<Holder, StoreError> {
    let grants = |column: &str| -> Result<Vec<(Named, Option<Timestamp>)>, StoreError> {
        let broken = |error: serde_json::Error| StoreError::Broken(error.to_string());
        let list: Vec<(i64, String, Option<i64>)> =
            serde_json::from_str(&row.text(column)?).map_err(broken)?;
        Ok(list
            .into_iter()
            .map(|(id, name, until)| (Named { id, name }, until.map(Timestamp::from_millis)))
            .collect())
    };
    Ok(Holder {
        person: crate::authorization::store::people::read(row)?,
        roles: grants("roles")?,
        permissions: grants("permissions")?,
    })
}

/// A page of the people who have something in a service, with what it is; ended grants among it.
#[must_use]
pub fn holders(service: i64, page: Page) -> Query<Holder> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, 0 AS of_auth,
                (SELECT json_group_array(json_array(r.id, r.name, g.expires_at)) FROM person_roles AS g JOIN roles AS r ON r.id = g.role_id
                  WHERE g.person_id = p.id AND g.service_id = ?1) AS roles,
                (SELECT json_group_array(json_array(m.id, m.name, g.expires_at)) FROM person_permissions AS g JOIN permissions AS m ON m.id = g.permission_id
                  WHERE g.person_id = p.id AND g.service_id = ?1) AS permissions
           FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id > ?2 AND p.id IN (SELECT person_id FROM person_roles WHERE service_id = ?1
                                       UNION SELECT person_id FROM person_permissions WHERE service_id = ?1)
          ORDER BY p.id LIMIT ?3",
        [service.into(), page.after.into(), page.limit.into()],
    );
    Query::new(select, read_holder)
}
