//! Accounts and their identities.

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::{Caller, Platform, User};
use crate::accounts::store::events;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, IdentityId, UserId};
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, rows, run, sql};

/// Reads the columns of `users`.
///
/// # Errors
/// [`StoreError::Broken`] for a row that cannot be.
pub(super) fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.parsed("user_id", UserId::parse)?,
        email: Email::from_stored(row.text("email")?),
        email_verified: row.integer("email_verified")? == 1,
        name: row.opt_text("name")?,
        picture: row.opt_text("picture")?,
        auth_method: row.text("auth_method")?,
        provider: row.opt_text("provider")?,
        provider_id: row.opt_text("provider_id")?,
        created_at: row.time("user_created_at")?,
        updated_at: row.time("updated_at")?,
        last_login_at: row.opt_time("last_login_at")?,
        last_login_platform: row.opt_text("last_login_platform")?,
    })
}

fn first(rows: &[Row]) -> Result<Option<User>, StoreError> {
    rows.first().map(read).transpose()
}

/// Somebody whom a provider identified.
#[derive(Debug)]
pub struct IdentifiedUser<'a> {
    /// The provider and the subject at it.
    pub provider: &'a str,
    /// The subject at the provider.
    pub provider_id: &'a str,
    /// The address that the provider told, if it did.
    pub email: Option<&'a Email>,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// Fills an empty name.
    pub name: Option<&'a str>,
    /// Fills an empty picture.
    pub picture: Option<&'a str>,
    /// How the account came to be, if it is made now.
    pub auth_method: &'a str,
    /// Where the person signs in.
    pub platform: Platform,
    /// The device on which they must be: with a key of somebody else's, or a revoked one, nothing
    /// is made, linked or noted.
    pub device: Option<KeyId>,
}

/// Fresh ids for what an upsert may insert.
#[derive(Clone, Copy, Debug)]
pub struct NewUserIds {
    /// For an account.
    pub user: UserId,
    /// For an identity.
    pub identity: IdentityId,
    /// For the event that tells of a new account.
    pub created_event: EventId,
    /// For the event that tells of a linked identity.
    pub linked_event: EventId,
}

/// Finds the account of an identity; else links the identity to the account that has the address
/// verified, if the provider vouches for it too; else makes an account. Safe to repeat, and of
/// concurrent callers with one identity all get the same account.
///
/// Gives `None` if an account would have to be made and there is no address to make it with.
///
/// # Errors
/// [`StoreError`]
pub async fn upsert(
    db: &dyn Db,
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let mut batch = upsert_statements(who, ids, context);
    batch.push(touch(who, context));
    let select = batch.len();
    batch.push(select_by_identity(who.provider, who.provider_id));
    first(rows(&db.batch(batch).await?, select))
}

/// The account of an identity.
pub(super) fn select_by_identity(provider: &str, provider_id: &str) -> Statement {
    sql(
        concat!(
            "SELECT ",
            user_columns!("u."),
            "
           FROM identities AS i JOIN users AS u ON u.id = i.user_id
          WHERE i.provider = ?1 AND i.provider_id = ?2"
        ),
        [provider.into(), provider_id.into()],
    )
}

/// What an upsert writes but for [`touch`]. After these statements the identity has its account, if
/// one could be found or made.
pub(super) fn upsert_statements(
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    context: &EventContext,
) -> Vec<Statement> {
    let subject = || [Value::from(who.provider), Value::from(who.provider_id)];
    let device = || Value::from(who.device.map(|key| key.text()).as_deref());
    let [provider, provider_id] = subject();
    let create = sql(
        "INSERT INTO users (id, email, email_verified, name, picture, auth_method, provider, provider_id, created_at, updated_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9
          WHERE ?2 IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM identities WHERE provider = ?7 AND provider_id = ?8)
            AND NOT (?3 = 1 AND EXISTS (SELECT 1 FROM users WHERE email = ?2 AND email_verified = 1))
            AND NOT EXISTS (SELECT 1 FROM attest_keys WHERE id = ?10 AND (user_id IS NOT NULL OR revoked_at IS NOT NULL))",
        [
            ids.user.into(),
            who.email.into(),
            who.email_verified.into(),
            who.name.into(),
            who.picture.into(),
            who.auth_method.into(),
            provider,
            provider_id,
            context.at.into(),
            device(),
        ],
    );
    let [provider, provider_id] = subject();
    // The account is the one just made, or the one that the address is verified for: the first
    // statement saw to it that not both exist.
    let link = sql(
        "INSERT INTO identities (id, user_id, provider, provider_id, created_at)
         SELECT ?1, u.id, ?2, ?3, ?4 FROM users AS u
          WHERE (u.id = ?5 OR (?6 = 1 AND u.email = ?7 AND u.email_verified = 1))
            AND NOT EXISTS (SELECT 1 FROM identities WHERE provider = ?2 AND provider_id = ?3)
            AND NOT EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?8 AND (k.revoked_at IS NOT NULL OR k.user_id <> u.id))
          LIMIT 1",
        [
            ids.identity.into(),
            provider,
            provider_id,
            context.at.into(),
            ids.user.into(),
            who.email_verified.into(),
            who.email.into(),
            device(),
        ],
    );
    // Only this call can have inserted a row with one of its fresh ids.
    let created = events::about_user(
        &context.with_id(ids.created_event),
        EventKind::UserCreated,
        ids.user,
    );
    let linked =
        events::about_linked_identity(&context.with_id(ids.linked_event), ids.identity, ids.user);
    vec![create, link, created, linked]
}

/// Notes that somebody was identified, and fills what the account lacks; where a device is needed,
/// only if it is the account's.
pub(super) fn touch(who: &IdentifiedUser<'_>, context: &EventContext) -> Statement {
    sql(
        "UPDATE users SET name = COALESCE(name, ?3), picture = COALESCE(picture, ?4), last_login_at = ?5, last_login_platform = ?6,
                updated_at = CASE WHEN (name IS NULL AND ?3 IS NOT NULL) OR (picture IS NULL AND ?4 IS NOT NULL) THEN ?5 ELSE updated_at END
          WHERE id = (SELECT user_id FROM identities WHERE provider = ?1 AND provider_id = ?2)
            AND (?7 IS NULL OR EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?7 AND k.user_id = users.id AND k.revoked_at IS NULL))",
        [
            who.provider.into(),
            who.provider_id.into(),
            who.name.into(),
            who.picture.into(),
            context.at.into(),
            who.platform.as_str().into(),
            who.device.map(|key| key.text()).as_deref().into(),
        ],
    )
}

/// The account that an address belongs to: the one that has it verified, else the oldest that
/// claims it.
///
/// # Errors
/// [`StoreError`]
pub async fn by_email(db: &dyn Db, email: &Email) -> Result<Option<User>, StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            user_columns!(""),
            "
           FROM users WHERE email = ?1 ORDER BY email_verified DESC, created_at LIMIT 1"
        ),
        [email.into()],
    );
    first(&run(db, select).await?)
}

/// What becomes of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It is set.
    Set(String),
}

impl FieldChange {
    /// Whether it makes a difference to a field that is `current`.
    #[must_use]
    pub fn changes(&self, current: Option<&str>) -> bool {
        match self {
            Self::Keep => false,
            Self::Clear => current.is_some(),
            Self::Set(text) => current != Some(text),
        }
    }

    /// Whether to write, and what.
    fn params(&self) -> [Value; 2] {
        match self {
            Self::Keep => [false.into(), Value::Null],
            Self::Clear => [true.into(), Value::Null],
            Self::Set(text) => [true.into(), text.as_str().into()],
        }
    }
}

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// The name.
    pub name: FieldChange,
    /// The picture.
    pub picture: FieldChange,
}

/// Changes the account of the live sign-in `by` and gives it back; `None` if the sign-in is not
/// live any more.
///
/// The sign-in is asked for again in the same batch: it may have been revoked while the request's
/// body was on its way.
///
/// # Errors
/// [`StoreError`]
pub async fn update(
    db: &dyn Db,
    by: Caller,
    changes: &UserChanges,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let event = events::about_session(context, EventKind::UserUpdated, by.user, by.session);
    let ([write_name, name], [write_picture, picture]) =
        (changes.name.params(), changes.picture.params());
    let update = sql(
        concat!(
            "UPDATE users SET name = CASE WHEN ?2 = 1 THEN ?3 ELSE name END,
                              picture = CASE WHEN ?4 = 1 THEN ?5 ELSE picture END,
                              updated_at = ?6
              WHERE id = ?1 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?7 AND s.user_id = ?1 AND s.revoked_at IS NULL)
             RETURNING ",
            user_columns!("")
        ),
        [by.user.into(), write_name, name, write_picture, picture, context.at.into(), by.session.into()],
    );
    let results = db.batch(vec![event, update]).await?;
    first(rows(&results, 1))
}

/// Deletes the account of the live session `by` and every row that belongs to it, in one batch.
///
/// The statements in `before` run first: other systems remove or record there what is theirs.
/// Returns `false` if the session is no longer live.
///
/// # Errors
/// [`StoreError`]
pub async fn delete(
    db: &dyn Db,
    by: Caller,
    before: Vec<Statement>,
    context: &EventContext,
) -> Result<bool, StoreError> {
    let delete = sql(
        "DELETE FROM users
          WHERE id = ?1 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?2 AND s.user_id = ?1 AND s.revoked_at IS NULL)
         RETURNING id",
        [by.user.into(), by.session.into()],
    );
    let mut batch = before;
    batch.extend([
        events::about_deleted_account(context, by),
        events::delete_of_user(by),
        delete,
    ]);
    let results = db.batch(batch).await?;
    Ok(results.last().is_some_and(|deleted| !deleted.is_empty()))
}
