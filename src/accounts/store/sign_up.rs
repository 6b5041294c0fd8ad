//! Sign-up with a passkey: account, passkey and session in one batch, or none of them.

use crate::accounts::model::records::User;
use crate::accounts::store::accounts::NewAccount;
use crate::accounts::store::sessions::{NewSession, SessionStatements};
use crate::accounts::store::{passkeys, sessions};
use crate::kernel::model::events::EventContext;
use crate::kernel::store::{Db, StoreError, batch_around, read_first, sql};

/// The outcome of a sign-up.
#[derive(Debug)]
pub enum SignUpOutcome {
    /// The account was created, and its owner is signed in.
    Created(Box<User>),
    /// Another account has or claims the address.
    EmailTaken,
    /// The credential is already registered.
    CredentialExists,
}

/// Creates an account with its first passkey and the session `new`. One round trip.
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
    let ([_, owner], [user]) = batch_around(db, [claimed, owner], writes, [select_user]).await?;

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
