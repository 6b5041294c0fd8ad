//! Well-known documents (RFC 8615). Browsers and Apple request them from the relying party's own
//! host, so the web app forwards these requests (docs/OPERATIONS.md).

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use jsonwebtoken::jwk::Jwk;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::accounts::domain::access_token;
use crate::accounts::http::AccountsState;

const CACHE: (http::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

/// A JWK set with public keys.
#[derive(Serialize, ToSchema)]
pub struct KeySet {
    /// The keys. The first key signs.
    #[schema(value_type = Vec<PublishedKey>)]
    keys: Vec<Jwk>,
}

/// The schema of the published keys. The library's type could hold keys of other kinds as well.
struct PublishedKey;

impl utoipa::PartialSchema for PublishedKey {
    fn schema() -> RefOr<Schema> {
        let key = ObjectBuilder::new().description(Some("An Ed25519 public key (RFC 8037)."));
        let members = ["kty", "crv", "x", "kid", "alg", "use"].into_iter();
        members
            .fold(key, |key, name| {
                key.property(name, Object::with_type(Type::String))
                    .required(name)
            })
            .into()
    }
}

impl ToSchema for PublishedKey {
    fn name() -> Cow<'static, str> {
        "PublicKey".into()
    }
}

/// `GET /.well-known/jwks.json`: returns the public keys of access tokens (RFC 7517 §5). Other
/// services verify tokens with them without a request per token.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "service",
    responses((status = 200, body = KeySet)),
)]
pub async fn jwks(State(app): State<AccountsState>) -> impl IntoResponse {
    (
        [CACHE],
        Json(KeySet {
            keys: access_token::public_keys(&app.ports.config.signing_keys).keys,
        }),
    )
}

/// Origins that may use the relying party's passkeys.
#[derive(Serialize, ToSchema)]
pub struct RelatedOrigins {
    origins: Vec<String>,
}

/// `GET /.well-known/webauthn`: returns further origins that may use the relying party's passkeys
/// (WebAuthn Level 3 §5.11).
#[utoipa::path(
    get,
    path = "/.well-known/webauthn",
    tag = "service",
    responses((status = 200, body = RelatedOrigins)),
)]
pub async fn related_origins(State(app): State<AccountsState>) -> impl IntoResponse {
    let origins = app
        .ports
        .config
        .related_origins
        .iter()
        .map(|origin| origin.as_str().to_owned())
        .collect();
    ([CACHE], Json(RelatedOrigins { origins }))
}

/// Apps that may use the domain's passkeys.
#[derive(Serialize, ToSchema)]
pub struct AppleAppSiteAssociation {
    webcredentials: WebCredentials,
}

#[derive(Serialize, ToSchema)]
struct WebCredentials {
    /// Application ids, `<team>.<bundle>`.
    apps: Vec<String>,
}

/// `GET /.well-known/apple-app-site-association`: returns the apps that may use the domain's
/// passkeys (Apple, "Supporting associated domains").
#[utoipa::path(
    get,
    path = "/.well-known/apple-app-site-association",
    tag = "service",
    responses((status = 200, body = AppleAppSiteAssociation)),
)]
pub async fn apple_apps(State(app): State<AccountsState>) -> impl IntoResponse {
    (
        [CACHE],
        Json(AppleAppSiteAssociation {
            webcredentials: WebCredentials {
                apps: app.ports.config.attest.apps.clone(),
            },
        }),
    )
}

/// The pages on which users manage their passkeys.
#[derive(Serialize, ToSchema)]
pub struct PasskeyEndpoints {
    /// The URL at which users add a passkey.
    enroll: String,
    /// The URL at which users manage their passkeys.
    manage: String,
}

/// `GET /.well-known/passkey-endpoints`: returns the pages on which users manage their passkeys
/// (W3C, "A Well-Known URL for Relying Party Passkey Endpoints").
#[utoipa::path(
    get,
    path = "/.well-known/passkey-endpoints",
    tag = "service",
    responses((status = 200, body = PasskeyEndpoints)),
)]
pub async fn passkey_endpoints(State(app): State<AccountsState>) -> impl IntoResponse {
    let account = &app.ports.config.account_url;
    (
        [CACHE],
        Json(PasskeyEndpoints {
            enroll: account.clone(),
            manage: account.clone(),
        }),
    )
}

/// `GET /.well-known/change-password`: redirects to the account page (W3C, "A Well-Known URL for
/// Changing Passwords").
#[utoipa::path(
    get,
    path = "/.well-known/change-password",
    tag = "service",
    responses((status = 302, description = "To the account page.")),
)]
pub async fn change_password(State(app): State<AccountsState>) -> impl IntoResponse {
    (
        StatusCode::FOUND,
        [CACHE, (header::LOCATION, &*app.ports.config.account_url)]
            .map(|(name, value)| (name, value.to_owned())),
    )
}
