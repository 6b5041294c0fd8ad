//! The errors of the authorization service as responses.

use std::collections::BTreeMap;

use serde_json::json;

use crate::authorization::domain::{AuthorizationRejection, ResourceKind};
use crate::kernel::http::error::{ApiError, Code};

impl From<AuthorizationRejection> for ApiError {
    fn from(rejection: AuthorizationRejection) -> Self {
        match rejection {
            AuthorizationRejection::InvalidToken | AuthorizationRejection::OtherUser => {
                Self::because(Code::InvalidToken, rejection.to_string())
            }
            AuthorizationRejection::ExpiredToken => Code::ExpiredToken.into(),
            AuthorizationRejection::Forbidden(permission) => {
                Self::because(Code::Forbidden, rejection.to_string())
                    .with("permission", json!(permission))
            }
            AuthorizationRejection::ForbiddenLookup => Code::ForbiddenPersonLookup.into(),
            AuthorizationRejection::Unknown(kind) => unknown(kind).into(),
            AuthorizationRejection::Exists(kind) => exists(kind).into(),
            AuthorizationRejection::InUse(kind, uses) => {
                let mut used_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for usage in uses {
                    used_by.entry(usage.kind).or_default().push(usage.name);
                }
                Self::from(in_use(kind)).with("used_by", json!(used_by))
            }
            AuthorizationRejection::BuiltIn => Code::BuiltIn.into(),
            AuthorizationRejection::NotOfService => Code::RoleNotInService.into(),
            AuthorizationRejection::Closed => Code::BootstrapClosed.into(),
            AuthorizationRejection::CredentialsNotOwn => Code::CredentialsNotOwn.into(),
            AuthorizationRejection::OwnFactors => Self::detailed(
                Code::Forbidden,
                "These are your own factors. Remove them on the account page instead.",
            ),
            AuthorizationRejection::LastSignInMethod => Self::detailed(
                Code::LastSignInMethod,
                "This is the last way to sign in to the account. Set a password first.",
            ),
            AuthorizationRejection::Contended => {
                Self::because(Code::Unavailable, rejection.to_string())
            }
            AuthorizationRejection::Password(rejection) => rejection.into(),
        }
    }
}

const fn unknown(kind: ResourceKind) -> Code {
    match kind {
        ResourceKind::User => Code::UserNotFound,
        ResourceKind::Person | ResourceKind::Document => Code::PersonNotFound,
        ResourceKind::Role => Code::RoleNotFound,
        ResourceKind::Permission => Code::PermissionNotFound,
        ResourceKind::Service => Code::ServiceNotFound,
    }
}

const fn exists(kind: ResourceKind) -> Code {
    match kind {
        ResourceKind::User | ResourceKind::Person => Code::UserExists,
        ResourceKind::Document => Code::DocumentExists,
        ResourceKind::Role => Code::RoleExists,
        ResourceKind::Permission => Code::PermissionExists,
        ResourceKind::Service => Code::ServiceExists,
    }
}

const fn in_use(kind: ResourceKind) -> Code {
    match kind {
        ResourceKind::Permission => Code::PermissionInUse,
        ResourceKind::Service => Code::ServiceInUse,
        _ => Code::RoleInUse,
    }
}
