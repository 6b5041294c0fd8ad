//! The log of changes: what was changed about who may do what, by whom. Its rows stand in the batch
//! of their change.

use crate::authorization::store::{Page, Query, Row, Statement, StoreError, Value, sql};
use crate::kernel::model::time::Timestamp;

/// Who changes something.
#[derive(Clone, Debug)]
pub struct By {
    /// The person; `None` for the command line and what the service does by itself.
    pub person: Option<i64>,
    /// Their username, or what it was.
    pub name: String,
    /// The request's id.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
}

/// What a change is about.
#[derive(Clone, Copy, Default, Debug)]
pub struct About {
    /// A person.
    pub person: Option<i64>,
    /// A service.
    pub service: Option<i64>,
    /// A role.
    pub role: Option<i64>,
    /// A permission.
    pub permission: Option<i64>,
}

/// Writes that something was changed. `detail` is JSON.
#[must_use]
pub fn note(by: &By, action: &'static str, about: About, detail: &serde_json::Value) -> Statement {
    let detail = if detail.is_null() {
        Value::Null
    } else {
        Value::Text(detail.to_string())
    };
    sql(
        "INSERT INTO policy_events (at, action, actor_id, actor, person_id, service_id, role_id, permission_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [
            by.at.into(),
            action.into(),
            by.person.into(),
            by.name.as_str().into(),
            about.person.into(),
            about.service.into(),
            about.role.into(),
            about.permission.into(),
            detail,
            by.request_id.as_str().into(),
        ],
    )
}

/// The same for something that this batch made, which is found by its name: `thing` is `person`,
/// `service`, `role` or `permission`.
#[must_use]
pub fn note_made(
    by: &By,
    action: &'static str,
    thing: &'static str,
    name: &str,
    detail: &serde_json::Value,
) -> Statement {
    sql(
        "INSERT INTO policy_events (at, action, actor_id, actor, person_id, service_id, role_id, permission_id, detail, request_id)
         VALUES (?1, ?2, ?3, ?4,
                 CASE ?5 WHEN 'person' THEN (SELECT id FROM people WHERE username = ?6) END,
                 CASE ?5 WHEN 'service' THEN (SELECT id FROM services WHERE name = ?6) END,
                 CASE ?5 WHEN 'role' THEN (SELECT id FROM roles WHERE name = ?6) END,
                 CASE ?5 WHEN 'permission' THEN (SELECT id FROM permissions WHERE name = ?6) END, ?7, ?8)",
        [
            by.at.into(),
            action.into(),
            by.person.into(),
            by.name.as_str().into(),
            thing.into(),
            name.into(),
            detail.to_string().as_str().into(),
            by.request_id.as_str().into(),
        ],
    )
}

/// A change that happened.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its number; later ones have larger ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What: a stable word.
    pub action: String,
    /// The person who did it.
    pub actor_id: Option<i64>,
    /// What they were called, or which tool it was.
    pub actor: String,
    /// What it is about, by their ids.
    pub person_id: Option<i64>,
    /// A service.
    pub service_id: Option<i64>,
    /// A role.
    pub role_id: Option<i64>,
    /// A permission.
    pub permission_id: Option<i64>,
    /// JSON.
    pub detail: Option<String>,
}

fn read(row: &Row) -> Result<Change, StoreError> {
    Ok(Change {
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

/// Changes before one, newest first; `after` is the last id of the page before, or 0.
#[must_use]
pub fn list(page: Page) -> Query<Change> {
    let before = if page.after == 0 {
        (1 << 53) - 1
    } else {
        page.after
    };
    let select = sql(
        "SELECT id, at, action, actor_id, actor, person_id, service_id, role_id, permission_id, detail
           FROM policy_events WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [before.into(), page.limit.into()],
    );
    Query::new(select, read)
}
