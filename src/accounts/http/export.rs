//! The export of an account as JSON.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};

use crate::accounts::domain::export;
use crate::accounts::domain::export::StoredValue;
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::CurrentUser;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;

/// `GET /api/users/me/export`: returns all stored data of the caller's account except secrets, as a
/// JSON file. Times are milliseconds since 1970.
///
/// # Errors
/// 401 if the caller is not signed in; 429 `too_many_attempts` after several exports in a row.
#[utoipa::path(
    get,
    path = "/api/users/me/export",
    operation_id = "export_account",
    tag = "users",
    responses((status = 200, body = Object)),
)]
pub async fn export(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<Response, ApiError> {
    let found = export::read(&app.ports, me.user.id, me.now).await?;
    let mut document = Map::from_iter([("exported_at".to_owned(), json!(me.now.millis()))]);
    for (name, rows) in found.0 {
        let objects: Vec<Value> = rows
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .map(|(name, value)| (name, json_of(value)))
                    .collect()
            })
            .collect();
        let one = name == "account" || name == "totp";
        document.insert(
            name.to_owned(),
            if one {
                objects.into_iter().next().unwrap_or(Value::Null)
            } else {
                Value::Array(objects)
            },
        );
    }
    let mut response = AppJson(Value::Object(document)).into_response();
    response.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"hamrah-account.json\""),
    );
    Ok(response)
}

fn json_of(value: StoredValue) -> Value {
    match value {
        StoredValue::Null => Value::Null,
        StoredValue::Integer(number) => json!(number),
        StoredValue::Text(text) => json!(text),
        StoredValue::Blob(bytes) => json!(base64::encode(bytes)),
    }
}
