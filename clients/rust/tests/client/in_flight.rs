//! Requests in flight: sharing, refusals and logouts.

use std::time::Duration;

use hamrah_authorization_client::{Access, Checked};

use super::world::*;

#[test]
fn reads_share_a_request_and_a_write_does_not() {
    let world = World::new(|_| {});
    let place = world.hold();
    let mut reads: Vec<_> = (0..5).map(|_| world.begin("a", READ)).collect();
    assert_eq!(world.sent(), 1);
    world.give(401, &refusal());
    assert_eq!(world.ok("a", WRITE), (false, 2));
    world.release(place, 200, &good());
    // The first caller goes away. The request continues for the others.
    drop(reads.remove(0));
    for mut read in reads {
        assert!(matches!(
            poll(read.as_mut()),
            Some(Ok(Checked::Allowed { cached: false, .. }))
        ));
    }
    // The answer to the request from before the refusal is not cached.
    world.give(401, &refusal());
    assert_eq!(world.ok("a", READ), (false, 3));
}

#[test]
fn a_request_from_before_the_logout_is_neither_cached_nor_joined() {
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
fn an_earlier_answer_does_not_replace_a_later_one_and_a_complete_request_is_not_joined() {
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
fn a_complete_request_is_not_joined_while_a_caller_still_holds_it() {
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
fn a_request_without_callers_is_not_joined() {
    let world = World::new(|_| {});
    world.hold();
    drop(world.begin("a", READ));
    world.give(200, &good());
    assert_eq!(world.ok("a", READ), (true, 2));
}
