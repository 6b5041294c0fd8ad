//! A transport with hyper, and a backend in the terminal: `check <URL> <service>`.
//!
//! Each line of the input is a request: `read|write <permission> <token>`, `forget <token>`, or
//! `ahead <seconds>`, which moves the clock forward. The example answers each with a line: the
//! response of a backend, and whether the answer was `known` from the cache or `asked`.
//!
//! hyper's own connector supports only http. Use the connector of hyper-rustls for https.

use std::io::{BufRead, Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hamrah_authorization_client::{
    Access, Checked, Client, Clock, PostRequest, PostResponse, Settings, SystemClock, Transport,
    TransportError, Unavailable,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::RETRY_AFTER;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

const MAX_BODY_BYTES: usize = 1 << 20;

/// A transport with hyper, which does not follow redirects.
struct Hyper<C>(HyperClient<C, Full<Bytes>>);

impl<C: Connect + Clone + Send + Sync + 'static> Transport for Hyper<C> {
    async fn post(&self, post: PostRequest) -> Result<PostResponse, TransportError> {
        let mut request = Request::post(&post.url);
        for (name, value) in &post.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(post.body))?;

        let response = async {
            let response = self.0.request(request).await?;
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_BODY_BYTES)
                .collect()
                .await?
                .to_bytes()
                .to_vec();
            Ok(PostResponse {
                status,
                retry_after,
                body,
            })
        };
        tokio::time::timeout(post.timeout, response).await?
    }
}

/// The clock of the machine, moved forward by some seconds.
#[derive(Clone)]
struct AdjustableClock(Arc<AtomicU64>);

impl Clock for AdjustableClock {
    fn now(&self) -> Duration {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Returns the response of a backend.
fn response_line(outcome: &Result<Checked, Unavailable>) -> String {
    match outcome {
        Ok(Checked::Allowed { answer, cached }) => format!(
            "200 {} {}",
            answer.user.username,
            if *cached { "known" } else { "asked" }
        ),
        Ok(Checked::Unauthorized(error)) => format!("401 {}", error.code()),
        Ok(Checked::Forbidden) => "403 forbidden".to_owned(),
        // Refuse the request if the service did not answer.
        Err(error) => format!(
            "503 {} {}",
            error.code,
            error.retry_after.map_or(5, |after| after.as_secs())
        ),
    }
}

fn main() -> Result<(), TransportError> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(service)) = (args.next(), args.next()) else {
        return Err("usage: check <URL> <service>".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ahead = AdjustableClock(Arc::default());
    let hyper = Hyper(HyperClient::builder(TokioExecutor::new()).build(HttpConnector::new()));
    let settings = Settings {
        timeout: Duration::from_millis(500),
        ..Settings::new(url, service)
    };
    let client = Client::with_clock(settings, hyper, ahead.clone())?;
    let check = |token: &str, access, permission: &str| {
        let outcome = client.check(Some(token), access, Some(permission));
        response_line(&runtime.block_on(outcome))
    };

    for line in stdin().lock().lines() {
        let line = line?;
        let answer = match line.split(' ').collect::<Vec<_>>()[..] {
            ["read", permission, token] => check(token, Access::Read, permission),
            ["write", permission, token] => check(token, Access::Write, permission),
            ["forget", token] => {
                client.forget(token);
                "forgotten".to_owned()
            }
            ["ahead", seconds] => {
                ahead.0.store(seconds.parse()?, Ordering::Relaxed);
                "ahead".to_owned()
            }
            _ => "read|write <permission> <token>, forget <token>, ahead <seconds>".to_owned(),
        };
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}
