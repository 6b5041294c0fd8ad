//! Whether somebody may do something somewhere: one question, or up to a hundred.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::domain::check::{Answer, MOST_QUESTIONS};
use crate::authorization::http::App;
use crate::authorization::http::{NumberOrName, Token, bad};
use crate::authorization::model::names as words;
use crate::authorization::store::check::Question;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A question.
#[derive(Deserialize, ToSchema)]
pub struct CheckRequest {
    /// Who: number or username.
    subject: NumberOrName,
    /// Where: number or name.
    service: NumberOrName,
    /// What: the name of a permission.
    #[schema(example = "write")]
    permission: String,
    /// `strong`: nothing that is cached anywhere will do, and nobody is to cache the answer.
    #[serde(default)]
    consistency: Option<String>,
}

/// Reads what a consistency is.
fn strong(consistency: Option<&str>) -> Result<bool, ApiError> {
    match consistency {
        None | Some("eventual") => Ok(false),
        Some("strong") => Ok(true),
        Some(_) => Err(bad("consistency: strong or eventual.")),
    }
}

impl CheckRequest {
    fn question(&self) -> Result<Question, ApiError> {
        let permission =
            words::name(&self.permission).ok_or_else(|| bad("permission: is no name."))?;
        Ok(Question {
            person: self.subject.person()?,
            service: self.service.service()?,
            permission,
        })
    }
}

/// By what somebody may.
#[derive(Serialize, ToSchema)]
pub struct Via {
    /// The role by which.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Editor")]
    role: Option<String>,
    /// `true` if by a direct grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
}

/// An answer.
#[derive(Serialize, ToSchema)]
pub struct CheckAnswer {
    /// Whether the person may.
    pub allowed: bool,
    /// Why: `role`, `direct_grant`, `no_grant`, `unknown_subject`, `unknown_service`,
    /// `unknown_permission`.
    #[schema(example = "role")]
    reason: &'static str,
    /// By what, where they may.
    #[schema(required)]
    via: Option<Via>,
    /// The service's version; null if there is no such service.
    #[schema(required, example = 7)]
    policy_version: Option<i64>,
    /// Until when the answer may be relied on, in seconds since 1970: a minute at most.
    cache_until: i64,
}

impl From<Answer> for CheckAnswer {
    fn from(answer: Answer) -> Self {
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

/// `POST /check`: whether somebody may do something in a service. About oneself no permission is
/// needed.
///
/// # Errors
/// 403 `forbidden_person_lookup` about others without `auth.policy.read`. What there is not is no
/// error: it is not allowed.
#[utoipa::path(post, path = "/check", operation_id = "check", tag = "authorization", request_body = CheckRequest, responses((status = 200, body = CheckAnswer)))]
pub async fn one(
    State(app): State<App>,
    Token(token): Token,
    AppJson(body): AppJson<CheckRequest>,
) -> Result<AppJson<CheckAnswer>, ApiError> {
    let strong = strong(body.consistency.as_deref())?;
    let answers = check::answers(&app.ports, &token, &[body.question()?], strong).await?;
    let answer = answers
        .into_iter()
        .next()
        .ok_or(crate::kernel::http::error::Code::Internal)?;
    Ok(AppJson(answer.into()))
}

/// Several questions.
#[derive(Deserialize, ToSchema)]
pub struct BatchRequest {
    /// Up to a hundred.
    checks: Vec<CheckRequest>,
    /// For all of them.
    #[serde(default)]
    consistency: Option<String>,
}

/// Their answers.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    /// In the order of the questions.
    results: Vec<CheckAnswer>,
}

/// `POST /check/batch`: up to a hundred questions at once, answered in their order.
///
/// # Errors
/// As of one question; 400 for more than a hundred.
#[utoipa::path(post, path = "/check/batch", operation_id = "check_batch", tag = "authorization", request_body = BatchRequest, responses((status = 200, body = BatchAnswer)))]
pub async fn batch(
    State(app): State<App>,
    Token(token): Token,
    AppJson(body): AppJson<BatchRequest>,
) -> Result<AppJson<BatchAnswer>, ApiError> {
    if body.checks.len() > MOST_QUESTIONS {
        return Err(bad("checks: at most 100."));
    }
    let each = body
        .checks
        .iter()
        .map(|check| strong(check.consistency.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let strong = strong(body.consistency.as_deref())? || each.contains(&true);
    let questions = body
        .checks
        .iter()
        .map(CheckRequest::question)
        .collect::<Result<Vec<_>, _>>()?;
    let answers = check::answers(&app.ports, &token, &questions, strong).await?;
    Ok(AppJson(BatchAnswer {
        results: answers.into_iter().map(CheckAnswer::from).collect(),
    }))
}
