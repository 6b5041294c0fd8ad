//! Accounts of the relay: registration, sign-in, sign-out, password and deletion. Each is a use
//! case of accounts, with the keys in the same batch.

use crate::accounts::face;
use crate::accounts::face::{
    IssuedSession, PasswordCredentials, PasswordOwner, PasswordRejection, Platform, Registration,
    RegistrationRejection, RotateRejection, SignInClient, SignedIn, TokenPair,
};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection, TooManyAttempts};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::RefreshToken;
use crate::kernel::store::{Precondition, StoreError};
use crate::relay::domain::Ports;
use crate::relay::domain::keys::{random_id, verify};
use crate::relay::domain::proof_of_work;
use crate::relay::domain::proof_of_work::{NoProof, PresentedWork};
use crate::relay::domain::tags::tag;
use crate::relay::domain::tasks::carry_out;
use crate::relay::model::keys::{IdentityKeys, MessageKey, UnfitIdentity};
use crate::relay::store::outbox::RelayTask;
use crate::relay::store::prekeys::NewPrekeys;
use crate::relay::store::{invites, keys, users};

pub use crate::relay::store::users::RelayProfile;

/// The largest number of searches of an account in an hour.
const MOST_SEARCHES: i64 = 300;

/// The reasons to register no account.
#[derive(Debug, thiserror::Error)]
pub enum RelayRegisterRejection {
    /// The keys are not valid.
    #[error(transparent)]
    Keys(#[from] UnfitIdentity),
    /// The proof of work is missing or wrong.
    #[error(transparent)]
    Work(#[from] NoProof),
    /// The invite does not exist, or may not be used.
    #[error("the invite does not exist, or may not be used")]
    Invite,
    /// The username is taken, or the password is not accepted.
    #[error(transparent)]
    Account(#[from] RegistrationRejection),
}

impl Rejection for RelayRegisterRejection {}

/// An account to register, with its keys. All values but the password and the proof are validated.
#[derive(Debug)]
pub struct NewMember<'a> {
    /// The account.
    pub account: Registration<'a>,
    /// The identity key and the signed prekey.
    pub identity: &'a IdentityKeys,
    /// The one-time prekeys, none of them twice.
    pub prekeys: &'a [MessageKey],
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The code of an invite to a server that the account joins.
    pub invite: Option<&'a str>,
    /// The proof of work.
    pub work: PresentedWork<'a>,
}

/// Returns the client of a sign-in at the relay: a program that gets a token pair alone.
fn client(ports: &Ports) -> SignInClient {
    SignInClient {
        platform: Platform::Api,
        replaces: Vec::new(),
        device: None,
        pair_only: Some(ports.config.access_token_ttl),
    }
}

/// Registers an account with its keys and signs its owner in. One round trip, one more where a
/// proof of work is needed, and four more with a call for each channel where an invite is used.
///
/// # Errors
/// [`RelayRegisterRejection`]
pub async fn register(
    ports: &Ports,
    new: &NewMember<'_>,
    origin: &RequestOrigin,
) -> Result<IssuedSession, Failure<RelayRegisterRejection>> {
    verify(ports, new.identity).map_err(RelayRegisterRejection::from)?;
    if let Some(code) = new.invite
        && !invites::is_open(ports.db.as_ref(), code, ports.clock.now()).await?
    {
        return Err(RelayRegisterRejection::Invite.into());
    }
    // A refused password must not use the proof up.
    face::check_registration(&ports.accounts, &new.account)
        .map_err(RelayRegisterRejection::from)?;
    proof_of_work::require(ports, new.work)
        .await
        .map_err(Failure::widen)?;
    let upload = random_id(ports)?;
    let email_hash = new.email.and_then(|email| ports.config.email_hash(email));
    let with = |user: UserId, now| {
        let prekeys = NewPrekeys {
            keys: new.prekeys,
            upload: &upload,
        };
        let identity = keys::insert_for_new(user, new.identity, email_hash.as_deref(), now);
        let mut statements = vec![identity];
        statements.extend(prekeys.insert_for_new(user));
        if let Some(code) = new.invite {
            statements.extend(invites::join_as_new(user, code, &upload, now));
        }
        statements
    };
    let client = client(ports);
    let registered = face::register(&ports.accounts, &new.account, &client, with, origin).await;
    let issued = match registered {
        // The last use of the invite was taken since it was read.
        Err(Failure::Fault(Fault::Store(StoreError::Refused(Precondition::Subject)))) => {
            return Err(RelayRegisterRejection::Invite.into());
        }
        outcome => outcome.map_err(Failure::widen)?,
    };
    if let Some(code) = new.invite
        && let Err(error) = enter(ports, issued.pair.user.id, code).await
    {
        // The account exists, and maintenance carries the task out.
        tracing::warn!(%error, "a change of a channel waits");
    }
    Ok(issued)
}

/// Adds a new member to the channels of the server of an invite.
async fn enter(ports: &Ports, user: UserId, code: &str) -> Result<(), Fault> {
    match invites::membership(ports.db.as_ref(), user, code).await? {
        Some(member) => carry_out(ports, RelayTask::Add(member)).await,
        None => Ok(()),
    }
}

/// Signs in with a username in any case and a password, and a TOTP code where TOTP is enabled.
/// Three round trips.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn sign_in(
    ports: &Ports,
    username: &str,
    password: &str,
    code: Option<&str>,
    origin: &RequestOrigin,
) -> Result<(IssuedSession, RelayProfile), Failure<PasswordRejection>> {
    let credentials = PasswordCredentials {
        owner: PasswordOwner::UsernameInAnyCase(username),
        password,
        code,
    };
    let (issued, _) =
        face::passwords::sign_in(&ports.accounts, &credentials, &client(ports), origin).await?;
    let profile = profile(ports, issued.pair.user.id).await?;
    Ok((issued, profile))
}

/// Exchanges a refresh token. Two round trips.
///
/// # Errors
/// [`RotateRejection`]
pub async fn refresh(
    ports: &Ports,
    presented: &RefreshToken,
    origin: &RequestOrigin,
) -> Result<(TokenPair, RelayProfile), Failure<RotateRejection>> {
    let lifetime = ports.config.access_token_ttl;
    let pair = face::tokens::rotate(&ports.accounts, presented, lifetime, origin).await?;
    let profile = profile(ports, pair.user.id).await?;
    Ok((pair, profile))
}

/// Returns the account as others see it. One round trip.
async fn profile(ports: &Ports, user: UserId) -> Result<RelayProfile, Fault> {
    users::by_id(ports.db.as_ref(), user)
        .await?
        .ok_or(Fault::SignedOut)
}

/// Changes the password of the caller, who proves the current one. Three round trips.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn change_password(
    ports: &Ports,
    me: &SignedIn,
    current: &str,
    new: &str,
    origin: &RequestOrigin,
) -> Result<(), Failure<PasswordRejection>> {
    prove(ports, me, current).await?;
    face::passwords::set(&ports.accounts, me, new, origin).await
}

/// Deletes the account of the caller, who proves the password. Two round trips.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn delete(
    ports: &Ports,
    me: &SignedIn,
    password: &str,
    origin: &RequestOrigin,
) -> Result<(), Failure<PasswordRejection>> {
    prove(ports, me, password).await?;
    Ok(face::delete_account(&ports.accounts, me.caller(), origin).await?)
}

/// Verifies the password of the caller.
async fn prove(
    ports: &Ports,
    me: &SignedIn,
    password: &str,
) -> Result<(), Failure<PasswordRejection>> {
    let credentials = PasswordCredentials {
        owner: PasswordOwner::SignedIn(me.user.id),
        password,
        code: None,
    };
    face::verify_password(&ports.accounts, &credentials, ports.clock.now()).await?;
    Ok(())
}

/// Finds the account with a username in any case, unless it blocked the caller. The searches of an
/// account are limited. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn search(
    ports: &Ports,
    me: UserId,
    username: &str,
) -> Result<Option<RelayProfile>, Fault> {
    let now = ports.clock.now();
    let subject = tag(ports, &["search", &me.to_string()])?;
    let (count, found) = users::search(ports.db.as_ref(), &subject, username, me, now).await?;
    if count > MOST_SEARCHES {
        return Err(TooManyAttempts {
            wait: crate::relay::domain::until_next_hour(now),
        }
        .into());
    }
    Ok(found)
}
