//! The calls to the objects of channels that change their members.

use crate::kernel::domain::failure::Fault;
use crate::relay::domain::Ports;
use crate::relay::domain::channels;
use crate::relay::domain::channels::Membership;
use crate::relay::model::ids::ChannelId;
use crate::relay::store::outbox::ChannelMemberKey;

impl From<&ChannelMemberKey> for Membership {
    fn from(key: &ChannelMemberKey) -> Self {
        Self {
            account: key.user,
            version: key.version,
        }
    }
}

/// Adds members to the object of a channel. An object that removed a member with the same version
/// or a later one leaves that member out.
///
/// # Errors
/// [`Fault`]
pub(super) async fn add(
    ports: &Ports,
    channel: ChannelId,
    members: &[ChannelMemberKey],
) -> Result<(), Fault> {
    let members: Vec<Membership> = members.iter().map(Membership::from).collect();
    channels::add_members(ports, channel, &members).await
}

/// Removes a member from the object of a channel.
///
/// # Errors
/// [`Fault`]
pub(super) async fn remove(ports: &Ports, member: ChannelMemberKey) -> Result<(), Fault> {
    channels::remove_member(ports, member.channel, Membership::from(&member)).await
}

/// Destroys the object of a channel.
///
/// # Errors
/// [`Fault`]
pub(super) async fn destroy(ports: &Ports, channel: ChannelId) -> Result<(), Fault> {
    channels::destroy(ports, channel).await
}
