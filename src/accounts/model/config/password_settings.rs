//! Reads the settings of passwords.

use crate::accounts::model::password::{Argon2Cost, FEWEST_CHARS, PasswordSettings, Pepper};
use crate::kernel::model::config::Reader;
use crate::kernel::model::webhook::is_address;

impl Reader<'_> {
    pub(super) fn passwords(&mut self, development: bool) -> PasswordSettings {
        let usual = Argon2Cost::DEFAULT;
        // OWASP's smallest cost is 7 MiB with five passes. Tests use less, in development only.
        let (least_memory, least_passes) = if development { (64, 1) } else { (7 * 1024, 1) };
        let cost = Argon2Cost {
            memory: self.count(
                "PASSWORD_HASH_MEMORY_KIB",
                usual.memory,
                least_memory..=Argon2Cost::MOST_MEMORY,
            ),
            passes: self.count(
                "PASSWORD_HASH_PASSES",
                usual.passes,
                least_passes..=Argon2Cost::MOST_PASSES,
            ),
            lanes: self.count(
                "PASSWORD_HASH_LANES",
                usual.lanes,
                1..=Argon2Cost::MOST_LANES,
            ),
        };
        let fewest = u32::try_from(FEWEST_CHARS).unwrap_or(u32::MAX);
        let min_length = self.count("PASSWORD_MIN_LENGTH", fewest, fewest..=64) as usize;
        let at_once = self.count("PASSWORD_HASHES_AT_ONCE", 8, 1..=256) as usize;
        let pepper = self
            .get("PASSWORD_PEPPER")
            .map(|text| Pepper::parse(&text, development))
            .transpose();
        let pepper = pepper
            .map_err(|problem| self.problem("PASSWORD_PEPPER", problem))
            .ok()
            .flatten()
            .unwrap_or_default();
        let breached_url = self.get("BREACHED_PASSWORDS_URL");
        if breached_url
            .as_deref()
            .is_some_and(|url| !is_address(url, development) || !url.ends_with('/'))
        {
            self.problem(
                "BREACHED_PASSWORDS_URL",
                "must be an https URL that ends in a slash; in development also http on this \
                 machine",
            );
        }
        PasswordSettings {
            cost,
            pepper,
            min_length,
            at_once,
            breached_url,
        }
    }
}
