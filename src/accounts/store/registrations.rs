//! Accounts that are created with a username and a password.

use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::User;
use crate::accounts::model::throttle::SignUpLimit;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::sessions::{NewSession, SessionStatements};
use crate::accounts::store::{attempts, events, sessions, sign_up};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, batch_around, read_first, sql};

/// The outcome of a registration.
#[derive(Debug)]
pub enum RegistrationResult {
    /// The account was created, and its owner is signed in.
    Created(Box<User>),
    /// An account has the username. Nothing was created.
    UsernameTaken,
    /// The network of the caller made too many sign-ups. Nothing was written.
    Refused {
        /// The time of the next allowed sign-up.
        free_at: Timestamp,
    },
}

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
    /// The limit of the sign-ups of the caller's network, if they are counted.
    pub limit: Option<&'a SignUpLimit>,
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
              WHERE NOT EXISTS (SELECT 1 FROM people WHERE lower(username) = lower(?5))
                AND NOT EXISTS (SELECT 1 FROM attempts WHERE subject = ?6 AND free_at > ?4)",
            [
                self.user.into(),
                self.email.into(),
                self.name.into(),
                context.at.into(),
                self.username.into(),
                self.limit.map(|limit| limit.subject.as_str()).into(),
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
/// One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    new: &NewSession<'_>,
    with: Vec<Statement>,
    context: &EventContext,
) -> Result<RegistrationResult, StoreError> {
    let SessionStatements {
        mut writes,
        select_user,
    } = sessions::statements(new, context);
    writes.extend(with);
    let user = match new.owner.limit() {
        None => {
            let ([], [user]) = batch_around(db, [], writes, [select_user]).await?;
            user
        }
        Some(limit) => {
            let last = [
                select_user,
                sign_up::count(limit, context.at),
                attempts::select_free_at(&limit.subject),
            ];
            let ([], [user, counted, free_at]) = batch_around(db, [], writes, last).await?;
            // A refused caller does not learn whether the username is in use.
            if let AttemptClaim::Refused { free_at } = attempts::claimed(&counted, &free_at)? {
                return Ok(RegistrationResult::Refused { free_at });
            }
            user
        }
    };
    Ok(match read_first(&user)? {
        Some(user) => RegistrationResult::Created(Box::new(user)),
        None => RegistrationResult::UsernameTaken,
    })
}
