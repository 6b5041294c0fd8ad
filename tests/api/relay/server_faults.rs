//! Faults of the database while servers and channels change: no answer claims a success that did
//! not happen, a retry ends well, and maintenance finishes what was interrupted.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::calls::{META, delete, first_channel, get, invite, join, member_of, post, server};
use super::direct_messages::open;
use crate::harness::relay::RelayMember;
use crate::harness::{Answer, Fault, FaultMode, TestApp, case};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    MakeServer,
    JoinServer,
    Kick,
    LeaveServer,
    DeleteServer,
    MakeChannel,
    DeleteChannel,
    LeaveChannel,
    JoinChannel,
    OpenDirectMessage,
    ReadSenderKeys,
    DeleteAccount,
}

use Step::{
    DeleteAccount, DeleteChannel, DeleteServer, JoinChannel, JoinServer, Kick, LeaveChannel,
    LeaveServer, MakeChannel, MakeServer, OpenDirectMessage, ReadSenderKeys,
};

pub const STEPS: [Step; 12] = [
    MakeServer,
    JoinServer,
    Kick,
    LeaveServer,
    DeleteServer,
    MakeChannel,
    DeleteChannel,
    LeaveChannel,
    JoinChannel,
    OpenDirectMessage,
    ReadSenderKeys,
    DeleteAccount,
];

/// An owner and a member of a server, and an outsider with a code.
pub struct World {
    pub owner: RelayMember,
    pub member: RelayMember,
    pub outsider: RelayMember,
    pub server: String,
    pub channel: String,
    pub code: String,
}

pub async fn world(app: &TestApp, step: Step) -> World {
    let owner = app.relay_member().await;
    let server = server(app, &owner).await;
    let member = member_of(app, &owner, &server).await;
    let world = World {
        outsider: app.relay_member().await,
        channel: first_channel(app, &owner, &server).await,
        code: invite(app, &owner, &server, &json!({})).await,
        owner,
        member,
        server,
    };
    let channel = format!("/channels/{}", world.channel);
    if step == JoinChannel {
        delete(app, &world.member, &format!("{channel}/leave"))
            .await
            .ok();
    }
    if step == ReadSenderKeys {
        let key = json!({
            "to_user_id": world.member.id,
            "distribution_id": world.channel,
            "encrypted_skdm": "AAAA",
        });
        let path = format!("{channel}/sender-keys");
        post(app, &world.owner, &path, &json!({"distributions": [key]}))
            .await
            .ok();
    }
    world
}

pub async fn act(app: &TestApp, step: Step, world: &World) -> Answer {
    let server = format!("/servers/{}", world.server);
    let channel = format!("/channels/{}", world.channel);
    let (owner, member) = (&world.owner, &world.member);
    match step {
        MakeServer => post(app, member, "/servers", &json!({"encrypted_meta": META})).await,
        JoinServer => join(app, &world.outsider, &world.code).await,
        Kick => delete(app, owner, &format!("{server}/members/{}", member.id)).await,
        LeaveServer => delete(app, member, &format!("{server}/members/@me")).await,
        DeleteServer => delete(app, owner, &server).await,
        MakeChannel => {
            let path = format!("{server}/channels");
            post(app, owner, &path, &json!({"encrypted_meta": META})).await
        }
        DeleteChannel => delete(app, owner, &channel).await,
        LeaveChannel => delete(app, member, &format!("{channel}/leave")).await,
        JoinChannel => post(app, member, &format!("{channel}/join"), &json!({})).await,
        OpenDirectMessage => open(app, member, &world.outsider.id, META).await,
        ReadSenderKeys => get(app, member, &format!("{channel}/sender-keys")).await,
        DeleteAccount => {
            let call = app.request(Method::DELETE, "/api/users/me");
            call.bearer(&owner.access).send().await
        }
    }
}

/// Checks that the step has happened.
pub async fn check(app: &TestApp, step: Step, world: &World) {
    let status = async |by: &RelayMember, path: String| get(app, by, &path).await.status();
    let server = format!("/servers/{}", world.server);
    let members = format!("/channels/{}/members", world.channel);
    match step {
        MakeServer => {
            let servers = get(app, &world.member, "/servers").await.ok();
            assert!(servers.as_array().expect("a list").len() > 1);
        }
        JoinServer => {
            assert_eq!(status(&world.outsider, members).await, 200);
        }
        Kick | LeaveServer => {
            assert_eq!(status(&world.member, server).await, 404);
            assert_eq!(status(&world.member, members).await, 404);
            assert_eq!(
                status(&world.owner, format!("/channels/{}/members", world.channel)).await,
                200
            );
            let code = join(app, &world.member, &world.code).await.status();
            assert_eq!(code, if step == Kick { 404 } else { 200 });
        }
        DeleteServer => {
            assert_eq!(status(&world.owner, server).await, 404);
            assert_eq!(status(&world.member, members).await, 404);
        }
        MakeChannel => {
            let channels = get(app, &world.member, &format!("{server}/channels"))
                .await
                .ok();
            assert!(channels.as_array().expect("a list").len() > 1);
        }
        DeleteChannel | LeaveChannel => assert_eq!(status(&world.member, members).await, 404),
        JoinChannel => assert_eq!(status(&world.member, members).await, 200),
        OpenDirectMessage => {
            for by in [&world.member, &world.outsider] {
                let list = get(app, by, "/dm").await.ok();
                assert_eq!(list.as_array().map(Vec::len), Some(1));
            }
        }
        ReadSenderKeys => {
            let again = act(app, step, world).await.ok();
            assert_eq!(
                again.as_array().map(Vec::len),
                Some(1),
                "an answer may be lost"
            );
        }
        DeleteAccount => {
            let server = get(app, &world.member, &server).await.ok();
            assert_eq!(server["owner_id"], world.member.id);
        }
    }
}

#[tokio::test]
async fn every_change_of_servers_survives_a_fault_at_every_call_and_statement() {
    case(async |app| {
        for step in STEPS {
            let ready = world(app, step).await;
            let before = app.batches().await;
            act(app, step, &ready).await.ok();
            let cost = app.batches().await - before;
            check(app, step, &ready).await;
            for at in 0..cost {
                for mode in [
                    FaultMode::Before,
                    FaultMode::Within(0),
                    FaultMode::Within(2),
                    FaultMode::After,
                ] {
                    let world = world(app, step).await;
                    app.fail(&[Fault {
                        at,
                        mode,
                        message: "D1_ERROR: Network connection lost.",
                    }])
                    .await;
                    let faulty = act(app, step, &world).await;
                    app.fail(&[]).await;
                    let status = faulty.status();
                    assert!(
                        matches!(status, 200 | 503),
                        "{step:?} {at} {mode:?}: {status}"
                    );
                    if status == 200 {
                        check(app, step, &world).await;
                        continue;
                    }
                    if mode == FaultMode::After || at > 1 {
                        // Either maintenance finishes the change, or a retry does.
                        app.age(Duration::from_secs(31)).await;
                        app.cron().await;
                    }
                    let retry = act(app, step, &world).await;
                    assert!(
                        matches!(retry.status(), 200 | 401 | 404),
                        "{step:?} {at} {mode:?}: {}",
                        retry.text()
                    );
                    check(app, step, &world).await;
                    app.age(Duration::from_mins(2)).await;
                    app.cron().await;
                    let left = app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await;
                    assert_eq!(left, 0, "{step:?} {at} {mode:?}");
                }
            }
        }
    })
    .await;
}
