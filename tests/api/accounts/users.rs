//! The caller's own account.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{case, on_workerd};

const ME: &str = "/api/users/me";

#[tokio::test]
async fn only_the_account_owner_reads_an_account() {
    case(async |app| {
        let (ada, eve) = (app.person().await, app.person().await);
        let (session, foreign) = (app.session(&ada).await, app.session(&eve).await);
        let me = app.get(ME).cookie(&session).send().await.ok();
        assert_eq!(
            (me["id"].as_str(), me["email"].as_str()),
            (Some(ada.id.as_str()), Some(ada.email.as_str()))
        );
        let path = format!("/api/users/{}", ada.id);
        assert_eq!(app.get(&path).bearer(&session).send().await.ok(), me);
        assert_eq!(
            app.get(&path.to_uppercase().replace("/API/USERS", "/api/users"))
                .bearer(&session)
                .send()
                .await
                .ok(),
            me
        );
        for id in [
            ada.id.as_str(),
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "x",
            "..%2fme",
        ] {
            assert_eq!(
                app.get(&format!("/api/users/{id}"))
                    .bearer(&foreign)
                    .send()
                    .await
                    .problem(404),
                "user_not_found",
                "{id}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_changes_only_their_name_and_picture() {
    case(async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        let before = app.get(ME).bearer(&token).send().await.ok();
        let put = async |body: Value| {
            app.request(Method::PUT, ME)
                .json(&body)
                .bearer(&token)
                .send()
                .await
        };
        app.age(Duration::from_secs(2)).await;
        let changed = put(json!({
            "name": "  Grace ",
            "picture": "https://pictures.example/g.png",
            "id": "x",
            "user_id": "y",
            "email": "new@example.com",
            "email_verified": false,
            "provider_id": "z",
            "auth_method": "password",
            "role": "admin",
        }))
        .await
        .ok();
        assert_eq!(
            (&changed["name"], &changed["picture"]),
            (&json!("Grace"), &json!("https://pictures.example/g.png"))
        );
        assert_ne!(changed["updated_at"], changed["created_at"]);
        for field in [
            "id",
            "email",
            "email_verified",
            "provider",
            "provider_id",
            "auth_method",
        ] {
            assert_eq!(changed[field], before[field], "{field}");
        }
        assert_eq!(
            put(json!({"name": "", "picture": null})).await.ok()["name"],
            "Grace",
            "an empty name changes nothing"
        );
        assert_eq!(
            app.get(ME).bearer(&token).send().await.ok()["picture"],
            Value::Null,
            "null removes the picture"
        );
        put(json!({})).await.ok();
        put(json!({"name": "Grace", "picture": null})).await.ok();
        assert_eq!(
            put(json!({"name": "Ada", "picture": "http://insecure"}))
                .await
                .problem(422),
            "invalid_picture"
        );
        assert_eq!(
            app.get(ME).bearer(&token).send().await.ok()["name"],
            "Grace",
            "no field was changed"
        );
        assert_eq!(
            app.events(&person.id).await,
            ["user_created", "signed_in", "user_updated", "user_updated"]
        );
    })
    .await;
}

#[tokio::test]
async fn deleting_an_account_removes_all_its_rows() {
    case(async |app| {
        let (ada, eve) = (app.person().await, app.person().await);
        let (session, pair, bystander) = (
            app.session(&ada).await,
            app.pair(&ada).await,
            app.pair(&eve).await,
        );
        let answer = app.delete(ME).cookie(&session).send().await;
        assert_eq!(answer.ok()["success"], true);
        assert!(
            answer
                .cookies()
                .iter()
                .all(|cookie| cookie.contains("Max-Age=0"))
                && !answer.cookies().is_empty()
        );
        assert_eq!(
            (
                app.me(&session).await,
                app.me(&pair.access).await,
                app.refresh(&pair.refresh).await.status()
            ),
            (401, 401, 401)
        );
        let id = json!(ada.id);
        for query in [
            "SELECT COUNT(*) FROM users WHERE id = ?1",
            "SELECT COUNT(*) FROM identities WHERE user_id = ?1",
            "SELECT COUNT(*) FROM sessions WHERE user_id = ?1",
            "SELECT COUNT(*) FROM events WHERE user_id = ?1 \
             AND (kind <> 'user_deleted' OR address IS NOT NULL OR user_agent IS NOT NULL)",
        ] {
            assert_eq!(
                app.count(query, std::slice::from_ref(&id)).await,
                0,
                "{query}"
            );
        }
        assert_eq!(app.events(&ada.id).await, ["user_deleted"]);
        assert_eq!(app.me(&bystander.access).await, 200);
        let again = json!({
            "email": ada.email,
            "provider": "google",
            "provider_id": ada.provider_id,
            "platform": "web",
        });
        assert_ne!(
            app.internal("/api/internal/users", &again)
                .send()
                .await
                .ok()["user"]["id"],
            id,
            "a new account"
        );
    })
    .await;
}

#[tokio::test]
async fn deleting_an_account_needs_recent_authentication() {
    case(async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        app.age(Duration::from_mins(11)).await;
        assert_eq!(
            app.delete(ME).cookie(&token).send().await.problem(403),
            "reauthentication_required"
        );
        assert_eq!(app.me(&token).await, 200);
        let fresh = app.session(&person).await;
        app.delete(ME).bearer(&fresh).send().await.ok();
    })
    .await;
}

#[tokio::test]
async fn events_record_their_context_and_cannot_be_changed() {
    case(async |app| {
        let person = app.person().await;
        let pair = app.pair(&person).await;
        let call = app
            .request(Method::PUT, ME)
            .json(&json!({"name": "New"}))
            .bearer(&pair.access);
        call.header("user-agent", "hamrahIOS/2.0")
            .header("x-request-id", "request-0001")
            .send()
            .await
            .ok();
        let rows = app
            .sql(
                "SELECT * FROM events WHERE user_id = ?1 ORDER BY rowid",
                &[json!(person.id)],
            )
            .await;
        let (signed_in, updated) = (&rows[1], &rows[2]);
        assert_eq!(
            (&signed_in["actor"], &signed_in["session_id"]),
            (&json!("service:hamrah-app"), &json!(pair.id))
        );
        assert_eq!(
            signed_in["user_agent"], "hamrahIOS/1.0",
            "the User-Agent of the person, not of the service"
        );
        assert_eq!(
            (
                &updated["actor"],
                &updated["user_agent"],
                &updated["request_id"]
            ),
            (
                &json!("user"),
                &json!("hamrahIOS/2.0"),
                &json!("request-0001")
            )
        );
        assert!(
            updated["at"]
                .as_i64()
                .is_some_and(|at| at > 1_700_000_000_000)
        );
    })
    .await;
}

#[tokio::test]
async fn an_event_records_the_address_that_the_platform_reports() {
    case(async |app| {
        let person = app.person().await;
        let pair = app.pair(&person).await;
        for forged in ["203.0.113.7", "::ffff:203.0.113.7", "nonsense"] {
            let call = app
                .request(Method::PUT, ME)
                .json(&json!({"name": forged}))
                .bearer(&pair.access);
            call.header("cf-connecting-ip", forged)
                .header("x-forwarded-for", "192.0.2.1")
                .header("x-real-ip", "192.0.2.2")
                .send()
                .await
                .ok();
        }
        let updates = "SELECT address FROM events WHERE user_id = ?1 \
             AND kind = 'user_updated' ORDER BY rowid";
        let rows = app.sql(updates, &[json!(person.id)]).await;
        let addresses: Vec<&Value> = rows.iter().map(|row| &row["address"]).collect();
        if on_workerd() {
            // In production Cloudflare sets the header. The test sends it itself.
            assert_eq!(
                addresses,
                [&json!("203.0.113.7"), &json!("203.0.113.7"), &Value::Null],
                "in one spelling"
            );
        } else {
            assert_eq!(
                addresses,
                [&Value::Null; 3],
                "natively it is the address of the peer, and this call has no connection"
            );
        }
    })
    .await;
}
