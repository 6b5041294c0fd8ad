//! Responses and errors that several handlers share.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorization::domain::NamedRow;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;

/// A role or a permission.
#[derive(Serialize, ToSchema)]
pub struct NamedAnswer {
    /// The id.
    #[schema(example = 3)]
    pub id: i64,
    /// The name.
    #[schema(example = "Editor")]
    pub name: String,
}

impl From<NamedRow> for NamedAnswer {
    fn from(row: NamedRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
        }
    }
}

/// The response of a successful change.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusResponse {
    /// The outcome: `success`.
    #[schema(example = "success")]
    status: &'static str,
}

impl StatusResponse {
    /// The status `success`.
    pub const SUCCESS: Self = Self { status: "success" };
}

/// A 201 response with a JSON body.
pub struct CreatedResponse<T>(pub T);

impl<T: Serialize> IntoResponse for CreatedResponse<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, AppJson(self.0)).into_response()
    }
}

/// Returns the error of a body with an invalid value.
pub(super) fn invalid_body(detail: &'static str) -> ApiError {
    ApiError::detailed(Code::InvalidRequestBody, detail)
}
