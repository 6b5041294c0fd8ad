//! The account owner's view of their sessions and of the account's events.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::activity::EventCursor;
use crate::accounts::domain::tokens::RevokeRejection;
use crate::accounts::domain::{activity, tokens};
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::CurrentUser;
use crate::accounts::http::cookie::SessionCookie;
use crate::accounts::http::objects::MessageResponse;
use crate::accounts::http::sessions::with_cleared_cookie;
use crate::accounts::http::tokens::RevokeAllResponse;
use crate::accounts::model::records;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::events;
use crate::kernel::model::ids::{EventId, SessionId};
use crate::kernel::model::time::Timestamp;

/// A live session. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct SessionEntry {
    /// The session's id. It is not a secret.
    #[schema(format = "uuid")]
    id: String,
    /// `web`, `ios` or `api`.
    platform: &'static str,
    /// The client's `User-Agent`.
    #[schema(required)]
    user_agent: Option<String>,
    /// The country in which the session was created, ISO 3166-1 alpha-2, if the edge knows it.
    #[schema(required)]
    country: Option<String>,
    /// The methods of the last authentication (RFC 8176).
    amr: Vec<String>,
    /// When the account owner last authenticated.
    auth_time: i64,
    /// When the session was created.
    created_at: i64,
    /// When the session was last used. For web sessions it is accurate to the hour.
    last_used: i64,
    /// When the session expires if it is not used.
    expires_at: i64,
    /// Whether this request was made with the session.
    current: bool,
}

impl SessionEntry {
    fn new(session: records::Session, current: SessionId) -> Self {
        let ends = session
            .token_expires_at
            .max(session.refresh_expires_at)
            .unwrap_or(session.created_at);
        Self {
            id: session.id.to_string(),
            platform: session.platform.as_str(),
            user_agent: session.user_agent,
            country: session.country,
            amr: session.amr.methods().to_vec(),
            auth_time: session.authenticated_at.millis(),
            created_at: session.created_at.millis(),
            last_used: session.last_used_at.millis(),
            expires_at: ends.millis(),
            current: session.id == current,
        }
    }
}

/// The response with the account's live sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionListResponse {
    success: bool,
    /// Newest first, at most 200.
    sessions: Vec<SessionEntry>,
}

/// `GET /api/users/me/sessions`: returns the live sessions of the account, with and without a token
/// pair.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/users/me/sessions",
    operation_id = "list_sign_ins",
    tag = "users",
    responses((status = 200, body = SessionListResponse)),
)]
pub async fn sign_ins(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<SessionListResponse>, ApiError> {
    let sessions = activity::list_sessions(&app.ports, me.user.id).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionEntry::new(session, me.session.id))
        .collect();
    Ok(AppJson(SessionListResponse {
        success: true,
        sessions,
    }))
}

/// `DELETE /api/users/me/sessions/{session_id}`: ends a session of the caller's account. The
/// request can be repeated safely.
///
/// # Errors
/// The same 404 for an unknown session and for one of another account.
#[utoipa::path(
    delete,
    path = "/api/users/me/sessions/{session_id}",
    operation_id = "end_sign_in",
    tag = "users",
    params(("session_id" = String, Path, description = "The id from the list.")),
    responses((status = 200, body = MessageResponse)),
)]
pub async fn end_sign_in(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    cookie: SessionCookie,
    Path(session_id): Path<String>,
) -> Result<Response, ApiError> {
    let id = SessionId::parse(&session_id).ok_or(Code::SessionNotFound)?;
    tokens::revoke(&app.ports, me.caller(), id, &origin)
        .await
        .map_err(|error| match error {
            Failure::Rejected(RevokeRejection::Unknown) => Code::SessionNotFound.into(),
            Failure::Fault(fault) => ApiError::from(fault),
        })?;
    let message = MessageResponse::new("The session has ended.");
    Ok(if id == me.session.id {
        with_cleared_cookie(&cookie, message)
    } else {
        AppJson(message).into_response()
    })
}

/// `DELETE /api/users/me/sessions`: ends all sessions of the caller's account except the session
/// that makes this request.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    delete,
    path = "/api/users/me/sessions",
    operation_id = "end_other_sign_ins",
    tag = "users",
    responses((status = 200, body = RevokeAllResponse)),
)]
pub async fn end_others(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
) -> Result<AppJson<RevokeAllResponse>, ApiError> {
    let revoked = tokens::revoke_others(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(RevokeAllResponse::new(
        "The other sessions have ended.",
        revoked,
    )))
}

/// An event of the account. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct EventEntry {
    /// The event's id.
    #[schema(format = "uuid")]
    id: String,
    /// When the event happened.
    at: i64,
    /// The kind of event: `signed_in`, `passkey_added`, …. Later versions may add kinds.
    kind: String,
    /// The session that the event concerns or that caused it.
    #[schema(required)]
    session_id: Option<String>,
    /// The passkey that the event concerns.
    #[schema(required)]
    subject: Option<String>,
    /// The client's `User-Agent`.
    #[schema(required)]
    user_agent: Option<String>,
    /// The client's network address, if it is known.
    #[schema(required)]
    address: Option<String>,
}

impl From<events::Event> for EventEntry {
    fn from(event: events::Event) -> Self {
        Self {
            id: event.id.to_string(),
            at: event.at.millis(),
            kind: event.kind,
            session_id: event.session_id,
            subject: event.subject,
            user_agent: event.user_agent,
            address: event.address,
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub struct EventListResponse {
    success: bool,
    /// Newest first, at most 50.
    events: Vec<EventEntry>,
    /// The value of `before` for the next page. Null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// The query of `GET /api/users/me/events`.
#[derive(Deserialize)]
pub struct EventListQuery {
    /// The `next` of the previous page.
    before: Option<String>,
}

/// Parses the position in the list, `<milliseconds>-<event id>`.
fn place(text: &str) -> Option<EventCursor> {
    let (at, id) = text.split_once('-')?;
    let at = at
        .parse::<i64>()
        .ok()
        .filter(|at| (0..1 << 53).contains(at))?;
    Some(EventCursor {
        at: Timestamp::from_millis(at),
        id: EventId::parse(id)?,
    })
}

/// `GET /api/users/me/events`: returns the events of the account, newest first.
///
/// # Errors
/// 400 for a `before` that cannot be parsed.
#[utoipa::path(
    get,
    path = "/api/users/me/events",
    operation_id = "list_events",
    tag = "users",
    params(("before" = Option<String>, Query, description = "`next` of the page before.")),
    responses((status = 200, body = EventListResponse)),
)]
pub async fn events(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    Query(page): Query<EventListQuery>,
) -> Result<AppJson<EventListResponse>, ApiError> {
    let before = page
        .before
        .map(|text| place(&text).ok_or(Code::BadRequest))
        .transpose()?;
    let found = activity::list_events(&app.ports, me.user.id, before).await?;
    let next = found
        .next
        .map(|place| format!("{}-{}", place.at.millis(), place.id));
    Ok(AppJson(EventListResponse {
        success: true,
        events: found.events.into_iter().map(Into::into).collect(),
        next,
    }))
}
