//! People: accounts with an id, a username and, in some cases, an identity document.

use const_format::concatcp;

use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::Caller;
use crate::accounts::store::credentials::HAS_OTHER_CREDENTIALS;
use crate::authorization::model::names::{BUILT_IN_ROLE, BUILT_IN_SERVICE, IdOrName};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::preconditions;
use crate::authorization::store::read::{Query, read_id, reference_params};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Row, Statement, StoreError, Value, sql};

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The id.
    pub id: i64,
    /// The account of the person.
    pub user: UserId,
    /// The username.
    pub username: String,
    /// The display name.
    pub name: String,
    /// The email address, or a placeholder.
    pub email: String,
    /// Whether the person has a role or a permission in the service `auth`. Always false in a list,
    /// which does not read it.
    pub of_auth: bool,
}

impl TryFrom<&Row> for Person {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            user: row.parsed("user_id", UserId::parse)?,
            username: row.text("username")?,
            name: row.opt_text("name")?.unwrap_or_default(),
            email: row.text("email")?,
            of_auth: row.integer("of_auth")? == 1,
        })
    }
}

/// Returns a page of people.
#[must_use]
pub fn list(page: PageRequest) -> Query<Person> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, u.email, 0 AS of_auth
           FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id > ?1 ORDER BY p.id LIMIT ?2",
        [page.after.into(), page.limit.into()],
    );
    Query::rows(select)
}

/// Returns the person to whom `reference` refers.
#[must_use]
pub fn by_reference(reference: &IdOrName) -> Query<Person> {
    let [id, username] = reference_params(reference);
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, u.email,
                (EXISTS (SELECT 1 FROM person_roles AS g
                          WHERE g.person_id = p.id AND g.service_id = ?3)
                 OR EXISTS (SELECT 1 FROM person_permissions AS g
                             WHERE g.person_id = p.id AND g.service_id = ?3)) AS of_auth
           FROM people AS p JOIN users AS u ON u.id = p.user_id
          WHERE p.id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))",
        [id, username, BUILT_IN_SERVICE.into()],
    );
    Query::rows(select)
}

/// Returns the verified email addresses of all accounts.
#[must_use]
pub fn verified_addresses() -> Query<String> {
    let select = sql("SELECT email FROM users WHERE email_verified = 1", []);
    Query::new(select, |row| row.text("email"))
}

/// Returns the id of the person who has the given identity document.
#[must_use]
pub fn with_document(document: IdentityDocument<'_>) -> Query<i64> {
    let select = sql(
        "SELECT id FROM people WHERE document_type = ?1 AND document_number = ?2",
        [document.kind.into(), document.number.into()],
    );
    Query::new(select, read_id)
}

/// Requires that the person exists with the username that was read. If the person had no role and
/// no permission in the service `auth`, requires that they still have none.
#[must_use]
pub fn is_unchanged(person: &Person) -> Statement {
    sql(
        "INSERT INTO preconditions (subject) SELECT 1 WHERE NOT EXISTS (
             SELECT 1 FROM people AS p
              WHERE p.id = ?1 AND p.username = ?2
                AND (?3 = 1
                     OR NOT (EXISTS (SELECT 1 FROM person_roles AS g
                                      WHERE g.person_id = p.id AND g.service_id = ?4)
                             OR EXISTS (SELECT 1 FROM person_permissions AS g
                                         WHERE g.person_id = p.id AND g.service_id = ?4))))",
        [
            person.id.into(),
            person.username.as_str().into(),
            person.of_auth.into(),
            BUILT_IN_SERVICE.into(),
        ],
    )
}

/// An identity document.
#[derive(Clone, Copy, Default, Debug)]
pub struct IdentityDocument<'a> {
    /// `DNI`, `CE` or `RUC`.
    pub kind: &'a str,
    /// The number.
    pub number: &'a str,
}

/// A person to insert, with an account and a password.
#[derive(Debug)]
pub struct NewPersonRow<'a> {
    /// The id of the account.
    pub user: UserId,
    /// The id of the person. If `None`, the person gets the next id.
    pub id: Option<i64>,
    /// The email address, or a placeholder.
    pub email: &'a str,
    /// The username.
    pub username: &'a str,
    /// The display name, or an empty text.
    pub name: &'a str,
    /// `N` or `J`.
    pub person_type: Option<&'a str>,
    /// The identity document, if the person has one.
    pub document: Option<IdentityDocument<'a>>,
    /// The hash of the password, if the person has one.
    pub password: Option<&'a PasswordHash>,
    /// Who sets the password. `None` for the person.
    pub set_by: Option<CredentialSetter>,
}

/// The setter of a password that the owner of the account did not choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CredentialSetter {
    /// Another person, by their account.
    Person(UserId),
    /// An operator with access to the machine or with the bootstrap secret.
    Operator,
}

impl From<CredentialSetter> for Value {
    fn from(setter: CredentialSetter) -> Self {
        match setter {
            CredentialSetter::Person(user) => user.into(),
            CredentialSetter::Operator => "operator".into(),
        }
    }
}

impl NewPersonRow<'_> {
    /// Inserts the account, the person and the password. The second statement returns the person's
    /// id.
    #[must_use]
    pub fn insert(&self, now: Timestamp) -> Vec<Statement> {
        let user = sql(
            "INSERT INTO users (id, email, email_verified, name, auth_method, created_at,
                                updated_at, credentials_by)
             VALUES (?1, ?2, 0, NULLIF(?3, ''), 'password', ?4, ?4, ?5)",
            [
                self.user.into(),
                self.email.into(),
                self.name.into(),
                now.into(),
                self.set_by.into(),
            ],
        );
        let person = sql(
            "INSERT INTO people (id, user_id, username, person_type, document_type,
                                 document_number)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
            [
                self.id.into(),
                self.user.into(),
                self.username.into(),
                self.person_type.into(),
                self.document.map(|document| document.kind).into(),
                self.document.map(|document| document.number).into(),
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
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash,
                                             changed_at = excluded.changed_at",
        [user.into(), hash.as_str().into(), now.into()],
    )
}

/// Notes who set the password of an account.
///
/// If a password of another setter preceded it, passkeys and factors that exist by then become
/// unproved, because they could have been added under that password. A password that the account
/// itself sets removes no note: the first setter may have signed in to the account.
#[must_use]
pub fn note_setter(user: UserId, setter: CredentialSetter) -> Statement {
    sql(
        concatcp!(
            "UPDATE users SET credentials_by = CASE WHEN credentials_by <> ?2 AND ",
            HAS_OTHER_CREDENTIALS,
            " THEN 'unproved' ELSE ?2 END WHERE id = ?1"
        ),
        [user.into(), setter.into()],
    )
}

/// Notes that another person changed how the owner signs in, for example the username. The password
/// stays, so its setter stays noted.
///
/// After changes by several people it is unknown which of them can sign in to the account.
#[must_use]
pub fn note_change(user: UserId, by: CredentialSetter) -> Statement {
    sql(
        "UPDATE users SET credentials_by =
                CASE WHEN credentials_by NOT IN (?2, 'operator') THEN 'unproved' ELSE ?2 END
          WHERE id = ?1",
        [user.into(), by.into()],
    )
}

/// Revokes every session of an account.
#[must_use]
pub fn revoke_sessions(user: UserId, now: Timestamp) -> Statement {
    sql(
        "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL",
        [user.into(), now.into()],
    )
}

/// Changes the username and the display name of a person. `None` keeps the value.
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

/// Changes the display name of the person with the given username. An empty text removes it.
#[must_use]
pub fn rename(username: &str, name: &str, now: Timestamp) -> Statement {
    sql(
        "UPDATE users SET name = NULLIF(?2, ''), updated_at = ?3
          WHERE id = (SELECT user_id FROM people WHERE username = ?1)",
        [username.into(), name.into(), now.into()],
    )
}

/// Returns the statements that precede the deletion of the account that owns the session `by`.
///
/// The batch fails if the account owner is the last administrator. The change log records the
/// deletion, and the policy version of every service in which the person had a role or a permission
/// increases. The statements do nothing for an account that is not a person.
#[must_use]
pub fn before_account_deletion(by: Caller, context: &EventContext) -> Vec<Statement> {
    let (now, request_id) = (context.at, context.request_id.as_str());
    vec![
        preconditions::is_not_last_administrator(by.user, now),
        sql(
            "INSERT INTO policy_events (at, action, actor_id, actor, person_id, request_id)
             SELECT ?3, 'user_deleted', id, 'owner', id, ?4 FROM people
              WHERE user_id = ?2
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
            [
                by.session.into(),
                by.user.into(),
                now.into(),
                request_id.into(),
            ],
        ),
        sql(
            "UPDATE services SET policy_version = policy_version + 1
              WHERE id IN (SELECT g.service_id FROM people AS p
                             JOIN person_roles AS g ON g.person_id = p.id
                            WHERE p.user_id = ?2
                           UNION
                           SELECT g.service_id FROM people AS p
                             JOIN person_permissions AS g ON g.person_id = p.id
                            WHERE p.user_id = ?2)
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
            [by.session.into(), by.user.into()],
        ),
    ]
}

/// Grants the built-in role `auth.administrator` to the person who owns the given account.
#[must_use]
pub fn grant_administrator(user: UserId) -> Statement {
    sql(
        "INSERT INTO person_roles (person_id, service_id, role_id)
         SELECT id, ?2, ?3 FROM people WHERE user_id = ?1",
        [user.into(), BUILT_IN_SERVICE.into(), BUILT_IN_ROLE.into()],
    )
}
