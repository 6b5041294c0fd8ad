//! Faults that a test plants around the hub and the channel, to see that a property finds them.

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Planted {
    #[default]
    Nothing,
    /// The channel answers a hub that has not confirmed an eviction.
    AnswersAnyway,
    /// The channel pushes entries to a hub that has not confirmed an eviction.
    PushesAnyway,
    /// A removal ends before the hubs confirmed it.
    EndsRemovalAtOnce,
    /// The channel pushes a message that it does not store.
    PushBeforeStore,
    /// A repeated append stores its messages again.
    NewNumberAtRepeat,
    /// The hub writes entries before the answers to sent messages.
    EchoBeforeAck,
    /// The hub writes answers to sent messages in the reverse order.
    AcksReversed,
    /// The channel never pushes again.
    NoAlarm,
    /// The hub never repeats a call.
    NoRepetition,
    /// The channel forgets a hub by an old answer.
    ForgetsByOldAnswer,
    /// The hub gets the answer to an old call as the answer to its last one.
    OldAnswersCount,
    /// The hub gets each new message with the number that it expects.
    NumbersFilled,
    /// A hub confirms a revocation without closing the sockets.
    KillsNothing,
}
