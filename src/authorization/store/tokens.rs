//! Tokens of people: opaque, kept by their hash, valid for every service. A revoked one is gone.

use crate::accounts::model::password::PasswordHash;
use crate::accounts::store::passwords::VerifiedPassword;
use crate::accounts::store::{attempts, events, totp};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::preconditions::unless;
use crate::authorization::store::{
    Db, Reads, Row, Rows, Statement, StoreError, count, one, rows, run, sql,
};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, remove_in_batches};

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A person who signed in.
    User,
    /// A backend.
    Service,
}

impl Kind {
    /// The name in the database, and on the wire.
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

/// Whoever presents a token.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// What the token is for.
    pub kind: Kind,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends: a whole second.
    pub expires_at: Timestamp,
    /// The person.
    pub person: i64,
    /// Their account.
    pub user: UserId,
    /// Their username.
    pub username: String,
    /// Their name.
    pub name: String,
    /// What they may do in the service itself, at the moment of the question.
    pub permissions: Vec<AuthPermission>,
}

/// Whose a token is.
#[derive(Debug)]
pub struct Presented<'a> {
    /// Its hash.
    pub token: &'a TokenHash,
    /// The moment of the question.
    pub now: Timestamp,
}

impl Reads for Presented<'_> {
    type Output = Option<Bearer>;

    fn statements(&self) -> Vec<Statement> {
        let bearer = sql(
            "SELECT t.kind, t.created_at, t.expires_at, p.id AS person_id, p.user_id, p.username, u.name
               FROM person_tokens AS t JOIN people AS p ON p.id = t.person_id JOIN users AS u ON u.id = p.user_id
              WHERE t.token_hash = ?1",
            [self.token.into()],
        );
        let permissions = sql(
            concat!(
                "SELECT m.permission_id AS count
                   FROM person_tokens AS t JOIN person_roles AS g ON g.person_id = t.person_id AND g.service_id = 1000000001
                   JOIN role_permissions AS m ON m.role_id = g.role_id
                  WHERE t.token_hash = ?1 AND ",
                counts!("?2"),
                "
                 UNION
                 SELECT g.permission_id
                   FROM person_tokens AS t JOIN person_permissions AS g ON g.person_id = t.person_id AND g.service_id = 1000000001
                  WHERE t.token_hash = ?1 AND ",
                counts!("?2")
            ),
            [self.token.into(), self.now.into()],
        );
        vec![bearer, permissions]
    }

    fn read(&self, results: &[Rows]) -> Result<Option<Bearer>, StoreError> {
        let Some(mut bearer) = one(results, 0, read)? else {
            return Ok(None);
        };
        for row in rows(results, 1) {
            let id = count(row)?;
            bearer.permissions.extend(
                AuthPermission::ALL
                    .into_iter()
                    .find(|permission| permission.id() == id),
            );
        }
        Ok(Some(bearer))
    }
}

fn read(row: &Row) -> Result<Bearer, StoreError> {
    Ok(Bearer {
        kind: row.parsed("kind", Kind::parse)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        person: row.integer("person_id")?,
        user: row.parsed("user_id", UserId::parse)?,
        username: row.text("username")?,
        name: row.opt_text("name")?.unwrap_or_default(),
        permissions: Vec::new(),
    })
}

/// Moves a token's time on, if nobody else did since it was looked at. Gives whether this call did,
/// and when the token ends now; `None` if it was revoked. Of concurrent callers exactly one gets
/// `true`. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn renew(
    db: &dyn Db,
    token: &TokenHash,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<(bool, Timestamp)>, StoreError> {
    let update = sql(
        "UPDATE person_tokens SET expires_at = ?3 WHERE token_hash = ?1 AND expires_at = ?2 RETURNING token_hash",
        [token.into(), from.into(), to.into()],
    );
    let select = sql(
        "SELECT expires_at FROM person_tokens WHERE token_hash = ?1",
        [token.into()],
    );
    let results = db.batch(vec![update, select]).await?;
    let ends = one(&results, 1, |row| row.time("expires_at"))?;
    Ok(ends.map(|ends| (!rows(&results, 0).is_empty(), ends)))
}

/// A token to keep.
#[derive(Debug)]
pub struct New {
    /// Its hash.
    pub hash: TokenHash,
    /// What it is for.
    pub kind: Kind,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl New {
    /// Inserts it for a person.
    #[must_use]
    pub fn insert_for(&self, person: i64, now: Timestamp) -> Statement {
        sql(
            "INSERT INTO person_tokens (token_hash, person_id, kind, created_at, expires_at) SELECT ?1, id, ?3, ?4, ?5 FROM people WHERE id = ?2",
            [
                (&self.hash).into(),
                person.into(),
                self.kind.as_str().into(),
                now.into(),
                self.expires_at.into(),
            ],
        )
    }
}

/// Gives a token to whoever proved that they are the account's owner, if what they showed still
/// holds: else the batch ends with [`crate::kernel::store::Precondition::Subject`]. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn sign_in(
    db: &dyn Db,
    proved: &VerifiedPassword,
    token: &New,
    context: &EventContext,
) -> Result<Option<Bearer>, StoreError> {
    let step = proved.step.map(|step| step.number);
    let holds = sql(
        unless!(
            "EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?1 AND w.hash = ?2)
             AND CASE WHEN ?3 IS NULL THEN NOT EXISTS (SELECT 1 FROM totp AS t WHERE t.user_id = ?1 AND t.confirmed_at IS NOT NULL)
                      ELSE EXISTS (SELECT 1 FROM totp AS t
                            WHERE t.user_id = ?1 AND t.created_at = ?4 AND t.confirmed_at IS NOT NULL AND t.last_step < ?3) END"
        ),
        [proved.user.into(), proved.hash.as_str().into(), step.into(), proved.step.map(|step| step.made_at).into()],
    );
    let insert = sql(
        "INSERT INTO person_tokens (token_hash, person_id, kind, created_at, expires_at)
         SELECT ?1, id, ?3, ?4, ?5 FROM people WHERE user_id = ?2",
        [
            (&token.hash).into(),
            proved.user.into(),
            token.kind.as_str().into(),
            context.at.into(),
            token.expires_at.into(),
        ],
    );
    let mut batch = vec![
        holds,
        insert,
        attempts::clear(&proved.subject),
        events::about_user(context, EventKind::TokenIssued, proved.user),
    ];
    if let Some(step) = proved.step {
        batch.push(totp::note_step(step, proved.user));
    }
    if let Some(rehashed) = &proved.rehashed {
        batch.push(replace_hash(proved.user, &proved.hash, rehashed));
    }
    let presented = Presented {
        token: &token.hash,
        now: context.at,
    };
    let asked = batch.len();
    batch.extend(presented.statements());
    let results = db.batch(batch).await?;
    presented.read(results.get(asked..).unwrap_or_default())
}

fn replace_hash(user: UserId, old: &PasswordHash, new: &PasswordHash) -> Statement {
    sql(
        "UPDATE passwords SET hash = ?3 WHERE user_id = ?1 AND hash = ?2",
        [user.into(), old.as_str().into(), new.as_str().into()],
    )
}

/// Revokes a token; `false` if there was none. One round trip.
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

/// Revokes every token of a person; its rows are what was revoked.
#[must_use]
pub fn revoke_of(person: i64) -> Statement {
    sql(
        "DELETE FROM person_tokens WHERE person_id = ?1 RETURNING token_hash",
        [person.into()],
    )
}

/// Removes what has ended, some batches of it; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn sweep(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM person_tokens WHERE token_hash IN (SELECT token_hash FROM person_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING token_hash",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
