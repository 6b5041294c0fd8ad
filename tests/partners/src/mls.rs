//! MLS (RFC 9420) over the relay, by the openmls library. MLS needs one order of commits that all
//! members see. The sequence numbers of a channel are that order.

use futures_util::future::join_all;
use serde_json::json;

use crate::mls_client::MlsClient;
use crate::olm::OlmClient;
use crate::relay::{Api, META, text};

/// Returns the server of a group of `count` members, in which the first one is the owner.
async fn group(api: &Api, count: usize) -> (String, String, Vec<MlsClient>) {
    let mut owner = MlsClient::new(api).await;
    let meta = json!({"encrypted_meta": META});
    let server = text(&api.post(&owner.member, "/servers", &meta).await.ok()["id"]);
    let path = format!("/servers/{server}/channels");
    let channel = text(&api.get(&owner.member, &path).await.ok()[0]["id"]);
    owner.enter(&channel);
    owner.begin();
    let mut members = vec![owner];
    for _ in 1..count {
        let mut member = MlsClient::new(api).await;
        let path = format!("/servers/{server}/invites");
        let invite = api.post(&members[0].member, &path, &json!({})).await.ok();
        let path = format!("/invites/{}/join", text(&invite["code"]));
        api.post(&member.member, &path, &json!({})).await.ok();
        member.enter(&channel);
        member.offer(api).await;
        members.push(member);
    }
    // The owner reads the key packages, commits, and sends the Welcome when its commit is there.
    members[0].catch_up(api).await;
    assert_eq!(members[0].offers.len(), count - 1);
    members[0].add_offers(api).await;
    catch_up(api, &mut members).await;
    (server, channel, members)
}

async fn catch_up(api: &Api, members: &mut [MlsClient]) {
    for member in members {
        member.catch_up(api).await;
    }
}

fn check_equal(members: &[MlsClient]) {
    for member in &members[1..] {
        assert_eq!(member.state(), members[0].state());
        assert_eq!(member.texts, members[0].texts);
        assert_eq!(member.late, members[0].late);
    }
}

#[tokio::test]
async fn a_group_seals_its_messages_with_mls() {
    let api = &Api::new();
    let (server, channel, mut members) = group(api, 3).await;
    let eve = OlmClient::new(api, 0).await.member;
    let texts = ["the first secret", "the second secret", "the third secret"];
    for (member, text) in members.iter_mut().zip(texts) {
        member.say(api, text).await;
    }
    catch_up(api, &mut members).await;
    assert_eq!(members[0].texts, texts);
    assert_eq!(members[0].state().0, 1);
    check_equal(&members);
    api.check_sealed(&eve, &members[1].member, &channel, &texts)
        .await;

    // The third member leaves the group and the server. It gets nothing any more, and could not
    // open it.
    let mut removed = members.pop().expect("three members");
    let id = removed.member.id.clone();
    members[0].remove(api, &id).await;
    let path = format!("/servers/{server}/members/{id}");
    api.delete(&members[0].member, &path).await.ok();
    catch_up(api, &mut members).await;
    members[1].say(api, "without the third").await;
    catch_up(api, &mut members).await;
    assert_eq!(members[0].texts[3], "without the third");
    assert_eq!(members[0].state().0, 2);
    check_equal(&members);
    let all = api.read(&members[0].member, &channel, 0).await;
    assert!(!removed.opens(all.last().expect("a message")));
    api.check_sealed(&removed.member, &members[0].member, &channel, &texts)
        .await;
}

#[tokio::test]
async fn of_concurrent_commits_the_first_in_order_wins_for_all() {
    let api = &Api::new();
    let (_, _, mut members) = group(api, 4).await;
    for round in 1..=5 {
        let texts = members.iter_mut().enumerate().map(|(number, member)| {
            let text = format!("{round}, {number}");
            async move {
                // A text of the old epoch may come after a commit.
                member.say(api, &text).await;
                member.renew(api).await;
            }
        });
        join_all(texts).await;
        catch_up(api, &mut members).await;
        check_equal(&members);
        assert_eq!(members[0].state().0, 1 + round);
        assert_eq!(members[0].texts.len() as u64, 4 * round);
        assert_eq!(members[0].late.len() as u64, 3 * round);
    }
}
