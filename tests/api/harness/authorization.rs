//! The authorization service for cases: an administrator, people, services, roles and permissions.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};

use super::{Answer, Call, TestApp};

/// The password of every member.
pub const PASSWORD: &str = "zebra crossing 77";

/// A person who is signed in to the authorization service.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: i64,
    pub username: String,
    pub token: String,
}

impl Call<'_> {
    /// Adds a token of the authorization service to the request.
    pub fn token(self, token: &str) -> Self {
        self.header("token", token)
    }
}

impl TestApp {
    /// Creates the first administrator with the bootstrap secret.
    pub async fn administrator(&self) -> Member {
        let body = json!({
            "secret": self.settings["BOOTSTRAP_SECRET"],
            "username": "root",
            "name": "Root",
            "password": PASSWORD,
        });
        self.secret(PASSWORD);
        let made = self.post("/auth/bootstrap", &body).send().await.created();
        self.logged_in(made["id"].as_i64().expect("an id"), "root")
            .await
    }

    async fn logged_in(&self, id: i64, username: &str) -> Member {
        let answer = self.login(username, PASSWORD).await.ok();
        assert_eq!(answer["payload"]["user_id"], id);
        Member {
            id,
            username: username.to_owned(),
            token: answer["token"].as_str().expect("a token").to_owned(),
        }
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        self.post(
            "/auth/login",
            &json!({"username": username, "password": password}),
        )
        .send()
        .await
    }

    /// Sends a request as a member.
    pub async fn ask(&self, member: &Member, method: Method, path: &str, body: Value) -> Answer {
        let call = self.request(method, path).token(&member.token);
        (if body.is_null() {
            call
        } else {
            call.json(&body)
        })
        .send()
        .await
    }

    /// Creates a member as an administrator.
    pub async fn member(&self, by: &Member) -> Member {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let username = format!("member{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let body =
            json!({"username": username, "name": format!("The {username}"), "password": PASSWORD});
        let made = self.ask(by, Method::POST, "/users", body).await.created();
        self.logged_in(made["id"].as_i64().expect("an id"), &username)
            .await
    }

    /// Creates a role, a permission or a service. Returns its id.
    pub async fn create(&self, by: &Member, kind: &str, name: &str) -> i64 {
        self.ask(by, Method::POST, &format!("/{kind}"), json!({"name": name}))
            .await
            .created()["id"]
            .as_i64()
            .expect("an id")
    }

    /// Adds a grant or a membership.
    pub async fn grant(&self, by: &Member, path: &str, body: Value) -> Value {
        self.ask(by, Method::POST, path, body).await.ok()
    }

    /// Logs the member in again and returns them with the new token.
    pub async fn again(&self, member: &Member) -> Member {
        self.logged_in(member.id, &member.username).await
    }

    /// Grants a member a permission of the authorization service itself.
    pub async fn grant_permission(&self, by: &Member, member: &Member, permission: &str) {
        let body =
            json!({"person_id": member.id, "service_id": "auth", "permission_name": permission});
        self.grant(by, "/person-service-permissions", body).await;
    }

    /// Returns the actions in the change log, oldest first.
    pub async fn actions(&self) -> Vec<String> {
        let rows = self
            .sql("SELECT action FROM policy_events ORDER BY id", &[])
            .await;
        rows.iter()
            .map(|row| row["action"].as_str().expect("an action").to_owned())
            .collect()
    }
}
