//! A hand-written authenticator that can produce every kind of wrong response.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use rsa::pkcs1v15;
use rsa::signature::SignatureEncoding;
use rsa::traits::PublicKeyParts;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The origin that development allows.
pub const ORIGIN: &str = "http://localhost:8787";

/// User present, user verified.
pub const UP_UV: u8 = 0x05;
/// Backup eligible, backed up.
pub const BE: u8 = 0x08;
pub const BS: u8 = 0x10;
const AT: u8 = 0x40;

/// Base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A map in CBOR.
pub fn cbor_map(members: &[(Cbor, Cbor)]) -> Vec<u8> {
    serde_cbor_2::to_vec(&Cbor::Map(
        members.iter().cloned().collect::<BTreeMap<_, _>>(),
    ))
    .expect("CBOR")
}

#[derive(Clone)]
pub enum Key {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
    Rs256(Box<rsa::RsaPrivateKey>),
}

/// An authenticator with one credential.
#[derive(Clone)]
pub struct Authenticator {
    pub key: Key,
    pub id: Vec<u8>,
    pub origin: String,
    pub flags: u8,
    pub counter: u32,
    pub aaguid: [u8; 16],
    /// The user handle that came with its credential, in base64url.
    pub user_handle: Option<String>,
}

impl Authenticator {
    fn with(key: Key) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = Sha256::digest(format!("credential {number} {}", std::process::id())).to_vec();
        Self {
            key,
            id,
            origin: ORIGIN.to_owned(),
            flags: UP_UV,
            counter: 0,
            aaguid: [0; 16],
            user_handle: None,
        }
    }

    /// Creates an authenticator that signs with ES256.
    pub fn new() -> Self {
        let made = Self::with(Key::Es256(
            p256::ecdsa::SigningKey::from_slice(&[1; 32]).expect("a key"),
        ));
        let seed: [u8; 32] = Sha256::digest(&made.id).into();
        Self {
            key: Key::Es256(p256::ecdsa::SigningKey::from_slice(&seed).expect("a key")),
            ..made
        }
    }

    /// Creates an authenticator that signs with Ed25519.
    pub fn ed25519() -> Self {
        let made = Self::with(Key::EdDsa(ed25519_dalek::SigningKey::from_bytes(&[1; 32])));
        Self {
            key: Key::EdDsa(ed25519_dalek::SigningKey::from_bytes(
                &Sha256::digest(&made.id).into(),
            )),
            ..made
        }
    }

    /// Creates an authenticator that signs with RS256. All of them share one key, because
    /// generating a key takes a while.
    pub fn rsa() -> Self {
        static KEY: OnceLock<rsa::RsaPrivateKey> = OnceLock::new();
        let key =
            KEY.get_or_init(|| rsa::RsaPrivateKey::new(&mut rand::rng(), 2048).expect("a key"));
        Self::with(Key::Rs256(Box::new(key.clone())))
    }

    /// Creates an authenticator that signs with RS256, with a new key of this size.
    pub fn rsa_of(bits: usize) -> Self {
        let key = rsa::RsaPrivateKey::new(&mut rand::rng(), bits).expect("a key");
        Self::with(Key::Rs256(Box::new(key)))
    }

    /// Returns the public key as COSE.
    pub fn cose(&self) -> Vec<u8> {
        let int = |number: i128| Cbor::Integer(number);
        match &self.key {
            Key::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (
                    point.x().expect("x").to_vec(),
                    point.y().expect("y").to_vec(),
                );
                cbor_map(&[
                    (int(1), int(2)),
                    (int(3), int(-7)),
                    (int(-1), int(1)),
                    (int(-2), Cbor::Bytes(x)),
                    (int(-3), Cbor::Bytes(y)),
                ])
            }
            Key::EdDsa(key) => cbor_map(&[
                (int(1), int(1)),
                (int(3), int(-8)),
                (int(-1), int(6)),
                (
                    int(-2),
                    Cbor::Bytes(key.verifying_key().to_bytes().to_vec()),
                ),
            ]),
            Key::Rs256(key) => cbor_map(&[
                (int(1), int(3)),
                (int(3), int(-257)),
                (int(-1), Cbor::Bytes(key.n_bytes().to_vec())),
                (int(-2), Cbor::Bytes(key.e_bytes().to_vec())),
            ]),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => Signer::<p256::ecdsa::Signature>::sign(key, message)
                .to_der()
                .as_bytes()
                .to_vec(),
            Key::EdDsa(key) => Signer::sign(key, message).to_bytes().to_vec(),
            Key::Rs256(key) => pkcs1v15::SigningKey::<Sha256>::new((**key).clone())
                .sign(message)
                .to_vec(),
        }
    }

    /// Answers the options of a registration, and remembers the user handle.
    pub fn register(&mut self, options: &Value) -> Registration {
        self.user_handle = options["user"]["id"].as_str().map(str::to_owned);
        Registration {
            id: self.id.clone(),
            client_data: client_data("webauthn.create", options, &self.origin),
            client_data_prefix: Vec::new(),
            rp_id: options["rp"]["id"].as_str().expect("rp.id").to_owned(),
            flags: self.flags | AT,
            counter: self.counter,
            aaguid: self.aaguid,
            credential_id: self.id.clone(),
            public_key: self.cose(),
            tail: Vec::new(),
            format: "none".to_owned(),
            statement: Cbor::Map(BTreeMap::new()),
            object: None,
        }
    }

    /// Answers the options of a sign-in.
    pub fn authenticate(&self, options: &Value) -> Assertion {
        Assertion {
            signer: self.clone(),
            id: self.id.clone(),
            client_data: client_data("webauthn.get", options, &self.origin),
            client_data_prefix: Vec::new(),
            rp_id: options["rpId"].as_str().expect("rpId").to_owned(),
            flags: self.flags,
            counter: self.counter,
            tail: Vec::new(),
            user_handle: self.user_handle.clone(),
            signature: None,
        }
    }
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Value {
    json!({"type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false})
}

fn auth_data(rp_id: &str, flags: u8, counter: u32) -> Vec<u8> {
    let mut bytes = Sha256::digest(rp_id.as_bytes()).to_vec();
    bytes.push(flags);
    bytes.extend_from_slice(&counter.to_be_bytes());
    bytes
}

/// The parts of a response to a registration. A case can change them before they are encoded.
#[derive(Clone)]
pub struct Registration {
    pub id: Vec<u8>,
    pub client_data: Value,
    pub client_data_prefix: Vec<u8>,
    pub rp_id: String,
    pub flags: u8,
    pub counter: u32,
    pub aaguid: [u8; 16],
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    /// The bytes after the public key.
    pub tail: Vec<u8>,
    pub format: String,
    pub statement: Cbor,
    /// Authenticator data that replaces all of these parts.
    pub object: Option<Vec<u8>>,
}

impl Registration {
    pub fn client_data_bytes(&self) -> Vec<u8> {
        [
            self.client_data_prefix.clone(),
            self.client_data.to_string().into_bytes(),
        ]
        .concat()
    }

    pub fn auth_data(&self) -> Vec<u8> {
        let mut bytes = auth_data(&self.rp_id, self.flags, self.counter);
        if self.flags & AT != 0 {
            bytes.extend_from_slice(&self.aaguid);
            bytes.extend_from_slice(
                &u16::try_from(self.credential_id.len())
                    .expect("fits")
                    .to_be_bytes(),
            );
            bytes.extend_from_slice(&self.credential_id);
            bytes.extend_from_slice(&self.public_key);
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    pub fn object(&self) -> Vec<u8> {
        self.object.clone().unwrap_or_else(|| {
            let text = |text: &str| Cbor::Text(text.to_owned());
            cbor_map(&[
                (text("fmt"), text(&self.format)),
                (text("attStmt"), self.statement.clone()),
                (text("authData"), Cbor::Bytes(self.auth_data())),
            ])
        })
    }

    /// `RegistrationResponseJSON`.
    pub fn json(&self) -> Value {
        json!({
            "id": base64url(&self.id),
            "rawId": base64url(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(self.client_data_bytes()),
                "attestationObject": base64url(self.object()),
                "transports": ["internal", "hybrid"],
            },
        })
    }
}

/// The parts of a response to a sign-in. A case can change them before they are encoded.
#[derive(Clone)]
pub struct Assertion {
    pub signer: Authenticator,
    pub id: Vec<u8>,
    pub client_data: Value,
    pub client_data_prefix: Vec<u8>,
    pub rp_id: String,
    pub flags: u8,
    pub counter: u32,
    /// The bytes after the counter.
    pub tail: Vec<u8>,
    pub user_handle: Option<String>,
    /// A signature that replaces the right one.
    pub signature: Option<Vec<u8>>,
}

impl Assertion {
    pub fn client_data_bytes(&self) -> Vec<u8> {
        [
            self.client_data_prefix.clone(),
            self.client_data.to_string().into_bytes(),
        ]
        .concat()
    }

    pub fn auth_data(&self) -> Vec<u8> {
        [
            auth_data(&self.rp_id, self.flags, self.counter),
            self.tail.clone(),
        ]
        .concat()
    }

    pub fn signature(&self) -> Vec<u8> {
        let signed = [
            self.auth_data(),
            Sha256::digest(self.client_data_bytes()).to_vec(),
        ]
        .concat();
        self.signature
            .clone()
            .unwrap_or_else(|| self.signer.sign(&signed))
    }

    /// `AuthenticationResponseJSON`.
    pub fn json(&self) -> Value {
        json!({
            "id": base64url(&self.id),
            "rawId": base64url(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(self.client_data_bytes()),
                "authenticatorData": base64url(self.auth_data()),
                "signature": base64url(self.signature()),
                "userHandle": self.user_handle,
            },
        })
    }
}
