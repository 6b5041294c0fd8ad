//! What the text of a client means to its hub.

use crate::kernel::model::ids::UserId;
use crate::relay::domain::Ports;
use crate::relay::domain::live::events::{HubInput, SocketId};
use crate::relay::domain::live::frames::{FrameError, ServerFrame};
use crate::relay::http::frames::read::{MOST_FRAME_BYTES, ReadFrame, read};
use crate::relay::http::frames::write::{write, write_refusal};

/// What to do with the text of a client.
#[derive(Clone, Debug)]
pub enum Received {
    /// The hub takes it.
    Input(HubInput),
    /// The socket gets an answer at once.
    Answer(String),
    /// Nothing: the type of the frame is unknown.
    Nothing,
    /// The frame is too large, and the socket is closed.
    TooLarge,
}

/// Reads the text of a client.
#[must_use]
pub fn receive(ports: &Ports, socket: SocketId, account: UserId, text: &str) -> Received {
    if text.len() > MOST_FRAME_BYTES {
        return Received::TooLarge;
    }
    let frame = match read(text) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Received::Nothing,
        Err(bad) => return Received::Answer(write_refusal(&bad)),
    };
    let reference = match &frame {
        ReadFrame::Send(send) => send.label.reference.clone(),
        ReadFrame::Ready(_) => None,
    };
    match frame.into_client_frame(ports, account) {
        Ok(frame) => Received::Input(HubInput::Frame { socket, frame }),
        Err(fault) => {
            tracing::warn!(%fault, "a frame could not be read");
            let code = FrameError::Unavailable;
            Received::Answer(write(&ServerFrame::Error { code, reference }))
        }
    }
}
