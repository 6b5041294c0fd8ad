//! The two ceremonies of `WebAuthn` Level 3: registration (§7.1) and authentication (§7.2), each
//! step by its number.
//!
//! Pure functions over bytes, without a clock or a database. webauthn-rs verifies sign-ins, and
//! reads registrations and keys ([`library`]). Our own, stricter checks come before the library.
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

/// The expectations that both ceremonies are verified against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The id of the relying party.
    pub rp_id: &'a str,
    /// The accepted origins, compared to the letter.
    pub origins: &'a [String],
    /// Whether the pages of a developer's machine are accepted, on any port.
    pub loopback: bool,
    /// The challenge: base64url without padding.
    pub challenge: &'a str,
    /// The accepted algorithms.
    pub algorithms: &'a [Algorithm],
}
