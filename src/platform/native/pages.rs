//! The pages on the native server. It serves the files that Cloudflare serves as static assets at
//! the edge, with the headers of the same `_headers` file.
//!
//! They are built by `make pages`. Each block of `_headers` names one file, and a file without a
//! block is not served. Without the folder, neither `/account` nor `/admin` exists, and the API
//! answers all other requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tower_http::services::ServeDir;

use crate::kernel::http::error::Code;
use crate::kernel::http::respond::unrouted;

/// The pages of a folder.
#[derive(Clone)]
pub(super) struct Pages {
    files: ServeDir,
    /// The headers of each page, by its path.
    headers: Arc<HashMap<String, HeaderMap>>,
}

impl Pages {
    /// Reads the folder's `_headers`. Serves nothing if a file is missing or has no
    /// Content-Security-Policy, because a page is never served without its policy.
    pub(super) fn read(folder: &Path) -> Self {
        let rules = std::fs::read_to_string(folder.join("_headers")).unwrap_or_default();
        let mut headers = headers_by_path(&rules);
        let complete = headers.iter().all(|(path, headers)| {
            headers.contains_key(header::CONTENT_SECURITY_POLICY)
                && folder.join(file_of(path)).is_file()
        });
        if !complete {
            headers.clear();
        }
        // An HTML file is found without its extension, as at the edge.
        let files = ServeDir::new(folder)
            .html_as_default_extension(true)
            .append_index_html_on_directories(false);
        Self {
            files,
            headers: Arc::new(headers),
        }
    }

    /// Returns true if no page is served.
    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Returns the answer to a request for a page, or `None` if the request is not for one.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = request.uri().path();
        let Some(page_headers) = self.headers.get(path) else {
            let page = path
                .strip_suffix(".html")
                .or_else(|| path.strip_suffix('/'))?;
            // A page has one address, as at the edge.
            let is_page = self.headers.contains_key(page) && !page.contains('.');
            return is_page.then(|| {
                (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, page)]).into_response()
            });
        };
        let mut asked = Request::new(Body::empty());
        asked.method_mut().clone_from(request.method());
        asked.uri_mut().clone_from(request.uri());
        asked.headers_mut().clone_from(request.headers());
        let mut response = match self.files.clone().try_call(asked).await {
            Ok(served) => served.map(Body::new),
            Err(error) => {
                tracing::error!(%error, path, "a page could not be read");
                return Some(unrouted(Code::Internal));
            }
        };
        let headers = response.headers_mut();
        if let Some(kind) = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .filter(|kind| kind.starts_with("text/"))
            && let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=utf-8"))
        {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.extend(page_headers.clone());
        Some(response)
    }
}

/// Returns the file of a path. The path of an HTML page has no extension.
fn file_of(path: &str) -> String {
    let name = path.trim_start_matches('/');
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.html")
    }
}

/// Reads Cloudflare's `_headers`: a line with a path, then indented lines of `Name: value`.
fn headers_by_path(rules: &str) -> HashMap<String, HeaderMap> {
    let mut by_path: HashMap<String, HeaderMap> = HashMap::new();
    let mut path = String::new();
    for line in rules
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        if line.starts_with('/') {
            line.trim().clone_into(&mut path);
            by_path.entry(path.clone()).or_default();
        } else if let (Some(headers), Some((name, value))) =
            (by_path.get_mut(&path), line.split_once(':'))
            && let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.trim().as_bytes()),
                HeaderValue::from_str(value.trim()),
            )
        {
            headers.append(name, value);
        }
    }
    by_path
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "\
# why
/page
  Content-Security-Policy: default-src 'none'
  # not this
  B: x: y

/page.js
  Content-Security-Policy: default-src 'none'
";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    async fn ask(pages: &Pages, path: &str) -> Option<(u16, Option<String>, Option<String>)> {
        let answer = pages
            .answer(&Request::get(path).body(()).expect("a request"))
            .await?;
        let header = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
                .map(str::to_owned)
        };
        Some((
            answer.status().as_u16(),
            header(header::CONTENT_TYPE),
            header(header::CONTENT_SECURITY_POLICY),
        ))
    }

    #[test]
    fn headers_are_those_of_the_path() {
        let headers = headers_by_path(RULES);
        assert_eq!(
            (
                headers.len(),
                headers["/page"].len(),
                headers["/page.js"].len()
            ),
            (2, 2, 1)
        );
        assert_eq!(
            headers["/page"].get("b").map(HeaderValue::as_bytes),
            Some(b"x: y".as_slice())
        );
    }

    #[tokio::test]
    async fn only_files_with_a_block_are_served_and_with_their_policy() {
        let folder = folder(&[
            ("_headers", RULES),
            ("page.html", "<p>"),
            ("page.js", ""),
            ("page.js.map", ""),
            ("other.html", ""),
        ]);
        let pages = Pages::read(folder.path());
        let policy = Some("default-src 'none'".to_owned());
        assert_eq!(
            ask(&pages, "/page").await,
            Some((
                200,
                Some("text/html; charset=utf-8".to_owned()),
                policy.clone()
            ))
        );
        assert_eq!(
            ask(&pages, "/page.js").await,
            Some((
                200,
                Some("text/javascript; charset=utf-8".to_owned()),
                policy
            ))
        );
        for path in ["/page.html", "/page/"] {
            assert_eq!(
                ask(&pages, path).await.map(|(status, ..)| status),
                Some(307),
                "{path}"
            );
        }
        for path in [
            "/",
            "/_headers",
            "/other",
            "/other.html",
            "/page.js.map",
            "/page.js/",
            "/%70age",
            "//page",
            "/../page",
            "/x/../page",
        ] {
            assert_eq!(ask(&pages, path).await, None, "{path}");
        }
        assert!(
            pages
                .answer(&Request::post("/page").body(()).expect("a request"))
                .await
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_page_that_has_not_changed_is_not_sent_again() {
        let folder = folder(&[("_headers", RULES), ("page.html", "<p>"), ("page.js", "")]);
        let pages = Pages::read(folder.path());
        let first = pages
            .answer(&Request::get("/page").body(()).expect("a request"))
            .await
            .expect("a page");
        let tag = first.headers().get(header::ETAG).expect("a tag");
        let again = Request::get("/page")
            .header(header::IF_NONE_MATCH, tag)
            .body(())
            .expect("a request");
        assert_eq!(
            pages.answer(&again).await.expect("a page").status(),
            StatusCode::NOT_MODIFIED
        );
    }

    #[test]
    fn nothing_is_served_if_a_file_or_a_policy_is_missing() {
        assert!(
            !Pages::read(folder(&[("_headers", RULES), ("page.html", ""), ("page.js", "")]).path())
                .is_empty()
        );
        assert!(Pages::read(folder(&[("_headers", RULES), ("page.html", "")]).path()).is_empty());
        assert!(
            Pages::read(folder(&[("_headers", "/page\n  A: 1\n"), ("page.html", "")]).path())
                .is_empty()
        );
        assert!(Pages::read(folder(&[("page.html", "")]).path()).is_empty());
    }
}
