//! Sockets of cases.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::relay::RelayMember;
use super::{Answer, TestApp};

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The payload of `Hello`.
    pub hello: Value,
    /// The headers of the upgrade.
    pub headers: HeaderMap,
}

impl TestApp {
    /// Asks for a WebSocket. The error is the answer of the server. The client reads no further
    /// than its head, so the body may be missing.
    pub async fn handshake(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket, Answer> {
        let address = self.target.address().await;
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            request
                .headers_mut()
                .append(name, value.parse().expect("a value"));
        }
        match connect_async(request).await {
            Ok((stream, response)) => {
                assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
                let mut socket = Socket {
                    stream,
                    hello: Value::Null,
                    headers: response.headers().clone(),
                };
                socket.hello = socket.expect("Hello").await;
                Ok(socket)
            }
            Err(Error::Http(response)) => {
                let (parts, body) = response.into_parts();
                Err(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body: body.unwrap_or_default(),
                })
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// Opens a WebSocket of a member.
    pub async fn socket(&self, by: &RelayMember) -> Socket {
        let bearer = format!("Bearer {}", by.access);
        let headers = [("authorization", bearer.as_str())];
        let opened = self.handshake("/api/v1/ws", &headers).await;
        opened.unwrap_or_else(|answer| panic!("{answer:?}"))
    }
}

impl Socket {
    /// Sends a text.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("sent");
    }

    /// Sends a frame.
    pub async fn send(&mut self, kind: &str, payload: Value) {
        self.send_text(&json!({"type": kind, "payload": payload}).to_string())
            .await;
    }

    /// Sends a message of one byte for each number.
    pub async fn say(&mut self, channel: &str, number: u8) {
        let message = json!({
            "channel_id": channel,
            "sender_token": super::relay::b64([1; 8]),
            "encrypted_body": super::relay::b64([number]),
            "ref": number.to_string(),
        });
        self.send("SendMessage", message).await;
    }

    /// Sends any message.
    pub async fn send_message(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    async fn read(&mut self) -> Option<Message> {
        loop {
            let message = timeout(PATIENCE, self.stream.next())
                .await
                .expect("a frame in time");
            match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Reads the next frame.
    pub async fn next(&mut self) -> Value {
        match self.read().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("{other:?}"),
        }
    }

    /// Reads the next frame, which has this type, and returns its payload.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let mut frame = self.next().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame["payload"].take()
    }

    /// Subscribes to a channel without entries that the client needs. Returns the head.
    pub async fn subscribe(&mut self, channel: &str) -> i64 {
        self.send("Subscribe", json!({"channel_id": channel})).await;
        let subscribed = self.expect("Subscribed").await;
        assert_eq!(subscribed["channel_id"], channel);
        subscribed["head"].as_i64().expect("a head")
    }

    /// Checks that the server has nothing to say: the next frame is the answer to a ping.
    pub async fn expect_nothing(&mut self) {
        self.send_text(r#"{"type":"Ping"}"#).await;
        let pong = self.next().await;
        assert_eq!(pong, json!({"type": "Pong"}));
    }

    /// Checks that no frame comes for a time.
    pub async fn expect_silence(&mut self, time: Duration) {
        if let Ok(message) = timeout(time, self.stream.next()).await {
            panic!("{message:?}");
        }
    }

    /// Reads until the socket is closed, and returns the frames before and the code.
    pub async fn until_closed(&mut self) -> (Vec<Value>, u16) {
        let mut frames = Vec::new();
        loop {
            match self.read().await {
                Some(Message::Text(text)) => {
                    frames.push(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Message::Close(frame)) => {
                    return (frames, frame.map_or(1005, |frame| frame.code.into()));
                }
                _ => return (frames, 1006),
            }
        }
    }

    /// Closes the socket by a handshake.
    pub async fn close(mut self) {
        self.stream.close(None).await.expect("closed");
        while self.read().await.is_some() {}
    }

    /// Ends the connection without a handshake.
    pub fn cut(self) {
        drop(self);
    }
}
