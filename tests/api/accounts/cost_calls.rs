//! The requests whose cost is measured.

use http::Method;
use serde_json::{Value, json};

use crate::accounts::factors::{begun as begun_recovery, codes, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Call, Pair, Person, TestApp, other_person};

/// An account with everything that the measured requests need.
pub struct World {
    pub person: Person,
    pub session: String,
    pair: Pair,
    pub other: Pair,
    authenticator: Authenticator,
    /// A sign-up, an addition and a sign-in.
    begun: [Value; 3],
    /// Two step-ups and three recoveries. The last recovery is of an unknown address.
    factors: [Value; 5],
    codes: Vec<String>,
    totp: [String; 2],
}

/// Returns each kind of request with the number of round trips that it may make.
pub fn calls<'a>(app: &'a TestApp, world: &World) -> Vec<(&'static str, usize, Call<'a>)> {
    let World {
        person,
        session,
        pair,
        other,
        authenticator,
        begun: [sign_up, adding, sign_in],
        ..
    } = world;
    let World {
        factors: [prove, prove_by_code, recovery, guess, nobodys],
        codes,
        totp: [first, second],
        ..
    } = world;
    let recover = |challenge: &Value, code: &str| {
        app.post(
            "/api/auth/recovery/complete",
            &json!({"challenge_id": challenge, "code": code}),
        )
    };
    let proven = |opened: &Value, member: &str, shown: Value| {
        app.post(
            "/api/auth/reauthenticate/complete",
            &json!({"challenge_id": opened["challenge_id"], member: shown}),
        )
        .bearer(&pair.access)
    };
    let touch = authenticator.authenticate(&prove["options"]).json();
    let identity =
        json!({"provider": "google", "provider_id": person.provider_id, "platform": "ios"});
    vec![
        (
            "validate a session by cookie",
            1,
            app.get("/api/auth/sessions/validate").cookie(session),
        ),
        (
            "validate a session internally",
            1,
            app.internal(
                "/api/internal/sessions/validate",
                &json!({"session_token": session}),
            ),
        ),
        (
            "validate an access token",
            1,
            app.get("/api/auth/tokens/validate").bearer(&pair.access),
        ),
        (
            "own account by session",
            1,
            app.get("/api/users/me").cookie(session),
        ),
        (
            "own account by access token",
            1,
            app.get("/api/users/me").bearer(&pair.access),
        ),
        (
            "a forged token",
            0,
            app.get("/api/users/me").bearer("a.b.c"),
        ),
        (
            "an unknown session",
            1,
            app.get("/api/users/me")
                .bearer(&format!("hms_{}", "A".repeat(43))),
        ),
        (
            "find by address",
            1,
            app.internal(
                "/api/internal/users/by-email",
                &json!({"email": person.email}),
            ),
        ),
        (
            "find or create a user",
            1,
            app.internal("/api/internal/users", &identity),
        ),
        (
            "create a session",
            1,
            app.internal(
                "/api/internal/sessions",
                &json!({"user_id": person.id, "platform": "web"}),
            ),
        ),
        (
            "create tokens for an identity",
            1,
            app.internal("/api/internal/tokens", &identity),
        ),
        (
            "create a user and tokens",
            1,
            app.internal("/api/internal/tokens", &other_person()),
        ),
        (
            "refresh",
            1,
            app.post(
                "/api/auth/tokens/refresh",
                &json!({"refresh_token": other.refresh}),
            ),
        ),
        (
            "begin a sign-up",
            1,
            app.post(
                "/api/webauthn/register/begin",
                &json!({"email": "new@example.com", "name": "New"}),
            ),
        ),
        (
            "begin a sign-in",
            1,
            app.post("/api/webauthn/authenticate/begin", &json!({})),
        ),
        (
            "begin a sign-in by address",
            1,
            app.post(
                "/api/webauthn/authenticate/begin",
                &json!({"email": person.email}),
            ),
        ),
        (
            "begin a sign-in by an unknown address",
            1,
            app.post(
                "/api/webauthn/authenticate/begin",
                &json!({"email": "no@example.com"}),
            ),
        ),
        (
            "begin adding a passkey",
            2,
            app.post("/api/webauthn/register/begin", &json!({}))
                .bearer(&pair.access),
        ),
        (
            "create an account with a passkey",
            2,
            app.complete_registration(sign_up, &Authenticator::new().register(&sign_up["options"])),
        ),
        (
            "add a passkey",
            3,
            app.complete_registration(adding, &Authenticator::new().register(&adding["options"]))
                .bearer(&pair.access),
        ),
        (
            "sign in by passkey",
            2,
            app.complete_sign_in(sign_in, &authenticator.authenticate(&sign_in["options"])),
        ),
        (
            "list passkeys",
            2,
            app.get("/api/webauthn/credentials").cookie(session),
        ),
        (
            "list sessions",
            2,
            app.get("/api/users/me/sessions").cookie(session),
        ),
        (
            "list events",
            2,
            app.get("/api/users/me/events").cookie(session),
        ),
        (
            "list tokens",
            2,
            app.get("/api/users/me/tokens").bearer(&pair.access),
        ),
        (
            "list factors",
            2,
            app.get("/api/auth/factors").bearer(&pair.access),
        ),
        (
            "export",
            3,
            app.get("/api/users/me/export").bearer(&pair.access),
        ),
        (
            "a CSRF token",
            1,
            app.get("/api/auth/csrf").bearer(&pair.access),
        ),
        (
            "begin a step-up",
            2,
            app.post("/api/auth/reauthenticate/begin", &json!({}))
                .bearer(&pair.access),
        ),
        ("step up by passkey", 3, proven(prove, "response", touch)),
        (
            "step up by TOTP",
            3,
            proven(prove_by_code, "code", json!(first)),
        ),
        (
            "begin a recovery",
            1,
            app.post("/api/auth/recovery/begin", &json!({"email": person.email})),
        ),
        ("recover", 3, recover(recovery, &codes[0])),
        ("recover by TOTP", 3, recover(guess, second)),
        (
            "recover an unknown account",
            2,
            recover(nobodys, "0000-0000-0000-0000"),
        ),
        (
            "create backup codes",
            2,
            app.post("/api/auth/backup-codes", &json!({}))
                .bearer(&pair.access),
        ),
        (
            "disable TOTP",
            2,
            app.delete("/api/auth/totp").bearer(&pair.access),
        ),
        (
            "enrol TOTP",
            2,
            app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&pair.access),
        ),
        (
            "update",
            2,
            app.request(Method::PUT, "/api/users/me")
                .json(&json!({"name": "New"}))
                .bearer(session),
        ),
        (
            "revoke a session",
            2,
            app.delete(&format!("/api/auth/tokens/{}/revoke", other.id))
                .bearer(&pair.access),
        ),
        (
            "log out",
            1,
            app.request(Method::POST, "/api/auth/sessions/logout")
                .bearer(&pair.access),
        ),
        (
            "delete the account",
            2,
            app.delete("/api/users/me").cookie(session),
        ),
    ]
}

/// Creates the account and begins its ceremonies.
pub async fn world(app: &TestApp) -> World {
    let person = app.person().await;
    let (session, mut authenticator) = (app.session(&person).await, Authenticator::new());
    app.add_passkey(&mut authenticator, &session).await.ok();
    let generator = enrolled(app, &session).await;
    let codes = codes(app, &session).await;
    let sign_up = app.begin_sign_up("newer@example.com").await;
    let begun = [
        sign_up,
        app.begin_passkey(&session).await,
        app.begin_sign_in(None).await,
    ];
    let (pair, other) = (app.pair(&person).await, app.pair(&person).await);
    let prove = async || {
        app.post("/api/auth/reauthenticate/begin", &json!({}))
            .bearer(&pair.access)
            .send()
            .await
            .ok()
    };
    let recoveries = [
        begun_recovery(app, &person.email).await,
        begun_recovery(app, &person.email).await,
        begun_recovery(app, "no@example.com").await,
    ];
    let [recovery, guess, nobodys] = recoveries;
    let factors = [prove().await, prove().await, recovery, guess, nobodys];
    let totp = [generator.code(app, 0).await, generator.code(app, 1).await];
    World {
        person,
        session,
        pair,
        other,
        authenticator,
        begun,
        factors,
        codes,
        totp,
    }
}
