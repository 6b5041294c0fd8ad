//! Access checks in the form of the `OpenID` `AuthZEN` Authorization API 1.0.
//!
//! A subject is a person (`user`), an action is a permission, and a resource is a service
//! (`service`). Every other evaluation is denied.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::domain::check::{AccessDecision, Freshness, MAX_QUESTIONS, Question};
use crate::authorization::http::App;
use crate::authorization::http::extract::CallerToken;
use crate::authorization::http::respond::invalid_body;
use crate::authorization::model::names;
use crate::authorization::model::names::IdOrName;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A subject or a resource (§5.1, §5.3).
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Entity {
    /// `user` for a subject, `service` for a resource.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    /// The id or the name.
    #[schema(example = "usr1")]
    id: String,
}

/// An action (§5.2).
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Action {
    /// The name of a permission.
    #[schema(example = "write")]
    name: String,
}

/// An evaluation (§6.1). The service ignores `context`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct EvaluationRequest {
    /// The person.
    #[serde(default)]
    subject: Option<Entity>,
    /// The permission.
    #[serde(default)]
    action: Option<Action>,
    /// The service.
    #[serde(default)]
    resource: Option<Entity>,
}

/// A decision (§6.2).
#[derive(Serialize, ToSchema)]
pub struct Decision {
    /// Whether the subject may perform the action on the resource.
    decision: bool,
    /// The reason for the decision.
    #[schema(value_type = Object)]
    context: Map<String, Value>,
}

impl Decision {
    /// Returns the decision about an evaluation that no grant can allow.
    fn unsupported() -> Self {
        let reason = ("reason".to_owned(), json!("unsupported"));
        Self {
            decision: false,
            context: Map::from_iter([reason]),
        }
    }
}

impl From<&AccessDecision> for Decision {
    fn from(decision: &AccessDecision) -> Self {
        let context = [
            ("reason", json!(decision.reason.as_str())),
            ("role", json!(decision.role)),
            ("policy_version", json!(decision.policy_version)),
        ];
        let context = context.map(|(name, value)| (name.to_owned(), value));
        Self {
            decision: decision.allowed,
            context: Map::from_iter(context),
        }
    }
}

/// The reason why an evaluation is not a valid question.
enum QuestionError {
    /// The subject, the action or the resource is missing.
    Incomplete,
    /// The subject, the action or the resource is of another kind, or its id is malformed.
    Unsupported,
}

impl EvaluationRequest {
    /// Fills missing members with the defaults (§7.1.1).
    fn or(&self, defaults: &Self) -> Self {
        Self {
            subject: self.subject.clone().or_else(|| defaults.subject.clone()),
            action: self.action.clone().or_else(|| defaults.action.clone()),
            resource: self.resource.clone().or_else(|| defaults.resource.clone()),
        }
    }

    /// Reads the question.
    fn question(&self) -> Result<Question, QuestionError> {
        let (Some(subject), Some(action), Some(resource)) =
            (&self.subject, &self.action, &self.resource)
        else {
            return Err(QuestionError::Incomplete);
        };
        if subject.kind != "user" || resource.kind != "service" {
            return Err(QuestionError::Unsupported);
        }
        Ok(Question {
            person: IdOrName::person(&subject.id).ok_or(QuestionError::Unsupported)?,
            service: IdOrName::service(&resource.id).ok_or(QuestionError::Unsupported)?,
            permission: names::name(&action.name).ok_or(QuestionError::Unsupported)?,
        })
    }

    /// Reads the question, or `None` for an unsupported evaluation.
    ///
    /// # Errors
    /// 400 for an incomplete evaluation.
    fn supported_question(&self) -> Result<Option<Question>, ApiError> {
        match self.question() {
            Ok(question) => Ok(Some(question)),
            Err(QuestionError::Unsupported) => Ok(None),
            Err(QuestionError::Incomplete) => Err(invalid_body(
                "Send subject, action and resource in each evaluation or as defaults.",
            )),
        }
    }
}

/// `POST /access/v1/evaluation`: Decides one evaluation.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 400.
#[utoipa::path(
    post,
    path = "/access/v1/evaluation",
    operation_id = "authzen_evaluation",
    tag = "authorization",
    request_body = EvaluationRequest,
    responses((status = 200, body = Decision))
)]
pub async fn evaluation(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    AppJson(body): AppJson<EvaluationRequest>,
) -> Result<AppJson<Decision>, ApiError> {
    let questions: Vec<Question> = body.supported_question()?.into_iter().collect();
    let answers = check::answers(&app.ports, &token, &questions, Freshness::Eventual).await?;
    let decision = answers
        .first()
        .map_or_else(Decision::unsupported, Decision::from);
    Ok(AppJson(decision))
}

/// The options of several evaluations (§7.1.2).
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Options)]
pub struct EvaluationOptions {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[serde(default)]
    evaluations_semantic: Option<String>,
}

impl EvaluationOptions {
    /// Returns the decision that ends the evaluations early, if the options name one.
    fn last_decision(&self) -> Result<Option<bool>, ApiError> {
        match self.evaluations_semantic.as_deref() {
            None | Some("execute_all") => Ok(None),
            Some("deny_on_first_deny") => Ok(Some(false)),
            Some("permit_on_first_permit") => Ok(Some(true)),
            Some(_) => Err(invalid_body(
                "evaluations_semantic must be execute_all, deny_on_first_deny or \
                 permit_on_first_permit.",
            )),
        }
    }
}

/// Several evaluations (§7.1).
#[derive(Debug, Deserialize, ToSchema)]
pub struct EvaluationsRequest {
    /// The defaults of all evaluations.
    #[serde(flatten)]
    defaults: EvaluationRequest,
    /// Up to 100 evaluations. If the list is empty, the defaults are the only evaluation.
    #[serde(default)]
    evaluations: Vec<EvaluationRequest>,
    /// The options.
    #[serde(default)]
    options: EvaluationOptions,
}

/// Several decisions (§7.2).
#[derive(Serialize, ToSchema)]
pub struct Decisions {
    /// The decisions, in the order of the evaluations. The list is shorter if the options ended the
    /// evaluations early.
    evaluations: Vec<Decision>,
}

/// One decision (§7), or several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Evaluated)]
pub enum EvaluationsResponse {
    /// The response to a request without `evaluations`.
    One(Decision),
    /// The response to a request with `evaluations`.
    Several(Decisions),
}

/// `POST /access/v1/evaluations`: Decides several evaluations.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 400, also for
/// more than 100 evaluations.
#[utoipa::path(
    post,
    path = "/access/v1/evaluations",
    operation_id = "authzen_evaluations",
    tag = "authorization",
    request_body = EvaluationsRequest,
    responses((status = 200, body = EvaluationsResponse))
)]
pub async fn evaluations(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    AppJson(body): AppJson<EvaluationsRequest>,
) -> Result<AppJson<EvaluationsResponse>, ApiError> {
    let last_decision = body.options.last_decision()?;
    if body.evaluations.len() > MAX_QUESTIONS {
        return Err(invalid_body("Send at most 100 evaluations."));
    }
    if body.evaluations.is_empty() {
        let AppJson(decision) =
            evaluation(State(app), CallerToken(token), AppJson(body.defaults)).await?;
        return Ok(AppJson(EvaluationsResponse::One(decision)));
    }
    let asked = body
        .evaluations
        .iter()
        .map(|evaluation| evaluation.or(&body.defaults).supported_question())
        .collect::<Result<Vec<_>, _>>()?;
    let questions: Vec<Question> = asked.iter().flatten().cloned().collect();
    let answers = check::answers(&app.ports, &token, &questions, Freshness::Eventual).await?;

    let mut answers = answers.iter();
    let mut decisions = Vec::with_capacity(asked.len());
    for question in &asked {
        let answer = question.as_ref().and_then(|_| answers.next());
        let decision = answer.map_or_else(Decision::unsupported, Decision::from);
        let is_last = last_decision == Some(decision.decision);
        decisions.push(decision);
        if is_last {
            break;
        }
    }
    Ok(AppJson(EvaluationsResponse::Several(Decisions {
        evaluations: decisions,
    })))
}
