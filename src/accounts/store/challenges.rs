//! One-time challenges of ceremonies: inserted when one begins, deleted when it is completed,
//! before anything is verified.

use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Rows, Statement, StoreError, remove_in_batches, rows, run, sql,
};

/// Challenges that one statement of a sweep removes: strangers can make them, so a minute's sweep
/// takes away more than they can make.
const CHALLENGE_BATCH: i64 = 8 * CLEANUP_BATCH;

/// What a challenge was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChallengeKind {
    /// Adding a passkey to the account that the challenge belongs to.
    Registration,
    /// Making an account with a passkey.
    SignUp,
    /// Signing in.
    SignIn,
    /// Attesting a device's key.
    Attestation,
    /// Proving again who one is.
    Reauthentication,
    /// Signing in by recovery.
    Recovery,
}

impl ChallengeKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "passkey_registration",
            Self::SignUp => "passkey_sign_up",
            Self::SignIn => "passkey_sign_in",
            Self::Attestation => "app_attestation",
            Self::Reauthentication => "reauthentication",
            Self::Recovery => "recovery",
        }
    }
}

/// A challenge to keep.
#[derive(Debug)]
pub struct NewChallenge<'a> {
    /// Its id.
    pub id: ChallengeId,
    /// What it is for.
    pub kind: ChallengeKind,
    /// Whose it is, for a registration.
    pub user: Option<UserId>,
    /// What the ceremony has to know when it is completed: JSON.
    pub state: &'a str,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A challenge that was taken: nobody else has got it, and nobody will.
#[derive(Clone, Debug)]
pub struct TakenChallenge {
    /// What it was made for.
    pub kind: ChallengeKind,
    /// What the ceremony has to know: JSON.
    pub state: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keeps a challenge.
pub(super) fn insert(new: &NewChallenge<'_>) -> Statement {
    sql(
        "INSERT INTO challenges (id, kind, user_id, state, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [
            new.id.into(),
            new.kind.as_str().into(),
            new.user.into(),
            new.state.into(),
            new.created_at.into(),
            new.expires_at.into(),
        ],
    )
}

/// Keeps a challenge. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(db: &dyn Db, new: &NewChallenge<'_>) -> Result<(), StoreError> {
    run(db, insert(new)).await.map(drop)
}

/// Keeps a challenge and gives what `select` finds, in one round trip.
pub(super) async fn keep_and(
    db: &dyn Db,
    new: &NewChallenge<'_>,
    select: Statement,
) -> Result<Rows, StoreError> {
    let results = db.batch(vec![insert(new), select]).await?;
    Ok(rows(&results, 1).to_vec())
}

/// Takes the challenge `id`, if it is one of making an account, or one of adding a passkey to
/// `user`. Of concurrent callers one gets it.
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
    run(db, delete).await?.first().map(read).transpose()
}

/// Takes the challenge `id`, if it is one of attesting a key, of `user` or of nobody. Of concurrent
/// callers one gets it.
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
        "DELETE FROM challenges WHERE id = ?1 AND expires_at > ?2 AND kind = ?3 AND (user_id IS NULL OR user_id = ?4)
         RETURNING kind, state, created_at",
        [id.into(), now.into(), ChallengeKind::Attestation.as_str().into(), user.into()],
    );
    run(db, delete).await?.first().map(read).transpose()
}

/// The statement that takes the challenge `id` of this kind, of `user` or of nobody.
pub(super) fn take(
    id: ChallengeId,
    kind: ChallengeKind,
    user: Option<UserId>,
    now: Timestamp,
) -> Statement {
    sql(
        "DELETE FROM challenges WHERE id = ?1 AND expires_at > ?2 AND kind = ?3 AND user_id IS ?4 RETURNING kind, state, created_at",
        [id.into(), now.into(), kind.as_str().into(), user.into()],
    )
}

pub(super) fn read(row: &Row) -> Result<TakenChallenge, StoreError> {
    const ALL: [ChallengeKind; 6] = [
        ChallengeKind::Registration,
        ChallengeKind::SignUp,
        ChallengeKind::SignIn,
        ChallengeKind::Attestation,
        ChallengeKind::Reauthentication,
        ChallengeKind::Recovery,
    ];
    let kind = |text: &str| ALL.into_iter().find(|kind| kind.as_str() == text);
    Ok(TakenChallenge {
        kind: row.parsed("kind", kind)?,
        state: row.text("state")?,
        created_at: row.time("created_at")?,
    })
}

/// Removes challenges that have ended, some batches of them; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING id",
        [now.into(), CHALLENGE_BATCH.into()],
    );
    remove_in_batches(db, delete, CHALLENGE_BATCH).await
}
