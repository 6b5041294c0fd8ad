//! The knowledge of a hub about one channel: its subscribers with their cursors, its members, and
//! the calls that are under way.
//!
//! A cursor moves over each sequence number in turn, by an entry or by a gap. So an entry after the
//! next number waits for a pull, and an entry up to the cursor is dropped.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::channel_log::MOST_APPENDED;
use crate::relay::domain::live::calls::{AppendItem, HubOperation, HubRequest};
use crate::relay::domain::live::events::{CallId, SocketId};
use crate::relay::domain::live::frames::{FrameError, SendLabel, ServerFrame};
use crate::relay::domain::live::run::RunItem;
use crate::relay::domain::live::socket::Ticket;
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::channel::{ChannelEntry, Gap};
use crate::relay::model::ids::ChannelId;

/// The entries of a pull.
const PAGE: u32 = 200;
/// The accounts of a pull.
const MOST_ASKED: usize = 100;
/// The messages that may wait for the append under way.
const MOST_WAITING: usize = 1024;
/// More than every sequence number, and exact in JavaScript.
const NEWEST: i64 = (1 << 53) - 1;
/// How long the answer to a call counts. A channel forgets a silent hub much later, so an answer
/// that counts is from a channel that still evicts the hub's members.
pub(super) const CALL_LIFE: Duration = Duration::from_secs(10);
/// How long a hub admits members without a question after the channel answered a call.
const TRUST: Duration = Duration::from_mins(1);
/// How long a hub trusts that silence means that there is no news.
pub(super) const MOST_SILENCE: Duration = Duration::from_mins(5);

/// How far a subscription is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Progress {
    /// The hub does not know yet whether the account is a member. Holds the last sequence number
    /// that the client has.
    Asking(Option<i64>),
    /// The socket has everything up to a sequence number.
    At(i64),
}

/// A subscription of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Subscription {
    pub(super) progress: Progress,
    /// Whether the socket got `Subscribed`.
    pub(super) announced: bool,
    /// Whether the client never asked for it. Then it does not hear of a refusal.
    pub(super) joined: bool,
    /// Whether the next entry is the socket's own and waits for its answer.
    pub(super) held: bool,
}

/// The members that the hub knows. The channel evicts each of them before a removal ends, for as
/// long as the generation is the channel's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct KnownMembers {
    pub(super) generation: u64,
    /// When the hub made the last call that the channel answered.
    pub(super) asked_at: Timestamp,
    pub(super) accounts: BTreeSet<UserId>,
}

/// A message on its way to the channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Outgoing {
    pub(super) socket: SocketId,
    pub(super) ticket: Ticket,
    pub(super) label: SendLabel,
    pub(super) item: AppendItem,
    /// Whether the sender's session ended. The message is not sent again.
    pub(super) revoked: bool,
}

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum CallState {
    /// The channel has it since a time.
    UnderWay(CallId, Timestamp),
    /// It is repeated at the time.
    Paused(Timestamp),
}

/// The append under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct AppendCall {
    pub(super) items: Vec<Outgoing>,
    pub(super) state: CallState,
    /// How often there was no answer.
    pub(super) failures: usize,
}

/// The pull under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct PullCall {
    pub(super) state: CallState,
    /// The accounts that it asks about.
    pub(super) accounts: BTreeSet<UserId>,
    pub(super) since: i64,
}

/// The knowledge of a hub about a channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Following {
    pub(super) channel: ChannelId,
    /// The last sequence number that the hub knows to exist.
    pub(super) head: i64,
    pub(super) known: Option<KnownMembers>,
    /// The number of the last eviction that was carried out.
    pub(super) evicted_upto: u64,
    pub(super) subscriptions: BTreeMap<SocketId, Subscription>,
    pub(super) append: Option<AppendCall>,
    /// The messages of the next appends.
    pub(super) waiting: VecDeque<Outgoing>,
    pub(super) pull: Option<PullCall>,
    /// How often in a row a pull had no answer.
    pub(super) pull_failures: usize,
    /// Whether there may be entries after the head that no push will report.
    pub(super) doubtful: bool,
    /// When the channel last answered or pushed.
    pub(super) heard_at: Timestamp,
    /// Accounts that are no members although the channel's pushes could be for them. They are not
    /// asked about again.
    pub(super) strangers: BTreeSet<UserId>,
    /// Whether the hub started again, and the channel has not pushed since.
    pub(super) is_dormant: bool,
    pub(super) typing: BTreeMap<UserId, (CallId, Timestamp)>,
}

impl Following {
    pub(super) fn new(channel: ChannelId, now: Timestamp) -> Self {
        Self {
            channel,
            head: 0,
            known: None,
            evicted_upto: 0,
            subscriptions: BTreeMap::new(),
            append: None,
            waiting: VecDeque::new(),
            pull: None,
            pull_failures: 0,
            doubtful: false,
            heard_at: now,
            strangers: BTreeSet::new(),
            is_dormant: false,
            typing: BTreeMap::new(),
        }
    }

    /// Returns the number of subscribers.
    pub(super) fn readers(&self) -> u32 {
        u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX)
    }

    /// Returns true if the hub may forget the channel.
    pub(super) fn is_idle(&self) -> bool {
        let is_still = self.append.is_none() && self.waiting.is_empty();
        is_still && self.subscriptions.is_empty() && self.strangers.is_empty()
    }

    /// Writes the entries of a run to the subscribers that need them next.
    pub(super) fn deliver(&mut self, run: Vec<RunItem>, turn: &mut Turn<'_>) {
        for item in run {
            match item {
                RunItem::Entry(entry) => self.deliver_entry(entry, turn),
                RunItem::Gap(gap) => self.deliver_gap(gap, turn),
            }
        }
    }

    fn deliver_entry(&mut self, entry: ChannelEntry, turn: &mut Turn<'_>) {
        let channel = self.channel;
        let mut ready = Vec::new();
        let mut wake = None;
        for (id, subscription) in &mut self.subscriptions {
            let is_next = subscription.progress == Progress::At(entry.seq() - 1);
            let Some(socket) = turn.sockets.get_mut(id).filter(|_| is_next) else {
                continue;
            };
            subscription.held =
                matches!(&entry, ChannelEntry::Message(message) if socket.awaits(&message.id));
            if !subscription.held && socket.window.is_open() {
                socket.window.count(channel, &entry);
                socket.note_entry(channel);
                wake = socket.keep_at().or(wake);
                subscription.progress = Progress::At(entry.seq());
                ready.push(*id);
            }
        }
        if let Some(wake) = wake {
            turn.wake_by(wake);
        }
        turn.write_all(ready, ServerFrame::Entry { channel, entry });
    }

    fn deliver_gap(&mut self, gap: Gap, turn: &mut Turn<'_>) {
        let channel = self.channel;
        for (id, subscription) in &mut self.subscriptions {
            let Progress::At(cursor) = subscription.progress else {
                continue;
            };
            if (gap.from..=gap.to).contains(&(cursor + 1)) {
                subscription.progress = Progress::At(gap.to);
                let from = cursor + 1;
                let gap = Gap { from, ..gap };
                turn.write(*id, ServerFrame::Gap { channel, gap });
            }
        }
    }

    /// Lets subscriptions go on after something changed: admits members, announces those who have
    /// everything, and pulls for those who do not.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        self.admit(turn);
        self.announce(turn);
        if self.pull.is_none() && !self.is_dormant {
            self.start_pull(turn);
        }
        if !self.subscriptions.is_empty() || !self.strangers.is_empty() {
            turn.wake_by(self.heard_at.plus(MOST_SILENCE));
        }
    }

    /// Admits the sockets of accounts that are members as far as the hub knows.
    pub(super) fn admit(&mut self, turn: &mut Turn<'_>) {
        let known = self.known.as_ref();
        let Some(known) = known.filter(|known| turn.now < known.asked_at.plus(TRUST)) else {
            return;
        };
        for (id, subscription) in &mut self.subscriptions {
            let Progress::Asking(since) = subscription.progress else {
                continue;
            };
            let account = turn.sockets.get(id).map(|socket| socket.owner.account);
            if account.is_some_and(|account| known.accounts.contains(&account)) {
                let cursor = since.unwrap_or(self.head).min(self.head);
                subscription.progress = Progress::At(cursor);
                turn.note_subscription(*id, self.channel, true);
            }
        }
    }

    fn announce(&mut self, turn: &mut Turn<'_>) {
        let (channel, head) = (self.channel, self.head);
        let mut ready = Vec::new();
        for (id, subscription) in &mut self.subscriptions {
            if !subscription.announced && subscription.progress == Progress::At(head) {
                subscription.announced = true;
                ready.push(*id);
            }
        }
        turn.write_all(ready, ServerFrame::Subscribed { channel, head });
    }

    fn start_pull(&mut self, turn: &mut Turn<'_>) {
        let mut since: Option<i64> = None;
        let mut accounts = BTreeSet::new();
        let mut has_readers = false;
        for (id, subscription) in &self.subscriptions {
            let Some(socket) = turn.sockets.get_mut(id) else {
                continue;
            };
            let account = socket.owner.account;
            let from = match subscription.progress {
                Progress::Asking(since) => {
                    if accounts.len() >= MOST_ASKED && !accounts.contains(&account) {
                        continue;
                    }
                    accounts.insert(account);
                    since.unwrap_or(NEWEST)
                }
                Progress::At(cursor) => {
                    has_readers = true;
                    if cursor >= self.head || subscription.held {
                        continue;
                    }
                    if !socket.window.is_open() {
                        let limit = socket.window.wait(turn.now);
                        turn.wake_by(limit);
                        continue;
                    }
                    cursor
                }
            };
            since = Some(since.map_or(from, |since| since.min(from)));
        }
        let doubt = (self.doubtful && has_readers).then_some(self.head);
        self.doubtful = false;
        let Some(since) = since.or(doubt) else {
            return;
        };
        let operation = HubOperation::Pull {
            accounts: accounts.iter().copied().collect(),
            since,
            limit: PAGE,
        };
        let state = self.call(operation, turn);
        self.pull = Some(PullCall {
            state,
            accounts,
            since,
        });
    }

    pub(super) fn request(&self, operation: HubOperation, turn: &Turn<'_>) -> HubRequest {
        HubRequest {
            hub: turn.hub,
            life: turn.life,
            readers: self.readers(),
            generation: self.known.as_ref().map(|known| known.generation),
            evicted_upto: self.evicted_upto,
            head: self.head,
            operation,
        }
    }

    /// Calls the channel.
    pub(super) fn call(&self, operation: HubOperation, turn: &mut Turn<'_>) -> CallState {
        let request = self.request(operation, turn);
        turn.wake_by(turn.now.plus(CALL_LIFE));
        CallState::UnderWay(turn.call(self.channel, request), turn.now)
    }

    /// Takes a message to the channel: at once, or with the next append.
    pub(super) fn send(&mut self, outgoing: Outgoing, turn: &mut Turn<'_>) {
        self.is_dormant = false;
        if self.waiting.len() >= MOST_WAITING {
            let error = ServerFrame::Error {
                code: FrameError::Busy,
                reference: outgoing.label.reference,
            };
            turn.answer(outgoing.socket, outgoing.ticket, error);
            return;
        }
        self.waiting.push_back(outgoing);
        self.start_append(turn);
    }

    /// Starts the next append, unless one is under way.
    pub(super) fn start_append(&mut self, turn: &mut Turn<'_>) {
        if self.append.is_some() || self.waiting.is_empty() {
            return;
        }
        let size = self.waiting.len().min(MOST_APPENDED);
        let items: Vec<Outgoing> = self.waiting.drain(..size).collect();
        let state = self.call_append(&items, turn);
        self.append = Some(AppendCall {
            items,
            state,
            failures: 0,
        });
    }

    fn call_append(&self, items: &[Outgoing], turn: &mut Turn<'_>) -> CallState {
        let items = items.iter().map(|outgoing| outgoing.item.clone());
        self.call(HubOperation::Append(items.collect()), turn)
    }

    /// Calls the channel again with the append under way, without the messages of ended sessions.
    pub(super) fn repeat_append(&mut self, turn: &mut Turn<'_>) {
        if let Some(mut append) = self.append.take() {
            append.items.retain(|outgoing| !outgoing.revoked);
            if !append.items.is_empty() {
                append.state = self.call_append(&append.items, turn);
                self.append = Some(append);
            }
        }
        self.start_append(turn);
    }
}
