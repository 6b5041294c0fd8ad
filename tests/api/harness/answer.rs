//! The answer to a call, and the checks that every answer must pass.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the body of a success, which has status 200 and JSON.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// Returns the body of a creation, which has status 201 and JSON.
    #[track_caller]
    pub fn created(&self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.text());
        self.json()
    }

    /// Returns the code of a problem of the authorization service, where `error` is the code.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        let code = self.problem(status);
        assert_eq!(self.json()["error"], code, "error is the code");
        code
    }

    /// Returns the code of a problem with this status. Checks the whole document first.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status(), status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["success"], false);
        assert!(
            body["error"].is_string() && body["detail"].is_string() && body["type"].is_string(),
            "{body}"
        );
        assert_eq!(body["title"].as_str(), self.status.canonical_reason());
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        body["code"].as_str().expect("a code").to_owned()
    }
}
