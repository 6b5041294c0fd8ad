//! Access checks: one question, or up to 100 in one request.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::domain::check::{AccessDecision, Freshness, MAX_QUESTIONS, Question};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, IdOrNameField, freshness, permission_name};
use crate::authorization::http::respond::invalid_body;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;

/// The question whether a person has a permission in a service.
#[derive(Deserialize, ToSchema)]
pub struct CheckRequest {
    /// The person: an id or a username.
    subject: IdOrNameField,
    /// The service: an id or a name.
    service: IdOrNameField,
    /// The name of the permission.
    #[schema(example = "write")]
    permission: String,
    /// `strong` forbids cached answers, and caching of this answer. The default is `eventual`.
    #[serde(default)]
    consistency: Option<String>,
}

impl CheckRequest {
    fn question(&self) -> Result<Question, ApiError> {
        let detail = "permission must be the name of a permission.";
        Ok(Question {
            person: self.subject.person()?,
            service: self.service.service()?,
            permission: permission_name(&self.permission, detail)?,
        })
    }
}

/// The grant that allows an access.
#[derive(Serialize, ToSchema)]
pub struct Via {
    /// The name of the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Editor")]
    role: Option<String>,
    /// `true` for a direct grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
}

/// The answer to a question.
#[derive(Serialize, ToSchema)]
pub struct CheckAnswer {
    /// Whether the person has the permission in the service.
    pub allowed: bool,
    /// The reason: `role`, `direct_grant`, `no_grant`, `unknown_subject`, `unknown_service` or
    /// `unknown_permission`.
    #[schema(example = "role")]
    reason: &'static str,
    /// The grant that allows it. Null if the access is denied.
    #[schema(required)]
    via: Option<Via>,
    /// The policy version of the service. Null for an unknown service.
    #[schema(required, example = 7)]
    policy_version: Option<i64>,
    /// Until when a client may cache the answer, in seconds since 1970: at most a minute.
    cache_until: i64,
}

impl From<AccessDecision> for CheckAnswer {
    fn from(answer: AccessDecision) -> Self {
        let direct = (answer.allowed && answer.role.is_none()).then_some(true);
        let via = answer.allowed.then_some(Via {
            role: answer.role,
            direct,
        });
        Self {
            allowed: answer.allowed,
            reason: answer.reason.as_str(),
            via,
            policy_version: answer.policy_version,
            cache_until: answer.cache_until.seconds(),
        }
    }
}

/// `POST /check`: Checks whether a person has a permission in a service. A caller needs no
/// permission to ask about themselves.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`. An unknown
/// person, service or permission is no error: the answer is `allowed: false`.
#[utoipa::path(
    post,
    path = "/check",
    operation_id = "check",
    tag = "authorization",
    request_body = CheckRequest,
    responses((status = 200, body = CheckAnswer))
)]
pub async fn one(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    AppJson(body): AppJson<CheckRequest>,
) -> Result<AppJson<CheckAnswer>, ApiError> {
    let freshness = freshness(body.consistency.as_deref())?;
    let questions = [body.question()?];
    let answers = check::answers(&app.ports, &token, &questions, freshness).await?;
    let answer = answers.into_iter().next().ok_or(Code::Internal)?;
    Ok(AppJson(answer.into()))
}

/// Several questions in one request.
#[derive(Deserialize, ToSchema)]
pub struct BatchRequest {
    /// Up to 100 questions.
    checks: Vec<CheckRequest>,
    /// The consistency of all answers: `strong` or `eventual`.
    #[serde(default)]
    consistency: Option<String>,
}

/// The answers to several questions.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    /// The answers, in the order of the questions.
    results: Vec<CheckAnswer>,
}

/// `POST /check/batch`: Answers up to 100 questions, in their order.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 400, also for
/// more than 100 questions.
#[utoipa::path(
    post,
    path = "/check/batch",
    operation_id = "check_batch",
    tag = "authorization",
    request_body = BatchRequest,
    responses((status = 200, body = BatchAnswer))
)]
pub async fn batch(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    AppJson(body): AppJson<BatchRequest>,
) -> Result<AppJson<BatchAnswer>, ApiError> {
    if body.checks.len() > MAX_QUESTIONS {
        return Err(invalid_body("Send at most 100 checks."));
    }
    let each = body
        .checks
        .iter()
        .map(|check| freshness(check.consistency.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut freshness = freshness(body.consistency.as_deref())?;
    if each.contains(&Freshness::Strong) {
        freshness = Freshness::Strong;
    }
    let questions = body
        .checks
        .iter()
        .map(CheckRequest::question)
        .collect::<Result<Vec<_>, _>>()?;
    let answers = check::answers(&app.ports, &token, &questions, freshness).await?;
    Ok(AppJson(BatchAnswer {
        results: answers.into_iter().map(CheckAnswer::from).collect(),
    }))
}
