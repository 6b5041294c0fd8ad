//! Registrations with an invite to a server.

use futures::future::join_all;
use serde_json::{Value, json};

use super::calls::{first_channel, get, invite, server};
use crate::harness::relay::registration;
use crate::harness::{PASSWORD, case, race};

const REGISTER: &str = "/api/v1/auth/register";

/// Returns the body of a registration with an invite.
fn invited(username: &str, code: &Value) -> Value {
    let mut body = registration(username, &[]);
    body["invite_code"] = code.clone();
    body
}

#[tokio::test]
async fn a_registration_joins_the_server_of_an_invite() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let code = invite(app, &ada, &server, &json!({"max_uses": 2})).await;
        // A code that is not valid takes no name.
        for wrong in [json!("unknown"), json!("x".repeat(100)), json!(7)] {
            let refused = app.post(REGISTER, &invited("bob", &wrong)).send().await;
            let text = refused.text();
            assert_eq!(refused.problem(400), "invalid_request_body");
            assert!(text.contains("invite_code"), "{text}");
        }
        app.secret(PASSWORD);
        let taken = invited(&ada.username, &json!(code));
        let taken = app.post(REGISTER, &taken).send().await;
        assert_eq!(taken.problem(409), "username_taken");
        let bob = app
            .post(REGISTER, &invited("bob", &json!(code)))
            .send()
            .await;
        let bob = bob.ok();
        let read = async |path: &str| {
            let call = app.get(&format!("/api/v1{path}"));
            let access = bob["access_token"].as_str().expect("a token");
            call.bearer(access).send().await.ok()
        };
        assert_eq!(read("/servers").await[0]["id"], server.as_str());
        let channel = first_channel(app, &ada, &server).await;
        assert_eq!(
            read(&format!("/channels/{channel}/messages")).await,
            json!([])
        );
        let invites = get(app, &ada, &format!("/servers/{server}/invites")).await;
        assert_eq!(invites.ok()[0]["use_count"], 1);

        // No code and an empty one are the same.
        app.post(REGISTER, &invited("carol", &json!("")))
            .send()
            .await
            .ok();
        app.post(REGISTER, &invited("dave", &json!(code)))
            .send()
            .await
            .ok();
        let late = app
            .post(REGISTER, &invited("eve", &json!(code)))
            .send()
            .await;
        assert_eq!(late.problem(400), "invalid_request_body");
        app.post(REGISTER, &registration("eve", &[]))
            .send()
            .await
            .ok();
    })
    .await;
}

/// Of two registrations with the last use of an invite, the second one makes no account.
#[tokio::test]
async fn the_last_use_of_an_invite_registers_one_account() {
    race(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let code = json!(invite(app, &ada, &server, &json!({"max_uses": 1})).await);
        app.secret(PASSWORD);
        let names = ["bob-1", "bob-2", "bob-3", "bob-4"];
        let attempts = names.map(|name| invited(name, &code));
        let calls = attempts.iter().map(|body| app.post(REGISTER, body).send());
        let answers = join_all(calls).await;
        let joined = answers.iter().filter(|it| it.status() == 200).count();
        assert_eq!(joined, 1);
        for answer in answers.iter().filter(|it| it.status() != 200) {
            assert_eq!(answer.problem(400), "invalid_request_body");
        }
        let accounts = "SELECT COUNT(*) FROM people WHERE username LIKE 'bob-%'";
        assert_eq!(app.count(accounts, &[]).await, 1);
        let members = get(app, &ada, &format!("/servers/{server}/members"))
            .await
            .ok();
        assert_eq!(members.as_array().map(Vec::len), Some(2));
    })
    .await;
}
