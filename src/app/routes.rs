//! The router: the routes of all systems, with the middleware around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use tower_http::cors::CorsLayer;

use crate::accounts;
use crate::app::ports::Ports;
use crate::app::{docs, health};
use crate::authorization;
use crate::authorization::http::refused_tokens;
use crate::authorization::http::refused_tokens::RefusedTokens;
use crate::kernel::domain::rate_limit::RateClass;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::middleware::body::BodyRules;
use crate::kernel::http::middleware::rate_limit::RateLimit;
use crate::kernel::http::middleware::{
    body, cors, internal_key, rate_limit, replicas, same_origin,
};
use crate::kernel::http::respond::Responses;
use crate::kernel::http::route::{Access, ErrorForm, Facts, Group, RequestIds, Route};
use crate::kernel::http::{KernelState, respond};
use crate::relay;
use crate::route;

/// Returns the routes of the service itself.
#[rustfmt::skip]
fn service_routes() -> Vec<Route<KernelState>> {
    Group::new(ErrorForm::Problem).routes(vec![
        route!(GET "/", Anyone, health::root),
        route!(GET "/health", Anyone, health::alive),
        route!(GET "/ready", Anyone, health::ready, [Unavailable]),
        route!(GET "/openapi.json", Anyone, docs::openapi),
        route!(GET "/docs", Anyone, docs::page),
        route!(GET "/docs.css", Anyone, docs::style),
    ])
}

/// Returns the facts about every route of every system.
#[must_use]
pub fn table() -> Vec<Facts> {
    let service = service_routes().into_iter().map(|route| route.facts);
    let accounts = accounts::routes::routes();
    let authorization = authorization::routes::routes();
    let relay = relay::routes::routes();
    service
        .chain(accounts.into_iter().map(|route| route.facts))
        .chain(authorization.into_iter().map(|route| route.facts))
        .chain(relay.into_iter().map(|route| route.facts))
        .collect()
}

/// Builds the router over `ports`: once per process or isolate, cloned per request.
pub fn router(ports: Ports) -> Router {
    let app = KernelState {
        ports: ports.kernel,
    };
    let around = Around {
        cors: cors::layer(&app.ports.config),
        refused_tokens: RefusedTokens::new(app.clone()),
        app,
    };
    let in_accounts = accounts::http::AccountsState {
        ports: ports.accounts,
    };
    let in_authorization = authorization::http::App {
        ports: ports.authorization,
    };
    let relay_routes = if ports.relay.config.enabled {
        relay::routes::routes()
    } else {
        Vec::new()
    };
    let in_relay = relay::http::RelayState {
        ports: ports.relay,
        door: ports.door,
    };
    with_state(service_routes(), &around.app)
        .into_iter()
        .chain(with_state(accounts::routes::routes(), &in_accounts))
        .chain(with_state(
            authorization::routes::routes(),
            &in_authorization,
        ))
        .chain(with_state(relay_routes, &in_relay))
        .fold(around.unrouted(), |router, route| {
            router.route(route.facts.path, around.route(route))
        })
        .layer(DefaultBodyLimit::max(body::READ_LIMIT))
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

/// The state of the middleware around every route.
struct Around {
    app: KernelState,
    cors: Arc<CorsLayer>,
    refused_tokens: RefusedTokens,
}

impl Around {
    /// Adds to a route the middleware that its facts ask for. The last layer sees a request first.
    fn route(&self, route: Route<()>) -> MethodRouter {
        let Route { facts, handler, .. } = route;
        let mut handler = handler;
        if facts.reads_from_replica && self.app.ports.config.d1_replicas {
            handler = handler.route_layer(from_fn(replicas::allow_replica));
        }
        if facts.access == Access::Service {
            handler = handler.layer(from_fn_with_state(
                self.app.clone(),
                internal_key::require_internal_key,
            ));
        } else {
            if facts.limit == Some(RateClass::RefusedToken) {
                handler = handler.layer(from_fn_with_state(
                    self.refused_tokens.clone(),
                    refused_tokens::limit_refused_tokens,
                ));
            } else if let Some(class) = facts.limit {
                handler = handler.layer(from_fn_with_state(
                    RateLimit {
                        app: self.app.clone(),
                        class,
                    },
                    rate_limit::limit_rate,
                ));
            }
            handler = handler.layer(from_fn_with_state(
                self.app.clone(),
                same_origin::require_same_origin,
            ));
        }
        let rules = BodyRules::from(&facts);
        handler = handler.layer(from_fn_with_state(rules, body::read_body));
        // A page can read a refusal only with CORS headers, so this layer is around all that refuse.
        if facts.access != Access::Service {
            handler = handler.layer(from_fn_with_state(self.cors.clone(), cors::add_headers));
        }
        handler.layer(from_fn_with_state(self.responses(&facts), respond::respond))
    }

    /// Returns the state of the outermost middleware.
    fn responses(&self, facts: &Facts) -> Responses {
        Responses {
            app: self.app.clone(),
            errors: facts.errors,
            request_ids: facts.request_ids,
        }
    }

    /// Returns a router that answers every request with 404.
    fn unrouted(&self) -> Router {
        Router::new()
            .fallback(|| async { ApiError::from(Code::NotFound) })
            .layer(from_fn_with_state(BodyRules::default(), body::read_body))
            .layer(from_fn_with_state(self.cors.clone(), cors::add_headers))
            .layer(from_fn_with_state(
                Responses {
                    app: self.app.clone(),
                    errors: ErrorForm::Problem,
                    request_ids: RequestIds::default(),
                },
                respond::respond,
            ))
    }
}
