//! Apple's App Attest, verified step by step: attestations (nine steps) and assertions (six), as in
//! "Validating apps that connect to your server".
//!
//! Pure functions over bytes: no clock, no database. No parser of `WebAuthn` is used: since iOS 27
//! the authenticator data has a shape that it does not know ([`authenticator_data`]).

pub mod assertion;
pub mod attestation;
pub mod authenticator_data;
pub mod certificate;
mod chain;
pub mod object;

use sha2::{Digest, Sha256};

use crate::accounts::domain::verification::report::CheckList;
use authenticator_data::{Extensions, Header};

/// What a certificate is issued for, and what a key signs.
fn nonce(auth_data: &[u8], client_data_hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(auth_data)
        .chain_update(client_data_hash)
        .finalize()
        .into()
}

/// Whether the authenticator data is of the application.
fn is_rp(app_id: &str, header: &Header) -> bool {
    header.rp_id_hash == <[u8; 32]>::from(Sha256::digest(app_id))
}

/// None of Apple's steps: which ways onto the device are accepted is ours to say, where the device
/// tells it at all.
fn category_step(steps: &mut CheckList, extensions: &Extensions, accepted: &[u32]) {
    let Some(category) = extensions.validation_category else {
        return;
    };
    let ok = accepted.is_empty() || accepted.contains(&category);
    let reason = "the app came onto the device in a way that is not accepted";
    steps.check(0, "the validation category is accepted", ok, reason, || {
        Some(category.to_string())
    });
}
