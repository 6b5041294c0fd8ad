//! The sealed backup of an account's keys.

use http::Method;
use serde_json::{Value, json};

use crate::harness::case;
use crate::harness::relay::b64;

pub const BACKUP: &str = "/api/v1/keys/backup";

pub fn backup(data: &[u8], version: Option<i64>) -> Value {
    let mut body = json!({
        "encrypted_data": b64(data),
        "nonce": b64([1; 24]),
        "salt": b64([2; 16]),
    });
    if let Some(version) = version {
        body["version"] = json!(version);
    }
    body
}

#[tokio::test]
async fn a_backup_is_replaced_by_the_version_after_it() {
    case(async |app| {
        let ada = app.relay_member().await;
        let put = async |body: &Value| {
            app.request(Method::PUT, BACKUP)
                .json(body)
                .bearer(&ada.access)
                .send()
                .await
        };
        let get = async |path: &str| app.get(path).bearer(&ada.access).send().await;
        let status = async || get("/api/v1/keys/backup/status").await.ok();
        assert_eq!(get(BACKUP).await.problem(404), "backup_not_found");
        assert_eq!(
            status().await,
            json!({"has_backup": false, "version": null, "updated_at": null})
        );
        assert_eq!(put(&backup(b"a", Some(1))).await.ok()["version"], 1);
        assert_eq!(put(&backup(b"b", Some(2))).await.ok()["ok"], true);
        for stale in [3 + 1, 2] {
            let refused = put(&backup(b"c", Some(stale))).await;
            assert_eq!(refused.problem(409), "backup_conflict");
            assert_eq!(refused.json()["version"], 2);
        }
        let stored = get(BACKUP).await.ok();
        assert_eq!(stored["encrypted_data"], b64(b"b"));
        assert_eq!(stored["nonce"], b64([1; 24]));
        assert_eq!(stored["salt"], b64([2; 16]));
        assert_eq!(stored["version"], 2);
        // A client without versions always sends 1, or none.
        assert_eq!(put(&backup(b"d", Some(1))).await.ok()["version"], 1);
        assert_eq!(put(&backup(b"e", None)).await.ok()["version"], 2);
        assert_eq!(status().await["version"], 2);
        app.delete(BACKUP).bearer(&ada.access).send().await.ok();
        let again = app.delete(BACKUP).bearer(&ada.access).send().await;
        assert_eq!(again.problem(404), "backup_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_backup_has_512_kibibytes_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        let put = async |body: &Value| {
            app.request(Method::PUT, BACKUP)
                .json(body)
                .bearer(&ada.access)
                .send()
                .await
        };
        let largest = vec![7; 512 * 1024];
        put(&backup(&largest, None)).await.ok();
        let stored = app.get(BACKUP).bearer(&ada.access).send().await.ok();
        assert_eq!(stored["encrypted_data"], b64(&largest));
        let above = put(&backup(&vec![7; 512 * 1024 + 1], None)).await;
        assert_eq!(above.problem(400), "invalid_request_body");
        let far_above = put(&backup(&vec![7; 600 * 1024], None)).await;
        assert_eq!(far_above.problem(413), "body_too_large");
        for (field, value) in [
            ("nonce", json!(b64([1; 12]))),
            ("salt", json!(b64([1; 8]))),
            ("encrypted_data", json!("")),
            ("encrypted_data", Value::Null),
            ("version", json!(0)),
            ("version", json!("1")),
            ("version", json!(1.5)),
        ] {
            let mut body = backup(b"x", None);
            body[field] = value;
            let answer = put(&body).await;
            assert_eq!(answer.problem(400), "invalid_request_body", "{field}");
            assert!(
                answer.json()["error"].to_string().contains(field),
                "{field}"
            );
        }
    })
    .await;
}
