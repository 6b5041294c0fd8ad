//! Making a sign-in: with a web session token, or with a pair of access and refresh token.

use crate::accounts::domain::Ports;
use crate::accounts::domain::access_token;
use crate::accounts::domain::access_token::{NewToken as NewAccessToken, SignIn};
use crate::accounts::domain::devices::admit::Asserted;
use crate::accounts::domain::devices::binding;
use crate::accounts::domain::devices::client::Attested;
use crate::accounts::domain::devices::register::KeyRejection;
use crate::accounts::domain::users;
use crate::accounts::domain::users::Identity;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::config::Config;
use crate::accounts::model::config::REFRESH_ABSOLUTE_LIMIT;
use crate::accounts::model::config::SESSION_ABSOLUTE_LIMIT;
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

/// A web session, as its owner gets it.
#[derive(Debug)]
pub struct WebSession {
    /// Its account.
    pub user: User,
    /// The token, shown once.
    pub token: SessionToken,
    /// When it ends, if it is not used.
    pub expires_at: Timestamp,
    /// Seconds until then.
    pub expires_in: i64,
}

/// A pair of tokens, as its owner gets it.
#[derive(Debug)]
pub struct TokenPair {
    /// Its account.
    pub user: User,
    /// The access token.
    pub access_token: String,
    /// The refresh token, shown once.
    pub refresh_token: RefreshToken,
    /// Seconds until the access token ends.
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

/// When a session used `now` ends: a full lifetime from now, and never past its absolute limit.
pub(super) fn session_end(config: &Config, created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus(config.session_ttl)
        .min(created_at.plus(SESSION_ABSOLUTE_LIMIT))
}

/// Who signs in.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// An account.
    User(UserId),
    /// Somebody whom a provider identified: the account is found, linked or made in the same batch.
    Identity(&'a Identity),
}

/// Makes a web session. One round trip.
///
/// # Errors
/// [`SignInRejection`]
pub async fn web_session(
    ports: &Ports,
    who: Who<'_>,
    platform: Platform,
    origin: &RequestOrigin,
) -> Result<WebSession, Failure<SignInRejection>> {
    let now = ports.clock.now();
    let token = SessionToken::from_bytes(&*ports.secret()?);
    let expires_at = session_end(&ports.config, now, now);
    let id = ports.id(SessionId::from_random)?;
    let tokens = (
        Some(NewSessionToken {
            hash: token.hash(),
            expires_at,
        }),
        None,
    );
    let user = create(
        ports,
        (who, None),
        (id, platform),
        tokens,
        &ports.event_context(origin, now)?,
    )
    .await?;
    Ok(WebSession {
        user,
        token,
        expires_at,
        expires_in: expires_at.seconds_since(now),
    })
}

/// Makes a sign-in with a pair of tokens, on a device if one was attested. One round trip.
///
/// # Errors
/// [`SignInRejection`]
pub async fn token_pair(
    ports: &Ports,
    who: Who<'_>,
    platform: Platform,
    device: Option<&Attested>,
    origin: &RequestOrigin,
) -> Result<TokenPair, Failure<SignInRejection>> {
    let now = ports.clock.now();
    let refresh_token = RefreshToken::from_bytes(&*ports.secret()?);
    let access_expires_at = now.plus(ports.config.access_token_ttl);
    let pair = NewTokenPair {
        refresh_hash: refresh_token.hash(),
        refresh_expires_at: now.plus(ports.config.refresh_token_ttl.min(REFRESH_ABSOLUTE_LIMIT)),
        access_expires_at,
    };
    let id = ports.id(SessionId::from_random)?;
    let user = create(
        ports,
        (who, device),
        (id, platform),
        (None, Some(pair)),
        &ports.event_context(origin, now)?,
    )
    .await?;
    let of = SignIn {
        user: user.id,
        session: id,
        platform,
        authenticated_at: now,
        amr: &provider(),
    };
    let access_token = sign_access_token(ports, of, now, access_expires_at).await?;
    Ok(TokenPair {
        user,
        access_token,
        refresh_token,
        expires_in: access_expires_at.seconds_since(now),
    })
}

/// A sign-in that carries a web session and a pair, as its owner gets it.
#[derive(Debug)]
pub struct Complete {
    /// The pair, and the account.
    pub pair: TokenPair,
    /// The session token, shown once.
    pub session_token: SessionToken,
    /// When it ends, if it is not used.
    pub session_expires_at: Timestamp,
    /// When all this was made.
    pub now: Timestamp,
}

/// Where a sign-in happens, and what it takes the place of.
#[derive(Debug)]
pub struct Place {
    /// Where.
    pub platform: Platform,
    /// Session tokens that the caller came with: they must not outlive the new sign-in (no session
    /// fixation).
    pub replaces: Vec<SessionToken>,
    /// The device that asserted the request, if one did.
    pub device: Option<Asserted>,
}

/// The secrets of a sign-in that carries both, before it is stored.
pub(super) struct Prepared {
    amr: Amr,
    id: SessionId,
    now: Timestamp,
    session_token: SessionToken,
    session_expires_at: Timestamp,
    refresh_token: RefreshToken,
    refresh_expires_at: Timestamp,
    access_expires_at: Timestamp,
}

impl Prepared {
    pub(super) fn new(ports: &Ports, now: Timestamp, amr: Amr) -> Result<Self, NoEntropy> {
        Ok(Self {
            amr,
            id: ports.id(SessionId::from_random)?,
            now,
            session_token: SessionToken::from_bytes(&*ports.secret()?),
            session_expires_at: session_end(&ports.config, now, now),
            refresh_token: RefreshToken::from_bytes(&*ports.secret()?),
            refresh_expires_at: now
                .plus(ports.config.refresh_token_ttl.min(REFRESH_ABSOLUTE_LIMIT)),
            access_expires_at: now.plus(ports.config.access_token_ttl),
        })
    }

    /// What is stored of it.
    pub(super) fn session<'a>(&self, owner: SessionOwner<'a>, place: &'a Place) -> NewSession<'a> {
        let pair = NewTokenPair {
            refresh_hash: self.refresh_token.hash(),
            refresh_expires_at: self.refresh_expires_at,
            access_expires_at: self.access_expires_at,
        };
        NewSession {
            id: self.id,
            owner,
            amr: self.amr.clone(),
            platform: place.platform,
            token: Some(NewSessionToken {
                hash: self.session_token.hash(),
                expires_at: self.session_expires_at,
            }),
            pair: Some(pair),
            replaces: place.replaces.iter().map(SessionToken::hash).collect(),
            device: place.device.as_ref().map(Asserted::device),
        }
    }

    /// What its owner gets, once it is stored.
    pub(super) async fn finish(
        self,
        ports: &Ports,
        user: User,
        place: &Place,
    ) -> Result<Complete, Fault> {
        let of = SignIn {
            user: user.id,
            session: self.id,
            platform: place.platform,
            authenticated_at: self.now,
            amr: &self.amr,
        };
        let access_token = sign_access_token(ports, of, self.now, self.access_expires_at).await?;
        let expires_in = self.access_expires_at.seconds_since(self.now);
        let pair = TokenPair {
            user,
            access_token,
            refresh_token: self.refresh_token,
            expires_in,
        };
        Ok(Complete {
            pair,
            session_token: self.session_token,
            session_expires_at: self.session_expires_at,
            now: self.now,
        })
    }
}

/// Signs an access token for a sign-in.
pub(super) async fn sign_access_token(
    ports: &Ports,
    of: SignIn<'_>,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<String, Fault> {
    let id = ports.id(EventId::from_random)?;
    let new = NewAccessToken {
        of,
        id,
        issued_at,
        expires_at,
    };
    access_token::sign(ports.signatures.as_ref(), &ports.config, &new)
        .await
        .ok_or(NOT_SIGNED)
}

/// An internal service says who signs in, and was told by a provider.
fn provider() -> Amr {
    Amr::of(Proof::Provider)
}

async fn create(
    ports: &Ports,
    (who, attested): (Who<'_>, Option<&Attested>),
    (id, platform): (SessionId, Platform),
    (token, pair): (Option<NewSessionToken>, Option<NewTokenPair>),
    context: &EventContext,
) -> Result<User, Failure<SignInRejection>> {
    let binding = binding(ports, context.at)?;
    let device = attested.map(|attested| attested.device(binding));
    let (identified, unknown);
    let owner = match who {
        Who::User(user) => {
            unknown = SignInRejection::UnknownUser;
            SessionOwner::User(user)
        }
        Who::Identity(identity) => {
            identified = users::identified(identity, attested);
            unknown = SignInRejection::EmailRequired;
            SessionOwner::Identity(&identified, users::fresh_ids(ports)?)
        }
    };
    let new = NewSession {
        id,
        owner,
        amr: provider(),
        platform,
        token,
        pair,
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
