//! People for cases, created as hamrah-app creates them.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::TestApp;

/// A person with an account.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub provider_id: String,
}

/// A session with a token pair.
#[derive(Clone, Debug)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
    /// The id of the session.
    pub id: String,
}

impl Pair {
    #[track_caller]
    pub fn read(answer: &Value) -> Self {
        let access = answer["access_token"]
            .as_str()
            .expect("an access token")
            .to_owned();
        Self {
            id: claims(&access)["sid"].as_str().expect("sid").to_owned(),
            refresh: answer["refresh_token"]
                .as_str()
                .expect("a refresh token")
                .to_owned(),
            access,
        }
    }
}

/// Returns the claims of an access token without verification.
#[track_caller]
pub fn claims(token: &str) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(part)
            .expect("base64url"),
    )
    .expect("JSON")
}

/// Returns the body with which another new person signs in with Google.
pub fn other_person() -> Value {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    json!({
        "email": format!("person{number}@example.com"),
        "name": format!("Person {number}"),
        "auth_method": "google",
        "provider": "google",
        "provider_id": format!("g-{number}"),
        "platform": "web",
    })
}

impl TestApp {
    /// Creates a person.
    pub async fn person(&self) -> Person {
        let body = other_person();
        let user = self
            .internal("/api/internal/users", &body)
            .send()
            .await
            .ok()["user"]
            .clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Person {
            id: text(&user["id"]),
            email: text(&body["email"]),
            provider_id: text(&body["provider_id"]),
        }
    }

    /// Creates a web session of a person. Returns its token.
    pub async fn session(&self, person: &Person) -> String {
        let body = json!({"user_id": person.id, "platform": "web", "user_agent": "Browser/1.0"});
        let answer = self
            .internal("/api/internal/sessions", &body)
            .send()
            .await
            .ok();
        answer["session_token"]
            .as_str()
            .expect("a session token")
            .to_owned()
    }

    /// Creates a token pair of a person.
    pub async fn pair(&self, person: &Person) -> Pair {
        let body = json!({"user_id": person.id, "platform": "ios", "user_agent": "hamrahIOS/1.0"});
        Pair::read(
            &self
                .internal("/api/internal/tokens", &body)
                .send()
                .await
                .ok(),
        )
    }

    /// Sends a refresh token.
    pub async fn refresh(&self, refresh: &str) -> super::Answer {
        self.post(
            "/api/auth/tokens/refresh",
            &json!({"refresh_token": refresh}),
        )
        .send()
        .await
    }

    /// Returns the status that an access or session token gets.
    pub async fn me(&self, token: &str) -> u16 {
        self.get("/api/users/me")
            .bearer(token)
            .send()
            .await
            .status()
    }
}
