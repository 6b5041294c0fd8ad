//! A test device: a file with the key that a device would keep in hardware.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use minicbor::Encoder;
use p256::ecdsa::signature::Signer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::model::attest::AttestEnvironment;
use crate::kernel::domain::Entropy;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::attest::authority::TestRoot;
use crate::platform::native::ports::SystemEntropy;

type Failed = Box<dyn std::error::Error>;
type CborWriter = Encoder<Vec<u8>>;

/// The remedy for a missing file of a device.
const MADE_BY: &str = ". `hamrah-api attest make attestation` makes the device";

/// The bit of the flags that means attested credential data. Apple sets it in assertions too.
const ATTESTED: u8 = 0x40;

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct KeptKey {
    /// The app that the key was attested for.
    app_id: String,
    /// The counter of the last assertion.
    counter: u32,
    /// The private key on P-256: 32 bytes in base64url.
    private_key: String,
}

/// A test device with its key.
pub(super) struct TestDevice {
    path: PathBuf,
    pub(super) app_id: String,
    counter: u32,
    key: p256::ecdsa::SigningKey,
}

impl TestDevice {
    /// Reads the device from its file.
    ///
    /// # Errors
    /// There is no such file, or it does not hold a device.
    pub(super) fn read(path: &Path) -> Result<Self, Failed> {
        let wrong = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
        let text = fs::read_to_string(path).map_err(|error| {
            let missing = error.kind() == ErrorKind::NotFound;
            let made_by = if missing { MADE_BY } else { "" };
            wrong(&format!("{error}{made_by}"))
        })?;
        let kept: KeptKey = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        let scalar = URL_SAFE_NO_PAD.decode(kept.private_key);
        let key = scalar
            .ok()
            .and_then(|scalar| p256::ecdsa::SigningKey::from_slice(&scalar).ok())
            .ok_or_else(|| wrong(&"private_key must be 32 bytes in base64url"))?;
        Ok(Self {
            path: path.to_owned(),
            app_id: kept.app_id,
            counter: kept.counter,
            key,
        })
    }

    /// Generates a device. [`TestDevice::write`] makes its file.
    ///
    /// # Errors
    /// The CSPRNG failed.
    pub(super) fn generate(path: &Path, app_id: &str) -> Result<Self, Failed> {
        let mut scalar = [0; 32];
        SystemEntropy.fill(&mut scalar)?;
        Ok(Self {
            path: path.to_owned(),
            app_id: app_id.to_owned(),
            counter: 0,
            key: p256::ecdsa::SigningKey::from_slice(&scalar)?,
        })
    }

    /// Writes the file. Only its owner may read it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self) -> Result<(), Failed> {
        let kept = KeptKey {
            app_id: self.app_id.clone(),
            counter: self.counter,
            private_key: URL_SAFE_NO_PAD.encode(self.key.to_bytes()),
        };
        let mut options = fs::OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = serde_json::to_string(&kept)? + "\n";
        let written = options
            .open(&self.path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", self.path.display()).into())
    }

    /// Returns the public key: an X9.62 point, uncompressed.
    fn point(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        point.as_bytes().to_vec()
    }

    /// Returns the key's id.
    fn id(&self) -> [u8; 32] {
        Sha256::digest(self.point()).into()
    }

    /// Returns the key's id in base64.
    pub(super) fn key_id(&self) -> String {
        STANDARD.encode(self.id())
    }

    /// Returns the bundle id of the app.
    pub(super) fn bundle_id(&self) -> &str {
        self.app_id
            .split_once('.')
            .map_or("", |(_team, bundle)| bundle)
    }

    fn header(&self, counter: u32) -> Vec<u8> {
        let mut header = Sha256::digest(&self.app_id).to_vec();
        header.push(ATTESTED);
        header.extend(counter.to_be_bytes());
        header
    }

    /// Returns the public key as COSE (RFC 9053 §7.1.1).
    fn cose(&self) -> Result<Vec<u8>, Failed> {
        let point = self.point();
        let (x, y) = point
            .get(1..)
            .unwrap_or_default()
            .split_at_checked(32)
            .ok_or("no point")?;
        let mut cbor = CborWriter::new(Vec::new());
        cbor.map(5)?.u8(1)?.u8(2)?.u8(3)?.i8(-7)?.i8(-1)?.u8(1)?;
        cbor.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?;
        Ok(cbor.into_writer())
    }

    /// Returns the attestation object that a device would send for this hash.
    ///
    /// # Errors
    /// The CSPRNG failed.
    pub(super) fn attest(
        &self,
        root: &TestRoot,
        environment: AttestEnvironment,
        client_data_hash: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, Failed> {
        let mut auth_data = self.header(0);
        auth_data.extend(environment.aaguid());
        auth_data.extend(32_u16.to_be_bytes());
        auth_data.extend(self.id());
        auth_data.extend(self.cose()?);
        let nonce = nonce(&auth_data, client_data_hash);
        let [leaf, intermediate] = root.certify(self.key.verifying_key(), &nonce, now)?;

        let mut cbor = CborWriter::new(Vec::new());
        cbor.map(3)?.str("fmt")?.str("apple-appattest")?;
        cbor.str("attStmt")?.map(2)?.str("x5c")?.array(2)?;
        cbor.bytes(&leaf)?.bytes(&intermediate)?;
        // The server stores the receipt and does not read it.
        cbor.str("receipt")?.bytes(b"test")?;
        cbor.str("authData")?.bytes(&auth_data)?;
        Ok(cbor.into_writer())
    }

    /// Returns the assertion that a device would send for this hash, with the next count.
    ///
    /// # Errors
    /// The counter has reached its end.
    pub(super) fn assert(&mut self, client_data_hash: &[u8]) -> Result<Vec<u8>, Failed> {
        self.counter = self
            .counter
            .checked_add(1)
            .ok_or("the counter is used up")?;
        let auth_data = self.header(self.counter);
        let signature: p256::ecdsa::Signature = self.key.sign(&nonce(&auth_data, client_data_hash));
        let mut cbor = CborWriter::new(Vec::new());
        cbor.map(2)?.str("signature")?;
        cbor.bytes(signature.to_der().as_bytes())?;
        cbor.str("authenticatorData")?.bytes(&auth_data)?;
        Ok(cbor.into_writer())
    }
}

fn nonce(auth_data: &[u8], client_data_hash: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(auth_data);
    hash.chain_update(client_data_hash).finalize().into()
}
