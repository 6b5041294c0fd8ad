//! What the authorization service's errors look like from outside.

use std::collections::BTreeMap;

use serde_json::json;

use crate::authorization::domain::{AuthorizationError, Kind};
use crate::kernel::http::error::{ApiError, Code};

impl From<AuthorizationError> for ApiError {
    fn from(error: AuthorizationError) -> Self {
        match error {
            AuthorizationError::InvalidToken | AuthorizationError::OtherUser => {
                Self::because(Code::InvalidToken, error.to_string())
            }
            AuthorizationError::ExpiredToken => Code::ExpiredToken.into(),
            AuthorizationError::Forbidden(permission) => {
                Self::because(Code::Forbidden, error.to_string())
                    .with("permission", json!(permission))
            }
            AuthorizationError::ForbiddenLookup => Code::ForbiddenPersonLookup.into(),
            AuthorizationError::Unknown(kind) => unknown(kind).into(),
            AuthorizationError::Exists(kind) => exists(kind).into(),
            AuthorizationError::InUse(kind, uses) => {
                let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for each in uses {
                    by.entry(each.kind).or_default().push(each.name);
                }
                Self::from(in_use(kind)).with("used_by", json!(by))
            }
            AuthorizationError::BuiltIn => Code::BuiltIn.into(),
            AuthorizationError::NotOfService => Code::RoleNotInService.into(),
            AuthorizationError::LastAdministrator => Code::LastAdministrator.into(),
            AuthorizationError::Closed => Code::BootstrapClosed.into(),
            AuthorizationError::Contended => Self::because(Code::Unavailable, error.to_string()),
            AuthorizationError::Password(error) => error.into(),
            AuthorizationError::Entropy(error) => error.into(),
            AuthorizationError::Store(error) => error.into(),
        }
    }
}

const fn unknown(kind: Kind) -> Code {
    match kind {
        Kind::User => Code::UserNotFound,
        Kind::Person | Kind::Document => Code::PersonNotFound,
        Kind::Role => Code::RoleNotFound,
        Kind::Permission => Code::PermissionNotFound,
        Kind::Service => Code::ServiceNotFound,
    }
}

const fn exists(kind: Kind) -> Code {
    match kind {
        Kind::User | Kind::Person => Code::UserExists,
        Kind::Document => Code::DocumentExists,
        Kind::Role => Code::RoleExists,
        Kind::Permission => Code::PermissionExists,
        Kind::Service => Code::ServiceExists,
    }
}

const fn in_use(kind: Kind) -> Code {
    match kind {
        Kind::Permission => Code::PermissionInUse,
        Kind::Service => Code::ServiceInUse,
        _ => Code::RoleInUse,
    }
}
