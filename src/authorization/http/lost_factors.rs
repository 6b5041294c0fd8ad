//! The removal of the factors of a person who lost them.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorization::domain::lost_factors;
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, UserIdInPath};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// The response to the removal of the factors of a person.
#[derive(Serialize, ToSchema)]
pub struct FactorsRemovedResponse {
    /// Always `factors_removed`.
    #[schema(example = "factors_removed")]
    status: &'static str,
    /// The id of the person.
    #[schema(example = 2)]
    user_id: i64,
    /// Whether the person had a TOTP secret.
    totp: bool,
    /// The number of removed backup codes, used ones included.
    #[schema(example = 10)]
    backup_codes: i64,
}

/// `DELETE /users/{id}/factors`: Removes TOTP and the backup codes of another person who lost them.
/// All sessions and tokens of the person end, and the webhook notifies the owner. Without a factor
/// nothing changes.
///
/// # Errors
/// 403 without `auth.people.write`, without `auth.administer` for a person with a grant in the
/// service `auth`, and for the caller's own factors; 404; 409 `last_sign_in_method` if the person
/// has no password, passkey or identity.
#[utoipa::path(
    delete,
    path = "/users/{id}/factors",
    operation_id = "remove_user_factors",
    tag = "authorization",
    params(("id" = i64, Path)),
    responses((status = 200, body = FactorsRemovedResponse))
)]
pub async fn remove(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    UserIdInPath(id): UserIdInPath,
    origin: RequestOrigin,
) -> Result<AppJson<FactorsRemovedResponse>, ApiError> {
    let removed = lost_factors::remove(&app.ports, &token, id, &origin).await?;
    Ok(AppJson(FactorsRemovedResponse {
        status: "factors_removed",
        user_id: id,
        totp: removed.totp,
        backup_codes: removed.backup_codes,
    }))
}
