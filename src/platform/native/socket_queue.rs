//! The frames that wait until a socket is written.
//!
//! A frame in the queue can be taken back: when a member is removed or a session ends, none of its
//! frames may leave the process any more.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::relay::domain::live::events::CloseReason;
use crate::relay::model::ids::ChannelId;

/// The largest number of frames that wait. A socket with more is closed: the window of the hub ends
/// far below, so its client does not keep to the protocol.
const MOST_WAITING: usize = 8192;
/// The largest number of frames that are written at once.
const BATCH: usize = 64;

/// A frame, and the channel whose members may get it.
#[derive(Clone, Debug)]
pub(super) struct QueuedFrame {
    pub(super) channel: Option<ChannelId>,
    pub(super) text: Utf8Bytes,
}

#[derive(Debug, Default)]
struct QueueState {
    frames: VecDeque<QueuedFrame>,
    /// The channels of the frames that are being written.
    writing: Vec<ChannelId>,
    is_writing: bool,
    close: Option<CloseReason>,
    is_cut: bool,
}

/// The queue of a socket.
#[derive(Debug, Default)]
pub(super) struct SocketQueue {
    state: Mutex<QueueState>,
    changed: Notify,
    cut: Notify,
}

/// What to write next.
#[derive(Debug)]
pub(super) enum NextWrite {
    Frames(Vec<QueuedFrame>),
    Close(CloseReason),
}

impl SocketQueue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame.
    pub(super) fn push(&self, frame: QueuedFrame) {
        let mut state = self.state();
        if state.close.is_some() {
            return;
        }
        if state.frames.len() >= MOST_WAITING {
            state.frames.clear();
            state.close = Some(CloseReason::Behind);
        } else {
            state.frames.push_back(frame);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Closes the socket after the frames that wait.
    pub(super) fn close(&self, reason: CloseReason) {
        self.state().close.get_or_insert(reason);
        self.changed.notify_one();
    }

    /// Closes the socket and takes back every frame.
    pub(super) fn kill(&self, reason: CloseReason) {
        let mut state = self.state();
        state.frames.clear();
        state.close = Some(reason);
        state.is_cut |= state.is_writing;
        drop(state);
        self.changed.notify_one();
        self.cut.notify_one();
    }

    /// Takes back the frames of a channel. If some of them are being written, the connection is
    /// cut.
    pub(super) fn take_back(&self, channel: ChannelId) {
        let mut state = self.state();
        state.frames.retain(|frame| frame.channel != Some(channel));
        state.is_cut |= state.writing.contains(&channel);
        drop(state);
        self.cut.notify_one();
    }

    /// Waits for something to write. What is returned counts as being written until the next call.
    pub(super) async fn next(&self) -> NextWrite {
        loop {
            {
                let mut state = self.state();
                state.is_writing = false;
                state.writing.clear();
                if !state.frames.is_empty() {
                    let size = state.frames.len().min(BATCH);
                    let frames: Vec<QueuedFrame> = state.frames.drain(..size).collect();
                    state.is_writing = true;
                    state.writing = frames.iter().filter_map(|frame| frame.channel).collect();
                    return NextWrite::Frames(frames);
                }
                if let Some(reason) = state.close {
                    return NextWrite::Close(reason);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until what is being written must not be written to its end.
    pub(super) async fn is_cut(&self) {
        while !self.state().is_cut {
            self.cut.notified().await;
        }
    }
}
