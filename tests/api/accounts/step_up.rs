//! Step-up: the user authenticates again before a sensitive action.

use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::factors::{begun, codes, early_in_a_step, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Pair, case, case_with, claims};

pub const ME: &str = "/api/users/me";
const ELEVEN_MINUTES: Duration = Duration::from_mins(11);

#[tokio::test]
async fn an_old_session_needs_a_step_up_for_sensitive_actions() {
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
        // The client sends a passkey or a challenge of another account, a challenge of a sign-in,
        // no factor, or a wrong code.
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
        // The session steps up with the passkey and gets another token.
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
        // The access token steps up with TOTP. The code of a time step is accepted only once.
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
async fn a_step_up_adds_the_second_factor_to_the_methods_of_the_provider() {
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
        // The next access token contains the methods too.
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
            .expect("the current session")
            .clone();
        assert_eq!(current["amr"], json!(["fed", "otp", "mfa"]));
    })
    .await;
}

/// A browser gets the new token only in a cookie that no script can read. The web app's server,
/// which forwards the cookie, also gets the token in the body.
#[tokio::test]
async fn a_page_cannot_read_the_token_of_a_step_up() {
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

/// If passkey changes require recent authentication, a stolen session that is too old cannot add a
/// passkey, which would allow every further step-up.
#[tokio::test]
async fn passkey_changes_need_recent_authentication_where_configured() {
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
        // A recovered session may add a passkey, and a new account needs no step-up.
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
            "one passkey and no more"
        );
        assert_eq!(
            begin(&recovered).await.problem(403),
            "reauthentication_required",
            "the recovery is complete, and the session is not recent"
        );
        app.sign_up(&mut Authenticator::new(), "new@example.com")
            .await
            .ok();
    })
    .await;
}
