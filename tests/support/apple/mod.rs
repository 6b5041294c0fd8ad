//! An authority such as Apple's, with a root of its own, and keys such as a device's: whole
//! attestations and assertions, and every way to break them. Deterministic: the same keys and bytes
//! in every run.
//!
//! Other test targets include it: `#[path = "../support/apple.rs"] mod apple;`.

use std::ops::Range;

use hamrah_api::accounts::model::attest::TrustAnchor;
use hamrah_api::kernel::model::time::Timestamp;
use p256::ecdsa::signature::Signer;
use p384::ecdsa::signature::hazmat::PrehashSigner;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
    SigningKey,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

pub const NONCE_OID: [u64; 7] = [1, 2, 840, 113_635, 100, 8, 2];
pub const AUTHORITY_VALID: Range<i64> = 1_584_500_000..2_373_000_000;
const DAY: i64 = 86_400;

/// A key of P-384.
struct CaKey {
    key: p384::ecdsa::SigningKey,
    point: Vec<u8>,
}

impl CaKey {
    fn new(seed: u8) -> Self {
        let key = p384::ecdsa::SigningKey::from_slice(&[seed; 48]).expect("a scalar");
        let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { key, point }
    }
}

impl PublicKeyData for CaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for CaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p384::ecdsa::Signature = self.key.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A public key of P-256.
struct LeafKey(Vec<u8>);

impl PublicKeyData for LeafKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

fn params(name: &str, valid: &Range<i64>, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject.push(DnType::OrganizationName, "Pear Inc.");
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from(serial));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    params.not_before = OffsetDateTime::from_unix_timestamp(valid.start).expect("a time");
    params.not_after = OffsetDateTime::from_unix_timestamp(valid.end).expect("a time");
    params
}

/// What an authority is made of.
#[derive(Clone)]
pub struct AuthorityPlan {
    /// Which keys.
    pub seed: u8,
    pub root_valid: Range<i64>,
    pub intermediate_valid: Range<i64>,
    pub intermediate_name: String,
    pub intermediate_is_ca: bool,
    pub intermediate_usage: Vec<KeyUsagePurpose>,
    pub intermediate_extensions: Vec<CustomExtension>,
}

impl Default for AuthorityPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            root_valid: AUTHORITY_VALID,
            intermediate_valid: AUTHORITY_VALID,
            intermediate_name: "Pear App Attestation CA 1".into(),
            intermediate_is_ca: true,
            intermediate_usage: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            intermediate_extensions: Vec::new(),
        }
    }
}

/// Root and intermediate.
pub struct Authority {
    pub root: Vec<u8>,
    pub intermediate: Vec<u8>,
    intermediate_params: CertificateParams,
    intermediate_key: CaKey,
}

impl Authority {
    pub fn new() -> Self {
        Self::of(&AuthorityPlan::default())
    }

    pub fn of(plan: &AuthorityPlan) -> Self {
        let (root_key, intermediate_key) = (CaKey::new(plan.seed), CaKey::new(plan.seed + 100));
        let mut root = params("Pear App Attestation Root CA", &plan.root_valid, 1);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_der = root.self_signed(&root_key).expect("a root").der().to_vec();
        let mut intermediate = params(&plan.intermediate_name, &plan.intermediate_valid, 2);
        intermediate.is_ca = if plan.intermediate_is_ca {
            IsCa::Ca(BasicConstraints::Constrained(0))
        } else {
            IsCa::ExplicitNoCa
        };
        intermediate.key_usages.clone_from(&plan.intermediate_usage);
        intermediate
            .custom_extensions
            .clone_from(&plan.intermediate_extensions);
        let issuer = Issuer::new(root, root_key);
        let certificate = intermediate
            .signed_by(&intermediate_key, &issuer)
            .expect("an intermediate");
        Self {
            root: root_der,
            intermediate: certificate.der().to_vec(),
            intermediate_params: intermediate,
            intermediate_key,
        }
    }

    pub fn anchor(&self) -> TrustAnchor {
        TrustAnchor::from_pem(&self.root_pem()).expect("a certificate")
    }

    pub fn root_pem(&self) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.root);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64"))
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// The certificate of a key.
    pub fn leaf(&self, attestation: &Attestation) -> Vec<u8> {
        let mut leaf = params("a key", &attestation.valid, 3);
        leaf.is_ca = attestation.leaf_is_ca;
        leaf.key_usages.clone_from(&attestation.leaf_usage);
        leaf.custom_extensions
            .clone_from(&attestation.leaf_extensions);
        let value = attestation
            .nonce_extension
            .clone()
            .unwrap_or_else(|| nonce_extension(&attestation.nonce()));
        if !value.is_empty() {
            leaf.custom_extensions
                .push(CustomExtension::from_oid_content(&NONCE_OID, value));
        }
        let issuer = Issuer::from_params(&self.intermediate_params, &self.intermediate_key);
        let certificate = leaf
            .signed_by(&LeafKey(attestation.leaf_point.clone()), &issuer)
            .expect("a leaf");
        self.signed_with_sha256(&certificate)
    }

    /// Apple signs with SHA-256 and a key of P-384, which rcgen does not know: named and signed
    /// again.
    fn signed_with_sha256(&self, certificate: &Certificate) -> Vec<u8> {
        const SHA384: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];
        let mut signed = tlv(content(certificate.der())).to_vec();
        let at = signed
            .windows(SHA384.len())
            .position(|bytes| bytes == SHA384)
            .expect("an algorithm");
        signed[at + SHA384.len() - 1] = 2;
        let signature: p384::ecdsa::Signature = self
            .intermediate_key
            .key
            .sign_prehash(&Sha256::digest(&signed))
            .expect("a signature");
        let algorithm = der(0x30, &der(0x06, &[&SHA384[..7], &[2]].concat()));
        let signature = der(0x03, &[&[0], signature.to_der().as_bytes()].concat());
        der(0x30, &[signed, algorithm, signature].concat())
    }

    /// The object that a device would send.
    pub fn attest(&self, attestation: &Attestation) -> Vec<u8> {
        let x5c = attestation
            .x5c
            .clone()
            .unwrap_or_else(|| vec![self.leaf(attestation), self.intermediate.clone()]);
        let x5c: Vec<_> = x5c.iter().map(|certificate| bytes(certificate)).collect();
        let x5c = [head(4, x5c.len()), x5c.concat()].concat();
        let statement = map(&[("x5c", x5c), ("receipt", bytes(&attestation.receipt))]);
        map(&[
            ("fmt", text(&attestation.format)),
            ("attStmt", statement),
            ("authData", bytes(&attestation.auth_data())),
        ])
    }
}

/// `SEQUENCE { [1] { OCTET STRING } }`.
pub fn nonce_extension(nonce: &[u8]) -> Vec<u8> {
    der(0x30, &der(0xA1, &der(0x04, nonce)))
}

/// A key in a device.
pub struct DeviceKey {
    key: p256::ecdsa::SigningKey,
}

impl DeviceKey {
    pub fn new(seed: u8) -> Self {
        Self {
            key: p256::ecdsa::SigningKey::from_slice(&[seed; 32]).expect("a scalar"),
        }
    }

    /// One of many.
    pub fn numbered(number: u32) -> Self {
        let mut scalar = [1; 32];
        scalar[28..].copy_from_slice(&number.to_be_bytes());
        Self {
            key: p256::ecdsa::SigningKey::from_slice(&scalar).expect("a scalar"),
        }
    }

    pub fn point(&self) -> Vec<u8> {
        self.key
            .verifying_key()
            .to_sec1_point(false)
            .as_bytes()
            .to_vec()
    }

    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(self.point()).into()
    }

    /// A whole attestation in the production environment, by a system before iOS 27.
    pub fn attestation(
        &self,
        app_id: &str,
        client_data_hash: [u8; 32],
        at: Timestamp,
    ) -> Attestation {
        Attestation {
            format: "apple-appattest".into(),
            app_id: app_id.into(),
            flags: 0x40,
            counter: 0,
            aaguid: *b"appattest\0\0\0\0\0\0\0",
            credential_id: self.id().to_vec(),
            cose_key: cose(&self.point()),
            tail: Vec::new(),
            client_data_hash,
            nonce_extension: None,
            leaf_point: self.point(),
            leaf_is_ca: IsCa::ExplicitNoCa,
            leaf_usage: vec![
                KeyUsagePurpose::DigitalSignature,
                KeyUsagePurpose::ContentCommitment,
            ],
            leaf_extensions: Vec::new(),
            valid: at.seconds() - DAY..at.seconds() + 2 * DAY,
            receipt: vec![0x30, 0x80],
            x5c: None,
        }
    }

    /// What a device would send.
    pub fn assert(&self, assertion: &Assertion) -> Vec<u8> {
        let signature = assertion
            .signature
            .clone()
            .unwrap_or_else(|| self.sign(&assertion.nonce()));
        map(&[
            ("signature", bytes(&signature)),
            ("authenticatorData", bytes(&assertion.auth_data())),
        ])
    }

    /// ECDSA with SHA-256, in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.key.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

/// An attestation before it is signed.
#[derive(Clone)]
pub struct Attestation {
    pub format: String,
    pub app_id: String,
    pub flags: u8,
    pub counter: u32,
    pub aaguid: [u8; 16],
    pub credential_id: Vec<u8>,
    pub cose_key: Vec<u8>,
    /// What follows the key.
    pub tail: Vec<u8>,
    pub client_data_hash: [u8; 32],
    /// Another value of the nonce's extension; an empty one leaves it out.
    pub nonce_extension: Option<Vec<u8>>,
    pub leaf_point: Vec<u8>,
    pub leaf_is_ca: IsCa,
    pub leaf_usage: Vec<KeyUsagePurpose>,
    pub leaf_extensions: Vec<CustomExtension>,
    /// When the leaf is valid, in seconds since 1970.
    pub valid: Range<i64>,
    pub receipt: Vec<u8>,
    /// Other certificates.
    pub x5c: Option<Vec<Vec<u8>>>,
}

impl Attestation {
    pub fn auth_data(&self) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len())
            .expect("a short id")
            .to_be_bytes();
        let key = [
            &self.aaguid[..],
            &length,
            &self.credential_id,
            &self.cose_key,
        ]
        .concat();
        [
            auth_header(&self.app_id, self.flags, self.counter),
            key,
            self.tail.clone(),
        ]
        .concat()
    }

    pub fn nonce(&self) -> [u8; 32] {
        Sha256::digest([self.auth_data().as_slice(), &self.client_data_hash].concat()).into()
    }

    /// As devices write it since iOS 27.
    #[must_use]
    pub fn ios_27(self, bundle_version: &str, category: u32) -> Self {
        Self {
            flags: 0xC0,
            tail: extensions(bundle_version, category),
            ..self
        }
    }

    #[must_use]
    pub fn development(self) -> Self {
        Self {
            aaguid: *b"appattestdevelop",
            ..self
        }
    }
}

/// An assertion before it is signed.
#[derive(Clone)]
pub struct Assertion {
    pub app_id: String,
    pub flags: u8,
    pub counter: u32,
    /// What follows the counter.
    pub tail: Vec<u8>,
    pub client_data_hash: [u8; 32],
    /// Another signature.
    pub signature: Option<Vec<u8>>,
}

impl Assertion {
    /// A whole assertion by a system before iOS 27.
    pub fn new(app_id: &str, client_data_hash: [u8; 32], counter: u32) -> Self {
        Self {
            app_id: app_id.into(),
            flags: 0x40,
            counter,
            tail: Vec::new(),
            client_data_hash,
            signature: None,
        }
    }

    pub fn auth_data(&self) -> Vec<u8> {
        [
            auth_header(&self.app_id, self.flags, self.counter),
            self.tail.clone(),
        ]
        .concat()
    }

    pub fn nonce(&self) -> [u8; 32] {
        Sha256::digest([self.auth_data().as_slice(), &self.client_data_hash].concat()).into()
    }

    /// As devices write it since iOS 27.
    #[must_use]
    pub fn ios_27(self, bundle_version: &str, category: u32) -> Self {
        Self {
            flags: 0xC0,
            tail: extensions(bundle_version, category),
            ..self
        }
    }
}

fn auth_header(app_id: &str, flags: u8, counter: u32) -> Vec<u8> {
    [
        Sha256::digest(app_id).as_slice(),
        &[flags],
        &counter.to_be_bytes(),
    ]
    .concat()
}

/// What iOS 27 appends.
pub fn extensions(bundle_version: &str, category: u32) -> Vec<u8> {
    map(&[
        ("apple_bundle_version_01", text(bundle_version)),
        (
            "apple_validation_category_01",
            bytes(&category.to_le_bytes()),
        ),
    ])
}

/// A point as a COSE key.
pub fn cose(point: &[u8]) -> Vec<u8> {
    [
        &[0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20],
        &point[1..33],
        &[0x22, 0x58, 0x20],
        &point[33..65],
    ]
    .concat()
}

/// The head of a CBOR item.
pub fn head(kind: u8, argument: usize) -> Vec<u8> {
    let argument = u32::try_from(argument).expect("a short item").to_be_bytes();
    match argument {
        [0, 0, 0, small @ 0..=23] => vec![kind << 5 | small],
        [0, 0, 0, byte] => vec![kind << 5 | 0x18, byte],
        [0, 0, high, low] => vec![kind << 5 | 0x19, high, low],
        [a, b, c, d] => vec![kind << 5 | 0x1A, a, b, c, d],
    }
}

pub fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

pub fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    members
        .iter()
        .fold(head(5, members.len()), |map, (name, value)| {
            [map, text(name), value.clone()].concat()
        })
}

/// A DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len())
        .expect("a short element")
        .to_be_bytes();
    let length = match (high, low) {
        (0, ..=0x7F) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

/// Where an element's content begins, and ends.
fn bounds(der: &[u8]) -> (usize, usize) {
    let (start, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        short => (2, usize::from(short)),
    };
    (start, start + length)
}

fn content(der: &[u8]) -> &[u8] {
    let (start, end) = bounds(der);
    &der[start..end]
}

/// The first element.
fn tlv(der: &[u8]) -> &[u8] {
    &der[..bounds(der).1]
}
