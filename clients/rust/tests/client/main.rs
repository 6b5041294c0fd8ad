//! The client with a scripted transport and a test clock. The tests poll futures by hand to produce
//! every order of events.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "panics are how tests fail"
)]

mod in_flight;
mod world;

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use hamrah_authorization_client::{Access, Checked, Client, PostResponse, Settings, TokenError};
use serde_json::{Value, json};

use world::*;

#[test]
fn the_request_and_the_result_follow_the_contract() {
    let world = World::new(|_| {});
    world.give(200, &good());
    let Ok(Checked::Allowed {
        answer,
        cached: false,
    }) = world.check("hmp_a", (Access::Read, Some("read")))
    else {
        panic!("not allowed")
    };
    assert_eq!(
        (
            answer.user.user_id,
            answer.user.username.as_str(),
            answer.policy_version
        ),
        (7, "ada", 1)
    );
    let sent = world.script.sent.lock().unwrap()[0].clone();
    let header = |name| {
        sent.headers
            .iter()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (sent.url.as_str(), sent.body.as_str()),
        (
            "https://auth.example/check-token",
            r#"{"service_id":"Stock"}"#
        )
    );
    assert_eq!(
        (
            header("token"),
            header("x-client-id"),
            header("content-type")
        ),
        (Some("hmp_a"), Some("stock-1"), Some("application/json"))
    );
    assert!(matches!(
        world.check("hmp_a", READ),
        Ok(Checked::Allowed { cached: true, .. })
    ));
}

#[test]
fn no_setting_keeps_an_answer_longer_than_a_minute_or_its_token() {
    // In a token's last 30 seconds the client asks the service, which renews the token.
    for (max_age, renew_within, life, end) in [
        (60, 30, 60, 300),
        (600, 30, 60, 300),
        (10, 30, 10, 300),
        (60, 0, 20, 20),
        (60, 30, 20, 50),
        (60, 45, 5, 50),
    ] {
        let world = World::new(|settings| {
            settings.max_age = Duration::from_secs(max_age);
            settings.renew_within = Duration::from_secs(renew_within);
        });
        let mut body = good();
        body["expires_at"] = json!(START + end);
        world.give(200, &body);
        world.give(200, &good());
        assert_eq!(world.ok("a", READ), (true, 1));
        world.at(f64::from(life) - 0.001);
        assert_eq!(world.ok("a", READ), (true, 1));
        world.at(f64::from(life));
        assert_eq!(world.ok("a", READ), (true, 2));
    }
    // The max_age of the answer is a limit too.
    let world = World::new(|_| {});
    let mut body = good();
    body["access"]["max_age"] = json!(20);
    for (at, asked) in [(0.0, 1), (19.9, 1), (20.0, 2)] {
        world.at(at);
        if asked > world.sent() {
            world.give(200, &body);
        }
        assert_eq!(world.ok("a", READ), (true, asked), "{at} s");
    }
    let world = World::new(|settings| settings.max_age = Duration::ZERO);
    for count in 1..4 {
        world.give(200, &good());
        assert_eq!(world.ok("a", READ), (true, count));
    }
}

#[test]
fn the_minute_counts_from_the_request_and_a_clock_that_is_set_back_ends_it() {
    let world = World::new(|_| {});
    let place = world.hold();
    let mut read = world.begin("a", READ);
    world.at(4.0);
    world.release(place, 200, &good());
    assert!(poll(read.as_mut()).is_some());
    for at in [30.0, 59.9] {
        world.at(at);
        assert_eq!(world.ok("a", READ), (true, 1));
    }
    for (at, count) in [(60.0, 2), (-100.0, 3)] {
        world.at(at);
        world.give(200, &good());
        assert_eq!(world.ok("a", READ), (true, count));
    }
}

#[test]
fn a_text_that_cannot_be_a_token_is_not_sent() {
    let world = World::new(|_| {});
    let long = "a".repeat(257);
    for token in [
        "",
        " ",
        "a\r\nx-forwarded-for: 10.0.0.1",
        "a\n",
        "a, a",
        "tökén",
        &long,
        "\0",
    ] {
        assert_eq!(
            world.check(token, WRITE).unwrap(),
            Checked::Unauthorized(TokenError::InvalidToken)
        );
    }
    let none = poll(pin!(world.client.check(None, Access::Read, None))).expect("an answer");
    assert_eq!(
        none.unwrap(),
        Checked::Unauthorized(TokenError::MissingTokenHeader)
    );
    assert_eq!(world.sent(), 0);
}

#[test]
fn refusals_are_returned_and_not_cached() {
    let world = World::new(|_| {});
    for error in [
        TokenError::InvalidToken,
        TokenError::ExpiredToken,
        TokenError::MissingTokenHeader,
    ] {
        world.give(401, &json!({"valid": false, "error": error.code()}));
        assert_eq!(
            world.check("a", READ).unwrap(),
            Checked::Unauthorized(error)
        );
    }
    for permissions in [&[][..], &["read"]] {
        world.give(200, &good_in(1, 1, permissions));
        let expected = !permissions.is_empty();
        assert_eq!(
            world.ok("a", (Access::Read, Some("read"))).0,
            expected,
            "a new grant takes effect at once"
        );
    }
    assert_eq!(world.sent(), 5);
}

#[test]
fn a_write_always_asks_and_a_401_clears_the_token() {
    let world = World::new(|_| {});
    for count in 1..3 {
        world.give(200, &good());
        assert_eq!(world.ok("a", WRITE), (true, count));
    }
    assert_eq!(world.ok("a", READ), (true, 2));
    for count in 3..5 {
        world.give(401, &refusal());
        assert_eq!(
            world.ok("a", if count == 3 { WRITE } else { READ }),
            (false, count)
        );
    }
}

#[test]
fn an_answer_of_another_server_never_passes() {
    let mut bodies: VecDeque<(u16, Value)> = VecDeque::from([
        (200, json!(null)),
        (201, good()),
        (302, json!(null)),
        // From a proxy, which knows nothing about the token.
        (401, json!("who are you?")),
        (401, json!({"error": "invalid_token"})),
    ]);
    let wrong = [
        ("/valid", json!(false)),
        ("/payload/user_id", json!("7")),
        ("/access", json!(null)),
        ("/expires_at", json!("never")),
    ];
    for (path, value) in wrong.into_iter().chain([
        ("/access/permissions", json!("read")),
        ("/access/policy_version", json!(null)),
        ("/access/max_age", json!("never")),
    ]) {
        let mut body = good();
        *body.pointer_mut(path).unwrap() = value;
        bodies.push_back((200, body));
    }
    for (status, body) in bodies {
        let world = World::new(|_| {});
        world.give(status, &body);
        assert_eq!(
            world
                .check("a", READ)
                .expect_err("the request passed")
                .status,
            status,
            "{body}"
        );
    }
}

#[test]
fn without_the_service_only_cached_reads_continue() {
    let world = World::new(|_| {});
    world.give(200, &good());
    world.check("a", READ).unwrap();
    let busy = PostResponse {
        status: 503,
        retry_after: Some("7".to_owned()),
        body: br#"{"error":"unavailable"}"#.to_vec(),
    };
    for answer in [Ok(busy), Err("no route")] {
        world
            .script
            .answers
            .lock()
            .unwrap()
            .push(Some(answer.clone()));
        let error = world.check("a", WRITE).unwrap_err();
        match answer {
            Ok(_) => assert_eq!(
                (error.code.as_str(), error.retry_after),
                ("unavailable", Some(Duration::from_secs(7)))
            ),
            Err(_) => assert_eq!((error.code.as_str(), error.status), ("network", 0)),
        }
    }
    assert_eq!(world.ok("a", READ), (true, 3));
    world.at(60.0);
    world
        .script
        .answers
        .lock()
        .unwrap()
        .push(Some(Err("no route")));
    assert_eq!(world.ok("a", READ), (false, 4));
}

#[test]
fn a_deleted_service_clears_the_cache() {
    let world = World::new(|_| {});
    world.give(200, &good());
    world.check("a", READ).unwrap();
    for how in [WRITE, READ] {
        world.give(404, &json!({"error": "service_not_found"}));
        assert_eq!(world.check("a", how).unwrap_err().code, "service_not_found");
    }
}

#[test]
fn the_least_recently_used_answer_leaves_a_full_cache() {
    let world = World::new(|settings| settings.max_entries = 2);
    for _ in 0..4 {
        world.give(200, &good());
    }
    for (token, count) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)] {
        assert_eq!(world.ok(token, READ), (true, count), "{token}");
    }
}

#[test]
fn a_newer_policy_removes_older_answers_and_an_older_one_is_not_cached() {
    let world = World::new(|_| {});
    for version in [5, 5, 6, 5, 6] {
        world.give(200, &good_in(1, version, &[]));
    }
    for (token, count) in [
        ("a", 1),
        ("b", 2),
        ("a", 2),
        ("c", 3),
        ("a", 4),
        ("a", 5),
        ("a", 5),
        ("c", 5),
    ] {
        assert_eq!(world.ok(token, READ), (true, count), "{token}");
    }
}

#[test]
fn another_service_or_an_older_version_after_a_restore_starts_again() {
    let world = World::new(|_| {});
    for (service, version) in [(1, 9), (3, 2), (3, 1)] {
        world.give(200, &good_in(service, version, &[]));
    }
    for (token, count) in [("a", 1), ("b", 2), ("b", 2)] {
        assert_eq!(world.ok(token, READ), (true, count));
    }
    world.at(60.0);
    for _ in 0..2 {
        assert_eq!(world.ok("a", READ), (true, 3));
    }
}

#[test]
fn invalid_settings_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::new("https://auth.example/", "Stock");
        change(&mut settings);
        Client::new(settings, Script::default()).is_err()
    };
    assert!(!refused(&|_| {}));
    for url in [
        "http://[::1]:8080",
        "http://localhost",
        "http://127.0.0.1:1",
        "https://a.example:8443",
    ] {
        assert!(
            !refused(&|settings| url.clone_into(&mut settings.url)),
            "{url}"
        );
    }
    for url in [
        "http://auth.example",
        "https://auth.example/path",
        "https://",
        "https://a@b",
        "auth.example",
        "http://localhost.example",
        "https://a?b",
    ] {
        assert!(
            refused(&|settings| url.clone_into(&mut settings.url)),
            "{url}"
        );
    }
    assert!(refused(&|settings| settings.service.clear()));
    assert!(refused(&|settings| settings.timeout = Duration::ZERO));
    assert!(refused(&|settings| settings.max_entries = 0));
    assert!(refused(
        &|settings| settings.client_id = Some("a\nb".to_owned())
    ));
}
