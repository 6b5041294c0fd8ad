//! The change log.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::authorization::domain::access;
use crate::authorization::domain::access::PolicyChange;
use crate::authorization::http::App;
use crate::authorization::http::extract::CallerToken;
use crate::authorization::http::page::PageQuery;
use crate::kernel::http::error::ApiError;

/// A change of the policy.
#[derive(Serialize, ToSchema)]
pub struct ChangeAnswer {
    /// The id. Later changes have larger ids.
    id: i64,
    /// When the change happened, in seconds since 1970.
    at: i64,
    /// The name of the change, such as `role_granted` or `service_deleted`.
    #[schema(example = "role_granted")]
    action: String,
    /// The id of the person who made the change. Null for a tool.
    #[schema(required)]
    actor_id: Option<i64>,
    /// The username of the author at that time, or the name of the tool.
    #[schema(example = "adm1")]
    actor: String,
    /// The id of the person whom the change concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<i64>,
    /// The id of the service that the change concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<i64>,
    /// The id of the role that the change concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<i64>,
    /// The id of the permission that the change concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_id: Option<i64>,
    /// Names and values at that time.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<PolicyChange> for ChangeAnswer {
    fn from(change: PolicyChange) -> Self {
        Self {
            id: change.id,
            at: change.at.seconds(),
            action: change.action,
            actor_id: change.actor_id,
            actor: change.actor,
            person_id: change.person_id,
            service_id: change.service_id,
            role_id: change.role_id,
            permission_id: change.permission_id,
            detail: change
                .detail
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
        }
    }
}

/// `GET /changes`: Returns a page of the change log, newest first. `after` is the last id of the
/// previous page.
///
/// # Errors
/// 403 without `auth.changes.read`.
#[utoipa::path(
    get,
    path = "/changes",
    operation_id = "list_changes",
    tag = "authorization",
    params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<ChangeAnswer>))
)]
pub async fn list(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let changes = access::changes(&app.ports, &token, query.page()).await?;
    Ok(query.respond(changes, |change| change.id, ChangeAnswer::from))
}
