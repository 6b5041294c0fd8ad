//! Which codes the authorization service's endpoints can give: for the description of the API.

use http::Method;

use crate::kernel::http::error::Code;
use crate::kernel::http::route::{Access, Facts};

/// Whether a route can give a code, by who may call it and what it takes.
#[must_use]
pub fn may_give(route: &Facts, has_body: bool, code: Code) -> bool {
    let path = route.path;
    let (token, service) = (
        route.access == Access::Token,
        route.access == Access::Service,
    );
    let oneself = path.starts_with("/auth/") || path.starts_with("/check-token");
    let asks = [
        "/check",
        "/check/batch",
        "/explain",
        "/access/v1/evaluation",
        "/access/v1/evaluations",
    ]
    .contains(&path);
    let looks_up = asks || path.starts_with("/people/");
    let administers = token && !oneself && !looks_up;
    let (get, post, put, delete) = (
        route.method == Method::GET,
        route.method == Method::POST,
        route.method == Method::PUT,
        route.method == Method::DELETE,
    );
    let relates = [
        "/role-permissions",
        "/service-roles",
        "/person-service-roles",
        "/person-service-permissions",
    ]
    .contains(&path);
    let (of_users, of_roles) = (path.starts_with("/users"), path.starts_with("/roles"));
    let (of_permissions, of_services) = (
        path.starts_with("/permissions"),
        path.starts_with("/services"),
    );
    let lists = get && !path.ends_with("/{id}") && !asks && path != "/auth/profile";
    let passwords = path == "/auth/login" || path == "/auth/bootstrap" || of_users && has_body;
    let about_person = path.contains("{person_id}")
        || path.starts_with("/person-")
        || path == "/service-tokens"
        || asks;
    let about_service = of_services
        || path.contains("service_id")
        || path.contains("service-") && relates
        || path == "/check-token"
        || asks;
    let about_role = of_roles
        || path.contains("{role_id}")
        || path.ends_with("-roles")
        || path == "/role-permissions";
    match code {
        Code::InvalidRequestBody => has_body || path == "/explain",
        Code::BodyTooLarge | Code::RequestTimeout => has_body,
        Code::UnsupportedMediaType => !get,
        Code::InvalidQuery => {
            lists
                || path == "/explain"
                || delete && path.ends_with("/{id}")
                || path == "/people/{person_id}/services/{service_id}"
        }
        Code::MissingTokenHeader | Code::InvalidToken | Code::ExpiredToken => token,
        Code::InvalidCredentials => path == "/auth/login" || path == "/auth/bootstrap",
        Code::SecondFactorRequired | Code::TooManyAttempts => path == "/auth/login",
        Code::Busy => passwords,
        Code::InvalidPassword | Code::CommonPassword | Code::BreachedPassword => {
            passwords && path != "/auth/login"
        }
        Code::Forbidden => administers,
        Code::ForbiddenPersonLookup => looks_up,
        Code::BootstrapClosed => path == "/auth/bootstrap",
        Code::InternalKeyRequired | Code::BrowserRequest => service,
        Code::CrossSiteRequest => !get && !service,
        Code::InvalidUserNumber => of_users && path.contains("{id}") || path == "/check-token",
        Code::InvalidPersonId => about_person,
        Code::InvalidServiceId => about_service && !(of_services && path == "/services"),
        Code::InvalidRoleId => about_role && path != "/roles",
        Code::InvalidPermissionId | Code::PermissionNotFound => {
            of_permissions && path.contains("{id}") || path.ends_with("-permissions")
        }
        Code::UserNotFound => of_users && path.contains("{id}"),
        Code::PersonNotFound => about_person && !asks,
        Code::ServiceNotFound => about_service && !asks && path != "/services",
        Code::RoleNotFound => {
            about_role
                && path != "/roles"
                && path != "/services/{id}/roles"
                && !path.starts_with("/people/")
        }
        Code::UserExists | Code::DocumentExists => {
            of_users && (post || put) || path == "/auth/bootstrap"
        }
        Code::RoleExists => of_roles && (post || put),
        Code::PermissionExists => of_permissions && (post || put),
        Code::ServiceExists => of_services && (post || put),
        Code::RoleInUse => of_roles && delete,
        Code::PermissionInUse => of_permissions && delete,
        Code::ServiceInUse => of_services && delete,
        Code::BuiltIn => {
            path.contains("{id}") && (put || delete) && !of_users
                || path == "/role-permissions"
                || path == "/service-roles"
        }
        Code::RoleNotInService => path == "/person-service-roles" && post,
        Code::LastAdministrator => administers && !get,
        Code::RateLimited => route.rate_class().is_some(),
        Code::TokenInQuery | Code::Internal | Code::Unavailable => true,
        _ => false,
    }
}
