//! Tasks: the changes of members and channels that the channel objects have to know.
//!
//! A request inserts its task in the batch that begins the change, carries the task out, and
//! answers after that. Maintenance carries out the tasks that were interrupted. Who joins is in the
//! database first and then in the objects. Who leaves is removed from the objects first, so that no
//! object knows a member that the database does not know.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::kernel::domain::failure::Fault;
use crate::relay::domain::Ports;
use crate::relay::domain::channels;
use crate::relay::domain::channels::Membership;
use crate::relay::model::ids::ChannelId;
use crate::relay::store::outbox::{ChannelMemberKey, RelayTask, ServerMemberKey};
use crate::relay::store::task_ends::Removed;
use crate::relay::store::{outbox, task_ends};

/// The number of objects that are called at the same time.
const AT_ONCE: usize = 6;
/// The number of members in one call to an object.
const MOST_IN_CALL: usize = 500;
/// How often a removal looks for channels that were made while it ran.
const ROUNDS: usize = 4;
/// The number of tasks of a kind that maintenance carries out in a run.
const MOST_OF_KIND: i64 = 200;
/// The number of objects that maintenance calls in a run. A Worker has a limit of subrequests.
const MOST_CALLS: i64 = 1000;
/// How long a task waits after a failure.
const RETRY: Duration = Duration::from_mins(1);

/// Carries out a task and removes it.
///
/// # Errors
/// [`Fault`] if an object or the database did not answer. The task stays, and maintenance carries
/// it out.
pub(super) async fn carry_out(ports: &Ports, task: RelayTask) -> Result<(), Fault> {
    let db = ports.db.as_ref();
    match task {
        RelayTask::Add(member) => {
            let keys = task_ends::memberships_of(db, member.server, member.user).await?;
            for some in keys.chunks(AT_ONCE) {
                let calls = some
                    .iter()
                    .map(|key| add(ports, key.channel, std::slice::from_ref(key), false));
                try_join_all(calls).await?;
            }
            Ok(outbox::finish(db, task).await?)
        }
        RelayTask::AddToChannel(channel, user) => {
            let found = task_ends::members_of(db, channel, user).await?;
            for some in found.members.chunks(MOST_IN_CALL) {
                add(ports, channel, some, found.direct).await?;
            }
            Ok(outbox::finish(db, task).await?)
        }
        RelayTask::Kick(member) | RelayTask::Leave(member) => {
            remove_from_server(ports, task, member).await
        }
        RelayTask::LeaveChannel(member) => {
            remove(ports, member).await?;
            Ok(task_ends::finish_leaving(db, member, ports.clock.now()).await?)
        }
        RelayTask::Destroy(channel) => {
            channels::destroy(ports, channel).await?;
            Ok(task_ends::finish_destruction(db, channel).await?)
        }
        RelayTask::DeleteServer(server) => {
            for _ in 0..ROUNDS {
                let channels = task_ends::channels_of(db, server).await?;
                destroy_all(ports, &channels).await?;
                if task_ends::finish_server(db, server, &channels).await? {
                    return Ok(());
                }
            }
            Err(Fault::Unavailable(
                "channels are made while the server is deleted",
            ))
        }
    }
}

/// Adds members to the object of a channel. An object that removed a member with the same version
/// or a later one leaves that member out.
async fn add(
    ports: &Ports,
    channel: ChannelId,
    members: &[ChannelMemberKey],
    direct: bool,
) -> Result<(), Fault> {
    let members: Vec<Membership> = members.iter().map(membership).collect();
    channels::add_members(ports, channel, &members, direct).await
}

async fn remove(ports: &Ports, member: ChannelMemberKey) -> Result<(), Fault> {
    channels::remove_member(ports, member.channel, membership(&member)).await
}

const fn membership(key: &ChannelMemberKey) -> Membership {
    Membership {
        account: key.user,
        version: key.version,
    }
}

async fn destroy_all(ports: &Ports, channels: &[ChannelId]) -> Result<(), Fault> {
    for some in channels.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|it| channels::destroy(ports, *it))).await?;
    }
    Ok(())
}

async fn remove_from_server(
    ports: &Ports,
    task: RelayTask,
    member: ServerMemberKey,
) -> Result<(), Fault> {
    let db = ports.db.as_ref();
    for _ in 0..ROUNDS {
        let channels = task_ends::channels_of(db, member.server).await?;
        let current = task_ends::memberships_of(db, member.server, member.user).await?;
        // The member may have left a channel and come back, which has raised the version there.
        let versions = current.iter().map(|key| key.version);
        let up_to = versions.fold(member.version, i64::max);
        for some in channels.chunks(AT_ONCE) {
            let calls = some.iter().map(|channel| {
                let key = ChannelMemberKey {
                    channel: *channel,
                    user: member.user,
                    version: up_to,
                };
                remove(ports, key)
            });
            try_join_all(calls).await?;
        }
        let removed = Removed {
            channels: &channels,
            up_to,
        };
        let now = ports.clock.now();
        if task_ends::finish_removal(db, task, member, removed, now).await? {
            return Ok(());
        }
    }
    Err(Fault::Unavailable(
        "channels are made while the member is removed",
    ))
}

/// Carries out the tasks that requests left. Returns their number.
///
/// # Errors
/// [`Fault`]
pub async fn carry_out_due(ports: &Ports) -> Result<usize, Fault> {
    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let (mut done, mut calls) = (0, 0);
    for due in outbox::due_tasks(db, now, MOST_OF_KIND).await? {
        if calls >= MOST_CALLS {
            break;
        }
        calls += due.calls;
        let Err(error) = carry_out(ports, due.task).await else {
            done += 1;
            continue;
        };
        tracing::warn!(%error, "a change of a channel waits");
        // A task that is not postponed is repeated in the next run.
        if let Err(error) = outbox::postpone(db, due.task, now.plus(RETRY)).await {
            tracing::warn!(%error, "a change of a channel is not postponed");
        }
    }
    Ok(done)
}
