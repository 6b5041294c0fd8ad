//! Read replicas by D1's sessions: a request reads from a database near by, no older than what its caller last changed.
//!
//! With `D1_REPLICAS=on` each request has a session of its own. What it may read from a replica is for its route to say
//! ([`ReplicaReads`]); everything else goes to the primary. After a change the caller is told a bookmark, in a header and a cookie, and
//! presents it next time: so nobody misses their own change.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::d1::Database;
use crate::http::extract::ReplicaReads;

/// Reads from any replica, however old.
const UNCONSTRAINED: &str = "first-unconstrained";
/// Reads from the primary.
const PRIMARY: &str = "first-primary";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method, catch, js_name = withSession)]
    fn with_session(this: &Database, from: &str) -> Result<Database, JsValue>;
    #[wasm_bindgen(method, js_name = getBookmark)]
    fn get_bookmark(this: &Database) -> Option<String>;
}

/// The database as one request sees it.
pub(super) struct Session {
    reads: ReplicaReads,
    bookmark: Option<String>,
    opened: RefCell<Option<Opened>>,
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
    pub(super) fn new(reads: ReplicaReads, bookmark: Option<String>) -> Self {
        Self { reads, bookmark, opened: RefCell::default() }
    }

    /// The session of the request that is being worked on, if it has one.
    pub(super) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// What to ask: opened when it is asked for the first time, since the route has said by then whether a replica will do.
    pub(super) fn open(&self, database: &Database) -> Result<Database, JsValue> {
        let mut opened = self.opened.borrow_mut();
        if let Some(Opened { session, .. }) = opened.as_ref() {
            return Ok(session.clone());
        }
        let stale = self.reads.are_allowed();
        let from = if stale { self.bookmark.as_deref().unwrap_or(UNCONSTRAINED) } else { PRIMARY };
        let session = database.with_session(from)?;
        *opened = Some(Opened { session: session.clone(), stale });
        Ok(session)
    }

    /// From now on the primary is asked. Whether it was not before.
    pub(super) fn leave_replica(&self) -> bool {
        let stale = self.opened.borrow().as_ref().is_some_and(|opened| opened.stale);
        if stale {
            self.reads.forbid();
            *self.opened.borrow_mut() = None;
        }
        stale
    }

    /// Where the database stood after what the request did last; `None` if it asked nothing.
    pub(super) fn bookmark(&self) -> Option<String> {
        self.opened.borrow().as_ref()?.session.get_bookmark()
    }
}

/// A future with its session: [`Session::current`] while it is polled.
pub(super) struct Within<F> {
    session: Rc<Session>,
    future: Pin<Box<F>>,
}

impl<F> Within<F> {
    pub(super) fn new(session: Rc<Session>, future: F) -> Self {
        Self { session, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = CURRENT.replace(Some(self.session.clone()));
        let polled = self.future.as_mut().poll(context);
        CURRENT.set(before);
        polled
    }
}
