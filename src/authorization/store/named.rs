//! Statements for roles and for permissions, which both have an id, a unique name, and relations.

use crate::authorization::model::page::PageRequest;
use crate::authorization::store::read::{NamedRow, Query};
use crate::kernel::store::{Row, Statement, StoreError, sql};

/// A role or a permission.
#[derive(Clone, Debug)]
pub struct NamedRecord {
    /// The id and the name.
    pub row: NamedRow,
    /// Whether the row is built in and cannot be changed.
    pub built_in: bool,
    /// Whether the row concerns the service `auth`: a built-in role or permission, a role of that
    /// service, or a permission of such a role.
    pub of_auth: bool,
}

impl TryFrom<&Row> for NamedRecord {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            row: NamedRow::try_from(row)?,
            built_in: row.integer("built_in")? == 1,
            of_auth: row.integer("of_auth")? == 1,
        })
    }
}

/// The SQL of the table of roles or of the table of permissions.
#[derive(Debug)]
pub struct NamedTable {
    pub(super) list: &'static str,
    pub(super) by_id: &'static str,
    pub(super) by_name: &'static str,
    pub(super) insert: &'static str,
    pub(super) count_insert: &'static str,
    pub(super) insert_with_id: &'static str,
    pub(super) count_insert_with_id: &'static str,
    pub(super) is_unchanged: &'static str,
    pub(super) is_not_of_auth: &'static str,
    pub(super) rename: &'static str,
    pub(super) delete: &'static str,
    pub(super) bump: &'static str,
}

impl NamedTable {
    /// Returns a page of the rows.
    #[must_use]
    pub fn list(&self, page: PageRequest) -> Query<NamedRow> {
        Query::rows(sql(self.list, [page.after.into(), page.limit.into()]))
    }

    /// Returns the row with the given id.
    #[must_use]
    pub fn by_id(&self, id: i64) -> Query<NamedRecord> {
        Query::rows(sql(self.by_id, [id.into(), AUTH.into()]))
    }

    /// Returns the row with the given name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Query<NamedRecord> {
        Query::rows(sql(self.by_name, [name.into(), AUTH.into()]))
    }

    /// Inserts a row with the next id. The first statement returns its id.
    #[must_use]
    pub fn insert(&self, name: &str) -> [Statement; 2] {
        [sql(self.insert, [name.into()]), sql(self.count_insert, [])]
    }

    /// Inserts a row with the given id. The demo data has fixed ids.
    #[must_use]
    pub fn insert_with_id(&self, id: i64, name: &str) -> [Statement; 2] {
        [
            sql(self.insert_with_id, [id.into(), name.into()]),
            sql(self.count_insert_with_id, [id.into()]),
        ]
    }

    /// Requires that the row exists and has not been renamed.
    #[must_use]
    pub fn is_unchanged(&self, row: &NamedRow) -> Statement {
        sql(self.is_unchanged, [row.id.into(), row.name.as_str().into()])
    }

    /// Requires that the row does not concern the service `auth`.
    #[must_use]
    pub fn is_not_of_auth(&self, id: i64) -> Statement {
        sql(self.is_not_of_auth, [id.into(), AUTH.into()])
    }

    /// Renames the row.
    #[must_use]
    pub fn rename(&self, id: i64, name: &str) -> Statement {
        sql(self.rename, [id.into(), name.into()])
    }

    /// Deletes the row. Its grants are marked before, and removed in slices.
    #[must_use]
    pub fn delete(&self, id: i64) -> Statement {
        sql(self.delete, [id.into()])
    }

    /// Increases the policy version of every service that the row affects.
    #[must_use]
    pub fn bump(&self, id: i64) -> Statement {
        sql(self.bump, [id.into()])
    }
}

/// The id of the service `auth`, the parameter `?2` of some statements of a [`NamedTable`].
const AUTH: i64 = crate::authorization::model::names::BUILT_IN_SERVICE;
