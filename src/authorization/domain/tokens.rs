//! Tokens: given for a password, shown to be good, renewed, revoked.

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::{PasswordRejection, Shown};
use crate::accounts::store::passwords::LoginName;
use crate::authorization::domain::Ports;
use crate::authorization::domain::{
    Actor, AuthorizationError, Caller, Kind as Thing, Plan, alive, called, change, found,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::access::{Access, Effective, PersonOf};
use crate::authorization::store::changes;
use crate::authorization::store::changes::About;
use crate::authorization::store::tokens;
use crate::authorization::store::tokens::{Bearer, Kind, New, Presented};
use crate::authorization::store::{Ref, ask, people, preconditions};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::model::secret::{PersonToken, TokenHash};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Precondition, StoreError};

/// A token, as its owner gets it.
#[derive(Debug)]
pub struct Issued {
    /// The token, shown once.
    pub token: PersonToken,
    /// Whose it is, and when it ends.
    pub bearer: Bearer,
}

/// When a token that is made or renewed now ends: a whole second.
pub(super) fn end(ports: &Ports, kind: Kind, now: Timestamp) -> Timestamp {
    let settings = &ports.config;
    let ttl = match kind {
        Kind::User => settings.user_token_ttl,
        Kind::Service => settings.service_token_ttl,
    };
    now.to_second().plus(ttl)
}

/// Gives a token for a username and a password, and a TOTP code where that is enabled. Two round
/// trips; one if it is wrong.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn login(
    ports: &Ports,
    username: &str,
    password: &str,
    code: Option<&str>,
    origin: &RequestOrigin,
) -> Result<Issued, AuthorizationError> {
    let now = ports.clock.now();
    let proved = passwords::prove(
        ports,
        &Shown {
            name: LoginName::Username(username),
            password,
            code,
        },
        now,
    )
    .await?;
    let token = PersonToken::from_bytes(&*ports.secret()?);
    let new = New {
        hash: token.hash(),
        kind: Kind::User,
        expires_at: end(ports, Kind::User, now),
    };
    let signed_in = tokens::sign_in(
        ports.db.as_ref(),
        &proved,
        &new,
        &ports.event_context(origin, now)?,
    )
    .await;
    let meanwhile =
        || PasswordRejection::Refused("the password was changed, or the code used, meanwhile");
    match signed_in {
        Ok(Some(bearer)) => Ok(Issued { token, bearer }),
        Ok(None) | Err(StoreError::Refused(Precondition::Subject)) => {
            Err(Failure::from(meanwhile()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Revokes the presented token. Two round trips.
///
/// # Errors
/// [`AuthorizationError`], also for a token that has ended: whoever logs out twice is told.
pub async fn logout(ports: &Ports, token: &PersonToken) -> Result<(), AuthorizationError> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let bearer = ask(ports.db.as_ref(), &Presented { token: &hash, now })
        .await?
        .ok_or(AuthorizationError::InvalidToken)?;
    if bearer.expires_at <= now {
        return Err(AuthorizationError::ExpiredToken);
    }
    if tokens::revoke(ports.db.as_ref(), &hash).await? {
        Ok(())
    } else {
        Err(AuthorizationError::InvalidToken)
    }
}

/// Whose a token is, and what they may do in a service if one is named. One round trip; two where
/// the token is renewed.
///
/// # Errors
/// [`AuthorizationError`]; [`AuthorizationError::OtherUser`] if it is not that of `user`.
pub async fn check(
    ports: &Ports,
    token: &PersonToken,
    user: Option<i64>,
    service: Option<&Ref>,
) -> Result<(Caller, Option<Access>), AuthorizationError> {
    let Some(service) = service else {
        let (caller, ()) = called(ports, token, &()).await?;
        return same(caller, user).map(|caller| (caller, None));
    };
    let hash = token.hash();
    let what = Effective {
        person: PersonOf::Token(&hash),
        service,
        now: ports.clock.now(),
    };
    let (caller, access) = called(ports, token, &what).await?;
    let caller = same(caller, user)?;
    Ok((
        caller,
        Some(access.ok_or(AuthorizationError::Unknown(Thing::Service))?),
    ))
}

fn same(caller: Caller, user: Option<i64>) -> Result<Caller, AuthorizationError> {
    if user.is_some_and(|user| user != caller.bearer.person) {
        Err(AuthorizationError::OtherUser)
    } else {
        Ok(caller)
    }
}

/// Gives a backend a token, as a person: it may what they may. Three round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn issue(
    ports: &Ports,
    token: &PersonToken,
    person: &Ref,
    origin: &RequestOrigin,
) -> Result<Issued, AuthorizationError> {
    let made = PersonToken::from_bytes(&*ports.secret()?);
    let now = change(ports, (Actor::Token(token), origin), &people::named(person), |who, people| {
        who.needs(AuthPermission::Administer)?;
        let person = found(people, Thing::Person)?;
        let new = New { hash: made.hash(), kind: Kind::Service, expires_at: end(ports, Kind::Service, who.now) };
        let about = About { person: Some(person.id), ..About::default() };
        let detail = serde_json::json!({"username": person.username, "expires_at": new.expires_at.seconds()});
        let note = changes::note(&who.by(), "service_token_issued", about, &detail);
        let statements = vec![preconditions::person_is(&person), new.insert_for(person.id, who.now), note];
        Ok(Plan::then(AuthPermission::Administer, statements, who.now))
    })
    .await?;
    let hash = made.hash();
    let bearer = ask(ports.db.as_ref(), &Presented { token: &hash, now }).await?;
    Ok(Issued {
        token: made,
        bearer: bearer.ok_or(AuthorizationError::Unknown(Thing::Person))?,
    })
}

/// Whose a token is, if it is good: for services that hold it for somebody. It is not renewed. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn introspect(ports: &Ports, token: &PersonToken) -> Result<Option<Bearer>, StoreError> {
    let (hash, now): (TokenHash, _) = (token.hash(), ports.clock.now());
    Ok(ask(ports.db.as_ref(), &Presented { token: &hash, now })
        .await?
        .filter(|bearer| bearer.expires_at > now))
}

/// Revokes a token for a service that holds it. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(ports: &Ports, token: &PersonToken) -> Result<(), StoreError> {
    tokens::revoke(ports.db.as_ref(), &token.hash())
        .await
        .map(drop)
}

/// Renews and tells, for whoever only wants to know who they are.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn profile(ports: &Ports, token: &PersonToken) -> Result<Caller, AuthorizationError> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let bearer = ask(ports.db.as_ref(), &Presented { token: &hash, now })
        .await?
        .ok_or(AuthorizationError::InvalidToken)?;
    alive(ports, hash, bearer, now).await
}
