//! The routes of the authorization service: one declaration each.

use axum::middleware::from_fn;

use crate::authorization::http::middleware::apply_conventions;
use crate::authorization::http::{
    App, auth, authzen, changes, check, explain, grants, lost_factors, oauth, people, permissions,
    person_grants, roles, services, users as persons,
};
use crate::kernel::http::error::Code;
use crate::kernel::http::route::{ErrorForm, Group, Route};
use crate::route;

/// Returns the routes of the authorization service.
///
/// A row lists the codes of the route's own errors. [`crate::app::openapi`] adds the codes that the
/// access, the method and the body imply.
#[must_use]
pub fn routes() -> Vec<Route<App>> {
    let group = || Group::new(ErrorForm::Flat).limited();
    let groups = [
        group().all_give(&COMMON).routes(token_routes()),
        group()
            .all_give(&COMMON)
            .accepting_forms()
            .routes(oauth_routes()),
        group().all_give(&COMMON).routes(question_routes()),
        group()
            .all_give(&ADMINISTRATION)
            .routes(administration_routes()),
    ];
    let mut routes: Vec<_> = groups.into_iter().flatten().collect();
    for route in &mut routes {
        let handler = std::mem::take(&mut route.handler);
        route.handler = handler.route_layer(from_fn(apply_conventions));
    }
    routes
}

/// The codes that every route may answer.
const COMMON: [Code; 2] = [Code::TokenInQuery, Code::Unavailable];
/// The codes that every route of the administration may answer.
const ADMINISTRATION: [Code; 3] = [Code::TokenInQuery, Code::Unavailable, Code::Forbidden];

/// Returns the routes of sign-in and tokens.
#[rustfmt::skip]
fn token_routes() -> Vec<Route<App>> {
    vec![
        route!(POST   "/auth/login", Anyone, auth::login, [
            InvalidCredentials, SecondFactorRequired, TooManyAttempts, Busy]),
        route!(POST   "/auth/bootstrap", Anyone, auth::bootstrap, [
            InvalidCredentials, BootstrapClosed, UserExists, DocumentExists, InvalidPassword,
            CommonPassword, BreachedPassword, Busy]),
        route!(POST   "/auth/logout", Token, auth::logout),
        route!(GET    "/auth/profile", Token, auth::profile),
        route!(POST   "/check-token", Token, auth::check_token, [
            InvalidUserNumber, InvalidServiceId, ServiceNotFound]),
        route!(POST   "/service-tokens", Token, auth::issue, [
            InvalidPersonId, Forbidden, PersonNotFound, LastAdministrator]),
    ]
}

/// Returns the routes of RFC 7662 and RFC 7009. They accept forms.
#[rustfmt::skip]
fn oauth_routes() -> Vec<Route<App>> {
    vec![
        route!(POST   "/oauth/introspect", Service, oauth::introspect),
        route!(POST   "/oauth/revoke", Service, oauth::revoke),
    ]
}

/// Returns the routes that answer which permissions a person has.
#[rustfmt::skip]
fn question_routes() -> Vec<Route<App>> {
    vec![
        route!(POST   "/check", Token, check::one, [
            InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup]),
        route!(POST   "/check/batch", Token, check::batch, [
            InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup]),
        route!(GET    "/explain", Token, explain::explain, [
            InvalidRequestBody, InvalidQuery, InvalidServiceId, InvalidPersonId,
            ForbiddenPersonLookup]),
        route!(POST   "/access/v1/evaluation", Token, authzen::evaluation, [
            InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup]).echoes_request_id(),
        route!(POST   "/access/v1/evaluations", Token, authzen::evaluations, [
            InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup]).echoes_request_id(),
        route!(GET    "/people/{person_id}/services", Token, people::services_of, [
            InvalidQuery, InvalidPersonId, ForbiddenPersonLookup, PersonNotFound]),
        route!(GET    "/people/{person_id}/services/{service_id}", Token, people::effective, [
            InvalidQuery, InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup,
            ServiceNotFound, PersonNotFound]),
        route!(GET    "/people/{person_id}/services/{service_id}/roles", Token, people::roles_of, [
            InvalidQuery, InvalidServiceId, InvalidPersonId, ForbiddenPersonLookup,
            ServiceNotFound, PersonNotFound]),
    ]
}

/// Returns the routes of the administration.
#[rustfmt::skip]
fn administration_routes() -> Vec<Route<App>> {
    vec![
        route!(GET    "/services/{service_id}/roles/{role_id}/people", Token, people::people_with, [
            InvalidQuery, InvalidRoleId, InvalidServiceId, RoleNotFound, ServiceNotFound]),
        route!(GET    "/services/{service_id}/people", Token, people::holders, [
            InvalidQuery, InvalidServiceId, ServiceNotFound]),
        route!(GET    "/users", Token, persons::list, [InvalidQuery]),
        route!(POST   "/users", Token, persons::create, [
            UserExists, DocumentExists, LastAdministrator, InvalidPassword, CommonPassword,
            BreachedPassword, Busy]),
        route!(GET    "/users/{id}", Token, persons::one, [InvalidUserNumber, UserNotFound]),
        route!(PUT    "/users/{id}", Token, persons::update, [
            InvalidUserNumber, UserNotFound, UserExists, DocumentExists, LastAdministrator,
            InvalidPassword, CommonPassword, BreachedPassword, Busy]),
        route!(DELETE "/users/{id}", Token, persons::delete, [
            InvalidQuery, InvalidUserNumber, UserNotFound, LastAdministrator]),
        route!(DELETE "/users/{id}/tokens", Token, persons::revoke_tokens, [
            InvalidUserNumber, UserNotFound, LastAdministrator]),
        route!(DELETE "/users/{id}/factors", Token, lost_factors::remove, [
            InvalidUserNumber, UserNotFound, LastSignInMethod, LastAdministrator]),
        route!(GET    "/roles", Token, roles::list, [InvalidQuery]),
        route!(POST   "/roles", Token, roles::create, [RoleExists, LastAdministrator]),
        route!(GET    "/roles/{id}", Token, roles::one, [InvalidRoleId, RoleNotFound]),
        route!(PUT    "/roles/{id}", Token, roles::rename, [
            InvalidRoleId, RoleNotFound, RoleExists, BuiltIn, LastAdministrator]),
        route!(DELETE "/roles/{id}", Token, roles::delete, [
            InvalidQuery, InvalidRoleId, RoleNotFound, RoleInUse, BuiltIn, LastAdministrator]),
        route!(GET    "/roles/{id}/permissions", Token, roles::permissions_of, [
            InvalidQuery, InvalidRoleId, RoleNotFound]),
        route!(GET    "/permissions", Token, permissions::list, [InvalidQuery]),
        route!(POST   "/permissions", Token, permissions::create, [
            PermissionExists, LastAdministrator]),
        route!(PUT    "/permissions/{id}", Token, permissions::rename, [
            InvalidPermissionId, PermissionNotFound, PermissionExists, BuiltIn,
            LastAdministrator]),
        route!(DELETE "/permissions/{id}", Token, permissions::delete, [
            InvalidQuery, InvalidPermissionId, PermissionNotFound, PermissionInUse, BuiltIn,
            LastAdministrator]),
        route!(POST   "/role-permissions", Token, grants::add_role_permission, [
            InvalidRoleId, InvalidPermissionId, RoleNotFound, PermissionNotFound, BuiltIn,
            LastAdministrator, CredentialsNotOwn, TooManyEntries]),
        route!(DELETE "/role-permissions", Token, grants::remove_role_permission, [
            InvalidRoleId, InvalidPermissionId, RoleNotFound, PermissionNotFound, BuiltIn,
            LastAdministrator]),
        route!(GET    "/services", Token, services::list, [InvalidQuery]),
        route!(POST   "/services", Token, services::create, [
            ServiceExists, LastAdministrator, TooManyEntries]),
        route!(GET    "/services/{id}", Token, services::one, [InvalidServiceId, ServiceNotFound]),
        route!(PUT    "/services/{id}", Token, services::update, [
            InvalidServiceId, ServiceNotFound, ServiceExists, BuiltIn, LastAdministrator]),
        route!(DELETE "/services/{id}", Token, services::delete, [
            InvalidQuery, InvalidServiceId, ServiceNotFound, ServiceInUse, BuiltIn,
            LastAdministrator]),
        route!(GET    "/services/{id}/roles", Token, services::roles_of, [
            InvalidQuery, InvalidServiceId, ServiceNotFound]),
        route!(POST   "/service-roles", Token, grants::add_service_role, [
            InvalidRoleId, InvalidServiceId, RoleNotFound, ServiceNotFound, BuiltIn,
            LastAdministrator, TooManyEntries]),
        route!(DELETE "/service-roles", Token, grants::remove_service_role, [
            InvalidRoleId, InvalidServiceId, RoleNotFound, ServiceNotFound, BuiltIn,
            LastAdministrator]),
        route!(POST   "/person-service-roles", Token, person_grants::grant_role, [
            InvalidRoleId, InvalidServiceId, InvalidPersonId, RoleNotFound, ServiceNotFound,
            PersonNotFound, RoleNotInService, LastAdministrator, CredentialsNotOwn,
            TooManyEntries]),
        route!(DELETE "/person-service-roles", Token, person_grants::revoke_role, [
            InvalidRoleId, InvalidServiceId, InvalidPersonId, RoleNotFound, ServiceNotFound,
            PersonNotFound, LastAdministrator]),
        route!(POST   "/person-service-permissions", Token, person_grants::grant_permission, [
            InvalidPermissionId, InvalidServiceId, InvalidPersonId, PermissionNotFound,
            ServiceNotFound, PersonNotFound, LastAdministrator, CredentialsNotOwn,
            TooManyEntries]),
        route!(DELETE "/person-service-permissions", Token, person_grants::revoke_permission, [
            InvalidPermissionId, InvalidServiceId, InvalidPersonId, PermissionNotFound,
            ServiceNotFound, PersonNotFound, LastAdministrator]),
        route!(GET    "/changes", Token, changes::list, [InvalidQuery]),
    ]
}
