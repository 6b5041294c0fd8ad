//! An authority like Apple's with its own root, and keys like those of devices. It makes valid
//! attestations and assertions, and every broken form of them. Keys and bytes are equal in every
//! run.
//!
//! Other test targets include it: `#[path = "../support/apple/mod.rs"] mod apple;`.

mod authority;
mod encoding;

use std::ops::Range;

use hamrah_api::kernel::model::time::Timestamp;
use p256::ecdsa::signature::Signer;
use p384::ecdsa::signature::hazmat::PrehashSigner;
use rcgen::{CustomExtension, IsCa, KeyUsagePurpose, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};

use self::authority::DAY;
pub use self::authority::{AUTHORITY_VALID, Authority, AuthorityPlan, NONCE_OID, nonce_extension};
pub use self::encoding::{bytes, cose, head, map, text};

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

    /// Returns one of many keys.
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

    /// Returns a valid attestation in the production environment, by a system before iOS 27.
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

    /// Returns the assertion that a device would send.
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

    /// Signs with ECDSA and SHA-256. Returns the signature in DER.
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
    /// The bytes after the key.
    pub tail: Vec<u8>,
    pub client_data_hash: [u8; 32],
    /// Another value of the nonce's extension. An empty value omits the extension.
    pub nonce_extension: Option<Vec<u8>>,
    pub leaf_point: Vec<u8>,
    pub leaf_is_ca: IsCa,
    pub leaf_usage: Vec<KeyUsagePurpose>,
    pub leaf_extensions: Vec<CustomExtension>,
    /// The validity of the leaf, in seconds since 1970.
    pub valid: Range<i64>,
    pub receipt: Vec<u8>,
    /// Certificates that replace the right ones.
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

    /// Changes the attestation to the form of iOS 27.
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
    /// The bytes after the counter.
    pub tail: Vec<u8>,
    pub client_data_hash: [u8; 32],
    /// A signature that replaces the right one.
    pub signature: Option<Vec<u8>>,
}

impl Assertion {
    /// Returns a valid assertion by a system before iOS 27.
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

    /// Changes the assertion to the form of iOS 27.
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

/// Returns the extensions that iOS 27 appends.
pub fn extensions(bundle_version: &str, category: u32) -> Vec<u8> {
    map(&[
        ("apple_bundle_version_01", text(bundle_version)),
        (
            "apple_validation_category_01",
            bytes(&category.to_le_bytes()),
        ),
    ])
}
