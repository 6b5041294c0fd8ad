//! Authenticator data of App Attest, which differs slightly from that of `WebAuthn`.
//!
//! Since iOS 27 a CBOR map follows the key, or the counter in an assertion. Devices set ED then,
//! but Apple's published sample does not. Assertions have AT set and no credential. So the bytes
//! decide and not the flags, except that ED without a map is refused.

use crate::accounts::domain::cbor::{CborReader, once};

/// The length of RP id hash, flags and counter.
const HEADER: usize = 37;
/// ES256 on P-256 (RFC 9053 §7.1.1), in CTAP2's canonical form, up to x.
const COSE_X: [u8; 10] = [0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
/// The bytes between x and y.
const COSE_Y: [u8; 3] = [0x22, 0x58, 0x20];
/// The flag of a credential (AT).
const ATTESTED: u8 = 0x40;
/// The flag of extensions (ED).
const EXTENDED: u8 = 0x80;
/// The maximum length of a bundle version in bytes. Apple allows 18 characters.
const VERSION_BYTES: usize = 128;
const TRUNCATED: &str = "authData is too short";

/// The header of the authenticator data of attestations and assertions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// SHA-256 of the application's id.
    pub rp_id_hash: [u8; 32],
    /// The flags.
    pub flags: u8,
    /// The counter of the key.
    pub counter: u32,
}

/// The statements of iOS about the application, since version 27.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Extensions {
    /// `CFBundleVersion`.
    pub bundle_version: Option<String>,
    /// The way in which the app was installed: 1 platform, 2 `TestFlight`, 3 development, 4 App
    /// Store, 5 enterprise, 6 Developer ID, 10 none.
    pub validation_category: Option<u32>,
}

/// The authenticator data of an attestation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestationData {
    /// The header.
    pub header: Header,
    /// The environment.
    pub aaguid: [u8; 16],
    /// The id of the key.
    pub credential_id: Vec<u8>,
    /// The key: an X9.62 point, uncompressed.
    pub public_key: [u8; 65],
    /// The extensions after the key.
    pub extensions: Extensions,
}

/// The authenticator data of an assertion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssertionData {
    /// The header.
    pub header: Header,
    /// The extensions after the header.
    pub extensions: Extensions,
}

fn header(bytes: &[u8]) -> Result<(Header, &[u8]), &'static str> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(TRUNCATED)?;
    let (rp_id_hash, tail) = header.split_first_chunk::<32>().ok_or(TRUNCATED)?;
    let (flags, counter) = tail.split_first_chunk::<1>().ok_or(TRUNCATED)?;
    let counter = counter.first_chunk::<4>().ok_or(TRUNCATED)?;
    Ok((
        Header {
            rp_id_hash: *rp_id_hash,
            flags: flags[0],
            counter: u32::from_be_bytes(*counter),
        },
        rest,
    ))
}

/// Reads the extensions: one map that fills `bytes`, or nothing.
fn extensions(flags: u8, bytes: &[u8]) -> Result<Extensions, &'static str> {
    if bytes.is_empty() {
        return if flags & EXTENDED == 0 {
            Ok(Extensions::default())
        } else {
            Err("authData announces extensions and has none")
        };
    }
    let mut reader = CborReader::new(bytes);
    let (mut bundle_version, mut validation_category) = (None, None);
    let mut before: &[u8] = &[];
    for _ in 0..reader
        .map()
        .map_err(|_| "what follows in authData is no CBOR map")?
    {
        let at = reader.rest();
        let name = reader.text()?;
        // The order of canonical CBOR, which also rules out duplicates.
        let key = at.get(..at.len() - reader.rest().len()).unwrap_or_default();
        if key <= before {
            return Err("the extensions in authData are not in the canonical order");
        }
        before = key;
        match name {
            "apple_bundle_version_01" => once(&mut bundle_version, version(reader.text()?)?)?,
            "apple_validation_category_01" => {
                once(&mut validation_category, category(&mut reader)?)?;
            }
            // Apple may add members, and nothing here depends on them.
            _ => reader.skip()?,
        }
    }
    reader
        .end()
        .map_err(|_| "something follows the extensions in authData")?;
    Ok(Extensions {
        bundle_version,
        validation_category,
    })
}

fn version(text: &str) -> Result<String, &'static str> {
    if text.len() > VERSION_BYTES {
        Err("the bundle version in authData is too long")
    } else {
        Ok(text.to_owned())
    }
}

fn category(reader: &mut CborReader<'_>) -> Result<u32, &'static str> {
    let category = match reader.unsigned_or_bytes()? {
        Ok(number) => number.try_into().ok(),
        Err(bytes) => bytes.try_into().ok().map(u32::from_le_bytes),
    };
    category.ok_or("the validation category in authData is no number of four bytes")
}

/// Reads the authenticator data of an attestation.
///
/// # Errors
/// Returns the reason why it cannot be read.
pub fn parse_attestation(bytes: &[u8]) -> Result<AttestationData, &'static str> {
    let (header, rest) = header(bytes)?;
    if header.flags & ATTESTED == 0 {
        return Err("authData has no key: AT is not set");
    }
    let (aaguid, rest) = rest.split_first_chunk::<16>().ok_or(TRUNCATED)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(TRUNCATED)?;
    let (credential_id, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(TRUNCATED)?;
    let (public_key, rest) =
        public_key(rest).ok_or("the key in authData is not one of P-256 in canonical COSE")?;
    let extensions = extensions(header.flags, rest)?;
    Ok(AttestationData {
        header,
        aaguid: *aaguid,
        credential_id: credential_id.to_vec(),
        public_key,
        extensions,
    })
}

fn public_key(bytes: &[u8]) -> Option<([u8; 65], &[u8])> {
    let (x, rest) = bytes.strip_prefix(&COSE_X)?.split_first_chunk::<32>()?;
    let (y, rest) = rest.strip_prefix(&COSE_Y)?.split_first_chunk::<32>()?;
    let mut point = [4; 65];
    point.get_mut(1..33)?.copy_from_slice(x);
    point.get_mut(33..)?.copy_from_slice(y);
    Some((point, rest))
}

/// Returns the point of a COSE key that fills `bytes`: ES256 on P-256 in canonical form.
#[must_use]
pub fn cose_point(bytes: &[u8]) -> Option<[u8; 65]> {
    public_key(bytes)
        .filter(|(_, rest)| rest.is_empty())
        .map(|(point, _)| point)
}

/// Reads the authenticator data of an assertion.
///
/// # Errors
/// Returns the reason why it cannot be read.
pub fn parse_assertion(bytes: &[u8]) -> Result<AssertionData, &'static str> {
    let (header, rest) = header(bytes)?;
    Ok(AssertionData {
        header,
        extensions: extensions(header.flags, rest)?,
    })
}
