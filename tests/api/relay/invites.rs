//! Invites to servers.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::calls::{
    answered, delete, field, get, id, invite, join, member_of, post, put, server, sorted,
};
use crate::harness::{case, race};

#[tokio::test]
async fn an_invite_lets_an_account_into_the_server_and_its_channels() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let server = server(app, &ada).await;
        let path = format!("/servers/{server}/invites");
        let made = post(
            app,
            &ada,
            &path,
            &json!({"max_uses": 1, "expires_in_hours": 2}),
        )
        .await
        .ok();
        assert_eq!(made["server_id"], server.as_str());
        assert_eq!(
            (&made["max_uses"], &made["use_count"]),
            (&json!(1), &json!(0))
        );
        assert!(made["expires_at"].as_str().expect("a time").ends_with('Z'));
        let open = post(app, &ada, &path, &json!({})).await.ok();
        assert_eq!(
            (&open["max_uses"], &open["expires_at"]),
            (&Value::Null, &Value::Null)
        );

        let code = made["code"].as_str().expect("a code");
        let joined = join(app, &bob, code).await.ok();
        assert_eq!(
            joined,
            get(app, &ada, &format!("/servers/{server}")).await.ok()
        );
        // A member joins again without a use.
        assert_eq!(join(app, &bob, code).await.ok(), joined);
        assert_eq!(join(app, &ada, code).await.ok(), joined);
        let list = get(app, &ada, &path).await.ok();
        assert_eq!(field(&list, "id"), sorted(&[&id(&made), &id(&open)]));
        let used = list
            .as_array()
            .expect("a list")
            .iter()
            .find(|it| it["id"] == made["id"]);
        assert_eq!(used.expect("the invite")["use_count"], 1);
        let channels = get(app, &bob, &format!("/servers/{server}/channels"))
            .await
            .ok();
        let members = format!("/channels/{}/members", id(&channels[0]));
        let members = get(app, &bob, &members).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id, &bob.id]));

        // A used-up code looks like an unknown one.
        let eve = app.relay_member().await;
        for code in [code, "unknown", &"x".repeat(100)] {
            assert_eq!(join(app, &eve, code).await.problem(404), "invite_not_found");
        }
        // Only the owner and administrators see and make invites.
        assert_eq!(get(app, &bob, &path).await.problem(403), "role_too_low");
        assert_eq!(
            post(app, &bob, &path, &json!({})).await.problem(403),
            "role_too_low"
        );
        let one = format!("{path}/{}", id(&open));
        assert_eq!(delete(app, &bob, &one).await.problem(403), "role_too_low");
        assert_eq!(
            delete(app, &eve, &one).await.problem(404),
            "server_not_found"
        );
        let role = format!("/servers/{server}/members/{}", bob.id);
        put(app, &ada, &role, &json!({"role": "admin"})).await.ok();
        delete(app, &bob, &one).await.ok();
        assert_eq!(
            delete(app, &bob, &one).await.problem(404),
            "invite_not_found"
        );
        let code = open["code"].as_str().expect("a code");
        assert_eq!(join(app, &eve, code).await.problem(404), "invite_not_found");
    })
    .await;
}

#[tokio::test]
async fn limits_of_an_invite_are_checked() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let path = format!("/servers/{server}/invites");
        for (field, value) in [
            ("max_uses", json!(0)),
            ("max_uses", json!(-1)),
            ("max_uses", json!("1")),
            ("max_uses", json!(1.5)),
            ("expires_in_hours", json!(0)),
            ("expires_in_hours", json!(100_000)),
        ] {
            let answer = post(app, &ada, &path, &json!({field: value})).await;
            assert_eq!(answer.status(), 400);
            assert!(answer.text().contains(field), "{}", answer.text());
        }
        for _ in 0..100 {
            invite(app, &ada, &server, &json!({"expires_in_hours": 1})).await;
        }
        let full = post(app, &ada, &path, &json!({})).await;
        assert_eq!(full.problem(409), "limit_reached");
        let code = get(app, &ada, &path).await.ok()[0]["code"].clone();
        app.age(Duration::from_secs(3_601)).await;
        let bob = app.relay_member().await;
        let late = join(app, &bob, code.as_str().expect("a code")).await;
        assert_eq!(late.problem(404), "invite_not_found");
        app.cron().await;
        assert_eq!(get(app, &ada, &path).await.ok(), json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_removed_member_comes_back_only_by_a_later_invite() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let old = invite(app, &ada, &server, &json!({})).await;
        let bob = member_of(app, &ada, &server).await;
        let kick = format!("/servers/{server}/members/{}", bob.id);
        delete(app, &ada, &kick).await.ok();
        let channels = get(app, &ada, &format!("/servers/{server}/channels"))
            .await
            .ok();
        let channel = id(&channels[0]);
        assert_eq!(
            get(app, &bob, &format!("/channels/{channel}/members"))
                .await
                .problem(404),
            "channel_not_found"
        );
        assert_eq!(
            post(app, &bob, &format!("/channels/{channel}/join"), &json!({}))
                .await
                .problem(404),
            "channel_not_found"
        );
        assert_eq!(join(app, &bob, &old).await.problem(404), "invite_not_found");
        // Other accounts use the old invite.
        let cyd = app.relay_member().await;
        join(app, &cyd, &old).await.ok();
        let new = invite(app, &ada, &server, &json!({})).await;
        join(app, &bob, &new).await.ok();
        // The removal is forgotten. A member who leaves may come back by any invite.
        delete(app, &bob, &format!("/servers/{server}/members/@me"))
            .await
            .ok();
        join(app, &bob, &old).await.ok();
    })
    .await;
}

#[tokio::test]
async fn concurrent_joinings_never_use_an_invite_too_often() {
    race(async |app| {
        let ada = app.relay_member().await;
        let mut accounts = Vec::new();
        for _ in 0..50 {
            accounts.push(app.relay_member().await);
        }
        for _ in 0..20 {
            let server = server(app, &ada).await;
            let code = invite(app, &ada, &server, &json!({"max_uses": 7})).await;
            let answers = join_all(
                accounts
                    .iter()
                    .map(async |who| answered(async || join(app, who, &code).await).await),
            )
            .await;
            let joined = answers
                .iter()
                .filter(|answer| answer.status() == 200)
                .count();
            assert_eq!(joined, 7);
            for answer in answers {
                assert!(matches!(answer.status(), 200 | 404), "{}", answer.text());
            }
            let members = get(app, &ada, &format!("/servers/{server}/members"))
                .await
                .ok();
            assert_eq!(members.as_array().map(Vec::len), Some(8));
            let list = get(app, &ada, &format!("/servers/{server}/invites"))
                .await
                .ok();
            assert_eq!(list[0]["use_count"], 7);
        }
    })
    .await;
}
