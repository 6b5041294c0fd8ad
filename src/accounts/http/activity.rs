//! What an account's owner can look at: where they are signed in, and what happened.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::tokens::RevokeRejection;
use crate::accounts::domain::{activity, tokens};
use crate::accounts::http::App;
use crate::accounts::http::caller::CurrentUser;
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::objects::Message;
use crate::accounts::http::sessions::with_cleared_cookie;
use crate::accounts::http::tokens::RevokedAll;
use crate::accounts::model::records;
use crate::accounts::store::events::EventCursor;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::events;
use crate::kernel::model::ids::{EventId, SessionId};
use crate::kernel::model::time::Timestamp;

/// A live sign-in, of whatever kind. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct SignIn {
    /// Its id; not a secret.
    #[schema(format = "uuid")]
    id: String,
    /// `web`, `ios` or `api`.
    platform: &'static str,
    /// What the client called itself.
    #[schema(required)]
    user_agent: Option<String>,
    /// The country from which it was made, ISO 3166-1 alpha-2, where the edge knows it.
    #[schema(required)]
    country: Option<String>,
    /// How its owner proved who they are, last: authentication methods (RFC 8176).
    amr: Vec<String>,
    /// When they did.
    auth_time: i64,
    /// When it was made.
    created_at: i64,
    /// When it was last used, to the hour for web sessions.
    last_used: i64,
    /// When it ends, if it is not used.
    expires_at: i64,
    /// Whether this request was made with it.
    current: bool,
}

impl SignIn {
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

/// The live sign-ins.
#[derive(Serialize, ToSchema)]
pub struct SignInList {
    success: bool,
    /// Newest first, at most 200.
    sessions: Vec<SignIn>,
}

/// `GET /api/users/me/sessions`: the account's live sign-ins: web sessions and pairs.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/users/me/sessions", operation_id = "list_sign_ins", tag = "users", responses((status = 200, body = SignInList)))]
pub async fn sign_ins(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<SignInList>, ApiError> {
    let sessions = activity::list_sessions(&app.ports, me.user.id).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SignIn::new(session, me.session.id))
        .collect();
    Ok(AppJson(SignInList {
        success: true,
        sessions,
    }))
}

/// `DELETE /api/users/me/sessions/{session_id}`: ends one sign-in of the caller's account. Safe to
/// repeat.
///
/// # Errors
/// The same 404 for an unknown and for somebody else's.
#[utoipa::path(delete, path = "/api/users/me/sessions/{session_id}", operation_id = "end_sign_in", tag = "users", params(("session_id" = String, Path, description = "The id from the list.")),
    responses((status = 200, body = Message)))]
pub async fn end_sign_in(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    cookie: Shape,
    Path(session_id): Path<String>,
) -> Result<Response, ApiError> {
    let id = SessionId::parse(&session_id).ok_or(Code::SessionNotFound)?;
    tokens::revoke(&app.ports, me.caller(), id, &origin)
        .await
        .map_err(|error| match error {
            Failure::Rejected(RevokeRejection::Unknown) => Code::SessionNotFound.into(),
            Failure::Fault(fault) => ApiError::from(fault),
        })?;
    let message = Message::new("The session has ended.");
    Ok(if id == me.session.id {
        with_cleared_cookie(&cookie, message)
    } else {
        AppJson(message).into_response()
    })
}

/// `DELETE /api/users/me/sessions`: ends every sign-in of the caller's account but the one that
/// this request is made with.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(delete, path = "/api/users/me/sessions", operation_id = "end_other_sign_ins", tag = "users", responses((status = 200, body = RevokedAll)))]
pub async fn end_others(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
) -> Result<AppJson<RevokedAll>, ApiError> {
    let revoked = tokens::revoke_others(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(RevokedAll::new(
        "The other sessions have ended.",
        revoked,
    )))
}

/// Something that happened. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// When.
    at: i64,
    /// What: `signed_in`, `passkey_added`, …; there may be more kinds one day.
    kind: String,
    /// The sign-in that it is about, or that did it.
    #[schema(required)]
    session_id: Option<String>,
    /// The passkey that it is about.
    #[schema(required)]
    subject: Option<String>,
    /// What the client called itself.
    #[schema(required)]
    user_agent: Option<String>,
    /// The client's network address, where it is known.
    #[schema(required)]
    address: Option<String>,
}

impl From<events::Event> for Event {
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
pub struct EventList {
    success: bool,
    /// Newest first, at most 50.
    events: Vec<Event>,
    /// What to ask for as `before` to get the next page; null on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// Which page.
#[derive(Deserialize)]
pub struct Page {
    /// `next` of the page before.
    before: Option<String>,
}

/// A place in the list: `<milliseconds>-<event id>`.
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

/// `GET /api/users/me/events`: what happened to the account, newest first.
///
/// # Errors
/// 400 for a `before` that no page gave.
#[utoipa::path(get, path = "/api/users/me/events", operation_id = "list_events", tag = "users", params(("before" = Option<String>, Query, description = "`next` of the page before.")), responses((status = 200, body = EventList)))]
pub async fn events(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    Query(page): Query<Page>,
) -> Result<AppJson<EventList>, ApiError> {
    let before = page
        .before
        .map(|text| place(&text).ok_or(Code::BadRequest))
        .transpose()?;
    let found = activity::list_events(&app.ports, me.user.id, before).await?;
    let next = found
        .next
        .map(|place| format!("{}-{}", place.at.millis(), place.id));
    Ok(AppJson(EventList {
        success: true,
        events: found.events.into_iter().map(Into::into).collect(),
        next,
    }))
}
