//! iPhones for cases. A test authority attests their keys.

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::authenticator::Authenticator;
use super::{Answer, Call, Person, TestApp};
use crate::apple::{Assertion, Authority, DeviceKey};
use hamrah_api::kernel::model::time::Timestamp;

pub const BUNDLE: &str = "app.hamrah.ios";
pub const APP_ID: &str = "UR6RM9YCF7.app.hamrah.ios";

/// Returns settings that trust the test authority.
pub fn settings(mode: &'static str) -> Vec<(&'static str, String)> {
    vec![
        ("APP_ATTEST_MODE", mode.to_owned()),
        ("APPLE_TEAM_ID", "UR6RM9YCF7".to_owned()),
        ("APPLE_BUNDLE_ID", format!("{BUNDLE},{BUNDLE}.beta")),
        ("APP_ATTEST_TEST_ROOT", Authority::new().root_pem()),
    ]
}

/// A device with one key.
pub struct Device {
    pub key: DeviceKey,
    pub counter: u32,
}

impl Device {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            key: DeviceKey::numbered(NEXT.fetch_add(1, Ordering::Relaxed)),
            counter: 0,
        }
    }

    pub fn key_id(&self) -> String {
        standard(&self.key.id())
    }

    /// Returns the key id as the database stores it.
    pub fn id(&self) -> String {
        super::authenticator::base64url(self.key.id())
    }

    /// Returns the four headers of an assertion over a request, with the next count.
    pub fn headers(&mut self, method: &Method, path: &str, at: i64) -> [(&'static str, String); 4] {
        self.counter += 1;
        self.headers_over(
            &format!("{method}:http://localhost{path}:{at}"),
            self.counter,
        )
    }

    /// Returns the four headers of an assertion over a text.
    pub fn headers_over(&self, challenge: &str, counter: u32) -> [(&'static str, String); 4] {
        let assertion = self.key.assert(&Assertion::new(
            APP_ID,
            Sha256::digest(challenge).into(),
            counter,
        ));
        [
            ("x-ios-app-attest-key", self.key_id()),
            ("x-ios-app-attest-assertion", standard(&assertion)),
            ("x-ios-app-bundle-id", BUNDLE.to_owned()),
            ("x-request-challenge", standard(challenge.as_bytes())),
        ]
    }
}

pub fn standard(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decoded(text: &Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text.as_str().expect("a text"))
        .expect("standard base64")
}

impl Call<'_> {
    pub fn headers(self, headers: &[(&'static str, String)]) -> Self {
        headers
            .iter()
            .fold(self, |call, (name, value)| call.header(name, value))
    }
}

impl TestApp {
    /// Returns the time of the API, in seconds since 1970.
    pub async fn now(&self) -> i64 {
        let health = self.get("/health").send().await.ok();
        let text = health["timestamp"].as_str().expect("a time");
        chrono::DateTime::parse_from_rfc3339(text)
            .expect("RFC 3339")
            .timestamp()
    }

    /// Requests a challenge for an attestation.
    pub async fn attestation_challenge(&self, token: Option<&str>) -> Value {
        let call = self.post(
            "/api/app-attestation/challenge",
            &json!({"platform": "ios", "bundle_id": BUNDLE}),
        );
        (if let Some(token) = token {
            call.bearer(token)
        } else {
            call
        })
        .send()
        .await
        .ok()
    }

    /// Returns the attestation of the device's key over a challenge.
    pub async fn attestation(&self, device: &Device, challenge: &Value) -> Vec<u8> {
        let at = Timestamp::from_millis(self.now().await * 1000);
        Authority::new().attest(&device.key.attestation(
            APP_ID,
            Sha256::digest(decoded(&challenge["challenge"])).into(),
            at,
        ))
    }

    /// Registers the device's key.
    pub async fn attest(&self, device: &Device, token: Option<&str>) -> Answer {
        let challenge = self.attestation_challenge(token).await;
        let object = self.attestation(device, &challenge).await;
        self.send_attestation(device, &challenge, &object, token)
            .await
    }

    pub async fn send_attestation(
        &self,
        device: &Device,
        challenge: &Value,
        object: &[u8],
        token: Option<&str>,
    ) -> Answer {
        let body = json!({
            "attestation_object": standard(object), "key_id": device.key_id(),
            "challenge_id": challenge["challenge_id"], "bundle_id": BUNDLE,
        });
        let call = self.post("/api/app-attestation/verify", &body);
        (if let Some(token) = token {
            call.bearer(token)
        } else {
            call
        })
        .send()
        .await
    }

    /// Returns the attestation in the form that travels through the web app's server.
    pub async fn client_attestation(&self, device: &Device) -> String {
        let challenge = self.attestation_challenge(None).await;
        let object = self.attestation(device, &challenge).await;
        let sent = json!({
            "attestation_object": standard(&object),
            "challenge": challenge["challenge"],
            "key_id": device.key_id(),
        });
        standard(sent.to_string().as_bytes())
    }

    /// Inserts the device key of an account. Returns its id.
    pub async fn known_key(&self, person: &Person) -> String {
        let id = Device::new().id();
        let insert = "INSERT INTO attest_keys (id, user_id, public_key, app_id, environment, \
             counter, receipt, created_at)
            VALUES (?1, ?2, '', 'app', 'production', 0, '', 1)";
        self.sql(insert, &[json!(id), json!(person.id)]).await;
        id
    }

    /// Signs a person in with the app, through the web app's server.
    pub async fn sign_in_on(&self, device: &Device, who: &Value) -> Answer {
        let mut body = who.clone();
        body["platform"] = json!("ios");
        body["client_attestation"] = json!(self.client_attestation(device).await);
        self.internal("/api/internal/tokens", &body).send().await
    }

    /// Signs in with a passkey in the app. The device asserts the request.
    pub async fn passkey_sign_in_on(
        &self,
        device: &mut Device,
        authenticator: &Authenticator,
    ) -> Answer {
        let begun = self.begin_sign_in(None).await;
        let headers = device.headers(
            &Method::POST,
            "/api/webauthn/authenticate/complete",
            self.now().await,
        );
        self.complete_sign_in(&begun, &authenticator.authenticate(&begun["options"]))
            .headers(&headers)
            .send()
            .await
    }

    /// Sends a GET with a token and an assertion over the request.
    pub async fn asserted(&self, device: &mut Device, token: &str, path: &str) -> Answer {
        let at = self.now().await;
        self.get(path)
            .bearer(token)
            .headers(&device.headers(&Method::GET, path, at))
            .send()
            .await
    }
}
