//! CSRF tokens: signed, and bound to the session (OWASP CSRF cheat sheet, signed double-submit).
//!
//! The check of `Origin` and Fetch Metadata applies to every unsafe request of a browser. The token
//! is an additional check that the configuration can switch on.

use subtle::ConstantTimeEq;

use crate::accounts::domain::Ports;
use crate::accounts::domain::derived::derive;
use crate::accounts::model::signing_keys::SigningKey;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::base64;
use crate::kernel::model::ids::SessionId;

const LABEL: &[u8] = b"hamrah-api csrf token v1";
const NONCE_BYTES: usize = 16;

/// Returns a new token for the session, or `None` if the signing key cannot sign.
///
/// # Errors
/// [`Fault`]
pub fn token(ports: &Ports, session: SessionId) -> Result<Option<String>, Fault> {
    let mut nonce = [0; NONCE_BYTES];
    ports.entropy.fill(&mut nonce)?;
    let nonce = base64::encode(nonce);
    let mac = mac(ports.config.signing_keys.current(), session, &nonce);
    Ok(mac.map(|mac| format!("{nonce}.{}", base64::encode(mac))))
}

/// Returns true if `token` belongs to the session.
#[must_use]
pub fn is_valid(ports: &Ports, session: SessionId, token: &str) -> bool {
    let Some((nonce, given)) = token.split_once('.').filter(|_| token.len() < 128) else {
        return false;
    };
    let Some(given) = base64::decode(given) else {
        return false;
    };
    let fits =
        |key| mac(key, session, nonce).is_some_and(|mac| bool::from(mac.ct_eq(given.as_slice())));
    ports.config.signing_keys.iter().any(fits)
}

fn mac(key: &SigningKey, session: SessionId, nonce: &str) -> Option<[u8; 32]> {
    derive(key, LABEL, format!("{session}.{nonce}").as_bytes())
}
