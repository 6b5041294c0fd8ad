//! A receiver of webhooks on loopback. The whole run shares it, so that APIs with its address can
//! be lent again. Cases find their messages by the email address of the account, because natively
//! every case has the same ids.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::{Mutex, OnceLock};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha1::Digest;
use sha2::Sha256;

use super::Person;

/// Two secrets, as during a rotation.
const SECRETS: &str = "whsec_mH3yq0Zt9vXcBn5LkEw2RfUj7TgPaDsI8oVz6rKxYeM=,whsec_Q2sZ7bVd0xYw9nMf\
     LtHc4gKpRjUe6AiO1mXq8vNyTzE=";

/// The reaction of the receiver to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaction {
    Status(u16),
    /// The receiver does not answer before every timeout.
    Hang,
    /// The receiver closes the connection.
    HangUp,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Message {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a text")
    }

    fn whose(&self) -> String {
        serde_json::from_str::<Value>(&self.body)
            .ok()
            .and_then(|body| body["data"]["user"]["email"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Checks that a message has one valid signature for each secret.
    #[track_caller]
    pub fn verify(&self) {
        let signed = format!(
            "{}.{}.{}",
            self.header("webhook-id"),
            self.header("webhook-timestamp"),
            self.body
        );
        let expected = SECRETS.split(',').map(|secret| {
            let key = STANDARD
                .decode(secret.trim_start_matches("whsec_"))
                .expect("base64");
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
            mac.update(signed.as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        assert_eq!(
            self.header("webhook-signature"),
            expected.collect::<Vec<_>>().join(" ")
        );
        assert_eq!(self.header("content-type"), "application/json");
        assert!(self.header("user-agent").starts_with("hamrah-api/"));
        assert_eq!(self.header("webhook-id"), self.json()["data"]["event_id"]);
    }
}

/// A leaked password, and a password that only pads a range.
pub const LEAKED: &str = "a leaked zebra";
pub const PADDING: &str = "a padded zebra";

/// Returns the range of a prefix of five digits. Each line has the remaining digits and the number
/// of leaks.
fn range(told: &str) -> String {
    assert!(
        told.len() == 5
            && told
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)),
        "{told}"
    );
    let line = |(password, seen): (&str, u32)| {
        let digest = sha1::Sha1::digest(password)
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02X}"));
        format!("{}:{seen}", &digest[5..])
    };
    [(LEAKED, 5), (PADDING, 0)].map(line).join("\r\n")
}

pub struct Receiver {
    url: String,
    messages: Mutex<Vec<Message>>,
    reactions: Mutex<HashMap<String, VecDeque<Reaction>>>,
}

/// Returns the receiver. The first call starts it.
pub fn receiver() -> &'static Receiver {
    static RECEIVER: OnceLock<&Receiver> = OnceLock::new();
    RECEIVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let receiver: &'static Receiver = Box::leak(Box::new(Receiver {
            url,
            messages: Mutex::default(),
            reactions: Mutex::default(),
        }));
        // The receiver has its own runtime, because the runtime of the first case ends with that
        // case.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(receiver.serve(listener));
        });
        receiver
    })
}

impl Receiver {
    /// Returns the settings of an API that sends to this receiver.
    pub fn vars(&self) -> [(&str, &str); 2] {
        [("WEBHOOK_URL", &self.url), ("WEBHOOK_SECRETS", SECRETS)]
    }

    /// Returns the address of the lookup of leaked passwords.
    pub fn leaks(&self) -> String {
        self.url.replace("/hook", "/range/")
    }

    /// Sets the reactions to the next messages about an account. Later messages get 204.
    pub fn react(&self, whose: &Person, reactions: &[Reaction]) {
        self.reactions
            .lock()
            .expect("unpoisoned")
            .insert(whose.email.clone(), reactions.iter().copied().collect());
    }

    /// Returns all messages about an account, each of them verified.
    #[track_caller]
    pub fn about(&self, whose: &Person) -> Vec<Message> {
        let messages: Vec<_> = self
            .messages
            .lock()
            .expect("unpoisoned")
            .iter()
            .filter(|m| m.whose() == whose.email)
            .cloned()
            .collect();
        messages.iter().for_each(Message::verify);
        messages
    }

    /// Returns the kinds of the messages about an account, sorted, because no order is promised.
    #[track_caller]
    pub fn kinds(&self, whose: &Person) -> Vec<String> {
        let mut kinds: Vec<_> = self.about(whose).iter().map(Message::kind).collect();
        kinds.sort();
        kinds
    }

    async fn serve(&'static self, listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = service_fn(move |request| self.answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
        let (parts, body) = request.into_parts();
        if let Some(told) = parts.uri.path().strip_prefix("/range/") {
            assert_eq!(parts.headers["add-padding"], "true");
            return Ok(Response::new(Body::from(range(told))));
        }
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        let message = Message {
            path: parts.uri.path().to_owned(),
            headers: parts.headers,
            body,
        };
        let whose = message.whose();
        self.messages.lock().expect("unpoisoned").push(message);
        let reaction = self
            .reactions
            .lock()
            .expect("unpoisoned")
            .get_mut(&whose)
            .and_then(VecDeque::pop_front);
        match reaction.unwrap_or(Reaction::Status(204)) {
            Reaction::Status(status) => Ok(Response::builder()
                .status(status)
                .header("location", "/elsewhere")
                .body(Body::from("whatever"))
                .map_err(Box::new)?),
            Reaction::Hang => {
                std::future::pending::<Infallible>().await;
                Err("never".into())
            }
            Reaction::HangUp => Err("hung up".into()),
        }
    }
}
