//! Sessions and events that an account owner sees: lists, pages and revocation.

use http::Method;
use serde_json::{Value, json};

use crate::harness::case;

#[tokio::test]
async fn sessions_of_every_kind_are_listed_and_revoked() {
    case(async |app| {
        let person = app.person().await;
        let (session, pair, other) = (
            app.session(&person).await,
            app.pair(&person).await,
            app.session(&person).await,
        );
        let list = async |token: &str| {
            app.get("/api/users/me/sessions")
                .bearer(token)
                .send()
                .await
                .ok()["sessions"]
                .clone()
        };
        let listed = list(&session).await;
        let listed = listed.as_array().expect("a list");
        assert_eq!(listed.len(), 3);
        assert_eq!(
            listed
                .iter()
                .filter(|entry| entry["current"] == true)
                .count(),
            1
        );
        let platforms: Vec<_> = listed
            .iter()
            .map(|entry| entry["platform"].as_str().expect("a platform"))
            .collect();
        assert!(
            platforms.contains(&"ios") && platforms.contains(&"web"),
            "{platforms:?}"
        );
        assert!(
            listed
                .iter()
                .all(|entry| entry["expires_at"].as_i64() > entry["created_at"].as_i64())
        );
        let path = |id: &str| format!("/api/users/me/sessions/{id}");
        app.delete(&path(&pair.id))
            .bearer(&session)
            .send()
            .await
            .ok();
        assert_eq!(
            (
                app.me(&pair.access).await,
                app.refresh(&pair.refresh).await.status()
            ),
            (401, 401)
        );
        for unknown in ["67e55044-10b1-426f-9247-bb680e5fe0c8", "x"] {
            assert_eq!(
                app.delete(&path(unknown))
                    .bearer(&session)
                    .send()
                    .await
                    .problem(404),
                "session_not_found"
            );
        }
        let current = list(&session)
            .await
            .as_array()
            .expect("a list")
            .iter()
            .find(|entry| entry["current"] == true)
            .expect("mine")["id"]
            .clone();
        let ended = app
            .delete(&path(current.as_str().expect("an id")))
            .bearer(&session)
            .send()
            .await;
        ended.ok();
        assert!(
            ended
                .cookies()
                .iter()
                .any(|cookie| cookie.contains("Max-Age=0")),
            "{:?}",
            ended.cookies()
        );
        assert_eq!((app.me(&session).await, app.me(&other).await), (401, 200));
    })
    .await;
}

#[tokio::test]
async fn all_other_sessions_are_revoked_at_once() {
    case(async |app| {
        let person = app.person().await;
        let (mine, pair, other) = (
            app.session(&person).await,
            app.pair(&person).await,
            app.session(&person).await,
        );
        let stranger = app.session(&app.person().await).await;
        assert_eq!(
            app.delete("/api/users/me/sessions")
                .bearer(&mine)
                .send()
                .await
                .ok()["revoked"],
            2
        );
        assert_eq!(
            (
                app.me(&mine).await,
                app.me(&pair.access).await,
                app.me(&other).await,
                app.me(&stranger).await
            ),
            (200, 401, 401, 200)
        );
        assert_eq!(
            app.delete("/api/users/me/sessions")
                .bearer(&mine)
                .send()
                .await
                .ok()["revoked"],
            0
        );
        assert_eq!(
            app.delete("/api/users/me/sessions")
                .bearer(&other)
                .send()
                .await
                .problem(401),
            "invalid_token"
        );
    })
    .await;
}

#[tokio::test]
async fn a_page_that_shows_another_account_changes_nothing() {
    case(async |app| {
        let (ada, bob) = (app.person().await, app.person().await);
        let token = app.session(&bob).await;
        let calls = [
            app.delete("/api/users/me"),
            app.post("/api/webauthn/register/begin", &json!({})),
            app.get("/api/webauthn/credentials"),
            app.delete("/api/users/me/sessions"),
        ];
        for call in calls {
            let answer = call
                .cookie(&token)
                .header("x-expected-user", &ada.id)
                .send()
                .await;
            assert_eq!(answer.problem(409), "account_changed");
        }
        let answer = app
            .get("/api/users/me")
            .cookie(&token)
            .header("x-expected-user", "x")
            .send()
            .await;
        assert_eq!(answer.problem(409), "account_changed");
        app.get("/api/users/me")
            .cookie(&token)
            .header("x-expected-user", &bob.id)
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn the_account_owner_reads_events_page_by_page() {
    case(async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        for number in 0..60 {
            app.request(Method::PUT, "/api/users/me")
                .json(&json!({"name": format!("Name {number}")}))
                .bearer(&token)
                .send()
                .await
                .ok();
        }
        let page = async |before: Option<&str>| {
            let path = before.map_or_else(
                || "/api/users/me/events".to_owned(),
                |before| format!("/api/users/me/events?before={before}"),
            );
            app.get(&path).bearer(&token).send().await.ok()
        };
        let first = page(None).await;
        let second = page(first["next"].as_str()).await;
        let of = |page: &Value| {
            page["events"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|event| event["id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of(&first).len(), of(&second).len(), &second["next"]),
            (50, 12, &Value::Null)
        );
        assert!(of(&first).iter().all(|id| !of(&second).contains(id)));
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM events WHERE user_id = ?1",
                &[json!(person.id)]
            )
            .await,
            62
        );
        // The newest event is first, also among events of one moment.
        let oldest: Vec<_> = second["events"]
            .as_array()
            .expect("a list")
            .iter()
            .rev()
            .take(2)
            .map(|event| event["kind"].clone())
            .collect();
        assert_eq!(oldest, ["user_created", "signed_in"]);
        let other = app.session(&app.person().await).await;
        assert_eq!(
            app.get("/api/users/me/events")
                .bearer(&other)
                .send()
                .await
                .ok()["events"]
                .as_array()
                .expect("a list")
                .len(),
            2
        );
        for bad in [
            "x",
            "1",
            "-1",
            "1-x",
            "1-x",
            "99999999999999999999-67e55044-10b1-426f-9247-bb680e5fe0c8",
            "%00",
        ] {
            let answer = app
                .get(&format!("/api/users/me/events?before={bad}"))
                .bearer(&token)
                .send()
                .await;
            assert_eq!(answer.problem(400), "bad_request", "{bad}");
        }
    })
    .await;
}
