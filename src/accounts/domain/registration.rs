//! Registration: an account with a username and a password, signed in, in one batch.

use crate::accounts::domain::Ports;
use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::{ChosenPassword, PasswordRejection};
use crate::accounts::domain::sign_in::{IssuedSession, SessionDraft, SignInClient};
use crate::accounts::domain::throttle;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::email::Email;
use crate::accounts::store::registrations;
use crate::accounts::store::registrations::{NewRegistration, RegistrationResult};
use crate::accounts::store::sessions::SessionOwner;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Rejection};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::Statement;

/// The reasons to register no account.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationRejection {
    /// An account has the username, in this or another case.
    #[error("the username is taken")]
    UsernameTaken,
    /// The password does not meet the rules.
    #[error(transparent)]
    Password(#[from] PasswordRejection),
}

impl Rejection for RegistrationRejection {}

/// An account to register. All values but the password are validated.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The username.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The account owner's name.
    pub name: Option<&'a str>,
}

impl Registration<'_> {
    /// Returns the words about the account owner that a password must not consist of.
    fn about(&self) -> Vec<&str> {
        [Some(self.username), self.name]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Checks the password of a registration against the rules that need no other service.
/// [`register`] checks it again.
///
/// # Errors
/// [`RegistrationRejection::Password`]
pub fn check(ports: &Ports, new: &Registration<'_>) -> Result<(), RegistrationRejection> {
    passwords::check_choice(ports, new.password, &new.about())?;
    Ok(())
}

/// Registers an account and signs its owner in. `with` returns further statements of the batch,
/// which must do nothing if the account does not exist. One round trip.
///
/// # Errors
/// [`RegistrationRejection`]
pub async fn register(
    ports: &Ports,
    new: &Registration<'_>,
    client: &SignInClient,
    with: impl FnOnce(UserId, Timestamp) -> Vec<Statement>,
    origin: &RequestOrigin,
) -> Result<IssuedSession, Failure<RegistrationRejection>> {
    let ChosenPassword { hash, checked } =
        passwords::hash_chosen(ports, new.password, &new.about())
            .await
            .map_err(Failure::widen)?;
    let now = ports.clock.now();
    let user = ports.id(UserId::from_random)?;
    let unchecked_event = if checked {
        None
    } else {
        Some(ports.id(EventId::from_random)?)
    };
    let email = Email::placeholder(user);
    let limit = throttle::sign_up_limit(ports, origin)?;
    let account = NewRegistration {
        user,
        username: new.username,
        name: new.name,
        email: email.as_str(),
        password: &hash,
        limit: limit.as_ref(),
        created_event: ports.id(EventId::from_random)?,
        unchecked_event,
    };
    let prepared = SessionDraft::new(ports, now, Amr::of(Proof::Password))?;
    let session = prepared.session(SessionOwner::Registered(&account), client);
    let context = ports.event_context(origin, now)?;
    let created =
        registrations::create(ports.db.as_ref(), &session, with(user, now), &context).await?;
    match created {
        RegistrationResult::Created(user) => Ok(prepared.finish(ports, *user, client).await?),
        RegistrationResult::UsernameTaken => Err(RegistrationRejection::UsernameTaken.into()),
        RegistrationResult::Refused { free_at } => Err(throttle::too_many(free_at, now).into()),
    }
}
