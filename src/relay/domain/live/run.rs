//! Entries and gaps in the order of their numbers.

use crate::relay::model::channel::{ChannelEntry, EntryPage, Gap};

/// A part of a run of sequence numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RunItem {
    Entry(ChannelEntry),
    Gap(Gap),
}

impl RunItem {
    /// Returns the parts of a page in the order of their numbers.
    pub(super) fn of(page: EntryPage) -> Vec<Self> {
        let entries = page.entries.into_iter().map(Self::Entry);
        let mut items: Vec<Self> = entries
            .chain(page.gaps.into_iter().map(Self::Gap))
            .collect();
        items.sort_by_key(|item| match item {
            Self::Entry(entry) => entry.seq(),
            Self::Gap(gap) => gap.from,
        });
        items
    }
}
