//! Read replicas by D1's sessions: a request reads from a database near by, no older than what its caller last changed.
//!
//! With `D1_REPLICAS=on` each request has a session of its own. What it may read from a replica is for its route to say
//! ([`ReplicaReads`]); everything else begins at the primary. After a change the caller is told a bookmark, in a header and a cookie, and
//! presents it next time: so nobody misses their own change. A replica may say yes, only the primary says no: what was refused is asked again.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::accounts::http::cookie::Shape;
use crate::kernel::http::extract::ReplicaReads;
use crate::kernel::http::middleware::replicas::{BOOKMARK, Presented, presented};
use crate::kernel::store::Statement;
use crate::platform::worker::d1::Database;
use crate::platform::worker::{Isolate, routed};

/// Reads from any replica, however old.
const UNCONSTRAINED: &str = "first-unconstrained";
/// Reads what is no older than the primary was when it was asked first.
const PRIMARY: &str = "first-primary";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method, catch, js_name = withSession)]
    fn with_session(this: &Database, from: &str) -> Result<Database, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getBookmark)]
    fn get_bookmark(this: &Database) -> Result<Option<String>, JsValue>;
}

/// Answers a request where there are replicas.
pub(super) async fn answered(isolate: &Isolate, mut request: Request<Body>) -> Response {
    let shape = Shape::of(
        &isolate.ports.accounts.config,
        request.uri(),
        request.headers(),
    );
    let bookmark = match presented(request.headers(), || {
        shape.bookmarks(request.headers()).collect()
    }) {
        Presented::Bookmark(bookmark) => Some(bookmark),
        Presented::Doubtful if request.method().is_safe() => return routed(isolate, request).await,
        _ => None,
    };
    let again = request.method().is_safe().then(|| copy(&request));
    let internal = request.uri().path().starts_with("/api/internal/");
    let reads = ReplicaReads::default();
    request.extensions_mut().insert(reads.clone());
    let session = Rc::new(Session {
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
            // A service has no cookies; its visitors' are not its own.
            if !internal {
                response
                    .headers_mut()
                    .append(header::SET_COOKIE, shape.set_bookmark(&bookmark));
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

/// A request without a body, once more.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

/// The database as one request sees it.
pub(super) struct Session {
    reads: ReplicaReads,
    bookmark: Option<String>,
    /// Whether it is a request that may change something.
    changes: bool,
    opened: RefCell<Option<Opened>>,
    /// Whether something was written: then nothing may be done twice.
    wrote: Cell<bool>,
}

struct Opened {
    session: Database,
    stale: bool,
}

thread_local! {
    /// The session of the request that is being worked on at this moment.
    static CURRENT: RefCell<Option<Rc<Session>>> = const { RefCell::new(None) };
}

impl Session {
    /// The session of the request that is being worked on, if it has one.
    pub(super) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// What to ask for `statements`: opened when it is asked for the first time, since the route has said by then whether a replica will do.
    /// `None` for the database itself: the primary.
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

    /// Whether all that was done is reading, some of it perhaps from a replica.
    fn read_a_replica(&self) -> bool {
        !self.wrote.get()
            && self
                .opened
                .borrow()
                .as_ref()
                .is_some_and(|opened| opened.stale)
    }

    /// Where the database stood after what the request did last; `None` if it asked nothing.
    fn bookmark(&self) -> Option<String> {
        self.opened.borrow().as_ref()?.session.get_bookmark().ok()?
    }
}

/// A future with its session: [`Session::current`] while it is polled.
struct Within<F> {
    session: Rc<Session>,
    future: Pin<Box<F>>,
}

/// Puts back what was current before, however the polling ends.
struct Before(Option<Rc<Session>>);

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
