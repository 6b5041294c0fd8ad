//! The explanation of an access check, and the grants that would allow a denied access.

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::domain::check::{DecisionExplanation, DecisionReason, Question};
use crate::authorization::http::App;
use crate::authorization::http::check::CheckAnswer;
use crate::authorization::http::extract::{CallerToken, permission_name};
use crate::authorization::http::respond::NamedAnswer;
use crate::authorization::model::names::IdOrName;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;

/// The question in the query.
#[derive(Deserialize)]
pub struct ExplainQuery {
    subject: String,
    service: String,
    permission: String,
}

/// A role of the service that matters for the question.
#[derive(Serialize, ToSchema)]
pub struct RoleAnswer {
    /// The role.
    role: NamedAnswer,
    /// Whether the person has the role in the service.
    held: bool,
    /// Whether the person's grant of the role has expired.
    ended: bool,
    /// Whether the role has the permission.
    has_permission: bool,
}

/// One grant that would allow the access.
#[derive(Serialize, ToSchema)]
pub struct Remedy {
    /// `person_service_role` grants `role` to the person. `role_permission` adds the permission to
    /// `role`, which the person has. `person_service_permission` grants the permission directly.
    #[schema(example = "person_service_role")]
    grant: &'static str,
    /// The role, if the grant concerns a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<NamedAnswer>,
}

/// The explanation of an answer.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// The answer of `POST /check`.
    #[serde(flatten)]
    answer: CheckAnswer,
    /// Whether the person has the permission directly.
    direct_grant: bool,
    /// The roles of the service that the person has or had, or that have the permission.
    roles: Vec<RoleAnswer>,
    /// The grants, each of which would allow the access. Empty without `auth.policy.read`, for an
    /// allowed access, and for an unknown person, service or permission.
    would_allow: Vec<Remedy>,
}

/// `GET /explain`: Explains why a person has a permission in a service or not, and which grants
/// would allow it.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 400.
#[utoipa::path(
    get,
    path = "/explain",
    operation_id = "explain",
    tag = "authorization",
    params(
        ("subject" = String, Query),
        ("service" = String, Query),
        ("permission" = String, Query)
    ),
    responses((status = 200, body = Explanation))
)]
pub async fn explain(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: Result<Query<ExplainQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<AppJson<Explanation>, ApiError> {
    let Query(query) = query.map_err(|_| {
        ApiError::detailed(
            Code::InvalidQuery,
            "Send subject, service and permission, each once.",
        )
    })?;
    let question = Question {
        person: IdOrName::person(&query.subject).ok_or(Code::InvalidPersonId)?,
        service: IdOrName::service(&query.service).ok_or(Code::InvalidServiceId)?,
        permission: permission_name(
            &query.permission,
            "permission must be the name of a permission.",
        )?,
    };
    let explained = check::explain(&app.ports, &token, &question).await?;
    let would_allow = remedies(&explained);
    let roles = explained.roles.into_iter().map(|candidate| RoleAnswer {
        role: candidate.role.into(),
        held: candidate.held,
        ended: candidate.expired,
        has_permission: candidate.has_permission,
    });
    Ok(AppJson(Explanation {
        roles: roles.collect(),
        answer: explained.answer.into(),
        direct_grant: explained.direct,
        would_allow,
    }))
}

/// Returns the grants, each of which would allow the access.
fn remedies(explained: &DecisionExplanation) -> Vec<Remedy> {
    if !explained.may_see_remedies || explained.answer.reason != DecisionReason::NoGrant {
        return Vec::new();
    }
    let of_role = explained.roles.iter().filter_map(|candidate| {
        let grant = match (candidate.held, candidate.has_permission) {
            (false, true) => "person_service_role",
            (true, false) => "role_permission",
            _ => return None,
        };
        Some(Remedy {
            grant,
            role: Some(candidate.role.clone().into()),
        })
    });
    let direct = Remedy {
        grant: "person_service_permission",
        role: None,
    };
    of_role.chain([direct]).collect()
}
