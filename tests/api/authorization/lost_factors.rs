//! A person without an address who lost their phone: recovery by username, and the removal of their
//! factors by an administrator.

use http::Method;
use serde_json::{Value, json};

use super::revocation::{profile, session};
use crate::accounts::factors::{codes, enrolled};
use crate::harness::{Answer, Member, PASSWORD, TestApp, case};

async fn begun(app: &TestApp, name: &Value) -> Answer {
    app.post("/api/auth/recovery/begin", name).send().await
}

async fn recover(app: &TestApp, username: &str, code: &str) -> Answer {
    let begun = begun(app, &json!({"username": username})).await.ok();
    let body = json!({"challenge_id": begun["challenge_id"], "code": code});
    app.post("/api/auth/recovery/complete", &body).send().await
}

async fn remove_factors(app: &TestApp, by: &Member, id: i64) -> Answer {
    let path = format!("/users/{id}/factors");
    app.ask(by, Method::DELETE, &path, Value::Null).await
}

#[tokio::test]
async fn a_person_without_an_address_recovers_by_username() {
    case(async |app| {
        let root = app.administrator().await;
        let (member, other) = (app.member(&root).await, app.member(&root).await);
        let session = session(app, &member).await;
        let made = codes(app, &session).await;
        let generator = enrolled(app, &session).await;
        let recovered = recover(app, &member.username, &made[0]).await.ok();
        assert_eq!(recovered["amr"], json!(["backup_code", "recovery"]));
        assert_eq!(
            recovered["user"]["name"],
            format!("The {}", member.username)
        );
        let code = generator.code(app, 0).await;
        recover(app, &member.username, &code).await.ok();
        // A code recovers its own account only, and usernames are compared to the letter.
        for username in [&other.username, &member.username.to_uppercase()] {
            let refused = recover(app, username, &made[1]).await;
            assert_eq!(refused.problem(401), "recovery_failed", "{username}");
        }
    })
    .await;
}

#[tokio::test]
async fn recovery_by_username_reveals_nothing() {
    case(async |app| {
        let root = app.administrator().await;
        let (member, bare) = (app.member(&root).await, app.member(&root).await);
        codes(app, &session(app, &member).await).await;
        let mut seen = Vec::new();
        for username in [&member.username, &bare.username, "no-such-person"] {
            let (first, cost) = app
                .cost(app.post("/api/auth/recovery/begin", &json!({"username": username})))
                .await;
            let mut told = first.ok();
            let body = json!({"challenge_id": told["challenge_id"], "code": "0000-0000-0000-0000"});
            let complete = app.post("/api/auth/recovery/complete", &body);
            let (second, more) = app.cost(complete).await;
            assert_eq!(second.problem(401), "recovery_failed");
            for field in ["challenge_id", "challengeId"] {
                told[field] = Value::Null;
            }
            seen.push((told, cost.batches, more.batches));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
        // Guesses are throttled by the name, whether or not a person has it.
        for username in [&member.username, "no-such-person"] {
            let mut answers = Vec::new();
            for _ in 0..6 {
                answers.push(recover(app, username, "000000").await.status());
            }
            assert_eq!(answers, [401, 401, 401, 401, 401, 429], "{username}");
        }
        for body in [
            json!({}),
            json!({"email": "ada@example.com", "username": "ada"}),
            json!({"username": "x".repeat(65)}),
        ] {
            assert_eq!(begun(app, &body).await.problem(422), "invalid_body");
        }
    })
    .await;
}

#[tokio::test]
async fn an_administrator_removes_the_factors_of_a_person() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let session = session(app, &member).await;
        let me = app.get("/api/users/me").bearer(&session).send().await.ok();
        codes(app, &session).await;
        enrolled(app, &session).await;
        let locked = app.login(&member.username, PASSWORD).await;
        assert_eq!(locked.refused(401), "second_factor_required");

        let removed = remove_factors(app, &root, member.id).await.ok();
        let id = member.id;
        assert_eq!(
            removed,
            json!({"status": "factors_removed", "user_id": id, "totp": true, "backup_codes": 10})
        );
        // No session and no token is valid, the password signs in again, and the owner is notified.
        assert_eq!(profile(app, &member.token).await, 401);
        assert_eq!(app.me(&session).await, 401);
        let member = app.again(&member).await;
        let events = app.events(me["id"].as_str().expect("an id")).await;
        let about = events.iter().filter(|kind| *kind == "factors_removed");
        assert_eq!(about.count(), 1, "{events:?}");
        let waiting = "SELECT COUNT(*) FROM outbox WHERE kind = 'factors_removed' AND urgent = 1";
        assert_eq!(app.count(waiting, &[]).await, 1);
        assert_eq!(
            app.actions().await.last().expect("an action"),
            "factors_removed"
        );

        // Without a factor nothing changes, and nothing ends.
        let again = remove_factors(app, &root, member.id).await.ok();
        assert_eq!(
            (&again["totp"], &again["backup_codes"]),
            (&json!(false), &json!(0))
        );
        assert_eq!(profile(app, &member.token).await, 200);
    })
    .await;
}

#[tokio::test]
async fn the_removal_of_factors_needs_permission_and_leaves_a_way_to_sign_in() {
    case(async |app| {
        let root = app.administrator().await;
        let (clerk, member) = (app.member(&root).await, app.member(&root).await);
        app.grant_permission(&root, &clerk, "auth.people.write")
            .await;
        let clerk = app.again(&clerk).await;
        let refused = remove_factors(app, &member, clerk.id).await;
        assert_eq!(refused.refused(403), "forbidden");
        // A person with a grant in `auth` needs an administrator, and the owner needs a recent
        // proof.
        for person in [root.id, clerk.id] {
            let refused = remove_factors(app, &clerk, person).await;
            assert_eq!(refused.refused(403), "forbidden");
        }
        assert_eq!(
            remove_factors(app, &root, root.id).await.refused(403),
            "forbidden"
        );
        remove_factors(app, &clerk, member.id).await.ok();
        assert_eq!(
            remove_factors(app, &root, 9_999).await.refused(404),
            "user_not_found"
        );

        let session = session(app, &member).await;
        codes(app, &session).await;
        app.sql(
            "DELETE FROM passwords WHERE user_id = (SELECT user_id FROM people WHERE id = ?1)",
            &[json!(member.id)],
        )
        .await;
        let refused = remove_factors(app, &root, member.id).await;
        assert_eq!(refused.refused(409), "last_sign_in_method");
    })
    .await;
}

#[tokio::test]
async fn a_person_whose_factors_another_person_removed_gains_no_permission() {
    case(async |app| {
        let root = app.administrator().await;
        let clerk = app.member(&root).await;
        app.grant_permission(&root, &clerk, "auth.people.write")
            .await;
        let clerk = app.again(&clerk).await;
        for (by, status) in [(&root, 200), (&clerk, 409)] {
            let member = app.member(&root).await;
            codes(app, &session(app, &member).await).await;
            remove_factors(app, by, member.id).await.ok();
            let grant = json!({"person_id": member.id, "service_id": "auth",
                               "role_id": 1_000_000_001});
            let path = "/person-service-roles";
            let answer = app.ask(&root, Method::POST, path, grant.clone()).await;
            assert_eq!(answer.status(), status, "{}", answer.text());
            if status == 409 {
                assert_eq!(answer.refused(409), "credentials_not_own");
                let password = json!({"password": PASSWORD});
                let user = format!("/users/{}", member.id);
                app.ask(&root, Method::PUT, &user, password).await.ok();
                app.grant(&root, path, grant).await;
            }
        }
    })
    .await;
}
