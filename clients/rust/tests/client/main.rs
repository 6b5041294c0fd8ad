//! The client against a scripted network and a clock that is told the time: futures are polled by hand, so every order can be had.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "panics are how tests fail"
)]

mod world;

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use hamrah_authorization_client::{Access, Checked, Client, Reply, Settings, TokenError};
use serde_json::{Value, json};

use world::*;

#[test]
fn it_asks_as_the_contract_has_it() {
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
fn no_setting_makes_an_answer_live_longer_than_a_minute_or_its_token() {
    // In its last 30 seconds a token is asked about, and so renewed.
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
    // Nor longer than the service says.
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
fn the_minute_counts_from_the_question_and_a_clock_that_is_set_back_ends_it() {
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
fn what_cannot_be_a_token_is_sent_nowhere() {
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
fn refusals_are_told_and_not_kept() {
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
            "a grant counts at once"
        );
    }
    assert_eq!(world.sent(), 5);
}

#[test]
fn a_write_always_asks_and_a_401_ends_what_was_known() {
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
fn whatever_is_not_the_services_answer_lets_nobody_in() {
    let mut bodies: VecDeque<(u16, Value)> = VecDeque::from([
        (200, json!(null)),
        (201, good()),
        (302, json!(null)),
        // Somebody in between, who knows nothing of the token.
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
            world.check("a", READ).expect_err("it is let in").status,
            status,
            "{body}"
        );
    }
}

#[test]
fn where_it_cannot_be_asked_reads_go_on_until_their_time_and_nothing_else_does() {
    let world = World::new(|_| {});
    world.give(200, &good());
    world.check("a", READ).unwrap();
    let busy = Reply {
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
fn a_service_that_is_gone_ends_what_was_known() {
    let world = World::new(|_| {});
    world.give(200, &good());
    world.check("a", READ).unwrap();
    for how in [WRITE, READ] {
        world.give(404, &json!({"error": "service_not_found"}));
        assert_eq!(world.check("a", how).unwrap_err().code, "service_not_found");
    }
}

#[test]
fn at_most_so_many_are_kept_and_what_was_not_used_for_longest_leaves() {
    let world = World::new(|settings| settings.max_entries = 2);
    for _ in 0..4 {
        world.give(200, &good());
    }
    for (token, count) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)] {
        assert_eq!(world.ok(token, READ), (true, count), "{token}");
    }
}

#[test]
fn a_newer_policy_ends_what_is_older_and_an_older_one_is_not_kept() {
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
fn another_service_and_an_older_version_after_a_restore_begin_anew() {
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
fn reads_share_a_request_that_a_write_does_not_wait_for() {
    let world = World::new(|_| {});
    let place = world.hold();
    let mut reads: Vec<_> = (0..5).map(|_| world.begin("a", READ)).collect();
    assert_eq!(world.sent(), 1);
    world.give(401, &refusal());
    assert_eq!(world.ok("a", WRITE), (false, 2));
    world.release(place, 200, &good());
    // The one who began it goes away; the others do not wait for nothing.
    drop(reads.remove(0));
    for mut read in reads {
        assert!(matches!(
            poll(read.as_mut()),
            Some(Ok(Checked::Allowed { cached: false, .. }))
        ));
    }
    // What was asked before the refusal is not kept.
    world.give(401, &refusal());
    assert_eq!(world.ok("a", READ), (false, 3));
}

#[test]
fn what_was_asked_before_the_logout_is_neither_kept_nor_waited_for() {
    let world = World::new(|_| {});
    let place = world.hold();
    let mut read = world.begin("a", READ);
    world.client.forget("a");
    world.give(401, &refusal());
    assert_eq!(world.ok("a", READ), (false, 2));
    world.release(place, 200, &good());
    assert!(matches!(
        poll(read.as_mut()),
        Some(Ok(Checked::Allowed { .. }))
    ));
    world.give(401, &refusal());
    assert_eq!(world.ok("a", READ), (false, 3));
    world.give(200, &good());
    world.check("b", READ).unwrap();
    world.client.forget("b");
    world.give(401, &refusal());
    assert_eq!(world.ok("b", READ), (false, 5));
}

#[test]
fn what_was_asked_first_does_not_replace_what_was_asked_last_and_what_ended_is_shared_no_more() {
    let world = World::new(|_| {});
    let place = world.hold();
    let mut read = world.begin("a", READ);
    world.give(200, &good_in(1, 1, &[]));
    world.check("a", WRITE).unwrap();
    world.give(200, &good_in(1, 1, &[]));
    assert_eq!(
        world.check("a", (Access::Read, Some("read"))).unwrap(),
        Checked::Forbidden
    );
    assert_eq!(world.sent(), 3);
    world.release(place, 200, &good());
    assert!(poll(read.as_mut()).is_some());
    world.give(200, &good_in(1, 1, &[]));
    assert_eq!(world.ok("a", (Access::Read, Some("read"))), (false, 4));
}

#[test]
fn what_ended_is_waited_for_no_more_though_somebody_still_holds_it() {
    let world = World::new(|settings| settings.max_age = Duration::ZERO);
    world.hold();
    let _slow = world.begin("a", READ);
    let place = world.hold();
    let mut write = world.begin("a", WRITE);
    let _joined = world.begin("a", READ);
    assert_eq!(world.sent(), 2);
    world.release(place, 200, &good());
    assert!(poll(write.as_mut()).is_some());
    world.give(401, &refusal());
    assert_eq!(world.ok("a", READ), (false, 3));
}

#[test]
fn a_request_that_nobody_waits_for_is_not_waited_for() {
    let world = World::new(|_| {});
    world.hold();
    drop(world.begin("a", READ));
    world.give(200, &good());
    assert_eq!(world.ok("a", READ), (true, 2));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
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
