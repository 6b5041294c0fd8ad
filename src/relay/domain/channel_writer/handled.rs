//! What came of a request to a channel's object.

use crate::relay::model::channel::{
    ChannelEntry, ChannelMessage, ChannelReply, NewMessage, Placed,
};
use crate::relay::model::slots::Slot;
use crate::relay::store::channels::members::ChannelState;

/// The reply to a request, and the entries that the hubs of the channel do not know.
#[derive(Clone, Debug)]
pub struct Handled {
    /// The reply.
    pub reply: ChannelReply,
    /// The new entries, if there are any.
    pub news: Option<ChannelNews>,
}

impl From<ChannelReply> for Handled {
    fn from(reply: ChannelReply) -> Self {
        let news = None;
        Self { reply, news }
    }
}

/// New entries of a channel, in their order and without holes.
#[derive(Clone, Debug)]
pub struct ChannelNews {
    /// The channel.
    pub channel: String,
    /// In a direct message, the slots of its members. Empty in other channels.
    pub direct: Vec<Slot>,
    /// The entries.
    pub entries: Vec<ChannelEntry>,
}

impl ChannelNews {
    /// Returns the news of one entry.
    #[must_use]
    pub fn one(channel: &str, state: &ChannelState, entry: ChannelEntry) -> Self {
        Self {
            channel: channel.to_owned(),
            direct: state.direct.clone(),
            entries: vec![entry],
        }
    }

    /// Returns the news of messages that were stored at their places. `None` without messages.
    #[must_use]
    pub fn stored(
        channel: &str,
        state: &ChannelState,
        messages: &[(&NewMessage, Placed)],
    ) -> Option<Self> {
        let entries = messages.iter().map(|(message, placed)| {
            ChannelEntry::Message(ChannelMessage {
                id: message.id.clone(),
                placed: *placed,
                sender_token: message.sender_token.clone(),
                body: message.body.clone(),
                expires_at: message.expires_at,
                has_attachments: message.has_attachments,
                edited: false,
            })
        });
        (!messages.is_empty()).then(|| Self {
            channel: channel.to_owned(),
            direct: state.direct.clone(),
            entries: entries.collect(),
        })
    }
}
