//! The two ceremonies of `WebAuthn` Level 3, verified step by step: registration (§7.1) and authentication (§7.2).
//!
//! Pure functions over bytes: no clock, no database. The curves and RSA are `RustCrypto`'s and dalek's; why not a library's ceremonies stands
//! in docs/decisions/0016.

pub mod assertion;
pub mod attestation;
pub mod authenticator_data;
pub mod client_data;
pub mod cose;
pub mod json;
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
