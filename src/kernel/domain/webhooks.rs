//! Tells the webhook what happened (Standard Webhooks, version 1): every minute, after the sweep,
//! whatever is due.
//!
//! Claiming a notice puts off its next try, and only a 2xx removes it. So there is no state between
//! "to do" and "done" in which one could be lost: whatever fails, here or there, it is sent again,
//! with the same id.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::json;

use crate::kernel::domain::failure::Fault;
use crate::kernel::domain::hmac::mac;
use crate::kernel::domain::{NoAnswer, NoEntropy, Ports, Post};
use crate::kernel::model::events::OutboxEntry;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::model::webhook::Webhook;
use crate::kernel::store::outbox;
use crate::kernel::store::outbox::Delays;

/// When a notice is given up: after some ten tries, if they could be made.
pub const OUTBOX_ENTRIES_KEPT: Duration = Duration::from_hours(5 * 24);

const USER_AGENT: &str = concat!("hamrah-api/", env!("CARGO_PKG_VERSION"));
/// How long the receiver may take: less than the first delay, so that no notice is under way twice.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at once: a Worker has six connections, and one of them is the database's.
const AT_ONCE: i64 = 5;
/// Times that a run claims notices at most: 400 of them, with the round trips below the thousand
/// requests of a Worker's invocation.
const ROUNDS: usize = 80;
/// After this a run claims no more: it is over before the next one begins.
const RUN_TIME: Duration = Duration::from_secs(30);
/// After the first try, the second, …; then daily.
const DELAYS: Delays = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

/// How a run went.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Delivered {
    /// Notices that the receiver has.
    pub sent: usize,
    /// Tries that failed.
    pub failed: usize,
}

/// Sends what is due. Safe to run concurrently and to stop anywhere; in no order.
///
/// # Errors
/// [`Fault`]: entries that the run claimed and did not send are due again later.
pub async fn deliver(ports: &Ports) -> Result<Delivered, Fault> {
    let Some(webhook) = &ports.config.webhook else {
        return Ok(Delivered::default());
    };
    let end = ports.clock.now().plus(RUN_TIME);
    let mut total = Delivered::default();
    for _ in 0..ROUNDS {
        let now = ports.clock.now();
        if now >= end {
            break;
        }
        let due = outbox::claim(ports.db.as_ref(), now, AT_ONCE, &delays(ports)?).await?;
        let sent: Vec<EventId> =
            join_all(due.iter().map(|notice| send(ports, webhook, notice, now)))
                .await
                .into_iter()
                .flatten()
                .collect();
        total.failed += due.len() - sent.len();
        // A receiver that takes nothing is left alone until the next run; and nothing due is
        // nothing sent.
        if sent.is_empty() {
            break;
        }
        outbox::remove(ports.db.as_ref(), &sent).await?;
        total.sent += sent.len();
    }
    Ok(total)
}

/// The delays, each up to an eighth longer: so receivers that were away do not get everything at
/// one moment.
fn delays(ports: &Ports) -> Result<Delays, NoEntropy> {
    let mut random = [0; DELAYS.len()];
    ports.entropy.fill(&mut random)?;
    let mut delays = DELAYS;
    for (delay, byte) in delays.iter_mut().zip(random) {
        *delay += *delay * u32::from(byte) / (8 * 255);
    }
    Ok(delays)
}

/// One try; gives the notice's id if the receiver has it now.
async fn send(
    ports: &Ports,
    webhook: &Webhook,
    notice: &OutboxEntry,
    now: Timestamp,
) -> Option<EventId> {
    let (id, body) = (notice.id.to_string(), payload(notice));
    let signature = signatures(webhook, &id, now.seconds(), &body);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.seconds().to_string()),
        ("webhook-signature", signature),
    ];
    let answer = ports
        .outgoing
        .post(Post {
            url: &webhook.url,
            headers: &headers,
            body,
            patience: PATIENCE,
        })
        .await;
    match answer {
        Ok(200..300) => return Some(notice.id),
        // One address is configured, and by us: that it is gone is for the operator to see, and no
        // reason to lose anything.
        Ok(410) => {
            tracing::error!(id = %notice.id, status = 410, tries = notice.tries, "the webhook is gone: WEBHOOK_URL should change");
        }
        Ok(status) => {
            tracing::warn!(id = %notice.id, status, tries = notice.tries, "the webhook did not take a notice");
        }
        Err(reason @ (NoAnswer::Late | NoAnswer::Unreachable)) => {
            tracing::warn!(id = %notice.id, %reason, tries = notice.tries, "the webhook did not take a notice");
        }
    }
    None
}

/// The message (Standard Webhooks, "Payload structure").
fn payload(notice: &OutboxEntry) -> String {
    json!({
        "type": notice.kind,
        "timestamp": notice.at.to_string(),
        "data": {
            "event_id": notice.id.to_string(),
            "kind": notice.kind,
            "user": {
                "id": notice.user_id,
                "email": notice.email,
                "email_verified": notice.email_verified,
                "name": notice.name,
            },
            "session_id": notice.session_id,
            "subject": notice.subject,
            "address": notice.address,
            "user_agent": notice.user_agent,
        },
    })
    .to_string()
}

/// A signature for each secret, separated by spaces (Standard Webhooks, "Signature scheme").
fn signatures(webhook: &Webhook, id: &str, timestamp: i64, body: &str) -> String {
    let message = format!("{id}.{timestamp}.{body}");
    let sign =
        |key: &[u8]| mac(key, message.as_bytes()).map(|tag| format!("v1,{}", STANDARD.encode(tag)));
    webhook
        .secrets
        .iter()
        .filter_map(|secret| sign(secret.key()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::model::webhook::WebhookSecret;

    /// The example of the specification.
    #[test]
    fn signs_as_the_standard_says() {
        let secret =
            WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let other =
            WebhookSecret::parse("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a secret");
        let sign = |secrets: &[&WebhookSecret]| {
            let webhook = Webhook {
                url: String::new(),
                secrets: secrets.iter().map(|&secret| secret.clone()).collect(),
            };
            signatures(
                &webhook,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
            )
        };
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(&[&secret]), expected);
        let both = sign(&[&other, &secret]);
        assert!(
            both.ends_with(&format!(" {expected}"))
                && both.starts_with("v1,")
                && !both.starts_with(expected),
            "{both}"
        );
    }
}
