//! The use of a passkey: its counter moves on.

use const_format::concatcp;

use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::events;
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// A passkey that answered a challenge.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyUse<'a> {
    /// The credential id.
    pub id: &'a CredentialId,
    /// The passkey's owner.
    pub user: UserId,
    /// The authenticator's new counter.
    pub counter: u32,
    /// True if the passkey is backed up now.
    pub backed_up: bool,
}

/// Records that a passkey created `session`. The batch created the session only if the counter
/// allowed it.
pub(in crate::accounts::store) fn note_use(
    used: &PasskeyUse<'_>,
    session: SessionId,
    now: Timestamp,
) -> Statement {
    sql(
        "UPDATE passkeys SET counter = ?2, backed_up = ?3, last_used_at = ?4
          WHERE id = ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?5)",
        [
            used.id.as_str().into(),
            i64::from(used.counter).into(),
            used.backed_up.into(),
            now.into(),
            session.into(),
        ],
    )
}

/// Records that a passkey answered a step-up of the session `by`, if the counter allows it.
pub(in crate::accounts::store) fn note_proof(
    used: &PasskeyUse<'_>,
    by: Caller,
    now: Timestamp,
) -> Statement {
    sql(
        "UPDATE passkeys SET counter = ?2, backed_up = ?3, last_used_at = ?4
          WHERE id = ?1 AND user_id = ?5 AND (?2 > counter OR (?2 = 0 AND counter = 0))
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?6 AND s.user_id = ?5 AND s.revoked_at IS NULL)",
        [
            used.id.as_str().into(),
            i64::from(used.counter).into(),
            used.backed_up.into(),
            now.into(),
            by.user.into(),
            by.session.into(),
        ],
    )
}

/// Returns the event about a passkey, if its counter forbids the use (WebAuthn Level 3 §7.2 step
/// 22).
pub(in crate::accounts::store) fn about_suspected_clone(
    context: &EventContext,
    used: &PasskeyUse<'_>,
) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "user_id, NULL, id FROM passkeys
              WHERE id = ?8 AND user_id = ?9
                AND NOT (?10 > counter OR (?10 = 0 AND counter = 0))"
        ),
        context,
        EventKind::PasskeyCloneSuspected,
        [
            used.id.as_str().into(),
            used.user.into(),
            i64::from(used.counter).into(),
        ],
    )
}
