//! Authenticator data (WebAuthn Level 3 §6.1): read by the library, and held to its exact length, which the library does not look at.

use serde::Deserialize;
use serde_cbor_2::{Deserializer, Value};
use sha2::{Digest, Sha256};
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::{Authentication, Registration};

use super::{Expected, quietly};
use crate::domain::steps::Steps;

/// RP id hash, flags, counter.
const HEADER: usize = 37;
/// More than any authenticator sends.
const MOST_BYTES: usize = 16 * 1024;

/// The flags (§6.1), as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u8);

impl Flags {
    /// The user did something (UP).
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// The user was verified (UV).
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// The key may be backed up: it is a multi-device credential (BE).
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// The key is backed up (BS).
    #[must_use]
    pub const fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// A credential follows (AT).
    #[must_use]
    pub const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Extension outputs follow (ED).
    #[must_use]
    pub const fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// What an authenticator says with its signature or attestation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthData {
    /// SHA-256 of the relying party's id.
    pub rp_id_hash: [u8; 32],
    /// Flags.
    pub flags: Flags,
    /// How often the key signed; 0 for authenticators that do not count.
    pub counter: u32,
    /// The credential that was made, in a registration.
    pub attested: Option<Attested>,
}

/// The credential that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attested {
    /// What kind of authenticator made it.
    pub aaguid: [u8; 16],
    /// Its id.
    pub credential_id: Vec<u8>,
    /// Its public key: COSE, as it came.
    pub public_key: Vec<u8>,
}

/// Where the public key stands, if there is one.
fn layout(bytes: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    const TRUNCATED: &str = "the authenticator data is too short";
    if bytes.len() > MOST_BYTES {
        return Err("the authenticator data is too long");
    }
    let flags = Flags(*bytes.get(32).ok_or(TRUNCATED)?);
    let mut rest = bytes.get(HEADER..).ok_or(TRUNCATED)?;
    let mut key = None;
    if flags.attested() {
        let (length, after) = rest.get(16..).and_then(|rest| rest.split_first_chunk::<2>()).ok_or(TRUNCATED)?;
        let after_id = after.get(usize::from(u16::from_be_bytes(*length))..).ok_or(TRUNCATED)?;
        let (_, after_key) = after_id.split_at_checked(item(after_id)?).ok_or(TRUNCATED)?;
        key = after_id.get(..after_id.len() - after_key.len());
        rest = after_key;
    }
    if flags.extensions() {
        rest = rest.get(item(rest)?..).ok_or(TRUNCATED)?;
    }
    if rest.is_empty() { Ok(key) } else { Err("something follows the authenticator data") }
}

/// The length of the CBOR item that `bytes` begin with.
fn item(bytes: &[u8]) -> Result<usize, &'static str> {
    let mut reader = Deserializer::from_slice(bytes);
    Value::deserialize(&mut reader).map_err(|_| "a part of the authenticator data is not CBOR")?;
    Ok(reader.byte_offset())
}

/// Reads the authenticator data of a registration.
///
/// # Errors
/// Why it cannot be read.
pub fn parse_registration(bytes: &[u8]) -> Result<AuthData, &'static str> {
    let key = layout(bytes)?;
    let data = quietly(|| AuthenticatorData::<Registration>::try_from(bytes)).map_err(|_| "the authenticator data cannot be read")?;
    let attested =
        data.acd.zip(key).map(|(made, key)| Attested { aaguid: made.aaguid, credential_id: made.credential_id, public_key: key.to_vec() });
    assemble(bytes, data.counter, attested)
}

/// Reads the authenticator data of an assertion.
///
/// # Errors
/// Why it cannot be read.
pub fn parse_assertion(bytes: &[u8]) -> Result<AuthData, &'static str> {
    layout(bytes)?;
    let data = quietly(|| AuthenticatorData::<Authentication>::try_from(bytes)).map_err(|_| "the authenticator data cannot be read")?;
    assemble(bytes, data.counter, None)
}

fn assemble(bytes: &[u8], counter: u32, attested: Option<Attested>) -> Result<AuthData, &'static str> {
    let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or("the authenticator data is too short")?;
    let flags = Flags(rest.first().copied().unwrap_or_default());
    Ok(AuthData { rp_id_hash: *rp_id_hash, flags, counter, attested })
}

/// The four steps about hash and flags, which both ceremonies have; `first` is the number of the first one.
pub(super) fn check(steps: &mut Steps, first: u8, data: &AuthData, expected: &Expected<'_>) {
    let ours: [u8; 32] = Sha256::digest(expected.rp_id.as_bytes()).into();
    steps.check(first, "rpIdHash is of the relying party's id", data.rp_id_hash == ours, "another relying party", || None);
    let flags = || Some(format!("flags {:#04x}", data.flags.0));
    steps.check(first + 1, "UP is set", data.flags.user_present(), "the user was not present", flags);
    steps.check(first + 2, "UV is set, as was required", data.flags.user_verified(), "the user was not verified", flags);
    let consistent = data.flags.backup_eligible() || !data.flags.backed_up();
    steps.check(first + 3, "BS is set only with BE", consistent, "backed up without being eligible", flags);
}
