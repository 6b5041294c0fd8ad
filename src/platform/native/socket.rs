//! The task of one socket: it reads frames for the hub, and writes those of the hub.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

use crate::platform::native::hub_states::{AllHubs, Connection};
use crate::platform::native::socket_queue::{NextWrite, QueuedFrame, SocketQueue};
use crate::relay::domain::live::events::{CloseReason, HubInput};
use crate::relay::http::frames::read::MOST_FRAME_BYTES;
use crate::relay::http::received::{Received, receive};

/// The largest message that is read, so that a frame above the limit gets its close code.
pub(super) const MOST_MESSAGE_BYTES: usize = 4 * MOST_FRAME_BYTES;
/// How long a client may take to answer a closing handshake.
const CLOSING: Duration = Duration::from_secs(1);

/// Serves a socket until it is closed.
pub(super) async fn serve(all: Arc<AllHubs>, connection: Arc<Connection>, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let clean = {
        let mut reading = std::pin::pin!(read(&all, &connection, &mut stream));
        tokio::select! {
            clean = &mut reading => clean,
            closing = write(&connection.queue, &mut sink) => {
                if closing {
                    // The client answers the handshake, or not.
                    let _ = timeout(CLOSING, &mut reading).await;
                }
                false
            }
        }
    };
    all.closed(&connection, clean);
    let _ = timeout(CLOSING, sink.close()).await;
}

/// Reads frames until the socket is closed. Returns whether the client closed it by a handshake.
async fn read(
    all: &Arc<AllHubs>,
    connection: &Connection,
    stream: &mut SplitStream<WebSocket>,
) -> bool {
    let (hub, socket) = (connection.hub, connection.socket);
    while let Some(message) = stream.next().await {
        let Some(ports) = all.ports() else {
            return false;
        };
        match message {
            Ok(Message::Text(text)) => match receive(ports, socket, connection.account, &text) {
                Received::Input(input) => all.give(hub, input),
                Received::Answer(text) => connection.queue.push(QueuedFrame {
                    channel: None,
                    text: Utf8Bytes::from(text),
                }),
                Received::Nothing => {}
                Received::TooLarge => connection.queue.close(CloseReason::TooLarge),
            },
            Ok(Message::Binary(_)) => connection.queue.close(CloseReason::Binary),
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                let at = ports.clock.now();
                all.give(hub, HubInput::Alive { socket, at });
            }
            Ok(Message::Close(_)) => return true,
            Err(error) => {
                tracing::debug!(%error, "a socket broke");
                return false;
            }
        }
    }
    false
}

/// Writes the frames of the queue. Returns whether the last of them was a closing handshake.
async fn write(queue: &SocketQueue, sink: &mut SplitSink<WebSocket, Message>) -> bool {
    loop {
        match queue.next().await {
            NextWrite::Frames(frames) => {
                let written = async {
                    for frame in frames {
                        sink.feed(Message::Text(frame.text)).await?;
                    }
                    sink.flush().await
                };
                tokio::select! {
                    written = written => if written.is_err() { return false },
                    () = queue.is_cut() => return false,
                }
            }
            NextWrite::Close(reason) => {
                let frame = CloseFrame {
                    code: reason.code(),
                    reason: Utf8Bytes::from_static(reason.text()),
                };
                return sink.send(Message::Close(Some(frame))).await.is_ok();
            }
        }
    }
}
