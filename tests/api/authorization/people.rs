//! People: creating, changing and deleting them.

use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST, PUT};
use crate::harness::{PASSWORD, case};

#[tokio::test]
async fn people_are_created_changed_and_deleted() {
    case(async |app| {
        let root = app.administrator().await;
        let body = json!({
            "username": "ana",
            "password_hash": PASSWORD,
            "name": "Ana",
            "person_type": "N",
            "document_type": "DNI",
            "document_number": "00000001",
        });
        let made = app.ask(&root, POST, "/users", body.clone()).await.created();
        let id = made["id"].as_i64().expect("an id");
        assert_eq!(made, json!({"id": id, "username": "ana", "name": "Ana"}));
        assert_eq!(
            app.ask(&root, POST, "/users", body.clone())
                .await
                .refused(409),
            "user_exists"
        );
        let same_document = json!({
            "username": "Ana",
            "password": PASSWORD,
            "name": "A",
            "document_type": "DNI",
            "document_number": "00000001",
        });
        assert_eq!(
            app.ask(&root, POST, "/users", same_document)
                .await
                .refused(409),
            "document_exists"
        );
        let case_counts = json!({"username": "Ana", "password": PASSWORD, "name": "A"});
        app.ask(&root, POST, "/users", case_counts).await.created();
        for (bad, status, code) in [
            (
                json!({"username": "", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "7", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bo b", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bob", "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "password_hash": PASSWORD,
                    "name": "A",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "name": "A",
                    "person_type": "X",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "name": "A",
                    "document_type": "DNI",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bob", "password": "short", "name": "A"}),
                422,
                "invalid_password",
            ),
            (
                json!({"username": "bobby", "password": "bobby1234", "name": "A"}),
                422,
                "common_password",
            ),
        ] {
            assert_eq!(
                app.ask(&root, POST, "/users", bad.clone())
                    .await
                    .refused(status),
                code,
                "{bad}"
            );
        }
        let path = format!("/users/{id}");
        let token = app.login("ana", PASSWORD).await.ok()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            app.ask(
                &root,
                PUT,
                &path,
                json!({"username": "anna", "name": "Anna"})
            )
            .await
            .ok(),
            json!({"status": "success"})
        );
        assert_eq!(
            app.ask(&root, GET, &path, Value::Null).await.ok(),
            json!({"id": id, "username": "anna", "name": "Anna"})
        );
        assert_eq!(
            app.ask(&root, PUT, &path, json!({"username": "Ana"}))
                .await
                .refused(409),
            "user_exists"
        );
        assert_eq!(
            app.get("/auth/profile").token(&token).send().await.status(),
            200
        );
        assert_eq!(
            app.ask(&root, PUT, &path, json!({"password": "another zebra 78"}))
                .await
                .status(),
            200
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&token)
                .send()
                .await
                .refused(401),
            "invalid_token",
            "a new password revokes the tokens"
        );
        let token = app.login("anna", "another zebra 78").await.ok()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let gone = app.ask(&root, DELETE, &path, Value::Null).await.ok();
        assert_eq!(
            gone,
            json!({"status": "user_deleted", "user_id": id, "revoked_tokens": 1})
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
        for (method, body) in [
            (GET, Value::Null),
            (PUT, json!({"name": "A"})),
            (DELETE, Value::Null),
        ] {
            assert_eq!(
                app.ask(&root, method, &path, body).await.refused(404),
                "user_not_found"
            );
        }
        let again = app.ask(&root, POST, "/users", body).await.created();
        assert_ne!(again["id"], id, "an id is never used again");
        for bad in ["abc", "0", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(
                app.ask(&root, GET, &format!("/users/{bad}"), Value::Null)
                    .await
                    .refused(400),
                "invalid_user_id",
                "{bad}"
            );
        }
    })
    .await;
}
