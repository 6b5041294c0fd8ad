//! Roles and permissions: what has an id and a name, and is otherwise nothing but what it is
//! related to.

use crate::authorization::store::preconditions::unless;
use crate::authorization::store::{Named, Page, Query, Row, Statement, StoreError, sql};

/// A role or a permission, and whether it is built in.
#[derive(Clone, Debug)]
pub struct Thing {
    /// The thing.
    pub named: Named,
    /// Whether it is built in, and cannot be changed.
    pub built_in: bool,
    /// Whether it says something about the service itself: it is built in, or a role there, or of a
    /// role there.
    pub of_auth: bool,
}

fn read(row: &Row) -> Result<Thing, StoreError> {
    Ok(Thing {
        named: Named::read(row)?,
        built_in: row.integer("built_in")? == 1,
        of_auth: row.integer("of_auth")? == 1,
    })
}

macro_rules! things {
    ($module:ident, $table:literal, $counter:literal, $of_auth:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $module {
            use super::*;

            /// A page of them.
            #[must_use]
            pub fn list(page: Page) -> Query<Named> {
                let select = sql(
                    concat!("SELECT id, name FROM ", $table, " WHERE id > ?1 ORDER BY id LIMIT ?2"),
                    [page.after.into(), page.limit.into()],
                );
                Query::new(select, Named::read)
            }

            /// The one with an id.
            #[must_use]
            pub fn by_id(id: i64) -> Query<Thing> {
                let select = sql(
                    concat!("SELECT t.id, t.name, t.built_in, ", $of_auth, " AS of_auth FROM ", $table, " AS t WHERE t.id = ?1"),
                    [id.into()],
                );
                Query::new(select, read)
            }

            /// The one with a name.
            #[must_use]
            pub fn by_name(name: &str) -> Query<Thing> {
                let select = sql(
                    concat!("SELECT t.id, t.name, t.built_in, ", $of_auth, " AS of_auth FROM ", $table, " AS t WHERE t.name = ?1"),
                    [name.into()],
                );
                Query::new(select, read)
            }

            /// Makes one with the next id; its name is unique. Gives its row.
            #[must_use]
            pub fn insert(name: &str) -> [Statement; 2] {
                let insert = sql(
                    concat!(
                        "INSERT INTO ",
                        $table,
                        " (id, name, built_in) SELECT last + 1, ?1, 0 FROM id_counters WHERE thing = '",
                        $counter,
                        "' RETURNING id, name"
                    ),
                    [name.into()],
                );
                [insert, sql(concat!("UPDATE id_counters SET last = last + 1 WHERE thing = '", $counter, "'"), [])]
            }

            /// Makes one with a given id: for demo data.
            #[must_use]
            pub fn insert_as(id: i64, name: &str) -> [Statement; 2] {
                let insert = sql(concat!("INSERT INTO ", $table, " (id, name, built_in) VALUES (?1, ?2, 0)"), [id.into(), name.into()]);
                [insert, sql(concat!("UPDATE id_counters SET last = MAX(last, ?1) WHERE thing = '", $counter, "'"), [id.into()])]
            }

            /// That it is there still, and called so.
            #[must_use]
            pub fn still(id: i64, name: &str) -> Statement {
                sql(unless!(concat!("EXISTS (SELECT 1 FROM ", $table, " WHERE id = ?1 AND name = ?2)")), [id.into(), name.into()])
            }

            /// That it still says nothing about the service itself.
            #[must_use]
            pub fn not_of_auth(id: i64) -> Statement {
                sql(unless!(concat!("NOT EXISTS (SELECT 1 FROM ", $table, " AS t WHERE t.id = ?1 AND ", $of_auth, ")")), [id.into()])
            }

            /// Gives it another name.
            #[must_use]
            pub fn rename(id: i64, name: &str) -> Statement {
                sql(concat!("UPDATE ", $table, " SET name = ?2 WHERE id = ?1 AND built_in = 0 RETURNING id"), [id.into(), name.into()])
            }

            /// Deletes it, with all that relates it to others.
            #[must_use]
            pub fn delete(id: i64) -> Statement {
                sql(concat!("DELETE FROM ", $table, " WHERE id = ?1 AND built_in = 0 RETURNING id"), [id.into()])
            }
        }
    };
}

things!(
    roles,
    "roles",
    "role",
    "(t.built_in = 1 OR EXISTS (SELECT 1 FROM service_roles AS a WHERE a.service_id = 1000000001 AND a.role_id = t.id))",
    "Roles."
);
things!(
    permissions,
    "permissions",
    "permission",
    "(t.built_in = 1 OR EXISTS (SELECT 1 FROM role_permissions AS m JOIN service_roles AS a ON a.role_id = m.role_id
        WHERE m.permission_id = t.id AND a.service_id = 1000000001))",
    "Permissions."
);
