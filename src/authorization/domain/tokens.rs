//! Tokens of people: issued for a password, checked, renewed and revoked.

pub use crate::authorization::store::tokens::{PersonTokenRow, TokenKind};

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::{PasswordCredentials, PasswordRejection};
use crate::accounts::store::passwords::LoginName;
use crate::authorization::domain::access::EffectiveAccess;
use crate::authorization::domain::caller::{
    AuthenticatedPerson, authenticate, record_use, token_expiry,
};
use crate::authorization::domain::change::{Actor, ChangeRequest, Plan, change};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::{AuthPermission, IdOrName};
use crate::authorization::store::access::{AccessQuery, PersonSelector};
use crate::authorization::store::changes::ChangeSubject;
use crate::authorization::store::tokens::{NewPersonToken, PersonTokenQuery};
use crate::authorization::store::{changes, fetch, people, tokens};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::model::secret::PersonToken;
use crate::kernel::store::{Precondition, StoreError};

/// A token that was issued.
#[derive(Debug)]
pub struct IssuedPersonToken {
    /// The token. It cannot be read again.
    pub token: PersonToken,
    /// The row of the token, with its owner and its expiry.
    pub row: PersonTokenRow,
}

/// A username, a password and a TOTP code from a sign-in form.
#[derive(Clone, Copy)]
pub struct LoginCredentials<'a> {
    /// The username.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The TOTP code, if the request has one.
    pub code: Option<&'a str>,
}

/// Issues a token for a username and a password, and for a TOTP code where TOTP is enabled. Two
/// round trips, or one for wrong credentials.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn login(
    ports: &Ports,
    credentials: LoginCredentials<'_>,
    origin: &RequestOrigin,
) -> Result<IssuedPersonToken, AuthorizationFailure> {
    let now = ports.clock.now();
    let shown = PasswordCredentials {
        owner: LoginName::Username(credentials.username).into(),
        password: credentials.password,
        code: credentials.code,
    };
    let proved = passwords::verify(ports, &shown, now)
        .await
        .map_err(Failure::widen)?;
    let token = PersonToken::from_bytes(&*ports.secret()?);
    let new = NewPersonToken {
        hash: token.hash(),
        kind: TokenKind::User,
        expires_at: token_expiry(ports, TokenKind::User, now),
    };
    let context = ports.event_context(origin, now)?;
    match tokens::issue_for_proof(ports.db.as_ref(), &proved, &new, &context).await {
        Ok(Some(row)) => Ok(IssuedPersonToken { token, row }),
        Ok(None) | Err(StoreError::Refused(Precondition::Subject)) => {
            let reason = "a concurrent request changed the password or used the code";
            Err(AuthorizationRejection::from(PasswordRejection::Refused(reason)).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Revokes the token of the caller. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`] also for an expired or revoked token, so that a second logout fails.
pub async fn logout(ports: &Ports, token: &PersonToken) -> Result<(), AuthorizationFailure> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let query = PersonTokenQuery { token: &hash, now };
    let row = fetch(ports.db.as_ref(), &query)
        .await?
        .ok_or(AuthorizationRejection::InvalidToken)?;
    if row.expires_at <= now {
        return Err(AuthorizationRejection::ExpiredToken.into());
    }
    if tokens::revoke(ports.db.as_ref(), &hash).await? {
        Ok(())
    } else {
        Err(AuthorizationRejection::InvalidToken.into())
    }
}

/// Returns the owner of a token, and their access in a service if the request names one. One round
/// trip, or two if the token is renewed.
///
/// # Errors
/// [`AuthorizationRejection::OtherUser`] if the token does not belong to `user`.
pub async fn check(
    ports: &Ports,
    token: &PersonToken,
    user: Option<i64>,
    service: Option<&IdOrName>,
) -> Result<(AuthenticatedPerson, Option<EffectiveAccess>), AuthorizationFailure> {
    let Some(service) = service else {
        let (caller, ()) = authenticate(ports, token, &()).await?;
        require_owner(&caller, user)?;
        return Ok((caller, None));
    };
    let hash = token.hash();
    let reads = AccessQuery {
        person: PersonSelector::Token(&hash),
        service,
        now: ports.clock.now(),
    };
    let (caller, access) = authenticate(ports, token, &reads).await?;
    require_owner(&caller, user)?;
    let access = access.ok_or(AuthorizationRejection::Unknown(ResourceKind::Service))?;
    Ok((caller, Some(access)))
}

fn require_owner(
    caller: &AuthenticatedPerson,
    user: Option<i64>,
) -> Result<(), AuthorizationFailure> {
    if user.is_some_and(|user| user != caller.token.person_id) {
        Err(AuthorizationRejection::OtherUser.into())
    } else {
        Ok(())
    }
}

/// Issues a token for a backend that acts as a person and has the person's permissions. Three round
/// trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn issue(
    ports: &Ports,
    token: &PersonToken,
    person: &IdOrName,
    origin: &RequestOrigin,
) -> Result<IssuedPersonToken, AuthorizationFailure> {
    let issued = PersonToken::from_bytes(&*ports.secret()?);
    let hash = issued.hash();
    let request = ChangeRequest {
        actor: Actor::Token(token),
        origin,
    };
    let now = change(
        ports,
        request,
        &people::by_reference(person),
        |editor, people| {
            editor.require(AuthPermission::Administer)?;
            let person = require_row(people, ResourceKind::Person)?;
            let new = NewPersonToken {
                hash: issued.hash(),
                kind: TokenKind::Service,
                expires_at: token_expiry(ports, TokenKind::Service, editor.now),
            };
            let subject = ChangeSubject {
                person: Some(person.id),
                ..ChangeSubject::default()
            };
            let detail = serde_json::json!({
                "username": person.username,
                "expires_at": new.expires_at.seconds(),
            });
            let author = editor.author();
            let statements = vec![
                people::is_unchanged(&person),
                new.insert_for(person.id, editor.now),
                changes::record(&author, "service_token_issued", subject, &detail),
            ];
            Ok(Plan::write(
                AuthPermission::Administer,
                statements,
                editor.now,
            ))
        },
    )
    .await?;
    let row = fetch(ports.db.as_ref(), &PersonTokenQuery { token: &hash, now })
        .await?
        .ok_or(AuthorizationRejection::Unknown(ResourceKind::Person))?;
    Ok(IssuedPersonToken { token: issued, row })
}

/// Returns a valid token's row, for an internal service that holds the token. Does not renew the
/// token. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn introspect(
    ports: &Ports,
    token: &PersonToken,
) -> Result<Option<PersonTokenRow>, StoreError> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let query = PersonTokenQuery { token: &hash, now };
    let row = fetch(ports.db.as_ref(), &query).await?;
    Ok(row.filter(|row| row.expires_at > now))
}

/// Revokes a token for an internal service that holds the token. A repeated call succeeds.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(ports: &Ports, token: &PersonToken) -> Result<(), StoreError> {
    tokens::revoke(ports.db.as_ref(), &token.hash())
        .await
        .map(drop)
}

/// Returns the owner of a token and renews a token that expires soon.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn profile(
    ports: &Ports,
    token: &PersonToken,
) -> Result<AuthenticatedPerson, AuthorizationFailure> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let query = PersonTokenQuery { token: &hash, now };
    let row = fetch(ports.db.as_ref(), &query)
        .await?
        .ok_or(AuthorizationRejection::InvalidToken)?;
    record_use(ports, hash, row, now).await
}
