//! The answers to requests that hyper cannot read.
//!
//! hyper answers them itself, with a status and no body, and has no hook for it. This stream lies
//! between hyper and the connection, and writes a problem document in place of such an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::kernel::http::error::Code;
use crate::kernel::http::respond::unrouted;

/// A connection on which every answer has a body that explains it.
#[derive(Debug)]
pub(super) struct Answered<S> {
    stream: S,
    /// The document that is being written in place of an answer of hyper.
    document: Option<Document>,
}

#[derive(Debug)]
struct Document {
    bytes: Vec<u8>,
    written: usize,
}

impl<S> Answered<S> {
    /// Wraps a connection.
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            document: None,
        }
    }
}

impl<S: AsyncWrite + Unpin> Answered<S> {
    /// Writes the rest of the document.
    fn poll_document(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(document) = &mut self.document {
            let rest = document.bytes.get(document.written..).unwrap_or_default();
            if rest.is_empty() {
                self.document = None;
                break;
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            document.written = document.written.saturating_add(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Answered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Answered<S> {
    /// Writes `bytes`. hyper repeats a call that is not ready, with the same bytes.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.document.is_none() {
            let Some(code) = bare_answer(bytes) else {
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            };
            tracing::info!(status = code.status().as_u16(), "a request is not readable");
            self.document = Some(Document {
                bytes: document(code, bytes),
                written: 0,
            });
        }
        ready!(self.poll_document(context))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper writes an answer without a body in one slice.
        match slices {
            [only] => self.poll_write(context, only),
            several if self.document.is_none() => {
                Pin::new(&mut self.stream).poll_write_vectored(context, several)
            }
            [first, ..] => self.poll_write(context, first),
            [] => Poll::Ready(Ok(0)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Returns the code for an answer of hyper to a request that it cannot read. Answers of the router
/// to such requests have a body.
fn bare_answer(bytes: &[u8]) -> Option<Code> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let code = match StatusCode::from_bytes(status).ok()? {
        StatusCode::BAD_REQUEST => Code::BadRequest,
        StatusCode::URI_TOO_LONG => Code::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::HeadersTooLarge,
        _ => return None,
    };
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    head.split("\r\n")
        .any(|line| line.eq_ignore_ascii_case("content-length: 0"))
        .then_some(code)
}

/// Returns the answer with the problem document. It has the date of `bare`, the answer of hyper.
fn document(code: Code, bare: &[u8]) -> Vec<u8> {
    let (parts, body) = unrouted(code).into_parts();
    let body = body.collect().now_or_never();
    let body = body.and_then(Result::ok).unwrap_or_default().to_bytes();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    let mut line = |parts: &[&[u8]]| {
        bytes.extend_from_slice(&parts.concat());
        bytes.extend_from_slice(b"\r\n");
    };
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH {
            line(&[name.as_ref(), b": ", value.as_bytes()]);
        }
    }
    let mut lines = bare.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if let Some(date) = lines.find(|each| each.starts_with(b"date:")) {
        line(&[date]);
    }
    line(&[b"content-length: ", body.len().to_string().as_bytes()]);
    line(&[b"connection: close"]);
    line(&[]);
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn only_an_answer_of_hyper_without_a_body_is_replaced() {
        let bare = |status: &str| {
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\ndate: Mon, 30 Nov\r\n\r\n")
        };
        let code = |text: &str| bare_answer(text.as_bytes());
        assert_eq!(code(&bare("400 Bad Request")), Some(Code::BadRequest));
        assert_eq!(code(&bare("414 URI Too Long")), Some(Code::UriTooLong));
        assert_eq!(code(&bare("431 x")), Some(Code::HeadersTooLarge));
        assert_eq!(code(&bare("404 Not Found")), None);
        assert_eq!(
            code("HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\n\r\n"),
            None
        );
        for text in ["", "HTTP/1.", "HTTP/1.1 400", "{}"] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_slow_connection_gets_the_whole_document() {
        let (here, mut there) = tokio::io::duplex(7);
        let bare = b"HTTP/1.1 431 x\r\ncontent-length: 0\r\ndate: Mon\r\n\r\n";
        let writer = tokio::spawn(async move {
            let mut stream = Answered::new(here);
            stream.write_all(bare).await?;
            stream.write_all(b"after").await
        });
        let mut text = String::new();
        there.read_to_string(&mut text).await.expect("a text");
        writer.await.expect("no panic").expect("written");
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
        assert!(text.contains("\r\ndate: Mon\r\n"), "{text}");
        assert!(text.contains("\"code\":\"headers_too_large\""), "{text}");
        assert!(text.ends_with("}after"), "{text}");
    }
}
