//! The columns of passkeys and their readers.

use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Passkey;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Row, Statement, StoreError, sql};

/// The columns of a passkey.
pub(super) const PASSKEY_COLUMNS: &str = "id AS passkey_id, user_id, counter, transports, aaguid,
    backup_eligible, backed_up, user_verified, name AS passkey_name,
    created_at AS passkey_created_at, last_used_at AS passkey_last_used_at";

impl TryFrom<&Row> for Passkey {
    type Error = StoreError;

    /// Reads [`PASSKEY_COLUMNS`].
    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CredentialId::from_stored(row.text("passkey_id")?),
            user_id: row.parsed("user_id", UserId::parse)?,
            counter: row.parsed_integer("counter")?,
            transports: read_transports(row)?,
            aaguid: row.text("aaguid")?,
            backup_eligible: row.integer("backup_eligible")? == 1,
            backed_up: row.integer("backed_up")? == 1,
            user_verified: row.integer("user_verified")? == 1,
            name: row.text("passkey_name")?,
            created_at: row.time("passkey_created_at")?,
            last_used_at: row.opt_time("passkey_last_used_at")?,
        })
    }
}

/// A credential as a browser needs it: its id and its transports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The credential id.
    pub id: CredentialId,
    /// Hints about the ways in which the authenticator can be reached.
    pub transports: Vec<String>,
}

impl TryFrom<&Row> for Descriptor {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CredentialId::from_stored(row.text("id")?),
            transports: read_transports(row)?,
        })
    }
}

fn read_transports(row: &Row) -> Result<Vec<String>, StoreError> {
    row.parsed("transports", |text| serde_json::from_str(text).ok())
}

/// Selects the descriptors of the account's passkeys.
pub(super) fn select_descriptors(user: UserId) -> Statement {
    sql(
        "SELECT id, transports FROM passkeys WHERE user_id = ?1 ORDER BY created_at, id LIMIT 100",
        [user.into()],
    )
}
