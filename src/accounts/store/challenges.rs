//! One-time challenges of ceremonies. A challenge is inserted when a ceremony begins, and deleted
//! when the ceremony is completed, before anything is verified.

use crate::accounts::model::throttle::SignUpLimit;
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptClaim;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Rows, Statement, StoreError, batch, read_first, remove_in_batches, run,
    sql,
};

/// The number of challenges that one statement of the cleanup removes. Clients without an account
/// can add challenges, so the cleanup of one minute removes more than they can add in a minute.
const CHALLENGE_BATCH: i64 = 8 * CLEANUP_BATCH;

/// The ceremony for which a challenge was created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChallengeKind {
    /// Adding a passkey to the account that owns the challenge.
    Registration,
    /// Creating an account with a passkey.
    SignUp,
    /// Signing in.
    SignIn,
    /// Attesting a device's key.
    Attestation,
    /// Step-up: a signed-in account owner proves their identity again.
    Reauthentication,
    /// Signing in by account recovery.
    Recovery,
    /// Registering at the relay with a proof of work.
    ProofOfWork,
    /// Connecting to the relay with a ticket.
    SocketTicket,
}

impl ChallengeKind {
    const ALL: [Self; 8] = [
        Self::Registration,
        Self::SignUp,
        Self::SignIn,
        Self::Attestation,
        Self::Reauthentication,
        Self::Recovery,
        Self::ProofOfWork,
        Self::SocketTicket,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "passkey_registration",
            Self::SignUp => "passkey_sign_up",
            Self::SignIn => "passkey_sign_in",
            Self::Attestation => "app_attestation",
            Self::Reauthentication => "reauthentication",
            Self::Recovery => "recovery",
            Self::ProofOfWork => "proof_of_work",
            Self::SocketTicket => "socket_ticket",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A challenge to store.
#[derive(Debug)]
pub struct NewChallenge<'a> {
    /// The challenge's id.
    pub id: ChallengeId,
    /// The ceremony.
    pub kind: ChallengeKind,
    /// The account that owns the challenge, if its owner is signed in.
    pub user: Option<UserId>,
    /// The state that the ceremony needs for its completion: JSON.
    pub state: &'a str,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The expiry.
    pub expires_at: Timestamp,
}

/// A challenge that was taken. No other caller has got it or will get it.
#[derive(Clone, Debug)]
pub struct TakenChallenge {
    /// The ceremony.
    pub kind: ChallengeKind,
    /// The state that the ceremony needs: JSON.
    pub state: String,
    /// The time of creation.
    pub created_at: Timestamp,
}

impl TryFrom<&Row> for TakenChallenge {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.parsed("kind", ChallengeKind::parse)?,
            state: row.text("state")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl NewChallenge<'_> {
    /// Inserts the challenge unless its account was deleted. Returns a row if it did.
    fn insert(&self) -> Statement {
        sql(
            "INSERT INTO challenges (id, kind, user_id, state, created_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6
              WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = ?3)
             RETURNING id",
            [
                self.id.into(),
                self.kind.as_str().into(),
                self.user.into(),
                self.state.into(),
                self.created_at.into(),
                self.expires_at.into(),
            ],
        )
    }
}

/// Stores a challenge. Returns `false` if its account was deleted. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(db: &dyn Db, new: &NewChallenge<'_>) -> Result<bool, StoreError> {
    Ok(!run(db, new.insert()).await?.is_empty())
}

/// Stores a challenge and returns the rows of `select`, or `None` if the account of the challenge
/// was deleted. One round trip.
pub(super) async fn keep_and(
    db: &dyn Db,
    new: &NewChallenge<'_>,
    select: Statement,
) -> Result<Option<Rows>, StoreError> {
    let [inserted, selected] = batch(db, [new.insert(), select]).await?;
    Ok((!inserted.is_empty()).then_some(selected))
}

/// Stores the challenge of a sign-up, if the caller's network may sign up now. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep_sign_up(
    db: &dyn Db,
    new: &NewChallenge<'_>,
    limit: Option<&SignUpLimit>,
) -> Result<AttemptClaim, StoreError> {
    let Some(limit) = limit else {
        keep(db, new).await?;
        return Ok(AttemptClaim::Allowed);
    };
    let insert = sql(
        "INSERT INTO challenges (id, kind, user_id, state, created_at, expires_at)
         SELECT ?1, ?2, NULL, ?3, ?4, ?5
          WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE subject = ?6 AND free_at > ?4)
         RETURNING id",
        [
            new.id.into(),
            new.kind.as_str().into(),
            new.state.into(),
            new.created_at.into(),
            new.expires_at.into(),
            limit.subject.as_str().into(),
        ],
    );
    let [inserted, free_at] = batch(db, [insert, attempts::select_free_at(&limit.subject)]).await?;
    attempts::claimed(&inserted, &free_at)
}

/// Takes the challenge `id`, if it is for creating an account, or for adding a passkey to `user`.
/// Of concurrent callers one gets it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_registration(
    db: &dyn Db,
    id: ChallengeId,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<Option<TakenChallenge>, StoreError> {
    let delete = sql(
        "DELETE FROM challenges
          WHERE id = ?1 AND expires_at > ?2 AND (kind = ?3 OR (kind = ?4 AND user_id = ?5))
         RETURNING kind, state, created_at",
        [
            id.into(),
            now.into(),
            ChallengeKind::SignUp.as_str().into(),
            ChallengeKind::Registration.as_str().into(),
            user.into(),
        ],
    );
    read_first(&run(db, delete).await?)
}

/// Takes the challenge `id`, if it is for attesting a key and belongs to `user` or to no account.
/// Of concurrent callers one gets it.
///
/// # Errors
/// [`StoreError`]
pub async fn take_attestation(
    db: &dyn Db,
    id: ChallengeId,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<Option<TakenChallenge>, StoreError> {
    let delete = sql(
        "DELETE FROM challenges
          WHERE id = ?1 AND expires_at > ?2 AND kind = ?3 AND (user_id IS NULL OR user_id = ?4)
         RETURNING kind, state, created_at",
        [
            id.into(),
            now.into(),
            ChallengeKind::Attestation.as_str().into(),
            user.into(),
        ],
    );
    read_first(&run(db, delete).await?)
}

/// A challenge that the caller answers.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredChallenge {
    /// The challenge's id.
    pub id: ChallengeId,
    /// The ceremony that the challenge must be for.
    pub kind: ChallengeKind,
    /// The account that must own the challenge. With `None` it must belong to no account.
    pub user: Option<UserId>,
}

impl AnsweredChallenge {
    /// Takes the challenge. Of concurrent callers one gets it.
    pub(super) fn take(self, now: Timestamp) -> Statement {
        sql(
            "DELETE FROM challenges
              WHERE id = ?1 AND expires_at > ?2 AND kind = ?3 AND user_id IS ?4
             RETURNING kind, state, created_at",
            [
                self.id.into(),
                now.into(),
                self.kind.as_str().into(),
                self.user.into(),
            ],
        )
    }
}

/// Takes a challenge. Of concurrent callers one gets it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take(
    db: &dyn Db,
    answered: AnsweredChallenge,
    now: Timestamp,
) -> Result<Option<TakenChallenge>, StoreError> {
    read_first(&run(db, answered.take(now)).await?)
}

/// Removes expired challenges, in a few batches. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM challenges WHERE id IN (
             SELECT id FROM challenges WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING id",
        [now.into(), CHALLENGE_BATCH.into()],
    );
    remove_in_batches(db, delete, CHALLENGE_BATCH).await
}
