//! Reads the settings of the webhook.

use crate::kernel::model::config::Reader;
use crate::kernel::model::strength::weakness;
use crate::kernel::model::webhook::{Webhook, WebhookSecret, is_address};

impl Reader<'_> {
    pub(super) fn webhook(&mut self, development: bool) -> Option<Webhook> {
        let (url, texts) = (self.get("WEBHOOK_URL"), self.list("WEBHOOK_SECRETS"));
        let is_refused = url
            .as_deref()
            .is_some_and(|url| !is_address(url, development));
        // One mistaken attempt to set up the webhook is one message.
        match (is_refused, url.is_some() == texts.is_empty()) {
            (true, true) => self.problem(
                "WEBHOOK_URL",
                "must be an https URL, in development also http on this machine, and needs \
                 WEBHOOK_SECRETS: `hamrah-api keys webhook` makes one",
            ),
            (true, false) => self.problem(
                "WEBHOOK_URL",
                "must be an https URL, in development also http on this machine",
            ),
            (false, true) => self.problem(
                "WEBHOOK_URL",
                "and WEBHOOK_SECRETS go together: set both or neither",
            ),
            (false, false) => {}
        }
        let mut secrets = Vec::with_capacity(texts.len());
        for text in &texts {
            let Some(secret) = WebhookSecret::parse(text) else {
                self.problem(
                    "WEBHOOK_SECRETS",
                    "must be `whsec_` and 24 to 64 random bytes in base64: \
                     use `hamrah-api keys webhook`",
                );
                continue;
            };
            let is_weak = weakness(text.trim_start_matches("whsec_"), development).is_some();
            if is_weak || (!development && secret.is_made_up()) {
                self.problem(
                    "WEBHOOK_SECRETS",
                    "holds a key that is published, a text or not random: \
                     use `hamrah-api keys webhook`",
                );
            }
            secrets.push(secret);
        }
        url.map(|url| Webhook { url, secrets })
    }
}
