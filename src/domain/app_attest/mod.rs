//! Apple's App Attest, verified step by step: attestations (nine steps) and assertions (six), as in "Validating apps that connect to
//! your server".
//!
//! Pure functions over bytes: no clock, no database. No parser of `WebAuthn` is used: since iOS 27 the authenticator data has a shape that
//! it does not know ([`authenticator_data`]).

pub mod assertion;
pub mod attestation;
pub mod authenticator_data;
mod cbor;
pub mod certificate;
mod chain;
pub mod object;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use authenticator_data::Header;
use certificate::Certificate;

/// Which of Apple's environments made a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    /// Apps from the store, from `TestFlight` and of enterprises.
    Production,
    /// Apps that a developer runs.
    Development,
}

impl Environment {
    /// The AAGUID of its keys.
    #[must_use]
    pub const fn aaguid(self) -> &'static [u8; 16] {
        match self {
            Self::Production => b"appattest\0\0\0\0\0\0\0",
            Self::Development => b"appattestdevelop",
        }
    }

    /// The environment that makes keys with this AAGUID.
    #[must_use]
    pub fn of(aaguid: [u8; 16]) -> Option<Self> {
        [Self::Production, Self::Development].into_iter().find(|environment| *environment.aaguid() == aaguid)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

/// A root certificate to which chains may lead: DER.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustAnchor(Vec<u8>);

impl TrustAnchor {
    /// Apple's App Attestation root, compiled in.
    #[must_use]
    pub fn apple() -> Self {
        // No chain leads to an anchor that cannot be read; a test reads this one.
        Self::from_pem(include_str!("Apple_App_Attestation_Root_CA.pem")).unwrap_or(Self(Vec::new()))
    }

    /// Reads a file with one certificate (RFC 7468); `None` if it has none or several.
    #[must_use]
    pub fn from_pem(pem: &str) -> Option<Self> {
        let body = pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?.strip_suffix("-----END CERTIFICATE-----")?;
        let text: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(text).ok()?;
        Certificate::parse(&der).ok()?;
        Some(Self(der))
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// What a certificate is issued for, and what a key signs.
fn nonce(auth_data: &[u8], client_data_hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(auth_data).chain_update(client_data_hash).finalize().into()
}

/// Whether the authenticator data is of the application.
fn is_rp(app_id: &str, header: &Header) -> bool {
    header.rp_id_hash == <[u8; 32]>::from(Sha256::digest(app_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_one_that_apple_published() {
        let digest = Sha256::digest(TrustAnchor::apple().der());
        let hex = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(hex, "1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932");
    }

    #[test]
    fn what_is_no_certificate_is_no_anchor() {
        let pem = include_str!("Apple_App_Attestation_Root_CA.pem");
        for bad in ["", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", &pem[1..], &pem.repeat(2), &pem.replace('M', "N")] {
            assert_eq!(TrustAnchor::from_pem(bad), None, "{bad}");
        }
    }

    #[test]
    fn environments_are_told_by_their_aaguid() {
        assert_eq!(Environment::of(*b"appattestdevelop"), Some(Environment::Development));
        assert_eq!(Environment::of(*Environment::Production.aaguid()), Some(Environment::Production));
        assert_eq!(Environment::of(*b"appattestsandbox"), None);
    }
}
