//! Who types in a channel. Nothing is stored and nothing is repeated.

use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::relay::domain::live::calls::{ChannelAnswer, HubOperation};
use crate::relay::domain::live::events::{CallId, SocketId};
use crate::relay::domain::live::following::{Following, Progress};
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::domain::live::turn::Turn;

/// The shortest time between two notices of an account that types.
const TYPING_PAUSE: Duration = Duration::from_secs(3);

impl Following {
    /// Passes to the channel that the owner of a subscriber types.
    pub(super) fn take_typing(&mut self, socket: SocketId, turn: &mut Turn<'_>) {
        let now = turn.now;
        let calls = &mut self.typing;
        calls.retain(|_, (_, at)| now < at.plus(TYPING_PAUSE));
        let subscription = self.subscriptions.get(&socket);
        let reads = subscription.is_some_and(|one| matches!(one.progress, Progress::At(_)));
        let account = turn.sockets.get(&socket).map(|one| one.owner.account);
        let Some(account) = account.filter(|one| reads && !calls.contains_key(one)) else {
            return;
        };
        let request = self.request(HubOperation::Typing { account }, turn);
        let call = turn.call(self.channel, request);
        self.typing.insert(account, (call, now));
    }

    /// Takes the answer of the channel. Other answers and late ones are ignored.
    pub(super) fn end_typing(
        &self,
        call: CallId,
        answer: Option<ChannelAnswer>,
        turn: &mut Turn<'_>,
    ) {
        let mut calls = self.typing.iter();
        let found = calls.find(|(_, (one, at))| *one == call && turn.now < at.plus(TYPING_PAUSE));
        if let (Some((account, _)), Some(ChannelAnswer::Typing { token: Some(token) })) =
            (found, answer)
        {
            self.write_typing(Some(*account), token, turn);
        }
    }

    /// Shows to the subscribers who have everything, but not to the account's own, that it types.
    pub(super) fn write_typing(&self, own: Option<UserId>, token: String, turn: &mut Turn<'_>) {
        let readers = self.subscriptions.iter().filter(|(id, one)| {
            let account = turn.sockets.get(id).map(|socket| socket.owner.account);
            let is_other = account.is_some() && account != own;
            let is_at_head = matches!(one.progress, Progress::At(cursor) if cursor >= self.head);
            is_other && is_at_head
        });
        let readers = readers.map(|(id, _)| *id).collect();
        let channel = self.channel;
        turn.write_all(readers, ServerFrame::Typing { channel, token });
    }
}
