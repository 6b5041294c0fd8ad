//! Reads the whole policy as one document.

use crate::accounts::model::email::Email;
use crate::authorization::model::names::BUILT_IN;
use crate::authorization::model::policy_document::{
    GrantEntry, PersonEntry, PolicyDocument, RoleEntry, ServiceEntry, SetterEntry,
};
use crate::authorization::store::read::{Query, fetch};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, sql};

/// Reads the whole policy, with the password hashes. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn read_policy(db: &dyn Db) -> Result<PolicyDocument, StoreError> {
    let policy = (permission_names(), role_entries(), service_entries());
    let reads = (policy, person_entries(), grant_entries());
    let ((permissions, roles, services), people, grants) = fetch(db, &reads).await?;
    Ok(PolicyDocument {
        permissions,
        roles,
        services,
        people,
        grants,
    })
}

/// Returns the number of accounts without a username. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn count_other_accounts(db: &dyn Db) -> Result<i64, StoreError> {
    let select = sql(
        "SELECT COUNT(*) AS others FROM users AS u
          WHERE NOT EXISTS (SELECT 1 FROM people AS p WHERE p.user_id = u.id)",
        [],
    );
    let counted: Vec<i64> = fetch(db, &Query::new(select, |row| row.integer("others"))).await?;
    Ok(counted.first().copied().unwrap_or_default())
}

fn permission_names() -> Query<String> {
    let select = sql(
        "SELECT name FROM permissions WHERE id < ?1 ORDER BY id",
        [BUILT_IN.into()],
    );
    Query::new(select, |row| row.text("name"))
}

fn role_entries() -> Query<RoleEntry> {
    let select = sql(
        "SELECT r.name,
                COALESCE((SELECT json_group_array(p.name)
                            FROM role_permissions AS m
                            JOIN permissions AS p ON p.id = m.permission_id
                           WHERE m.role_id = r.id), '[]') AS permissions
           FROM roles AS r WHERE r.id < ?1 ORDER BY r.id",
        [BUILT_IN.into()],
    );
    Query::new(select, |row| {
        Ok(RoleEntry {
            name: row.text("name")?,
            permissions: read_names(row, "permissions")?,
        })
    })
}

fn service_entries() -> Query<ServiceEntry> {
    let select = sql(
        "SELECT s.name, s.description,
                COALESCE((SELECT json_group_array(r.name)
                            FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
                           WHERE a.service_id = s.id), '[]') AS roles
           FROM services AS s WHERE s.id < ?1 AND s.deleted_at IS NULL ORDER BY s.id",
        [BUILT_IN.into()],
    );
    Query::new(select, |row| {
        Ok(ServiceEntry {
            name: row.text("name")?,
            description: row.opt_text("description")?,
            roles: read_names(row, "roles")?,
        })
    })
}

fn person_entries() -> Query<PersonEntry> {
    let select = sql(
        "SELECT p.username, u.name, u.email, p.person_type, p.document_type, p.document_number,
                w.hash, u.credentials_by, s.username AS setter
           FROM people AS p
           JOIN users AS u ON u.id = p.user_id
           LEFT JOIN passwords AS w ON w.user_id = p.user_id
           LEFT JOIN people AS s ON s.user_id = u.credentials_by
          ORDER BY p.id",
        [],
    );
    Query::new(select, |row| {
        let email = row.text("email")?;
        let password_hash = row.opt_text("hash")?;
        // The document holds no other way to sign in than the password.
        let credentials_by = match &password_hash {
            Some(_) => read_setter(row)?,
            None => None,
        };
        Ok(PersonEntry {
            username: row.text("username")?,
            name: row.opt_text("name")?.unwrap_or_default(),
            email: Email::from_stored(email).address().map(str::to_owned),
            person_type: row.opt_text("person_type")?,
            document_type: row.opt_text("document_type")?,
            document_number: row.opt_text("document_number")?,
            password_hash,
            credentials_by,
        })
    })
}

/// Returns who set the ways to sign in of a person. A setter whose account was deleted is unknown.
fn read_setter(row: &Row) -> Result<Option<SetterEntry>, StoreError> {
    let setter = row.opt_text("setter")?;
    Ok(match row.opt_text("credentials_by")?.as_deref() {
        None => Some(SetterEntry::Owner),
        Some("operator") => None,
        Some(_) => Some(setter.map_or(SetterEntry::Unproved, SetterEntry::Person)),
    })
}

fn grant_entries() -> Query<GrantEntry> {
    let select = sql(
        "SELECT p.username, s.name AS service, r.name AS role, NULL AS permission, g.expires_at
           FROM person_roles AS g
           JOIN people AS p ON p.id = g.person_id
           JOIN services AS s ON s.id = g.service_id AND s.deleted_at IS NULL
           JOIN service_roles AS a ON a.service_id = g.service_id AND a.role_id = g.role_id
           JOIN roles AS r ON r.id = g.role_id
         UNION ALL
         SELECT p.username, s.name, NULL, m.name, g.expires_at
           FROM person_permissions AS g
           JOIN people AS p ON p.id = g.person_id
           JOIN services AS s ON s.id = g.service_id AND s.deleted_at IS NULL
           JOIN permissions AS m ON m.id = g.permission_id",
        [],
    );
    Query::new(select, |row| {
        Ok(GrantEntry {
            person: row.text("username")?,
            service: row.text("service")?,
            role: row.opt_text("role")?,
            permission: row.opt_text("permission")?,
            expires_at: row.opt_time("expires_at")?.map(Timestamp::seconds),
        })
    })
}

fn read_names(row: &Row, column: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(&row.text(column)?).map_err(|error| StoreError::Broken(error.to_string()))
}
