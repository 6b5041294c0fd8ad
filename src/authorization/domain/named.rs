//! Use cases that roles and permissions share: listed, created, renamed and deleted.

use serde_json::json;

use crate::authorization::domain::caller::authenticate;
use crate::authorization::domain::change::{
    ChangeRequest, Editor, Plan, change, created_id, needed_permission,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::{ChangeSubject, CreatedKind};
use crate::authorization::store::named::{NamedRecord, NamedTable};
use crate::authorization::store::uses::ResourceUser;
use crate::authorization::store::{NamedRow, Query, changes, removal};
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::Statement;

/// The differences between roles and permissions.
#[derive(Debug)]
pub(super) struct NamedResource {
    pub(super) table: &'static NamedTable,
    pub(super) kind: ResourceKind,
    pub(super) created_kind: CreatedKind,
    /// The names of the changes in the change log.
    pub(super) created: &'static str,
    pub(super) renamed: &'static str,
    pub(super) deleted: &'static str,
    /// Returns the subject of a change.
    pub(super) subject: fn(i64) -> ChangeSubject,
    /// Returns the roles or services that use the row.
    pub(super) uses: fn(i64) -> Query<ResourceUser>,
    /// Returns the people who use the row.
    pub(super) people: fn(i64) -> Query<ResourceUser>,
    /// Requires that the row has no users.
    pub(super) is_unused: fn(i64) -> Statement,
    /// Marks the grants of the row before its deletion.
    pub(super) mark_grants: fn(i64, Timestamp) -> Statement,
}

/// Returns a page of the rows. One round trip.
pub(super) async fn list(
    ports: &Ports,
    token: &PersonToken,
    resource: &NamedResource,
    page: PageRequest,
) -> Result<Vec<NamedRow>, AuthorizationFailure> {
    let (caller, rows) = authenticate(ports, token, &resource.table.list(page)).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    Ok(rows)
}

/// Returns the row with an id. One round trip.
pub(super) async fn get(
    ports: &Ports,
    token: &PersonToken,
    resource: &NamedResource,
    id: i64,
) -> Result<NamedRow, AuthorizationFailure> {
    let (caller, records) = authenticate(ports, token, &resource.table.by_id(id)).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    Ok(require_row(records, resource.kind)?.row)
}

/// Creates a row and returns its id. Two round trips.
pub(super) async fn create(
    ports: &Ports,
    request: ChangeRequest<'_>,
    resource: &NamedResource,
    name: &str,
) -> Result<i64, AuthorizationFailure> {
    let reads = resource.table.by_name(name);
    change(ports, request, &reads, |editor, same_name| {
        editor.require(AuthPermission::WritePolicy)?;
        if !same_name.is_empty() {
            return Err(AuthorizationRejection::Exists(resource.kind).into());
        }
        let [insert, count] = resource.table.insert(name);
        let record = changes::record_by_name(
            &editor.author(),
            resource.created,
            resource.created_kind,
            name,
            &json!({"name": name}),
        );
        let statements = vec![insert, count, record];
        Ok(Plan::write_and_read(
            AuthPermission::WritePolicy,
            statements,
            created_id,
        ))
    })
    .await
}

/// Renames a row. Two round trips.
pub(super) async fn rename(
    ports: &Ports,
    request: ChangeRequest<'_>,
    resource: &NamedResource,
    id: i64,
    name: &str,
) -> Result<(), AuthorizationFailure> {
    let reads = (resource.table.by_id(id), resource.table.by_name(name));
    change(ports, request, &reads, |editor, (records, same_name)| {
        let record = require_changeable(editor, records, resource)?;
        if record.row.name == name {
            return Ok(Plan::Nothing(()));
        }
        if !same_name.is_empty() {
            return Err(AuthorizationRejection::Exists(resource.kind).into());
        }
        let detail = json!({"from": record.row.name, "to": name});
        let mut statements = is_unchanged(&record, resource);
        statements.extend([
            resource.table.rename(id, name),
            resource.table.bump(id),
            changes::record(
                &editor.author(),
                resource.renamed,
                (resource.subject)(id),
                &detail,
            ),
        ]);
        let needed = needed_permission(record.of_auth, AuthPermission::WritePolicy);
        Ok(Plan::write(needed, statements, ()))
    })
    .await
}

/// Deletes a row. With `force`, also a row with users. Maintenance removes grants that the batch
/// leaves. Two round trips.
pub(super) async fn delete(
    ports: &Ports,
    request: ChangeRequest<'_>,
    resource: &NamedResource,
    id: i64,
    force: bool,
) -> Result<(), AuthorizationFailure> {
    let reads = (
        resource.table.by_id(id),
        (resource.uses)(id),
        (resource.people)(id),
    );
    change(ports, request, &reads, |editor, (records, uses, people)| {
        let record = require_changeable(editor, records, resource)?;
        let uses: Vec<ResourceUser> = uses.into_iter().chain(people).collect();
        let in_use = !uses.is_empty();
        if in_use && !force {
            let uses = editor.visible(uses);
            return Err(AuthorizationRejection::InUse(resource.kind, uses).into());
        }
        let mut statements = is_unchanged(&record, resource);
        if !force {
            statements.push((resource.is_unused)(id));
        }
        statements.extend([
            resource.table.bump(id),
            (resource.mark_grants)(id, editor.now),
            resource.table.delete(id),
            changes::record(
                &editor.author(),
                resource.deleted,
                (resource.subject)(id),
                &json!({"name": record.row.name, "forced": force && in_use}),
            ),
        ]);
        statements.extend(removal::remove_slice(editor.now));
        let needed = needed_permission(record.of_auth, AuthPermission::WritePolicy);
        Ok(Plan::write(needed, statements, ()))
    })
    .await
}

/// Requires that the editor may write the policy, and returns the row if it is not built in.
fn require_changeable(
    editor: &Editor<'_>,
    records: Vec<NamedRecord>,
    resource: &NamedResource,
) -> Result<NamedRecord, AuthorizationFailure> {
    editor.require(AuthPermission::WritePolicy)?;
    let record = require_row(records, resource.kind)?;
    if record.built_in {
        return Err(AuthorizationRejection::BuiltIn.into());
    }
    Ok(record)
}

/// Requires that the row is unchanged, and that a row that did not concern the service `auth` still
/// does not.
fn is_unchanged(record: &NamedRecord, resource: &NamedResource) -> Vec<Statement> {
    let mut statements = vec![resource.table.is_unchanged(&record.row)];
    if !record.of_auth {
        statements.push(resource.table.is_not_of_auth(record.row.id));
    }
    statements
}
