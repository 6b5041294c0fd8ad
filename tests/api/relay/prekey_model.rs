//! Random uploads, claims and removals of one-time prekeys, against a model.

use std::collections::{BTreeSet, HashMap, VecDeque};

use http::Method;
use proptest::prelude::*;
use serde_json::json;

use super::calls::{call, delete, get, post};
use crate::harness::relay::b64;
use crate::harness::{Answer, TestApp, case};

#[derive(Clone, Debug)]
enum Step {
    /// Uploads prekeys, each named by a number.
    Upload(Vec<u8>),
    /// Claims a prekey. A number is the name of the request.
    Claim(Option<u8>),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::collection::vec(0_u8..24, 1..4).prop_map(Step::Upload),
        4 => proptest::option::of(0_u8..3).prop_map(Step::Claim),
        1 => Just(Step::Clear),
    ]
}

fn prekey(number: u8) -> String {
    b64([number + 1; 32])
}

/// The stock of an account, and what was given out.
#[derive(Default)]
struct Stock {
    /// The first in is the first out.
    keys: VecDeque<u8>,
    uploaded: BTreeSet<u8>,
    /// The prekey that each named request got.
    answers: HashMap<u8, u8>,
    given: BTreeSet<u8>,
}

async fn run(app: &TestApp, steps: &[Step]) {
    let (owner, caller) = (app.relay_member().await, app.relay_member().await);
    let mut stock = Stock::default();
    for step in steps {
        match step {
            Step::Upload(keys) => {
                let keys: Vec<String> = keys.iter().copied().map(prekey).collect();
                let body = json!({"prekeys": keys});
                let answer = post(app, &owner, "/keys/prekeys", &body).await;
                stock.upload(step, &answer);
            }
            Step::Claim(name) => {
                let path = format!("/users/{}/keys", owner.id);
                let mut request = call(app, &caller, Method::GET, &path);
                if let Some(name) = name {
                    request = request.header("idempotency-key", &format!("name-{name}"));
                }
                let bundle = request.send().await.ok();
                let expected = stock.claim(*name);
                assert_eq!(bundle["one_time_prekey"], json!(expected.map(prekey)));
            }
            Step::Clear => {
                let answer = delete(app, &owner, "/keys/prekeys").await.ok();
                assert_eq!(answer["deleted"], stock.keys.len());
                stock.keys.clear();
            }
        }
        let count = get(app, &owner, "/keys/prekeys/count").await.ok();
        assert_eq!(count["count"], stock.keys.len());
    }
}

impl Stock {
    /// An upload stores all of its keys or none. A key is stored once, for ever.
    fn upload(&mut self, step: &Step, answer: &Answer) {
        let Step::Upload(keys) = step else { return };
        let different: BTreeSet<u8> = keys.iter().copied().collect();
        if different.len() < keys.len() {
            assert_eq!(answer.problem(400), "invalid_request_body");
        } else if different.is_disjoint(&self.uploaded) {
            self.keys.extend(keys);
            self.uploaded.extend(different);
            assert_eq!(answer.ok()["total_available"], self.keys.len());
        } else {
            assert_eq!(answer.problem(409), "prekey_reused");
        }
    }

    /// A repeated request gets the same key. No other request gets it.
    fn claim(&mut self, name: Option<u8>) -> Option<u8> {
        if let Some(known) = name.and_then(|name| self.answers.get(&name)) {
            return Some(*known);
        }
        let key = self.keys.pop_front()?;
        assert!(self.given.insert(key), "the model gives a key once");
        if let Some(name) = name {
            self.answers.insert(name, key);
        }
        Some(key)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn prekeys_behave_as_their_model(steps in proptest::collection::vec(step(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(case(async |app| run(app, &steps).await));
    }
}
