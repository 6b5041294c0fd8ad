//! Every route × every caller. A route that is missing here fails.

use std::time::Duration;

use hamrah_api::app::routes::table;
use hamrah_api::kernel::http::route::{Access, ErrorForm};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Call, TestApp, case};

/// What a route takes and what its callers get: statuses for nobody, somebody else, an expired, a
/// revoked and a deleted caller's credential, and for the owner.
struct Row(Method, &'static str, Value, [u16; 6]);

/// Somebody else, who names the owner's ids.
const OTHER: usize = 1;

fn rows() -> Vec<Row> {
    let none = Value::Null;
    let person = json!({
        "provider": "google",
        "provider_id": "table-1",
        "email": "table@example.com",
        "platform": "web",
    });
    let challenge = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let registration = json!({
        "challenge_id": challenge,
        "response": {
            "id": "AAAA",
            "response": {"clientDataJSON": "AAAA", "attestationObject": "AAAA"},
        },
    });
    let answered =
        json!({"clientDataJSON": "AAAA", "authenticatorData": "AAAA", "signature": "AAAA"});
    let assertion =
        json!({"challenge_id": challenge, "response": {"id": "AAAA", "response": answered}});
    let attestation = json!({
        "attestation_object": "AAAA",
        "key_id": "A".repeat(43),
        "challenge_id": challenge,
        "bundle_id": "app.hamrah.ios",
    });
    let open = [200; 6];
    // Reading or changing oneself: somebody else reads or changes themselves.
    let own = [401, 200, 401, 401, 401, 200];
    // An id of the owner's is in the path: somebody else finds nothing.
    let with_id = [401, 404, 401, 401, 401, 200];
    let internal = [401; 6];
    vec![
        Row(Method::GET, "/", none.clone(), open),
        Row(Method::GET, "/health", none.clone(), open),
        Row(Method::GET, "/ready", none.clone(), open),
        Row(Method::GET, "/openapi.json", none.clone(), open),
        Row(Method::GET, "/docs", none.clone(), open),
        Row(Method::GET, "/docs.css", none.clone(), open),
        Row(Method::GET, "/.well-known/jwks.json", none.clone(), open),
        Row(Method::GET, "/.well-known/webauthn", none.clone(), open),
        Row(
            Method::GET,
            "/.well-known/apple-app-site-association",
            none.clone(),
            open,
        ),
        Row(
            Method::GET,
            "/.well-known/passkey-endpoints",
            none.clone(),
            open,
        ),
        Row(
            Method::GET,
            "/.well-known/change-password",
            none.clone(),
            [302; 6],
        ),
        // Whoever is not signed in makes an account; whoever is adds a passkey to their own,
        // whatever the body says.
        Row(
            Method::POST,
            "/api/webauthn/register/begin",
            json!({"email": "new@example.com", "name": "New"}),
            open,
        ),
        // A ceremony that does not hold is refused in one way, whoever tries it.
        Row(
            Method::POST,
            "/api/webauthn/register/complete",
            registration.clone(),
            [400; 6],
        ),
        Row(
            Method::POST,
            "/api/webauthn/register/verify",
            registration,
            [400; 6],
        ),
        Row(
            Method::POST,
            "/api/webauthn/authenticate/begin",
            json!({}),
            open,
        ),
        Row(
            Method::POST,
            "/api/webauthn/authenticate/complete",
            assertion.clone(),
            [401; 6],
        ),
        Row(
            Method::POST,
            "/api/webauthn/authenticate/discoverable",
            json!({}),
            open,
        ),
        Row(
            Method::POST,
            "/api/webauthn/authenticate/discoverable/verify",
            assertion,
            [401; 6],
        ),
        // No app is configured here.
        Row(
            Method::POST,
            "/api/app-attestation/challenge",
            json!({"platform": "ios", "bundle_id": "app.hamrah.ios"}),
            [422; 6],
        ),
        Row(
            Method::POST,
            "/api/app-attestation/verify",
            attestation,
            [422; 6],
        ),
        Row(
            Method::POST,
            "/api/app-attestation/verify-key",
            json!({"key_id": "A".repeat(43)}),
            open,
        ),
        Row(Method::GET, "/api/app-attestation/keys", none.clone(), own),
        Row(
            Method::DELETE,
            "/api/app-attestation/keys/{key_id}",
            none.clone(),
            with_id,
        ),
        Row(Method::GET, "/api/webauthn/credentials", none.clone(), own),
        Row(
            Method::GET,
            "/api/webauthn/users/{user_id}/credentials",
            none.clone(),
            with_id,
        ),
        Row(
            Method::PATCH,
            "/api/webauthn/credentials/{id}",
            json!({"name": "New"}),
            with_id,
        ),
        Row(
            Method::PATCH,
            "/api/webauthn/credentials/{id}/name",
            json!({"name": "New"}),
            with_id,
        ),
        Row(
            Method::DELETE,
            "/api/webauthn/credentials/{id}",
            none.clone(),
            with_id,
        ),
        Row(Method::GET, "/api/users/me/sessions", none.clone(), own),
        Row(Method::DELETE, "/api/users/me/sessions", none.clone(), own),
        Row(
            Method::DELETE,
            "/api/users/me/sessions/{session_id}",
            none.clone(),
            with_id,
        ),
        Row(Method::GET, "/api/users/me/events", none.clone(), own),
        Row(
            Method::POST,
            "/api/internal/users",
            person.clone(),
            internal,
        ),
        Row(
            Method::POST,
            "/api/internal/users/by-email",
            json!({"email": "table@example.com"}),
            internal,
        ),
        Row(
            Method::POST,
            "/api/internal/sessions",
            json!({"user_id": "67e55044-10b1-426f-9247-bb680e5fe0c8", "platform": "web"}),
            internal,
        ),
        Row(
            Method::POST,
            "/api/internal/sessions/validate",
            json!({"session_token": "x"}),
            internal,
        ),
        Row(Method::POST, "/api/internal/tokens", person, internal),
        Row(
            Method::GET,
            "/api/auth/sessions/validate",
            none.clone(),
            own,
        ),
        Row(
            Method::POST,
            "/api/auth/sessions/logout",
            none.clone(),
            open,
        ),
        Row(Method::GET, "/api/auth/tokens/validate", none.clone(), own),
        Row(Method::GET, "/api/auth/csrf", none.clone(), own),
        Row(Method::GET, "/api/auth/factors", none.clone(), own),
        Row(Method::POST, "/api/auth/totp/enroll", json!({}), own),
        // There is nothing to confirm, nor to disable.
        Row(
            Method::POST,
            "/api/auth/totp/confirm",
            json!({"code": "123456"}),
            [401, 409, 401, 401, 401, 409],
        ),
        Row(
            Method::DELETE,
            "/api/auth/totp",
            none.clone(),
            [401, 409, 401, 401, 401, 409],
        ),
        Row(Method::POST, "/api/auth/backup-codes", json!({}), own),
        Row(
            Method::POST,
            "/api/auth/recovery/begin",
            json!({"email": "table@example.com"}),
            open,
        ),
        Row(
            Method::POST,
            "/api/auth/recovery/complete",
            json!({"challenge_id": challenge, "code": "123456"}),
            [401; 6],
        ),
        Row(
            Method::POST,
            "/api/auth/reauthenticate/begin",
            json!({}),
            own,
        ),
        Row(
            Method::POST,
            "/api/auth/reauthenticate/complete",
            json!({"challenge_id": challenge, "code": "123456"}),
            [401; 6],
        ),
        Row(Method::GET, "/api/users/me/export", none.clone(), own),
        Row(
            Method::POST,
            "/api/auth/password/sign-in",
            json!({"email": "nobody", "password": "zebra crossing 77"}),
            [422; 6],
        ),
        Row(
            Method::PUT,
            "/api/auth/password",
            json!({"password": "zebra crossing 77"}),
            own,
        ),
        // There is none to remove.
        Row(
            Method::DELETE,
            "/api/auth/password",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        // Who calls does not matter here, only the token in the body, which is none.
        Row(
            Method::POST,
            "/api/auth/tokens/refresh",
            json!({"refresh_token": "x"}),
            [401; 6],
        ),
        Row(
            Method::POST,
            "/api/auth/token/refresh",
            json!({"refresh_token": "x"}),
            [401; 6],
        ),
        Row(
            Method::DELETE,
            "/api/auth/tokens/{token_id}/revoke",
            none.clone(),
            with_id,
        ),
        Row(
            Method::DELETE,
            "/api/auth/users/{user_id}/tokens/revoke",
            none.clone(),
            with_id,
        ),
        Row(Method::GET, "/api/users/me", none.clone(), own),
        Row(Method::PUT, "/api/users/me", json!({"name": "New"}), own),
        Row(Method::DELETE, "/api/users/me", none.clone(), own),
        Row(Method::GET, "/api/users/me/tokens", none.clone(), own),
        Row(Method::GET, "/api/users/{user_id}", none, with_id),
    ]
}

fn call<'a>(app: &'a TestApp, row: &Row, path: &str) -> Call<'a> {
    let call = app.request(row.0.clone(), path);
    if row.2.is_null() {
        call
    } else {
        call.json(&row.2)
    }
}

/// The credentials of one caller: a session token and an access token.
struct Caller(&'static str, Option<[String; 2]>);

async fn callers(app: &TestApp) -> Vec<Caller> {
    let credentials = async || {
        let person = app.person().await;
        let pair = app.pair(&person).await;
        (app.session(&person).await, pair, person)
    };
    let (expired_session, expired_pair, expired) = credentials().await;
    app.sql(
        "UPDATE sessions SET token_expires_at = 1, refresh_expires_at = 1, last_used_at = 1 \
         WHERE user_id = ?1",
        &[json!(expired.id)],
    )
    .await;
    let (revoked_session, revoked_pair, _) = credentials().await;
    for token in [&revoked_session, &revoked_pair.access] {
        app.request(Method::POST, "/api/auth/sessions/logout")
            .bearer(token)
            .send()
            .await
            .ok();
    }
    let (deleted_session, deleted_pair, _) = credentials().await;
    app.delete("/api/users/me")
        .bearer(&deleted_session)
        .send()
        .await
        .ok();
    vec![
        Caller("nobody", None),
        Caller("somebody else", None),
        Caller("expired", Some([expired_session, expired_pair.access])),
        Caller("revoked", Some([revoked_session, revoked_pair.access])),
        Caller("deleted", Some([deleted_session, deleted_pair.access])),
        Caller("owner", None),
    ]
}

#[tokio::test]
async fn every_route_gives_every_caller_what_the_table_says() {
    case(async |app| {
        let rows = rows();
        let callers = callers(app).await;
        // The authorization service's routes have a table of their own.
        let core: Vec<_> = table()
            .into_iter()
            .filter(|route| route.errors != ErrorForm::Flat)
            .collect();
        for route in &core {
            let row = rows
                .iter()
                .find(|row| row.0 == route.method && row.1 == route.path);
            let row = row.unwrap_or_else(|| {
                panic!("{} {} has no row in this table", route.method, route.path)
            });
            for (index, Caller(name, credentials)) in callers.iter().enumerate() {
                for kind in 0..2 {
                    // Whoever may succeed is made anew: some routes end what they are called with.
                    let owner = app.person().await;
                    let pair = app.pair(&owner).await;
                    let caller = if index == OTHER {
                        app.person().await
                    } else {
                        owner.clone()
                    };
                    let fresh = [
                        app.session(&caller).await,
                        if index == OTHER {
                            app.pair(&caller).await.access
                        } else {
                            pair.access.clone()
                        },
                    ];
                    let path = route
                        .path
                        .replace("{user_id}", &owner.id)
                        .replace("{token_id}", &pair.id)
                        .replace("{session_id}", &pair.id);
                    let path = if path.contains("{key_id}") {
                        path.replace("{key_id}", &app.known_key(&owner).await)
                    } else {
                        path
                    };
                    let path = if path.contains("{id}") {
                        path.replace("{id}", &app.passkey(&owner).await)
                    } else {
                        path
                    };
                    let mut call = call(app, row, &path);
                    if *name != "nobody" {
                        call = call.bearer(&credentials.as_ref().unwrap_or(&fresh)[kind]);
                    }
                    let mut expected = row.3[index];
                    if route.access == Access::Session && kind == 1 {
                        expected = 401;
                    }
                    let answer = call.send().await;
                    assert_eq!(
                        answer.status(),
                        expected,
                        "{} {} for {name}, kind {kind}: {}",
                        route.method,
                        route.path,
                        answer.text()
                    );
                    if index == OTHER && route.path.contains('{') {
                        assert_eq!(
                            (
                                app.me(&pair.access).await,
                                app.refresh(&pair.refresh).await.status()
                            ),
                            (200, 200),
                            "{}: untouched",
                            route.path
                        );
                    }
                }
            }
        }
        assert_eq!(rows.len(), core.len(), "a row without a route");
    })
    .await;
}

#[tokio::test]
async fn recent_means_recent_on_every_route_that_asks_for_it() {
    case(async |app| {
        for route in table()
            .iter()
            .filter(|route| route.access == Access::RecentlySignedIn)
        {
            let person = app.person().await;
            let (session, pair) = (app.session(&person).await, app.pair(&person).await);
            app.age(Duration::from_mins(10) + Duration::from_secs(1))
                .await;
            for token in [&session, &pair.access] {
                let answer = app
                    .request(route.method.clone(), route.path)
                    .bearer(token)
                    .send()
                    .await;
                assert_eq!(
                    answer.problem(403),
                    "reauthentication_required",
                    "{}",
                    route.path
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_spelling_of_a_path_slips_past_a_gate() {
    case(async |app| {
        for route in table()
            .iter()
            .filter(|route| route.access != Access::Anyone)
        {
            let path = route
                .path
                .replace("{user_id}", "67e55044-10b1-426f-9247-bb680e5fe0c8")
                .replace("{token_id}", "67e55044-10b1-426f-9247-bb680e5fe0c8");
            let tricks = [
                format!("/{path}"),
                format!("{path}/"),
                format!("{path};x=y"),
                format!("{path}%00"),
                format!("/health/..{path}"),
                format!("/x/%2e%2e{path}"),
                path.replacen("/api", "/API", 1),
                path.replacen("/api/", "/api//", 1),
                path.replacen("/api/", "/api%2f", 1),
                path.replacen("/api/", "/api/./", 1),
                path.replacen("/api/", "/%61pi/", 1),
            ];
            for trick in tricks {
                for method in [
                    route.method.clone(),
                    Method::HEAD,
                    Method::OPTIONS,
                    Method::TRACE,
                ] {
                    let sent = app
                        .request(method.clone(), &trick)
                        .header("x-user-id", "1")
                        .header("x-forwarded-for", "127.0.0.1");
                    let answer = sent
                        .header("x-original-url", "/health")
                        .header("x-http-method-override", "GET")
                        .send()
                        .await;
                    // OPTIONS is answered by CORS, with nothing in it.
                    let harmless = method == Method::OPTIONS && answer.body.is_empty();
                    assert!(
                        harmless || (400..500).contains(&answer.status()),
                        "{method} {trick}: {} {}",
                        answer.status(),
                        answer.text()
                    );
                }
            }
        }
    })
    .await;
}
