//! Blocks.

use serde_json::{Value, json};

use super::calls::{META, delete, get, post};
use super::direct_messages::open;
use crate::harness::case;

#[tokio::test]
async fn a_blocked_account_gets_the_answers_about_an_unknown_one() {
    case(async |app| {
        let ada = app.relay_member_with(1).await;
        let bob = app.relay_member_with(1).await;
        let block = format!("/users/{}/block", bob.id);
        for _ in 0..2 {
            assert!(post(app, &ada, &block, &json!({})).await.ok()["message"].is_string());
        }
        let list = get(app, &ada, "/users/blocked").await.ok();
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        assert_eq!(list[0]["user_id"], bob.id);
        assert_eq!(list[0]["username"], bob.username);
        assert_eq!(list[0]["avatar_url"], Value::Null);
        assert!(list[0]["blocked_at"].is_string());
        assert_eq!(get(app, &bob, "/users/blocked").await.ok(), json!([]));

        let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let (mine, none) = (
            open(app, &bob, &ada.id, META).await,
            open(app, &bob, unknown, META).await,
        );
        assert_eq!(mine.problem(404), none.problem(404));
        let (mine, none) = (
            app.bundle(&bob, &ada.id).await,
            app.bundle(&bob, unknown).await,
        );
        assert_eq!(mine.problem(404), none.problem(404));
        let search = async |username: &str| {
            let path = format!("/users/search?username={username}");
            get(app, &bob, &path).await.problem(404)
        };
        assert_eq!(search(&ada.username).await, search("no-such-name").await);
        let path = format!("/users/search?username={}", bob.username);
        assert_eq!(get(app, &ada, &path).await.ok()["id"], bob.id);
        // The block took no prekey, and other accounts get the keys.
        let cyd = app.relay_member().await;
        assert!(app.bundle(&cyd, &ada.id).await.ok()["one_time_prekey"].is_string());
        // The account that blocks still gets the keys of the other one.
        app.bundle(&ada, &bob.id).await.ok();

        for _ in 0..2 {
            delete(app, &ada, &block).await.ok();
        }
        assert_eq!(get(app, &ada, "/users/blocked").await.ok(), json!([]));
        app.bundle(&bob, &ada.id).await.ok();
        let made = open(app, &bob, &ada.id, META).await.ok();
        // A direct message that exists stays, so the block does not show in it.
        post(app, &ada, &block, &json!({})).await.ok();
        assert_eq!(open(app, &bob, &ada.id, META).await.ok(), made);
    })
    .await;
}

#[tokio::test]
async fn a_block_needs_another_account() {
    case(async |app| {
        let ada = app.relay_member().await;
        let block =
            async |id: &str| post(app, &ada, &format!("/users/{id}/block"), &json!({})).await;
        assert_eq!(block(&ada.id).await.status(), 400);
        let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        for id in ["x", unknown] {
            assert_eq!(block(id).await.problem(404), "user_not_found");
        }
    })
    .await;
}
