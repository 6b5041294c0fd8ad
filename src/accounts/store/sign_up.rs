//! Sign-up with a passkey: account, passkey and session in one batch, or none of them.

use crate::accounts::model::records::User;
use crate::accounts::model::throttle::SignUpLimit;
use crate::accounts::store::accounts::NewAccount;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::sessions::{NewSession, SessionStatements};
use crate::accounts::store::{attempts, passkeys, sessions};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, batch_around, read_first, sql};

/// The outcome of a sign-up.
#[derive(Debug)]
pub enum SignUpOutcome {
    /// The account was created, and its owner is signed in.
    Created(Box<User>),
    /// Another account has or claims the address.
    EmailTaken,
    /// The credential is already registered.
    CredentialExists,
    /// The network of the caller made too many sign-ups. Nothing was written.
    Refused {
        /// The time of the next allowed sign-up.
        free_at: Timestamp,
    },
}

/// Creates an account with its first passkey and the session `new`. Counts the sign-up of the
/// account's network, also if the address or the credential is in use. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    account: &NewAccount<'_>,
    new: &NewSession<'_>,
    context: &EventContext,
) -> Result<SignUpOutcome, StoreError> {
    let claimed = sql(
        "SELECT id FROM users WHERE email = ?1 LIMIT 1",
        [account.email.into()],
    );
    let owner = passkeys::select_owner(&account.passkey.id);
    let SessionStatements {
        writes,
        select_user,
    } = sessions::statements(new, context);
    let first = [claimed, owner];
    let (owner, user) = match account.limit {
        None => {
            let ([_, owner], [user]) = batch_around(db, first, writes, [select_user]).await?;
            (owner, user)
        }
        Some(limit) => {
            let last = [
                select_user,
                count(limit, context.at),
                attempts::select_free_at(&limit.subject),
            ];
            let ([_, owner], [user, counted, free_at]) =
                batch_around(db, first, writes, last).await?;
            // A refused caller does not learn whether the address or the credential is in use.
            if let AttemptClaim::Refused { free_at } = attempts::claimed(&counted, &free_at)? {
                return Ok(SignUpOutcome::Refused { free_at });
            }
            (owner, user)
        }
    };

    if let Some(user) = read_first(&user)? {
        return Ok(SignUpOutcome::Created(Box::new(user)));
    }
    // The credential is checked first. Otherwise a client could find out with a registered
    // credential, and at no cost, whether an address is in use.
    Ok(if owner.is_empty() {
        SignUpOutcome::EmailTaken
    } else {
        SignUpOutcome::CredentialExists
    })
}

/// Counts a sign-up, if the network may sign up now. The account's insertion precedes it and has
/// the same condition. [`attempts::claimed`] reads its rows.
///
/// `failures` is the number of sign-ups at `last_at`. One of them is forgotten after each interval.
/// D1 binds every number as a fraction, so the statement casts the number of intervals.
pub(super) fn count(limit: &SignUpLimit, now: Timestamp) -> Statement {
    let interval = i64::try_from(limit.interval().as_millis()).unwrap_or(i64::MAX);
    sql(
        "INSERT INTO attempts (subject, failures, last_at, free_at)
         VALUES (?1, 1, ?2, ?2 + CASE WHEN ?3 > 1 THEN 0 ELSE ?4 END)
         ON CONFLICT (subject) DO UPDATE SET
             failures = MAX(failures - CAST((?2 - last_at) / ?4 AS INTEGER), 0) + 1,
             last_at = CASE WHEN failures <= CAST((?2 - last_at) / ?4 AS INTEGER) THEN ?2
                            ELSE ?2 - (?2 - last_at) % ?4 END,
             free_at = CASE WHEN failures <= CAST((?2 - last_at) / ?4 AS INTEGER) THEN ?2
                            ELSE ?2 - (?2 - last_at) % ?4 END
                     + CASE WHEN failures - CAST((?2 - last_at) / ?4 AS INTEGER) + 1 < ?3
                             AND ?3 > 1 THEN 0 ELSE ?4 END
          WHERE free_at <= ?2
         RETURNING failures",
        [
            limit.subject.as_str().into(),
            now.into(),
            i64::from(limit.at_once.get()).into(),
            interval.into(),
        ],
    )
}
