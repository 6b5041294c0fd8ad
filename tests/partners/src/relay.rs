//! Accounts and channels of the relay, over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Sealed metadata, which the server cannot read.
pub const META: &str = "c2VhbGVk";

/// The server.
pub struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

/// An account with keys, signed in.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: String,
    access: String,
}

#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    /// Returns the body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    /// Checks that the answer is a problem with this code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["code"], code);
    }
}

impl Api {
    pub fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: std::env::var("RELAY_URL").expect("RELAY_URL is the address of a server"),
        }
    }

    async fn call(
        &self,
        request: hyper::http::request::Builder,
        path: &str,
        body: &Value,
    ) -> Answer {
        let request: Request<Full<Bytes>> = request
            .uri(format!("{}/api/v1{path}", self.url))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .expect("a request");
        let answer = self.client.request(request).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body");
        Answer {
            status,
            body: serde_json::from_slice(&body.to_bytes()).expect("JSON"),
        }
    }

    /// Registers an account with these keys.
    pub async fn register(&self, keys: Value) -> Member {
        let mut body = keys;
        let name: [u8; 8] = rand::random();
        body["username"] = json!(format!("member-{}", u64::from_be_bytes(name)));
        body["password"] = json!("correct horse battery staple");
        let request = Request::builder().method(Method::POST);
        let made = self.call(request, "/auth/register", &body).await.ok();
        Member {
            id: text(&made["user"]["id"]),
            access: text(&made["access_token"]),
        }
    }

    pub async fn get(&self, by: &Member, path: &str) -> Answer {
        self.call(signed(by, Method::GET), path, &json!({})).await
    }

    pub async fn post(&self, by: &Member, path: &str, body: &Value) -> Answer {
        self.call(signed(by, Method::POST), path, body).await
    }

    pub async fn delete(&self, by: &Member, path: &str) -> Answer {
        self.call(signed(by, Method::DELETE), path, &json!({}))
            .await
    }

    /// Returns the bundle of an account. A repeated request with the same name gets the same one.
    pub async fn bundle(&self, by: &Member, of: &Member, name: &str) -> Value {
        let request = signed(by, Method::GET).header("idempotency-key", name);
        let path = format!("/users/{}/keys", of.id);
        self.call(request, &path, &json!({})).await.ok()
    }

    /// Sends a sealed body and returns its sequence number.
    pub async fn send(&self, by: &Member, channel: &str, body: &[u8]) -> i64 {
        let message = json!({
            "sender_token": b64([7; 32]),
            "encrypted_body": b64(body),
            "client_id": b64(rand::random::<[u8; 16]>()),
        });
        let path = format!("/channels/{channel}/messages");
        let sent = self.post(by, &path, &message).await.ok();
        sent["seq"].as_i64().expect("a number")
    }

    /// Reads the messages after a sequence number, page by page.
    pub async fn read(&self, by: &Member, channel: &str, since: i64) -> Vec<Read> {
        let (mut since, mut found) = (since, Vec::new());
        loop {
            let path = format!("/channels/{channel}/messages?limit=3&since={since}");
            let page = self.get(by, &path).await.ok();
            for message in page["messages"].as_array().expect("a list") {
                found.push(Read {
                    seq: message["seq"].as_i64().expect("a number"),
                    body: bytes(&message["encrypted_body"]),
                });
            }
            since = page["upto"].as_i64().expect("a number");
            if page["upto"] == page["head"] {
                return found;
            }
        }
    }

    /// Checks that an account which is no member gets nothing of the channel, and that no body in
    /// the channel has one of the texts.
    pub async fn check_sealed(
        &self,
        stranger: &Member,
        member: &Member,
        channel: &str,
        texts: &[&str],
    ) {
        let path = format!("/channels/{channel}/messages");
        for query in ["", "?since=0"] {
            let answer = self.get(stranger, &format!("{path}{query}")).await;
            answer.is_problem(404, "channel_not_found");
        }
        let message = json!({"sender_token": b64([7; 32]), "encrypted_body": b64("x")});
        let answer = self.post(stranger, &path, &message).await;
        answer.is_problem(404, "channel_not_found");
        // A member gets the bodies that the relay stores.
        for Read { body, .. } in self.read(member, channel, 0).await {
            for text in texts {
                let found = body.windows(text.len()).any(|part| part == text.as_bytes());
                assert!(!found, "the relay has {text:?}");
            }
        }
    }
}

fn signed(by: &Member, method: Method) -> hyper::http::request::Builder {
    Request::builder()
        .method(method)
        .header("authorization", format!("Bearer {}", by.access))
}

/// A message as a member reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    pub seq: i64,
    pub body: Vec<u8>,
}

/// Returns the text of a field.
pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Returns bytes in the alphabet that clients use.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Returns the bytes of a field.
pub fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).expect("base64")
}

/// Returns the 32 bytes of a field.
pub fn key(value: &Value) -> [u8; 32] {
    bytes(value).try_into().expect("32 bytes")
}
