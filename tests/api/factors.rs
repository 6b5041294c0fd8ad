//! TOTP and backup codes; recovery; proving again who one is; CSRF tokens; everything about an account.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, Person, TestApp, case, case_with, race};

const ME: &str = "/api/users/me";
const FACTORS: &str = "/api/auth/factors";
const ELEVEN_MINUTES: Duration = Duration::from_mins(11);

/// An authenticator app.
pub struct Generator(Vec<u8>);

impl Generator {
    pub fn of(enrolled: &Value) -> Self {
        let secret = enrolled["secret"].as_str().expect("a secret");
        assert!(enrolled["otpauth_uri"].as_str().expect("a URI").contains(secret));
        assert!(enrolled["qr_svg"].as_str().expect("an image").contains("<svg"));
        Self(Secret::try_from_base32(secret).expect("base32").as_bytes().to_vec())
    }

    /// The code of the step that lies so many steps from now.
    pub async fn code(&self, app: &TestApp, steps: i64) -> String {
        let at = u64::try_from(app.now().await + 30 * steps).expect("after 1970");
        Builder::new().with_secret(Secret::from(self.0.clone().into_boxed_slice())).build().expect("a generator").generate(at).to_string()
    }
}

/// Waits until a step has just begun, natively not at all: so that a neighbour is one while the test runs.
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
    let generator = Generator::of(&app.post("/api/auth/totp/enroll", &json!({})).bearer(session).send().await.ok());
    let code = generator.code(app, -1).await;
    app.post("/api/auth/totp/confirm", &json!({"code": code})).bearer(session).send().await.ok();
    generator
}

pub async fn codes(app: &TestApp, session: &str) -> Vec<String> {
    let made = app.post("/api/auth/backup-codes", &json!({})).bearer(session).send().await.ok();
    made["codes"].as_array().expect("codes").iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

pub async fn begun(app: &TestApp, email: &str) -> Value {
    app.post("/api/auth/recovery/begin", &json!({"email": email})).send().await.ok()["challenge_id"].clone()
}

pub async fn recover(app: &TestApp, person: &Person, code: &str) -> Answer {
    let challenge = begun(app, &person.email).await;
    app.post("/api/auth/recovery/complete", &json!({"challenge_id": challenge, "code": code})).send().await
}

#[tokio::test]
async fn totp_is_enrolled_confirmed_and_disabled() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let state = async || app.get(FACTORS).bearer(&session).send().await.ok();
        assert_eq!(state().await["totp"]["enabled"], false);
        early_in_a_step(app).await;
        let first = Generator::of(&app.post("/api/auth/totp/enroll", &json!({})).bearer(&session).send().await.ok());
        // One that was not confirmed is replaced, and good for nothing.
        let second = Generator::of(&app.post("/api/auth/totp/enroll", &json!({})).bearer(&session).send().await.ok());
        let confirm = async |code: &str| app.post("/api/auth/totp/confirm", &json!({"code": code})).bearer(&session).send().await;
        for wrong in [first.code(app, 0).await, second.code(app, 2).await, second.code(app, -2).await, String::new(), "1234567".to_owned()]
        {
            assert_eq!(confirm(&wrong).await.problem(422), "invalid_code", "{wrong}");
        }
        assert_eq!(recover(app, &person, &second.code(app, 0).await).await.problem(401), "recovery_failed");
        let spaced = second.code(app, 0).await;
        confirm(&format!(" {} {}", &spaced[..3], &spaced[3..])).await.ok();
        assert_eq!(state().await["totp"]["enabled"], true);
        assert_eq!(confirm(&spaced).await.problem(409), "totp_enabled");
        assert_eq!(app.post("/api/auth/totp/enroll", &json!({})).bearer(&session).send().await.problem(409), "totp_enabled");
        app.delete("/api/auth/totp").bearer(&session).send().await.ok();
        assert_eq!(app.delete("/api/auth/totp").bearer(&session).send().await.problem(409), "totp_not_enrolled");
        assert_eq!(recover(app, &person, &second.code(app, 1).await).await.problem(401), "recovery_failed");
        assert_eq!(app.events(&person.id).await[2..], ["totp_enabled", "totp_disabled"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM totp", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_account_is_recovered_and_gets_a_passkey_before_anything_else() {
    case(async |app| {
        let person = app.person().await;
        let (session, other) = (app.session(&person).await, app.pair(&person).await);
        let codes = codes(app, &session).await;
        assert_eq!(codes.len(), 10);
        let challenge = begun(app, &person.email).await;
        let body = json!({"challenge_id": challenge, "code": codes[0].to_lowercase().replace('-', " "), "revoke_others": true});
        let made = app.post("/api/auth/recovery/complete", &body).send().await.ok();
        assert_eq!(made["user"]["id"], json!(person.id));
        let recovered = made["session_token"].as_str().expect("a token").to_owned();
        // The others have ended.
        assert_eq!((app.me(&session).await, app.me(&other.access).await), (401, 401));
        // Good for a passkey, and little else.
        for token in [&recovered, &made["access_token"].as_str().expect("a token").to_owned()] {
            app.get(ME).bearer(token).send().await.ok();
            for (method, path) in [
                (Method::PUT, ME),
                (Method::DELETE, ME),
                (Method::GET, "/api/users/me/export"),
                (Method::GET, "/api/users/me/sessions"),
                (Method::DELETE, "/api/users/me/sessions"),
                (Method::POST, "/api/auth/totp/enroll"),
                (Method::POST, "/api/auth/backup-codes"),
                (Method::POST, "/api/auth/reauthenticate/begin"),
            ] {
                let answer = app.request(method, path).json(&json!({"name": "x"})).bearer(token).send().await;
                assert_eq!(answer.problem(403), "recovery_incomplete", "{path}");
            }
        }
        app.add_passkey(&mut Authenticator::new(), &recovered).await.ok();
        app.get("/api/users/me/sessions").bearer(&recovered).send().await.ok();
        // To do what cannot be undone, the passkey is shown.
        assert_eq!(app.delete(ME).bearer(&recovered).send().await.problem(403), "reauthentication_required");
        // A code works once.
        assert_eq!(recover(app, &person, &codes[0]).await.problem(401), "recovery_failed");
        assert_eq!(app.get(FACTORS).bearer(&recovered).send().await.ok()["backup_codes"]["left"], 9);
        recover(app, &person, &codes[1]).await.ok();
        let events = app.events(&person.id).await;
        assert_eq!(events.iter().filter(|kind| *kind == "recovered").count(), 2, "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn a_totp_code_recovers_once_and_its_neighbours_too() {
    case(async |app| {
        let person = app.person().await;
        let generator = enrolled(app, &app.session(&person).await).await;
        // The step by which it was confirmed is used.
        assert_eq!(recover(app, &person, &generator.code(app, -1).await).await.problem(401), "recovery_failed");
        recover(app, &person, &generator.code(app, 0).await).await.ok();
        assert_eq!(recover(app, &person, &generator.code(app, 0).await).await.problem(401), "recovery_failed");
        assert_eq!(recover(app, &person, &generator.code(app, 2).await).await.problem(401), "recovery_failed");
        recover(app, &person, &generator.code(app, 1).await).await.ok();
        // Of its account only, and by a challenge of its own, once.
        let bob = app.person().await;
        let others = enrolled(app, &app.session(&bob).await).await;
        assert_eq!(recover(app, &person, &others.code(app, 0).await).await.problem(401), "recovery_failed");
        let challenge = begun(app, &bob.email).await;
        let complete =
            async |code: &str| app.post("/api/auth/recovery/complete", &json!({"challenge_id": challenge, "code": code})).send().await;
        complete("000000").await.problem(401);
        assert_eq!(complete(&others.code(app, 0).await).await.problem(401), "recovery_failed");
        let challenge = begun(app, &bob.email).await;
        app.age(Duration::from_secs(301)).await;
        let body = json!({"challenge_id": challenge, "code": others.code(app, 0).await});
        assert_eq!(app.post("/api/auth/recovery/complete", &body).send().await.problem(401), "recovery_failed");
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_by_recovery_who_has_an_account() {
    case(async |app| {
        let person = app.person().await;
        let bare = app.person().await;
        codes(app, &app.session(&person).await).await;
        let mut seen = Vec::new();
        for email in [person.email.as_str(), bare.email.as_str(), "nobody@example.com"] {
            let first = app.post("/api/auth/recovery/begin", &json!({"email": email})).send().await;
            let mut told = first.ok();
            let body = json!({"challenge_id": told["challenge_id"], "code": "0000-0000-0000-0000"});
            for field in ["challenge_id", "challengeId"] {
                assert_eq!(told[field].as_str().expect("an id").len(), 36);
                told[field] = Value::Null;
            }
            let second = app.post("/api/auth/recovery/complete", &body).send().await;
            assert_eq!(second.problem(401), "recovery_failed");
            let mut refused: Value = serde_json::from_slice(&second.body).expect("JSON");
            refused["request_id"] = Value::Null;
            seen.push((told, refused));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn of_many_who_show_one_code_one_is_let_in() {
    race(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let codes = codes(app, &session).await;
        let generator = enrolled(app, &session).await;
        for code in [codes[0].clone(), codes[1].clone(), generator.code(app, 0).await] {
            // The brake is another case's.
            app.sql("DELETE FROM attempts", &[]).await;
            let challenges = join_all((0..64).map(|_| begun(app, &person.email))).await;
            let calls = challenges
                .iter()
                .map(|challenge| app.post("/api/auth/recovery/complete", &json!({"challenge_id": challenge, "code": code})).send());
            let statuses: Vec<u16> = join_all(calls).await.iter().map(Answer::status).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 200 | 401 | 429)), "{statuses:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_signed_in_long_ago_proves_again_who_they_are() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app.sign_up(&mut authenticator, "ada@example.com").await.ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        let access = made["access_token"].as_str().expect("a token").to_owned();
        let generator = enrolled(app, &session).await;
        app.age(ELEVEN_MINUTES).await;
        let refused = app.post("/api/auth/backup-codes", &json!({})).bearer(&session).send().await;
        assert_eq!(refused.problem(403), "reauthentication_required");
        let told: Value = serde_json::from_slice(&refused.body).expect("JSON");
        assert_eq!(told["step_up"], json!({"methods": ["passkey", "totp", "sign_in"], "max_age": 600}));
        let begin = async |token: &str| app.post("/api/auth/reauthenticate/begin", &json!({})).bearer(token).send().await.ok();
        let complete = async |token: &str, body: &Value| app.post("/api/auth/reauthenticate/complete", body).bearer(token).send().await;
        let by_passkey = async |begun: &Value, authenticator: &Authenticator| {
            json!({"challenge_id": begun["challenge_id"], "response": authenticator.authenticate(&begun["options"]).json()})
        };
        // Another account's passkey, another account's challenge, a challenge of signing in, both, none, a wrong code.
        let mut others = Authenticator::new();
        let bob = app.sign_up(&mut others, "bob@example.com").await.ok();
        let bobs = bob["session_token"].as_str().expect("a token");
        let opened = begin(&session).await;
        let answer = by_passkey(&opened, &others).await;
        assert_eq!(complete(&session, &answer).await.problem(401), "reauthentication_failed");
        let opened = begin(bobs).await;
        let answer = by_passkey(&opened, &authenticator).await;
        assert_eq!(complete(&session, &answer).await.problem(401), "reauthentication_failed");
        let opened = app.begin_sign_in(None).await;
        let answer = by_passkey(&opened, &authenticator).await;
        assert_eq!(complete(&session, &answer).await.problem(401), "reauthentication_failed");
        let opened = begin(&session).await;
        let neither = json!({"challenge_id": opened["challenge_id"]});
        assert_eq!(complete(&session, &neither).await.problem(422), "invalid_body");
        let wrong = json!({"challenge_id": opened["challenge_id"], "code": "000000"});
        assert_eq!(complete(&session, &wrong).await.problem(401), "reauthentication_failed");
        assert_eq!(app.delete(ME).bearer(&session).send().await.problem(403), "reauthentication_required");
        // With the passkey, by the session: it gets another token.
        let opened = begin(&session).await;
        let answer = by_passkey(&opened, &authenticator).await;
        let proven = complete(&session, &answer).await.ok();
        assert!(proven["amr"].as_array().expect("methods").contains(&json!("mfa")), "{proven}");
        let fresh = proven["session_token"].as_str().expect("a token").to_owned();
        assert_eq!((app.me(&session).await, app.me(&fresh).await, app.me(&access).await), (401, 200, 200));
        assert_eq!(complete(&fresh, &answer).await.problem(401), "reauthentication_failed");
        codes(app, &fresh).await;
        // With TOTP, by the access token: one step, once.
        app.age(ELEVEN_MINUTES).await;
        early_in_a_step(app).await;
        let code = generator.code(app, 0).await;
        let opened = begin(&access).await;
        let proven = complete(&access, &json!({"challenge_id": opened["challenge_id"], "code": code})).await.ok();
        assert_eq!((&proven["amr"], &proven["session_token"]), (&json!(["otp"]), &Value::Null));
        let opened = begin(&access).await;
        let again = json!({"challenge_id": opened["challenge_id"], "code": code});
        assert_eq!(complete(&access, &again).await.problem(401), "reauthentication_failed");
        app.delete("/api/auth/totp").bearer(&access).send().await.ok();
        let user = made["user"]["id"].as_str().expect("an id");
        assert_eq!(app.events(user).await.iter().filter(|kind| *kind == "reauthenticated").count(), 2);
        app.delete(ME).bearer(&fresh).send().await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM backup_codes", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn without_a_key_of_secrets_there_is_no_totp() {
    case_with(&[("SECRETS_KEY", "")], async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        assert_eq!(app.post("/api/auth/totp/enroll", &json!({})).bearer(&session).send().await.problem(501), "totp_unavailable");
        let codes = codes(app, &session).await;
        recover(app, &person, &codes[9]).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_csrf_token_is_asked_of_browsers_where_that_is_configured() {
    case_with(&[("CSRF_TOKEN", "require")], async |app| {
        let (ada, bob) = (app.person().await, app.person().await);
        let (session, others) = (app.session(&ada).await, app.session(&bob).await);
        let token = async |session: &str| {
            app.get("/api/auth/csrf").cookie(session).send().await.ok()["csrf_token"].as_str().expect("a token").to_owned()
        };
        let (good, foreign) = (token(&session).await, token(&others).await);
        let put = |csrf: Option<&str>| {
            let call =
                app.request(Method::PUT, ME).json(&json!({"name": "Ada"})).cookie(&session).header("origin", "http://localhost:3000");
            if let Some(csrf) = csrf { call.header("x-csrf-token", csrf) } else { call }
        };
        let changed = format!("{}A", &good[..good.len() - 1]);
        for bad in [None, Some(""), Some("x"), Some("x.y"), Some(foreign.as_str()), Some(changed.as_str())] {
            let answer = put(bad).send().await;
            assert!(bad == Some(good.as_str()) || answer.status() == 403, "{bad:?}");
        }
        put(Some(&good)).send().await.ok();
        // Nobody but a browser with a cookie is asked.
        app.get(ME).cookie(&session).header("origin", "http://localhost:3000").send().await.ok();
        app.request(Method::PUT, ME).json(&json!({"name": "Ada"})).cookie(&session).send().await.ok();
        app.request(Method::PUT, ME)
            .json(&json!({"name": "Ada"}))
            .bearer(&session)
            .header("origin", "http://localhost:3000")
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn an_export_has_everything_but_secrets() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app.sign_up(&mut authenticator, "ada@example.com").await.ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        enrolled(app, &session).await;
        codes(app, &session).await;
        let (export, cost) = app.cost(app.get("/api/users/me/export").bearer(&session)).await;
        assert_eq!(cost.batches, 2);
        let export = export.ok();
        assert_eq!(export["account"]["email"], "ada@example.com");
        for (part, count) in [("passkeys", 1), ("sessions", 1), ("backup_codes", 10), ("identities", 0), ("devices", 0)] {
            assert_eq!(export[part].as_array().expect("a list").len(), count, "{part}");
        }
        assert!(export["totp"]["confirmed_at"].is_i64() && export["events"].as_array().expect("a list").len() >= 4);
        let text = export.to_string();
        for secret in ["token_hash", "code_hash", "secret", "receipt", "library"] {
            assert!(!text.contains(&format!("\"{secret}\"")), "{secret}");
        }
    })
    .await;
}
