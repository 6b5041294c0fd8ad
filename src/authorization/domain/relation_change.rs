//! Changes that add or remove one relation.

use serde_json::Value;

use crate::authorization::domain::change::{Editor, Plan};
use crate::authorization::domain::rejection::AuthorizationFailure;
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes;
use crate::authorization::store::changes::ChangeSubject;
use crate::authorization::store::relations::{ExistingRelation, Relation};

/// Whether a change adds or removes a relation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The change adds the relation.
    Add,
    /// The change removes the relation.
    Remove,
}

/// A change of a relation between two existing rows.
pub(super) struct RelationChange {
    pub(super) direction: Direction,
    pub(super) relation: Relation,
    pub(super) existing: Option<ExistingRelation>,
    pub(super) needed: AuthPermission,
    /// The names of the changes in the change log.
    pub(super) added: &'static str,
    pub(super) removed: &'static str,
    pub(super) subject: ChangeSubject,
    pub(super) detail: Value,
}

impl RelationChange {
    /// Plans the change. Plans nothing if the relation is already as wanted.
    pub(super) fn plan(self, editor: &Editor<'_>) -> Result<Plan<()>, AuthorizationFailure> {
        editor.require(self.needed)?;
        let wanted = ExistingRelation {
            until: self.relation.until(),
        };
        let record = |action| changes::record(&editor.author(), action, self.subject, &self.detail);
        let statements = match (self.direction, self.existing) {
            (Direction::Add, Some(existing)) if existing == wanted => {
                return Ok(Plan::Nothing(()));
            }
            (Direction::Remove, None) => return Ok(Plan::Nothing(())),
            (Direction::Add, existing) => vec![
                self.relation.is_grantable(),
                self.relation.is_unchanged(existing),
                self.relation.insert(),
                self.relation.bump(),
                record(self.added),
            ],
            (Direction::Remove, existing) => {
                let mut statements =
                    vec![self.relation.is_unchanged(existing), self.relation.bump()];
                statements.extend(self.relation.delete(editor.now));
                statements.push(record(self.removed));
                statements
            }
        };
        Ok(Plan::write(self.needed, statements, ()))
    }
}
