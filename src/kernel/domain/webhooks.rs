//! Deliveries to the webhook (Standard Webhooks, version 1). A run every minute sends the outbox
//! entries that are due.
//!
//! Claiming an entry postpones its next attempt, and only a response with status 2xx removes the
//! entry. So no entry is lost: after a failure here or at the receiver, the entry is sent again
//! with the same id.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::json;

use crate::kernel::domain::failure::Fault;
use crate::kernel::domain::hmac::mac;
use crate::kernel::domain::{NoEntropy, Ports, PostRequest};
use crate::kernel::model::events::OutboxEntry;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::model::webhook::Webhook;
use crate::kernel::store::outbox;
use crate::kernel::store::outbox::Delays;

/// The age at which an outbox entry is given up: after about ten attempts, if they could be made.
pub const OUTBOX_ENTRIES_KEPT: Duration = Duration::from_hours(5 * 24);

const USER_AGENT: &str = concat!("hamrah-api/", env!("CARGO_PKG_VERSION"));
/// The time limit of the receiver. It is shorter than the first delay, so that no entry is sent
/// twice at the same time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Concurrent requests. A Worker has six connections, and the database uses one of them.
const AT_ONCE: i64 = 5;
/// The maximum number of claims in a run. They cover 400 entries. Together with the round trips
/// they stay below the thousand requests of one invocation of the Worker.
const ROUNDS: usize = 80;
/// The time after which a run claims no more entries, so that it ends before the next run begins.
const RUN_TIME: Duration = Duration::from_secs(30);
/// The delays after the first attempt, the second attempt and so on. The last delay repeats.
const DELAYS: Delays = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

/// The counts of one run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DeliveryCounts {
    /// Entries that the receiver accepted.
    pub sent: usize,
    /// Attempts that failed.
    pub failed: usize,
}

/// Sends the entries that are due, in no particular order. Safe to run concurrently and to stop at
/// any point.
///
/// # Errors
/// [`Fault`]: entries that the run claimed and did not send are due again later.
pub async fn deliver(ports: &Ports) -> Result<DeliveryCounts, Fault> {
    let Some(webhook) = &ports.config.webhook else {
        return Ok(DeliveryCounts::default());
    };

    let end = ports.clock.now().plus(RUN_TIME);
    let mut total = DeliveryCounts::default();
    for _ in 0..ROUNDS {
        let now = ports.clock.now();
        if now >= end {
            break;
        }

        let due = outbox::claim(ports.db.as_ref(), now, AT_ONCE, &delays(ports)?).await?;
        let sent: Vec<EventId> = join_all(due.iter().map(|entry| send(ports, webhook, entry, now)))
            .await
            .into_iter()
            .flatten()
            .collect();
        total.failed += due.len() - sent.len();
        // Either no entry is due, or the receiver accepts none. The next run tries again.
        if sent.is_empty() {
            break;
        }

        outbox::remove(ports.db.as_ref(), &sent).await?;
        total.sent += sent.len();
    }
    Ok(total)
}

/// Returns the delays, each lengthened at random by up to an eighth. So a receiver that was away
/// does not get all entries at the same moment.
fn delays(ports: &Ports) -> Result<Delays, NoEntropy> {
    let mut random = [0; DELAYS.len()];
    ports.entropy.fill(&mut random)?;
    let mut delays = DELAYS;
    for (delay, byte) in delays.iter_mut().zip(random) {
        *delay += *delay * u32::from(byte) / (8 * 255);
    }
    Ok(delays)
}

/// Sends an entry once. Returns its id if the receiver accepted it.
async fn send(
    ports: &Ports,
    webhook: &Webhook,
    entry: &OutboxEntry,
    now: Timestamp,
) -> Option<EventId> {
    let (id, body) = (entry.id.to_string(), payload(entry));
    let signature = signatures(webhook, &id, now.seconds(), &body);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.seconds().to_string()),
        ("webhook-signature", signature),
    ];

    let response = ports
        .http_client
        .post(PostRequest {
            url: &webhook.url,
            headers: &headers,
            body,
            timeout: TIMEOUT,
        })
        .await;

    match response {
        Ok(200..300) => return Some(entry.id),
        // The operator configures the one URL. If it is gone, the operator must change it, and the
        // entries are kept until then.
        Ok(410) => tracing::error!(
            id = %entry.id,
            status = 410,
            tries = entry.tries,
            "the webhook is gone: change WEBHOOK_URL"
        ),
        Ok(status) => tracing::warn!(
            id = %entry.id,
            status,
            tries = entry.tries,
            "the webhook did not accept an entry"
        ),
        Err(reason) => tracing::warn!(
            id = %entry.id,
            %reason,
            tries = entry.tries,
            "the webhook did not accept an entry"
        ),
    }
    None
}

/// Returns the message (Standard Webhooks, "Payload structure").
fn payload(entry: &OutboxEntry) -> String {
    json!({
        "type": entry.kind,
        "timestamp": entry.at.to_string(),
        "data": {
            "event_id": entry.id.to_string(),
            "kind": entry.kind,
            "user": {
                "id": entry.user_id,
                "email": entry.email,
                "email_verified": entry.email_verified,
                "name": entry.name,
            },
            "session_id": entry.session_id,
            "subject": entry.subject,
            "address": entry.address,
            "user_agent": entry.user_agent,
        },
    })
    .to_string()
}

/// Returns a signature for each secret, separated by spaces (Standard Webhooks, "Signature
/// scheme").
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
