//! The router: the routes of all systems, with the middleware around them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use http::Method;

use crate::accounts;
use crate::app::ports::Ports;
use crate::app::{docs, health};
use crate::authorization;
use crate::authorization::http::middleware as authorization_errors;
use crate::kernel::domain::rate_limit::RateClass;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::route::{Access, Facts, Route, is_authorization, route};
use crate::kernel::http::{App, middleware, respond};

/// Returns the routes of the service itself.
#[must_use]
#[rustfmt::skip]
fn service_routes() -> Vec<Route<App>> {
    use Access::Anyone;

    const GET: Method = Method::GET;
    vec![
        // The service itself.
        route(GET,    "/",                                        Anyone,           health::root),
        route(GET,    "/health",                                  Anyone,           health::alive),
        route(GET,    "/ready",                                   Anyone,           health::ready),
        route(GET,    "/openapi.json",                            Anyone,           docs::openapi),
        route(GET,    "/docs",                                    Anyone,           docs::page),
        route(GET,    "/docs.css",                                Anyone,           docs::style),
    ]
}

/// Returns what is known of every route.
#[must_use]
pub fn table() -> Vec<Facts> {
    let mut table: Vec<Facts> = service_routes()
        .into_iter()
        .map(|route| route.facts)
        .collect();
    table.extend(
        accounts::routes::routes()
            .into_iter()
            .map(|route| route.facts),
    );
    table.extend(
        authorization::routes::routes()
            .into_iter()
            .map(|route| route.facts),
    );
    table
}

/// Builds the router over `ports`: once per process or isolate, cloned per request.
pub fn router(ports: Ports) -> Router {
    let app = App {
        ports: ports.kernel,
    };
    let in_accounts = accounts::http::App {
        ports: ports.accounts,
    };
    let in_authorization = authorization::http::App {
        ports: ports.authorization,
    };
    let mut routes: Vec<Route<()>> = with_state(service_routes(), &app);
    routes.extend(with_state(accounts::routes::routes(), &in_accounts));
    routes.extend(with_state(
        authorization::routes::routes(),
        &in_authorization,
    ));

    let replicas = app.ports.config.d1_replicas;
    let (internal, public): (Vec<_>, Vec<_>) = routes
        .into_iter()
        .partition(|route| route.facts.access == Access::Service);
    let internal = mount(internal, replicas).route_layer(from_fn_with_state(
        app.clone(),
        middleware::internal_key::gate,
    ));
    let (limited, unlimited): (Vec<_>, Vec<_>) = public
        .into_iter()
        .partition(|route| route.facts.rate_class().is_some());
    let (sign_in, api): (Vec<_>, Vec<_>) = limited
        .into_iter()
        .partition(|route| route.facts.rate_class() == Some(RateClass::SignIn));
    let limited = |routes, class| {
        mount(routes, replicas).route_layer(from_fn_with_state(
            (app.clone(), class),
            middleware::rate_limit::gate,
        ))
    };
    let public = mount(unlimited, replicas)
        .merge(limited(sign_in, RateClass::SignIn))
        .merge(limited(api, RateClass::Public))
        .route_layer(from_fn_with_state(
            app.clone(),
            middleware::same_origin::gate,
        ))
        .fallback(|| async { ApiError::from(Code::NotFound) })
        .layer(from_fn_with_state(
            middleware::cors::layer(&app.ports.config),
            middleware::cors::gate,
        ));
    internal
        .merge(public)
        .layer(from_fn(middleware::body::gate))
        .layer(DefaultBodyLimit::max(middleware::body::BODY_LIMIT))
        .layer(from_fn_with_state(app, respond::respond))
}

fn with_state<S: Clone + Send + Sync + 'static>(
    routes: Vec<Route<S>>,
    state: &S,
) -> Vec<Route<()>> {
    routes
        .into_iter()
        .map(|route| route.with_state(state.clone()))
        .collect()
}

fn mount(routes: Vec<Route<()>>, replicas: bool) -> Router {
    routes
        .into_iter()
        .fold(Router::new(), |router, Route { facts, handler }| {
            let handler = if is_authorization(facts.path) {
                handler.route_layer(from_fn(authorization_errors::gate))
            } else if replicas && facts.may_be_stale() {
                handler.route_layer(from_fn(middleware::replicas::gate))
            } else {
                handler
            };
            router.route(facts.path, handler)
        })
}
