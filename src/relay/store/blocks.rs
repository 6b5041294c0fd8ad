//! Blocks: an account that another one blocked gets none of its keys and opens no direct message.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, StoreError, batch, read_all, run, sql};
use crate::relay::model::servers::{ListedAccount, MOST_BLOCKS};

/// The outcome of blocking an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blocked {
    /// The account is blocked.
    Done,
    /// There is no such account.
    Unknown,
    /// The caller blocked as many accounts as an account may.
    Full,
    /// The caller is signed out.
    SignedOut,
}

/// Blocks an account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn add(
    db: &dyn Db,
    by: Caller,
    user: UserId,
    now: Timestamp,
) -> Result<Blocked, StoreError> {
    let insert = sql(
        concatcp!(
            "INSERT INTO relay_blocks (user_id, blocked_id, blocked_at)
             SELECT ?2, id, ?4 FROM users
              WHERE id = ?3
                AND (SELECT COUNT(*) FROM relay_blocks WHERE user_id = ?2) < ?5 AND ",
            IS_LIVE,
            " ON CONFLICT DO NOTHING"
        ),
        [
            by.session.into(),
            by.user.into(),
            user.into(),
            now.into(),
            MOST_BLOCKS.into(),
        ],
    );
    let state = sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live, EXISTS (SELECT 1 FROM users WHERE id = ?3) AS known,
                EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?2 AND blocked_id = ?3)
                    AS blocked"
        ),
        [by.session.into(), by.user.into(), user.into()],
    );
    let [_, state] = batch(db, [insert, state]).await?;
    let state = state
        .first()
        .ok_or_else(|| StoreError::Broken("a block has no state".to_owned()))?;
    Ok(if state.integer("live")? == 0 {
        Blocked::SignedOut
    } else if state.integer("blocked")? == 1 {
        Blocked::Done
    } else if state.integer("known")? == 1 {
        Blocked::Full
    } else {
        Blocked::Unknown
    })
}

/// Ends a block, if there is one. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(db: &dyn Db, by: Caller, user: UserId) -> Result<(), StoreError> {
    let delete = sql(
        concatcp!(
            "DELETE FROM relay_blocks WHERE user_id = ?2 AND blocked_id = ?3 AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), user.into()],
    );
    run(db, delete).await.map(drop)
}

/// Returns the accounts that an account blocked, the newest block first. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_user(db: &dyn Db, user: UserId) -> Result<Vec<ListedAccount>, StoreError> {
    let select = sql(
        "SELECT b.blocked_id AS user_id, p.username, u.name, NULL AS role, b.blocked_at AS at
           FROM relay_blocks AS b JOIN users AS u ON u.id = b.blocked_id
           LEFT JOIN people AS p ON p.user_id = b.blocked_id
          WHERE b.user_id = ?1 ORDER BY b.blocked_at DESC, b.blocked_id LIMIT ?2",
        [user.into(), MOST_BLOCKS.into()],
    );
    read_all(&run(db, select).await?)
}
