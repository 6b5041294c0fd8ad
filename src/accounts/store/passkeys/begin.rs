//! Challenges of passkeys: stored with the passkeys that may answer, and taken with the passkey
//! that did.

use const_format::concatcp;

use super::row::{Descriptor, PASSKEY_COLUMNS, select_descriptors};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::Passkey;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{AnsweredChallenge, NewChallenge, TakenChallenge};
use crate::accounts::store::users::MOST_CLAIMS;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_all, read_first, sql};

/// The maximum number of passkeys that are listed for an address. Several accounts can claim one
/// address.
const MOST_LISTED: i64 = 64;

/// Stores a challenge for an account and returns the account's passkeys, or `None` if the account
/// was deleted. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_for(
    db: &dyn Db,
    challenge: &NewChallenge<'_>,
    user: UserId,
) -> Result<Option<Vec<Descriptor>>, StoreError> {
    let rows = challenges::keep_and(db, challenge, select_descriptors(user)).await?;
    rows.map(|rows| read_all(&rows)).transpose()
}

/// Stores the challenge of a sign-in and returns the passkeys of the accounts that have or claim
/// the address. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_sign_in(
    db: &dyn Db,
    challenge: &NewChallenge<'_>,
    email: &Email,
) -> Result<Vec<Descriptor>, StoreError> {
    let select = sql(
        "SELECT p.id, p.transports
           FROM users AS u JOIN passkeys AS p ON p.user_id = u.id
          WHERE u.id IN (SELECT id FROM users WHERE email = ?1
                          ORDER BY email_verified DESC, created_at LIMIT ?3)
          ORDER BY u.email_verified DESC, p.created_at LIMIT ?2",
        [email.into(), MOST_LISTED.into(), MOST_CLAIMS.into()],
    );
    read_all(
        &challenges::keep_and(db, challenge, select)
            .await?
            .unwrap_or_default(),
    )
}

/// A passkey that answers a challenge, with its owner's address.
#[derive(Debug)]
pub struct PasskeyWithEmail {
    /// The passkey.
    pub passkey: Passkey,
    /// The passkey in the format of webauthn-rs: JSON.
    pub library: String,
    /// The owner's address.
    pub email: Email,
}

impl TryFrom<&Row> for PasskeyWithEmail {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            passkey: Passkey::try_from(row)?,
            library: row.text("library")?,
            email: Email::from_stored(row.text("email")?),
        })
    }
}

/// A taken challenge, and the passkey that answers it.
#[derive(Debug)]
pub struct ChallengedPasskey {
    /// The challenge, if it was still there.
    pub challenge: Option<TakenChallenge>,
    /// The passkey, if it is registered.
    pub passkey: Option<PasskeyWithEmail>,
}

/// Takes the challenge of a sign-in or of a step-up, and returns the passkey that answers it. Of
/// concurrent callers one gets the challenge. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_with_passkey(
    db: &dyn Db,
    challenge: AnsweredChallenge,
    passkey: Option<&CredentialId>,
    now: Timestamp,
) -> Result<ChallengedPasskey, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT ",
            PASSKEY_COLUMNS,
            ", library, (SELECT email FROM users AS u WHERE u.id = user_id) AS email
               FROM passkeys WHERE id = ?1"
        ),
        [passkey.map(CredentialId::as_str).into()],
    );
    let [taken, passkey] = batch(db, [challenge.take(now), select]).await?;
    Ok(ChallengedPasskey {
        challenge: read_first(&taken)?,
        passkey: read_first(&passkey)?,
    })
}
