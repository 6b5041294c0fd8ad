//! Messages of channels: history, sending, edits and removals.

use axum::extract::{Path, State};
use http::{HeaderMap, Uri};
use utoipa::ToSchema;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, parameter};
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::messages;
use crate::relay::domain::messages::{MessageDraft, MessageName, MessageProof};
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, idempotency_key};
use crate::relay::http::fields::{JsonFields, UnfitField};
use crate::relay::http::member::Member;
use crate::relay::http::message_objects::{MessageListing, MessageLog, SealedMessage};
use crate::relay::http::objects::RelayMessage;
use crate::relay::http::server_channels::channel_id;
use crate::relay::model::channel::ChannelMessage;
use crate::relay::model::ids::MessageId;
use crate::relay::model::micros::Micros;

/// The largest sealed body in bytes.
const MOST_BODY_BYTES: usize = 64 * 1024;
/// The largest token of a sender in bytes.
const MOST_TOKEN_BYTES: usize = 64;
/// The bytes of a `client_id`.
const CLIENT_ID_BYTES: usize = 16;
/// The bytes of a SHA-256.
const HASH_BYTES: usize = 32;
/// The smallest secret of a message in bytes, so that it cannot be guessed.
const LEAST_SECRET_BYTES: usize = 16;
/// The largest secret of a message in bytes.
const MOST_SECRET_BYTES: usize = 64;
/// The largest body of a request: a sealed body in base64, and the other fields.
pub const MESSAGE_BODY_LIMIT: usize = MOST_BODY_BYTES * 4 / 3 + 4096;
/// The number of messages in a page, unless the client asks for another one.
const DEFAULT_LIMIT: u32 = 50;
/// The largest number of messages in a page.
const MOST_IN_PAGE: u32 = 100;

fn invalid_query(detail: &'static str) -> ApiError {
    ApiError::detailed(Code::InvalidQuery, detail)
}

fn limit(uri: &Uri) -> Result<u32, ApiError> {
    let Some(text) = parameter(uri, "limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    text.parse()
        .ok()
        .filter(|limit| (1..=MOST_IN_PAGE).contains(limit))
        .ok_or_else(|| invalid_query("limit must be a whole number from 1 to 100."))
}

/// `GET /api/v1/channels/{id}/messages`: Returns messages of a channel, the newest first, or with
/// `since` everything after a sequence number, the oldest first.
///
/// A page has at most 1 MiB of bodies, so it may have fewer messages than `limit`.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member; 400 for a wrong parameter.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{id}/messages",
    operation_id = "relay_messages",
    tag = "relay",
    params(
        ("id" = String, Path),
        ("before" = Option<String>, Query, description = "Only messages before this time"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "50 by default"),
        ("since" = Option<i64>, Query, description = "Only entries after this sequence number"),
    ),
    responses((status = 200, body = MessageListing)),
)]
pub async fn list(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<AppJson<MessageListing>, ApiError> {
    let channel = channel_id(&id)?;
    let (account, limit) = (me.user.id, limit(&uri)?);
    let name = channel.to_string();
    if let Some(text) = parameter(&uri, "since") {
        let since: Option<i64> = text.parse().ok().filter(|since| *since >= 0);
        let since = since.ok_or_else(|| invalid_query("since must be a whole number from 0."))?;
        let page = messages::since(&app.ports, channel, account, since, limit).await?;
        return Ok(AppJson(MessageListing::Log(MessageLog::new(&name, page))));
    }
    let before = match parameter(&uri, "before") {
        // In a query, a plus sign that is not encoded is a space.
        Some(text) => Some(
            Micros::parse_rfc3339(&text.replace(' ', "+"))
                .ok_or_else(|| invalid_query("before must be a time in RFC 3339."))?,
        ),
        None => None,
    };
    let found = messages::before(&app.ports, channel, account, before, limit).await?;
    let history = found.into_iter();
    let history = history.map(|message| SealedMessage::new(&name, message));
    Ok(AppJson(MessageListing::History(history.collect())))
}

/// A message to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct MessageRequest {
    /// A token of the sender that members understand: 1 to 64 bytes, base64.
    sender_token: String,
    /// The sealed body: 1 byte to 64 KiB, base64.
    encrypted_body: String,
    /// When the message expires: in the future. A time beyond the longest life of the service is
    /// shortened.
    #[schema(format = "date-time")]
    expires_at: Option<String>,
    /// Whether the message has attachments.
    has_attachments: Option<bool>,
    /// 16 random bytes, base64. A repeated request with the same bytes sends no second message.
    client_id: Option<String>,
    /// The SHA-256 of the bytes of a secret, base64. The secret edits and removes the message.
    edit_key_hash: Option<String>,
}

/// Takes the fields of a message to send. Its name is the `client_id`, if there is one.
///
/// # Errors
/// [`UnfitField`] for a field that is missing or not valid.
pub(super) fn message_draft(fields: &mut JsonFields) -> Result<MessageDraft, UnfitField> {
    let client_id = fields.optional_raw("client_id", CLIENT_ID_BYTES, CLIENT_ID_BYTES)?;
    Ok(MessageDraft {
        name: client_id.map_or(MessageName::None, MessageName::ClientId),
        sender_token: fields.raw("sender_token", 1, MOST_TOKEN_BYTES)?,
        body: fields.raw("encrypted_body", 1, MOST_BODY_BYTES)?,
        expires_at: fields.optional_time("expires_at")?.map(Timestamp::millis),
        has_attachments: fields.flag("has_attachments")?,
        edit_key_hash: fields.optional_raw("edit_key_hash", HASH_BYTES, HASH_BYTES)?,
    })
}

/// `POST /api/v1/channels/{id}/messages`: Sends a message to a channel.
///
/// A repeated request with the same `client_id` gets the same message for as long as the message
/// lives. `Idempotency-Key` works the same for one account.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member; 409 if another message has the
/// `client_id`.
#[utoipa::path(
    post,
    path = "/api/v1/channels/{id}/messages",
    operation_id = "relay_send_message",
    tag = "relay",
    params(
        ("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters"),
    ),
    request_body = MessageRequest,
    responses((status = 200, body = SealedMessage)),
)]
pub async fn send(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut body: BodyFields,
) -> Result<AppJson<SealedMessage>, ApiError> {
    let channel = channel_id(&id)?;
    let key = idempotency_key(&headers)?;
    let mut draft = message_draft(&mut body)?;
    if let (MessageName::None, Some(key)) = (&draft.name, key) {
        draft.name = MessageName::IdempotencyKey(key.to_owned());
    }
    let sent = draft.clone();
    let (id, stored) = messages::send(&app.ports, channel, me.user.id, draft).await?;
    let message = ChannelMessage {
        id,
        placed: stored.placed,
        sender_token: sent.sender_token.into(),
        body: sent.body.into(),
        expires_at: stored.expires_at,
        has_attachments: sent.has_attachments,
        edited: false,
    };
    Ok(AppJson(SealedMessage::new(&channel.to_string(), message)))
}

/// Reads the id of a message.
fn message_id(id: &str) -> Result<MessageId, ApiError> {
    Ok(MessageId::parse(id).ok_or(Code::MessageNotFound)?)
}

/// Returns the error of an operation on one message.
fn message_failure(failure: impl Into<ApiError>) -> ApiError {
    let error = failure.into();
    if error.code == Code::ChannelNotFound {
        Code::MessageNotFound.into()
    } else {
        error
    }
}

/// A new body of a message.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct MessageEdit {
    /// The sealed body: 1 byte to 64 KiB, base64.
    encrypted_body: String,
    /// The secret of the message: 16 to 64 bytes, base64.
    secret: String,
}

/// `PATCH /api/v1/messages/{id}`: Replaces the body of a message.
///
/// # Errors
/// 403 if the secret is not the message's; 404 if the message does not exist or the caller is not a
/// member of its channel; 409 after 50 edits.
#[utoipa::path(
    patch,
    path = "/api/v1/messages/{id}",
    operation_id = "relay_edit_message",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = MessageEdit,
    responses((status = 200, body = SealedMessage)),
)]
pub async fn edit(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: BodyFields,
) -> Result<AppJson<SealedMessage>, ApiError> {
    let proof = MessageProof {
        message: message_id(&id)?,
        account: me.user.id,
        secret: body.raw("secret", LEAST_SECRET_BYTES, MOST_SECRET_BYTES)?,
    };
    let new = body.raw("encrypted_body", 1, MOST_BODY_BYTES)?;
    let edited = messages::edit(&app.ports, proof, new.into()).await;
    let (channel, message) = edited.map_err(message_failure)?;
    Ok(AppJson(SealedMessage::new(&channel, message)))
}

/// The proof that the caller sent a message.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct MessageRemoval {
    /// The secret of the message: 16 to 64 bytes, base64. The owner and administrators of the
    /// server need none.
    secret: Option<String>,
}

/// `DELETE /api/v1/messages/{id}`: Removes a message, by its secret or as the owner or an
/// administrator of its server.
///
/// # Errors
/// 403 without the secret of the message and without the role; 404 if the message does not exist or
/// the caller is not a member of its channel.
#[utoipa::path(
    delete,
    path = "/api/v1/messages/{id}",
    operation_id = "relay_remove_message",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = MessageRemoval,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn remove(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let message = message_id(&id)?;
    let secret = body.optional_raw("secret", LEAST_SECRET_BYTES, MOST_SECRET_BYTES)?;
    let removed = messages::remove(&app.ports, me.caller(), message, secret).await;
    removed.map_err(message_failure)?;
    Ok(AppJson(RelayMessage::new("The message is removed.")))
}
