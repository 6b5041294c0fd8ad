//! Root certificates that are trusted without a signature of another certificate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::Decode;

/// A root certificate at which chains may end, in DER.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustAnchor(Vec<u8>);

impl TrustAnchor {
    /// Returns Apple's App Attestation root, which is compiled in.
    #[must_use]
    pub fn apple() -> Self {
        // No chain ends at an anchor that cannot be read. A test reads this anchor.
        Self::from_pem(include_str!("Apple_App_Attestation_Root_CA.pem"))
            .unwrap_or(Self(Vec::new()))
    }

    /// Reads a file with one certificate (RFC 7468). Returns `None` if the file has none or
    /// several.
    #[must_use]
    pub fn from_pem(pem: &str) -> Option<Self> {
        let body = pem
            .trim()
            .strip_prefix("-----BEGIN CERTIFICATE-----")?
            .strip_suffix("-----END CERTIFICATE-----")?;
        let text: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(text).ok()?;
        x509_cert::Certificate::from_der(&der).ok()?;
        Some(Self(der))
    }

    /// Returns the certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_root_is_the_one_that_apple_published() {
        let digest = Sha256::digest(TrustAnchor::apple().der());
        let hex = digest
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(
            hex,
            "1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932"
        );
    }

    #[test]
    fn an_invalid_certificate_is_not_an_anchor() {
        let pem = include_str!("Apple_App_Attestation_Root_CA.pem");
        for bad in [
            "",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            &pem[1..],
            &pem.repeat(2),
            &pem.replace('M', "N"),
        ] {
            assert_eq!(TrustAnchor::from_pem(bad), None, "{bad}");
        }
    }
}
