//! Accounts that are created with a username and a password.

use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::User;
use crate::accounts::store::events;
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::{NewSession, SessionStatements};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::store::{Db, Statement, StoreError, batch_around, read_first, sql};

/// An account to create with a username and a password.
#[derive(Debug)]
pub struct NewRegistration<'a> {
    /// The account's id.
    pub user: UserId,
    /// The username. No account has it in another case.
    pub username: &'a str,
    /// The account owner's name.
    pub name: Option<&'a str>,
    /// The placeholder that the column has without an address.
    pub email: &'a str,
    /// The hash of the password.
    pub password: &'a PasswordHash,
    /// The id of the event about the new account.
    pub created_event: EventId,
    /// The id of the event about a skipped breach check, if the check was unavailable.
    pub unchecked_event: Option<EventId>,
}

impl NewRegistration<'_> {
    /// Returns the statements that create the account, unless the username is in use. Later
    /// statements of the batch look for the new id.
    pub(super) fn statements(&self, context: &EventContext) -> Vec<Statement> {
        let user = sql(
            "INSERT INTO users (id, email, email_verified, name, auth_method, created_at,
                                updated_at)
             SELECT ?1, ?2, 0, ?3, 'password', ?4, ?4
              WHERE NOT EXISTS (SELECT 1 FROM people WHERE lower(username) = lower(?5))",
            [
                self.user.into(),
                self.email.into(),
                self.name.into(),
                context.at.into(),
                self.username.into(),
            ],
        );
        let person = sql(
            "INSERT INTO people (user_id, username) SELECT id, ?2 FROM users WHERE id = ?1",
            [self.user.into(), self.username.into()],
        );
        let password = sql(
            "INSERT INTO passwords (user_id, hash, created_at, changed_at)
             SELECT id, ?2, ?3, ?3 FROM users WHERE id = ?1",
            [
                self.user.into(),
                self.password.as_str().into(),
                context.at.into(),
            ],
        );
        let about = |id, kind| events::about_user(&context.with_id(id), kind, self.user);
        let mut statements = vec![
            user,
            person,
            password,
            about(self.created_event, EventKind::UserCreated),
        ];
        statements.extend(
            self.unchecked_event
                .map(|id| about(id, EventKind::PasswordUnchecked)),
        );
        statements
    }
}

/// Creates the account of `new` with its session, and runs `with` in the same batch after them.
/// Returns `None` if the username is in use; then nothing is created. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    new: &NewSession<'_>,
    with: Vec<Statement>,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let SessionStatements {
        mut writes,
        select_user,
    } = sessions::statements(new, context);
    writes.extend(with);
    let ([], [user]) = batch_around(db, [], writes, [select_user]).await?;
    read_first(&user)
}
