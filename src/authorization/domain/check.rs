//! Access checks: whether a person has a permission in a service, and why. Access is denied unless
//! a grant allows it.

pub use crate::authorization::store::check::{CandidateRole, Question};

use std::time::Duration;

use crate::authorization::domain::caller::{AuthenticatedPerson, authenticate};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{AuthorizationFailure, AuthorizationRejection};
use crate::authorization::model::names::{AuthPermission, IdOrName};
use crate::authorization::store::check;
use crate::authorization::store::check::QuestionFacts;
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;

/// The maximum number of questions in one request.
pub const MAX_QUESTIONS: usize = 100;
/// The maximum time for which a client may rely on an answer. A change may follow at any moment.
const MAX_CACHE_TIME: Duration = Duration::from_mins(1);

/// The reason for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecisionReason {
    /// A role of the person in the service has the permission.
    Role,
    /// The person has the permission in the service directly.
    DirectGrant,
    /// The person has neither a role with the permission nor the permission itself.
    NoGrant,
    /// The person does not exist.
    UnknownSubject,
    /// The service does not exist.
    UnknownService,
    /// The permission does not exist.
    UnknownPermission,
}

impl DecisionReason {
    /// Returns the name of the reason in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::DirectGrant => "direct_grant",
            Self::NoGrant => "no_grant",
            Self::UnknownSubject => "unknown_subject",
            Self::UnknownService => "unknown_service",
            Self::UnknownPermission => "unknown_permission",
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct AccessDecision {
    /// Whether the person has the permission.
    pub allowed: bool,
    /// The reason.
    pub reason: DecisionReason,
    /// The name of the role that has the permission. `None` unless the reason is a role.
    pub role: Option<String>,
    /// The policy version of the service. `None` for an unknown service.
    pub policy_version: Option<i64>,
    /// Until when a client may rely on the answer.
    pub cache_until: Timestamp,
}

/// How fresh the answers of a request must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freshness {
    /// A client may rely on an answer for up to a minute.
    Eventual,
    /// No client may cache an answer.
    Strong,
}

/// Returns until when a client may rely on an answer: at most a minute, and not longer than the
/// first of `expiries`. Returns `now` for a strong answer.
#[must_use]
pub fn cache_until(
    now: Timestamp,
    expiries: impl IntoIterator<Item = Option<Timestamp>>,
    freshness: Freshness,
) -> Timestamp {
    match freshness {
        Freshness::Strong => now,
        Freshness::Eventual => expiries
            .into_iter()
            .flatten()
            .fold(now.plus(MAX_CACHE_TIME), Timestamp::min),
    }
}

/// Answers a question from its facts. If both a role and a direct grant have the permission, the
/// grant with the later expiry is the reason.
fn answer(facts: QuestionFacts, now: Timestamp, freshness: Freshness) -> AccessDecision {
    let order = |until: Option<Timestamp>| until.map_or(i64::MAX, Timestamp::millis);
    let role = facts.role.filter(|role| {
        facts
            .direct
            .is_none_or(|direct| order(role.until) >= order(direct.until))
    });
    let (reason, until) = match (&role, facts.direct) {
        _ if facts.person.is_none() => (DecisionReason::UnknownSubject, None),
        _ if facts.service.is_none() => (DecisionReason::UnknownService, None),
        _ if facts.permission.is_none() => (DecisionReason::UnknownPermission, None),
        (Some(role), _) => (DecisionReason::Role, role.until),
        (None, Some(direct)) => (DecisionReason::DirectGrant, direct.until),
        (None, None) => (DecisionReason::NoGrant, None),
    };
    AccessDecision {
        allowed: matches!(reason, DecisionReason::Role | DecisionReason::DirectGrant),
        reason,
        role: role
            .map(|role| role.name)
            .filter(|_| reason == DecisionReason::Role),
        policy_version: facts.policy_version,
        cache_until: cache_until(now, [until], freshness),
    }
}

/// Requires that the caller asks only about themselves or has `auth.policy.read`.
fn require_askable(
    caller: &AuthenticatedPerson,
    questions: &[Question],
) -> Result<(), AuthorizationFailure> {
    let is_self = |person: &IdOrName| match person {
        IdOrName::Id(id) => *id == caller.token.person_id,
        IdOrName::Name(name) => *name == caller.token.username,
    };
    if caller.may(AuthPermission::ReadPolicy)
        || questions.iter().all(|question| is_self(&question.person))
    {
        Ok(())
    } else {
        Err(AuthorizationRejection::ForbiddenLookup.into())
    }
}

/// Answers up to [`MAX_QUESTIONS`] questions, in their order. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn answers(
    ports: &Ports,
    token: &PersonToken,
    questions: &[Question],
    freshness: Freshness,
) -> Result<Vec<AccessDecision>, AuthorizationFailure> {
    let facts = check::facts(questions, ports.clock.now());
    let (caller, facts) = authenticate(ports, token, &facts).await?;
    require_askable(&caller, questions)?;
    Ok(facts
        .into_iter()
        .map(|facts| answer(facts, caller.now, freshness))
        .collect())
}

/// An answer with the grants and roles behind it.
#[derive(Debug)]
pub struct DecisionExplanation {
    /// The answer.
    pub answer: AccessDecision,
    /// Whether the person has the permission directly.
    pub direct: bool,
    /// The roles of the service that matter for the question.
    pub roles: Vec<CandidateRole>,
    /// Whether the caller may learn which grants would allow the access.
    pub may_see_remedies: bool,
}

/// Explains why a person has a permission in a service or not. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn explain(
    ports: &Ports,
    token: &PersonToken,
    question: &Question,
) -> Result<DecisionExplanation, AuthorizationFailure> {
    let (now, questions) = (ports.clock.now(), std::slice::from_ref(question));
    let reads = (
        check::facts(questions, now),
        check::candidate_roles(question, now),
    );
    let (caller, (facts, roles)) = authenticate(ports, token, &reads).await?;
    require_askable(&caller, questions)?;
    let facts = facts
        .into_iter()
        .next()
        .ok_or(AuthorizationRejection::Contended)?;
    // A caller without the permission sees only roles that they have or had themselves.
    let may_see_remedies = caller.may(AuthPermission::ReadPolicy);
    let roles = roles
        .into_iter()
        .filter(|role| may_see_remedies || role.held || role.expired)
        .collect();
    let direct = facts.direct.is_some();
    Ok(DecisionExplanation {
        answer: answer(facts, caller.now, Freshness::Strong),
        direct,
        roles,
        may_see_remedies,
    })
}
