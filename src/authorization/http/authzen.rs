//! The same questions in the words of the `OpenID` `AuthZEN` Authorization API 1.0: subject,
//! action, resource, decision.
//!
//! A subject is a person (`user`), an action a permission, a resource a service (`service`).
//! Everything else is denied.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::domain::check::{Answer, MOST_QUESTIONS};
use crate::authorization::http::App;
use crate::authorization::http::{NumberOrName, Token, bad};
use crate::authorization::model::names as words;
use crate::authorization::store::check::Question;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A subject or a resource (§5.1, §5.3).
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Entity {
    /// `user` for a subject, `service` for a resource.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    /// The number or the name.
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

/// An evaluation (§6.1). `context` is accepted and of no matter.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct EvaluationRequest {
    /// Who.
    #[serde(default)]
    subject: Option<Entity>,
    /// What.
    #[serde(default)]
    action: Option<Action>,
    /// Where.
    #[serde(default)]
    resource: Option<Entity>,
}

/// A decision (§6.2).
#[derive(Serialize, ToSchema)]
pub struct Decision {
    /// Whether.
    decision: bool,
    /// Why.
    #[schema(value_type = Object)]
    context: Map<String, Value>,
}

impl Decision {
    fn of(answer: &Answer) -> Self {
        let context = json!({"reason": answer.reason.as_str(), "role": answer.role, "policy_version": answer.policy_version});
        Self {
            decision: answer.allowed,
            context: if let Value::Object(context) = context {
                context
            } else {
                Map::new()
            },
        }
    }

    fn denied(reason: &str) -> Self {
        Self {
            decision: false,
            context: Map::from_iter([("reason".to_owned(), json!(reason))]),
        }
    }
}

impl EvaluationRequest {
    /// The same, with what is missing taken from the defaults (§7.1.1).
    fn or(&self, defaults: &Self) -> Self {
        Self {
            subject: self.subject.clone().or_else(|| defaults.subject.clone()),
            action: self.action.clone().or_else(|| defaults.action.clone()),
            resource: self.resource.clone().or_else(|| defaults.resource.clone()),
        }
    }

    /// The question, or why the answer is known to be no.
    fn question(&self) -> Result<Result<Question, &'static str>, ApiError> {
        let (Some(subject), Some(action), Some(resource)) =
            (&self.subject, &self.action, &self.resource)
        else {
            return Err(bad("subject, action and resource are needed."));
        };
        let named = |entity: &Entity| NumberOrName::Name(entity.id.clone());
        let question = || {
            Some(Question {
                person: (subject.kind == "user")
                    .then(|| named(subject).person().ok())
                    .flatten()?,
                service: (resource.kind == "service")
                    .then(|| named(resource).service().ok())
                    .flatten()?,
                permission: words::name(&action.name)?,
            })
        };
        Ok(question().ok_or("unsupported"))
    }
}

/// `POST /access/v1/evaluation`: one decision.
///
/// # Errors
/// 403 `forbidden_person_lookup` about others without `auth.policy.read`; 400.
#[utoipa::path(post, path = "/access/v1/evaluation", operation_id = "authzen_evaluation", tag = "authorization", request_body = EvaluationRequest, responses((status = 200, body = Decision)))]
pub async fn evaluation(
    State(app): State<App>,
    Token(token): Token,
    AppJson(body): AppJson<EvaluationRequest>,
) -> Result<AppJson<Decision>, ApiError> {
    let questions: Vec<Question> = body.question()?.into_iter().collect();
    let answers = check::answers(&app.ports, &token, &questions, false).await?;
    Ok(AppJson(answers.first().map_or_else(
        || Decision::denied("unsupported"),
        Decision::of,
    )))
}

/// How several evaluations are worked off (§7.1.2).
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct Options {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[serde(default)]
    evaluations_semantic: Option<String>,
}

/// Several evaluations (§7.1).
#[derive(Debug, Deserialize, ToSchema)]
pub struct EvaluationsRequest {
    /// What is the same for all of them.
    #[serde(flatten)]
    defaults: EvaluationRequest,
    /// Up to a hundred. Without any, the defaults are the one question.
    #[serde(default)]
    evaluations: Vec<EvaluationRequest>,
    /// How they are worked off.
    #[serde(default)]
    options: Options,
}

/// Their decisions (§7.2).
#[derive(Serialize, ToSchema)]
pub struct Decisions {
    /// In the order of the questions; fewer where the first yes or no was enough.
    evaluations: Vec<Decision>,
}

/// One decision where one was asked for (§7), or several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Evaluated {
    /// Without `evaluations`.
    One(Decision),
    /// With them.
    Several(Decisions),
}

/// `POST /access/v1/evaluations`: several decisions.
///
/// # Errors
/// As of one; 400 for more than a hundred.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "authzen_evaluations", tag = "authorization", request_body = EvaluationsRequest, responses((status = 200, body = Evaluated)))]
pub async fn evaluations(
    State(app): State<App>,
    Token(token): Token,
    AppJson(body): AppJson<EvaluationsRequest>,
) -> Result<AppJson<Evaluated>, ApiError> {
    let stop = match body.options.evaluations_semantic.as_deref() {
        None | Some("execute_all") => None,
        Some("deny_on_first_deny") => Some(false),
        Some("permit_on_first_permit") => Some(true),
        Some(_) => {
            return Err(bad(
                "evaluations_semantic: execute_all, deny_on_first_deny or permit_on_first_permit.",
            ));
        }
    };
    if body.evaluations.len() > MOST_QUESTIONS {
        return Err(bad("evaluations: at most 100."));
    }
    let single = body.evaluations.is_empty();
    let asked = if single {
        vec![body.defaults.clone()]
    } else {
        body.evaluations
            .iter()
            .map(|each| each.or(&body.defaults))
            .collect()
    };
    let asked = asked
        .iter()
        .map(EvaluationRequest::question)
        .collect::<Result<Vec<_>, _>>()?;
    let questions: Vec<Question> = asked
        .iter()
        .filter_map(|each| each.as_ref().ok().cloned())
        .collect();
    let mut answers = check::answers(&app.ports, &token, &questions, false)
        .await?
        .into_iter();
    let mut decisions = Vec::with_capacity(asked.len());
    for each in &asked {
        let answer = if each.is_ok() { answers.next() } else { None };
        let decision = answer
            .as_ref()
            .map_or_else(|| Decision::denied("unsupported"), Decision::of);
        let enough = stop == Some(decision.decision);
        decisions.push(decision);
        if enough {
            break;
        }
    }
    let answer = match decisions.pop() {
        Some(one) if single => Evaluated::One(one),
        last => {
            decisions.extend(last);
            Evaluated::Several(Decisions {
                evaluations: decisions,
            })
        }
    };
    Ok(AppJson(answer))
}
