//! A route: its method and path, who may call it, and its handler.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use crate::kernel::domain::rate_limit::RateClass;

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody. What is returned depends on nobody, or on a secret in the body.
    Anyone,
    /// Whoever presents a live credential; for objects with an id, their owner.
    SignedIn,
    /// Whoever presents a live session token.
    Session,
    /// Whoever signed in within the last ten minutes.
    RecentlySignedIn,
    /// An internal service with its key.
    Service,
    /// Whoever presents a token of the authorization service. What they need besides is for the use case to see, with what it reads.
    Token,
}

/// What is known of a route.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
}

/// A route of a system whose handlers share the state `S`.
pub struct Route<S> {
    /// What is known of it.
    pub facts: Facts,
    /// The handler.
    pub handler: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Hands the handler its state.
    #[must_use]
    pub fn with_state(self, state: S) -> Route<()> {
        Route {
            facts: self.facts,
            handler: self.handler.with_state(state),
        }
    }
}

impl Facts {
    /// How often an address may call it; `None`: as often as it likes. Signing in is what stands below `/api/auth/` with POST, and whatever
    /// else changes something for somebody who is not signed in.
    #[must_use]
    pub fn rate_class(&self) -> Option<RateClass> {
        let open = self.access == Access::Anyone && !self.method.is_safe();
        let signs_in = self.method == Method::POST && self.path.starts_with("/api/auth/");
        // Services are few and known, and their visitors' addresses are not theirs: also those that present a token of the authorization
        // service. The rest, outside of the API, asks nobody anything.
        let limited = (self.path.starts_with("/api/") || is_authorization(self.path))
            && !matches!(self.access, Access::Service | Access::Token);
        limited.then_some(if open || signs_in {
            RateClass::SignIn
        } else {
            RateClass::Public
        })
    }
}

/// Whether a path is one of the authorization service's, whose errors have a form of their own.
#[must_use]
pub fn is_authorization(path: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "/auth/",
        "/check",
        "/users",
        "/roles",
        "/permissions",
        "/role-permissions",
        "/services",
        "/service-",
        "/person-",
        "/people/",
        "/explain",
        "/changes",
        "/access/",
        "/oauth/",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| path.starts_with(beginning))
}

impl Facts {
    /// Whether a replica may answer it (`D1_REPLICAS`): it shows somebody who is signed in what is theirs. Not what says of a credential that it
    /// is good, since others rely on it; no CSRF token; not all that there is at once.
    #[must_use]
    pub fn may_be_stale(&self) -> bool {
        let relied_on = self.path.ends_with("/validate")
            || self.path.ends_with("/export")
            || self.path.ends_with("/csrf");
        self.method == Method::GET && self.access == Access::SignedIn && !relied_on
    }
}

/// A row of the table.
pub fn route<H, T, S>(method: Method, path: &'static str, access: Access, handler: H) -> Route<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    let filter = match method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    Route {
        facts: Facts {
            method,
            path,
            access,
        },
        handler: on(filter, handler),
    }
}
