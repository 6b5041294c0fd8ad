//! Step-up: proving again who one is; and CSRF tokens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::factors::{begun, codes, early_in_a_step, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Pair, case, case_with, claims};

pub const ME: &str = "/api/users/me";
const ELEVEN_MINUTES: Duration = Duration::from_mins(11);

#[tokio::test]
async fn whoever_signed_in_long_ago_proves_again_who_they_are() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        let access = made["access_token"].as_str().expect("a token").to_owned();
        let generator = enrolled(app, &session).await;
        app.age(ELEVEN_MINUTES).await;
        let refused = app
            .post("/api/auth/backup-codes", &json!({}))
            .bearer(&session)
            .send()
            .await;
        assert_eq!(refused.problem(403), "reauthentication_required");
        let told: Value = serde_json::from_slice(&refused.body).expect("JSON");
        assert_eq!(
            told["step_up"],
            json!({"methods": ["passkey", "totp", "sign_in"], "max_age": 600})
        );
        let begin = async |token: &str| {
            app.post("/api/auth/reauthenticate/begin", &json!({}))
                .bearer(token)
                .send()
                .await
                .ok()
        };
        let complete = async |token: &str, body: &Value| {
            app.post("/api/auth/reauthenticate/complete", body)
                .bearer(token)
                .send()
                .await
        };
        let by_passkey = async |begun: &Value, authenticator: &Authenticator| {
            json!({
                "challenge_id": begun["challenge_id"],
                "response": authenticator.authenticate(&begun["options"]).json(),
            })
        };
        // Another account's passkey, another account's challenge, a challenge of signing in, both,
        // none, a wrong code.
        let mut others = Authenticator::new();
        let bob = app.sign_up(&mut others, "bob@example.com").await.ok();
        let bobs = bob["session_token"].as_str().expect("a token");
        let opened = begin(&session).await;
        let answer = by_passkey(&opened, &others).await;
        assert_eq!(
            complete(&session, &answer).await.problem(401),
            "reauthentication_failed"
        );
        let opened = begin(bobs).await;
        let answer = by_passkey(&opened, &authenticator).await;
        assert_eq!(
            complete(&session, &answer).await.problem(401),
            "reauthentication_failed"
        );
        let opened = app.begin_sign_in(None).await;
        let answer = by_passkey(&opened, &authenticator).await;
        assert_eq!(
            complete(&session, &answer).await.problem(401),
            "reauthentication_failed"
        );
        let opened = begin(&session).await;
        let neither = json!({"challenge_id": opened["challenge_id"]});
        assert_eq!(
            complete(&session, &neither).await.problem(422),
            "invalid_body"
        );
        let wrong = json!({"challenge_id": opened["challenge_id"], "code": "000000"});
        assert_eq!(
            complete(&session, &wrong).await.problem(401),
            "reauthentication_failed"
        );
        assert_eq!(
            app.delete(ME).bearer(&session).send().await.problem(403),
            "reauthentication_required"
        );
        // With the passkey, by the session: it gets another token.
        let opened = begin(&session).await;
        let answer = by_passkey(&opened, &authenticator).await;
        let proven = complete(&session, &answer).await.ok();
        assert!(
            proven["amr"]
                .as_array()
                .expect("methods")
                .contains(&json!("mfa")),
            "{proven}"
        );
        let fresh = proven["session_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            (
                app.me(&session).await,
                app.me(&fresh).await,
                app.me(&access).await
            ),
            (401, 200, 200)
        );
        assert_eq!(
            complete(&fresh, &answer).await.problem(401),
            "reauthentication_failed"
        );
        codes(app, &fresh).await;
        // With TOTP, by the access token: one step, once.
        app.age(ELEVEN_MINUTES).await;
        early_in_a_step(app).await;
        let code = generator.code(app, 0).await;
        let opened = begin(&access).await;
        let proven = complete(
            &access,
            &json!({"challenge_id": opened["challenge_id"], "code": code}),
        )
        .await
        .ok();
        assert_eq!(
            (&proven["amr"], &proven["session_token"]),
            (&json!(["otp"]), &Value::Null)
        );
        let opened = begin(&access).await;
        let again = json!({"challenge_id": opened["challenge_id"], "code": code});
        assert_eq!(
            complete(&access, &again).await.problem(401),
            "reauthentication_failed"
        );
        app.delete("/api/auth/totp")
            .bearer(&access)
            .send()
            .await
            .ok();
        let user = made["user"]["id"].as_str().expect("an id");
        assert_eq!(
            app.events(user)
                .await
                .iter()
                .filter(|kind| *kind == "reauthenticated")
                .count(),
            2
        );
        app.delete(ME).bearer(&fresh).send().await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM backup_codes", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_second_factor_is_added_to_what_a_provider_said() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let pair = app.pair(&person).await;
        let generator = enrolled(app, &session).await;
        let now = app.now().await;
        assert_eq!(claims(&pair.access)["amr"], json!(["fed"]));
        assert!((claims(&pair.access)["auth_time"].as_i64().expect("seconds") - now).abs() < 60);
        let opened = app
            .post("/api/auth/reauthenticate/begin", &json!({}))
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        let body =
            json!({"challenge_id": opened["challenge_id"], "code": generator.code(app, 0).await});
        let proven = app
            .post("/api/auth/reauthenticate/complete", &body)
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        assert_eq!(proven["amr"], json!(["fed", "otp", "mfa"]));
        // The next access token says so too.
        let next = Pair::read(&app.refresh(&pair.refresh).await.ok());
        assert_eq!(claims(&next.access)["amr"], json!(["fed", "otp", "mfa"]));
        let listed = app
            .get("/api/users/me/sessions")
            .bearer(&next.access)
            .send()
            .await
            .ok();
        let current = listed["sessions"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|each| each["current"] == true)
            .expect("this one")
            .clone();
        assert_eq!(current["amr"], json!(["fed", "otp", "mfa"]));
    })
    .await;
}

/// A browser has it in a cookie that no script reads; the web app's server, which passes the cookie
/// on, gets it to pass on too.
#[tokio::test]
async fn a_page_does_not_see_the_token_that_a_step_up_gives() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let mut session = made["session_token"].as_str().expect("a token").to_owned();
        for (browser, told) in [(true, false), (false, true)] {
            let opened = app
                .post("/api/auth/reauthenticate/begin", &json!({}))
                .cookie(&session)
                .send()
                .await
                .ok();
            let body = json!({
                "challenge_id": opened["challenge_id"],
                "response": authenticator.authenticate(&opened["options"]).json(),
            });
            let call = app
                .post("/api/auth/reauthenticate/complete", &body)
                .cookie(&session);
            let answer = if browser {
                call.header("origin", "http://localhost:5173")
            } else {
                call
            }
            .send()
            .await;
            let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
            let token = cookie
                .trim_start_matches("session=")
                .split(';')
                .next()
                .expect("a token")
                .to_owned();
            assert_eq!(answer.ok()["session_token"].is_string(), told, "{cookie}");
            assert_eq!((app.me(&session).await, app.me(&token).await), (401, 200));
            session = token;
        }
    })
    .await;
}

/// Where it is configured a session that somebody stole adds no passkey, which would be good for
/// every further step.
#[tokio::test]
async fn passkeys_are_added_and_removed_only_after_a_recent_proof_where_that_is_configured() {
    case_with(&[("STEP_UP_PASSKEYS", "require")], async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        let codes = codes(app, &session).await;
        let second = app
            .add_passkey(&mut Authenticator::new(), &session)
            .await
            .ok();
        let remove = async |token: &str| {
            let path = format!(
                "/api/webauthn/credentials/{}",
                second["credential_id"].as_str().expect("an id")
            );
            app.delete(&path).bearer(token).send().await
        };
        app.age(ELEVEN_MINUTES).await;
        let begin = async |token: &str| {
            app.post("/api/webauthn/register/begin", &json!({}))
                .bearer(token)
                .send()
                .await
        };
        assert_eq!(
            begin(&session).await.problem(403),
            "reauthentication_required"
        );
        assert_eq!(
            remove(&session).await.problem(403),
            "reauthentication_required"
        );
        assert_eq!(app.passkeys(&session).await.len(), 2);
        let opened = app
            .post("/api/auth/reauthenticate/begin", &json!({}))
            .bearer(&session)
            .send()
            .await
            .ok();
        let body = json!({
            "challenge_id": opened["challenge_id"],
            "response": authenticator.authenticate(&opened["options"]).json(),
        });
        let proven = app
            .post("/api/auth/reauthenticate/complete", &body)
            .bearer(&session)
            .send()
            .await
            .ok();
        let fresh = proven["session_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        app.add_passkey(&mut Authenticator::new(), &fresh)
            .await
            .ok();
        remove(&fresh).await.ok();
        // A recovery is for that, and a new account needs nothing.
        let challenge = begun(app, "ada@example.com").await;
        let body = json!({"challenge_id": challenge, "code": codes[0]});
        let recovered = app
            .post("/api/auth/recovery/complete", &body)
            .send()
            .await
            .ok();
        let recovered = recovered["session_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        app.age(ELEVEN_MINUTES).await;
        let opened = [
            app.begin_passkey(&recovered).await,
            app.begin_passkey(&recovered).await,
        ];
        let add = async |begun: &Value| {
            app.complete_registration(begun, &Authenticator::new().register(&begun["options"]))
                .bearer(&recovered)
                .send()
                .await
        };
        add(&opened[0]).await.ok();
        assert_eq!(
            add(&opened[1]).await.problem(403),
            "reauthentication_required",
            "one, and no more"
        );
        assert_eq!(
            begin(&recovered).await.problem(403),
            "reauthentication_required",
            "it is complete, and not recent"
        );
        app.sign_up(&mut Authenticator::new(), "new@example.com")
            .await
            .ok();
    })
    .await;
}
