//! Accounts and their identities.

use const_format::concatcp;

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::{Caller, Platform, User};
use crate::accounts::store::events;
use crate::accounts::store::events::INSERT_EVENT;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, IdentityId, UserId};
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, batch, read_first, run, sql};

/// The columns of an account, for a statement that names the table `users` without an alias.
pub(super) const USER_COLUMNS: &str = "users.id AS user_id, users.email, users.email_verified,
    users.name, users.picture, users.auth_method, users.provider, users.provider_id,
    users.created_at AS user_created_at, users.updated_at, users.last_login_at,
    users.last_login_platform";

/// The maximum number of accounts that are looked at for one address: the account that has
/// verified it, and then the oldest accounts that claim it.
pub(super) const MOST_CLAIMS: i64 = 50;

impl TryFrom<&Row> for User {
    type Error = StoreError;

    /// Reads [`USER_COLUMNS`].
    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
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
}

/// An identity at a provider.
#[derive(Clone, Copy, Debug)]
pub struct ProviderIdentity<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The subject at the provider.
    pub provider_id: &'a str,
}

/// A user whom an identity provider identified.
#[derive(Debug)]
pub struct IdentifiedUser<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The subject at the provider.
    pub provider_id: &'a str,
    /// The address, if the provider gave one that is accepted.
    pub email: Option<&'a Email>,
    /// True if the provider gave another address. A new account has a placeholder then.
    pub email_unfit: bool,
    /// True if the provider has verified the address.
    pub email_verified: bool,
    /// The name for an account that has none.
    pub name: Option<&'a str>,
    /// The picture for an account that has none.
    pub picture: Option<&'a str>,
    /// The way in which the account was created, for a new account.
    pub auth_method: &'a str,
    /// The platform of the sign-in.
    pub platform: Platform,
    /// The key of the device that the sign-in requires. If the key belongs to another account or is
    /// revoked, no account or identity is created and no sign-in is recorded.
    pub device: Option<KeyId>,
}

impl<'a> IdentifiedUser<'a> {
    /// Returns the identity at the provider.
    #[must_use]
    pub const fn identity(&self) -> ProviderIdentity<'a> {
        ProviderIdentity {
            provider: self.provider,
            provider_id: self.provider_id,
        }
    }
}

/// New ids for the rows that an upsert may insert.
#[derive(Clone, Copy, Debug)]
pub struct NewUserIds {
    /// The id of the account.
    pub user: UserId,
    /// The id of the identity.
    pub identity: IdentityId,
    /// The id of the event about a new account.
    pub created_event: EventId,
    /// The id of the event about a linked identity.
    pub linked_event: EventId,
}

/// Finds, links or creates the account of an identity.
///
/// An unknown identity is linked to the account with the same verified address, if the provider has
/// verified the address too. Otherwise a new account is created. The call is safe to repeat.
/// Concurrent callers with the same identity get the same account.
///
/// Returns `None` if a new account is necessary and the provider gave no address.
///
/// # Errors
/// [`StoreError`]
pub async fn upsert(
    db: &dyn Db,
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let [create, link, created, linked] = upsert_statements(who, ids, context);
    let statements = [
        create,
        link,
        created,
        linked,
        touch(who, context),
        select_by_identity(who.identity()),
    ];
    let [.., user] = batch(db, statements).await?;
    read_first(&user)
}

/// Selects the account of an identity.
pub(super) fn select_by_identity(identity: ProviderIdentity<'_>) -> Statement {
    sql(
        concatcp!(
            "SELECT ",
            USER_COLUMNS,
            " FROM identities AS i JOIN users ON users.id = i.user_id
              WHERE i.provider = ?1 AND i.provider_id = ?2"
        ),
        [identity.provider.into(), identity.provider_id.into()],
    )
}

/// Returns the statements of an upsert except [`touch`], which find or create the account.
pub(super) fn upsert_statements(
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    context: &EventContext,
) -> [Statement; 4] {
    let device = || Value::from(who.device.map(|key| key.text()).as_deref());
    let placeholder = who.email_unfit.then(|| Email::placeholder(ids.user));
    let create = sql(
        "INSERT INTO users (id, email, email_verified, name, picture, auth_method, provider,
                            provider_id, created_at, updated_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9
          WHERE ?2 IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM identities WHERE provider = ?7 AND provider_id = ?8)
            AND NOT (?3 = 1 AND EXISTS (
                SELECT 1 FROM users WHERE email = ?2 AND email_verified = 1))
            AND NOT EXISTS (
                SELECT 1 FROM attest_keys
                 WHERE id = ?10 AND (user_id IS NOT NULL OR revoked_at IS NOT NULL))",
        [
            ids.user.into(),
            who.email.or(placeholder.as_ref()).into(),
            who.email_verified.into(),
            who.name.into(),
            who.picture.into(),
            who.auth_method.into(),
            who.provider.into(),
            who.provider_id.into(),
            context.at.into(),
            device(),
        ],
    );
    // The new account, or the one with the verified address. The first statement excludes both.
    let link = sql(
        "INSERT INTO identities (id, user_id, provider, provider_id, created_at)
         SELECT ?1, u.id, ?2, ?3, ?4 FROM users AS u
          WHERE (u.id = ?5 OR (?6 = 1 AND u.email = ?7 AND u.email_verified = 1))
            AND NOT EXISTS (SELECT 1 FROM identities WHERE provider = ?2 AND provider_id = ?3)
            AND NOT EXISTS (
                SELECT 1 FROM attest_keys AS k
                 WHERE k.id = ?8 AND (k.revoked_at IS NOT NULL OR k.user_id <> u.id))
          LIMIT 1",
        [
            ids.identity.into(),
            who.provider.into(),
            who.provider_id.into(),
            context.at.into(),
            ids.user.into(),
            who.email_verified.into(),
            who.email.into(),
            device(),
        ],
    );
    // Only this call can have inserted a row with one of its new ids.
    let created = events::about_user(
        &context.with_id(ids.created_event),
        EventKind::UserCreated,
        ids.user,
    );
    let linked = about_linked_identity(&context.with_id(ids.linked_event), ids);
    [create, link, created, linked]
}

/// Returns the event about an identity that this batch linked to an older account.
fn about_linked_identity(context: &EventContext, ids: NewUserIds) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "user_id, NULL FROM identities WHERE id = ?8 AND user_id <> ?9"
        ),
        context,
        EventKind::IdentityLinked,
        [ids.identity.into(), ids.user.into()],
    )
}

/// Records the sign-in of an identity and fills an empty name and picture. If the sign-in requires
/// a device, its key must belong to the account.
pub(super) fn touch(who: &IdentifiedUser<'_>, context: &EventContext) -> Statement {
    sql(
        "UPDATE users SET name = COALESCE(name, ?3), picture = COALESCE(picture, ?4),
                last_login_at = ?5, last_login_platform = ?6,
                updated_at = CASE WHEN (name IS NULL AND ?3 IS NOT NULL)
                                    OR (picture IS NULL AND ?4 IS NOT NULL)
                                  THEN ?5 ELSE updated_at END
          WHERE id = (SELECT user_id FROM identities WHERE provider = ?1 AND provider_id = ?2)
            AND (?7 IS NULL OR EXISTS (
                SELECT 1 FROM attest_keys AS k
                 WHERE k.id = ?7 AND k.user_id = users.id AND k.revoked_at IS NULL))",
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

/// Returns the account to which an address belongs: the account that has verified it, otherwise the
/// oldest account that claims it.
///
/// # Errors
/// [`StoreError`]
pub async fn by_email(db: &dyn Db, email: &Email) -> Result<Option<User>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT ",
            USER_COLUMNS,
            " FROM users WHERE email = ?1 ORDER BY email_verified DESC, created_at LIMIT 1"
        ),
        [email.into()],
    );
    read_first(&run(db, select).await?)
}

/// A change of an optional text field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldChange {
    /// Keeps the value.
    #[default]
    Keep,
    /// Removes the value.
    Clear,
    /// Sets a new value.
    Set(String),
}

impl FieldChange {
    /// Returns true if the change makes a difference to a field with the value `current`.
    #[must_use]
    pub fn changes(&self, current: Option<&str>) -> bool {
        match self {
            Self::Keep => false,
            Self::Clear => current.is_some(),
            Self::Set(text) => current != Some(text),
        }
    }

    /// Returns whether the field is written, and its new value.
    fn params(&self) -> [Value; 2] {
        match self {
            Self::Keep => [false.into(), Value::Null],
            Self::Clear => [true.into(), Value::Null],
            Self::Set(text) => [true.into(), text.as_str().into()],
        }
    }
}

/// The changes of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// The change of the name.
    pub name: FieldChange,
    /// The change of the picture.
    pub picture: FieldChange,
}

/// Changes the account of the live session `by` and returns it. Returns `None` if the session is no
/// longer live.
///
/// The batch checks the session again, because it may have been revoked while the request's body
/// was on its way.
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
    let [write_name, name] = changes.name.params();
    let [write_picture, picture] = changes.picture.params();
    let update = sql(
        concatcp!(
            "UPDATE users SET name = CASE WHEN ?2 = 1 THEN ?3 ELSE name END,
                              picture = CASE WHEN ?4 = 1 THEN ?5 ELSE picture END,
                              updated_at = ?6
              WHERE id = ?1 AND EXISTS (
                    SELECT 1 FROM sessions AS s
                     WHERE s.id = ?7 AND s.user_id = ?1 AND s.revoked_at IS NULL)
             RETURNING ",
            USER_COLUMNS
        ),
        [
            by.user.into(),
            write_name,
            name,
            write_picture,
            picture,
            context.at.into(),
            by.session.into(),
        ],
    );
    let [_, user] = batch(db, [event, update]).await?;
    read_first(&user)
}
