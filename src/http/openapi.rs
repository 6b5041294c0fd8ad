//! The description of the API (`OpenAPI` 3.1), generated from the handlers and the table of routes.
//!
//! Used by `hamrah-api openapi` and by the test that compares it with the file; the Worker serves the file.

#![allow(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::error::Code;
use super::respond::Problem;
use super::router::{Access, table};
use super::{docs, health, internal, sessions, tokens, users, well_known};

/// A JWK set with public keys.
#[derive(ToSchema)]
pub struct KeySet {
    /// The keys; the first one signs.
    pub keys: Vec<PublicKey>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what domain::access_token::public_keys writes")]
pub struct PublicKey {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    alg: String,
    #[schema(rename = "use")]
    usage: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hamrah-api",
        description = "Users, sessions and tokens at the edge. Success is always 200 with JSON; an error is a problem document (RFC 9457) with a stable `code`."
    ),
    paths(
        health::root,
        health::alive,
        health::ready,
        docs::openapi,
        docs::page,
        docs::style,
        well_known::jwks,
        internal::create_user,
        internal::user_by_email,
        internal::create_session,
        internal::validate_session,
        internal::create_tokens,
        sessions::validate,
        sessions::logout,
        tokens::validate,
        tokens::refresh,
        tokens::revoke,
        tokens::revoke_all,
        tokens::list,
        users::me,
        users::update,
        users::delete,
        users::by_id,
    ),
    components(schemas(Problem)),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let Some(components) = openapi.components.as_mut() else { return };
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let cookie = ApiKeyValue::with_description("session", "Called `__Host-session` where no cookie domain is configured.");
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("internal_service", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Service"))));
        components.add_security_scheme("internal_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Key"))));
    }
}

/// The description: what the handlers say, and for every route of the table the statuses that its access implies.
#[must_use]
pub fn document() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    for route in table() {
        let method = route.method.as_str().to_lowercase();
        let handler_of =
            |path: &str| if path == "/api/auth/token/refresh" { "/api/auth/tokens/refresh".to_owned() } else { path.to_owned() };
        let mut operation = document["paths"][handler_of(route.path)][&method].clone();
        if operation.is_null() {
            continue;
        }
        if handler_of(route.path) != route.path {
            operation["operationId"] = json!(route.path.trim_matches('/').replace('/', "_"));
            operation["summary"] = json!(format!("{} {}: another name for {}", route.method, route.path, handler_of(route.path)));
        }
        if route.access == Access::Service {
            operation["security"] = json!([{"internal_service": [], "internal_key": []}]);
        }
        let has_body = !operation["requestBody"].is_null();
        for status in statuses(route.access, has_body, route.path.contains('{'), route.path) {
            let codes: Vec<_> = Code::ALL.iter().filter(|code| code.status().as_u16() == status).map(|code| code.as_str()).collect();
            operation["responses"][status.to_string()] = json!({
                "description": format!("A problem; `code` is one of {}", codes.join(", ")),
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            });
        }
        document["paths"][route.path][&method] = operation;
    }
    document
}

fn statuses(access: Access, has_body: bool, has_id: bool, path: &str) -> Vec<u16> {
    let mut statuses = vec![500, 503];
    match access {
        Access::Anyone => {}
        Access::SignedIn | Access::Session | Access::RecentlySignedIn => statuses.extend([400, 401, 403]),
        Access::Service => statuses.extend([401, 403]),
    }
    if has_body {
        statuses.extend([400, 409, 413, 415, 422]);
    }
    if has_id || path == "/api/internal/sessions" || path == "/api/internal/tokens" || path == "/api/users/me" {
        statuses.push(404);
    }
    if path.starts_with("/api/auth") {
        statuses.extend([400, 401, 403]);
    }
    if path.starts_with("/api") {
        statuses.push(415);
    }
    statuses
}
