//! Channels of servers.

use serde_json::{Value, json};

use super::calls::{
    META, delete, field, first_channel, get, id, member_of, post, put, server, sorted,
};
use crate::harness::case;

#[tokio::test]
async fn the_owner_and_administrators_manage_channels() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let eve = app.relay_member().await;
        let path = format!("/servers/{server}/channels");
        let body = json!({"encrypted_meta": META, "channel_type": "voice", "position": 7, "x": 1});
        assert_eq!(
            post(app, &bob, &path, &body).await.problem(403),
            "role_too_low"
        );
        assert_eq!(
            post(app, &eve, &path, &body).await.problem(404),
            "server_not_found"
        );
        let made = post(app, &ada, &path, &body).await.ok();
        assert_eq!(made["channel_type"], "voice");
        assert_eq!(
            (&made["position"], &made["server_id"]),
            (&json!(7), &json!(server))
        );
        let next = post(app, &ada, &path, &json!({"encrypted_meta": META}))
            .await
            .ok();
        assert_eq!(
            (&next["position"], &next["channel_type"]),
            (&json!(8), &json!("text"))
        );
        for (field, value) in [
            ("encrypted_meta", Value::Null),
            ("channel_type", json!("dm")),
            ("channel_type", json!("A b")),
            ("position", json!(-1)),
        ] {
            let mut wrong = body.clone();
            wrong[field] = value;
            let answer = post(app, &ada, &path, &wrong).await;
            assert!(
                answer.status() == 400 && answer.text().contains(field),
                "{}",
                answer.text()
            );
        }
        let list = get(app, &bob, &path).await.ok();
        let positions: Vec<_> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| &c["position"])
            .collect();
        assert_eq!(positions, [&json!(0), &json!(7), &json!(8)]);
        // Every member of the server is in the new channel.
        let channel = format!("/channels/{}", id(&made));
        let members = get(app, &bob, &format!("{channel}/members")).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id, &bob.id]));

        let new = json!({"encrypted_meta": "bmV3"});
        assert_eq!(
            put(app, &bob, &channel, &new).await.problem(403),
            "role_too_low"
        );
        assert_eq!(
            put(app, &eve, &channel, &new).await.problem(404),
            "channel_not_found"
        );
        assert_eq!(
            put(app, &ada, &channel, &new).await.ok()["encrypted_meta"],
            "bmV3"
        );
        assert_eq!(
            delete(app, &bob, &channel).await.problem(403),
            "role_too_low"
        );
        assert_eq!(
            delete(app, &eve, &channel).await.problem(404),
            "channel_not_found"
        );
        let role = format!("/servers/{server}/members/{}", bob.id);
        put(app, &ada, &role, &json!({"role": "admin"})).await.ok();
        delete(app, &bob, &channel).await.ok();
        assert_eq!(
            delete(app, &ada, &channel).await.problem(404),
            "channel_not_found"
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_member_leaves_a_channel_and_joins_it_again() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let eve = app.relay_member().await;
        let channel = format!("/channels/{}", first_channel(app, &ada, &server).await);
        let (join, leave) = (format!("{channel}/join"), format!("{channel}/leave"));
        // A member who is in the channel stays in it.
        assert!(post(app, &bob, &join, &json!({})).await.ok()["message"].is_string());
        delete(app, &bob, &leave).await.ok();
        assert_eq!(
            delete(app, &bob, &leave).await.problem(404),
            "channel_not_found"
        );
        for part in ["members", "members/keys", "sender-keys"] {
            let answer = get(app, &bob, &format!("{channel}/{part}")).await;
            assert_eq!(answer.problem(404), "channel_not_found", "{part}");
        }
        let members = get(app, &ada, &format!("{channel}/members")).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id]));
        // The member still sees the channel of the server, and comes back.
        let list = get(app, &bob, &format!("/servers/{server}/channels"))
            .await
            .ok();
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        for _ in 0..2 {
            post(app, &bob, &join, &json!({})).await.ok();
        }
        let members = get(app, &bob, &format!("{channel}/members")).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id, &bob.id]));
        for answer in [
            post(app, &eve, &join, &json!({})).await,
            delete(app, &eve, &leave).await,
            get(app, &eve, &format!("{channel}/members")).await,
        ] {
            assert_eq!(answer.problem(404), "channel_not_found");
        }
        let versions = "SELECT version FROM relay_channel_choices WHERE user_id = ?1";
        let version = app.count(versions, &[json!(bob.id)]).await;
        assert_eq!(
            version, 3,
            "the object takes no version back that it removed"
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_has_two_hundred_channels_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let path = format!("/servers/{server}/channels");
        for _ in 1..200 {
            post(app, &ada, &path, &json!({"encrypted_meta": ""}))
                .await
                .ok();
        }
        let full = post(app, &ada, &path, &json!({"encrypted_meta": ""})).await;
        assert_eq!(full.problem(409), "limit_reached");
    })
    .await;
}
