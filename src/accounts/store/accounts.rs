//! Accounts that are created with their first passkey.

use crate::accounts::model::email::Email;
use crate::accounts::model::throttle::SignUpLimit;
use crate::accounts::store::events;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::NewPasskey;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// An account to create with its first passkey.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// The account's id, which is also the passkey's user handle.
    pub user: UserId,
    /// The address that the account owner claims. It is not verified.
    pub email: &'a Email,
    /// The account owner's name.
    pub name: &'a str,
    /// The first passkey.
    pub passkey: &'a NewPasskey,
    /// True if the credential is a decoy. Nothing is created then.
    pub decoy: bool,
    /// The limit of the sign-ups of the caller's network, if it is known. Nothing is created beyond
    /// it.
    pub limit: Option<&'a SignUpLimit>,
    /// The id of the event about the new account.
    pub created_event: EventId,
    /// The id of the event about the passkey.
    pub added_event: EventId,
}

impl NewAccount<'_> {
    /// Returns the statements that create the account, unless the address or the credential is in
    /// use, or the network may not sign up. Later statements of the batch look for the new id.
    pub(super) fn statements(&self, context: &EventContext) -> [Statement; 4] {
        [
            self.insert_user(context.at),
            passkeys::insert_for_new(self.passkey, self.user, context.at),
            events::about_user(
                &context.with_id(self.created_event),
                EventKind::UserCreated,
                self.user,
            ),
            passkeys::about_first(
                &context.with_id(self.added_event),
                self.user,
                &self.passkey.id,
            ),
        ]
    }

    fn insert_user(&self, now: Timestamp) -> Statement {
        sql(
            "INSERT INTO users (id, email, email_verified, name, auth_method, created_at,
                                updated_at)
             SELECT ?1, ?2, 0, ?3, 'passkey', ?4, ?4
              WHERE NOT EXISTS (SELECT 1 FROM users WHERE email = ?2)
                AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?5)
                AND ?6 = 0
                AND NOT EXISTS (SELECT 1 FROM attempts WHERE subject = ?7 AND free_at > ?4)",
            [
                self.user.into(),
                self.email.into(),
                self.name.into(),
                now.into(),
                self.passkey.id.as_str().into(),
                self.decoy.into(),
                self.limit.map(|limit| limit.subject.as_str()).into(),
            ],
        )
    }
}
