//! The account's passkeys over HTTP: listing, renaming and removing them.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::passkeys::{manage, register};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{CurrentUser, OwnAccount, PasskeyOwner};
use crate::accounts::model::config::Config;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;

/// A passkey. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct PasskeyEntry {
    /// The credential id, base64url.
    id: String,
    /// The name that the account owner gave the passkey.
    name: String,
    /// When the passkey was added.
    created_at: i64,
    /// When the passkey was last used, for a sign-in or a step-up. Null if it was never used.
    #[schema(required)]
    last_used: Option<i64>,
    /// `multiDevice` if the passkey can be backed up, otherwise `singleDevice`.
    credential_device_type: &'static str,
    /// Whether the passkey is backed up.
    credential_backed_up: bool,
    /// Always `public-key`.
    credential_type: &'static str,
    /// Whether the authenticator verified the user when the passkey was added.
    user_verified: bool,
    /// Hints about how the client can reach the authenticator.
    transports: Vec<String>,
    /// The AAGUID, which identifies the model of the authenticator.
    aaguid: String,
    /// The authenticator's signature counter.
    counter: u32,
}

impl From<records::Passkey> for PasskeyEntry {
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

/// The arguments of `PublicKeyCredential.signalAllAcceptedCredentials()` and
/// `signalCurrentUserDetails()` (WebAuthn Level 3 §5.1.11). A client calls both so that
/// authenticators update their list of the account's passkeys and the account's name.
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
    /// The ids of the account's passkeys, base64url.
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
        let rp_id = config.rp_id.clone();
        let user_id = base64::encode(me.user.id.to_string());
        let name = me.user.label().to_owned();
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

/// The response with the account's passkeys.
#[derive(Serialize, ToSchema)]
pub struct PasskeyListResponse {
    success: bool,
    /// Oldest first.
    credentials: Vec<PasskeyEntry>,
    /// The number of passkeys.
    count: usize,
    signals: Signals,
}

async fn listed(
    app: &AccountsState,
    me: &SignedIn,
) -> Result<AppJson<PasskeyListResponse>, ApiError> {
    let passkeys = manage::list(&app.ports, me.user.id).await?;
    let signals = Signals::new(
        &app.ports.config,
        me,
        passkeys.iter().map(|passkey| &passkey.id),
    );
    let credentials: Vec<_> = passkeys.into_iter().map(PasskeyEntry::from).collect();
    Ok(AppJson(PasskeyListResponse {
        success: true,
        count: credentials.len(),
        credentials,
        signals,
    }))
}

/// `GET /api/webauthn/credentials`: returns the account's passkeys.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/webauthn/credentials",
    operation_id = "list_passkeys",
    tag = "passkeys",
    responses((status = 200, body = PasskeyListResponse)),
)]
pub async fn list(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<PasskeyListResponse>, ApiError> {
    listed(&app, &me).await
}

/// `GET /api/webauthn/users/{user_id}/credentials`: returns the account's passkeys. Only the
/// caller's own id is accepted.
///
/// # Errors
/// 404 for every other id, whether or not an account has it.
#[utoipa::path(
    get,
    path = "/api/webauthn/users/{user_id}/credentials",
    operation_id = "list_passkeys_of",
    tag = "passkeys",
    params(("user_id" = String, Path, description = "The caller's own id.")),
    responses((status = 200, body = PasskeyListResponse)),
)]
pub async fn list_of(
    State(app): State<AccountsState>,
    OwnAccount(me): OwnAccount,
) -> Result<AppJson<PasskeyListResponse>, ApiError> {
    listed(&app, &me).await
}

/// The body of `PATCH /api/webauthn/credentials/{id}`.
#[derive(Deserialize, ToSchema)]
pub struct PasskeyRenameRequest {
    /// The new name: 1 to 64 printable characters.
    name: String,
}

/// The response with a renamed passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyRenameResponse {
    success: bool,
    credential: PasskeyEntry,
    signals: Signals,
}

/// `PATCH /api/webauthn/credentials/{id}`: renames a passkey of the caller's account.
///
/// # Errors
/// The same 404 for an unknown passkey and for a passkey of another account.
#[utoipa::path(
    patch,
    path = "/api/webauthn/credentials/{id}",
    operation_id = "rename_passkey",
    tag = "passkeys",
    params(("id" = String, Path, description = "The credential id.")),
    request_body = PasskeyRenameRequest,
    responses((status = 200, body = PasskeyRenameResponse)),
)]
pub async fn rename(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(id): Path<String>,
    AppJson(body): AppJson<PasskeyRenameRequest>,
) -> Result<AppJson<PasskeyRenameResponse>, ApiError> {
    let name = register::name(&body.name).ok_or(Code::InvalidPasskeyName)?;
    let id = CredentialId::parse(&id).ok_or(Code::PasskeyNotFound)?;
    let (passkey, ids) = manage::rename(&app.ports, &me, &id, &name, &origin).await?;
    Ok(AppJson(PasskeyRenameResponse {
        success: true,
        credential: passkey.into(),
        signals: Signals::new(&app.ports.config, &me, &ids),
    }))
}

/// The response to the removal of a passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyRemoveResponse {
    success: bool,
    /// A sentence for users.
    message: &'static str,
    signals: Signals,
}

/// `DELETE /api/webauthn/credentials/{id}`: removes a passkey of the caller's account.
///
/// # Errors
/// The same 404 for an unknown passkey and for a passkey of another account; 409 if the passkey is
/// the last way to sign in; 403 `reauthentication_required` if `STEP_UP_PASSKEYS=require` and the
/// last authentication is too old.
#[utoipa::path(
    delete,
    path = "/api/webauthn/credentials/{id}",
    operation_id = "remove_passkey",
    tag = "passkeys",
    params(("id" = String, Path, description = "The credential id.")),
    responses((status = 200, body = PasskeyRemoveResponse)),
)]
pub async fn remove(
    State(app): State<AccountsState>,
    PasskeyOwner(me): PasskeyOwner,
    origin: RequestOrigin,
    Path(id): Path<String>,
) -> Result<AppJson<PasskeyRemoveResponse>, ApiError> {
    let id = CredentialId::parse(&id).ok_or(Code::PasskeyNotFound)?;
    let left = manage::remove(&app.ports, &me, &id, &origin).await?;
    let signals = Signals::new(&app.ports.config, &me, &left);
    Ok(AppJson(PasskeyRemoveResponse {
        success: true,
        message: "The passkey was removed.",
        signals,
    }))
}
