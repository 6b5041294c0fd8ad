//! How subscriptions of a channel begin and end.

use crate::relay::domain::live::calls::DirectReaders;
use crate::relay::domain::live::events::SocketId;
use crate::relay::domain::live::following::{Following, Progress, Subscription};
use crate::relay::domain::live::socket::MOST_CHANNELS;
use crate::relay::domain::live::turn::Turn;

impl Following {
    /// Adds a subscription, or announces an existing one again. A subscription that the client did
    /// not ask for goes back to where the client is.
    pub(super) fn subscribe(&mut self, socket: SocketId, since: Option<i64>, turn: &mut Turn<'_>) {
        let since = since.map(|since| since.max(0));
        let subscription = self.subscriptions.entry(socket).or_insert(Subscription {
            progress: Progress::Asking(since),
            announced: false,
            joined: false,
            held: false,
        });
        subscription.announced = false;
        if std::mem::take(&mut subscription.joined) {
            subscription.progress = match (subscription.progress, since) {
                (Progress::At(cursor), Some(since)) => Progress::At(cursor.min(since)),
                (Progress::Asking(Some(cursor)), Some(since)) => {
                    Progress::Asking(Some(cursor.min(since)))
                }
                (progress, _) => progress,
            };
        }
        self.is_dormant = false;
        self.settle(turn);
    }

    /// Adds a subscription without an announcement, unless there is one.
    pub(super) fn join(&mut self, socket: SocketId, since: i64) {
        self.subscriptions.entry(socket).or_insert(Subscription {
            progress: Progress::Asking(Some(since)),
            announced: true,
            joined: true,
            held: false,
        });
    }

    /// Lets the sockets of a direct message's members join. The channel is asked who they are.
    pub(super) fn join_readers(&mut self, direct: &DirectReaders, turn: &mut Turn<'_>) {
        for (id, socket) in turn.sockets.iter_mut() {
            let is_reader = direct.slots.contains(&socket.slot)
                && socket.channels.len() < MOST_CHANNELS
                && !self.subscriptions.contains_key(id)
                && !self.strangers.contains(&socket.owner.account);
            if is_reader {
                socket.channels.insert(self.channel);
                self.join(*id, direct.since.max(0));
            }
        }
        self.admit(turn);
    }

    /// Removes a subscription.
    pub(super) fn leave(&mut self, socket: SocketId, turn: &mut Turn<'_>) {
        self.subscriptions.remove(&socket);
        turn.note_subscription(socket, self.channel, false);
        if let Some(socket) = turn.sockets.get_mut(&socket) {
            socket.channels.remove(&self.channel);
            socket.window.leave(self.channel);
        }
        if self.subscriptions.is_empty() {
            // No answer to this pull may admit a later subscriber, because the channel may forget
            // this hub from now on.
            self.pull = None;
            self.known = None;
            self.doubtful = false;
        }
    }
}
