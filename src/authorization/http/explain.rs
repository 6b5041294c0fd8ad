//! Why somebody may do something somewhere or may not, and what would let them.

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::check;
use crate::authorization::http::App;
use crate::authorization::http::check::CheckAnswer;
use crate::authorization::http::{NamedAnswer, NumberOrName, Token, bad};
use crate::authorization::model::names as words;
use crate::authorization::store::check::Question;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;

/// A question in an address.
#[derive(Deserialize)]
pub struct ExplainQuery {
    subject: String,
    service: String,
    permission: String,
}

/// A role of the service that matters here.
#[derive(Serialize, ToSchema)]
pub struct RoleAnswer {
    /// Which one.
    role: NamedAnswer,
    /// Whether the person has it in the service.
    held: bool,
    /// Whether they had it, and it has ended.
    ended: bool,
    /// Whether it has the permission.
    has_permission: bool,
}

/// A single grant after which the person might.
#[derive(Serialize, ToSchema)]
pub struct Remedy {
    /// `person_service_role`: give them `role`; `role_permission`: give `role`, which they have,
    /// the permission; `person_service_permission`: give them the permission directly.
    #[schema(example = "person_service_role")]
    grant: &'static str,
    /// The role, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<NamedAnswer>,
}

/// Why, and what would help.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// The answer, as `POST /check` gives it.
    #[serde(flatten)]
    answer: CheckAnswer,
    /// Whether the permission is granted directly.
    direct_grant: bool,
    /// The roles of the service that the person has or had, and those that have the permission.
    roles: Vec<RoleAnswer>,
    /// The single grants that would allow it, for whoever has `auth.policy.read`; none where it is
    /// allowed, or where something is missing that must be made first.
    would_allow: Vec<Remedy>,
}

/// `GET /explain`: why somebody may do something in a service or may not, and which single grants
/// would let them.
///
/// # Errors
/// 403 `forbidden_person_lookup` about others without `auth.policy.read`; 400.
#[utoipa::path(get, path = "/explain", operation_id = "explain", tag = "authorization", params(("subject" = String, Query), ("service" = String, Query), ("permission" = String, Query)), responses((status = 200, body = Explanation)))]
pub async fn explain(
    State(app): State<App>,
    Token(token): Token,
    query: Result<Query<ExplainQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<AppJson<Explanation>, ApiError> {
    let Query(query) = query.map_err(|_| {
        ApiError::detailed(
            Code::InvalidQuery,
            "subject, service and permission are needed, each once.",
        )
    })?;
    let permission =
        words::name(&query.permission).ok_or_else(|| bad("permission: is no name."))?;
    let (person, service) = (
        NumberOrName::Name(query.subject).person()?,
        NumberOrName::Name(query.service).service()?,
    );
    let explained = check::explain(
        &app.ports,
        &token,
        &Question {
            person,
            service,
            permission,
        },
    )
    .await?;
    let mut would_allow = Vec::new();
    if explained.may_look && explained.answer.reason == check::Reason::NoGrant {
        for candidate in &explained.roles {
            let role = || Some(NamedAnswer::from(candidate.role.clone()));
            match (candidate.held, candidate.grants) {
                (false, true) => would_allow.push(Remedy {
                    grant: "person_service_role",
                    role: role(),
                }),
                (true, false) => would_allow.push(Remedy {
                    grant: "role_permission",
                    role: role(),
                }),
                _ => {}
            }
        }
        would_allow.push(Remedy {
            grant: "person_service_permission",
            role: None,
        });
    }
    let roles = explained.roles.into_iter().map(|candidate| RoleAnswer {
        role: candidate.role.into(),
        held: candidate.held,
        ended: candidate.ended,
        has_permission: candidate.grants,
    });
    Ok(AppJson(Explanation {
        roles: roles.collect(),
        answer: explained.answer.into(),
        direct_grant: explained.direct,
        would_allow,
    }))
}
