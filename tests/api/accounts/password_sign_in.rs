//! Signing in with a password: refusals, the second factor, throttling and imported hashes.

use std::time::Duration;

use serde_json::{Value, json};

use super::passwords::{GOOD, SIGN_IN, sign_in, with_password};
use crate::accounts::factors::{early_in_a_step, enrolled};
use crate::harness::{case, race_with};

#[tokio::test]
async fn only_our_own_pages_sign_a_browser_in_by_cookie() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        let body = json!({"email": ada.email, "password": GOOD});
        let answer = app
            .post(SIGN_IN, &body)
            .header("origin", "http://localhost:8787")
            .send()
            .await;
        assert!(
            answer.ok()["session_token"].is_string()
                && answer
                    .cookies()
                    .iter()
                    .any(|cookie| cookie.contains("HttpOnly"))
        );
        let foreign = app
            .post(SIGN_IN, &body)
            .header("origin", "https://evil.example")
            .send()
            .await;
        assert_eq!(foreign.problem(403), "cross_site_request");
        assert!(foreign.cookies().is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_failed_sign_in_gets_the_same_answer() {
    case(async |app| {
        let ((ada, _), bob) = (with_password(app).await, app.person().await);
        let long = "x".repeat(5_000);
        let tried = [
            (&*ada.email, "zebra crossing 78"),
            (&bob.email, GOOD),
            ("nobody@example.com", GOOD),
            (&ada.email, ""),
            (&ada.email, &long),
        ];
        let mut bodies = Vec::new();
        for (email, password) in tried {
            let answer = sign_in(app, email, password).await;
            assert_eq!(answer.problem(401), "invalid_credentials", "{email}");
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            bodies.push(body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
        for body in [
            json!({}),
            json!({"email": ada.email}),
            json!({"password": GOOD}),
            json!({"email": ada.email, "username": "ada", "password": GOOD}),
        ] {
            assert_eq!(
                app.post(SIGN_IN, &body).send().await.problem(422),
                "invalid_body",
                "{body}"
            );
        }
        assert_eq!(
            app.post(SIGN_IN, &json!({"email": "no address", "password": GOOD}))
                .send()
                .await
                .problem(422),
            "invalid_email"
        );
    })
    .await;
}

#[tokio::test]
async fn a_totp_code_is_required_where_totp_is_enabled() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        let generator = enrolled(app, &session).await;
        let body = |code: &str| json!({"email": ada.email, "password": GOOD, "code": code});
        assert_eq!(
            sign_in(app, &ada.email, GOOD).await.problem(401),
            "second_factor_required"
        );
        assert_eq!(
            sign_in(app, &ada.email, "zebra crossing 78")
                .await
                .problem(401),
            "invalid_credentials",
            "a wrong password is refused before the code"
        );
        assert_eq!(
            app.post(SIGN_IN, &body("000000")).send().await.problem(401),
            "invalid_credentials"
        );
        app.sql("DELETE FROM attempts", &[]).await;
        early_in_a_step(app).await;
        let code = generator.code(app, 0).await;
        let signed_in = app.post(SIGN_IN, &body(&code)).send().await.ok();
        assert_eq!(signed_in["amr"], json!(["pwd", "otp", "mfa"]));
        assert_eq!(
            app.post(SIGN_IN, &body(&code)).send().await.problem(401),
            "invalid_credentials",
            "a code is accepted once"
        );
    })
    .await;
}

#[tokio::test]
async fn guesses_are_throttled_per_email_address() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        for email in [&*ada.email, "nobody@example.com"] {
            for _ in 0..5 {
                assert_eq!(
                    sign_in(app, email, "wrong password").await.status(),
                    401,
                    "{email}"
                );
            }
            let braked = sign_in(app, email, GOOD).await;
            assert_eq!(braked.problem(429), "too_many_attempts", "{email}");
            assert!(braked.header("retry-after").is_some());
        }
        app.age(Duration::from_secs(31)).await;
        sign_in(app, &ada.email, GOOD).await.ok();
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM attempts WHERE subject LIKE 'password:%'",
                &[]
            )
            .await,
            1,
            "a success clears the failures"
        );
    })
    .await;
}

#[tokio::test]
async fn an_imported_hash_is_accepted_and_upgraded() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        // Of "adm1-hash" with bcrypt, and of "password" with the reference implementation of Argon2
        // (test.c).
        for (stored, password) in [
            (bcrypt::hash("adm1-hash", 4).expect("a hash"), "adm1-hash"),
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZW\
                 b2GRPPc"
                    .to_owned(),
                "password",
            ),
        ] {
            app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
                .await;
            assert_eq!(
                sign_in(app, &ada.email, "something else").await.status(),
                401
            );
            assert_eq!(
                sign_in(app, &ada.email, password).await.status(),
                200,
                "{stored}"
            );
            let kept = app.sql("SELECT hash FROM passwords", &[]).await;
            assert!(
                kept[0]["hash"]
                    .as_str()
                    .expect("a hash")
                    .starts_with("$argon2id$v=19$m=256,t=1,p=1$")
            );
            assert_eq!(sign_in(app, &ada.email, password).await.status(), 200);
        }
        for stored in [
            "",
            "$2b$",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1a\
             FaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
                .await;
            assert_eq!(
                sign_in(app, &ada.email, "password").await.problem(401),
                "invalid_credentials",
                "{stored}"
            );
        }
    })
    .await;
}

/// Other services hashed the bytes that the client sent, or another normal form. The owner may type
/// either form.
#[tokio::test]
async fn an_imported_hash_of_another_unicode_form_is_accepted() {
    case(async |app| {
        let (ada, _) = with_password(app).await;
        let (decomposed, composed) = ("cafe\u{301}-au-lait", "caf\u{e9}-au-lait");
        let (wide, plain) = ("\u{ff5a}ebra-77-crossing", "zebra-77-crossing");
        for (hashed, typed, accepted) in [
            (decomposed, decomposed, true),
            (composed, decomposed, true),
            (composed, composed, true),
            (wide, wide, true),
            (plain, wide, true),
            (decomposed, "cafe-au-lait", false),
        ] {
            let stored = bcrypt::hash(hashed, 4).expect("a hash");
            app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
                .await;
            let status = sign_in(app, &ada.email, typed).await.status();
            assert_eq!(status == 200, accepted, "{hashed:?} {typed:?}");
        }
        // The upgraded hash is of the normal form, so both forms verify from then on.
        let stored = bcrypt::hash(decomposed, 4).expect("a hash");
        app.sql("UPDATE passwords SET hash = ?1", &[json!(stored)])
            .await;
        for typed in [decomposed, composed, decomposed] {
            sign_in(app, &ada.email, typed).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_password_hashes_are_limited() {
    // Hashes that take longer than the database, so that some requests find no permit.
    let settings = [
        ("PASSWORD_HASHES_AT_ONCE", "2"),
        ("PASSWORD_HASH_MEMORY_KIB", "10240"),
    ];
    race_with(&settings, async |app| {
        let (ada, _) = with_password(app).await;
        let calls = (0..16).map(|n| {
            sign_in(
                app,
                if n % 4 < 3 {
                    &ada.email
                } else {
                    "nobody@example.com"
                },
                GOOD,
            )
        });
        let answers = futures::future::join_all(calls).await;
        let (mut busy, mut good) = (0, 0);
        for answer in &answers {
            match answer.status() {
                200 => good += 1,
                401 => {}
                _ => {
                    let code = answer.problem(429);
                    assert!(code == "busy" || code == "too_many_attempts", "{code}");
                    busy += usize::from(code == "busy");
                    assert!(answer.header("retry-after").is_some());
                }
            }
        }
        assert!(busy > 0 && good > 0, "{busy} busy, {good} good");
        app.age(Duration::from_hours(2)).await;
        sign_in(app, &ada.email, GOOD).await.ok();
    })
    .await;
}
