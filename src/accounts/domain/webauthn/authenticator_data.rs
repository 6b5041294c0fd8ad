//! Authenticator data (WebAuthn Level 3 §6.1), read to the last byte.

use sha2::{Digest, Sha256};

use crate::accounts::domain::cbor::Reader;
use crate::accounts::domain::steps::Steps;
use crate::accounts::domain::webauthn::Expected;

/// RP id hash, flags, counter.
const HEADER: usize = 37;
/// More than any authenticator sends.
const MOST_BYTES: usize = 16 * 1024;
const TRUNCATED: &str = "the authenticator data is too short";

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

/// Reads the authenticator data of a registration.
///
/// # Errors
/// Why it cannot be read.
pub fn parse_registration(bytes: &[u8]) -> Result<AuthData, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the authenticator data is too long");
    }
    let (header, mut rest) = bytes.split_first_chunk::<HEADER>().ok_or(TRUNCATED)?;
    let (rp_id_hash, flags_and_counter) = header.split_first_chunk::<32>().ok_or(TRUNCATED)?;
    let (flags, counter) = flags_and_counter.split_first().ok_or(TRUNCATED)?;
    let flags = Flags(*flags);
    let mut attested = None;
    if flags.attested() {
        (attested, rest) = credential(rest).map(|(made, rest)| (Some(made), rest))?;
    }
    if flags.extensions() {
        let extensions = item(&mut rest)?;
        if !Reader::new(extensions).is_map() {
            return Err("the extensions in the authenticator data cannot be read: they are no map");
        }
    }
    if !rest.is_empty() {
        return Err("something follows the authenticator data");
    }
    let counter = u32::from_be_bytes(*counter.first_chunk().ok_or(TRUNCATED)?);
    Ok(AuthData {
        rp_id_hash: *rp_id_hash,
        flags,
        counter,
        attested,
    })
}

/// The attested credential data (§6.5.1), and what follows it.
fn credential(bytes: &[u8]) -> Result<(Attested, &[u8]), &'static str> {
    let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(TRUNCATED)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(TRUNCATED)?;
    let (credential_id, mut rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(TRUNCATED)?;
    let public_key = item(&mut rest)?.to_vec();
    Ok((
        Attested {
            aaguid: *aaguid,
            credential_id: credential_id.to_vec(),
            public_key,
        },
        rest,
    ))
}

/// The CBOR item that `bytes` begin with.
fn item<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let mut reader = Reader::new(bytes);
    let item = reader.item().map_err(
        |_| "a part of the authenticator data is not CBOR in the form that authenticators write",
    )?;
    *bytes = reader.rest();
    Ok(item)
}

/// Reads the authenticator data of an assertion: a credential in it means nothing there.
///
/// # Errors
/// Why it cannot be read.
pub fn parse_assertion(bytes: &[u8]) -> Result<AuthData, &'static str> {
    parse_registration(bytes).map(|data| AuthData {
        attested: None,
        ..data
    })
}

/// The four steps about hash and flags, which both ceremonies have; `first` is the number of the first one.
pub(super) fn check(steps: &mut Steps, first: u8, data: &AuthData, expected: &Expected<'_>) {
    let ours: [u8; 32] = Sha256::digest(expected.rp_id.as_bytes()).into();
    steps.check(
        first,
        "rpIdHash is of the relying party's id",
        data.rp_id_hash == ours,
        "another relying party",
        || None,
    );
    let flags = || Some(format!("flags {:#04x}", data.flags.0));
    steps.check(
        first + 1,
        "UP is set",
        data.flags.user_present(),
        "the user was not present",
        flags,
    );
    steps.check(
        first + 2,
        "UV is set, as was required",
        data.flags.user_verified(),
        "the user was not verified",
        flags,
    );
    let consistent = data.flags.backup_eligible() || !data.flags.backed_up();
    steps.check(
        first + 3,
        "BS is set only with BE",
        consistent,
        "backed up without being eligible",
        flags,
    );
}
