//! The status that every route of the relay gives to every caller. The callers have no keys for
//! messages yet, and the paths name no server or channel.

use http::Method;
use serde_json::{Value, json};

use super::routes::Row;

pub fn rows() -> Vec<Row> {
    let none = Value::Null;
    let open = [200; 6];
    // A user reads or changes their own account. The other user reads or changes theirs.
    let own = [401, 200, 401, 401, 401, 200];
    let challenge = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    vec![
        Row(
            Method::POST,
            "/api/v1/auth/register",
            json!({"username": "x"}),
            [400; 6],
        ),
        Row(
            Method::POST,
            "/api/v1/auth/login",
            json!({"username": "nobody"}),
            [400; 6],
        ),
        Row(
            Method::POST,
            "/api/v1/auth/refresh",
            json!({"refresh_token": "x"}),
            [401; 6],
        ),
        Row(Method::GET, "/api/v1/auth/challenge", none.clone(), open),
        Row(Method::POST, "/api/v1/auth/logout", json!({}), own),
        Row(Method::POST, "/api/v1/ws/ticket", json!({}), own),
        Row(Method::GET, "/api/v1/ws", none.clone(), [426; 6]),
        Row(Method::POST, "/api/v1/auth/totp/setup", json!({}), own),
        Row(
            Method::POST,
            "/api/v1/auth/totp/verify",
            json!({"code": "x"}),
            [401, 400, 401, 401, 401, 400],
        ),
        Row(
            Method::DELETE,
            "/api/v1/auth/totp",
            none.clone(),
            [401, 409, 401, 401, 401, 409],
        ),
        Row(
            Method::PUT,
            "/api/v1/auth/password",
            json!({"current_password": "x", "new_password": "yellow bicycle 9"}),
            [401; 6],
        ),
        Row(
            Method::POST,
            "/api/v1/auth/delete-account",
            json!({"password": "x"}),
            [401; 6],
        ),
        Row(
            Method::GET,
            "/api/v1/users/search",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/users/{id}/keys",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/keys/prekeys",
            json!({"prekeys": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]}),
            [401, 409, 401, 401, 401, 409],
        ),
        Row(Method::GET, "/api/v1/keys/prekeys/count", none.clone(), own),
        Row(Method::DELETE, "/api/v1/keys/prekeys", none.clone(), own),
        Row(
            Method::POST,
            "/api/v1/keys/pq-prekeys",
            json!({"pq_prekeys": [{"public_key": "A".repeat(2088) + "AAA",
                                   "signature": "A".repeat(86)}]}),
            [401, 409, 401, 401, 401, 409],
        ),
        Row(
            Method::GET,
            "/api/v1/keys/pq-prekeys/count",
            none.clone(),
            own,
        ),
        Row(Method::DELETE, "/api/v1/keys/pq-prekeys", none.clone(), own),
        Row(Method::GET, "/api/v1/keys/identity", none.clone(), own),
        Row(
            Method::PUT,
            "/api/v1/keys/identity",
            json!({"identity_key": "x"}),
            [401, 400, 401, 401, 401, 400],
        ),
        Row(
            Method::PUT,
            "/api/v1/keys/backup",
            json!({"nonce": "x"}),
            [401, 400, 401, 401, 401, 400],
        ),
        Row(
            Method::GET,
            "/api/v1/keys/backup",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(Method::GET, "/api/v1/keys/backup/status", none.clone(), own),
        Row(
            Method::DELETE,
            "/api/v1/keys/backup",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(Method::GET, "/api/v1/servers", none.clone(), own),
        Row(
            Method::POST,
            "/api/v1/servers",
            json!({"encrypted_meta": "AAAA"}),
            own,
        ),
        Row(
            Method::GET,
            "/api/v1/servers/{id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::PATCH,
            "/api/v1/servers/{id}",
            json!({"encrypted_meta": "AAAA"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/servers/{id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/servers/{id}/channels",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/servers/{id}/channels",
            json!({"encrypted_meta": "AAAA"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/servers/{id}/members",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/servers/{id}/members/@me",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::PUT,
            "/api/v1/servers/{id}/members/{user_id}",
            json!({"role": "admin"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/servers/{id}/members/{user_id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/servers/{id}/invites",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/servers/{id}/invites",
            json!({}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/servers/{id}/invites/{invite_id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/invites/{code}/join",
            json!({}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::PUT,
            "/api/v1/channels/{id}",
            json!({"encrypted_meta": "AAAA"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/channels/{id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/channels/{id}/join",
            json!({}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/channels/{id}/leave",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/channels/{id}/members",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/channels/{id}/members/keys",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/channels/{id}/sender-keys",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/channels/{id}/sender-keys",
            json!({"distributions": [{
                "to_user_id": challenge,
                "distribution_id": challenge,
                "encrypted_skdm": "AAAA",
            }]}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(Method::GET, "/api/v1/dm", none.clone(), own),
        Row(
            Method::POST,
            "/api/v1/dm",
            json!({"target_user_id": challenge, "encrypted_meta": ""}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(Method::GET, "/api/v1/users/blocked", none.clone(), own),
        Row(
            Method::POST,
            "/api/v1/users/{id}/block",
            json!({}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/users/{id}/block",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::GET,
            "/api/v1/channels/{id}/messages",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::POST,
            "/api/v1/channels/{id}/messages",
            json!({"sender_token": "AAAA", "encrypted_body": "AAAA"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::PATCH,
            "/api/v1/messages/{id}",
            json!({"secret": "AAAA", "encrypted_body": "AAAA"}),
            [401, 404, 401, 401, 401, 404],
        ),
        Row(
            Method::DELETE,
            "/api/v1/messages/{id}",
            none.clone(),
            [401, 404, 401, 401, 401, 404],
        ),
    ]
}
