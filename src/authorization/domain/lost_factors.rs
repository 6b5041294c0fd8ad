//! The removal of TOTP and backup codes of a person who lost them, by an administrator.

pub use crate::authorization::store::factors::PersonFactors;

use serde_json::json;

use crate::accounts::store::events;
use crate::authorization::domain::change::{
    Actor, ChangeRequest, Plan, change, require_changeable,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::IdOrName;
use crate::authorization::store::changes::ChangeSubject;
use crate::authorization::store::{changes, factors, people, tokens};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::events::EventKind;
use crate::kernel::model::secret::PersonToken;

/// Removes TOTP and the backup codes of another person. Returns the factors that were removed. Two
/// round trips.
///
/// All sessions and tokens of the person end, and the webhook notifies the owner. The owner needs
/// no administrator: they disable TOTP after a recent proof, which a token of the service is not.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn remove(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
    origin: &RequestOrigin,
) -> Result<PersonFactors, AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Token(token),
        origin,
    };
    let reads = (
        people::by_reference(&IdOrName::Id(id)),
        factors::of_person(id),
    );
    change(ports, request, &reads, |editor, (people, found)| {
        let (person, needed) = require_changeable(editor, people)?;
        let found = require_row(found, ResourceKind::User)?;
        if editor
            .caller
            .as_ref()
            .is_some_and(|caller| caller.token.person_id == id)
        {
            return Err(AuthorizationRejection::OwnFactors.into());
        }
        if !found.totp && found.backup_codes == 0 {
            return Ok(Plan::Nothing(found));
        }
        if !found.has_sign_in_method {
            return Err(AuthorizationRejection::LastSignInMethod.into());
        }
        let context = ports.event_context(origin, editor.now)?.by_administrator();
        let mut statements = vec![
            people::is_unchanged(&person),
            factors::are_not_the_last_way(person.user),
        ];
        statements.extend(factors::remove(person.user));
        statements.extend(editor.note_change_for(person.user));
        let subject = ChangeSubject {
            person: Some(id),
            ..ChangeSubject::default()
        };
        let detail = json!({"totp": found.totp, "backup_codes": found.backup_codes});
        statements.extend([
            events::about_user(&context, EventKind::FactorsRemoved, person.user),
            people::revoke_sessions(person.user, editor.now),
            tokens::revoke_all(id),
            changes::record(&editor.author(), "factors_removed", subject, &detail),
        ]);
        Ok(Plan::write(needed, statements, found))
    })
    .await
}
