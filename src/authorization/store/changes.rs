//! The change log of the policy. Each change writes its row in its own batch.

use crate::authorization::model::page::PageRequest;
use crate::authorization::store::read::Query;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Row, Statement, StoreError, Value, sql};

/// The author of a change, and when and with which request they made it.
#[derive(Clone, Debug)]
pub struct ChangeAuthor {
    /// The id of the person. `None` for the command line and for the bootstrap request.
    pub person: Option<i64>,
    /// The username of the person, or the name of the tool.
    pub name: String,
    /// The id of the request.
    pub request_id: String,
    /// When the change happens.
    pub at: Timestamp,
}

/// The ids of the rows that a change concerns.
#[derive(Clone, Copy, Default, Debug)]
pub struct ChangeSubject {
    /// A person.
    pub person: Option<i64>,
    /// A service.
    pub service: Option<i64>,
    /// A role.
    pub role: Option<i64>,
    /// A permission.
    pub permission: Option<i64>,
}

/// The kind of a row that a batch creates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CreatedKind {
    /// A person.
    Person,
    /// A service.
    Service,
    /// A role.
    Role,
    /// A permission.
    Permission,
}

impl CreatedKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Role => "role",
            Self::Permission => "permission",
        }
    }
}

/// Records a change. `detail` is stored as JSON.
#[must_use]
pub fn record(
    author: &ChangeAuthor,
    action: &'static str,
    subject: ChangeSubject,
    detail: &serde_json::Value,
) -> Statement {
    let detail = if detail.is_null() {
        Value::Null
    } else {
        Value::Text(detail.to_string())
    };
    sql(
        "INSERT INTO policy_events (at, action, actor_id, actor, person_id, service_id, role_id,
                                    permission_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [
            author.at.into(),
            action.into(),
            author.person.into(),
            author.name.as_str().into(),
            subject.person.into(),
            subject.service.into(),
            subject.role.into(),
            subject.permission.into(),
            detail,
            author.request_id.as_str().into(),
        ],
    )
}

/// Records a change of a row that has no known id yet, because the same batch creates the row. The
/// statement finds the row by its name.
#[must_use]
pub fn record_by_name(
    author: &ChangeAuthor,
    action: &'static str,
    kind: CreatedKind,
    name: &str,
    detail: &serde_json::Value,
) -> Statement {
    sql(
        "INSERT INTO policy_events (at, action, actor_id, actor, person_id, service_id, role_id,
                                    permission_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4,
                 CASE ?5 WHEN 'person' THEN (SELECT id FROM people WHERE username = ?6) END,
                 CASE ?5 WHEN 'service' THEN (SELECT id FROM services WHERE name = ?6) END,
                 CASE ?5 WHEN 'role' THEN (SELECT id FROM roles WHERE name = ?6) END,
                 CASE ?5 WHEN 'permission' THEN (SELECT id FROM permissions WHERE name = ?6) END,
                 ?7, ?8)",
        [
            author.at.into(),
            action.into(),
            author.person.into(),
            author.name.as_str().into(),
            kind.as_str().into(),
            name.into(),
            detail.to_string().as_str().into(),
            author.request_id.as_str().into(),
        ],
    )
}

/// A row of the change log.
#[derive(Clone, Debug)]
pub struct PolicyChange {
    /// The id. Later changes have larger ids.
    pub id: i64,
    /// When the change happened.
    pub at: Timestamp,
    /// The stable name of the change.
    pub action: String,
    /// The id of the person who made the change.
    pub actor_id: Option<i64>,
    /// The username of the author at that time, or the name of the tool.
    pub actor: String,
    /// The id of the person whom the change concerns.
    pub person_id: Option<i64>,
    /// The id of the service that the change concerns.
    pub service_id: Option<i64>,
    /// The id of the role that the change concerns.
    pub role_id: Option<i64>,
    /// The id of the permission that the change concerns.
    pub permission_id: Option<i64>,
    /// Names and values at that time, as JSON.
    pub detail: Option<String>,
}

impl TryFrom<&Row> for PolicyChange {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            at: row.time("at")?,
            action: row.text("action")?,
            actor_id: row.opt_integer("actor_id")?,
            actor: row.text("actor")?,
            person_id: row.opt_integer("person_id")?,
            service_id: row.opt_integer("service_id")?,
            role_id: row.opt_integer("role_id")?,
            permission_id: row.opt_integer("permission_id")?,
            detail: row.opt_text("detail")?,
        })
    }
}

/// Returns a page of the changes, newest first. `after` is the last id of the previous page, or 0.
#[must_use]
pub fn list(page: PageRequest) -> Query<PolicyChange> {
    let before = if page.after == 0 {
        (1 << 53) - 1
    } else {
        page.after
    };
    let select = sql(
        "SELECT id, at, action, actor_id, actor, person_id, service_id, role_id, permission_id,
                detail
           FROM policy_events WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [before.into(), page.limit.into()],
    );
    Query::rows(select)
}
