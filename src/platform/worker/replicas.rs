//! Read replicas by D1's Sessions API: a request reads from a nearby database that has the caller's
//! last change.
//!
//! With `D1_REPLICAS=on` each request has its own D1 session. The route decides whether the request
//! may read from a replica ([`ReplicaReads`]). Every other request starts at the primary. After a
//! change the response carries a bookmark in a header and a cookie. The caller sends it with the
//! next request, and so always sees the change. A refusal that rests on a replica is checked again
//! at the primary.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use wasm_bindgen::JsValue;

use crate::accounts::http::cookie::SessionCookie;
use crate::kernel::http::extract::ReplicaReads;
use crate::kernel::http::middleware::replicas::{BOOKMARK, PresentedBookmark, presented};
use crate::kernel::store::Statement;
use crate::platform::worker::binding::Database;
use crate::platform::worker::{Isolate, routed};

/// Reads from any replica, however old.
const UNCONSTRAINED: &str = "first-unconstrained";
/// Reads from a database that is at least as new as the primary was at the first question.
const PRIMARY: &str = "first-primary";

/// Answers a request with read replicas enabled.
pub(super) async fn answered(isolate: &Isolate, mut request: Request<Body>) -> Response {
    let cookie = SessionCookie::for_request(
        &isolate.ports.accounts.config,
        request.uri(),
        request.headers(),
    );
    let bookmark = match presented(request.headers(), || {
        cookie.bookmarks(request.headers()).collect()
    }) {
        PresentedBookmark::Bookmark(bookmark) => Some(bookmark),
        PresentedBookmark::Doubtful if request.method().is_safe() => {
            return routed(isolate, request).await;
        }
        _ => None,
    };
    let again = request.method().is_safe().then(|| copy(&request));
    let internal = request.uri().path().starts_with("/api/internal/");
    let reads = ReplicaReads::default();
    request.extensions_mut().insert(reads.clone());
    let session = Rc::new(ReplicaSession {
        reads,
        bookmark,
        changes: again.is_none(),
        opened: RefCell::default(),
        wrote: Cell::new(false),
    });
    let mut response = Within {
        session: session.clone(),
        future: Box::pin(routed(isolate, request)),
    }
    .await;
    let Some(again) = again else {
        if let Some(bookmark) = session.bookmark() {
            if let Ok(value) = HeaderValue::from_str(&bookmark) {
                response.headers_mut().insert(BOOKMARK, value);
            }
            // An internal service has no cookies of its own. The cookies that it forwards are its
            // visitors'.
            if !internal {
                response
                    .headers_mut()
                    .append(header::SET_COOKIE, cookie.set_bookmark(&bookmark));
            }
        }
        return response;
    };
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && session.read_a_replica() {
        routed(isolate, again).await
    } else {
        response
    }
}

/// Returns a copy of a request that has no body.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

/// The D1 session of one request.
pub(super) struct ReplicaSession {
    reads: ReplicaReads,
    bookmark: Option<String>,
    /// True if the request's method may change state.
    changes: bool,
    opened: RefCell<Option<Opened>>,
    /// True once the request wrote to the database. It must not run a second time then.
    wrote: Cell<bool>,
}

struct Opened {
    session: Database,
    stale: bool,
}

thread_local! {
    /// The session of the request that the thread works on at this moment.
    static CURRENT: RefCell<Option<Rc<ReplicaSession>>> = const { RefCell::new(None) };
}

impl ReplicaSession {
    /// Returns the session of the request that the thread works on, if it has one.
    pub(super) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Returns the D1 session for `statements`, or `None` for the primary.
    ///
    /// The session is opened at the first batch, when the route has decided whether a replica will
    /// do.
    pub(super) fn open(
        &self,
        database: &Database,
        statements: &[Statement],
    ) -> Result<Option<Database>, JsValue> {
        if statements
            .iter()
            .any(|statement| !statement.sql.starts_with("SELECT"))
        {
            self.wrote.set(true);
        }
        let mut opened = self.opened.borrow_mut();
        if let Some(Opened { session, .. }) = opened.as_ref() {
            return Ok(Some(session.clone()));
        }
        let stale = self.reads.are_allowed();
        if !stale && !self.changes {
            return Ok(None);
        }
        let session = database.with_session(if stale {
            self.bookmark.as_deref().unwrap_or(UNCONSTRAINED)
        } else {
            PRIMARY
        })?;
        *opened = Some(Opened {
            session: session.clone(),
            stale,
        });
        Ok(Some(session))
    }

    /// Returns true if the request only read, perhaps from a replica.
    fn read_a_replica(&self) -> bool {
        !self.wrote.get()
            && self
                .opened
                .borrow()
                .as_ref()
                .is_some_and(|opened| opened.stale)
    }

    /// Returns the bookmark after the request's last batch, or `None` if the request ran no batch.
    fn bookmark(&self) -> Option<String> {
        self.opened.borrow().as_ref()?.session.get_bookmark().ok()?
    }
}

/// A future with its session, which is [`ReplicaSession::current`] while the future is polled.
struct Within<F> {
    session: Rc<ReplicaSession>,
    future: Pin<Box<F>>,
}

/// Restores the previous current session when polling ends, also after a panic.
struct Before(Option<Rc<ReplicaSession>>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _before = Before(CURRENT.replace(Some(self.session.clone())));
        self.future.as_mut().poll(context)
    }
}
