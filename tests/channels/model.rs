//! Random operations on two channels that share an object, against a model.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{
    Appended, ChannelOperation, ChannelRefusal, ChannelReply, Placed, SealedBytes,
};
use hamrah_api::relay::model::micros::Micros;
use proptest::prelude::*;

use crate::setup::{OWNER, Setup, message};

#[derive(Clone, Debug)]
enum Step {
    Append {
        channel: usize,
        id: u8,
        body: u8,
        lives: Option<i64>,
    },
    Edit {
        channel: usize,
        id: u8,
        body: u8,
    },
    Remove {
        channel: usize,
        id: u8,
    },
    Pass(i64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let (channel, id, body) = (0_usize..2, 0_u8..8, 0_u8..2);
    prop_oneof![
        4 => (channel.clone(), id.clone(), body.clone(), proptest::option::of(1_i64..4)).prop_map(
            |(channel, id, body, lives)| Step::Append { channel, id, body, lives }),
        1 => (channel.clone(), id.clone(), body).prop_map(
            |(channel, id, body)| Step::Edit { channel, id, body }),
        1 => (channel, id).prop_map(|(channel, id)| Step::Remove { channel, id }),
        1 => (-1_i64..3).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ]
}

/// A message of the model.
#[derive(Clone, Debug)]
struct Known {
    placed: Placed,
    sent: u8,
    body: u8,
    edited: bool,
    removed: bool,
    expires_at: Option<i64>,
}

const CHANNELS: [&str; 2] = ["first", "second"];

async fn run(steps: Vec<Step>) {
    let setup = Setup::new().await;
    let mut known: [BTreeMap<String, Known>; 2] = Default::default();
    let mut last = [Placed {
        seq: 0,
        at: Micros(0),
    }; 2];
    for channel in CHANNELS {
        setup.add(channel, OWNER, 1).await;
    }
    for step in steps {
        let now = setup.now();
        match step {
            Step::Append {
                channel,
                id,
                body,
                lives,
            } => {
                let name = format!("{channel}/{id}");
                let expires_at = lives.map(|lives| now + lives);
                let sent = message(&name, body, expires_at);
                let outcome = setup.append(CHANNELS[channel], sent).await;
                match known[channel].get(&name) {
                    Some(one) if one.sent == body => {
                        assert_eq!(
                            outcome,
                            Appended::Stored {
                                placed: one.placed,
                                expires_at: one.expires_at,
                            }
                        );
                    }
                    Some(_) => assert_eq!(outcome, Appended::Conflict),
                    None => {
                        let Appended::Stored { placed, .. } = outcome else {
                            panic!("{outcome:?}");
                        };
                        assert_eq!(placed.seq, last[channel].seq + 1);
                        assert!(placed.at > last[channel].at);
                        last[channel] = placed;
                        let one = Known {
                            placed,
                            sent: body,
                            body,
                            edited: false,
                            removed: false,
                            expires_at,
                        };
                        known[channel].insert(name, one);
                    }
                }
            }
            Step::Edit { channel, id, body } => {
                let name = format!("{channel}/{id}");
                let reply = setup
                    .call(ChannelOperation::Edit {
                        message: name.clone(),
                        account: OWNER.to_owned(),
                        secret: SealedBytes(name.clone().into_bytes()),
                        body: SealedBytes(vec![body; 100]),
                    })
                    .await;
                match known[channel].get_mut(&name) {
                    Some(one) if is_readable(one, now) => {
                        assert!(matches!(reply, ChannelReply::Edited { .. }), "{reply:?}");
                        if !(one.edited && one.body == body) {
                            last[channel].seq += 1;
                        }
                        (one.edited, one.body) = (true, body);
                    }
                    _ => assert_eq!(reply, ChannelReply::Refused(ChannelRefusal::Unknown)),
                }
            }
            Step::Remove { channel, id } => {
                let name = format!("{channel}/{id}");
                let reply = setup
                    .call(ChannelOperation::Remove {
                        message: name.clone(),
                        account: OWNER.to_owned(),
                        secret: SealedBytes(name.clone().into_bytes()),
                    })
                    .await;
                match known[channel].get_mut(&name) {
                    Some(one) if one.removed || is_readable(one, now) => {
                        assert_eq!(reply, ChannelReply::Done);
                        if !one.removed {
                            last[channel].seq += 1;
                        }
                        one.removed = true;
                    }
                    _ => assert_eq!(reply, ChannelReply::Refused(ChannelRefusal::Unknown)),
                }
            }
            Step::Pass(millis) => {
                setup.clock.0.fetch_add(millis, Ordering::Relaxed);
            }
            Step::Sweep => {
                setup.channels.remove_due().await.expect("sweeps");
                for known in &mut known {
                    known.retain(|_, one| one.expires_at.is_none_or(|at| at > now));
                }
            }
        }
        let now = setup.now();
        for (index, channel) in CHANNELS.into_iter().enumerate() {
            let read = setup.read(channel, 3).await;
            assert_eq!(read.head, last[index].seq, "the head never falls");
            let readable: BTreeMap<i64, &Known> = known[index]
                .values()
                .filter(|one| is_readable(one, now))
                .map(|one| (one.placed.seq, one))
                .collect();
            assert_eq!(
                read.messages.keys().collect::<Vec<_>>(),
                readable.keys().collect::<Vec<_>>()
            );
            for (seq, one) in &readable {
                assert_eq!(read.messages[seq].body.0[0], one.body);
                assert_eq!(read.messages[seq].edited, one.edited);
                assert_eq!(read.messages[seq].placed, one.placed);
            }
            // The same messages by time, the newest first.
            let (mut before, mut found) = (None, Vec::new());
            loop {
                let page = setup.newest(channel, before).await;
                let Some(oldest) = page.last() else { break };
                before = Some(oldest.placed.at);
                found.extend(page.iter().map(|message| message.placed.seq));
            }
            found.reverse();
            assert_eq!(found, readable.keys().copied().collect::<Vec<_>>());
        }
    }
}

fn is_readable(one: &Known, now: i64) -> bool {
    !one.removed && one.expires_at.is_none_or(|at| at > now)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_channel_behaves_as_its_model(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(run(steps));
    }
}
