//! A test authority like Apple's. Its root certifies keys for `attest make`, in development only.
//!
//! Each machine generates its own root. Production refuses the settings that hold it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::kernel::domain::Entropy;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::ports::SystemEntropy;

const ROOT_NAME: &str = "CN=Test App Attestation Root,O=hamrah-api development";
const INTERMEDIATE_NAME: &str = "CN=Test App Attestation CA,O=hamrah-api development";
const LEAF_NAME: &str = "CN=a test key,O=hamrah-api development";
/// Apple's extension with the nonce.
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.2");
/// The content of the extension before the nonce: `SEQUENCE { [1] { OCTET STRING } }`, in DER.
const NONCE_PREFIX: [u8; 6] = [0x30, 0x24, 0xA1, 0x22, 0x04, 0x20];
/// The validity of the authorities, in seconds since 1970: 2020 to 2049.
const AUTHORITY_VALID: [u64; 2] = [1_577_836_800, 2_524_607_999];
const DAY: u64 = 86_400;

type Failed = Box<dyn std::error::Error>;

/// The names, the extensions and the validity of a new certificate.
struct CertificatePlan {
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
    valid: [u64; 2],
}

impl BuilderProfile for CertificatePlan {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _content: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

impl CertificatePlan {
    /// Plans the certificate of an authority.
    fn authority(subject: &str, path_len_constraint: Option<u8>) -> Result<Self, Failed> {
        let (subject, issuer): (Name, Name) = (subject.parse()?, ROOT_NAME.parse()?);
        let constraints = BasicConstraints {
            ca: true,
            path_len_constraint,
        };
        let usage = KeyUsage(KeyUsages::KeyCertSign.into());
        let extensions = vec![
            (&constraints).to_extension(&subject, &[])?,
            (&usage).to_extension(&subject, &[])?,
        ];
        Ok(Self {
            subject,
            issuer,
            extensions,
            valid: AUTHORITY_VALID,
        })
    }

    /// Plans the certificate of a device's key.
    fn leaf(nonce: &[u8; 32], now: Timestamp) -> Result<Self, Failed> {
        let (subject, issuer) = (LEAF_NAME.parse()?, INTERMEDIATE_NAME.parse()?);
        let usage = KeyUsage(KeyUsages::DigitalSignature.into());
        let extensions = vec![
            (&usage).to_extension(&subject, &[])?,
            Extension {
                extn_id: NONCE,
                critical: false,
                extn_value: OctetString::new([&NONCE_PREFIX[..], nonce].concat())?,
            },
        ];
        let now = u64::try_from(now.seconds())?;
        Ok(Self {
            subject,
            issuer,
            extensions,
            valid: [now.saturating_sub(DAY), now.saturating_add(2 * DAY)],
        })
    }

    fn signed(
        self,
        key: SubjectPublicKeyInfoOwned,
        signer: &p384::ecdsa::SigningKey,
    ) -> Result<Certificate, Failed> {
        let [from, until] = self.valid;
        let time = |seconds| -> Result<Time, Failed> {
            Ok(Time::UtcTime(
                x509_cert::der::asn1::UtcTime::from_unix_duration(Duration::from_secs(seconds))?,
            ))
        };
        let validity = Validity::new(time(from)?, time(until)?);
        let mut serial = [0; 16];
        SystemEntropy.fill(&mut serial)?;
        let builder = CertificateBuilder::new(self, SerialNumber::new(&serial)?, validity, key)?;
        Ok(builder.build::<_, p384::ecdsa::DerSignature>(signer)?)
    }
}

/// Generates a key of an authority.
fn authority_key() -> Result<p384::ecdsa::SigningKey, Failed> {
    let mut scalar = [0; 48];
    SystemEntropy.fill(&mut scalar)?;
    Ok(p384::ecdsa::SigningKey::from_slice(&scalar)?)
}

/// The root of the test authority.
pub(in crate::platform::native) struct TestRoot {
    key: p384::ecdsa::SigningKey,
    certificate: Certificate,
}

impl TestRoot {
    /// Generates a root.
    ///
    /// # Errors
    /// The CSPRNG failed.
    pub(in crate::platform::native) fn generate() -> Result<Self, Failed> {
        let key = authority_key()?;
        let public = SubjectPublicKeyInfo::from_key(key.verifying_key())?;
        let certificate = CertificatePlan::authority(ROOT_NAME, None)?.signed(public, &key)?;
        Ok(Self { key, certificate })
    }

    /// Reads the settings `APP_ATTEST_TEST_ROOT` and `APP_ATTEST_TEST_ROOT_KEY`.
    ///
    /// # Errors
    /// One of them cannot be read, or the key is not that of the certificate.
    pub(super) fn read(pem: &str, key: &str) -> Result<Self, Failed> {
        let wrong = |_| "APP_ATTEST_TEST_ROOT_KEY must be 48 bytes in base64url";
        let scalar = URL_SAFE_NO_PAD.decode(key.trim()).map_err(wrong)?;
        let key = p384::ecdsa::SigningKey::from_slice(&scalar)
            .map_err(|_| "APP_ATTEST_TEST_ROOT_KEY must be 48 bytes in base64url")?;
        let certificate = crate::accounts::model::attest::TrustAnchor::from_pem(pem)
            .ok_or("APP_ATTEST_TEST_ROOT must be one certificate in PEM")?;
        let certificate = Certificate::from_der(certificate.der())?;
        let public = SubjectPublicKeyInfo::from_key(key.verifying_key())?;
        if *certificate.tbs_certificate().subject_public_key_info() != public {
            return Err("APP_ATTEST_TEST_ROOT_KEY is not the key of APP_ATTEST_TEST_ROOT".into());
        }
        Ok(Self { key, certificate })
    }

    /// Returns the certificate in PEM.
    ///
    /// # Errors
    /// The certificate cannot be encoded.
    pub(in crate::platform::native) fn pem(&self) -> Result<String, Failed> {
        Ok(self.certificate.to_pem(LineEnding::LF)?)
    }

    /// Returns the private key as the setting `APP_ATTEST_TEST_ROOT_KEY`.
    pub(in crate::platform::native) fn key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.to_bytes())
    }

    /// Certifies a device's key for a nonce. Returns the leaf and a new intermediate, in DER.
    ///
    /// # Errors
    /// The CSPRNG failed.
    pub(super) fn certify(
        &self,
        device: &p256::ecdsa::VerifyingKey,
        nonce: &[u8; 32],
        now: Timestamp,
    ) -> Result<[Vec<u8>; 2], Failed> {
        let key = authority_key()?;
        let public = SubjectPublicKeyInfo::from_key(key.verifying_key())?;
        let intermediate =
            CertificatePlan::authority(INTERMEDIATE_NAME, Some(0))?.signed(public, &self.key)?;
        let device = SubjectPublicKeyInfo::from_key(device)?;
        let leaf = CertificatePlan::leaf(nonce, now)?.signed(device, &key)?;
        Ok([leaf.to_der()?, intermediate.to_der()?])
    }
}
