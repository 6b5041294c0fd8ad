//! A transport by hyper, and a backend that is a terminal: `check <service's URL> <service>`, then a line for each request.
//!
//! `read|write <permission> <token>`, `forget <token>`, or `ahead <seconds>`, which puts the clock forward. Each is answered by a line: what
//! a backend would answer with, and whether it was known.
//!
//! hyper's own connector speaks http, which is for the same machine; for https hyper-rustls has one that goes in its place.

use std::io::{BufRead, Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hamrah_authorization_client::{
    Access, Checked, Client, Clock, Question, Reply, Settings, SystemClock, Transport,
    TransportError, Unavailable,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::RETRY_AFTER;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

const MOST_BYTES: usize = 1 << 20;

/// Sends by hyper, which follows no redirect by itself.
struct Hyper<C>(HyperClient<C, Full<Bytes>>);

impl<C: Connect + Clone + Send + Sync + 'static> Transport for Hyper<C> {
    async fn post(&self, question: Question) -> Result<Reply, TransportError> {
        let mut request = Request::post(&question.url);
        for (name, value) in &question.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(question.body))?;
        let answered = async {
            let response = self.0.request(request).await?;
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST_BYTES)
                .collect()
                .await?
                .to_bytes()
                .to_vec();
            Ok(Reply {
                status,
                retry_after,
                body,
            })
        };
        tokio::time::timeout(question.timeout, answered).await?
    }
}

/// The machine's clock, put forward by some seconds.
#[derive(Clone)]
struct Ahead(Arc<AtomicU64>);

impl Clock for Ahead {
    fn now(&self) -> Duration {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// What a backend answers with.
fn told(outcome: &Result<Checked, Unavailable>) -> String {
    match outcome {
        Ok(Checked::Allowed { answer, cached }) => format!(
            "200 {} {}",
            answer.user.username,
            if *cached { "known" } else { "asked" }
        ),
        Ok(Checked::Unauthorized(error)) => format!("401 {}", error.code()),
        Ok(Checked::Forbidden) => "403 forbidden".to_owned(),
        // Not known is not allowed.
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
    let ahead = Ahead(Arc::default());
    let hyper = Hyper(HyperClient::builder(TokioExecutor::new()).build(HttpConnector::new()));
    let settings = Settings {
        timeout: Duration::from_millis(500),
        ..Settings::new(url, service)
    };
    let client = Client::with_clock(settings, hyper, ahead.clone())?;
    for line in stdin().lock().lines() {
        let line = line?;
        let answer = match line.split(' ').collect::<Vec<_>>()[..] {
            ["read", permission, token] => {
                told(&runtime.block_on(client.check(Some(token), Access::Read, Some(permission))))
            }
            ["write", permission, token] => {
                told(&runtime.block_on(client.check(Some(token), Access::Write, Some(permission))))
            }
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
