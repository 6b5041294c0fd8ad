//! Requests of an account that is being deleted: the caller is signed out, without a fault.

use futures::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};

use crate::harness::devices::{BUNDLE, settings};
use crate::harness::{on_workerd, race_with};

/// The requests of a signed-in caller that write a row of the account.
fn writes() -> Vec<(Method, &'static str, Value)> {
    let challenge = json!({"platform": "ios", "bundle_id": BUNDLE});
    vec![
        (Method::POST, "/api/auth/reauthenticate/begin", json!({})),
        (Method::POST, "/api/webauthn/register/begin", json!({})),
        (Method::POST, "/api/app-attestation/challenge", challenge),
        (Method::POST, "/api/auth/totp/enroll", json!({})),
        (Method::POST, "/api/auth/backup-codes", json!({})),
        (Method::PUT, "/api/users/me", json!({"name": "Late"})),
    ]
}

#[tokio::test]
async fn a_write_of_an_account_that_is_being_deleted_is_signed_out() {
    let settings = settings("observe");
    let vars: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    race_with(&vars, async |app| {
        let rounds = if on_workerd() { 4 } else { 25 };
        for _ in 0..rounds {
            for (method, path, body) in writes() {
                let person = app.person().await;
                let token = app.session(&person).await;
                let delete = async {
                    app.delete("/api/users/me").bearer(&token).send().await.ok();
                };
                let calls = (0..8).map(|_| {
                    let call = app.request(method.clone(), path).json(&body);
                    call.bearer(&token).send()
                });
                let ((), answers) = join(delete, join_all(calls)).await;
                for answer in &answers {
                    let status = answer.status();
                    assert!(matches!(status, 200 | 401), "{path}: {}", answer.text());
                }
                let left = "SELECT COUNT(*) FROM challenges WHERE user_id = ?1";
                assert_eq!(app.count(left, &[json!(person.id)]).await, 0);
            }
        }
    })
    .await;
}
