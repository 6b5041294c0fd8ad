//! The calls to the objects of channels that change their members.

use crate::kernel::domain::failure::Fault;
use crate::relay::domain::Ports;
use crate::relay::model::ids::ChannelId;
use crate::relay::store::outbox::ChannelMemberKey;

/// Adds members to the object of a channel.
///
/// # Errors
/// [`Fault`]
pub(super) async fn add(
    _ports: &Ports,
    _channel: ChannelId,
    _members: &[ChannelMemberKey],
) -> Result<(), Fault> {
    Ok(())
}

/// Removes a member from the object of a channel.
///
/// # Errors
/// [`Fault`]
pub(super) async fn remove(_ports: &Ports, _member: ChannelMemberKey) -> Result<(), Fault> {
    Ok(())
}

/// Destroys the object of a channel.
///
/// # Errors
/// [`Fault`]
pub(super) async fn destroy(_ports: &Ports, _channel: ChannelId) -> Result<(), Fault> {
    Ok(())
}
