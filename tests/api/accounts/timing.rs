//! Response times do not reveal who has an account. The two-sample Kolmogorov–Smirnov statistics
//! are printed.
//!
//! 0 means no difference. 1 means that every single answer can be distinguished by its time.
//! Samples are taken in turns, so that other load on the machine affects both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::accounts::factors::{begun, codes, enrolled};
use crate::harness::{Call, TestApp, case};

/// Samples of each kind.
const SAMPLES: usize = 500;
/// The highest accepted statistic. A round trip that only one kind makes gives 0.9 and more. A
/// statement that finds a row differs from one that finds none by up to 0.3 in a development build,
/// which is some ten microseconds, and by 0.1 in workerd.
const LARGEST: f64 = 0.5;

/// Returns the largest distance between the two empirical distributions.
fn distance(a: &[Duration], b: &[Duration]) -> f64 {
    let share = |samples: &[Duration], at: Duration| {
        let below = samples.iter().filter(|sample| **sample <= at).count();
        f64::from(u32::try_from(below).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX))
    };
    a.iter()
        .chain(b)
        .map(|at| (share(a, *at) - share(b, *at)).abs())
        .fold(0.0, f64::max)
}

fn median(samples: &[Duration]) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[allow(
    clippy::disallowed_methods,
    reason = "the response time is measured by the clock of the machine"
)]
async fn timed(call: Call<'_>) -> Duration {
    let began = Instant::now();
    call.send().await;
    began.elapsed()
}

/// Takes samples of a request for each of the addresses in turns. Prints the distance between the
/// samples of the last address and those of each other address.
async fn compare<'a>(
    app: &'a TestApp,
    title: &str,
    emails: [&str; 3],
    call: impl AsyncFn(&str) -> Call<'a>,
) {
    let mut samples = [const { Vec::new() }; 3];
    for round in 0..SAMPLES + 10 {
        // The order changes with each round, so that no address always follows the cleanup.
        for place in round..round + emails.len() {
            let kind = place % emails.len();
            let call = call(emails[kind]).await;
            let time = timed(call).await;
            // The first rounds warm up the API.
            if round >= 10 {
                samples[kind].push(time);
            }
        }
        // Throttling has a case of its own. It allows five attempts.
        if round % 4 == 3 {
            app.sql("DELETE FROM attempts", &[]).await;
        }
    }
    let [with_factors, without, unknown] = samples;
    for (kind, known) in [("with factors", with_factors), ("without", without)] {
        let figure = distance(&known, &unknown);
        let [known, unknown] = [median(&known), median(&unknown)];
        println!(
            "{title}: an account {kind} against an unknown address: D = {figure:.3} of \
             {SAMPLES} samples each; {known:?}, {unknown:?}"
        );
        assert!(
            figure < LARGEST,
            "{title}: the time reveals who has an account {kind}: D = {figure:.3}"
        );
    }
}

#[tokio::test]
async fn response_times_do_not_reveal_who_has_an_account() {
    case(async |app| {
        let (person, bare) = (app.person().await, app.person().await);
        let session = app.session(&person).await;
        codes(app, &session).await;
        enrolled(app, &session).await;
        app.passkey(&person).await;
        let emails = [
            person.email.as_str(),
            bare.email.as_str(),
            "nobody@example.com",
        ];
        let complete = async |email: &str, code: &str| -> Call<'_> {
            let challenge: Value = begun(app, email).await;
            app.post(
                "/api/auth/recovery/complete",
                &json!({"challenge_id": challenge, "code": code}),
            )
        };
        compare(app, "begin a recovery", emails, async |email| {
            app.post("/api/auth/recovery/begin", &json!({"email": email}))
        })
        .await;
        compare(app, "recover by a wrong TOTP code", emails, async |email| {
            complete(email, "000000").await
        })
        .await;
        compare(
            app,
            "recover by a wrong backup code",
            emails,
            async |email| complete(email, "0000-0000-0000-0000").await,
        )
        .await;
        compare(app, "begin a sign-in", emails, async |email| {
            app.post("/api/webauthn/authenticate/begin", &json!({"email": email}))
        })
        .await;
    })
    .await;
}

#[test]
fn the_statistic_separates_different_distributions() {
    let times = |from: u64| {
        (from..from + 100)
            .map(Duration::from_micros)
            .collect::<Vec<_>>()
    };
    assert!(distance(&times(0), &times(0)).abs() < 1e-9);
    assert!((distance(&times(0), &times(50)) - 0.5).abs() < 0.02);
    assert!((distance(&times(0), &times(200)) - 1.0).abs() < 1e-9);
}
