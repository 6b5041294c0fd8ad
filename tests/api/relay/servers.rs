//! Servers, their members and roles.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::calls::{
    META, call, delete, field, get, id, invite, join, member_of, post, put, server, sorted,
};
use crate::harness::relay::RelayMember;
use crate::harness::{case, on_workerd, race};

#[tokio::test]
async fn a_server_begins_with_its_owner_in_a_first_channel() {
    case(async |app| {
        let ada = app.relay_member().await;
        assert_eq!(get(app, &ada, "/servers").await.ok(), json!([]));
        // Base64url without padding comes back in the standard alphabet with padding.
        let body = json!({"encrypted_meta": "_-8", "unknown": 1});
        let made = post(app, &ada, "/servers", &body).await.ok();
        assert_eq!(made["encrypted_meta"], "/+8=");
        assert_eq!(made["owner_id"], ada.id);
        assert!(made["created_at"].as_str().expect("a time").ends_with('Z'));
        let server = id(&made);
        assert_eq!(
            get(app, &ada, &format!("/servers/{server}")).await.ok(),
            made
        );

        let channels = get(app, &ada, &format!("/servers/{server}/channels"))
            .await
            .ok();
        assert_eq!(channels.as_array().map(Vec::len), Some(1));
        let first = &channels[0];
        assert_eq!(first["server_id"], server.as_str());
        assert_eq!(first["channel_type"], "text");
        assert_eq!(first["encrypted_meta"], "");
        assert_eq!(first["position"], 0);
        assert_eq!(first["category_id"], Value::Null);
        let members = get(app, &ada, &format!("/channels/{}/members", id(first)))
            .await
            .ok();
        assert_eq!(members[0]["user_id"], ada.id);
        assert_eq!(members[0]["username"], ada.username);
        assert_eq!(members[0]["avatar_url"], Value::Null);

        let members = get(app, &ada, &format!("/servers/{server}/members"))
            .await
            .ok();
        assert_eq!(members[0]["role"], "owner");
        assert_eq!(members[0]["role_ids"], json!([]));
        assert_eq!(members[0]["nickname"], Value::Null);
        let second = super::calls::server(app, &ada).await;
        let list = get(app, &ada, "/servers").await.ok();
        assert_eq!(field(&list, "id"), sorted(&[&server, &second]));
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_bad_field_of_a_server_is_named() {
    case(async |app| {
        let ada = app.relay_member().await;
        let large = "A".repeat(8 * 1024 * 4 / 3 + 4);
        for meta in [json!(null), json!(1), json!("?"), json!(large)] {
            let answer = post(app, &ada, "/servers", &json!({"encrypted_meta": meta})).await;
            assert_eq!(answer.status(), 400, "{}", answer.text());
            assert!(
                answer.text().contains("encrypted_meta"),
                "{}",
                answer.text()
            );
        }
        let most = "A".repeat(8 * 1024 / 3 * 4);
        post(app, &ada, "/servers", &json!({"encrypted_meta": most}))
            .await
            .ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM relay_servers", &[]).await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_changes_and_deletes_a_server() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let eve = app.relay_member().await;
        let path = format!("/servers/{server}");
        let new = json!({"encrypted_meta": "bmV3"});
        let change =
            async |by: &RelayMember| call(app, by, Method::PATCH, &path).json(&new).send().await;
        assert_eq!(change(&bob).await.problem(403), "role_too_low");
        assert_eq!(delete(app, &bob, &path).await.problem(403), "role_too_low");
        // A foreign server looks like an unknown one.
        let unknown = "/servers/67e55044-10b1-426f-9247-bb680e5fe0c8";
        for path in [path.as_str(), unknown] {
            assert_eq!(get(app, &eve, path).await.problem(404), "server_not_found");
            assert_eq!(
                delete(app, &eve, path).await.problem(404),
                "server_not_found"
            );
            for part in ["channels", "members", "invites"] {
                let answer = get(app, &eve, &format!("{path}/{part}")).await;
                assert_eq!(answer.problem(404), "server_not_found", "{part}");
            }
        }
        assert_eq!(change(&eve).await.problem(404), "server_not_found");
        assert_eq!(change(&ada).await.ok()["encrypted_meta"], "bmV3");
        assert_eq!(get(app, &bob, &path).await.ok()["encrypted_meta"], "bmV3");

        assert!(delete(app, &ada, &path).await.ok()["message"].is_string());
        for by in [&ada, &bob] {
            assert_eq!(get(app, by, &path).await.problem(404), "server_not_found");
            assert_eq!(get(app, by, "/servers").await.ok(), json!([]));
        }
        for table in [
            "relay_channels",
            "relay_members",
            "relay_invites",
            "relay_outbox",
        ] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(app.count(&count, &[]).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn roles_decide_about_members() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let (bob, cyd) = (
            member_of(app, &ada, &server).await,
            member_of(app, &ada, &server).await,
        );
        let dan = member_of(app, &ada, &server).await;
        let of = |who: &RelayMember| format!("/servers/{server}/members/{}", who.id);
        let (admin, plain) = (json!({"role": "admin"}), json!({"role": "member"}));
        assert_eq!(
            put(app, &bob, &of(&bob), &admin).await.problem(403),
            "role_too_low"
        );
        for role in [json!({"role": "owner"}), json!({"role": 1}), json!({})] {
            let answer = put(app, &ada, &of(&bob), &role).await;
            assert!(
                answer.status() == 400 && answer.text().contains("role"),
                "{role}"
            );
        }
        assert_eq!(
            put(app, &ada, &of(&ada), &plain).await.problem(409),
            "owner_stays"
        );
        let stranger = app.relay_member().await;
        assert_eq!(
            put(app, &ada, &of(&stranger), &admin).await.problem(404),
            "member_not_found"
        );
        put(app, &ada, &of(&bob), &admin).await.ok();
        put(app, &ada, &of(&cyd), &admin).await.ok();

        // An administrator removes members, and no administrator or owner.
        assert_eq!(
            delete(app, &dan, &of(&cyd)).await.problem(403),
            "role_too_low"
        );
        assert_eq!(
            delete(app, &bob, &of(&cyd)).await.problem(403),
            "role_too_low"
        );
        assert_eq!(
            delete(app, &bob, &of(&ada)).await.problem(403),
            "role_too_low"
        );
        delete(app, &bob, &of(&dan)).await.ok();
        assert_eq!(
            delete(app, &bob, &of(&dan)).await.problem(404),
            "member_not_found"
        );
        put(app, &ada, &of(&cyd), &plain).await.ok();
        delete(app, &bob, &of(&cyd)).await.ok();
        let members = get(app, &ada, &format!("/servers/{server}/members"))
            .await
            .ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id, &bob.id]));

        // The owner stays. An administrator may leave.
        let me = format!("/servers/{server}/members/@me");
        assert_eq!(delete(app, &ada, &me).await.problem(409), "owner_stays");
        assert_eq!(
            delete(app, &ada, &of(&ada)).await.problem(409),
            "owner_stays"
        );
        delete(app, &bob, &me).await.ok();
        assert_eq!(
            delete(app, &bob, &me).await.problem(404),
            "server_not_found"
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn members_come_in_pages() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        for _ in 0..4 {
            member_of(app, &ada, &server).await;
        }
        let path = format!("/servers/{server}/members");
        let all = field(&get(app, &ada, &path).await.ok(), "user_id");
        let mut seen = Vec::new();
        let mut next = format!("{path}?limit=2");
        loop {
            let page = field(&get(app, &ada, &next).await.ok(), "user_id");
            let Some(last) = page.last() else { break };
            next = format!("{path}?limit=2&after={last}");
            seen.extend(page);
        }
        assert_eq!(seen, all);
        for wrong in ["limit=0", "limit=-1", "limit=5001", "limit=x", "after=x"] {
            let answer = get(app, &ada, &format!("{path}?{wrong}")).await;
            assert_eq!(answer.problem(400), "invalid_query", "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_leaves_its_servers_to_an_heir() {
    case(async |app| {
        let ada = app.relay_member().await;
        let (shared, alone) = (server(app, &ada).await, server(app, &ada).await);
        let bob = member_of(app, &ada, &shared).await;
        let cyd = member_of(app, &ada, &shared).await;
        let path = format!("/servers/{shared}/members/{}", cyd.id);
        put(app, &ada, &path, &json!({"role": "admin"})).await.ok();
        let remove = async |who: &RelayMember| {
            app.delete("/api/users/me")
                .bearer(&who.access)
                .send()
                .await
                .ok();
        };
        remove(&ada).await;
        // The administrator comes before the member who joined first.
        let now = get(app, &bob, &format!("/servers/{shared}")).await.ok();
        assert_eq!(now["owner_id"], cyd.id);
        assert_eq!(
            get(app, &cyd, &format!("/servers/{alone}")).await.status(),
            404
        );
        remove(&cyd).await;
        assert_eq!(get(app, &bob, "/servers").await.ok()[0]["owner_id"], bob.id);
        let waiting = app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await;
        assert_eq!(waiting, 4, "two members and a channel and its owner");
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
        remove(&bob).await;
        app.cron().await;
        for table in [
            "relay_servers",
            "relay_channels",
            "relay_members",
            "relay_outbox",
        ] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(app.count(&count, &[]).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_is_in_a_hundred_servers_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        for _ in 0..100 {
            server(app, &ada).await;
        }
        let full = post(app, &ada, "/servers", &json!({"encrypted_meta": META})).await;
        assert_eq!(full.problem(409), "limit_reached");
        let bob = app.relay_member().await;
        let other = server(app, &bob).await;
        let code = invite(app, &bob, &other, &json!({"max_uses": 1})).await;
        assert_eq!(join(app, &ada, &code).await.problem(409), "limit_reached");
        let list = get(app, &bob, &format!("/servers/{other}/invites"))
            .await
            .ok();
        assert_eq!(list[0]["use_count"], 0);
    })
    .await;
}

#[tokio::test]
async fn concurrent_removals_and_joinings_end_in_one_state() {
    race(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = app.relay_member().await;
        let me = format!("/servers/{server}/members/{}", bob.id);
        for _ in 0..if on_workerd() { 2 } else { 10 } {
            let code = invite(app, &ada, &server, &json!({})).await;
            join(app, &bob, &code).await.ok();
            let answers = join_all((0..50).map(async |number| {
                if number % 2 == 0 {
                    delete(app, &ada, &me).await
                } else {
                    join(app, &bob, &code).await
                }
            }))
            .await;
            for answer in answers {
                assert!(matches!(answer.status(), 200 | 404), "{}", answer.text());
            }
            // One removal took effect, and no use of the old invite undid it.
            assert_eq!(
                join(app, &bob, &code).await.problem(404),
                "invite_not_found"
            );
            let path = format!("/servers/{server}");
            assert_eq!(get(app, &bob, &path).await.problem(404), "server_not_found");
            let list = get(app, &ada, &format!("{path}/invites")).await.ok();
            let path = format!("{path}/invites/{}", id(&list[0]));
            delete(app, &ada, &path).await.ok();
        }
    })
    .await;
}
