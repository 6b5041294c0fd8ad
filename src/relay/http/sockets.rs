//! Sockets: tickets, and the checks before a socket opens.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::face::SignedIn;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, has_bearer, parameter};
use crate::kernel::http::middleware::same_origin;
use crate::relay::domain::live::events::SocketOwner;
use crate::relay::domain::sockets;
use crate::relay::domain::sockets::NoTicket;
use crate::relay::http::RelayState;
use crate::relay::http::door::SUBPROTOCOL;
use crate::relay::http::member::Member;

/// What a token in `Sec-WebSocket-Protocol` begins with.
const TOKEN_PREFIX: &str = "bearer.";

/// A ticket for one connection.
#[derive(Serialize, ToSchema)]
pub struct SocketTicket {
    /// The ticket, for `GET /api/v1/ws?ticket=`.
    ticket: String,
    /// The seconds for which it can be used.
    expires_in: u64,
}

fn owner(me: &SignedIn) -> SocketOwner {
    SocketOwner {
        account: me.user.id,
        session: me.session.id,
        valid_until: me.expires_at,
    }
}

/// `POST /api/v1/ws/ticket`: Returns a ticket that opens one WebSocket, so that no token has to
/// stand in an address.
///
/// # Errors
/// None of its own.
#[utoipa::path(
    post,
    path = "/api/v1/ws/ticket",
    operation_id = "relay_socket_ticket",
    tag = "relay",
    responses((status = 200, body = SocketTicket)),
)]
pub async fn ticket(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<SocketTicket>, ApiError> {
    let ticket = sockets::issue_ticket(&app.ports, owner(&me)).await?;
    Ok(AppJson(SocketTicket {
        ticket,
        expires_in: sockets::TICKET_LIFETIME.as_secs(),
    }))
}

/// `GET /api/v1/ws`: Opens a WebSocket (RFC 6455).
///
/// The proof of the caller is, in this order, a ticket in the query, the token in `Authorization`,
/// the token in `Sec-WebSocket-Protocol: haven, bearer.<token>`, or the token as `token` in the
/// query. The frames are described in docs/reference/relay-socket.md.
///
/// # Errors
/// 401 without a valid proof; 403 for a page whose origin is not configured; 426 if the request is
/// no handshake; 429 if the account has as many sockets as it may.
#[utoipa::path(
    get,
    path = "/api/v1/ws",
    operation_id = "relay_socket",
    tag = "relay",
    params(
        ("ticket" = Option<String>, Query, description = "A ticket, which is used up"),
        ("token" = Option<String>, Query, description = "An access token"),
        ("Sec-WebSocket-Protocol" = Option<String>, Header,
            description = "`haven, bearer.<access token>`"),
    ),
    responses((status = 101, description = "The socket is open")),
)]
pub async fn open(State(app): State<RelayState>, request: Request<Body>) -> Response {
    match opened(&app, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn opened(app: &RelayState, request: Request<Body>) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    if !is_handshake(&parts.headers) {
        return Err(Code::UpgradeRequired.into());
    }
    let origin = parts.headers.get(header::ORIGIN);
    let config = &app.ports.kernel.config;
    let is_listed = origin.is_none_or(|origin| config.allows_origin(origin.as_bytes()));
    if !is_listed && !same_origin::is_same_origin(&parts.headers) {
        return Err(same_origin::refusal(config, &parts.headers));
    }
    let owner = proven_owner(app, &mut parts).await?;
    let entry = sockets::entry(&app.ports, owner).await?;
    let request = Request::from_parts(parts, body);
    Ok(app.door.open(request, entry).await?)
}

/// Returns true if the request asks for a WebSocket (RFC 6455 §4.2.1).
fn is_handshake(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Returns the owner whom the request proves.
async fn proven_owner(app: &RelayState, parts: &mut Parts) -> Result<SocketOwner, ApiError> {
    if let Some(ticket) = parameter(&parts.uri, "ticket") {
        return match sockets::take_ticket(&app.ports, &ticket).await {
            Ok(owner) => Ok(owner),
            Err(Failure::Rejected(NoTicket)) => {
                let reason = NoTicket.to_string();
                Err(ApiError::because(Code::InvalidToken, reason))
            }
            Err(Failure::Fault(fault)) => Err(fault.into()),
        };
    }
    if !has_bearer(&parts.headers) {
        let token = in_protocol(&parts.headers)
            .map(str::to_owned)
            .or_else(|| parameter(&parts.uri, "token").map(Cow::into_owned))
            .ok_or(Code::AuthenticationRequired)?;
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let value = value.map_err(|_| Code::InvalidToken)?;
        parts.headers.insert(header::AUTHORIZATION, value);
    }
    // A browser sends its cookies with every handshake, so they prove nothing here.
    parts.headers.remove(header::COOKIE);
    let Member(me) = Member::from_request_parts(parts, app).await?;
    Ok(owner(&me))
}

/// Returns the token of a list of subprotocols that begins with ours.
fn in_protocol(headers: &HeaderMap) -> Option<&str> {
    let list = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let mut names = list.split(',').map(str::trim);
    names
        .by_ref()
        .find(|name| *name == SUBPROTOCOL)
        .and_then(|_| names.find_map(|name| name.strip_prefix(TOKEN_PREFIX)))
}
