//! Enrols TOTP and backup codes for a case, and recovers accounts with them.

use std::time::Duration;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::harness::{Answer, Person, TestApp};

pub const FACTORS: &str = "/api/auth/factors";

/// An authenticator app with the secret of one account.
pub struct Generator(pub Vec<u8>);

impl Generator {
    pub fn of(enrolled: &Value) -> Self {
        let secret = enrolled["secret"].as_str().expect("a secret");
        assert!(
            enrolled["otpauth_uri"]
                .as_str()
                .expect("a URI")
                .contains(secret)
        );
        assert!(
            enrolled["qr_svg"]
                .as_str()
                .expect("an image")
                .contains("<svg")
        );
        Self::of_secret(secret)
    }

    /// Returns the generator of a secret in base32.
    pub fn of_secret(secret: &str) -> Self {
        Self(
            Secret::try_from_base32(secret)
                .expect("base32")
                .as_bytes()
                .to_vec(),
        )
    }

    /// Returns the code of the step that lies `steps` steps from now.
    pub async fn code(&self, app: &TestApp, steps: i64) -> String {
        let at = u64::try_from(app.now().await + 30 * steps).expect("after 1970");
        Builder::new()
            .with_secret(Secret::from(self.0.clone().into_boxed_slice()))
            .build()
            .expect("a generator")
            .generate(at)
            .to_string()
    }
}

/// Waits until a step has just begun, so that the neighbouring steps stay neighbours while the case
/// runs. Natively the clock is set forward instead.
pub async fn early_in_a_step(app: &TestApp) {
    while app.now().await % 30 > 20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if !crate::harness::on_workerd() {
            app.age(Duration::from_secs(1)).await;
        }
    }
}

pub async fn enrolled(app: &TestApp, session: &str) -> Generator {
    early_in_a_step(app).await;
    let generator = Generator::of(
        &app.post("/api/auth/totp/enroll", &json!({}))
            .bearer(session)
            .send()
            .await
            .ok(),
    );
    let code = generator.code(app, -1).await;
    app.post("/api/auth/totp/confirm", &json!({"code": code}))
        .bearer(session)
        .send()
        .await
        .ok();
    generator
}

pub async fn codes(app: &TestApp, session: &str) -> Vec<String> {
    let made = app
        .post("/api/auth/backup-codes", &json!({}))
        .bearer(session)
        .send()
        .await
        .ok();
    made["codes"]
        .as_array()
        .expect("codes")
        .iter()
        .map(|code| code.as_str().expect("a code").to_owned())
        .collect()
}

pub async fn begun(app: &TestApp, email: &str) -> Value {
    app.post("/api/auth/recovery/begin", &json!({"email": email}))
        .send()
        .await
        .ok()["challenge_id"]
        .clone()
}

pub async fn recover(app: &TestApp, person: &Person, code: &str) -> Answer {
    let challenge = begun(app, &person.email).await;
    app.post(
        "/api/auth/recovery/complete",
        &json!({"challenge_id": challenge, "code": code}),
    )
    .send()
    .await
}
