//! Apple's App Attest, verified step by step: attestations (nine steps) and assertions (six), as in
//! "Validating apps that connect to your server".
//!
//! Pure functions over bytes, without a clock or a database. The `WebAuthn` parsers are not used,
//! because they do not know the authenticator data of iOS 27 ([`authenticator_data`]).

pub mod assertion;
pub mod attestation;
pub mod authenticator_data;
pub mod certificate;
mod chain;
pub mod object;

use sha2::{Digest, Sha256};

use crate::accounts::domain::verification::report::CheckList;
use authenticator_data::{Extensions, Header};

/// Returns the nonce that a certificate is issued for and that a key signs.
fn nonce(auth_data: &[u8], client_data_hash: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(auth_data)
        .chain_update(client_data_hash)
        .finalize()
        .into()
}

/// Returns true if the authenticator data belongs to the application.
fn is_rp(app_id: &str, header: &Header) -> bool {
    header.rp_id_hash == <[u8; 32]>::from(Sha256::digest(app_id))
}

/// Checks how the app was installed on the device, if the device reports that. This is not one of
/// Apple's steps.
fn category_step(steps: &mut CheckList, extensions: &Extensions, accepted: &[u32]) {
    let Some(category) = extensions.validation_category else {
        return;
    };
    let ok = accepted.is_empty() || accepted.contains(&category);
    let reason = "the app was installed in a way that is not accepted";
    steps.check(0, "the validation category is accepted", ok, reason, || {
        Some(category.to_string())
    });
}
