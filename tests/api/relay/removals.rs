//! Removals that wait for the objects of channels: the member cannot resist them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::calls::{META, delete, first_channel, get, invite, join, member_of, post, put, server};
use crate::harness::relay::RelayMember;
use crate::harness::{ObjectFault, ObjectFaultMode, TestApp, case};

/// Does a call whose first call to an object fails. Its task stays.
async fn interrupted(app: &TestApp, by: &RelayMember, path: &str) {
    app.fail_objects(&[ObjectFault {
        at: 0,
        mode: ObjectFaultMode::Before,
    }])
    .await;
    let answer = delete(app, by, path).await;
    assert_eq!(answer.problem(503), "service_unavailable");
    app.fail_objects(&[]).await;
}

async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await
}

#[tokio::test]
async fn a_member_does_not_join_again_while_a_removal_waits() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let code = invite(app, &ada, &server, &json!({})).await;
        let channel = format!("/channels/{}", first_channel(app, &ada, &server).await);
        let member = format!("/servers/{server}/members/{}", bob.id);
        let role = json!({"role": "admin"});
        put(app, &ada, &member, &role).await.ok();
        interrupted(app, &ada, &member).await;

        delete(app, &bob, &format!("{channel}/leave")).await.ok();
        let back = post(app, &bob, &format!("{channel}/join"), &json!({})).await;
        assert_eq!(back.problem(404), "channel_not_found");
        assert_eq!(
            join(app, &bob, &code).await.problem(404),
            "invite_not_found"
        );
        // A new channel would prolong the removal.
        let body = json!({"encrypted_meta": META});
        let made = post(app, &bob, &format!("/servers/{server}/channels"), &body).await;
        assert_eq!(made.problem(403), "role_too_low");
        let made = post(app, &bob, &format!("/servers/{server}/invites"), &json!({})).await;
        assert_eq!(made.problem(403), "role_too_low");

        delete(app, &ada, &member).await.ok();
        assert_eq!(waiting(app).await, 0);
        assert_eq!(
            join(app, &bob, &code).await.problem(404),
            "invite_not_found"
        );
    })
    .await;
}

#[tokio::test]
async fn a_member_who_leaves_while_a_kick_waits_is_still_kicked() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let code = invite(app, &ada, &server, &json!({})).await;
        interrupted(app, &ada, &format!("/servers/{server}/members/{}", bob.id)).await;
        delete(app, &bob, &format!("/servers/{server}/members/@me"))
            .await
            .ok();
        assert_eq!(waiting(app).await, 0);
        assert_eq!(
            join(app, &bob, &code).await.problem(404),
            "invite_not_found"
        );
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_removed_does_not_inherit_the_server() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        interrupted(app, &bob, &format!("/servers/{server}/members/@me")).await;
        let deletion = app.request(Method::DELETE, "/api/users/me");
        deletion.bearer(&ada.access).send().await.ok();
        app.age(Duration::from_mins(2)).await;
        app.cron().await;
        let left = app.count("SELECT COUNT(*) FROM relay_servers", &[]).await;
        assert_eq!((left, waiting(app).await), (0, 0));
        let gone = get(app, &bob, &format!("/servers/{server}")).await;
        assert_eq!(gone.problem(404), "server_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_removal_does_not_wait_behind_the_channels_of_a_deleted_account() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        interrupted(app, &ada, &format!("/servers/{server}/members/{}", bob.id)).await;
        for task in ["destroy", "leave_channel"] {
            let user = if task == "destroy" {
                ""
            } else {
                ada.id.as_str()
            };
            let text =
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
                 INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
                 SELECT ?1, '', printf('00000000-0000-4000-8000-%012x', i), ?2, ?2 <> '', 0 FROM n";
            app.sql(text, &[Value::from(task), Value::from(user)]).await;
        }
        app.age(Duration::from_mins(1)).await;
        app.cron().await;
        let kicks = "SELECT COUNT(*) FROM relay_outbox WHERE task = 'kick'";
        assert_eq!(app.count(kicks, &[]).await, 0);
        assert!(waiting(app).await < 800 - 350);
    })
    .await;
}

#[tokio::test]
async fn a_member_who_uses_an_invite_again_calls_no_object() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = app.relay_member().await;
        let code = invite(app, &ada, &server, &json!({})).await;
        let joined = join(app, &bob, &code).await.ok();
        let before = app.stats().await.calls;
        assert_eq!(join(app, &bob, &code).await.ok(), joined);
        assert_eq!(app.stats().await.calls, before);
    })
    .await;
}

/// The invite may be used, so the answer is not that it does not exist.
#[tokio::test]
async fn a_member_who_leaves_joins_again_when_every_channel_knows() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let code = invite(app, &ada, &server, &json!({})).await;
        let leave = format!("/servers/{server}/members/@me");
        interrupted(app, &bob, &leave).await;
        let early = join(app, &bob, &code).await;
        assert_eq!(early.problem(503), "service_unavailable");
        delete(app, &bob, &leave).await.ok();
        join(app, &bob, &code).await.ok();
        // With a kick in addition, the invite may no longer be used.
        interrupted(app, &bob, &leave).await;
        interrupted(app, &ada, &format!("/servers/{server}/members/{}", bob.id)).await;
        assert_eq!(
            join(app, &bob, &code).await.problem(404),
            "invite_not_found"
        );
    })
    .await;
}

/// A kick of an account that has left does nothing, and says so.
#[tokio::test]
async fn a_member_who_left_before_a_kick_is_not_kicked() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let code = invite(app, &ada, &server, &json!({})).await;
        delete(app, &bob, &format!("/servers/{server}/members/@me"))
            .await
            .ok();
        let kick = format!("/servers/{server}/members/{}", bob.id);
        assert_eq!(
            delete(app, &ada, &kick).await.problem(404),
            "member_not_found"
        );
        join(app, &bob, &code).await.ok();
        delete(app, &ada, &kick).await.ok();
        assert_eq!(
            join(app, &bob, &code).await.problem(404),
            "invite_not_found"
        );
    })
    .await;
}
