//! Faults of the calls to the objects of channels while servers and channels change: no answer
//! claims a success that the object may not know, and maintenance finishes what was interrupted.

use std::time::Duration;

use serde_json::json;

use super::calls::{META, get, id, join, post};
use super::messages::body;
use super::server_faults::{STEPS, Step, World, act, check, world};
use crate::harness::{ObjectFault, ObjectFaultMode, TestApp, case};

/// Fails call number `at` to an object from now.
async fn fail(app: &TestApp, at: usize, mode: ObjectFaultMode) {
    app.fail_objects(&[ObjectFault { at, mode }]).await;
}

async fn calls(app: &TestApp) -> usize {
    app.stats().await.calls
}

async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await
}

/// Returns the number of calls to objects that a step makes.
async fn cost(app: &TestApp, step: Step) -> usize {
    let world = world(app, step).await;
    let before = calls(app).await;
    act(app, step, &world).await.ok();
    let cost = calls(app).await - before;
    // The others change no object.
    let changes = !matches!(step, Step::ReadSenderKeys | Step::DeleteAccount);
    assert_eq!(cost > 0, changes, "{step:?}");
    cost
}

/// Does a step with a fault, which must be answered with 503, and leave the task of the change.
async fn fails(app: &TestApp, step: Step, world: &World, fault: ObjectFault) {
    fail(app, fault.at, fault.mode).await;
    let answer = act(app, step, world).await;
    assert_eq!(
        answer.problem(503),
        "service_unavailable",
        "{step:?} {fault:?}"
    );
    assert_eq!(waiting(app).await, 1, "{step:?} {fault:?}");
}

#[tokio::test]
async fn a_retry_ends_a_change_whose_call_to_an_object_failed() {
    case(async |app| {
        for step in STEPS {
            for at in 0..cost(app, step).await {
                for mode in [ObjectFaultMode::Before, ObjectFaultMode::After] {
                    let world = world(app, step).await;
                    fails(app, step, &world, ObjectFault { at, mode }).await;
                    app.fail_objects(&[]).await;
                    let retry = act(app, step, &world).await.status();
                    assert!(
                        matches!(retry, 200 | 404),
                        "{step:?} {at} {mode:?}: {retry}"
                    );
                    // A repeated attempt to make a server makes another one.
                    if step == Step::MakeServer || step == Step::MakeChannel {
                        app.age(Duration::from_secs(31)).await;
                        app.cron().await;
                    }
                    check(app, step, &world).await;
                    assert_eq!(waiting(app).await, 0, "{step:?} {at} {mode:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn maintenance_ends_a_change_once_the_object_answers() {
    case(async |app| {
        let modes = [ObjectFaultMode::Unreachable, ObjectFaultMode::After];
        for step in STEPS {
            for at in 0..cost(app, step).await {
                for mode in modes {
                    let world = world(app, step).await;
                    fails(app, step, &world, ObjectFault { at, mode }).await;
                    // The request has time to finish its own task.
                    app.fail_objects(&[]).await;
                    let before = calls(app).await;
                    app.cron().await;
                    assert_eq!(calls(app).await, before, "{step:?} {at} {mode:?}");
                    // The object is still unreachable, so the task waits for another minute.
                    app.age(Duration::from_secs(31)).await;
                    fail(app, 0, ObjectFaultMode::Unreachable).await;
                    app.cron().await;
                    assert_eq!(waiting(app).await, 1, "{step:?} {at} {mode:?}");
                    app.fail_objects(&[]).await;
                    app.cron().await;
                    assert_eq!(waiting(app).await, 1, "{step:?} {at} {mode:?}");
                    app.age(Duration::from_secs(61)).await;
                    app.cron().await;
                    assert_eq!(waiting(app).await, 0, "{step:?} {at} {mode:?}");
                    check(app, step, &world).await;
                }
            }
        }
    })
    .await;
}

/// While a removal waits, the database may still show the member. The object, which the lost answer
/// reached, does not.
#[tokio::test]
async fn an_object_that_removed_a_member_stores_no_message_of_theirs() {
    case(async |app| {
        for step in [Step::Kick, Step::LeaveServer, Step::LeaveChannel] {
            let world = world(app, step).await;
            let messages = format!("/channels/{}/messages", world.channel);
            post(app, &world.member, &messages, &body("before"))
                .await
                .ok();
            let (at, mode) = (0, ObjectFaultMode::After);
            fails(app, step, &world, ObjectFault { at, mode }).await;
            app.fail_objects(&[]).await;
            let late = post(app, &world.member, &messages, &body("after")).await;
            assert_eq!(late.problem(404), "channel_not_found", "{step:?}");
            let read = get(app, &world.member, &messages).await;
            assert_eq!(read.problem(404), "channel_not_found", "{step:?}");
            let kept = get(app, &world.owner, &messages).await.ok();
            assert_eq!(kept.as_array().map(Vec::len), Some(1), "{step:?}");
            app.age(Duration::from_secs(31)).await;
            app.cron().await;
            assert_eq!(waiting(app).await, 0, "{step:?}");
        }
    })
    .await;
}

/// Returns whether the object of each channel has the account as a member.
async fn known(app: &TestApp, channels: &[String], account: &str) -> Vec<bool> {
    let mut known = Vec::new();
    for channel in channels {
        let asked = json!({"is_member": {"channel": channel, "account": account}});
        let reply = app.channel(channel, &asked).await;
        known.push(reply["member"].as_bool().expect("a reply"));
    }
    known
}

#[tokio::test]
async fn a_fault_in_one_of_many_channels_ends_in_a_change_of_all() {
    case(async |app| {
        for at in [0, 4, 8] {
            for mode in [ObjectFaultMode::Before, ObjectFaultMode::After] {
                let world = world(app, Step::Kick).await;
                let path = format!("/servers/{}/channels", world.server);
                let mut channels = vec![world.channel.clone()];
                for _ in 0..8 {
                    let body = json!({"encrypted_meta": META});
                    channels.push(id(&post(app, &world.owner, &path, &body).await.ok()));
                }
                fails(app, Step::Kick, &world, ObjectFault { at, mode }).await;
                app.fail_objects(&[]).await;
                app.age(Duration::from_secs(31)).await;
                app.cron().await;
                assert_eq!(waiting(app).await, 0, "{at} {mode:?}");
                let removed = known(app, &channels, &world.member.id).await;
                assert_eq!(removed, [false; 9], "{at} {mode:?}");

                fail(app, at, mode).await;
                let joined = join(app, &world.outsider, &world.code).await;
                assert_eq!(joined.status(), 503, "{at} {mode:?}");
                app.fail_objects(&[]).await;
                app.age(Duration::from_secs(31)).await;
                app.cron().await;
                assert_eq!(waiting(app).await, 0, "{at} {mode:?}");
                let added = known(app, &channels, &world.outsider.id).await;
                assert_eq!(added, [true; 9], "{at} {mode:?}");
            }
        }
    })
    .await;
}
