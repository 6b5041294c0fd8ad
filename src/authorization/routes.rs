//! The routes of the authorization service: who may call each, and its handler.

use http::Method;

use crate::authorization::http::{
    App, auth, authzen, changes, check, explain, grants, oauth, people, permissions, person_grants,
    roles, services, users as persons,
};
use crate::kernel::http::route::{Access, Route, route};

/// Returns the routes of the authorization service.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Vec<Route<App>> {
    use Access::{Anyone, Service, Token};

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const DELETE: Method = Method::DELETE;
    vec![
        // Tokens.
        route(POST,   "/auth/login",                              Anyone,           auth::login),
        route(POST,   "/auth/bootstrap",                          Anyone,           auth::bootstrap),
        route(POST,   "/auth/logout",                             Token,            auth::logout),
        route(GET,    "/auth/profile",                            Token,            auth::profile),
        route(POST,   "/check-token",                             Token,            auth::check_token),
        route(POST,   "/service-tokens",                          Token,            auth::issue),
        route(POST,   "/oauth/introspect",                        Service,          oauth::introspect),
        route(POST,   "/oauth/revoke",                            Service,          oauth::revoke),
        // Who may do what where: asked.
        route(POST,   "/check",                                   Token,            check::one),
        route(POST,   "/check/batch",                             Token,            check::batch),
        route(GET,    "/explain",                                 Token,            explain::explain),
        route(POST,   "/access/v1/evaluation",                    Token,            authzen::evaluation),
        route(POST,   "/access/v1/evaluations",                   Token,            authzen::evaluations),
        route(GET,    "/people/{person_id}/services",             Token,            people::services_of),
        route(GET,    "/people/{person_id}/services/{service_id}", Token,           people::effective),
        route(GET,    "/people/{person_id}/services/{service_id}/roles", Token,     people::roles_of),
        route(GET,    "/services/{service_id}/roles/{role_id}/people", Token,       people::people_with),
        route(GET,    "/services/{service_id}/people",            Token,            people::holders),
        // And administered.
        route(GET,    "/users",                                   Token,            persons::list),
        route(POST,   "/users",                                   Token,            persons::create),
        route(GET,    "/users/{id}",                              Token,            persons::one),
        route(PUT,    "/users/{id}",                              Token,            persons::update),
        route(DELETE, "/users/{id}",                              Token,            persons::delete),
        route(DELETE, "/users/{id}/tokens",                       Token,            persons::revoke_tokens),
        route(GET,    "/roles",                                   Token,            roles::list),
        route(POST,   "/roles",                                   Token,            roles::create),
        route(GET,    "/roles/{id}",                              Token,            roles::one),
        route(PUT,    "/roles/{id}",                              Token,            roles::rename),
        route(DELETE, "/roles/{id}",                              Token,            roles::delete),
        route(GET,    "/roles/{id}/permissions",                  Token,            roles::permissions_of),
        route(GET,    "/permissions",                             Token,            permissions::list),
        route(POST,   "/permissions",                             Token,            permissions::create),
        route(PUT,    "/permissions/{id}",                        Token,            permissions::rename),
        route(DELETE, "/permissions/{id}",                        Token,            permissions::delete),
        route(POST,   "/role-permissions",                        Token,            grants::add_role_permission),
        route(DELETE, "/role-permissions",                        Token,            grants::remove_role_permission),
        route(GET,    "/services",                                Token,            services::list),
        route(POST,   "/services",                                Token,            services::create),
        route(GET,    "/services/{id}",                           Token,            services::one),
        route(PUT,    "/services/{id}",                           Token,            services::update),
        route(DELETE, "/services/{id}",                           Token,            services::delete),
        route(GET,    "/services/{id}/roles",                     Token,            services::roles_of),
        route(POST,   "/service-roles",                           Token,            grants::add_service_role),
        route(DELETE, "/service-roles",                           Token,            grants::remove_service_role),
        route(POST,   "/person-service-roles",                    Token,            person_grants::grant_role),
        route(DELETE, "/person-service-roles",                    Token,            person_grants::revoke_role),
        route(POST,   "/person-service-permissions",              Token,            person_grants::grant_permission),
        route(DELETE, "/person-service-permissions",              Token,            person_grants::revoke_permission),
        route(GET,    "/changes",                                 Token,            changes::list),
    ]
}
