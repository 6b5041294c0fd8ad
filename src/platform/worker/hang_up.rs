//! Clients that hang up: their requests run to an end, and their passwords are not hashed.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::{AbortHandle, abortable, pending};
use worker::send::SendWrapper;
use worker::worker_sys::web_sys::AbortSignal;

use crate::kernel::http::extract::HangUp;

/// A request whose work goes on if its client hangs up. Dropping it ends that.
///
/// Otherwise workerd stops the work where it waits. Its future is then neither polled nor dropped,
/// and keeps its memory and its permits.
pub(super) struct KeptAlive(AbortHandle);

impl KeptAlive {
    /// Keeps the request of `context`.
    pub(super) fn new(context: &worker::Context) -> Self {
        let (work, end) = abortable(pending::<()>());
        context.wait_until(async {
            let _ = work.await;
        });
        Self(end)
    }
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns the answer to whether the client has hung up, from the signal of its request.
pub(super) fn of(signal: AbortSignal) -> HangUp {
    let signal = SendWrapper::new(signal);
    HangUp::new(move || signal.aborted())
}

thread_local! {
    /// The client of the request that the thread works on at this moment.
    static CURRENT: RefCell<Option<HangUp>> = const { RefCell::new(None) };
}

/// Returns the client of the request that the thread works on, if it works on a request.
pub(super) fn current() -> Option<HangUp> {
    CURRENT.with_borrow(Clone::clone)
}

/// A future of a request. While it is polled, [`current`] returns the request's client.
pub(super) struct OfClient<F> {
    pub(super) client: HangUp,
    pub(super) future: Pin<Box<F>>,
}

/// Restores the previous client when polling ends.
struct PreviousClient(Option<HangUp>);

impl Drop for PreviousClient {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl<F: Future> Future for OfClient<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _previous = PreviousClient(CURRENT.replace(Some(self.client.clone())));
        self.future.as_mut().poll(context)
    }
}
