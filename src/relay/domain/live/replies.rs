//! How a hub takes the answers and the pushes of a channel, and repeats calls without an answer.

use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{
    ChannelAnswer, ChannelPush, DirectReaders, News, PushAnswer,
};
use crate::relay::domain::live::events::{CallId, SocketId};
use crate::relay::domain::live::following::{
    AppendCall, CALL_LIFE, CallState, Following, KnownMembers, MOST_SILENCE, Outgoing, Progress,
    PullCall,
};
use crate::relay::domain::live::frames::{FrameError, ServerFrame};
use crate::relay::domain::live::run::RunItem;
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::channel::{
    Appended, ChannelEntry, ChannelMessage, ChannelRefusal, EntryPage,
};
use crate::relay::model::slots::Slot;

/// How long a hub waits before it repeats a call. After that many failures an append has failed.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
];
/// How long a hub waits before each further pull.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// Returns how long to wait after this many failures.
fn pause(failures: usize) -> Option<Duration> {
    PAUSES.get(failures.checked_sub(1)?).copied()
}

/// Returns when something happens to a call without an answer.
fn next_of(state: CallState) -> Timestamp {
    match state {
        CallState::UnderWay(_, at) => at.plus(CALL_LIFE),
        CallState::Paused(until) => until,
    }
}

/// Returns the answer to a sent message.
fn sent(outgoing: &Outgoing, outcome: Result<Appended, ChannelRefusal>) -> ServerFrame {
    let code = match outcome {
        Ok(Appended::Stored { placed, .. }) => {
            return ServerFrame::MessageAck {
                message_id: outgoing.item.message.id.clone(),
                seq: placed.seq,
                label: outgoing.label.clone(),
            };
        }
        Ok(Appended::Conflict) => FrameError::Conflict,
        Ok(Appended::Expired) => FrameError::Expired,
        Err(_) => FrameError::Unknown,
    };
    let reference = outgoing.label.reference.clone();
    ServerFrame::Error { code, reference }
}

/// Returns the stored messages of an append as entries in their order.
fn entries(items: Vec<Outgoing>, outcomes: &[Result<Appended, ChannelRefusal>]) -> Vec<RunItem> {
    let mut messages: Vec<ChannelMessage> = Vec::with_capacity(items.len());
    for (outgoing, outcome) in items.into_iter().zip(outcomes) {
        if let Ok(Appended::Stored { placed, expires_at }) = outcome {
            let message = outgoing.item.message;
            messages.push(ChannelMessage {
                id: message.id,
                placed: *placed,
                sender_token: message.sender_token,
                body: message.body,
                expires_at: *expires_at,
                has_attachments: message.has_attachments,
                edited: false,
            });
        }
    }
    messages.sort_by_key(|message| message.placed.seq);
    messages.dedup_by_key(|message| message.placed.seq);
    let entries = messages.into_iter().map(ChannelEntry::Message);
    entries.map(RunItem::Entry).collect()
}

impl Following {
    /// Takes the end of a call. An old call is ignored.
    pub(super) fn end_call(
        &mut self,
        call: CallId,
        answer: Option<ChannelAnswer>,
        turn: &mut Turn<'_>,
    ) {
        let made_at = |state: CallState| match state {
            CallState::UnderWay(id, at) if id == call => Some(at),
            _ => None,
        };
        let append = self
            .append
            .as_ref()
            .and_then(|append| made_at(append.state));
        let pull = self.pull.as_ref().and_then(|pull| made_at(pull.state));
        let Some(asked_at) = append.or(pull) else {
            self.end_typing(call, answer, turn);
            return;
        };
        let answer = answer.filter(|_| turn.now < asked_at.plus(CALL_LIFE));
        if answer.is_some() {
            self.heard_at = turn.now;
        }
        let is_append = append.is_some();
        match answer {
            Some(ChannelAnswer::EvictFirst(eviction)) if eviction.number > self.evicted_upto => {
                self.evict(&eviction, turn);
                self.repeat(is_append, turn);
            }
            Some(ChannelAnswer::Forgotten) if self.known.is_some() => {
                self.forget_members();
                self.repeat(is_append, turn);
            }
            Some(ChannelAnswer::Appended {
                outcomes,
                head,
                direct,
            }) if is_append => self.end_append(&outcomes, head, direct, turn),
            Some(ChannelAnswer::Page {
                generation,
                members,
                page,
            }) if !is_append => {
                let known = generation.map(|generation| KnownMembers {
                    generation,
                    asked_at,
                    accounts: members.into_iter().collect(),
                });
                self.end_pull(known, page, turn);
            }
            _ if is_append => self.fail_append(turn),
            _ => self.fail_pull(turn),
        }
    }

    /// Repeats a call of which the channel did nothing.
    fn repeat(&mut self, is_append: bool, turn: &mut Turn<'_>) {
        if is_append {
            self.repeat_append(turn);
        } else {
            self.pull = None;
        }
        self.settle(turn);
    }

    fn end_append(
        &mut self,
        outcomes: &[Result<Appended, ChannelRefusal>],
        head: i64,
        direct: Vec<Slot>,
        turn: &mut Turn<'_>,
    ) {
        let fits = |append: &mut AppendCall| append.items.len() == outcomes.len();
        let Some(append) = self.append.take_if(fits) else {
            return self.fail_append(turn);
        };
        for (outgoing, outcome) in append.items.iter().zip(outcomes) {
            let frame = sent(outgoing, *outcome);
            turn.answer(outgoing.socket, outgoing.ticket, frame);
        }
        self.head = self.head.max(head);
        if !direct.is_empty() {
            let stored = outcomes.iter().filter_map(|outcome| match outcome {
                Ok(Appended::Stored { placed, .. }) => Some(placed.seq - 1),
                _ => None,
            });
            let since = stored.min().unwrap_or(head);
            let slots = direct;
            self.join_readers(&DirectReaders { slots, since }, turn);
        }
        if append.failures == 0 {
            self.deliver(entries(append.items, outcomes), turn);
        } else {
            // An earlier call may have stored the messages, and they may have changed since.
            self.doubtful = true;
        }
        self.start_append(turn);
        self.settle(turn);
    }

    /// Notes that an append had no answer. It is repeated, or its senders get an error.
    fn fail_append(&mut self, turn: &mut Turn<'_>) {
        // The messages may be stored, and the channel counts on this hub to know them.
        self.doubtful = true;
        let Some(mut append) = self.append.take() else {
            return;
        };
        append.failures += 1;
        if let Some(pause) = pause(append.failures) {
            let until = turn.now.plus(pause);
            turn.wake_by(until);
            append.state = CallState::Paused(until);
            self.append = Some(append);
        } else {
            for outgoing in append.items {
                let error = ServerFrame::Error {
                    code: FrameError::Unavailable,
                    reference: outgoing.label.reference,
                };
                turn.answer(outgoing.socket, outgoing.ticket, error);
            }
            self.start_append(turn);
        }
        self.settle(turn);
    }

    fn end_pull(&mut self, answer: Option<KnownMembers>, page: EntryPage, turn: &mut Turn<'_>) {
        let goes_on = |pull: &mut PullCall| page.upto > pull.since || page.head <= pull.since;
        let Some(pull) = self.pull.take_if(goes_on) else {
            return self.fail_pull(turn);
        };
        self.pull_failures = 0;
        let mut members = answer;
        if let Some(members) = &mut members {
            // An account that was evicted since the call is no longer among them.
            members
                .accounts
                .retain(|account| pull.accounts.contains(account));
        }
        match (&mut self.known, members) {
            (Some(known), Some(members)) if known.generation == members.generation => {
                known.accounts.extend(members.accounts);
                known.asked_at = members.asked_at;
            }
            (None, members) => self.known = members,
            (Some(_), _) => {
                self.forget_members();
                self.settle(turn);
                return;
            }
        }
        self.head = self.head.max(page.head);
        self.end_questions(&pull, page.head, turn);
        self.deliver(RunItem::of(page), turn);
        self.settle(turn);
    }

    /// Admits or refuses the sockets of the accounts that a pull asked about.
    fn end_questions(&mut self, pull: &PullCall, head: i64, turn: &mut Turn<'_>) {
        let mut refused: Vec<(SocketId, UserId, bool)> = Vec::new();
        for (id, subscription) in &mut self.subscriptions {
            let Progress::Asking(since) = subscription.progress else {
                continue;
            };
            let account = turn.sockets.get(id).map(|socket| socket.owner.account);
            let Some(account) = account.filter(|account| pull.accounts.contains(account)) else {
                continue;
            };
            let known = self.known.as_ref();
            if known.is_some_and(|known| known.accounts.contains(&account)) {
                subscription.progress = Progress::At(since.unwrap_or(head).min(head));
                turn.note_subscription(*id, self.channel, true);
                self.strangers.remove(&account);
            } else {
                refused.push((*id, account, subscription.joined));
            }
        }
        for (socket, account, joined) in refused {
            self.leave(socket, turn);
            if joined {
                self.strangers.insert(account);
            } else {
                turn.fail(socket, FrameError::Unknown);
            }
        }
    }

    /// Notes that a pull had no answer. It is repeated. New subscribers get an error in the end.
    fn fail_pull(&mut self, turn: &mut Turn<'_>) {
        let Some(pull) = &mut self.pull else {
            return;
        };
        self.doubtful = true;
        self.pull_failures += 1;
        let until = pause(self.pull_failures);
        let until_next = turn.now.plus(until.unwrap_or(LONG_PAUSE));
        turn.wake_by(until_next);
        pull.state = CallState::Paused(until_next);
        if until.is_none() {
            let subscriptions = self.subscriptions.iter();
            let asking = subscriptions
                .filter(|(_, one)| matches!(one.progress, Progress::Asking(_)) && !one.announced)
                .map(|(id, _)| *id)
                .collect::<Vec<SocketId>>();
            for socket in asking {
                self.leave(socket, turn);
                turn.fail(socket, FrameError::Unavailable);
            }
        }
    }

    /// Takes a push and returns its answer.
    pub(super) fn take_push(&mut self, push: ChannelPush, turn: &mut Turn<'_>) -> PushAnswer {
        self.heard_at = turn.now;
        self.is_dormant = false;
        if let Some(direct) = &push.direct {
            self.join_readers(direct, turn);
        }
        match push.news {
            News::Entries(entries) => {
                let last = entries.last().map_or(0, ChannelEntry::seq);
                self.head = self.head.max(last);
                self.deliver(entries.into_iter().map(RunItem::Entry).collect(), turn);
            }
            News::Head(head) => self.head = self.head.max(head),
            News::Evict(eviction) => self.evict(&eviction, turn),
            News::Typing(token) => self.write_typing(None, token, turn),
        }
        self.settle(turn);
        PushAnswer {
            touch: push.touch,
            readers: self.readers(),
            head: self.head,
            evicted_upto: self.evicted_upto,
        }
    }

    /// Repeats calls after a pause or a late answer, and asks a silent channel.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        match self.append.as_ref().map(|append| append.state) {
            Some(CallState::UnderWay(_, at)) if at.plus(CALL_LIFE) <= now => self.fail_append(turn),
            Some(CallState::Paused(until)) if until <= now => self.repeat_append(turn),
            Some(state) => turn.wake_by(next_of(state)),
            None => {}
        }
        match self.pull.as_ref().map(|pull| pull.state) {
            Some(CallState::UnderWay(_, at)) if at.plus(CALL_LIFE) <= now => self.fail_pull(turn),
            Some(CallState::Paused(until)) if until <= now => self.pull = None,
            Some(state) => turn.wake_by(next_of(state)),
            None => {}
        }
        if self.heard_at.plus(MOST_SILENCE) <= now {
            self.heard_at = now;
            self.doubtful = true;
            self.is_dormant = false;
            self.strangers.clear();
        }
        self.settle(turn);
    }
}
