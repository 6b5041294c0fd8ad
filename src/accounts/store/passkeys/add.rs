//! New passkeys.

use const_format::concatcp;

use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::accounts::store::{events, live};
use crate::kernel::model::base64;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, Value, batch, sql};

/// The maximum number of passkeys of an account.
pub const MOST_PASSKEYS: usize = 20;
/// The maximum number of passkeys of an account to which a recovered session adds one. An account
/// owner who lost twenty passkeys must still be able to add one.
pub const MOST_WITH_RECOVERED: usize = 2 * MOST_PASSKEYS;

/// The beginning of a passkey's insertion. `?1` to `?11` are [`NewPasskey::params`]. The caller
/// appends the account and the condition.
const INSERT_PASSKEY: &str = "INSERT INTO passkeys
    (id, public_key, library, counter, transports, aaguid, backup_eligible, backed_up,
     user_verified, name, created_at, user_id)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ";

/// Like [`INSERT_PASSKEY`], for a passkey that is used at once.
const INSERT_USED_PASSKEY: &str = "INSERT INTO passkeys
    (id, public_key, library, counter, transports, aaguid, backup_eligible, backed_up,
     user_verified, name, created_at, last_used_at, user_id)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ";

/// A passkey to add.
#[derive(Debug)]
pub struct NewPasskey {
    /// The credential id.
    pub id: CredentialId,
    /// The public key: COSE, unchanged.
    pub public_key: Vec<u8>,
    /// The passkey in the format of webauthn-rs: JSON.
    pub library: String,
    /// The authenticator's counter.
    pub counter: u32,
    /// Hints about the ways in which the authenticator can be reached.
    pub transports: Vec<String>,
    /// The kind of the authenticator: a UUID.
    pub aaguid: String,
    /// True if the passkey may be backed up.
    pub backup_eligible: bool,
    /// True if the passkey is backed up.
    pub backed_up: bool,
    /// True if the authenticator verified the user.
    pub user_verified: bool,
    /// The name that the account owner sees.
    pub name: String,
}

impl NewPasskey {
    /// Returns the parameters `?1` to `?11` of [`INSERT_PASSKEY`], and then `rest`.
    fn params<const N: usize>(&self, now: Timestamp, rest: [Value; N]) -> Vec<Value> {
        let transports =
            serde_json::to_string(&self.transports).unwrap_or_else(|_| "[]".to_owned());
        let own = [
            self.id.as_str().into(),
            base64::encode(&self.public_key).as_str().into(),
            self.library.as_str().into(),
            i64::from(self.counter).into(),
            transports.as_str().into(),
            self.aaguid.as_str().into(),
            self.backup_eligible.into(),
            self.backed_up.into(),
            self.user_verified.into(),
            self.name.as_str().into(),
            now.into(),
        ];
        own.into_iter().chain(rest).collect()
    }
}

/// Adds a passkey to an account that this batch created. No other caller can know the account yet.
pub(in crate::accounts::store) fn insert_for_new(
    new: &NewPasskey,
    user: UserId,
    now: Timestamp,
) -> Statement {
    Statement {
        // The passkey signs its owner in.
        sql: concatcp!(INSERT_USED_PASSKEY, "id FROM users WHERE id = ?12"),
        params: new.params(now, [user.into()]),
    }
}

/// Selects the account of a credential, if the credential is registered.
pub(in crate::accounts::store) fn select_owner(id: &CredentialId) -> Statement {
    sql(
        "SELECT user_id FROM passkeys WHERE id = ?1",
        [id.as_str().into()],
    )
}

/// The outcome of adding a passkey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasskeyAddition {
    /// The passkey was added.
    Added,
    /// The caller's session is no longer live.
    SignedOut,
    /// The credential is already registered, for this account or another one.
    Exists,
    /// The account has the maximum number of passkeys.
    TooMany,
}

/// Adds a passkey to the account of the live session `by`, if the account has fewer than `most`.
/// One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn add(
    db: &dyn Db,
    by: Caller,
    new: &NewPasskey,
    most: usize,
    context: &EventContext,
) -> Result<PasskeyAddition, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let insert = Statement {
        sql: concatcp!(
            INSERT_PASSKEY,
            "s.user_id FROM sessions AS s
              WHERE s.id = ?13 AND s.user_id = ?12 AND s.revoked_at IS NULL
                AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?12) < ?14
                AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?1)
             RETURNING id"
        ),
        params: new.params(context.at, [by.user.into(), by.session.into(), most.into()]),
    };
    // A recovery is complete once a passkey is added, so this statement has the
    // conditions of the insertion.
    let complete_recovery = sql(
        "UPDATE sessions SET recovering = 0
          WHERE id = ?1 AND user_id = ?2 AND recovering = 1 AND revoked_at IS NULL
            AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?2) < ?4
            AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?3)",
        [
            by.session.into(),
            by.user.into(),
            new.id.as_str().into(),
            most.into(),
        ],
    );
    let statements = [
        live::select(by),
        select_owner(&new.id),
        about_added(context, by, &new.id, most),
        complete_recovery,
        insert,
    ];
    let [own, owner, _, _, added] = batch(db, statements).await?;

    Ok(if !added.is_empty() {
        PasskeyAddition::Added
    } else if own.is_empty() {
        PasskeyAddition::SignedOut
    } else if !owner.is_empty() {
        PasskeyAddition::Exists
    } else {
        PasskeyAddition::TooMany
    })
}

/// Returns the statement that writes the event about an added passkey.
fn about_added(context: &EventContext, by: Caller, id: &CredentialId, most: i64) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "s.user_id, s.id, ?10 FROM sessions AS s
              WHERE s.id = ?8 AND s.user_id = ?9 AND s.revoked_at IS NULL
                AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?9) < ?11
                AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?10)"
        ),
        context,
        EventKind::PasskeyAdded,
        [
            by.session.into(),
            by.user.into(),
            id.as_str().into(),
            most.into(),
        ],
    )
}

/// Returns the event about the passkey with which the batch created an account.
pub(in crate::accounts::store) fn about_first(
    context: &EventContext,
    user: UserId,
    id: &CredentialId,
) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "user_id, NULL, id FROM passkeys WHERE id = ?8 AND user_id = ?9"
        ),
        context,
        EventKind::PasskeyAdded,
        [id.as_str().into(), user.into()],
    )
}
