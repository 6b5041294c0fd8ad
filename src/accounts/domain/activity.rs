//! What an account's owner can look at: where they are signed in, and what happened.

use crate::accounts::domain::Ports;
use crate::accounts::model::records::Session;
pub use crate::accounts::store::events::EventCursor;
use crate::accounts::store::{events, sessions};
use crate::kernel::model::events::Event;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// Events on a page.
pub const EVENTS_PAGE: usize = 50;

/// The live sign-ins of `user` of every kind, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn sign_ins(ports: &Ports, user: UserId) -> Result<Vec<Session>, StoreError> {
    sessions::list(ports.db.as_ref(), user, ports.clock.now()).await
}

/// A page of events, newest first, and where the next one begins.
#[derive(Debug)]
pub struct Events {
    /// The events.
    pub events: Vec<Event>,
    /// The last one's place, if there are more.
    pub next: Option<EventCursor>,
}

/// The events of `user` before a place, newest first.
///
/// # Errors
/// [`StoreError`]
pub async fn events(
    ports: &Ports,
    user: UserId,
    before: Option<EventCursor>,
) -> Result<Events, StoreError> {
    // One more than a page shows whether there is a next one.
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
    Ok(Events { events, next })
}
