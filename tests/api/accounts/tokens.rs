//! Access and refresh tokens: rotation, reuse, revocation, lists.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Pair, case, claims};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_token_pair_is_renewed_with_the_claims_of_rfc_9068() {
    case(async |app| {
        let person = app.person().await;
        let first = app.pair(&person).await;
        let answer = app
            .post(
                "/api/auth/token/refresh",
                &json!({"refreshToken": first.refresh}),
            )
            .send()
            .await
            .ok();
        let second = Pair::read(&answer);
        assert_eq!(
            (answer["user"]["id"].as_str(), &answer["expires_in"]),
            (Some(person.id.as_str()), &json!(3600))
        );
        assert_eq!(second.id, first.id, "the session is unchanged");
        assert_ne!(
            (&second.refresh, &second.access),
            (&first.refresh, &first.access)
        );
        let says = claims(&second.access);
        assert_eq!(
            (&says["iss"], &says["aud"], &says["sub"]),
            (
                &json!("http://localhost"),
                &json!("hamrah"),
                &json!(person.id)
            )
        );
        assert_eq!(
            says["exp"].as_i64(),
            says["iat"].as_i64().map(|iat| iat + 3600)
        );
        assert!(says["jti"].is_string() && says["jti"] != claims(&first.access)["jti"]);
        assert_eq!(
            app.events(&person.id).await,
            ["user_created", "signed_in", "tokens_refreshed"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_the_same_successor() {
    case(async |app| {
        let first = app.pair(&app.person().await).await;
        let lost = Pair::read(&app.refresh(&first.refresh).await.ok());
        app.age(Duration::from_secs(25)).await;
        let repeated = Pair::read(&app.refresh(&first.refresh).await.ok());
        assert_eq!(repeated.refresh, lost.refresh, "no fork");
        assert_eq!(app.me(&repeated.access).await, 200);
        let third = Pair::read(&app.refresh(&repeated.refresh).await.ok());
        assert_eq!(app.me(&third.access).await, 200);
    })
    .await;
}

#[tokio::test]
async fn reusing_a_refresh_token_revokes_its_session() {
    case(async |app| {
        let person = app.person().await;
        let (first, other) = (app.pair(&person).await, app.pair(&person).await);
        let second = Pair::read(&app.refresh(&first.refresh).await.ok());
        app.age(Duration::from_secs(31)).await;
        let reuse = app.refresh(&first.refresh).await;
        assert_eq!(reuse.problem(401), "invalid_refresh_token");
        assert_eq!(
            app.refresh(&second.refresh).await.problem(401),
            "invalid_refresh_token",
            "its successor"
        );
        assert_eq!(
            (app.me(&first.access).await, app.me(&second.access).await),
            (401, 401),
            "its access tokens"
        );
        assert_eq!(
            app.me(&other.access).await,
            200,
            "another session of the person"
        );
        assert_eq!(
            app.events(&person.id).await.last().map(String::as_str),
            Some("refresh_token_reused")
        );
        assert!(
            app.logs().await.contains("was used before"),
            "the reason is in the log"
        );
    })
    .await;
}

#[tokio::test]
async fn a_replay_within_the_window_revokes_the_session_if_the_successor_was_used() {
    case(async |app| {
        let first = app.pair(&app.person().await).await;
        let second = Pair::read(&app.refresh(&first.refresh).await.ok());
        let third = Pair::read(&app.refresh(&second.refresh).await.ok());
        app.refresh(&first.refresh).await.problem(401);
        assert_eq!(
            (
                app.refresh(&third.refresh).await.status(),
                app.me(&third.access).await
            ),
            (401, 401)
        );
    })
    .await;
}

#[tokio::test]
async fn every_invalid_refresh_token_gets_the_same_answer() {
    case(async |app| {
        let person = app.person().await;
        let (pair, session) = (app.pair(&person).await, app.session(&person).await);
        let unknown = format!("hmr_{}", "A".repeat(43));
        let mut answers = Vec::new();
        for presented in [
            "",
            "x",
            &pair.access,
            &session,
            &pair.id,
            &unknown,
            &pair.refresh.to_uppercase(),
            &format!("{} ", pair.refresh),
        ] {
            let answer = app.refresh(presented).await;
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            assert_eq!(answer.problem(401), "invalid_refresh_token", "{presented}");
            answers.push(body);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(
            app.me(&pair.refresh).await,
            401,
            "a refresh token is not an access token"
        );
        app.age(31 * DAY).await;
        assert_eq!(
            app.refresh(&pair.refresh).await.problem(401),
            "invalid_refresh_token",
            "the refresh token has expired"
        );
    })
    .await;
}

#[tokio::test]
async fn a_chain_of_refresh_tokens_expires_after_180_days() {
    case(async |app| {
        let mut pair = app.pair(&app.person().await).await;
        for _ in 0..7 {
            app.age(25 * DAY).await;
            pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        }
        let list = app
            .get("/api/users/me/tokens")
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        let (made, ends) = (
            list["tokens"][0]["created_at"].as_i64(),
            list["tokens"][0]["refresh_expires_at"].as_i64(),
        );
        assert_eq!(
            ends.zip(made).map(|(ends, made)| ends - made),
            Some(180 * 86_400_000)
        );
        app.age(5 * DAY).await;
        app.refresh(&pair.refresh).await.problem(401);
    })
    .await;
}

#[tokio::test]
async fn token_pairs_are_listed_and_revoked_one_by_one() {
    case(async |app| {
        let person = app.person().await;
        let (here, there) = (app.pair(&person).await, app.pair(&person).await);
        app.session(&person).await;
        let list = app
            .get("/api/users/me/tokens")
            .bearer(&here.access)
            .send()
            .await
            .ok();
        let tokens = list["tokens"].as_array().expect("a list");
        assert_eq!(tokens.len(), 2, "web sessions are not listed");
        let mine = tokens
            .iter()
            .find(|token| token["id"] == here.id.as_str())
            .expect("mine");
        assert_eq!(
            (&mine["current"], &mine["platform"], &mine["user_agent"]),
            (&json!(true), &json!("ios"), &json!("hamrahIOS/1.0"))
        );
        for time in [
            "last_used",
            "created_at",
            "access_expires_at",
            "refresh_expires_at",
        ] {
            assert!(
                mine[time].as_i64().is_some_and(|at| at > 1_700_000_000_000),
                "{time}: milliseconds"
            );
        }
        let revoke = format!("/api/auth/tokens/{}/revoke", there.id);
        app.delete(&revoke).bearer(&here.access).send().await.ok();
        assert_eq!(
            (
                app.me(&there.access).await,
                app.refresh(&there.refresh).await.status()
            ),
            (401, 401)
        );
        app.delete(&revoke).bearer(&here.access).send().await.ok();
        let list = app
            .get("/api/users/me/tokens")
            .bearer(&here.access)
            .send()
            .await
            .ok();
        assert_eq!(list["tokens"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            app.events(&person.id)
                .await
                .iter()
                .filter(|kind| *kind == "sign_in_revoked")
                .count(),
            1,
            "a second revocation changes nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn a_user_cannot_revoke_the_token_pairs_of_another_user() {
    case(async |app| {
        let (ada, eve) = (app.person().await, app.person().await);
        let (ada_pair, eve_pair) = (app.pair(&ada).await, app.pair(&eve).await);
        let foreign = app
            .delete(&format!("/api/auth/tokens/{}/revoke", ada_pair.id))
            .bearer(&eve_pair.access)
            .send()
            .await;
        let unknown = app
            .delete("/api/auth/tokens/67e55044-10b1-426f-9247-bb680e5fe0c8/revoke")
            .bearer(&eve_pair.access)
            .send()
            .await;
        let malformed = app
            .delete("/api/auth/tokens/x/revoke")
            .bearer(&eve_pair.access)
            .send()
            .await;
        assert_eq!(
            [
                foreign.problem(404),
                unknown.problem(404),
                malformed.problem(404)
            ],
            ["token_not_found"; 3]
        );
        let all = app
            .delete(&format!("/api/auth/users/{}/tokens/revoke", ada.id))
            .bearer(&eve_pair.access)
            .send()
            .await;
        assert_eq!(all.problem(404), "user_not_found");
        assert_eq!(
            (
                app.me(&ada_pair.access).await,
                app.refresh(&ada_pair.refresh).await.status()
            ),
            (200, 200),
            "untouched"
        );
        assert_eq!(
            app.events(&ada.id).await,
            ["user_created", "signed_in", "tokens_refreshed"]
        );
    })
    .await;
}

#[tokio::test]
async fn all_token_pairs_are_revoked_at_once() {
    case(async |app| {
        let person = app.person().await;
        let (one, two, session) = (
            app.pair(&person).await,
            app.pair(&person).await,
            app.session(&person).await,
        );
        let all = format!("/api/auth/users/{}/tokens/revoke", person.id);
        assert_eq!(
            app.delete(&all).cookie(&session).send().await.ok()["revoked"],
            2
        );
        for pair in [&one, &two] {
            assert_eq!(
                (
                    app.me(&pair.access).await,
                    app.refresh(&pair.refresh).await.status()
                ),
                (401, 401)
            );
        }
        assert_eq!(
            app.delete(&all).cookie(&session).send().await.ok()["revoked"],
            0
        );
        let list = app
            .get("/api/users/me/tokens")
            .cookie(&session)
            .send()
            .await
            .ok();
        assert_eq!(list["tokens"], json!([]));
    })
    .await;
}
