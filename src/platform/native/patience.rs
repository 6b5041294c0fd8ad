//! How long a connection may leave what the server writes unread: longer for a WebSocket, whose hub
//! sees by itself that a client does not read.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// How long a client may leave a response unread.
const RESPONSE: Duration = Duration::from_secs(20);
/// How long the client of a WebSocket may leave it unread. The hub closes it before.
const SOCKET: Duration = Duration::from_secs(90);

/// Marks a connection that has become a WebSocket.
#[derive(Clone, Debug, Default)]
pub(super) struct Upgraded(Arc<AtomicBool>);

impl Upgraded {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a connection holds until its end, also as a WebSocket: its places among the connections.
#[derive(Clone)]
pub(super) struct ConnectionHold {
    upgraded: Upgraded,
    _places: Arc<dyn Any + Send + Sync>,
}

impl ConnectionHold {
    pub(super) fn new(places: impl Any + Send + Sync) -> Self {
        Self {
            upgraded: Upgraded::default(),
            _places: Arc::new(places),
        }
    }

    pub(super) fn upgraded(&self) -> Upgraded {
        self.upgraded.clone()
    }
}

/// A connection that ends if its client does not read.
#[derive(Debug)]
pub(super) struct PatientStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    upgraded: Upgraded,
    is_socket: bool,
}

impl PatientStream {
    pub(super) fn new(stream: TcpStream, upgraded: Upgraded) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(RESPONSE));
        Self {
            stream: Box::pin(stream),
            upgraded,
            is_socket: false,
        }
    }

    fn writer(&mut self) -> Pin<&mut TimeoutStream<TcpStream>> {
        if !self.is_socket && self.upgraded.0.load(Ordering::Relaxed) {
            self.is_socket = true;
            self.stream.as_mut().set_write_timeout_pinned(Some(SOCKET));
        }
        self.stream.as_mut()
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}
