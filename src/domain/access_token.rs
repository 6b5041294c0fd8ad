//! Access tokens: JWTs (RFC 7519) of type `at+jwt` (RFC 9068), signed with EdDSA (RFC 8037) and nothing else.
//!
//! The parser is jsonwebtoken's; the only cryptography it is given is Ed25519, so that no other algorithm can be talked into being used.

use std::sync::Once;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey as Ed25519};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::amr::Amr;
use crate::model::config::Config;
use crate::model::ids::{EventId, SessionId, UserId};
use crate::model::records::{Platform, Session};
use crate::model::signing_keys::{SigningKey, SigningKeys};
use crate::model::time::Timestamp;

/// The header's `typ` (RFC 9068 §2.1): no other JWT of ours can pass for an access token.
const TYPE: &str = "at+jwt";
/// Ours are about 500 bytes; nothing longer is decoded.
const MAX_BYTES: usize = 2048;
/// How far another machine's clock may be ahead: for `nbf` and `iat`, never for `exp`.
const LEEWAY_SECONDS: i64 = 60;

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
    #[error("its signature or claims do not verify")]
    Signature,
    /// Its issuer, audience, subject or sign-in are not ours.
    #[error("its claims are not ours")]
    Claims,
    /// It has ended.
    #[error("it has ended")]
    Expired,
    /// It has not begun.
    #[error("it has not begun")]
    NotYet,
}

/// Signs a token with the current key; `None` only if the key cannot sign, which the configuration rules out.
#[must_use]
pub fn sign(config: &Config, new: &NewToken<'_>) -> Option<String> {
    use_ed25519_only();
    let key = config.signing_keys.current();
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
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
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key.pkcs8()?)).ok()
}

/// Verifies a token by RFC 8725 §3: our algorithm, our key by `kid`, our type, issuer and audience, and its time.
///
/// Whether the sign-in behind it is alive is a question to the database.
///
/// # Errors
/// [`Refused`]
pub fn verify(config: &Config, token: &str, now: Timestamp) -> Result<Subject, Refused> {
    use_ed25519_only();
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if token.len() > MAX_BYTES || token.bytes().filter(|b| *b == b'.').count() != 2 || !token.bytes().all(base64url) {
        return Err(Refused::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Header)?;
    let key = trusted_key(&config.signing_keys, &header).ok_or(Refused::Header)?;
    if !is_signed(key, token) {
        return Err(Refused::Signature);
    }
    let claims = insecure_decode::<Claims>(token).map_err(|_| Refused::Signature)?.claims;
    if claims.iss != config.jwt_issuer || claims.aud != config.jwt_audience {
        return Err(Refused::Claims);
    }
    if claims.exp <= now.seconds() {
        return Err(Refused::Expired);
    }
    if claims.nbf.unwrap_or(claims.iat).max(claims.iat) > now.seconds().saturating_add(LEEWAY_SECONDS) {
        return Err(Refused::NotYet);
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

/// The key that a header names, out of our own set only: keys or addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) make it refused.
fn trusted_key<'a>(keys: &'a SigningKeys, header: &Header) -> Option<&'a SigningKey> {
    let foreign = header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some() || header.crit.is_some();
    if foreign || header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
        return None;
    }
    keys.find(header.kid.as_deref()?)
}

/// Whether the key signed it. With the key as it is, which the library would read anew from its text each time. Strict: no small-order points
/// and no second spelling of a signature (RFC 8032 §8.4).
fn is_signed(key: &SigningKey, token: &str) -> bool {
    let signed = || {
        let (message, signature) = token.rsplit_once('.')?;
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        key.public.verify_strict(message.as_bytes(), &signature).ok()
    };
    signed().is_some()
}

/// Gives jsonwebtoken its only cryptography. The library keeps one provider a process.
fn use_ed25519_only() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| match algorithm {
            Algorithm::EdDSA => Ok(Box::new(EdSigner(private_key(key.as_bytes()).ok_or_else(wrong_key)?)) as Box<dyn JwtSigner>),
            _ => Err(wrong_key()),
        },
        verifier_factory: |_, _| Err(wrong_key()),
        key_utils: KeyUtils::new_unimplemented(),
    };
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails only if something else in the process was quicker; then signing and verifying refuse what they do not know.
        let _ = PROVIDER.install_default();
    });
}

fn wrong_key() -> Error {
    Error::from(ErrorKind::InvalidKeyFormat)
}

/// The seed ends the PKCS #8 document that [`SigningKey::pkcs8`] wrote.
fn private_key(pkcs8: &[u8]) -> Option<Ed25519> {
    pkcs8.last_chunk::<32>().map(Ed25519::from_bytes)
}

struct EdSigner(Ed25519);

impl signature::Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::amr::Proof;
    use proptest::prelude::*;

    fn config() -> Config {
        let keys =
            SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| u8::try_from(index * 7 + 8).unwrap_or(8)))).to_json();
        Config::read(&|name| match name {
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
        sign(config, &new).expect("signs")
    }

    #[test]
    fn a_token_is_good_until_the_second_it_ends() {
        let config = config();
        let token = token(&config);
        let at = |seconds: i64| verify(&config, &token, Timestamp::from_millis(NOW.millis() + seconds * 1000));
        assert_eq!(at(0).map(|subject| subject.user), Ok(UserId::from_random([1; 16])));
        assert!(at(3599).is_ok());
        assert_eq!(at(3600), Err(Refused::Expired));
        assert!(at(-60).is_ok(), "another machine's clock may be a little behind");
        assert_eq!(at(-61), Err(Refused::NotYet));
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in "\\PC{0,200}") {
            prop_assert!(verify(&config(), &text, NOW).is_err());
        }

        #[test]
        fn no_changed_token_is_a_token(index in any::<proptest::sample::Index>(), byte in "[A-Za-z0-9_.=+/-]") {
            let config = config();
            let token = token(&config);
            let at = index.index(token.len());
            let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
            prop_assert!(changed == token || verify(&config, &changed, NOW).is_err());
            let longer = format!("{}{byte}{}", &token[..at], &token[at..]);
            prop_assert!(verify(&config, &longer, NOW).is_err());
            prop_assert!(verify(&config, &token[..at], NOW).is_err());
        }
    }
}
