//! Whether somebody may do something somewhere, and why: denied, unless a grant says otherwise.

use std::time::Duration;

use crate::authorization::domain::Ports;
use crate::authorization::domain::{AuthorizationError, Caller, called};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::Ref;
use crate::authorization::store::check;
use crate::authorization::store::check::{Candidate, Found, Question};
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;

/// Most questions at once.
pub const MOST_QUESTIONS: usize = 100;
/// How long whoever asked may rely on an answer at most: a change may come the moment after.
const CACHED: Duration = Duration::from_mins(1);

/// Why an answer is as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A role that the person has in the service has the permission.
    Role,
    /// The person has the permission in the service directly.
    DirectGrant,
    /// Nothing of the kind.
    NoGrant,
    /// There is no such person.
    UnknownSubject,
    /// There is no such service.
    UnknownService,
    /// There is no such permission.
    UnknownPermission,
}

impl Reason {
    /// The stable word.
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

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether the person may.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The role by which they may.
    pub role: Option<String>,
    /// The service's version; `None` if there is no such service.
    pub policy_version: Option<i64>,
    /// Until when the answer may be relied on.
    pub cache_until: Timestamp,
}

/// Until when an answer may be relied on: a minute at most, and not beyond the first of `ends`; not
/// a moment if it is to be `strong`.
#[must_use]
pub fn relied_on(
    now: Timestamp,
    ends: impl IntoIterator<Item = Option<Timestamp>>,
    strong: bool,
) -> Timestamp {
    if strong {
        now
    } else {
        ends.into_iter()
            .flatten()
            .fold(now.plus(CACHED), Timestamp::min)
    }
}

fn answer(found: Found, now: Timestamp, strong: bool) -> Answer {
    // Of a role and a direct grant, what lasts longer.
    let lasts = |until: Option<Timestamp>| until.map_or(i64::MAX, Timestamp::millis);
    let direct_until = found.direct.map(lasts);
    let role = found
        .role
        .filter(|(_, until)| direct_until.is_none_or(|direct| lasts(*until) >= direct));
    let (reason, until) = match (&role, direct_until) {
        _ if found.person.is_none() => (Reason::UnknownSubject, i64::MAX),
        _ if found.service.is_none() => (Reason::UnknownService, i64::MAX),
        _ if found.permission.is_none() => (Reason::UnknownPermission, i64::MAX),
        (Some((_, until)), _) => (Reason::Role, lasts(*until)),
        (None, Some(until)) => (Reason::DirectGrant, until),
        (None, None) => (Reason::NoGrant, i64::MAX),
    };
    let cache_until = relied_on(now, [Some(Timestamp::from_millis(until))], strong);
    Answer {
        allowed: matches!(reason, Reason::Role | Reason::DirectGrant),
        reason,
        role: role
            .map(|(name, _)| name)
            .filter(|_| reason == Reason::Role),
        policy_version: found.policy_version,
        cache_until,
    }
}

/// Who asks about others needs the permission to look them up.
fn may_ask(caller: &Caller, questions: &[Question]) -> Result<(), AuthorizationError> {
    let oneself = |person: &Ref| match person {
        Ref::Id(id) => *id == caller.bearer.person,
        Ref::Name(name) => *name == caller.bearer.username,
    };
    if caller.may(AuthPermission::ReadPolicy)
        || questions.iter().all(|question| oneself(&question.person))
    {
        Ok(())
    } else {
        Err(AuthorizationError::ForbiddenLookup)
    }
}

/// Answers up to [`MOST_QUESTIONS`], in their order; with `strong` nobody is to rely on the answers
/// a moment longer. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn answers(
    ports: &Ports,
    token: &PersonToken,
    questions: &[Question],
    strong: bool,
) -> Result<Vec<Answer>, AuthorizationError> {
    let (caller, found) =
        called(ports, token, &check::answers(questions, ports.clock.now())).await?;
    may_ask(&caller, questions)?;
    Ok(found
        .into_iter()
        .map(|found| answer(found, caller.now, strong))
        .collect())
}

/// An answer with all that led to it.
#[derive(Debug)]
pub struct Explained {
    /// The answer.
    pub answer: Answer,
    /// Whether the permission is granted directly.
    pub direct: bool,
    /// The roles of the service that matter.
    pub roles: Vec<Candidate>,
    /// Whether whoever asks may know what would help.
    pub may_look: bool,
}

/// Why somebody may do something somewhere or may not, and what would let them. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn explain(
    ports: &Ports,
    token: &PersonToken,
    question: &Question,
) -> Result<Explained, AuthorizationError> {
    let (now, questions) = (ports.clock.now(), std::slice::from_ref(question));
    let (caller, (found, roles)) = called(
        ports,
        token,
        &(
            check::answers(questions, now),
            check::candidates(question, now),
        ),
    )
    .await?;
    may_ask(&caller, questions)?;
    let found = found
        .into_iter()
        .next()
        .ok_or(AuthorizationError::Contended)?;
    // Of oneself everybody may know; of the service's other roles only who may look them up.
    let may_look = caller.may(AuthPermission::ReadPolicy);
    let roles = roles
        .into_iter()
        .filter(|role| may_look || role.held || role.ended)
        .collect();
    let direct = found.direct.is_some();
    Ok(Explained {
        answer: answer(found, caller.now, true),
        direct,
        roles,
        may_look,
    })
}
