//! Pages of a channel: of its history by time, and of its log by number.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::relay::domain::channel_log::{PageBounds, page};
use crate::relay::domain::channel_writer::ChannelWriter;
use crate::relay::model::channel::{ChannelMessage, ChannelReply, EntryPage};
use crate::relay::model::micros::Micros;
use crate::relay::store::channels::entries::{MOST_PAGE_BYTES, Position};
use crate::relay::store::channels::log::PageLimit;
use crate::relay::store::channels::members::ChannelState;
use crate::relay::store::channels::{entries, log};

/// A page of messages to read.
pub(super) struct BeforeQuery {
    pub(super) before: Option<Micros>,
    pub(super) limit: u32,
}

impl ChannelWriter<'_> {
    /// Returns a page of the entries after `since`, from one database round trip.
    pub(super) async fn since(
        &self,
        channel: &str,
        head: i64,
        since: i64,
        limit: u32,
        now: Timestamp,
    ) -> Result<EntryPage, StoreError> {
        let limit = PageLimit {
            entries: limit,
            bytes: MOST_PAGE_BYTES,
        };
        let found = log::since(self.db, channel, since, limit).await?;
        let bounds = PageBounds {
            since,
            head,
            is_cut: found.is_cut,
        };
        Ok(page(found.rows, bounds, now))
    }

    pub(super) async fn before(
        &self,
        channel: &str,
        state: &ChannelState,
        query: &BeforeQuery,
        now: Timestamp,
    ) -> Result<ChannelReply, StoreError> {
        let found = match query.before {
            None => entries::newest(self.db, channel, query.limit, now).await?,
            Some(at) => {
                let head = state.last.seq;
                let position = Position { at, head };
                entries::before(self.db, channel, position, query.limit, now).await?
            }
        };
        let messages: Vec<ChannelMessage> =
            found.into_iter().map(|stored| stored.message).collect();
        Ok(ChannelReply::Messages(messages))
    }
}
