//! Accounts that are made with their first passkey: user, passkey and sign-in in one batch, or none
//! of them.

use crate::accounts::model::email::Email;
use crate::accounts::model::records::User;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::NewPasskey;
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::NewSession;
use crate::accounts::store::{events, users};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::store::{Db, Statement, StoreError, rows, sql};

/// An account to make.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its id, which its passkey knows as user handle.
    pub user: UserId,
    /// The address that its owner claims. Nobody vouches for it.
    pub email: &'a Email,
    /// Its owner's name.
    pub name: &'a str,
    /// Its first passkey.
    pub passkey: &'a NewPasskey,
    /// For the event that tells of the account.
    pub created_event: EventId,
    /// For the event that tells of the passkey.
    pub added_event: EventId,
}

impl NewAccount<'_> {
    /// What makes the account, unless somebody has the address or the credential. Whatever follows
    /// may ask for the fresh id.
    pub(super) fn statements(&self, context: &EventContext) -> Vec<Statement> {
        let user = sql(
            "INSERT INTO users (id, email, email_verified, name, auth_method, created_at, updated_at)
             SELECT ?1, ?2, 0, ?3, 'passkey', ?4, ?4
              WHERE NOT EXISTS (SELECT 1 FROM users WHERE email = ?2) AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?5)",
            [self.user.into(), self.email.into(), self.name.into(), context.at.into(), self.passkey.id.as_str().into()],
        );
        let created = context.with_id(self.created_event);
        let added = context.with_id(self.added_event);
        vec![
            user,
            passkeys::insert_for_new(self.passkey, self.user, context.at),
            events::about_user(&created, EventKind::UserCreated, self.user),
            events::about_first_passkey(&added, self.user, &self.passkey.id),
        ]
    }
}

/// How making an account ended.
#[derive(Debug)]
pub enum SignUpOutcome {
    /// It is there, and signed in.
    Yes(Box<User>),
    /// Somebody has or claims the address.
    EmailTaken,
    /// The credential is registered already.
    CredentialExists,
}

/// Makes an account with its first passkey and signs it in: `new` is its sign-in. One round trip.
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
    let mut batch = vec![claimed, passkeys::select_owner(&account.passkey.id)];
    batch.extend(sessions::statements(new, context));
    let results = db.batch(batch).await?;
    if let Some(row) = results.last().and_then(|rows| rows.first()) {
        return Ok(SignUpOutcome::Yes(Box::new(users::read(row)?)));
    }
    // The credential first: with one that is registered already, nobody shall ask for free who has
    // an account.
    Ok(if rows(&results, 1).is_empty() {
        SignUpOutcome::EmailTaken
    } else {
        SignUpOutcome::CredentialExists
    })
}
