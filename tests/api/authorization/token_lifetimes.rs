//! The life of a token: expiry, renewal, logout and revocation.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, case, on_workerd, race};

#[tokio::test]
async fn a_token_expires_to_the_second_and_is_removed() {
    case(async |app| {
        let root = app.administrator().await;
        let ends = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok()["expires_at"]
            .as_i64()
            .expect("seconds");
        let left = u64::try_from(ends - app.now().await).expect("in the future");
        if on_workerd() {
            app.age(Duration::from_secs(left + 2)).await;
        } else {
            // The token is valid within its last second. The expiry is restored, so that the token
            // is not renewed.
            app.age(Duration::from_secs(left - 1)).await;
            let renewed = app
                .get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .ok();
            assert_eq!(renewed["renewed"], true);
            app.sql(
                "UPDATE person_tokens SET expires_at = ?1",
                &[json!(ends * 1000)],
            )
            .await;
            app.age(Duration::from_secs(1)).await;
        }
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "expired_token"
        );
        assert_eq!(
            app.request(Method::POST, "/auth/logout")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "expired_token"
        );
        let checked = app
            .request(Method::POST, "/check-token")
            .token(&root.token)
            .send()
            .await;
        assert_eq!(
            (checked.refused(401), &checked.json()["valid"]),
            ("expired_token".to_owned(), &json!(false))
        );
        app.cron().await;
        assert_eq!(
            app.count("SELECT COUNT(*) FROM person_tokens", &[]).await,
            0
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
    })
    .await;
}

#[tokio::test]
async fn one_of_many_callers_renews_a_token() {
    race(async |app| {
        let root = app.administrator().await;
        app.age(Duration::from_secs(275)).await;
        let calls = (0..32).map(|_| app.get("/auth/profile").token(&root.token).send());
        let answers: Vec<Value> = futures::future::join_all(calls)
            .await
            .iter()
            .map(crate::harness::Answer::ok)
            .collect();
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer["renewed"] == true)
                .count(),
            1
        );
        let ends = answers[0]["expires_at"].as_i64().expect("seconds");
        assert!((295..=300).contains(&(ends - app.now().await)));
        assert!(
            answers.iter().all(|answer| answer["expires_at"] == ends),
            "every caller gets the new expiry"
        );
        let again = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok();
        assert_eq!(again["renewed"], false);
    })
    .await;
}

#[tokio::test]
async fn logging_out_renews_no_token_and_is_final() {
    case(async |app| {
        let root = app.administrator().await;
        let other = app.login("root", PASSWORD).await.ok();
        app.age(Duration::from_secs(280)).await;
        let call = || app.request(Method::POST, "/auth/logout").token(&root.token);
        assert_eq!(call().send().await.ok(), json!({"status": "logged_out"}));
        assert_eq!(call().send().await.refused(401), "invalid_token");
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(other["token"].as_str().expect("a token"))
                .send()
                .await
                .status(),
            200,
            "other tokens stay valid"
        );
    })
    .await;
}

#[tokio::test]
async fn a_revocation_wins_over_a_renewal() {
    case(async |app| {
        let root = app.administrator().await;
        app.age(Duration::from_secs(280)).await;
        // The token is revoked after its check and before its renewal.
        let answer = app
            .interleave(app.get("/auth/profile").token(&root.token), 1, async {
                app.sql("DELETE FROM person_tokens", &[]).await;
            })
            .await;
        assert_eq!(answer.refused(401), "invalid_token");
        assert_eq!(
            app.count("SELECT COUNT(*) FROM person_tokens", &[]).await,
            0
        );
    })
    .await;
    race(async |app| {
        let root = app.administrator().await;
        for _ in 0..8 {
            let token = app.login("root", PASSWORD).await.ok()["token"]
                .as_str()
                .expect("a token")
                .to_owned();
            let hashes = app
                .sql(
                    "SELECT token_hash FROM person_tokens ORDER BY rowid DESC LIMIT 1",
                    &[],
                )
                .await;
            app.sql(
                "UPDATE person_tokens SET expires_at = expires_at - 280000 WHERE token_hash = ?1",
                &[hashes[0]["token_hash"].clone()],
            )
            .await;
            let renewals = (0..8).map(|_| app.get("/auth/profile").token(&token).send());
            let logout = app
                .request(Method::POST, "/auth/logout")
                .token(&token)
                .send();
            let (answers, out) =
                futures::future::join(futures::future::join_all(renewals), logout).await;
            assert_eq!(out.status(), 200);
            assert!(
                answers
                    .iter()
                    .all(|answer| [200, 401].contains(&answer.status()))
            );
            assert_eq!(
                app.get("/auth/profile")
                    .token(&token)
                    .send()
                    .await
                    .refused(401),
                "invalid_token",
                "the token stays revoked"
            );
        }
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .status(),
            200
        );
    })
    .await;
}
