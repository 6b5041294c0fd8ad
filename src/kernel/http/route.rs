//! The declaration of a route: its method, path, access, error codes and handler.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use crate::kernel::domain::rate_limit::RateClass;
use crate::kernel::http::error::Code;

/// The largest body in bytes, unless the route accepts larger ones.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The credential that a route demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// None. The response depends on no account, or on a secret in the body.
    Anyone,
    /// A live session or access token. An object with an id must belong to the caller.
    SignedIn,
    /// A live session token.
    Session,
    /// A live session or access token of a caller who has authenticated recently
    /// (`RECENT_AUTHENTICATION_SECONDS`).
    RecentlySignedIn,
    /// The key of an internal service.
    Service,
    /// A token of the authorization service. The use case checks the caller's permissions, because
    /// it reads them with its other data.
    Token,
}

/// The form of the error responses of a group of routes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ErrorForm {
    /// A problem document. Its member `error` repeats the sentence for users.
    #[default]
    Problem,
    /// The form of the authorization service: the member `error` holds the code.
    Flat,
}

/// The media types that a group of routes accepts in a body.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BodyForm {
    /// JSON.
    #[default]
    Json,
    /// JSON or a form (RFC 7662, RFC 7009). Only routes that no browser can call may accept forms.
    JsonOrForm,
}

/// What a route does with the `X-Request-ID` of a request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RequestIds {
    /// The route takes over an id of a strict form. It replaces every other id by one of its own.
    #[default]
    OnlyWellFormed,
    /// The route answers with the id as the client sent it (`AuthZEN` 1.0 §10.1.3). The log and the
    /// body of an error have an id of the service if the form is not strict.
    Echoed,
}

/// The facts about a route, without its handler.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// The credential that the route demands.
    pub access: Access,
    /// The class of the rate limit per address. `None`: the route is not limited.
    pub limit: Option<RateClass>,
    /// Whether the route may read from a replica (`D1_REPLICAS`).
    pub reads_from_replica: bool,
    /// Whether the route accepts a session from an unfinished account recovery.
    pub open_to_recovery: bool,
    /// The path of the route that this route is another name for.
    pub alias_of: Option<&'static str>,
    /// The codes of the route's own errors. The access, the method, the body and the group imply
    /// further codes.
    pub codes: &'static [Code],
    /// The codes that every route of the group may answer.
    pub group_codes: &'static [Code],
    /// The form of the error responses.
    pub errors: ErrorForm,
    /// The media types that the route accepts in a body.
    pub bodies: BodyForm,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// What the route does with the id of a request.
    pub request_ids: RequestIds,
    /// Returns the description of the handler. The Worker does not carry the descriptions.
    #[cfg(not(target_arch = "wasm32"))]
    pub describe: fn() -> utoipa::openapi::OpenApi,
}

/// A route of a system whose handlers share the state `S`.
#[derive(Clone)]
pub struct Route<S> {
    /// The facts about the route.
    pub facts: Facts,
    /// The handler.
    pub handler: MethodRouter<S>,
    /// Further paths of the same handler.
    aliases: &'static [&'static str],
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Declares a route. [`crate::route!`] adds the codes and the description.
    pub fn new<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        Self {
            facts: Facts {
                method,
                path,
                access,
                limit: None,
                reads_from_replica: false,
                open_to_recovery: false,
                alias_of: None,
                codes: &[],
                group_codes: &[],
                errors: ErrorForm::default(),
                bodies: BodyForm::default(),
                body_limit: BODY_LIMIT,
                request_ids: RequestIds::default(),
                #[cfg(not(target_arch = "wasm32"))]
                describe: utoipa::openapi::OpenApi::default,
            },
            handler: on(filter, handler),
            aliases: &[],
        }
    }

    /// Declares the codes of the route's own errors.
    #[must_use]
    pub fn gives(mut self, codes: &'static [Code]) -> Self {
        self.facts.codes = codes;
        self
    }

    /// Attaches the description of the handler.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn described(mut self, describe: fn() -> utoipa::openapi::OpenApi) -> Self {
        self.facts.describe = describe;
        self
    }

    /// Counts the route's requests in another class than its group would.
    #[must_use]
    pub fn limited(mut self, class: RateClass) -> Self {
        self.facts.limit = Some(class);
        self
    }

    /// Lets the route read from a replica. It must only show callers their own data.
    ///
    /// Three kinds of GET stay at the primary: the validation of a credential (other services act
    /// on the answer), the CSRF token, and the export.
    #[must_use]
    pub fn reads_from_replica(mut self) -> Self {
        self.facts.reads_from_replica = true;
        self
    }

    /// Declares that the handler accepts a session from an unfinished account recovery.
    #[must_use]
    pub fn open_to_recovery(mut self) -> Self {
        self.facts.open_to_recovery = true;
        self
    }

    /// Accepts bodies of up to `bytes`, at most 1 MiB.
    #[must_use]
    pub fn accepts_up_to(mut self, bytes: usize) -> Self {
        self.facts.body_limit = bytes;
        self
    }

    /// Answers with the id of a request as the client sent it.
    #[must_use]
    pub fn echoes_request_id(mut self) -> Self {
        self.facts.request_ids = RequestIds::Echoed;
        self
    }

    /// Serves the handler at further paths, which clients use too (CONTRACT §7).
    #[must_use]
    pub fn also_at(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Hands the handler its state.
    #[must_use]
    pub fn with_state(self, state: S) -> Route<()> {
        Route {
            facts: self.facts,
            handler: self.handler.with_state(state),
            aliases: self.aliases,
        }
    }
}

/// Routes with the same error form, body form and rate limit.
#[derive(Default)]
pub struct Group {
    errors: ErrorForm,
    bodies: BodyForm,
    limited: bool,
    codes: &'static [Code],
}

impl Group {
    /// Starts a group of routes with one form of errors.
    #[must_use]
    pub fn new(errors: ErrorForm) -> Self {
        Self {
            errors,
            ..Self::default()
        }
    }

    /// Lets the routes accept forms beside JSON.
    #[must_use]
    pub fn accepting_forms(mut self) -> Self {
        self.bodies = BodyForm::JsonOrForm;
        self
    }

    /// Limits the requests per address. A route that changes something without a credential counts
    /// as a sign-in.
    ///
    /// Routes for internal services stay unlimited, because services are few and known, and send
    /// the requests of many visitors from one address. Routes with a token of the authorization
    /// service count only refused tokens for the same reason.
    #[must_use]
    pub fn limited(mut self) -> Self {
        self.limited = true;
        self
    }

    /// Declares codes that every route of the group may answer.
    #[must_use]
    pub fn all_give(mut self, codes: &'static [Code]) -> Self {
        self.codes = codes;
        self
    }

    /// Returns the routes of the group, each alias as a route of its own.
    #[must_use]
    pub fn routes<S: Clone>(self, routes: Vec<Route<S>>) -> Vec<Route<S>> {
        let mut all = Vec::with_capacity(routes.len());
        for mut route in routes {
            route.facts.limit = route.facts.limit.or_else(|| self.limit_of(&route.facts));
            route.facts.group_codes = self.codes;
            route.facts.errors = self.errors;
            route.facts.bodies = self.bodies;
            for path in route.aliases {
                let mut alias = route.clone();
                alias.facts.alias_of = Some(route.facts.path);
                alias.facts.path = path;
                all.push(alias);
            }
            all.push(route);
        }
        all
    }

    fn limit_of(&self, facts: &Facts) -> Option<RateClass> {
        match facts.access {
            Access::Service => None,
            _ if !self.limited => None,
            Access::Token => Some(RateClass::RefusedToken),
            Access::Anyone if !facts.method.is_safe() => Some(RateClass::SignIn),
            _ => Some(RateClass::Public),
        }
    }
}

/// Declares a route by its method, path, access, handler and codes.
///
/// Natively the row also carries the description that `#[utoipa::path]` made of the handler.
#[macro_export]
macro_rules! route {
    ($method:ident $path:literal, $access:ident, $module:ident::$handler:ident
        $(, [$($code:ident),+ $(,)?])?) => {{
        let route = $crate::kernel::http::route::Route::new(
            ::http::Method::$method,
            $path,
            $crate::kernel::http::route::Access::$access,
            $module::$handler,
        )
        .gives(&[$($($crate::kernel::http::error::Code::$code),+)?]);
        #[cfg(not(target_arch = "wasm32"))]
        let route = route.described(|| {
            #[derive(utoipa::OpenApi)]
            #[openapi(paths($module::$handler))]
            struct Description;
            <Description as utoipa::OpenApi>::openapi()
        });
        route
    }};
}
