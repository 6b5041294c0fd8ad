//! Tokens of people: opaque, stored by their hash, valid in every service. A revoked token has no
//! row.

use crate::accounts::model::password::PasswordHash;
use crate::accounts::store::passwords::VerifiedPassword;
use crate::accounts::store::{attempts, events, totp};
use crate::authorization::model::names::{AuthPermission, BUILT_IN_SERVICE};
use crate::authorization::store::read::{Reads, each};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, remove_in_batches};
use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, run, sql};
use crate::kernel::store::{batch, read_first};

/// The kind of client that holds a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// A person who signed in.
    User,
    /// A backend that acts as a person.
    Service,
}

impl TokenKind {
    /// Returns the name of the kind in the database and in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Service]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A token with its owner and the owner's permissions in the service `auth`.
#[derive(Clone, Debug)]
pub struct PersonTokenRow {
    /// The kind of client that holds the token.
    pub kind: TokenKind,
    /// When the token was issued.
    pub created_at: Timestamp,
    /// When the token expires. A whole second.
    pub expires_at: Timestamp,
    /// The id of the person who owns the token.
    pub person_id: i64,
    /// The account of the person.
    pub user: UserId,
    /// The username of the person.
    pub username: String,
    /// The display name of the person.
    pub name: String,
    /// The active permissions of the person in the service `auth`.
    pub permissions: Vec<AuthPermission>,
}

/// The statements that read a token. Reads `None` for an unknown or revoked token.
#[derive(Debug)]
pub struct PersonTokenQuery<'a> {
    /// The hash of the token.
    pub token: &'a TokenHash,
    /// The time at which a grant must be active.
    pub now: Timestamp,
}

impl Reads for PersonTokenQuery<'_> {
    type Output = Option<PersonTokenRow>;

    fn statements(&self) -> Vec<Statement> {
        let token = sql(
            "SELECT t.kind, t.created_at, t.expires_at, p.id AS person_id, p.user_id, p.username,
                    u.name
               FROM person_tokens AS t
               JOIN people AS p ON p.id = t.person_id
               JOIN users AS u ON u.id = p.user_id
              WHERE t.token_hash = ?1",
            [self.token.into()],
        );
        let permissions = sql(
            "SELECT m.permission_id
               FROM person_tokens AS t
               JOIN person_roles AS g ON g.person_id = t.person_id AND g.service_id = ?3
               JOIN role_permissions AS m ON m.role_id = g.role_id
              WHERE t.token_hash = ?1 AND (g.expires_at IS NULL OR g.expires_at > ?2)
              UNION
             SELECT g.permission_id
               FROM person_tokens AS t
               JOIN person_permissions AS g ON g.person_id = t.person_id AND g.service_id = ?3
              WHERE t.token_hash = ?1 AND (g.expires_at IS NULL OR g.expires_at > ?2)",
            [self.token.into(), self.now.into(), BUILT_IN_SERVICE.into()],
        );
        vec![token, permissions]
    }

    fn read(&self, results: &[Rows]) -> Result<Option<PersonTokenRow>, StoreError> {
        let [token, permissions] = each(results)?;
        let Some(mut token) = read_first::<PersonTokenRow>(token)? else {
            return Ok(None);
        };
        let ids = permissions.iter().map(|row| row.integer("permission_id"));
        let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
        token.permissions = AuthPermission::ALL
            .into_iter()
            .filter(|permission| ids.contains(&permission.id()))
            .collect();
        Ok(Some(token))
    }
}

impl TryFrom<&Row> for PersonTokenRow {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.parsed("kind", TokenKind::parse)?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
            person_id: row.integer("person_id")?,
            user: row.parsed("user_id", UserId::parse)?,
            username: row.text("username")?,
            name: row.opt_text("name")?.unwrap_or_default(),
            permissions: Vec::new(),
        })
    }
}

/// The outcome of the renewal of a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenRenewal {
    /// Whether this call renewed the token. Of concurrent calls exactly one does.
    pub by_this_call: bool,
    /// When the token expires now.
    pub expires_at: Timestamp,
}

/// Moves the expiry of a token from `from` to `to`, unless a concurrent call did so already.
/// Returns `None` for a revoked token. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn renew(
    db: &dyn Db,
    token: &TokenHash,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<TokenRenewal>, StoreError> {
    let update = sql(
        "UPDATE person_tokens SET expires_at = ?3
          WHERE token_hash = ?1 AND expires_at = ?2 RETURNING token_hash",
        [token.into(), from.into(), to.into()],
    );
    let select = sql(
        "SELECT expires_at FROM person_tokens WHERE token_hash = ?1",
        [token.into()],
    );
    let [updated, selected] = batch(db, [update, select]).await?;
    let expires_at = selected.first().map(|row| row.time("expires_at"));
    let expires_at = expires_at.transpose()?;
    Ok(expires_at.map(|expires_at| TokenRenewal {
        by_this_call: !updated.is_empty(),
        expires_at,
    }))
}

/// A token to insert.
#[derive(Debug)]
pub struct NewPersonToken {
    /// The hash of the token.
    pub hash: TokenHash,
    /// The kind of client that gets the token.
    pub kind: TokenKind,
    /// When the token expires.
    pub expires_at: Timestamp,
}

impl NewPersonToken {
    /// Inserts the token for a person.
    #[must_use]
    pub fn insert_for(&self, person: i64, now: Timestamp) -> Statement {
        sql(
            "INSERT INTO person_tokens (token_hash, person_id, kind, created_at, expires_at)
             SELECT ?1, id, ?3, ?4, ?5 FROM people WHERE id = ?2",
            [
                (&self.hash).into(),
                person.into(),
                self.kind.as_str().into(),
                now.into(),
                self.expires_at.into(),
            ],
        )
    }

    /// Inserts the token for the person who owns an account.
    fn insert_for_account(&self, user: UserId, now: Timestamp) -> Statement {
        sql(
            "INSERT INTO person_tokens (token_hash, person_id, kind, created_at, expires_at)
             SELECT ?1, id, ?3, ?4, ?5 FROM people WHERE user_id = ?2",
            [
                (&self.hash).into(),
                user.into(),
                self.kind.as_str().into(),
                now.into(),
                self.expires_at.into(),
            ],
        )
    }
}

/// Issues a token to an account owner who proved their password, and their TOTP code where TOTP is
/// enabled. Returns `None` if the account owner is not a person. One round trip.
///
/// # Errors
/// [`StoreError::Refused`] with [`crate::kernel::store::Precondition::Subject`] if the password was
/// changed or the code was used since the proof.
pub async fn issue_for_proof(
    db: &dyn Db,
    proved: &VerifiedPassword,
    token: &NewPersonToken,
    context: &EventContext,
) -> Result<Option<PersonTokenRow>, StoreError> {
    let mut statements = vec![
        proof_still_holds(proved),
        token.insert_for_account(proved.user, context.at),
        attempts::clear(&proved.subject),
        events::about_user(context, EventKind::TokenIssued, proved.user),
    ];
    if let Some(step) = proved.step {
        statements.push(totp::note_step(step, proved.user));
    }
    if let Some(rehashed) = &proved.rehashed {
        statements.push(replace_hash(proved.user, &proved.hash, rehashed));
    }
    let query = PersonTokenQuery {
        token: &token.hash,
        now: context.at,
    };
    let query_start = statements.len();
    statements.extend(query.statements());
    let results = db.batch(statements).await?;
    query.read(results.get(query_start..).unwrap_or_default())
}

/// Requires that the password has not changed, and that the TOTP code is unused and still needed.
fn proof_still_holds(proved: &VerifiedPassword) -> Statement {
    let step = proved.step.map(|step| step.number);
    let made_at = proved.step.map(|step| step.made_at);
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1
          WHERE NOT EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?1 AND w.hash = ?2)
             OR (?3 IS NULL
                 AND EXISTS (SELECT 1 FROM totp AS t
                              WHERE t.user_id = ?1 AND t.confirmed_at IS NOT NULL))
             OR (?3 IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM totp AS t
                                  WHERE t.user_id = ?1 AND t.created_at = ?4
                                    AND t.confirmed_at IS NOT NULL AND t.last_step < ?3))",
        [
            proved.user.into(),
            proved.hash.as_str().into(),
            step.into(),
            made_at.into(),
        ],
    )
}

fn replace_hash(user: UserId, old: &PasswordHash, new: &PasswordHash) -> Statement {
    sql(
        "UPDATE passwords SET hash = ?3 WHERE user_id = ?1 AND hash = ?2",
        [user.into(), old.as_str().into(), new.as_str().into()],
    )
}

/// Revokes a token. Returns `false` if the token is unknown. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(db: &dyn Db, token: &TokenHash) -> Result<bool, StoreError> {
    let delete = sql(
        "DELETE FROM person_tokens WHERE token_hash = ?1 RETURNING token_hash",
        [token.into()],
    );
    Ok(!run(db, delete).await?.is_empty())
}

/// Revokes every token of a person. Returns one row for each token.
#[must_use]
pub fn revoke_all(person: i64) -> Statement {
    sql(
        "DELETE FROM person_tokens WHERE person_id = ?1 RETURNING token_hash",
        [person.into()],
    )
}

/// Removes expired tokens in bounded batches. Returns the number of removed tokens.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM person_tokens
          WHERE token_hash IN (SELECT token_hash FROM person_tokens
                                WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING token_hash",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
