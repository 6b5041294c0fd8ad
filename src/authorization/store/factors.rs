//! The TOTP secret and the backup codes of a person, as an administrator sees and removes them.

use const_format::concatcp;

use crate::authorization::store::read::Query;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Row, Statement, StoreError, sql};

/// Whether the account `u.id` can sign in without TOTP and backup codes.
const HAS_SIGN_IN_METHOD: &str = "(EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = u.id)
      OR EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = u.id)
      OR EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = u.id))";

/// The factors of a person.
#[derive(Clone, Copy, Debug)]
pub struct PersonFactors {
    /// True if the account has a TOTP secret, confirmed or not.
    pub totp: bool,
    /// The number of backup codes, used ones included.
    pub backup_codes: i64,
    /// True if the owner can sign in without them.
    pub has_sign_in_method: bool,
}

impl TryFrom<&Row> for PersonFactors {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            totp: row.integer("totp")? == 1,
            backup_codes: row.integer("backup_codes")?,
            has_sign_in_method: row.integer("has_sign_in_method")? == 1,
        })
    }
}

/// Returns the factors of the person.
#[must_use]
pub fn of_person(id: i64) -> Query<PersonFactors> {
    Query::rows(sql(
        concatcp!(
            "SELECT EXISTS (SELECT 1 FROM totp AS t WHERE t.user_id = u.id) AS totp,
                    (SELECT COUNT(*) FROM backup_codes AS b WHERE b.user_id = u.id) AS backup_codes,
                    ",
            HAS_SIGN_IN_METHOD,
            " AS has_sign_in_method
               FROM people AS p JOIN users AS u ON u.id = p.user_id WHERE p.id = ?1"
        ),
        [id.into()],
    ))
}

/// Requires that the owner can sign in without TOTP and backup codes.
#[must_use]
pub fn are_not_the_last_way(user: UserId) -> Statement {
    sql(
        concatcp!(
            "INSERT INTO preconditions (subject)
             SELECT 1 FROM users AS u WHERE u.id = ?1 AND NOT ",
            HAS_SIGN_IN_METHOD
        ),
        [user.into()],
    )
}

/// Removes the TOTP secret and the backup codes of an account.
#[must_use]
pub fn remove(user: UserId) -> [Statement; 2] {
    [
        sql("DELETE FROM totp WHERE user_id = ?1", [user.into()]),
        sql("DELETE FROM backup_codes WHERE user_id = ?1", [user.into()]),
    ]
}
