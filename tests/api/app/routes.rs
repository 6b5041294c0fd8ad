//! The status that every route gives to every caller. A route without a row fails a case of
//! `callers`.

use http::Method;
use serde_json::{Value, json};

use super::relay_routes;

/// A route, its body, and the statuses of its callers: without a credential, another user, an
/// expired, a revoked and a deleted caller's credential, and the owner.
pub struct Row(pub Method, pub &'static str, pub Value, pub [u16; 6]);

/// The place of the other user, who names the owner's ids.
pub const OTHER: usize = 1;

pub fn rows() -> Vec<Row> {
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
        "bundle_id": "app.hamrah.other",
    });
    let open = [200; 6];
    // A user reads or changes their own account. The other user reads or changes theirs.
    let own = [401, 200, 401, 401, 401, 200];
    // The path has an id of the owner. The other user gets 404.
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
        // A caller without a session creates an account. A caller with a session adds a passkey to
        // their own account, whatever the body says.
        Row(
            Method::POST,
            "/api/webauthn/register/begin",
            json!({"email": "new@example.com", "name": "New"}),
            open,
        ),
        // A broken ceremony gets one answer, for every caller.
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
        // These settings configure no such app.
        Row(
            Method::POST,
            "/api/app-attestation/challenge",
            json!({"platform": "ios", "bundle_id": "app.hamrah.other"}),
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
        // The account has no TOTP to confirm or disable.
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
        // The account has no password to remove.
        Row(
            Method::DELETE,
            "/api/auth/password",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        // The route uses the token in the body only, and that token is invalid.
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
    .into_iter()
    .chain(relay_routes::rows())
    .collect()
}
