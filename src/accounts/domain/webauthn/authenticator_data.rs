//! Authenticator data (WebAuthn Level 3 §6.1), read to the last byte.
//!
//! Our own code checks the form: the order of the parts, canonical CBOR, and no byte after the last
//! part. webauthn-rs does not check the form. It reads the values of a registration.

use sha2::{Digest, Sha256};
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::Registration;

use crate::accounts::domain::cbor::CborReader;
use crate::accounts::domain::verification::report::CheckList;
use crate::accounts::domain::webauthn::Expected;
use crate::accounts::domain::webauthn::quietly::quietly;
use crate::accounts::model::credential_id;

/// The length of RP id hash, flags and counter.
const HEADER: usize = 37;
/// The offset of the flags.
const FLAGS: usize = 32;
/// The bit of the flags that announces extensions (ED).
const EXTENSIONS: u8 = 0x80;
/// The most bytes that are read. Authenticators send far fewer.
const MOST_BYTES: usize = 16 * 1024;
const TRUNCATED: &str = "the authenticator data is too short";

/// The flags (§6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u8);

impl Flags {
    /// Returns true if the user was present (UP).
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Returns true if the user was verified (UV).
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Returns true if the key may be backed up, as a multi-device credential (BE).
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// Returns true if the key is backed up (BS).
    #[must_use]
    pub const fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Returns true if a credential follows (AT).
    #[must_use]
    pub const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Returns true if extension outputs follow (ED).
    #[must_use]
    pub const fn extensions(self) -> bool {
        self.0 & EXTENSIONS != 0
    }
}

/// The content of authenticator data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthData {
    /// SHA-256 of the relying party's id.
    pub rp_id_hash: [u8; 32],
    /// The flags.
    pub flags: Flags,
    /// The counter of signatures; 0 for authenticators that do not count.
    pub counter: u32,
    /// The new credential, in a registration.
    pub attested: Option<AttestedCredential>,
}

/// A new credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestedCredential {
    /// The AAGUID: the model of the authenticator.
    pub aaguid: [u8; 16],
    /// The id of the credential.
    pub credential_id: Vec<u8>,
    /// The public key in COSE, unchanged.
    pub public_key: Vec<u8>,
}

/// The parts of authenticator data. Only the header has been read.
struct Layout<'a> {
    rp_id_hash: [u8; 32],
    flags: Flags,
    counter: u32,
    /// Everything before the extensions.
    before_extensions: &'a [u8],
    /// The credential's key, if there is a credential.
    public_key: Option<&'a [u8]>,
}

fn layout(bytes: &[u8]) -> Result<Layout<'_>, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the authenticator data is too long");
    }
    let (header, mut rest) = bytes.split_first_chunk::<HEADER>().ok_or(TRUNCATED)?;
    let (rp_id_hash, flags_and_counter) = header.split_first_chunk::<FLAGS>().ok_or(TRUNCATED)?;
    let (flags, counter) = flags_and_counter.split_first().ok_or(TRUNCATED)?;
    let (flags, counter) = (
        Flags(*flags),
        u32::from_be_bytes(*counter.first_chunk().ok_or(TRUNCATED)?),
    );
    let mut public_key = None;
    if flags.attested() {
        let (_aaguid, after) = rest.split_first_chunk::<16>().ok_or(TRUNCATED)?;
        let (length, after) = after.split_first_chunk::<2>().ok_or(TRUNCATED)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length > credential_id::MOST_BYTES {
            return Err("the credential id is empty or too long");
        }
        (_, rest) = after.split_at_checked(length).ok_or(TRUNCATED)?;
        public_key = Some(item(&mut rest)?);
    }
    let before_extensions = bytes.get(..bytes.len() - rest.len()).ok_or(TRUNCATED)?;
    if flags.extensions() && !CborReader::new(item(&mut rest)?).is_map() {
        return Err("the extensions in the authenticator data cannot be read: they are no map");
    }
    if !rest.is_empty() {
        return Err("something follows the authenticator data");
    }
    Ok(Layout {
        rp_id_hash: *rp_id_hash,
        flags,
        counter,
        before_extensions,
        public_key,
    })
}

/// Splits off the first CBOR item of `bytes`.
fn item<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let mut reader = CborReader::new(bytes);
    let item = reader.item().map_err(
        |_| "a part of the authenticator data is not CBOR in the form that authenticators write",
    )?;
    *bytes = reader.rest();
    Ok(item)
}

/// Reads the authenticator data of a registration.
///
/// # Errors
/// Returns the reason why it cannot be read.
pub fn parse_registration(bytes: &[u8]) -> Result<AuthData, &'static str> {
    let Layout {
        rp_id_hash,
        flags,
        before_extensions,
        public_key,
        ..
    } = layout(bytes)?;
    // The service asks for no extension, and the library refuses some extension outputs by their
    // type. So the library reads only the bytes before the extensions.
    let mut plain = before_extensions.to_vec();
    if let Some(flags) = plain.get_mut(FLAGS) {
        *flags &= !EXTENSIONS;
    }
    let data = quietly(|| AuthenticatorData::<Registration>::try_from(plain.as_slice()))
        .map_err(|_| "webauthn-rs cannot read the authenticator data")?;
    let attested = data
        .acd
        .zip(public_key)
        .map(|(made, public_key)| AttestedCredential {
            aaguid: made.aaguid,
            credential_id: made.credential_id,
            public_key: public_key.to_vec(),
        });
    Ok(AuthData {
        rp_id_hash,
        flags,
        counter: data.counter,
        attested,
    })
}

/// Reads the authenticator data of an assertion. A credential in it means nothing there.
///
/// # Errors
/// Returns the reason why it cannot be read.
pub fn parse_assertion(bytes: &[u8]) -> Result<AuthData, &'static str> {
    layout(bytes).map(
        |Layout {
             rp_id_hash,
             flags,
             counter,
             ..
         }| AuthData {
            rp_id_hash,
            flags,
            counter,
            attested: None,
        },
    )
}

/// The four steps about hash and flags, which both ceremonies have.
pub(super) const DEMANDS: [&str; 4] = [
    "rpIdHash is of the relying party's id",
    "UP is set",
    "UV is set, as was required",
    "BS is set only with BE",
];

/// Takes the [`DEMANDS`]. `first` is the number of the first step.
pub(super) fn check(steps: &mut CheckList, first: u8, data: &AuthData, expected: &Expected<'_>) {
    let ours: [u8; 32] = Sha256::digest(expected.rp_id.as_bytes()).into();
    let flags = || Some(format!("flags {:#04x}", data.flags.0));
    let consistent = data.flags.backup_eligible() || !data.flags.backed_up();
    let [hash, present, verified, eligible] = DEMANDS;
    steps.check(
        first,
        hash,
        data.rp_id_hash == ours,
        "another relying party",
        || None,
    );
    steps.check(
        first + 1,
        present,
        data.flags.user_present(),
        "the user was not present",
        flags,
    );
    steps.check(
        first + 2,
        verified,
        data.flags.user_verified(),
        "the user was not verified",
        flags,
    );
    steps.check(
        first + 3,
        eligible,
        consistent,
        "backed up without being eligible",
        flags,
    );
}
