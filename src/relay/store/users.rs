//! Accounts as other accounts see them.

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, batch, read_first, run, sql};

/// An account, without anything that only its owner may see.
#[derive(Clone, Debug)]
pub struct RelayProfile {
    /// The account.
    pub id: UserId,
    /// The username. Accounts that were made by passkey have none.
    pub username: Option<String>,
    /// The name.
    pub display_name: Option<String>,
    /// The time of creation.
    pub created_at: Timestamp,
}

impl TryFrom<&Row> for RelayProfile {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id", UserId::parse)?,
            username: row.opt_text("username")?,
            display_name: row.opt_text("name")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// Returns the account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn by_id(db: &dyn Db, user: UserId) -> Result<Option<RelayProfile>, StoreError> {
    let select = sql(
        "SELECT u.id, p.username, u.name, u.created_at
           FROM users AS u LEFT JOIN people AS p ON p.user_id = u.id WHERE u.id = ?1",
        [user.into()],
    );
    read_first(&run(db, select).await?)
}

/// Selects the account with a username in any case that has keys for messages, unless it blocked
/// the requester.
fn by_username(username: &str, requester: UserId) -> Statement {
    sql(
        "SELECT u.id, p.username, u.name, u.created_at
           FROM people AS p JOIN users AS u ON u.id = p.user_id
           JOIN relay_keys AS k ON k.user_id = p.user_id
          WHERE p.id = (SELECT id FROM people WHERE lower(username) = lower(?1)
                         ORDER BY id LIMIT 1)
            AND NOT EXISTS (SELECT 1 FROM relay_blocks AS b
                             WHERE b.user_id = p.user_id AND b.blocked_id = ?2)",
        [username.into(), requester.into()],
    )
}

/// Counts a search under `subject` and returns the count and the account with the username, unless
/// it blocked the requester. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn search(
    db: &dyn Db,
    subject: &str,
    username: &str,
    requester: UserId,
    now: Timestamp,
) -> Result<(i64, Option<RelayProfile>), StoreError> {
    let count = super::counts::add(subject, now);
    let [count, found] = batch(db, [count, by_username(username, requester)]).await?;
    let count = count
        .first()
        .ok_or_else(|| StoreError::Broken("a count has no row".to_owned()))?;
    Ok((count.integer("count")?, read_first(&found)?))
}
