//! Calls about servers and channels.

use http::Method;
use serde_json::{Value, json};

use crate::harness::relay::RelayMember;
use crate::harness::{Answer, Call, TestApp};

/// Sealed metadata, which the server cannot read.
pub const META: &str = "c2VhbGVk";

/// Returns a call of a member.
pub fn call<'a>(app: &'a TestApp, by: &RelayMember, method: Method, path: &str) -> Call<'a> {
    app.request(method, &format!("/api/v1{path}"))
        .bearer(&by.access)
}

pub async fn get(app: &TestApp, by: &RelayMember, path: &str) -> Answer {
    call(app, by, Method::GET, path).send().await
}

pub async fn post(app: &TestApp, by: &RelayMember, path: &str, body: &Value) -> Answer {
    call(app, by, Method::POST, path).json(body).send().await
}

pub async fn put(app: &TestApp, by: &RelayMember, path: &str, body: &Value) -> Answer {
    call(app, by, Method::PUT, path).json(body).send().await
}

pub async fn delete(app: &TestApp, by: &RelayMember, path: &str) -> Answer {
    call(app, by, Method::DELETE, path).send().await
}

pub fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// Makes a server and returns its id.
pub async fn server(app: &TestApp, by: &RelayMember) -> String {
    id(&post(app, by, "/servers", &json!({"encrypted_meta": META}))
        .await
        .ok())
}

/// Returns the id of the first channel of a server.
pub async fn first_channel(app: &TestApp, by: &RelayMember, server: &str) -> String {
    let channels = get(app, by, &format!("/servers/{server}/channels"))
        .await
        .ok();
    id(&channels[0])
}

/// Makes an invite and returns its code.
pub async fn invite(app: &TestApp, by: &RelayMember, server: &str, limits: &Value) -> String {
    let made = post(app, by, &format!("/servers/{server}/invites"), limits)
        .await
        .ok();
    made["code"].as_str().expect("a code").to_owned()
}

pub async fn join(app: &TestApp, by: &RelayMember, code: &str) -> Answer {
    post(app, by, &format!("/invites/{code}/join"), &json!({})).await
}

/// Registers an account that joins a server.
pub async fn member_of(app: &TestApp, owner: &RelayMember, server: &str) -> RelayMember {
    let member = app.relay_member().await;
    let code = invite(app, owner, server, &json!({})).await;
    join(app, &member, &code).await.ok();
    member
}

/// Returns the ids of a list's entries in a field.
pub fn field(list: &Value, name: &str) -> Vec<String> {
    let entries = list.as_array().expect("a list");
    let mut found: Vec<String> = entries
        .iter()
        .map(|entry| entry[name].as_str().expect("a text").to_owned())
        .collect();
    found.sort();
    found
}

pub fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}

/// Repeats a call until it gets another answer than 503. A crowd of callers may keep an object or
/// the database busy for longer than the time limits.
pub async fn answered(call: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..20 {
        let answer = call().await;
        if answer.status() != 503 {
            return answer;
        }
    }
    call().await
}
