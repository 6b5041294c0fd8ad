//! Refused changes: the answer of each, and that it changed nothing.

use http::Method;
use serde_json::{Value, json};

use super::calls::{META, call, first_channel, get, id, invite, member_of, post, server};
use super::direct_messages::open;
use crate::harness::relay::RelayMember;
use crate::harness::{TestApp, case};

/// The caller, the method, the path and the body of a call, with its status and code.
type RefusedCall<'a> = (
    &'a RelayMember,
    &'a Method,
    &'a str,
    &'a Value,
    (u16, &'a str),
);

/// Returns the rows of the relay, without the counts of calls.
async fn rows(app: &TestApp) -> Vec<String> {
    let dump = app.dump().await;
    let is_kept = |row: &String| row.starts_with("relay_") && !row.starts_with("relay_counts ");
    dump.into_iter().filter(is_kept).collect()
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    case(async |app| {
        let ada = app.relay_member().await;
        let place = server(app, &ada).await;
        let (bob, cyd) = (
            member_of(app, &ada, &place).await,
            member_of(app, &ada, &place).await,
        );
        let eve = app.relay_member().await;
        let channel = first_channel(app, &ada, &place).await;
        invite(app, &ada, &place, &json!({})).await;
        let server = format!("/servers/{place}");
        let invites = get(app, &ada, &format!("{server}/invites")).await.ok();
        let invite = format!("{server}/invites/{}", id(&invites[0]));
        let member = |who: &RelayMember| format!("{server}/members/{}", who.id);
        let messages = format!("/channels/{channel}/messages");
        let text = json!({"sender_token": "AAAA", "encrypted_body": "AAAA"});
        let sent = post(app, &ada, &messages, &text).await.ok();
        let message = format!("/messages/{}", id(&sent));
        let direct = id(&open(app, &ada, &cyd.id, META).await.ok());
        let channel = format!("/channels/{channel}");
        let direct = format!("/channels/{direct}");
        let direct_messages = format!("{direct}/messages");
        let (join, leave) = (format!("{channel}/join"), format!("{channel}/leave"));
        let direct_join = format!("{direct}/join");
        let keys = format!("{channel}/sender-keys");
        let (channels, new_invite) = (format!("{server}/channels"), format!("{server}/invites"));
        let (of_cyd, of_ada) = (member(&cyd), member(&ada));

        let none = json!({});
        let meta = json!({"encrypted_meta": "bmV3"});
        let admin = json!({"role": "admin"});
        let secret = json!({"secret": "AAAAAAAAAAAAAAAAAAAAAA==", "encrypted_body": "bmV3"});
        let distribution = json!({"distributions": [{
            "to_user_id": ada.id, "distribution_id": place, "encrypted_skdm": "AAAA",
        }]});
        let (low, secretless) = ((403, "role_too_low"), (403, "wrong_message_secret"));
        let no_server = (404, "server_not_found");
        let no_channel = (404, "channel_not_found");
        let no_message = (404, "message_not_found");
        let (patch, put, delete) = (Method::PATCH, Method::PUT, Method::DELETE);
        let cases: [RefusedCall<'_>; 28] = [
            (&bob, &patch, &server, &meta, low),
            (&bob, &delete, &server, &none, low),
            (&bob, &Method::POST, &channels, &meta, low),
            (&bob, &put, &channel, &meta, low),
            (&bob, &delete, &channel, &none, low),
            (&bob, &Method::POST, &new_invite, &none, low),
            (&bob, &delete, &invite, &none, low),
            (&bob, &put, &of_cyd, &admin, low),
            (&bob, &delete, &of_cyd, &none, low),
            (&bob, &delete, &of_ada, &none, low),
            (&bob, &patch, &message, &secret, secretless),
            (&bob, &delete, &message, &secret, secretless),
            (&bob, &Method::POST, &direct_messages, &text, no_channel),
            (&bob, &Method::POST, &direct_join, &none, no_channel),
            (&eve, &patch, &server, &meta, no_server),
            (&eve, &delete, &server, &none, no_server),
            (&eve, &Method::POST, &channels, &meta, no_server),
            (&eve, &put, &channel, &meta, no_channel),
            (&eve, &delete, &channel, &none, no_channel),
            (&eve, &Method::POST, &new_invite, &none, no_server),
            (&eve, &delete, &invite, &none, no_server),
            (&eve, &put, &of_cyd, &admin, no_server),
            (&eve, &delete, &of_cyd, &none, no_server),
            (&eve, &Method::POST, &join, &none, no_channel),
            (&eve, &delete, &leave, &none, no_channel),
            (&eve, &Method::POST, &keys, &distribution, no_channel),
            (&eve, &patch, &message, &secret, no_message),
            (&eve, &delete, &message, &secret, no_message),
        ];
        let before = (rows(app).await, get(app, &ada, &messages).await.ok());
        for (by, method, path, body, (status, code)) in cases {
            let answer = call(app, by, method.clone(), path).json(body).send().await;
            let what = format!("{method} {path}: {}", answer.text());
            assert_eq!(answer.status(), status, "{what}");
            assert_eq!(answer.problem(status), code, "{what}");
            let after = (rows(app).await, get(app, &ada, &messages).await.ok());
            assert_eq!(after, before, "{what}");
        }
        // Nothing waits for maintenance either.
        app.cron().await;
        let after = (rows(app).await, get(app, &ada, &messages).await.ok());
        assert_eq!(after, before);
    })
    .await;
}
