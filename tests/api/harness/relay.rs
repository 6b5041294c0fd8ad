//! Accounts of the relay for cases, with keys that the test made.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use super::{Answer, PASSWORD, TestApp};

/// An account with keys, signed in.
#[derive(Clone, Debug)]
pub struct RelayMember {
    pub id: String,
    pub username: String,
    pub access: String,
    pub refresh: String,
}

/// Returns bytes in the alphabet that clients use.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Returns a number that no other caller gets.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns `count` one-time prekeys that no other caller gets.
pub fn prekeys(count: usize) -> Vec<String> {
    let one = || {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&next().to_be_bytes());
        key[31] = 1;
        b64(key)
    };
    (0..count).map(|_| one()).collect()
}

/// Returns the identity key of a seed with a prekey that it signed, as a body.
pub fn identity(seed: u8, prekey: u8) -> Value {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let prekey = [prekey; 32];
    json!({
        "identity_key": b64(key.verifying_key().to_bytes()),
        "signed_prekey": b64(prekey),
        "signed_prekey_signature": b64(key.sign(&prekey).to_bytes()),
    })
}

/// Returns the body of a registration.
pub fn registration(username: &str, one_time: &[String]) -> Value {
    let mut body = identity(7, 9);
    body["username"] = json!(username);
    body["password"] = json!(PASSWORD);
    body["one_time_prekeys"] = json!(one_time);
    body
}

impl TestApp {
    /// Registers an account with `stock` one-time prekeys.
    pub async fn relay_member_with(&self, stock: usize) -> RelayMember {
        let username = format!("member-{}", next());
        self.secret(PASSWORD);
        let body = registration(&username, &prekeys(stock));
        let answer = self.post("/api/v1/auth/register", &body).send().await.ok();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        RelayMember {
            id: text(&answer["user"]["id"]),
            access: text(&answer["access_token"]),
            refresh: text(&answer["refresh_token"]),
            username,
        }
    }

    /// Registers an account without one-time prekeys.
    pub async fn relay_member(&self) -> RelayMember {
        self.relay_member_with(0).await
    }

    /// Reads the bundle of an account.
    pub async fn bundle(&self, by: &RelayMember, of: &str) -> Answer {
        self.get(&format!("/api/v1/users/{of}/keys"))
            .bearer(&by.access)
            .send()
            .await
    }
}
