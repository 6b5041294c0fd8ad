//! Reads the settings of Apple's apps and of App Attest.

use crate::accounts::model::attest;
use crate::accounts::model::attest::{AttestEnvironment, AttestSettings, Mode, TrustAnchor};
use crate::kernel::model::config::Reader;

/// The team and the bundle of the app that development accepts if none is configured.
const DEVELOPMENT_APP: [&str; 2] = ["UR6RM9YCF7", "app.hamrah.ios"];

impl Reader<'_> {
    fn apple_apps(&mut self) -> Vec<String> {
        let (mut team, mut bundles) = (
            self.get("APPLE_TEAM_ID").unwrap_or_default(),
            self.list("APPLE_BUNDLE_ID"),
        );
        if self.is_development() && team.is_empty() && bundles.is_empty() {
            let [known_team, bundle] = DEVELOPMENT_APP.map(str::to_owned);
            team = known_team;
            bundles.push(bundle);
        }
        if team.is_empty() != bundles.is_empty() {
            self.problem(
                "APPLE_TEAM_ID",
                "and APPLE_BUNDLE_ID go together: set both or neither",
            );
        }
        if !team.is_empty()
            && (team.len() != 10
                || !team
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
        {
            self.problem("APPLE_TEAM_ID", "must be ten capital letters and digits");
        }
        let bundle_ok = |id: &String| {
            id.len() <= 155
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        if !bundles.iter().all(bundle_ok) {
            self.problem(
                "APPLE_BUNDLE_ID",
                "must be bundle ids of letters, digits, dots and dashes, separated by commas",
            );
        }
        let prefix = format!("{team}.");
        if !team.is_empty() && bundles.iter().any(|bundle| bundle.starts_with(&prefix)) {
            self.problem(
                "APPLE_BUNDLE_ID",
                "begins with the team id: leave it out, because APPLE_TEAM_ID has it",
            );
        }
        bundles
            .iter()
            .map(|bundle| format!("{team}.{bundle}"))
            .collect()
    }

    pub(super) fn attest(&mut self, production: bool) -> AttestSettings {
        let known = self.problems.len();
        let apps = self.apple_apps();
        let mode = self.word(
            "APP_ATTEST_MODE",
            "`off`, `observe` or `require`",
            "off",
            Mode::parse,
            Mode::Require,
        );
        let on_refresh = self.word(
            "APP_ATTEST_ON_REFRESH",
            "`off` or `require`",
            "off",
            attest::on_refresh,
            true,
        );
        let environment = self.word(
            "APP_ATTEST_ENVIRONMENT",
            "`production` or `development`",
            "production",
            AttestEnvironment::parse,
            AttestEnvironment::Production,
        );
        let (test_root, named) = (
            self.get("APP_ATTEST_TEST_ROOT"),
            (self.lookup)("APP_ATTEST_CATEGORIES"),
        );
        let categories = named.map_or_else(|| Some(Vec::new()), |named| attest::categories(&named));
        if categories.is_none() {
            self.problem(
                "APP_ATTEST_CATEGORIES",
                "must be numbers out of 1, 2, 3, 4, 5, 6 and 10, separated by commas",
            );
        }
        let test_anchor = test_root.as_deref().map(TrustAnchor::from_pem);
        // A wrong value is one problem. Its consequences would be others.
        let readable = self.problems.len() == known;
        if readable && mode != Mode::Off && apps.is_empty() {
            self.problem(
                "APP_ATTEST_MODE",
                "needs APPLE_TEAM_ID and APPLE_BUNDLE_ID, unless it is `off`",
            );
        }
        if readable && on_refresh && mode != Mode::Require {
            self.problem(
                "APP_ATTEST_ON_REFRESH",
                "can be `require` only if APP_ATTEST_MODE is",
            );
        }
        if production && environment == AttestEnvironment::Development {
            self.problem(
                "APP_ATTEST_ENVIRONMENT",
                "must not be `development` in production: every user of Xcode can create such keys",
            );
        }
        if test_anchor == Some(None) {
            self.problem("APP_ATTEST_TEST_ROOT", "must be one certificate in PEM");
        }
        for name in ["APP_ATTEST_TEST_ROOT", "APP_ATTEST_TEST_ROOT_KEY"] {
            if production && self.get(name).is_some() {
                self.problem(
                    name,
                    "must not be set in production: only Apple's root counts",
                );
            }
        }
        // A test root comes in addition, so that development accepts devices too.
        let test_anchor = test_anchor.flatten().filter(|_| !production);
        let anchors = [TrustAnchor::apple()].into_iter().chain(test_anchor);
        let (anchors, categories) = (anchors.collect(), categories.unwrap_or_default());
        AttestSettings {
            mode,
            on_refresh,
            environment,
            anchors,
            categories,
            apps,
        }
    }
}
