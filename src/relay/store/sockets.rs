//! What a connection needs to know before it opens, and which sessions of connections are live.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::SessionId;
use crate::kernel::store::{Db, StoreError, batch, run, sql};
use crate::relay::store::prekeys;

/// The standing of a caller who connects.
#[derive(Clone, Copy, Debug)]
pub struct SocketStanding {
    /// Whether the session is live.
    pub live: bool,
    /// The number of one-time prekeys that the account has left.
    pub prekeys_left: u32,
}

/// Returns the standing of a caller. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn standing(db: &dyn Db, by: Caller) -> Result<SocketStanding, StoreError> {
    let live = sql(
        concatcp!("SELECT ", IS_LIVE, " AS live"),
        [by.session.into(), by.user.into()],
    );
    let [live, left] = batch(db, [live, prekeys::select_total(by.user)]).await?;
    let live = match live.first() {
        Some(row) => row.integer("live")? == 1,
        None => false,
    };
    let prekeys_left = left
        .first()
        .map_or(Ok(0), |row| row.parsed_integer("total"))?;
    Ok(SocketStanding { live, prekeys_left })
}

/// Returns those of the sessions that are not live: revoked, expired, or without an account. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn ended_among(
    db: &dyn Db,
    sessions: &[SessionId],
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<String> = sessions.iter().map(SessionId::to_string).collect();
    let list = serde_json::to_string(&ids).unwrap_or_default();
    let select = sql(
        "SELECT value AS id FROM json_each(?1)
          WHERE NOT EXISTS (
              SELECT 1 FROM sessions AS s WHERE s.id = value AND s.revoked_at IS NULL)",
        [list.as_str().into()],
    );
    let rows = run(db, select).await?;
    rows.iter()
        .map(|row| row.parsed("id", SessionId::parse))
        .collect()
}
