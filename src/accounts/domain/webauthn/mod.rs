//! The two ceremonies of `WebAuthn` Level 3: registration (§7.1) and authentication (§7.2), each
//! step by its number.
//!
//! Pure functions over bytes: no clock, no database. webauthn-rs verifies sign-ins, and reads
//! registrations and keys ([`library`]). Our own, stricter checks come before the library.
//! docs/decisions/0032 lists every check and says whether our code or the library makes it.

pub mod assertion;
pub mod attestation;
pub mod authenticator_data;
pub mod client_data;
pub mod cose;
pub mod json;
pub mod library;
mod quietly;
pub mod registration;

use cose::Algorithm;

/// What both ceremonies are held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The relying party's id.
    pub rp_id: &'a str,
    /// Origins that may have made the ceremony, to the letter.
    pub origins: &'a [String],
    /// The challenge as it was sent: base64url without padding.
    pub challenge: &'a str,
    /// Algorithms that were offered, or are accepted of a stored key.
    pub algorithms: &'a [Algorithm],
}
