//! The account's passkeys: listed, renamed, removed.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::passkeys::{manage, register};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::http::App;
use crate::accounts::http::caller::{CurrentUser, PasskeyOwner};
use crate::accounts::model::config::Config;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// A passkey. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
#[schema(as = Credential)]
pub struct Listed {
    /// The credential id, base64url.
    id: String,
    /// What its owner calls it.
    name: String,
    /// When it was added, in milliseconds since 1970.
    created_at: i64,
    /// When it last signed in, in milliseconds since 1970.
    #[schema(required)]
    last_used: Option<i64>,
    /// `multiDevice` if it may be backed up, otherwise `singleDevice`.
    credential_device_type: &'static str,
    /// Whether it is backed up.
    credential_backed_up: bool,
    /// Always `public-key`.
    credential_type: &'static str,
    /// Whether its owner was verified when it was added.
    user_verified: bool,
    /// How its authenticator can be reached: hints.
    transports: Vec<String>,
    /// What kind of authenticator it is.
    aaguid: String,
    /// How often it signed, as far as the authenticator tells.
    counter: u32,
}

impl From<records::Passkey> for Listed {
    fn from(passkey: records::Passkey) -> Self {
        Self {
            id: passkey.id.as_str().to_owned(),
            name: passkey.name,
            created_at: passkey.created_at.millis(),
            last_used: passkey.last_used_at.map(Timestamp::millis),
            credential_device_type: if passkey.backup_eligible {
                "multiDevice"
            } else {
                "singleDevice"
            },
            credential_backed_up: passkey.backed_up,
            credential_type: "public-key",
            user_verified: passkey.user_verified,
            transports: passkey.transports,
            aaguid: passkey.aaguid,
            counter: passkey.counter,
        }
    }
}

/// Arguments of `PublicKeyCredential.signalAllAcceptedCredentials()` and
/// `signalCurrentUserDetails()` (WebAuthn Level 3 §5.1.11): by them a client tells authenticators
/// which passkeys are left and how the account is called.
#[derive(Serialize, ToSchema)]
pub struct Signals {
    all_accepted_credentials: AcceptedCredentials,
    current_user_details: UserDetails,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AcceptedCredentials {
    rp_id: String,
    /// The user handle, base64url.
    user_id: String,
    /// Base64url.
    all_accepted_credential_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserDetails {
    rp_id: String,
    /// The user handle, base64url.
    user_id: String,
    name: String,
    display_name: String,
}

impl Signals {
    fn new<'a>(
        config: &Config,
        me: &SignedIn,
        ids: impl IntoIterator<Item = &'a CredentialId>,
    ) -> Self {
        let (rp_id, user_id) = (config.rp_id.clone(), base64::encode(me.user.id.to_string()));
        let name = me.user.email.as_str().to_owned();
        Self {
            all_accepted_credentials: AcceptedCredentials {
                rp_id: rp_id.clone(),
                user_id: user_id.clone(),
                all_accepted_credential_ids: ids
                    .into_iter()
                    .map(|id| id.as_str().to_owned())
                    .collect(),
            },
            current_user_details: UserDetails {
                rp_id,
                user_id,
                display_name: me.user.name.clone().unwrap_or_else(|| name.clone()),
                name,
            },
        }
    }
}

/// The account's passkeys.
#[derive(Serialize, ToSchema)]
pub struct CredentialList {
    success: bool,
    /// Oldest first.
    credentials: Vec<Listed>,
    /// How many.
    count: usize,
    signals: Signals,
}

async fn listed(app: &App, me: &SignedIn) -> Result<AppJson<CredentialList>, ApiError> {
    let passkeys = manage::list(&app.ports, me.user.id).await?;
    let signals = Signals::new(
        &app.ports.config,
        me,
        passkeys.iter().map(|passkey| &passkey.id),
    );
    let credentials: Vec<_> = passkeys.into_iter().map(Listed::from).collect();
    Ok(AppJson(CredentialList {
        success: true,
        count: credentials.len(),
        credentials,
        signals,
    }))
}

/// `GET /api/webauthn/credentials`: the account's passkeys.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/webauthn/credentials", operation_id = "list_passkeys", tag = "passkeys", responses((status = 200, body = CredentialList)))]
pub async fn list(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<CredentialList>, ApiError> {
    listed(&app, &me).await
}

/// `GET /api/webauthn/users/{user_id}/credentials`: the same, for the caller's own id.
///
/// # Errors
/// The same 404 for every other.
#[utoipa::path(get, path = "/api/webauthn/users/{user_id}/credentials", operation_id = "list_passkeys_of", tag = "passkeys",
    params(("user_id" = String, Path, description = "The caller's own id.")), responses((status = 200, body = CredentialList)))]
pub async fn list_of(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    Path(user_id): Path<String>,
) -> Result<AppJson<CredentialList>, ApiError> {
    if UserId::parse(&user_id) != Some(me.user.id) {
        return Err(Code::UserNotFound.into());
    }
    listed(&app, &me).await
}

/// A passkey's new name.
#[derive(Deserialize, ToSchema)]
pub struct Rename {
    /// 1 to 64 printable characters.
    name: String,
}

/// A passkey that was renamed.
#[derive(Serialize, ToSchema)]
pub struct Renamed {
    success: bool,
    credential: Listed,
    signals: Signals,
}

/// `PATCH /api/webauthn/credentials/{id}`: gives a passkey of the caller's another name.
///
/// # Errors
/// The same 404 for an unknown one and for somebody else's.
#[utoipa::path(patch, path = "/api/webauthn/credentials/{id}", operation_id = "rename_passkey", tag = "passkeys", params(("id" = String, Path, description = "The credential id.")),
    request_body = Rename, responses((status = 200, body = Renamed)))]
pub async fn rename(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(id): Path<String>,
    AppJson(body): AppJson<Rename>,
) -> Result<AppJson<Renamed>, ApiError> {
    let name = register::name(&body.name).ok_or(Code::InvalidPasskeyName)?;
    let id = CredentialId::parse(&id).ok_or(Code::PasskeyNotFound)?;
    let (passkey, ids) = manage::rename(&app.ports, &me, &id, &name, &origin).await?;
    Ok(AppJson(Renamed {
        success: true,
        credential: passkey.into(),
        signals: Signals::new(&app.ports.config, &me, &ids),
    }))
}

/// A passkey that was removed.
#[derive(Serialize, ToSchema)]
pub struct Removed {
    success: bool,
    /// A sentence.
    message: &'static str,
    signals: Signals,
}

/// `DELETE /api/webauthn/credentials/{id}`: removes a passkey of the caller's.
///
/// # Errors
/// The same 404 for an unknown one and for somebody else's; 409 if it is the last way to sign in;
/// 403 `reauthentication_required` if the sign-in is too old and `STEP_UP_PASSKEYS=require`.
#[utoipa::path(delete, path = "/api/webauthn/credentials/{id}", operation_id = "remove_passkey", tag = "passkeys", params(("id" = String, Path, description = "The credential id.")),
    responses((status = 200, body = Removed)))]
pub async fn remove(
    State(app): State<App>,
    PasskeyOwner(me): PasskeyOwner,
    origin: RequestOrigin,
    Path(id): Path<String>,
) -> Result<AppJson<Removed>, ApiError> {
    let id = CredentialId::parse(&id).ok_or(Code::PasskeyNotFound)?;
    let left = manage::remove(&app.ports, &me, &id, &origin).await?;
    let signals = Signals::new(&app.ports.config, &me, &left);
    Ok(AppJson(Removed {
        success: true,
        message: "The passkey is removed.",
        signals,
    }))
}
