//! Access tokens: JWTs (RFC 7519) of type `at+jwt` (RFC 9068) in compact form (RFC 7515 §7.1),
//! signed with EdDSA (RFC 8037) and nothing else.
//!
//! `jsonwebtoken` writes, reads and validates them; the platform signs and verifies
//! (docs/decisions/0033). The library is lenient about a header and asks the machine's clock. So a
//! header must have the bytes that this service writes with one of its keys, and times are compared
//! with the clock that the caller passes.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::accounts::domain::jwt;
use crate::accounts::model::amr::Amr;
use crate::accounts::model::config::Config;
use crate::accounts::model::records::{Platform, Session};
use crate::accounts::model::signing_keys::{SigningKey, SigningKeys};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;

/// The header's `typ` (RFC 9068 §2.1): no other JWT of ours can pass for an access token.
const TYPE: &str = "at+jwt";
/// The maximum length. Our tokens have about 500 bytes. A longer token is not decoded.
const MAX_BYTES: usize = 2048;
/// How far the clock of another machine may be ahead, for `nbf` and `iat` but never for `exp`.
const LEEWAY_SECONDS: i64 = 60;

/// Ed25519 signatures (RFC 8032) with the keys of access tokens. The platform makes and verifies
/// them.
#[async_trait]
pub trait Signatures: Send + Sync {
    /// Signs `message`. Returns `None` if the key can only verify, or if the platform failed.
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]>;

    /// Returns true if the key made `signature` over `message`, and `None` if the platform failed.
    /// A signature whose S is not below the group's order is invalid (RFC 8032 §5.1.7).
    async fn verifies(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool>;
}

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: String,
    /// The time of the authentication when the token was issued (RFC 9068 §2.2.1). It serves other
    /// verifiers; this service reads the session instead.
    #[serde(skip_deserializing)]
    auth_time: i64,
    #[serde(skip_deserializing)]
    amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// The subject of a verified access token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenSubject {
    /// The account: `sub`.
    pub user: UserId,
    /// The session: `sid`.
    pub session: SessionId,
    /// The expiry of the token: `exp`.
    pub expires_at: Timestamp,
}

/// The session that an access token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenSession<'a> {
    /// The account: `sub`.
    pub user: UserId,
    /// The session: `sid`.
    pub session: SessionId,
    /// The platform of the client: `client_id`.
    pub platform: Platform,
    /// The time of the last authentication: `auth_time`.
    pub authenticated_at: Timestamp,
    /// The methods of the last authentication: `amr`.
    pub amr: &'a Amr,
}

impl<'a> From<&'a Session> for AccessTokenSession<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            user: session.user_id,
            session: session.id,
            platform: session.platform,
            authenticated_at: session.authenticated_at,
            amr: &session.amr,
        }
    }
}

/// An access token to sign.
#[derive(Clone, Copy, Debug)]
pub struct NewAccessToken<'a> {
    /// The session of the token.
    pub session: AccessTokenSession<'a>,
    /// The id of the token: `jti`.
    pub id: EventId,
    /// The time of issue: `iat`.
    pub issued_at: Timestamp,
    /// The expiry: `exp`.
    pub expires_at: Timestamp,
}

/// The reason to reject an access token. It goes to the log; clients see the same error for all
/// reasons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// The token is not a compact JWS, or it is too long.
    #[error("it is not a compact JWS")]
    Malformed,
    /// The header names another algorithm, another type, an unknown key, or extensions that must be
    /// understood.
    #[error("its header is not one of ours")]
    Header,
    /// The signature does not verify.
    #[error("its signature does not verify")]
    Signature,
    /// The platform failed to verify the signature. The token may be valid.
    #[error("the platform verified no signature")]
    Unverified,
    /// The claims cannot be read, or issuer, audience, subject or session are not ours.
    #[error("its claims are not ours")]
    Claims,
    /// The token has expired.
    #[error("it has expired")]
    Expired,
    /// The token is not valid yet.
    #[error("it is not valid yet")]
    NotYet,
}

/// Signs a token with the current key. Returns `None` if the platform failed. The configuration
/// rules out a current key that cannot sign.
pub async fn sign(
    signatures: &dyn Signatures,
    config: &Config,
    new: &NewAccessToken<'_>,
) -> Option<String> {
    let key = config.signing_keys.current();
    let claims = Claims {
        iss: config.jwt_issuer.clone(),
        aud: config.jwt_audience.clone(),
        sub: new.session.user.to_string(),
        sid: new.session.session.to_string(),
        client_id: new.session.platform.as_str().to_owned(),
        iat: new.issued_at.seconds(),
        exp: new.expires_at.seconds(),
        jti: new.id.to_string(),
        auth_time: new.session.authenticated_at.seconds(),
        amr: new.session.amr.methods().to_vec(),
        nbf: None,
    };
    let message = jwt::encode_unsigned(&header(key), &claims).ok()?;
    let signature = URL_SAFE_NO_PAD.encode(signatures.sign(key, message.as_bytes()).await?);
    Some(format!("{message}.{signature}"))
}

/// Verifies a token by RFC 8725 §3: the algorithm, the key by `kid`, the type, the issuer, the
/// audience and the time.
///
/// Only the database knows whether the session is live. A token with a foreign header and an
/// expired token are rejected before the expensive verification of the signature.
///
/// # Errors
/// [`TokenRefusal`]
pub async fn verify(
    signatures: &dyn Signatures,
    config: &Config,
    token: &str,
    now: Timestamp,
) -> Result<TokenSubject, TokenRefusal> {
    if token.len() > MAX_BYTES {
        return Err(TokenRefusal::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenRefusal::Malformed)?;
    let signature = signature
        .as_slice()
        .try_into()
        .map_err(|_| TokenRefusal::Signature)?;

    let key = trusted_key(&config.signing_keys, token).ok_or(TokenRefusal::Header)?;
    if !has_utf8_claims(message) {
        return Err(TokenRefusal::Claims);
    }
    let unverified: Claims = jwt::decode_unverified(token).map_err(|_| TokenRefusal::Claims)?;
    check_time(&unverified, now)?;
    if !signatures
        .verifies(key, message.as_bytes(), signature)
        .await
        .ok_or(TokenRefusal::Unverified)?
    {
        return Err(TokenRefusal::Signature);
    }

    let claims = jwt::decode_verified(token, message.as_bytes(), signature, &validation(config));
    let claims: Claims = claims.map_err(|_| TokenRefusal::Claims)?;
    let user = UserId::parse(&claims.sub).ok_or(TokenRefusal::Claims)?;
    let session = SessionId::parse(&claims.sid).ok_or(TokenRefusal::Claims)?;
    Ok(TokenSubject {
        user,
        session,
        expires_at: Timestamp::from_millis(claims.exp.saturating_mul(1000)),
    })
}

/// Returns the keys to publish (RFC 7517 §5), public halves only.
#[must_use]
pub fn public_keys(keys: &SigningKeys) -> JwkSet {
    JwkSet {
        keys: keys.iter().map(SigningKey::public_jwk).collect(),
    }
}

/// Returns the header of tokens that `key` signs.
fn header(key: &SigningKey) -> Header {
    Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(key.kid.clone()),
        ..Header::new(Algorithm::EdDSA)
    }
}

/// Returns the library's checks of the claims. The library would compare times with the machine's
/// clock, so [`check_time`] compares them instead.
fn validation(config: &Config) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.set_issuer(&[&config.jwt_issuer]);
    validation.set_audience(&[&config.jwt_audience]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// Returns true if the claims are UTF-8 (RFC 7519 §7.2). The library does not check the encoding of
/// claims that it does not read.
fn has_utf8_claims(message: &str) -> bool {
    message
        .split_once('.')
        .and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok())
        .is_some_and(|claims| std::str::from_utf8(&claims).is_ok())
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), TokenRefusal> {
    if claims.exp <= now.seconds() {
        return Err(TokenRefusal::Expired);
    }
    if claims.nbf.unwrap_or(claims.iat).max(claims.iat)
        > now.seconds().saturating_add(LEEWAY_SECONDS)
    {
        return Err(TokenRefusal::NotYet);
    }
    Ok(())
}

/// Returns the key that a token's header names, out of our own set only.
///
/// The header must have the bytes that this service writes with that key. So a header with `crit`,
/// `jwk`, `jku`, `x5c`, `x5u` or another member, and a second spelling of our own header, name no
/// key.
fn trusted_key<'a>(keys: &'a SigningKeys, token: &str) -> Option<&'a SigningKey> {
    let (encoded, _) = token.split_once('.')?;
    keys.iter().find(|key| {
        let written = serde_json::to_vec(&header(key));
        written.is_ok_and(|written| URL_SAFE_NO_PAD.encode(written) == encoded)
    })
}

pub(crate) mod remembered;
#[cfg(test)]
mod tests;
