//! People: accounts with an id, a username and a document.

use const_format::concatcp;

use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::Caller;
use crate::accounts::store::live::IS_LIVE;
use crate::authorization::store::preconditions;
use crate::authorization::store::{Page, Query, Ref, Row, Statement, StoreError, Value, sql};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Their id.
    pub id: i64,
    /// Their account.
    pub user: UserId,
    /// Their username.
    pub username: String,
    /// Their name.
    pub name: String,
    /// Whether they have anything in the service itself.
    pub of_auth: bool,
}

pub(super) fn read(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: row.integer("id")?,
        user: row.parsed("user_id", UserId::parse)?,
        username: row.text("username")?,
        name: row.opt_text("name")?.unwrap_or_default(),
        of_auth: row.integer("of_auth")? == 1,
    })
}

/// A page of them.
#[must_use]
pub fn list(page: Page) -> Query<Person> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, 0 AS of_auth FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id > ?1 ORDER BY p.id LIMIT ?2",
        [page.after.into(), page.limit.into()],
    );
    Query::new(select, read)
}

/// The one that is named.
#[must_use]
pub fn named(who: &Ref) -> Query<Person> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name,
                (EXISTS (SELECT 1 FROM person_roles AS g WHERE g.person_id = p.id AND g.service_id = 1000000001)
                 OR EXISTS (SELECT 1 FROM person_permissions AS g WHERE g.person_id = p.id AND g.service_id = 1000000001)) AS of_auth
           FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))",
        who.params(),
    );
    Query::new(select, read)
}

/// Who has a document.
#[must_use]
pub fn with_document(kind: &str, number: &str) -> Query<i64> {
    let select = sql(
        "SELECT id AS count FROM people WHERE document_type = ?1 AND document_number = ?2",
        [kind.into(), number.into()],
    );
    Query::new(select, crate::authorization::store::count)
}

/// Somebody to make.
#[derive(Debug)]
pub struct New<'a> {
    /// Their account's id.
    pub user: UserId,
    /// Their id, where it is given: for demo data.
    pub id: Option<i64>,
    /// Their address, or one to which nobody can write.
    pub email: &'a str,
    /// Their username.
    pub username: &'a str,
    /// Their name.
    pub name: &'a str,
    /// `N` or `J`.
    pub person_type: Option<&'a str>,
    /// What their document is, and its number.
    pub document: Option<(&'a str, &'a str)>,
    /// Their password.
    pub password: Option<&'a PasswordHash>,
}

impl New<'_> {
    /// Makes the account, the person and their password; the second statement gives the person's
    /// id.
    #[must_use]
    pub fn insert(&self, now: Timestamp) -> Vec<Statement> {
        let user = sql(
            "INSERT INTO users (id, email, email_verified, name, auth_method, created_at, updated_at) VALUES (?1, ?2, 0, ?3, 'password', ?4, ?4)",
            [
                self.user.into(),
                self.email.into(),
                self.name.into(),
                now.into(),
            ],
        );
        let person = sql(
            "INSERT INTO people (id, user_id, username, person_type, document_type, document_number) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
            [
                self.id.into(),
                self.user.into(),
                self.username.into(),
                self.person_type.into(),
                self.document.map(|(kind, _)| kind).into(),
                self.document.map(|(_, number)| number).into(),
            ],
        );
        let mut statements = vec![user, person];
        statements.extend(self.password.map(|hash| set_password(self.user, hash, now)));
        statements
    }
}

/// Sets or replaces the password of an account.
#[must_use]
pub fn set_password(user: UserId, hash: &PasswordHash, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO passwords (user_id, hash, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
        [user.into(), hash.as_str().into(), now.into()],
    )
}

/// Ends every sign-in of an account.
#[must_use]
pub fn end_sign_ins(user: UserId, now: Timestamp) -> Statement {
    sql(
        "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL",
        [user.into(), now.into()],
    )
}

/// Gives somebody another username, another name; NULL: as it is.
#[must_use]
pub fn update(
    person: &Person,
    username: Option<&str>,
    name: Option<&str>,
    now: Timestamp,
) -> [Statement; 2] {
    [
        sql(
            "UPDATE people SET username = COALESCE(?2, username) WHERE id = ?1 RETURNING id",
            [person.id.into(), username.into()],
        ),
        sql(
            "UPDATE users SET name = COALESCE(?2, name), updated_at = ?3 WHERE id = ?1",
            [person.user.into(), name.into(), now.into()],
        ),
    ]
}

/// Deletes an account and all that hangs on it, but for its tombstone in the log of events.
#[must_use]
pub fn delete(user: UserId) -> [Statement; 2] {
    [
        sql(
            "DELETE FROM events WHERE user_id = ?1 AND kind <> 'user_deleted'",
            [user.into()],
        ),
        sql(
            "DELETE FROM users WHERE id = ?1 RETURNING id",
            [user.into()],
        ),
    ]
}

/// Returns what the deletion of the account of the session `by` does here, to stand before the
/// deletion.
///
/// The batch fails if the account owner is the last administrator. The log of changes records the
/// deletion, and the policy version of every service in which the person had a role or a permission
/// increases. Does nothing for an account that is no person.
#[must_use]
pub fn before_account_deletion(by: Caller, context: &EventContext) -> Vec<Statement> {
    let (now, request_id) = (context.at, context.request_id.as_str());
    vec![
        preconditions::not_the_last(by.user, now),
        sql(
            concatcp!(
                "INSERT INTO policy_events (at, action, actor_id, actor, person_id, request_id)
                 SELECT ?3, 'user_deleted', id, 'owner', id, ?4 FROM people WHERE user_id = ?2 AND ",
                IS_LIVE
            ),
            [by.session.into(), by.user.into(), now.into(), request_id.into()],
        ),
        sql(
            concatcp!(
                "UPDATE services SET policy_version = policy_version + 1 WHERE id IN (
                     SELECT g.service_id FROM people AS p JOIN person_roles AS g ON g.person_id = p.id WHERE p.user_id = ?2
                     UNION SELECT g.service_id FROM people AS p JOIN person_permissions AS g ON g.person_id = p.id WHERE p.user_id = ?2) AND ",
                IS_LIVE
            ),
            [by.session.into(), by.user.into()],
        ),
    ]
}

/// The id of somebody, or something, that a statement made: of its row.
///
/// # Errors
/// [`StoreError::Broken`] if the row has none.
pub fn id(row: &Row) -> Result<i64, StoreError> {
    match row.columns().iter().find(|(name, _)| name == "id") {
        Some((_, Value::Integer(id))) => Ok(*id),
        _ => Err(StoreError::Broken("an inserted row has no id".to_owned())),
    }
}

/// Makes the account's owner an administrator of the service itself.
#[must_use]
pub fn grant_administrator(user: UserId) -> Statement {
    sql(
        "INSERT INTO person_roles (person_id, service_id, role_id) SELECT id, 1000000001, 1000000001 FROM people WHERE user_id = ?1",
        [user.into()],
    )
}
