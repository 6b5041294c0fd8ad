//! Ids of the relay as types.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::model::ids::uuid_id;

/// The bytes of a channel's id that the ids of its messages begin with.
const SHARED_BYTES: usize = 6;
/// The length of these bytes in the hyphenated form.
const SHARED_CHARS: usize = 13;

uuid_id! {
    /// The id of a channel, also of a direct message.
    ChannelId
}
uuid_id! {
    /// The id of a message. It begins as the id of its channel does.
    MessageId
}
uuid_id! {
    /// The id of a connection to a hub. A later connection of the same session can resume it.
    ConnectionId
}

impl ChannelId {
    /// Returns the id of the message that a client names `client_id` in this channel.
    ///
    /// It begins with 48 random bits of the channel's id, so that the server finds the channel of a
    /// message without an index. The other bits are a hash, so equal names have equal ids.
    #[must_use]
    pub fn message(&self, client_id: &[u8]) -> MessageId {
        let mut hasher = Sha256::new();
        hasher.update(b"hamrah-api message v1");
        hasher.update(self.0.as_bytes());
        hasher.update(client_id);
        let hash = hasher.finalize();
        let mut bytes = *self.0.as_bytes();
        for (byte, hashed) in bytes.iter_mut().skip(SHARED_BYTES).zip(hash) {
            *byte = hashed;
        }
        MessageId::from_random(bytes)
    }

    /// Returns the name of the object that holds the channel.
    #[must_use]
    pub fn object(&self) -> String {
        shared(self.0)
    }
}

impl MessageId {
    /// Returns the name of the object that holds the message's channel.
    #[must_use]
    pub fn object(&self) -> String {
        shared(self.0)
    }
}

fn shared(id: Uuid) -> String {
    let mut text = id.hyphenated().to_string();
    text.truncate(SHARED_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_and_a_channel_decide_an_id(
            channels in any::<[[u8; 16]; 2]>(),
            names in any::<[[u8; 16]; 2]>(),
        ) {
            let [one, other] = channels.map(ChannelId::from_random);
            let id = one.message(&names[0]);
            prop_assert_eq!(id, one.message(&names[0]));
            prop_assert_eq!(id.object(), one.object());
            prop_assert_eq!(MessageId::parse(&id.to_string()), Some(id));
            prop_assert_eq!(id == one.message(&names[1]), names[0] == names[1]);
            prop_assert_eq!(id == other.message(&names[0]), one == other);
            prop_assert_ne!(id.to_string(), one.to_string());
        }
    }

    #[test]
    fn a_message_is_found_by_its_id() {
        let (channel, other) = (
            ChannelId::from_random([7; 16]),
            ChannelId::from_random([8; 16]),
        );
        let message = channel.message(b"client id");
        assert_eq!(message.object(), channel.object());
        assert_ne!(message.object(), other.object());
        assert_eq!(channel.object(), "07070707-0707");
        assert_eq!(message, channel.message(b"client id"));
        assert_ne!(message, channel.message(b"client iD"));
        assert_ne!(
            message.to_string()[SHARED_CHARS..],
            other.message(b"client id").to_string()[SHARED_CHARS..]
        );
    }

    #[test]
    fn message_ids_are_uuids_of_version_4() {
        for number in 0..64_u8 {
            let id = ChannelId::from_random([number; 16]).message(&[number]);
            assert_eq!(id.0.get_version_num(), 4);
            assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(id.to_string(), id.to_string().to_lowercase());
        }
    }
}
