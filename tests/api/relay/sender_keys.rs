//! Sealed sender keys, and the identity keys for which they are sealed.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::calls::{delete, field, first_channel, get, member_of, post, put, server, sorted};
use crate::harness::relay::{RelayMember, b64, identity};
use crate::harness::{TestApp, case};

const ONE: &str = "11111111-10b1-426f-9247-bb680e5fe0c8";
const TWO: &str = "22222222-10b1-426f-9247-bb680e5fe0c8";

fn keys(to: &[&str], distribution: &str, sealed: &str) -> Value {
    let entries: Vec<Value> = to
        .iter()
        .map(|to| {
            json!({
                "to_user_id": to,
                "distribution_id": distribution,
                "encrypted_skdm": sealed,
            })
        })
        .collect();
    json!({"distributions": entries})
}

/// Returns two members of a channel, and the path of its sender keys.
async fn pair(app: &TestApp) -> (RelayMember, RelayMember, String) {
    let ada = app.relay_member().await;
    let server = server(app, &ada).await;
    let bob = member_of(app, &ada, &server).await;
    let channel = first_channel(app, &ada, &server).await;
    let path = format!("/channels/{channel}/sender-keys");
    (ada, bob, path)
}

#[tokio::test]
async fn a_sender_key_waits_for_its_receiver() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let (bob, cyd) = (
            member_of(app, &ada, &server).await,
            member_of(app, &ada, &server).await,
        );
        let eve = app.relay_member().await;
        let channel = first_channel(app, &ada, &server).await;
        let path = format!("/channels/{channel}/sender-keys");
        let body = keys(&[&bob.id, &cyd.id, &eve.id], ONE, "_-8");
        let done = post(app, &ada, &path, &body).await.ok();
        assert_eq!(done["distributed"], 2, "a key for an outsider is left out");
        assert_eq!(
            post(app, &eve, &path, &body).await.problem(404),
            "channel_not_found"
        );
        assert_eq!(
            get(app, &eve, &path).await.problem(404),
            "channel_not_found"
        );
        assert_eq!(get(app, &ada, &path).await.ok(), json!([]));

        // A newer key of the same distribution replaces the older one.
        post(app, &ada, &path, &keys(&[&bob.id], ONE, "bmV3"))
            .await
            .ok();
        post(app, &ada, &path, &keys(&[&bob.id], TWO, "AAAA"))
            .await
            .ok();
        let waiting = get(app, &bob, &path).await.ok();
        assert_eq!(field(&waiting, "distribution_id"), [ONE, TWO]);
        assert_eq!(field(&waiting, "encrypted_skdm"), ["AAAA", "bmV3"]);
        for key in waiting.as_array().expect("a list") {
            assert_eq!(key["from_user_id"], ada.id);
            assert_eq!(key["channel_id"], channel.as_str());
            assert!(key["id"].is_string() && key["created_at"].is_string());
        }
        // It is given again for a minute, because the answer may be lost.
        assert_eq!(get(app, &bob, &path).await.ok(), waiting);
        app.age(Duration::from_secs(61)).await;
        assert_eq!(get(app, &bob, &path).await.ok(), json!([]));
        assert_eq!(
            get(app, &cyd, &path).await.ok()[0]["encrypted_skdm"],
            "/+8="
        );
    })
    .await;
}

/// Reading uses keys up, so a link on a foreign page must not read them.
#[tokio::test]
async fn waiting_sender_keys_need_a_token_in_authorization() {
    case(async |app| {
        let (ada, bob, path) = pair(app).await;
        post(app, &ada, &path, &keys(&[&bob.id], ONE, "AAAA"))
            .await
            .ok();
        let url = format!("/api/v1{path}");
        let session = app.session(&app.person().await).await;
        let answer = app.get(&url).cookie(&session).send().await;
        assert_eq!(answer.problem(401), "authentication_required");
        let answer = app.request(Method::HEAD, &url).bearer(&bob.access);
        assert_eq!(answer.send().await.status(), 405);
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM relay_sender_keys WHERE read_at IS NULL",
                &[]
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_read_sender_key_is_removed_within_minutes() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let (bob, cyd) = (
            member_of(app, &ada, &server).await,
            member_of(app, &ada, &server).await,
        );
        let channel = first_channel(app, &ada, &server).await;
        let path = format!("/channels/{channel}/sender-keys");
        let body = keys(&[&bob.id, &cyd.id], ONE, "AAAA");
        post(app, &ada, &path, &body).await.ok();
        get(app, &bob, &path).await.ok();
        let left = async || {
            app.count("SELECT COUNT(*) FROM relay_sender_keys", &[])
                .await
        };
        app.cron().await;
        assert_eq!(left().await, 2, "it is given again for a minute");
        app.age(Duration::from_secs(61)).await;
        app.cron().await;
        assert_eq!(left().await, 1, "the key of the other member waits");
    })
    .await;
}

#[tokio::test]
async fn large_sender_keys_count_once_for_each_kib() {
    case(async |app| {
        let (ada, bob, path) = pair(app).await;
        let counted = async |bytes: usize| {
            app.sql("DELETE FROM relay_counts", &[]).await;
            post(
                app,
                &ada,
                &path,
                &keys(&[&bob.id], ONE, &b64(vec![7; bytes])),
            )
            .await
            .ok();
            app.count("SELECT SUM(count) FROM relay_counts", &[]).await
        };
        assert_eq!(counted(1).await, 1);
        assert_eq!(counted(1_024).await, 1);
        assert_eq!(counted(1_025).await, 2);
        assert_eq!(counted(4_096).await, 4);
    })
    .await;
}

#[tokio::test]
async fn stored_sender_keys_are_bounded() {
    case(async |app| {
        let (ada, bob, path) = pair(app).await;
        for number in 0..9 {
            let distribution = format!("{number}1111111-10b1-426f-9247-bb680e5fe0c8");
            post(app, &ada, &path, &keys(&[&bob.id], &distribution, "AAAA"))
                .await
                .ok();
            app.age(Duration::from_secs(1)).await;
        }
        let waiting = field(&get(app, &bob, &path).await.ok(), "distribution_id");
        let newest: Vec<String> = (4..9)
            .map(|number| format!("{number}1111111-10b1-426f-9247-bb680e5fe0c8"))
            .collect();
        assert_eq!(waiting, newest);
        let mut bad = vec![
            keys(&[], ONE, "AAAA"),
            json!({}),
            json!({"distributions": [1]}),
        ];
        bad.extend([
            keys(&["x"], ONE, "AAAA"),
            keys(&[&bob.id], "x", "AAAA"),
            keys(&[&bob.id], ONE, ""),
            keys(&[&bob.id], ONE, &b64(vec![0; 4_097])),
        ]);
        for body in bad {
            let answer = post(app, &ada, &path, &body).await;
            assert!(
                answer.status() == 400 && answer.text().contains("distributions"),
                "{body}: {}",
                answer.text()
            );
        }
        // A large channel gets its keys in one request.
        let many = vec![bob.id.as_str(); 2_000];
        post(app, &ada, &path, &keys(&many, TWO, &"A".repeat(200)))
            .await
            .ok();
        app.age(Duration::from_hours(30 * 24)).await;
        app.cron().await;
        assert_eq!(
            app.count("SELECT COUNT(*) FROM relay_sender_keys", &[])
                .await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn sender_keys_go_with_the_identity_and_the_membership() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let channel = first_channel(app, &ada, &server).await;
        let path = format!("/channels/{channel}/sender-keys");
        let count = async || {
            app.count("SELECT COUNT(*) FROM relay_sender_keys", &[])
                .await
        };
        let both = async || {
            post(app, &ada, &path, &keys(&[&bob.id], ONE, "AAAA"))
                .await
                .ok();
            post(app, &bob, &path, &keys(&[&ada.id], TWO, "AAAA"))
                .await
                .ok();
        };
        both().await;
        // The same identity key with another prekey changes nothing.
        put(app, &bob, "/keys/identity", &identity(7, 8)).await.ok();
        assert_eq!(count().await, 2);
        put(app, &bob, "/keys/identity", &identity(8, 8)).await.ok();
        assert_eq!(count().await, 0);
        both().await;
        delete(app, &bob, &format!("/channels/{channel}/leave"))
            .await
            .ok();
        assert_eq!(count().await, 0);
        post(app, &bob, &format!("/channels/{channel}/join"), &json!({}))
            .await
            .ok();
        both().await;
        delete(app, &ada, &format!("/servers/{server}/members/{}", bob.id))
            .await
            .ok();
        assert_eq!(count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn members_see_the_identity_keys_of_the_others() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let (bob, cyd) = (
            member_of(app, &ada, &server).await,
            member_of(app, &ada, &server).await,
        );
        let channel = first_channel(app, &ada, &server).await;
        let path = format!("/channels/{channel}/members/keys");
        let found = get(app, &ada, &path).await.ok();
        assert_eq!(field(&found, "user_id"), sorted(&[&bob.id, &cyd.id]));
        assert_eq!(found[0]["identity_key"], identity(7, 9)["identity_key"]);
        let page = get(app, &ada, &format!("{path}?limit=1")).await.ok();
        assert_eq!(page.as_array().map(Vec::len), Some(1));
        let eve = app.relay_member().await;
        assert_eq!(
            get(app, &eve, &path).await.problem(404),
            "channel_not_found"
        );
    })
    .await;
}
