//! Reads the frames of a client.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::kernel::domain::failure::Fault;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::Ports;
use crate::relay::domain::live::frames::{ClientFrame, SendFrame, SendLabel};
use crate::relay::domain::messages::{MessageDraft, prepare};
use crate::relay::http::fields::{JsonFields, Members, UnfitField};
use crate::relay::http::messages::{MESSAGE_BODY_LIMIT, message_draft};
use crate::relay::model::ids::{ChannelId, ConnectionId};

/// The largest frame of a client in bytes: a sealed body in base64, and the other fields.
pub const MOST_FRAME_BYTES: usize = MESSAGE_BODY_LIMIT;
/// The largest sequence number that JavaScript can hold: 2^53 - 1.
const MOST_SEQ: i64 = 9_007_199_254_740_991;
/// The longest name of a member in an error, in characters.
const MOST_SHOWN_CHARS: usize = 64;

/// A frame that cannot be read. It has no effect, and the socket stays open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadFrame {
    /// A sentence for the client. If one field is wrong, it begins with the name of the field.
    pub detail: String,
    /// The `ref` of the frame, if that can be read.
    pub reference: Option<String>,
}

impl BadFrame {
    fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            reference: None,
        }
    }
}

impl From<UnfitField> for BadFrame {
    fn from(unfit: UnfitField) -> Self {
        Self::new(unfit.0)
    }
}

/// A frame of a client, as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadFrame {
    /// A message to send. It has no id yet.
    Send(Box<DraftFrame>),
    /// Every other frame.
    Ready(ClientFrame),
}

/// A message to send that has no id yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftFrame {
    /// The channel.
    pub channel: ChannelId,
    /// The message.
    pub draft: MessageDraft,
    /// The client's names for the message, as the client wrote them.
    pub label: SendLabel,
}

impl ReadFrame {
    /// Returns the frame for a hub. A message gets its id and its expiry, as in a request.
    ///
    /// # Errors
    /// [`Fault`] if the message needs random bytes and there are none.
    pub fn into_client_frame(self, ports: &Ports, account: UserId) -> Result<ClientFrame, Fault> {
        match self {
            Self::Ready(frame) => Ok(frame),
            Self::Send(send) => Ok(ClientFrame::Send(SendFrame {
                channel: send.channel,
                message: prepare(ports, send.channel, account, send.draft)?,
                label: send.label,
            })),
        }
    }
}

/// A member of a frame.
#[derive(Deserialize)]
#[serde(untagged)]
enum FrameMember {
    Text(String),
    Fields(Members<Value>),
    Other(IgnoredAny),
}

/// Reads a text frame. `None` for an unknown type, which is ignored.
///
/// # Errors
/// [`BadFrame`] if the text is no frame, or a field is missing, repeated or not valid.
pub fn read(text: &str) -> Result<Option<ReadFrame>, BadFrame> {
    if text.len() > MOST_FRAME_BYTES {
        let detail = format!("The frame must have at most {MOST_FRAME_BYTES} bytes.");
        return Err(BadFrame::new(detail));
    }
    let mut members: Members<Option<FrameMember>> =
        serde_json::from_str(text).map_err(|error| malformed(&error))?;
    refuse_repeated(members.twice.as_deref())?;
    let kind = match members.values.remove("type").flatten() {
        Some(FrameMember::Text(kind)) => kind,
        Some(_) => return Err(BadFrame::new("type must be a text.")),
        None => return Err(BadFrame::new("type is missing.")),
    };
    let payload = members.values.remove("payload").flatten();
    let read_payload = match kind.as_str() {
        "Ping" => return Ok(Some(ReadFrame::Ready(ClientFrame::Ping))),
        "SendMessage" => send,
        "Subscribe" => subscribe,
        "Unsubscribe" => unsubscribe,
        "Typing" => typing,
        "Ack" => acknowledge,
        "Resume" => resume,
        _ => return Ok(None),
    };
    read_payload(&mut fields(payload)?).map(Some)
}

/// Returns the error of a text that is no JSON object.
fn malformed(error: &serde_json::Error) -> BadFrame {
    if error.is_data() {
        return BadFrame::new("The frame must be a JSON object.");
    }
    let (line, column) = (error.line(), error.column());
    BadFrame::new(format!(
        "The frame must be valid JSON. The mistake is in line {line}, column {column}."
    ))
}

/// Refuses an object with a repeated member, and names the member.
fn refuse_repeated(name: Option<&str>) -> Result<(), BadFrame> {
    let Some(name) = name else {
        return Ok(());
    };
    let shown: String = name.chars().take(MOST_SHOWN_CHARS).collect();
    Err(BadFrame::new(format!("{shown} must not be there twice.")))
}

/// Returns the fields of a payload. No payload is the same as an empty one.
fn fields(payload: Option<FrameMember>) -> Result<JsonFields, BadFrame> {
    match payload {
        None => Ok(JsonFields::default()),
        Some(FrameMember::Fields(members)) => {
            refuse_repeated(members.twice.as_deref())?;
            Ok(JsonFields(members.values))
        }
        Some(FrameMember::Text(_) | FrameMember::Other(_)) => {
            Err(BadFrame::new("payload must be an object."))
        }
    }
}

/// Takes the id of a channel.
fn channel(fields: &mut JsonFields) -> Result<ChannelId, UnfitField> {
    let text = fields.text("channel_id")?;
    ChannelId::parse(&text)
        .ok_or_else(|| UnfitField("channel_id must be a UUID with hyphens.".to_owned()))
}

/// Reads `SendMessage`.
fn send(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    let reference = fields.optional_name("ref")?;
    let client_id = fields.peek_text("client_id").map(str::to_owned);
    match draft(fields) {
        Ok((channel, draft)) => Ok(ReadFrame::Send(Box::new(DraftFrame {
            channel,
            draft,
            label: SendLabel {
                client_id,
                reference,
            },
        }))),
        Err(unfit) => Err(BadFrame {
            detail: unfit.0,
            reference,
        }),
    }
}

/// Takes the channel and the message of `SendMessage`.
fn draft(fields: &mut JsonFields) -> Result<(ChannelId, MessageDraft), UnfitField> {
    let channel = channel(fields)?;
    let mut draft = message_draft(fields)?;
    let attachments: Option<Vec<String>> =
        fields.optional_value("attachment_ids", "a list of texts")?;
    draft.has_attachments |= attachments.is_some_and(|ids| !ids.is_empty());
    Ok((channel, draft))
}

/// Reads `Subscribe`.
fn subscribe(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    Ok(ReadFrame::Ready(ClientFrame::Subscribe {
        channel: channel(fields)?,
        since: fields.optional_number("since", 0, MOST_SEQ)?,
    }))
}

/// Reads `Unsubscribe`.
fn unsubscribe(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    let channel = channel(fields)?;
    Ok(ReadFrame::Ready(ClientFrame::Unsubscribe { channel }))
}

/// Reads `Typing`.
fn typing(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    let channel = channel(fields)?;
    Ok(ReadFrame::Ready(ClientFrame::Typing { channel }))
}

/// Reads `Ack`.
fn acknowledge(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    Ok(ReadFrame::Ready(ClientFrame::Ack {
        channel: channel(fields)?,
        seq: fields.number("seq", 0, MOST_SEQ)?,
    }))
}

/// Reads `Resume`. A text that is no id is not an error, because the answer is `InvalidSession`.
fn resume(fields: &mut JsonFields) -> Result<ReadFrame, BadFrame> {
    let connection = ConnectionId::parse(&fields.text("session_id")?);
    Ok(ReadFrame::Ready(ClientFrame::Resume { connection }))
}
