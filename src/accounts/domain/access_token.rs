//! Access tokens: JWTs (RFC 7519) of type `at+jwt` (RFC 9068) in compact form (RFC 7515 §7.1), signed with EdDSA (RFC 8037) and nothing else.
//!
//! There is no other algorithm here that a token could ask for, no key but our own, and no member in its header but the three that ours have.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::accounts::model::amr::Amr;
use crate::accounts::model::config::Config;
use crate::accounts::model::records::{Platform, Session};
use crate::accounts::model::signing_keys::{SigningKey, SigningKeys};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;

/// The one algorithm (RFC 8037 §3.1).
const ALGORITHM: &str = "EdDSA";
/// The header's `typ` (RFC 9068 §2.1): no other JWT of ours can pass for an access token.
const TYPE: &str = "at+jwt";
/// Ours are about 500 bytes; nothing longer is decoded.
const MAX_BYTES: usize = 2048;
/// How far another machine's clock may be ahead: for `nbf` and `iat`, never for `exp`.
const LEEWAY_SECONDS: i64 = 60;

/// Ed25519 (RFC 8032) with the keys of access tokens: the platform has it, and every caller waits for it.
#[async_trait]
pub trait Signatures: Send + Sync {
    /// A signature over `message`; `None` if the key only verifies, or the platform failed.
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]>;

    /// Whether the key made `signature` over `message`; `None` if the platform failed. A signature whose S is not below the group's order is none (RFC 8032 §5.1.7).
    async fn verifies(&self, key: &SigningKey, message: &[u8], signature: &[u8; 64]) -> Option<bool>;
}

/// The header. Whatever else stands in one (`crit`, `jwk`, `jku`, `x5c`, `x5u`, …) makes the token refused, and so does a member given twice.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// What an access token says (RFC 9068 §2.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: String,
    /// As it was when the token was issued (RFC 9068 §2.2.1). For others who verify it: here the sign-in itself is asked.
    #[serde(skip_deserializing)]
    auth_time: i64,
    #[serde(skip_deserializing)]
    amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// Whose token a verified one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The account: `sub`.
    pub user: UserId,
    /// The sign-in: `sid`.
    pub session: SessionId,
    /// When the token ends: `exp`.
    pub expires_at: Timestamp,
}

/// The sign-in that an access token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// Whose it is: `sub`.
    pub user: UserId,
    /// Its id: `sid`.
    pub session: SessionId,
    /// Where it is: `client_id`.
    pub platform: Platform,
    /// When its owner proved who they are: `auth_time`.
    pub authenticated_at: Timestamp,
    /// How they did: `amr`.
    pub amr: &'a Amr,
}

impl<'a> From<&'a Session> for SignIn<'a> {
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

/// What an access token is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    /// The sign-in it belongs to.
    pub of: SignIn<'a>,
    /// Its own id: `jti`.
    pub id: EventId,
    /// Its beginning.
    pub issued_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Why a token is refused. For the log; from outside all look the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is no compact JWS of a sensible size.
    #[error("it is not a compact JWS")]
    Malformed,
    /// Its header names another algorithm, another type, an unknown key, or extensions that must be understood.
    #[error("its header is not one of ours")]
    Header,
    /// Its signature does not verify.
    #[error("its signature does not verify")]
    Signature,
    /// Nobody can say: the platform failed. The token may be good.
    #[error("the platform verified no signature")]
    Unverified,
    /// They cannot be read, or issuer, audience, subject or sign-in are not ours.
    #[error("its claims are not ours")]
    Claims,
    /// It has ended.
    #[error("it has ended")]
    Expired,
    /// It has not begun.
    #[error("it has not begun")]
    NotYet,
}

/// Signs a token with the current key; `None` if the platform failed, or the key cannot sign, which the configuration rules out.
pub async fn sign(signatures: &dyn Signatures, config: &Config, new: &NewToken<'_>) -> Option<String> {
    let key = config.signing_keys.current();
    let header = Header { typ: TYPE.to_owned(), alg: ALGORITHM.to_owned(), kid: key.kid.clone() };
    let claims = Claims {
        iss: config.jwt_issuer.clone(),
        aud: config.jwt_audience.clone(),
        sub: new.of.user.to_string(),
        sid: new.of.session.to_string(),
        client_id: new.of.platform.as_str().to_owned(),
        iat: new.issued_at.seconds(),
        exp: new.expires_at.seconds(),
        jti: new.id.to_string(),
        auth_time: new.of.authenticated_at.seconds(),
        amr: new.of.amr.methods().to_vec(),
        nbf: None,
    };
    let part = |json: serde_json::Result<Vec<u8>>| json.ok().map(|json| URL_SAFE_NO_PAD.encode(json));
    let signed = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(&claims))?);
    let signature = URL_SAFE_NO_PAD.encode(signatures.sign(key, signed.as_bytes()).await?);
    Some(format!("{signed}.{signature}"))
}

/// Verifies a token by RFC 8725 §3: our algorithm, our key by `kid`, our type, issuer and audience, and its time.
///
/// Whether the sign-in behind it is alive is a question to the database. What needs no signature to be refused is refused before one is
/// verified: that is most of the work.
///
/// # Errors
/// [`Refused`]
pub async fn verify(signatures: &dyn Signatures, config: &Config, token: &str, now: Timestamp) -> Result<Subject, Refused> {
    if token.len() > MAX_BYTES {
        return Err(Refused::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed);
    let (header, claims, signature) = (decoded(header)?, decoded(claims)?, decoded(signature)?);
    let key = trusted_key(&config.signing_keys, &object(&header).ok_or(Refused::Header)?).ok_or(Refused::Header)?;
    let claims: Claims = object(&claims).ok_or(Refused::Claims)?;
    if claims.iss != config.jwt_issuer || claims.aud != config.jwt_audience {
        return Err(Refused::Claims);
    }
    if claims.exp <= now.seconds() {
        return Err(Refused::Expired);
    }
    if claims.nbf.unwrap_or(claims.iat).max(claims.iat) > now.seconds().saturating_add(LEEWAY_SECONDS) {
        return Err(Refused::NotYet);
    }
    let signature = signature.as_slice().try_into().map_err(|_| Refused::Signature)?;
    if !signatures.verifies(key, signed.as_bytes(), signature).await.ok_or(Refused::Unverified)? {
        return Err(Refused::Signature);
    }
    let user = UserId::parse(&claims.sub).ok_or(Refused::Claims)?;
    let session = SessionId::parse(&claims.sid).ok_or(Refused::Claims)?;
    Ok(Subject { user, session, expires_at: Timestamp::from_millis(claims.exp.saturating_mul(1000)) })
}

/// The published keys (RFC 7517 §5), public halves only.
#[must_use]
pub fn public_keys(keys: &SigningKeys) -> Value {
    let public = keys.iter().map(|key| json!({"kty": "OKP", "crv": "Ed25519", "x": key.x(), "kid": key.kid, "alg": "EdDSA", "use": "sig"}));
    json!({"keys": public.collect::<Vec<_>>()})
}

/// The key that a header names, out of our own set only.
fn trusted_key<'a>(keys: &'a SigningKeys, header: &Header) -> Option<&'a SigningKey> {
    if header.alg == ALGORITHM && header.typ == TYPE { keys.find(&header.kid) } else { None }
}

/// A JSON object: a derived reader would take a list, by position, as well.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    if json.starts_with(b"{") { serde_json::from_slice(json).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::model::amr::Proof;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    struct Software;

    #[async_trait]
    impl Signatures for Software {
        async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
            key.sign(message)
        }

        async fn verifies(&self, key: &SigningKey, message: &[u8], signature: &[u8; 64]) -> Option<bool> {
            Some(key.verifies(message, signature))
        }
    }

    fn verified(config: &Config, token: &str, now: Timestamp) -> Result<Subject, Refused> {
        verify(&Software, config, token, now).now_or_never().expect("nothing to wait for")
    }

    fn config() -> Config {
        let keys =
            SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| u8::try_from(index * 7 + 8).unwrap_or(8)))).to_json();
        Config::for_tests(&|name| match name {
            "ENVIRONMENT" => Some("development".to_owned()),
            "INTERNAL_API_KEY" => Some("uGkH3v9sQ1xYp7Lw2ZbT5nCe8RdA4mJf".to_owned()),
            "JWT_SIGNING_KEYS" => Some(keys.clone()),
            _ => None,
        })
        .expect("a configuration")
    }

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn token(config: &Config) -> String {
        let of = SignIn {
            user: UserId::from_random([1; 16]),
            session: SessionId::from_random([2; 16]),
            platform: Platform::Ios,
            authenticated_at: NOW,
            amr: &Amr::of(Proof::Passkey { multi_device: true }),
        };
        let new = NewToken {
            of,
            id: EventId::from_random([3; 16]),
            issued_at: NOW,
            expires_at: Timestamp::from_millis(NOW.millis() + 3_600_000),
        };
        sign(&Software, config, &new).now_or_never().flatten().expect("signs")
    }

    #[test]
    fn a_token_is_good_until_the_second_it_ends() {
        let config = config();
        let token = token(&config);
        let at = |seconds: i64| verified(&config, &token, Timestamp::from_millis(NOW.millis() + seconds * 1000));
        assert_eq!(at(0).map(|subject| subject.user), Ok(UserId::from_random([1; 16])));
        assert!(at(3599).is_ok());
        assert_eq!(at(3600), Err(Refused::Expired));
        assert!(at(-60).is_ok(), "another machine's clock may be a little behind");
        assert_eq!(at(-61), Err(Refused::NotYet));
    }

    /// A platform that does neither.
    struct Failing;

    #[async_trait]
    impl Signatures for Failing {
        async fn sign(&self, _: &SigningKey, _: &[u8]) -> Option<[u8; 64]> {
            None
        }

        async fn verifies(&self, _: &SigningKey, _: &[u8], _: &[u8; 64]) -> Option<bool> {
            None
        }
    }

    #[test]
    fn a_platform_that_fails_refuses_no_token() {
        use crate::accounts::domain::authenticate::AuthenticateError;
        use crate::kernel::store::StoreError;
        let config = config();
        let refused = verify(&Failing, &config, &token(&config), NOW).now_or_never().expect("nothing to wait for");
        assert_eq!(refused, Err(Refused::Unverified));
        // It can be tried again: 503.
        assert!(matches!(AuthenticateError::from(Refused::Unverified), AuthenticateError::Store(StoreError::Unavailable(_))));
        assert!(matches!(AuthenticateError::from(Refused::Signature), AuthenticateError::AccessToken(_)));
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in "\\PC{0,200}") {
            prop_assert!(verified(&config(), &text, NOW).is_err());
        }

        #[test]
        fn no_changed_token_is_a_token(index in any::<proptest::sample::Index>(), byte in "[A-Za-z0-9_.=+/-]") {
            let config = config();
            let token = token(&config);
            let at = index.index(token.len());
            let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
            prop_assert!(changed == token || verified(&config, &changed, NOW).is_err());
            let longer = format!("{}{byte}{}", &token[..at], &token[at..]);
            prop_assert!(verified(&config, &longer, NOW).is_err());
            prop_assert!(verified(&config, &token[..at], NOW).is_err());
        }
    }
}
