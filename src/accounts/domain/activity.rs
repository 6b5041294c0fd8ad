//! The activity of an account, for its owner: its sessions and its events.

use crate::accounts::domain::Ports;
use crate::accounts::model::records::Session;
pub use crate::accounts::store::events::EventCursor;
use crate::accounts::store::{events, sessions};
use crate::kernel::model::events::Event;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// The number of events on a page.
pub const EVENTS_PAGE: usize = 50;

/// Returns the live sessions of `user`, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list_sessions(ports: &Ports, user: UserId) -> Result<Vec<Session>, StoreError> {
    sessions::list(ports.db.as_ref(), user, ports.clock.now()).await
}

/// A page of events, newest first.
#[derive(Debug)]
pub struct EventPage {
    /// The events of the page.
    pub events: Vec<Event>,
    /// The cursor of the next page, if there is one.
    pub next: Option<EventCursor>,
}

/// Returns a page of the events of `user` before a cursor, newest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list_events(
    ports: &Ports,
    user: UserId,
    before: Option<EventCursor>,
) -> Result<EventPage, StoreError> {
    // One event more than fits on a page shows whether there is a next page.
    let most = i64::try_from(EVENTS_PAGE)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut events = events::list(ports.db.as_ref(), user, before, most).await?;
    let more = events.len() > EVENTS_PAGE;
    events.truncate(EVENTS_PAGE);
    let next = events.last().filter(|_| more).map(|event| EventCursor {
        at: event.at,
        id: event.id,
    });
    Ok(EventPage { events, next })
}
