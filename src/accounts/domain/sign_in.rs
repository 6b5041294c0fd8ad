//! Creation of sessions: with a web session token, with a token pair, or with both.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::access_token;
use crate::accounts::domain::access_token::{AccessTokenSession, NewAccessToken};
use crate::accounts::domain::devices::assertion_check::AssertedDevice;
use crate::accounts::domain::devices::binding_rules;
use crate::accounts::domain::devices::client::AttestedDevice;
use crate::accounts::domain::devices::register::KeyRejection;
use crate::accounts::domain::lifetimes::session_expiry;
use crate::accounts::domain::users;
use crate::accounts::domain::users::Identity;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::config::REFRESH_ABSOLUTE_LIMIT;
use crate::accounts::model::records::{Platform, User};
use crate::accounts::store::attested_sessions;
use crate::accounts::store::attested_sessions::AttestedUser;
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::{NewSession, NewSessionToken, NewTokenPair, SessionOwner};
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::{RefreshToken, SessionToken};
use crate::kernel::model::time::Timestamp;

/// A new web session with its token.
#[derive(Debug)]
pub struct WebSession {
    /// The account of the session.
    pub user: User,
    /// The session token. It cannot be read again.
    pub token: SessionToken,
    /// The time at which the session expires if it is not used.
    pub expires_at: Timestamp,
    /// The lifetime of an unused session, in seconds.
    pub expires_in: i64,
}

/// A new access token and refresh token.
#[derive(Debug)]
pub struct TokenPair {
    /// The account of the session.
    pub user: User,
    /// The access token.
    pub access_token: String,
    /// The refresh token. It cannot be read again.
    pub refresh_token: RefreshToken,
    /// The lifetime of the access token, in seconds.
    pub expires_in: i64,
}

/// The reasons to create no session for an account or an identity.
#[derive(Debug, thiserror::Error)]
pub enum SignInRejection {
    /// The account does not exist.
    #[error("there is no such account")]
    UnknownUser,
    /// The identity is new, and an account cannot be created without an e-mail address.
    #[error("a new account needs an e-mail address")]
    EmailRequired,
    /// The account cannot have the required device key.
    #[error(transparent)]
    Device(#[from] KeyRejection),
}

impl Rejection for SignInRejection {}

/// The fault of a sign-in whose access token the signing key did not sign.
pub(super) const NOT_SIGNED: Fault = Fault::Unavailable("the access token could not be signed");

/// The account that a session is created for.
#[derive(Clone, Copy, Debug)]
pub enum AccountSelector<'a> {
    /// The account with this id.
    User(UserId),
    /// The account of an identity. It is found, linked or created in the same batch.
    Identity(&'a Identity),
}

/// Creates a web session. One round trip.
///
/// # Errors
/// [`SignInRejection`]
pub async fn web_session(
    ports: &Ports,
    account: AccountSelector<'_>,
    platform: Platform,
    origin: &RequestOrigin,
) -> Result<WebSession, Failure<SignInRejection>> {
    let now = ports.clock.now();
    let token = SessionToken::from_bytes(&*ports.secret()?);
    let expires_at = session_expiry(&ports.config, now, now);
    let session = SessionRequest {
        id: ports.id(SessionId::from_random)?,
        account,
        platform,
        device: None,
        token: Some(NewSessionToken {
            hash: token.hash(),
            expires_at,
        }),
        pair: None,
    };
    let user = create(ports, session, &ports.event_context(origin, now)?).await?;

    Ok(WebSession {
        user,
        token,
        expires_at,
        expires_in: expires_at.seconds_since(now),
    })
}

/// Creates a session with a token pair, bound to the device if one was attested. One round trip.
///
/// # Errors
/// [`SignInRejection`]
pub async fn token_pair(
    ports: &Ports,
    account: AccountSelector<'_>,
    platform: Platform,
    device: Option<&AttestedDevice>,
    origin: &RequestOrigin,
) -> Result<TokenPair, Failure<SignInRejection>> {
    let now = ports.clock.now();
    let refresh_token = RefreshToken::from_bytes(&*ports.secret()?);
    let access_expires_at = now.plus(ports.config.access_token_ttl);
    let pair = NewTokenPair {
        refresh_hash: refresh_token.hash(),
        refresh_family: refresh_token.family(),
        refresh_expires_at: now.plus(ports.config.refresh_token_ttl.min(REFRESH_ABSOLUTE_LIMIT)),
        access_expires_at,
    };
    let id = ports.id(SessionId::from_random)?;
    let session = SessionRequest {
        id,
        account,
        platform,
        device,
        token: None,
        pair: Some(pair),
    };
    let user = create(ports, session, &ports.event_context(origin, now)?).await?;

    let session = AccessTokenSession {
        user: user.id,
        session: id,
        platform,
        authenticated_at: now,
        amr: &provider(),
    };
    let access_token = sign_access_token(ports, session, now, access_expires_at).await?;
    Ok(TokenPair {
        user,
        access_token,
        refresh_token,
        expires_in: access_expires_at.seconds_since(now),
    })
}

/// A new session with a session token and a token pair.
#[derive(Debug)]
pub struct IssuedSession {
    /// The token pair, with the account.
    pub pair: TokenPair,
    /// The session token. It cannot be read again.
    pub session_token: SessionToken,
    /// The time at which the session token expires if it is not used.
    pub session_expires_at: Timestamp,
    /// The time of the sign-in.
    pub now: Timestamp,
}

/// The client of a sign-in.
#[derive(Debug)]
pub struct SignInClient {
    /// The platform of the client.
    pub platform: Platform,
    /// The session tokens of the request. The sign-in revokes their sessions, which prevents
    /// session fixation.
    pub replaces: Vec<SessionToken>,
    /// The device that signed the request, if one did.
    pub device: Option<AssertedDevice>,
    /// The lifetime of the access token of a client that gets a token pair and no session token.
    /// `None` for a client that gets both.
    pub pair_only: Option<Duration>,
}

/// The secrets of a session with a session token and a token pair, before the session is stored.
pub(super) struct SessionDraft {
    amr: Amr,
    id: SessionId,
    now: Timestamp,
    session_token: SessionToken,
    session_expires_at: Timestamp,
    refresh_token: RefreshToken,
    refresh_expires_at: Timestamp,
    access_expires_at: Timestamp,
}

impl SessionDraft {
    /// Creates the secrets.
    pub(super) fn new(ports: &Ports, now: Timestamp, amr: Amr) -> Result<Self, NoEntropy> {
        Ok(Self {
            amr,
            id: ports.id(SessionId::from_random)?,
            now,
            session_token: SessionToken::from_bytes(&*ports.secret()?),
            session_expires_at: session_expiry(&ports.config, now, now),
            refresh_token: RefreshToken::from_bytes(&*ports.secret()?),
            refresh_expires_at: now
                .plus(ports.config.refresh_token_ttl.min(REFRESH_ABSOLUTE_LIMIT)),
            access_expires_at: now.plus(ports.config.access_token_ttl),
        })
    }

    /// Returns the session as the store writes it.
    pub(super) fn session<'a>(
        &self,
        owner: SessionOwner<'a>,
        client: &'a SignInClient,
    ) -> NewSession<'a> {
        let pair = NewTokenPair {
            refresh_hash: self.refresh_token.hash(),
            refresh_family: self.refresh_token.family(),
            refresh_expires_at: self.refresh_expires_at,
            access_expires_at: self.access_expiry(client),
        };
        let token = NewSessionToken {
            hash: self.session_token.hash(),
            expires_at: self.session_expires_at,
        };
        NewSession {
            id: self.id,
            owner,
            amr: self.amr.clone(),
            platform: client.platform,
            token: client.pair_only.is_none().then_some(token),
            pair: Some(pair),
            replaces: client.replaces.iter().map(SessionToken::hash).collect(),
            device: client.device.as_ref().map(AssertedDevice::device),
        }
    }

    /// Returns when the access token expires.
    fn access_expiry(&self, client: &SignInClient) -> Timestamp {
        let own = client.pair_only.map(|lifetime| self.now.plus(lifetime));
        own.unwrap_or(self.access_expires_at)
    }

    /// Signs the access token and returns all tokens. The session must have been stored.
    pub(super) async fn finish(
        self,
        ports: &Ports,
        user: User,
        client: &SignInClient,
    ) -> Result<IssuedSession, Fault> {
        let session = AccessTokenSession {
            user: user.id,
            session: self.id,
            platform: client.platform,
            authenticated_at: self.now,
            amr: &self.amr,
        };
        let expires_at = self.access_expiry(client);
        let access_token = sign_access_token(ports, session, self.now, expires_at).await?;
        let expires_in = expires_at.seconds_since(self.now);
        let pair = TokenPair {
            user,
            access_token,
            refresh_token: self.refresh_token,
            expires_in,
        };
        Ok(IssuedSession {
            pair,
            session_token: self.session_token,
            session_expires_at: self.session_expires_at,
            now: self.now,
        })
    }
}

/// Signs an access token for a session.
pub(super) async fn sign_access_token(
    ports: &Ports,
    session: AccessTokenSession<'_>,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<String, Fault> {
    let id = ports.id(EventId::from_random)?;
    let new = NewAccessToken {
        session,
        id,
        issued_at,
        expires_at,
    };
    access_token::sign(ports.signatures.as_ref(), &ports.config, &new)
        .await
        .ok_or(NOT_SIGNED)
}

/// Returns the methods of a session that an internal service creates after the sign-in at an
/// identity provider.
fn provider() -> Amr {
    Amr::of(Proof::Provider)
}

/// A session that an internal service creates.
struct SessionRequest<'a> {
    id: SessionId,
    account: AccountSelector<'a>,
    platform: Platform,
    device: Option<&'a AttestedDevice>,
    token: Option<NewSessionToken>,
    pair: Option<NewTokenPair>,
}

/// Stores a session and returns its account. One round trip.
async fn create(
    ports: &Ports,
    request: SessionRequest<'_>,
    context: &EventContext,
) -> Result<User, Failure<SignInRejection>> {
    let attested = request.device;
    let binding = binding_rules(ports, context.at)?;
    let device = attested.map(|attested| attested.device(binding));
    let (identified, unknown);
    let owner = match request.account {
        AccountSelector::User(user) => {
            unknown = SignInRejection::UnknownUser;
            SessionOwner::User(user)
        }
        AccountSelector::Identity(identity) => {
            identified = users::identified_user(identity, attested);
            unknown = SignInRejection::EmailRequired;
            SessionOwner::Identity(&identified, users::new_user_ids(ports)?)
        }
    };

    let new = NewSession {
        id: request.id,
        owner,
        amr: provider(),
        platform: request.platform,
        token: request.token,
        pair: request.pair,
        replaces: Vec::new(),
        device,
    };
    let db = ports.db.as_ref();
    match attested {
        None => Ok(sessions::create(db, &new, context).await?.ok_or(unknown)?),
        Some(attested) => {
            let AttestedUser { user, claim } =
                attested_sessions::create_session(db, &new, &attested.key().id, context).await?;
            attested.accept(claim).map_err(SignInRejection::from)?;
            Ok(user.ok_or(unknown)?)
        }
    }
}
