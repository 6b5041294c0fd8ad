//! Concurrent callers: exactly one succeeds, no caller gets a 5xx, and an acknowledged change
//! lasts.

use std::collections::HashSet;

use futures::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Pair, case, on_workerd, other_person, race};

const CALLERS: usize = 50;

/// The number of times that each race runs. workerd is slower.
fn rounds() -> usize {
    if on_workerd() { 5 } else { 100 }
}

#[tokio::test]
async fn concurrent_refreshes_leave_one_descendant() {
    race(async |app| {
        let person = app.person().await;
        for _ in 0..rounds() {
            let pair = app.pair(&person).await;
            let answers = join_all((0..CALLERS).map(|_| app.refresh(&pair.refresh))).await;
            let successors: HashSet<String> = answers
                .iter()
                .map(|answer| Pair::read(&answer.ok()).refresh)
                .collect();
            assert_eq!(
                successors.len(),
                1,
                "all callers within the window get the same successor"
            );
            let chain = "SELECT COUNT(*) FROM refresh_tokens WHERE session_id = ?1";
            assert_eq!(app.count(chain, &[json!(pair.id)]).await, 2);
            assert_eq!(
                app.count(
                    &format!("{chain} AND replaced_by IS NULL"),
                    &[json!(pair.id)]
                )
                .await,
                1
            );
            let rotations =
                "SELECT COUNT(*) FROM events WHERE session_id = ?1 AND kind = 'tokens_refreshed'";
            assert_eq!(
                app.count(rotations, &[json!(pair.id)]).await,
                1,
                "one caller rotated the token"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn refreshes_against_refreshes_of_the_successor_never_fork() {
    race(async |app| {
        let person = app.person().await;
        for _ in 0..rounds() {
            let first = app.pair(&person).await;
            let second = Pair::read(&app.refresh(&first.refresh).await.ok());
            // A client repeats the old request while the successor is used. Either the repeat came
            // first, or it is a replay and the session is revoked.
            let answers = join(
                join_all((0..8).map(|_| app.refresh(&first.refresh))),
                join_all((0..8).map(|_| app.refresh(&second.refresh))),
            )
            .await;
            for answer in answers.0.iter().chain(&answers.1) {
                assert!(matches!(answer.status(), 200 | 401), "{}", answer.text());
            }
            let live =
                "SELECT COUNT(*) FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
                         WHERE s.id = ?1 AND s.revoked_at IS NULL AND r.replaced_by IS NULL";
            assert!(app.count(live, &[json!(first.id)]).await <= 1);
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_sign_ins_of_one_identity_make_one_account() {
    race(async |app| {
        for _ in 0..rounds() {
            let body = other_person();
            let answers = join_all((0..CALLERS).map(|n| {
                let path = if n % 2 == 0 {
                    "/api/internal/users"
                } else {
                    "/api/internal/tokens"
                };
                app.internal(path, &body).send()
            }))
            .await;
            let ids: HashSet<String> = answers
                .iter()
                .map(|answer| answer.ok()["user"]["id"].to_string())
                .collect();
            assert_eq!(ids.len(), 1);
            assert_eq!(
                app.count(
                    "SELECT COUNT(*) FROM users WHERE email = ?1",
                    &[body["email"].clone()]
                )
                .await,
                1
            );
            assert_eq!(
                app.count(
                    "SELECT COUNT(*) FROM identities WHERE provider_id = ?1",
                    &[body["provider_id"].clone()]
                )
                .await,
                1
            );
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_verified_providers_link_to_one_account() {
    race(async |app| {
        for round in 0..rounds() {
            let person = |provider: &str| -> Value {
                json!({
                    "email": format!("both{round}@example.com"),
                    "provider": provider,
                    "provider_id": format!("{provider}-{round}"),
                    "platform": "web",
                })
            };
            let (google, apple) = (person("google"), person("apple"));
            let bodies = (0..16).map(|n| if n % 2 == 0 { &google } else { &apple });
            let answers =
                join_all(bodies.map(|body| app.internal("/api/internal/users", body).send())).await;
            let ids: HashSet<String> = answers
                .iter()
                .map(|answer| answer.ok()["user"]["id"].to_string())
                .collect();
            assert_eq!(ids.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_logout_is_acknowledged_nothing_validates() {
    race(async |app| {
        let person = app.person().await;
        for _ in 0..rounds() {
            let token = app.session(&person).await;
            let logout = async {
                app.request(Method::POST, "/api/auth/sessions/logout")
                    .cookie(&token)
                    .send()
                    .await
                    .ok();
                app.me(&token).await
            };
            let (after, during) = join(logout, join_all((0..16).map(|_| app.me(&token)))).await;
            assert_eq!(after, 401, "refused after the acknowledgement");
            assert!(
                during.iter().all(|status| matches!(status, 200 | 401)),
                "{during:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_revocation_is_acknowledged_no_refresh_succeeds() {
    race(async |app| {
        let person = app.person().await;
        for _ in 0..rounds() {
            let (here, there) = (app.pair(&person).await, app.pair(&person).await);
            let revoke = async {
                app.delete(&format!("/api/auth/tokens/{}/revoke", there.id))
                    .bearer(&here.access)
                    .send()
                    .await
                    .ok();
            };
            let (refreshed, ()) = join(
                join_all((0..8).map(|_| app.refresh(&there.refresh))),
                revoke,
            )
            .await;
            for answer in refreshed {
                if answer.status() == 200 {
                    let pair = Pair::read(&answer.ok());
                    assert_eq!(
                        (
                            app.me(&pair.access).await,
                            app.refresh(&pair.refresh).await.status()
                        ),
                        (401, 401)
                    );
                } else {
                    answer.problem(401);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_stays_deleted() {
    race(async |app| {
        for _ in 0..rounds() {
            let person = app.person().await;
            let (token, pair) = (app.session(&person).await, app.pair(&person).await);
            let body = json!({"user_id": person.id, "platform": "web"});
            let delete = async {
                app.delete("/api/users/me").bearer(&token).send().await.ok();
            };
            let sign_ins =
                join_all((0..8).map(|_| app.internal("/api/internal/sessions", &body).send()));
            let refreshes = join_all((0..8).map(|_| app.refresh(&pair.refresh)));
            let ((), (sign_ins, refreshes)) = join(delete, join(sign_ins, refreshes)).await;
            for answer in &sign_ins {
                assert!(matches!(answer.status(), 200 | 404), "{}", answer.text());
            }
            for answer in &refreshes {
                assert!(matches!(answer.status(), 200 | 401), "{}", answer.text());
            }
            assert_eq!(
                app.count(
                    "SELECT COUNT(*) FROM sessions WHERE user_id = ?1",
                    &[json!(person.id)]
                )
                .await,
                0
            );
            assert_eq!(app.events(&person.id).await, ["user_deleted"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_revoked_after_its_lookup_writes_nothing() {
    case(async |app| {
        let person = app.person().await;
        let (token, pair) = (app.session(&person).await, app.pair(&person).await);
        let name = "SELECT COUNT(*) FROM users WHERE name = 'Too late'";
        let body = json!({"name": "Too late"});
        let logout = async {
            app.request(Method::POST, "/api/auth/sessions/logout")
                .bearer(&token)
                .send()
                .await
                .ok();
        };
        let late = app
            .interleave(
                app.request(Method::PUT, "/api/users/me")
                    .json(&body)
                    .bearer(&token),
                1,
                logout,
            )
            .await;
        assert_eq!(late.problem(401), "invalid_token");
        let other = app.session(&person).await;
        let revoke = async {
            app.delete(&format!("/api/auth/users/{}/tokens/revoke", person.id))
                .bearer(&other)
                .send()
                .await
                .ok();
        };
        let late = app
            .interleave(
                app.request(Method::PUT, "/api/users/me")
                    .json(&body)
                    .bearer(&pair.access),
                1,
                revoke,
            )
            .await;
        assert_eq!(late.problem(401), "invalid_token");
        assert_eq!(app.count(name, &[]).await, 0);
        assert!(
            !app.events(&person.id)
                .await
                .contains(&"user_updated".to_owned())
        );
        // The request succeeds without interference.
        app.interleave(
            app.request(Method::PUT, "/api/users/me")
                .json(&body)
                .bearer(&other),
            1,
            async {},
        )
        .await
        .ok();
        assert_eq!(app.count(name, &[]).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_session_cannot_revoke_or_delete() {
    race(async |app| {
        for _ in 0..rounds() {
            let person = app.person().await;
            let (token, pair) = (app.session(&person).await, app.pair(&person).await);
            let logout = async {
                app.request(Method::POST, "/api/auth/sessions/logout")
                    .bearer(&token)
                    .send()
                    .await
                    .ok();
            };
            let revoke = app
                .delete(&format!("/api/auth/tokens/{}/revoke", pair.id))
                .bearer(&token)
                .send();
            let delete = app.delete("/api/users/me").bearer(&token).send();
            let ((), (revoked, deleted)) = join(logout, join(revoke, delete)).await;
            assert!(matches!(revoked.status(), 200 | 401), "{}", revoked.text());
            assert!(matches!(deleted.status(), 200 | 401), "{}", deleted.text());
            let there = app
                .count(
                    "SELECT COUNT(*) FROM users WHERE id = ?1",
                    &[json!(person.id)],
                )
                .await;
            assert_eq!(
                there == 0,
                deleted.status() == 200,
                "the account is deleted exactly if the answer says so"
            );
        }
    })
    .await;
}
