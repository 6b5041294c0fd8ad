//! The facts behind access checks, for up to a hundred questions in one statement.

use serde_json::json;

use crate::authorization::model::names::IdOrName;
use crate::authorization::store::read::{NamedRow, Query, reference_params};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Row, StoreError, sql};

/// The question whether a person has a permission in a service.
#[derive(Clone, Debug)]
pub struct Question {
    /// The person.
    pub person: IdOrName,
    /// The service.
    pub service: IdOrName,
    /// The name of the permission.
    pub permission: String,
}

/// The rows that decide a question. `None` means that the row does not exist.
#[derive(Clone, Debug)]
pub struct QuestionFacts {
    /// The id of the person.
    pub person: Option<i64>,
    /// The id of the service.
    pub service: Option<i64>,
    /// The policy version of the service.
    pub policy_version: Option<i64>,
    /// The id of the permission.
    pub permission: Option<i64>,
    /// The role of the person in the service that has the permission. If several roles have it, the
    /// role whose grant expires last.
    pub role: Option<GrantedRole>,
    /// The direct grant of the permission to the person in the service.
    pub direct: Option<DirectGrant>,
}

/// A role that a person has in a service.
#[derive(Clone, Debug)]
pub struct GrantedRole {
    /// The name of the role.
    pub name: String,
    /// When the grant expires. `None` if it does not.
    pub until: Option<Timestamp>,
}

/// A direct grant of a permission.
#[derive(Clone, Copy, Debug)]
pub struct DirectGrant {
    /// When the grant expires. `None` if it does not.
    pub until: Option<Timestamp>,
}

impl TryFrom<&Row> for QuestionFacts {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let role_until = row.opt_time("role_until")?;
        let role = row.opt_text("role")?.map(|name| GrantedRole {
            name,
            until: role_until,
        });
        let direct_until = row.opt_time("direct_until")?;
        let direct = row.opt_integer("direct")?.map(|_| DirectGrant {
            until: direct_until,
        });
        Ok(Self {
            person: row.opt_integer("person_id")?,
            service: row.opt_integer("service_id")?,
            policy_version: row.opt_integer("policy_version")?,
            permission: row.opt_integer("permission_id")?,
            role,
            direct,
        })
    }
}

/// Returns the facts behind the questions, in the order of the questions.
#[must_use]
pub fn facts(questions: &[Question], now: Timestamp) -> Query<QuestionFacts> {
    let reference = |reference: &IdOrName| match reference {
        IdOrName::Id(id) => json!({"id": id}),
        IdOrName::Name(name) => json!({"name": name}),
    };
    let asked = questions.iter().map(|question| {
        json!({
            "person": reference(&question.person),
            "service": reference(&question.service),
            "permission": question.permission,
        })
    });
    let asked = serde_json::Value::Array(asked.collect()).to_string();
    let select = sql(
        "SELECT p.id AS person_id, s.id AS service_id, s.policy_version, m.id AS permission_id,
                (SELECT r.name FROM person_roles AS g
                   JOIN service_roles AS a
                     ON a.service_id = g.service_id AND a.role_id = g.role_id
                   JOIN role_permissions AS c
                     ON c.role_id = g.role_id AND c.permission_id = m.id
                   JOIN roles AS r ON r.id = g.role_id
                  WHERE g.person_id = p.id AND g.service_id = s.id
                    AND (g.expires_at IS NULL OR g.expires_at > ?2)
                  ORDER BY g.expires_at IS NOT NULL, g.expires_at DESC, r.id LIMIT 1) AS role,
                (SELECT g.expires_at FROM person_roles AS g
                   JOIN service_roles AS a
                     ON a.service_id = g.service_id AND a.role_id = g.role_id
                   JOIN role_permissions AS c
                     ON c.role_id = g.role_id AND c.permission_id = m.id
                   JOIN roles AS r ON r.id = g.role_id
                  WHERE g.person_id = p.id AND g.service_id = s.id
                    AND (g.expires_at IS NULL OR g.expires_at > ?2)
                  ORDER BY g.expires_at IS NOT NULL, g.expires_at DESC, r.id LIMIT 1)
                    AS role_until,
                (SELECT 1 FROM person_permissions AS g
                  WHERE g.person_id = p.id AND g.service_id = s.id AND g.permission_id = m.id
                    AND (g.expires_at IS NULL OR g.expires_at > ?2)) AS direct,
                (SELECT g.expires_at FROM person_permissions AS g
                  WHERE g.person_id = p.id AND g.service_id = s.id AND g.permission_id = m.id)
                    AS direct_until
           FROM json_each(?1)
           LEFT JOIN people AS p
             ON p.id = COALESCE(json_extract(json_each.value, '$.person.id'),
                                (SELECT id FROM people
                                  WHERE username
                                        = json_extract(json_each.value, '$.person.name')))
           LEFT JOIN services AS s
             ON s.id = COALESCE(json_extract(json_each.value, '$.service.id'),
                                (SELECT id FROM services
                                  WHERE name = json_extract(json_each.value, '$.service.name')))
            AND s.deleted_at IS NULL
           LEFT JOIN permissions AS m
             ON m.name = json_extract(json_each.value, '$.permission')
          ORDER BY json_each.key",
        [asked.as_str().into(), now.into()],
    );
    Query::rows(select)
}

/// A role that matters for a question.
#[derive(Clone, Debug)]
pub struct CandidateRole {
    /// The role.
    pub role: NamedRow,
    /// Whether the person has the role in the service now.
    pub held: bool,
    /// Whether the person's grant of the role has expired.
    pub expired: bool,
    /// Whether the role has the permission.
    pub has_permission: bool,
}

impl TryFrom<&Row> for CandidateRole {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            role: NamedRow::try_from(row)?,
            held: row.integer("held")? == 1,
            expired: row.integer("expired")? == 1,
            has_permission: row.integer("has_permission")? == 1,
        })
    }
}

/// Returns the roles of the service that the person has or had, or that have the permission.
#[must_use]
pub fn candidate_roles(question: &Question, now: Timestamp) -> Query<CandidateRole> {
    let [person, username] = reference_params(&question.person);
    let [service, name] = reference_params(&question.service);
    let select = sql(
        "SELECT r.id, r.name,
                EXISTS (SELECT 1 FROM person_roles AS g
                         WHERE g.person_id = COALESCE(?1, (SELECT id FROM people
                                                            WHERE username = ?2))
                           AND g.service_id = a.service_id AND g.role_id = r.id
                           AND (g.expires_at IS NULL OR g.expires_at > ?6)) AS held,
                EXISTS (SELECT 1 FROM person_roles AS g
                         WHERE g.person_id = COALESCE(?1, (SELECT id FROM people
                                                            WHERE username = ?2))
                           AND g.service_id = a.service_id AND g.role_id = r.id
                           AND g.expires_at <= ?6) AS expired,
                EXISTS (SELECT 1 FROM role_permissions AS m
                         WHERE m.role_id = r.id
                           AND m.permission_id = (SELECT id FROM permissions
                                                   WHERE name = ?5)) AS has_permission
           FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
          WHERE a.service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
            AND (EXISTS (SELECT 1 FROM person_roles AS g
                          WHERE g.person_id = COALESCE(?1, (SELECT id FROM people
                                                             WHERE username = ?2))
                            AND g.service_id = a.service_id AND g.role_id = r.id)
                 OR EXISTS (SELECT 1 FROM role_permissions AS m
                             WHERE m.role_id = r.id
                               AND m.permission_id = (SELECT id FROM permissions
                                                       WHERE name = ?5)))
          ORDER BY r.id LIMIT 200",
        [
            person,
            username,
            service,
            name,
            question.permission.as_str().into(),
            now.into(),
        ],
    );
    Query::rows(select)
}
