//! Whether somebody may do something somewhere, for up to a hundred questions in one statement; and
//! why.

use serde_json::json;

use crate::authorization::store::{Named, Query, Ref, Row, Statement, StoreError, sql};
use crate::kernel::model::time::Timestamp;

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub person: Ref,
    /// Where.
    pub service: Ref,
    /// What: the name of a permission.
    pub permission: String,
}

/// What is known about a question. What is missing was not found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The question's place among those asked.
    pub item: i64,
    /// The person.
    pub person: Option<i64>,
    /// The service.
    pub service: Option<i64>,
    /// Its version.
    pub policy_version: Option<i64>,
    /// The permission.
    pub permission: Option<i64>,
    /// A role that the person has there and that has the permission, with when the person has it no
    /// more.
    pub role: Option<(String, Option<Timestamp>)>,
    /// Whether the person has the permission there directly, with until when.
    pub direct: Option<Option<Timestamp>>,
}

fn read(row: &Row) -> Result<Found, StoreError> {
    let role = row.opt_text("role")?;
    let role_until = row.opt_time("role_until")?;
    let direct = row.opt_integer("direct")?;
    Ok(Found {
        item: row.integer("item")?,
        person: row.opt_integer("person_id")?,
        service: row.opt_integer("service_id")?,
        policy_version: row.opt_integer("policy_version")?,
        permission: row.opt_integer("permission_id")?,
        role: role.map(|role| (role, role_until)),
        direct: if direct.is_some() {
            Some(row.opt_time("direct_until")?)
        } else {
            None
        },
    })
}

/// A role `r` that the person `p` has in the service `s` by a grant `g` and that has the permission
/// `m`; the grant that lasts longest comes first.
macro_rules! by_role {
    ($column:literal) => {
        concat!(
            "(SELECT ",
            $column,
            " FROM person_roles AS g JOIN role_permissions AS c ON c.role_id = g.role_id AND c.permission_id = m.id JOIN roles AS r ON r.id = g.role_id
               WHERE g.person_id = p.id AND g.service_id = s.id AND ",
            counts!("?2"),
            " ORDER BY g.expires_at IS NOT NULL, g.expires_at DESC, r.id LIMIT 1)"
        )
    };
}

/// Answers questions, in their order.
#[must_use]
pub fn answers(questions: &[Question], now: Timestamp) -> Query<Found> {
    let of = |who: &Ref| match who {
        Ref::Id(id) => json!({"id": id}),
        Ref::Name(name) => json!({"name": name}),
    };
    let list: Vec<_> = questions
        .iter()
        .map(|q| json!({"p": of(&q.person), "s": of(&q.service), "m": q.permission}))
        .collect();
    let select = sql(
        concat!(
            "SELECT json_each.key AS item, p.id AS person_id, s.id AS service_id, s.policy_version, m.id AS permission_id, ",
            by_role!("r.name"),
            " AS role, ",
            by_role!("g.expires_at"),
            " AS role_until,
              (SELECT 1 FROM person_permissions AS g WHERE g.person_id = p.id AND g.service_id = s.id AND g.permission_id = m.id AND ",
            counts!("?2"),
            ") AS direct,
              (SELECT g.expires_at FROM person_permissions AS g
                WHERE g.person_id = p.id AND g.service_id = s.id AND g.permission_id = m.id) AS direct_until
              FROM json_each(?1)
              LEFT JOIN people AS p
                ON p.id = COALESCE(json_extract(json_each.value, '$.p.id'), (SELECT id FROM people WHERE username = json_extract(json_each.value, '$.p.name')))
              LEFT JOIN services AS s
                ON s.id = COALESCE(json_extract(json_each.value, '$.s.id'), (SELECT id FROM services WHERE name = json_extract(json_each.value, '$.s.name')))
               AND s.deleted_at IS NULL
              LEFT JOIN permissions AS m ON m.name = json_extract(json_each.value, '$.m')
             ORDER BY json_each.key"
        ),
        [serde_json::Value::Array(list).to_string().as_str().into(), now.into()],
    );
    Query::new(select, read)
}

/// A grant that would allow something, or does.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// A role.
    pub role: Named,
    /// Whether the person has it in the service now.
    pub held: bool,
    /// Whether they had it and it has ended.
    pub ended: bool,
    /// Whether it has the permission.
    pub grants: bool,
}

fn read_candidate(row: &Row) -> Result<Candidate, StoreError> {
    let flag = |column: &str| Ok::<_, StoreError>(row.integer(column)? == 1);
    Ok(Candidate {
        role: Named::read(row)?,
        held: flag("held")?,
        ended: flag("ended")?,
        grants: flag("grants")?,
    })
}

/// Whether whoever `?1` and `?2` name has the role `r` in the service of `a`.
macro_rules! held {
    ($when:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM person_roles AS g WHERE g.person_id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))
                AND g.service_id = a.service_id AND g.role_id = r.id ",
            $when,
            ")"
        )
    };
}

/// Whether the role `r` has the permission `?5`.
macro_rules! grants {
    () => {
        "EXISTS (SELECT 1 FROM role_permissions AS m WHERE m.role_id = r.id AND m.permission_id = (SELECT id FROM permissions WHERE name = ?5))"
    };
}

/// The roles of the service that matter: those that the person has or had, and those that have the
/// permission.
#[must_use]
pub fn candidates(question: &Question, now: Timestamp) -> Query<Candidate> {
    let ([person, username], [service, name]) =
        (question.person.params(), question.service.params());
    let select: Statement = sql(
        concat!(
            "SELECT r.id, r.name, ",
            held!("AND (g.expires_at IS NULL OR g.expires_at > ?6)"),
            " AS held, ",
            held!("AND g.expires_at <= ?6"),
            " AS ended, ",
            grants!(),
            " AS grants
               FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
              WHERE a.service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4)) AND (",
            held!(""),
            " OR ",
            grants!(),
            ") ORDER BY r.id LIMIT 200"
        ),
        [
            person,
            username,
            service,
            name,
            question.permission.as_str().into(),
            now.into(),
        ],
    );
    Query::new(select, read_candidate)
}
