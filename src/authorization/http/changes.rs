//! The log of changes.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::authorization::domain::access;
use crate::authorization::http::App;
use crate::authorization::http::{Paged, Token};
use crate::authorization::store::changes::Change;
use crate::kernel::http::error::ApiError;

/// A change.
#[derive(Serialize, ToSchema)]
pub struct ChangeAnswer {
    /// Its number; later ones have larger ones.
    id: i64,
    /// When, in seconds since 1970.
    at: i64,
    /// What: `role_granted`, `service_deleted`, …
    #[schema(example = "role_granted")]
    action: String,
    /// Who did it: their id, where it was a person.
    #[schema(required)]
    actor_id: Option<i64>,
    /// What they were called, or which tool it was.
    #[schema(example = "adm1")]
    actor: String,
    /// About whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<i64>,
    /// About which service.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<i64>,
    /// About which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<i64>,
    /// About which permission.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_id: Option<i64>,
    /// Names and values as they were then.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<Change> for ChangeAnswer {
    fn from(change: Change) -> Self {
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

/// `GET /changes`: a page of what was changed, newest first; `after` the last id of the page
/// before.
///
/// # Errors
/// 403 without `auth.changes.read`.
#[utoipa::path(get, path = "/changes", operation_id = "list_changes", tag = "authorization", params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<ChangeAnswer>)))]
pub async fn list(
    State(app): State<App>,
    Token(token): Token,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = access::changes(&app.ports, &token, paged.page()).await?;
    Ok(paged.answer(list, |change| change.id, ChangeAnswer::from))
}
