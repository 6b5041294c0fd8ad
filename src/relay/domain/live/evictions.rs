//! How a hub evicts accounts from a channel.

use crate::kernel::model::ids::UserId;
use crate::relay::domain::live::calls::Eviction;
use crate::relay::domain::live::events::{HubEffect, SocketId};
use crate::relay::domain::live::following::{Following, Progress};
use crate::relay::domain::live::frames::{FrameError, ServerFrame};
use crate::relay::domain::live::turn::Turn;

impl Following {
    /// Ends every subscription of accounts, or of everyone. Answers to earlier questions about them
    /// do not count. An eviction that was carried out has no effect.
    pub(super) fn evict(&mut self, eviction: &Eviction, turn: &mut Turn<'_>) {
        if eviction.number <= self.evicted_upto {
            return;
        }
        let evicts = |account: &UserId| eviction.everyone || eviction.accounts.contains(account);
        if let Some(known) = &mut self.known {
            known.accounts.retain(|account| !evicts(account));
        }
        if let Some(pull) = &mut self.pull {
            pull.accounts.retain(|account| !evicts(account));
        }
        let sockets = self.subscriptions.keys().filter_map(|id| {
            let account = turn.sockets.get(id)?.owner.account;
            evicts(&account).then_some((*id, account))
        });
        let evicted: Vec<(SocketId, UserId)> = sockets.collect();
        let mut told = Vec::new();
        for (socket, account) in evicted {
            let subscription = self.subscriptions.get(&socket);
            let asks = subscription.is_some_and(|subscription| !subscription.announced);
            self.leave(socket, turn);
            let channel = self.channel;
            turn.effects.push(HubEffect::TakeBack { socket, channel });
            if asks {
                turn.fail(socket, FrameError::Unknown);
            } else if !eviction.everyone {
                told.push((socket, account));
            }
        }
        if !eviction.everyone {
            self.tell_removals(&eviction.accounts, &told, turn);
        }
        self.evicted_upto = eviction.number;
    }

    /// Writes to the readers, and to the evicted sockets for the last time, who was removed.
    fn tell_removals(
        &self,
        accounts: &[UserId],
        evicted: &[(SocketId, UserId)],
        turn: &mut Turn<'_>,
    ) {
        let channel = self.channel;
        let readers = self.subscriptions.iter();
        let readers = readers.filter(|(_, one)| matches!(one.progress, Progress::At(_)));
        let readers: Vec<SocketId> = readers.map(|(id, _)| *id).collect();
        for account in accounts.iter().copied() {
            let own = evicted.iter().filter(|(_, owner)| *owner == account);
            let mut sockets: Vec<SocketId> = own.map(|(id, _)| *id).collect();
            sockets.extend(&readers);
            turn.write_all(sockets, ServerFrame::MemberRemoved { channel, account });
        }
    }

    /// Forgets who is a member. Nothing is written to a subscriber before the channel was asked.
    pub(super) fn forget_members(&mut self) {
        self.known = None;
        self.pull = None;
        for subscription in self.subscriptions.values_mut() {
            if let Progress::At(cursor) = subscription.progress {
                subscription.progress = Progress::Asking(Some(cursor));
            }
        }
    }
}
