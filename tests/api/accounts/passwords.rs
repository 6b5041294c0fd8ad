//! Passwords: setting, changing and removing a password, and the checks of a new one.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::harness::receiver::receiver;
use crate::harness::{Answer, Person, TestApp, case, case_with, claims};

pub const SIGN_IN: &str = "/api/auth/password/sign-in";
const PASSWORD: &str = "/api/auth/password";
pub const GOOD: &str = "zebra crossing 77";

async fn set(app: &TestApp, token: &str, password: &str) -> Answer {
    if !password.contains('@') {
        app.secret(password);
    }
    app.request(Method::PUT, PASSWORD)
        .json(&json!({"password": password}))
        .bearer(token)
        .send()
        .await
}

pub async fn sign_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.post(SIGN_IN, &json!({"email": email, "password": password}))
        .send()
        .await
}

/// Creates a person with a password. Returns the person and a session token.
pub async fn with_password(app: &TestApp) -> (Person, String) {
    let person = app.person().await;
    let session = app.session(&person).await;
    set(app, &session, GOOD).await.ok();
    (person, session)
}

#[tokio::test]
async fn an_account_owner_sets_a_password_and_signs_in_with_it() {
    // With the cost of a password hash in production.
    case_with(
        &[
            ("PASSWORD_HASH_MEMORY_KIB", "19456"),
            ("PASSWORD_HASH_PASSES", "2"),
        ],
        async |app| {
            let (ada, session) = with_password(app).await;
            let signed_in = sign_in(app, &ada.email.to_uppercase(), GOOD).await.ok();
            assert_eq!(
                (&signed_in["user"]["id"], &signed_in["amr"]),
                (&json!(ada.id), &json!(["pwd"]))
            );
            let access = signed_in["access_token"].as_str().expect("a token");
            assert_eq!(claims(access)["amr"], json!(["pwd"]));
            let token = signed_in["session_token"].as_str().expect("a token");
            assert_eq!(
                (
                    app.me(access).await,
                    app.me(token).await,
                    app.me(&session).await
                ),
                (200, 200, 200)
            );
            assert_eq!(
                app.refresh(signed_in["refresh_token"].as_str().expect("a token"))
                    .await
                    .status(),
                200
            );
            let factors = app.get("/api/auth/factors").bearer(token).send().await.ok();
            assert_eq!(factors["password"]["set"], true);
            assert!(factors["password"]["changed_at"].is_i64());
            let kept = app.sql("SELECT hash FROM passwords", &[]).await;
            let hash = kept[0]["hash"].as_str().expect("a hash");
            assert!(
                hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hash}"
            );
            assert_eq!(
                app.events(&ada.id).await,
                [
                    "user_created",
                    "signed_in",
                    "password_set",
                    "signed_in",
                    "tokens_refreshed"
                ]
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_password_is_compared_in_its_normal_form_and_never_truncated() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        set(app, &session, "cafe\u{301} au lait").await.ok();
        assert_eq!(sign_in(app, &ada.email, "café au lait").await.status(), 200);
        let longest: String = "ß7".repeat(128);
        set(app, &session, &longest).await.ok();
        assert_eq!(sign_in(app, &ada.email, &longest).await.status(), 200);
        assert_eq!(
            sign_in(app, &ada.email, &longest[..longest.len() - 1])
                .await
                .status(),
            401,
            "every character counts"
        );
    })
    .await;
}

#[tokio::test]
async fn an_unacceptable_password_is_refused_and_changes_nothing() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        for (bad, code) in [
            ("zebra 7", "invalid_password"),
            (&*"zebra 77".repeat(33), "invalid_password"),
            ("password123", "common_password"),
            ("12345678", "common_password"),
            (&ada.email, "common_password"),
        ] {
            assert_eq!(set(app, &session, bad).await.problem(422), code, "{bad}");
        }
        assert_eq!(sign_in(app, &ada.email, GOOD).await.status(), 200);
        let put = || app.request(Method::PUT, PASSWORD);
        assert_eq!(
            put()
                .json(&json!({"password": 7}))
                .bearer(&session)
                .send()
                .await
                .problem(422),
            "invalid_body"
        );
        assert_eq!(
            put()
                .json(&json!({"password": GOOD}))
                .send()
                .await
                .problem(401),
            "authentication_required"
        );
    })
    .await;
}

#[tokio::test]
async fn a_password_change_revokes_other_sessions_and_needs_recent_authentication() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        let (other, pair) = (app.session(&ada).await, app.pair(&ada).await);
        set(app, &session, "another zebra 78").await.ok();
        assert_eq!(
            (
                app.me(&session).await,
                app.me(&other).await,
                app.me(&pair.access).await
            ),
            (200, 401, 401)
        );
        assert_eq!(sign_in(app, &ada.email, GOOD).await.status(), 401);
        assert_eq!(
            sign_in(app, &ada.email, "another zebra 78").await.status(),
            200
        );
        let events = app.events(&ada.id).await;
        assert!(
            events.contains(&"password_changed".to_owned())
                && events.contains(&"sign_in_revoked".to_owned()),
            "{events:?}"
        );
        app.age(Duration::from_mins(11)).await;
        assert_eq!(
            set(app, &session, GOOD).await.problem(403),
            "reauthentication_required"
        );
        assert_eq!(
            app.delete(PASSWORD)
                .bearer(&session)
                .send()
                .await
                .problem(403),
            "reauthentication_required"
        );
        // A new session counts as recent authentication.
        let anew = sign_in(app, &ada.email, "another zebra 78").await.ok();
        set(app, anew["session_token"].as_str().expect("a token"), GOOD)
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn a_password_is_removed_unless_it_is_the_last_way_to_sign_in() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        app.delete(PASSWORD).bearer(&session).send().await.ok();
        assert_eq!(sign_in(app, &ada.email, GOOD).await.status(), 401);
        assert_eq!(
            app.delete(PASSWORD)
                .bearer(&session)
                .send()
                .await
                .problem(404),
            "password_not_found"
        );
        set(app, &session, GOOD).await.ok();
        app.sql(
            "DELETE FROM identities WHERE user_id = ?1",
            &[json!(ada.id)],
        )
        .await;
        app.sql(
            "UPDATE users SET provider = NULL, provider_id = NULL WHERE id = ?1",
            &[json!(ada.id)],
        )
        .await;
        app.sql(
            "INSERT INTO people (user_id, username) VALUES (?1, 'ada')",
            &[json!(ada.id)],
        )
        .await;
        let token = app.login("ada", GOOD).await.ok()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            app.delete(PASSWORD)
                .bearer(&session)
                .send()
                .await
                .problem(409),
            "last_sign_in_method"
        );
        assert_eq!(
            app.get("/auth/profile").token(&token).send().await.status(),
            200,
            "a refused request changes nothing"
        );
        // A passkey is another way to sign in. With a password the last passkey may be removed.
        let passkey = app.passkey(&ada).await;
        assert_eq!(
            app.delete(&format!("/api/webauthn/credentials/{passkey}"))
                .bearer(&session)
                .send()
                .await
                .status(),
            200
        );
        assert_eq!(sign_in(app, &ada.email, GOOD).await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_password_change_wins_over_a_sign_in_with_the_old_password() {
    case(async |app| {
        let (ada, session) = with_password(app).await;
        let call = app.post(SIGN_IN, &json!({"email": ada.email, "password": GOOD}));
        // The first database call of the sign-in found the old hash. Before the second call the
        // password is changed.
        let answer = app
            .interleave(call, 1, async {
                app.sql("UPDATE passwords SET hash = hash || 'x'", &[])
                    .await;
            })
            .await;
        assert_eq!(answer.problem(401), "invalid_credentials");
        assert_eq!(app.me(&session).await, 200);
    })
    .await;
}

#[tokio::test]
async fn a_leaked_password_is_refused() {
    let leaks = receiver().leaks();
    let settings = [("BREACHED_PASSWORDS_URL", leaks.as_str())];
    case_with(&settings, async |app| {
        let (ada, session) = with_password(app).await;
        assert_eq!(
            set(app, &session, crate::harness::receiver::LEAKED)
                .await
                .problem(422),
            "breached_password"
        );
        assert_eq!(
            set(app, &session, crate::harness::receiver::PADDING)
                .await
                .status(),
            200,
            "a count of zero is padding"
        );
        assert!(
            !app.events(&ada.id)
                .await
                .contains(&"password_unchecked".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn an_unchecked_password_is_accepted_with_an_event() {
    let gone = [("BREACHED_PASSWORDS_URL", "http://127.0.0.1:9/range/")];
    case_with(&gone, async |app| {
        let (ada, _) = with_password(app).await;
        assert!(
            app.events(&ada.id)
                .await
                .contains(&"password_unchecked".to_owned())
        );
        sign_in(app, &ada.email, GOOD).await.ok();
    })
    .await;
}
