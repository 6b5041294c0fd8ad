//! Which success forgives which count of wrong guesses: only the account that proved itself is
//! forgiven, and only a count that no other account shares.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::accounts::factors::{Generator, begun, codes, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, Member, PASSWORD, TestApp, case};

const SIGN_IN: &str = "/api/auth/password/sign-in";
const SHARED: &str = "shared@example.com";
const ALONE: &str = "alone@example.com";
const OWN: &str = "striped zebra 79";

/// An action by which an account could forgive a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    SignInByAddress,
    SignInByUsername,
    Login,
    OwnPassword,
    PasswordByAdministrator,
    RecoveryByCode,
    RecoveryByTotp,
    StepUp,
}

const ACTIONS: [Action; 8] = [
    Action::SignInByAddress,
    Action::SignInByUsername,
    Action::Login,
    Action::OwnPassword,
    Action::PasswordByAdministrator,
    Action::RecoveryByCode,
    Action::RecoveryByTotp,
    Action::StepUp,
];

/// Each account has a password of its own, so that a sign-in by a shared address names one account.
fn password_of(username: &str) -> String {
    format!("{PASSWORD} of {username}")
}

async fn created(app: &TestApp, root: &Member, username: &str, email: &str) -> Member {
    let password = password_of(username);
    app.secret(&password);
    let body = json!({
        "username": username,
        "name": username,
        "email": email,
        "password": password,
    });
    let made = app.ask(root, Method::POST, "/users", body).await.created();
    Member {
        id: made["id"].as_i64().expect("an id"),
        username: username.to_owned(),
        token: String::new(),
    }
}

async fn sign_in(app: &TestApp, name: Value, password: &str) -> Answer {
    let mut body = name;
    body["password"] = json!(password);
    app.post(SIGN_IN, &body).send().await
}

async fn session(app: &TestApp, username: &str) -> String {
    let answer = sign_in(app, json!({"username": username}), &password_of(username))
        .await
        .ok();
    answer["session_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

async fn set_own(app: &TestApp, session: &str, password: &str) -> Answer {
    app.request(Method::PUT, "/api/auth/password")
        .bearer(session)
        .json(&json!({"password": password}))
        .send()
        .await
}

async fn recover(app: &TestApp, email: &str, code: &str) -> Answer {
    let body = json!({"challenge_id": begun(app, email).await, "code": code});
    app.post("/api/auth/recovery/complete", &body).send().await
}

async fn step_up(app: &TestApp, session: &str, code: &str) -> Answer {
    let begun = app.post("/api/auth/reauthenticate/begin", &json!({}));
    let begun = begun.bearer(session).send().await.ok();
    let body = json!({"challenge_id": begun["challenge_id"], "code": code});
    app.post("/api/auth/reauthenticate/complete", &body)
        .bearer(session)
        .send()
        .await
}

/// Returns the failures of every count that a guess adds to.
async fn counts(app: &TestApp) -> BTreeMap<String, i64> {
    let rows = app
        .sql(
            "SELECT subject, failures FROM attempts WHERE subject NOT LIKE 'set_password:%'",
            &[],
        )
        .await;
    rows.iter()
        .map(|row| {
            let subject = row["subject"].as_str().expect("a subject").to_owned();
            (subject, row["failures"].as_i64().expect("a number"))
        })
        .collect()
}

/// Makes three wrong guesses and returns the subject of their count.
async fn guesses(app: &TestApp, guess: impl AsyncFn() -> Answer) -> String {
    let before = counts(app).await;
    for _ in 0..3 {
        assert_eq!(guess().await.status(), 401);
    }
    let mut after = counts(app).await.into_iter();
    let (subject, failures) = after
        .find(|(subject, _)| !before.contains_key(subject))
        .expect("a count");
    assert_eq!(failures, 3, "{subject}");
    subject
}

/// Makes wrong guesses at everything that is counted for `email`, for the person `username` and for
/// their session. Returns the subjects by their name.
async fn guess_all(
    app: &TestApp,
    username: &str,
    email: &str,
    session: &str,
) -> Vec<(&'static str, String)> {
    vec![
        (
            "address",
            guesses(app, async || {
                sign_in(app, json!({"email": email}), "wrong password").await
            })
            .await,
        ),
        (
            "username",
            guesses(app, async || app.login(username, "wrong password").await).await,
        ),
        (
            "recovery",
            guesses(app, async || recover(app, email, "000000").await).await,
        ),
        (
            "backup code",
            guesses(app, async || {
                recover(app, email, "0000-0000-0000-0000").await
            })
            .await,
        ),
        (
            "step-up",
            guesses(app, async || step_up(app, session, "000000").await).await,
        ),
    ]
}

/// An account with every factor.
struct Complete {
    member: Member,
    session: String,
    generator: Generator,
    codes: Vec<String>,
}

async fn complete(app: &TestApp, root: &Member, username: &str, email: &str) -> Complete {
    let member = created(app, root, username, email).await;
    let session = session(app, username).await;
    Complete {
        member,
        codes: codes(app, &session).await,
        generator: enrolled(app, &session).await,
        session,
    }
}

impl Action {
    async fn run(self, app: &TestApp, root: &Member, who: &Complete, email: &str) {
        let username = who.member.username.as_str();
        let code = async || who.generator.code(app, 0).await;
        let password = password_of(username);
        let answer = match self {
            Self::SignInByAddress => {
                let body = json!({"email": email, "code": code().await});
                sign_in(app, body, &password).await
            }
            Self::SignInByUsername => {
                let body = json!({"username": username, "code": code().await});
                sign_in(app, body, &password).await
            }
            Self::Login => {
                let body =
                    json!({"username": username, "password": password, "code": code().await});
                app.post("/auth/login", &body).send().await
            }
            Self::OwnPassword => set_own(app, &who.session, OWN).await,
            Self::PasswordByAdministrator => {
                let path = format!("/users/{}", who.member.id);
                app.ask(root, Method::PUT, &path, json!({"password": OWN}))
                    .await
            }
            Self::RecoveryByCode => recover(app, email, &who.codes[0]).await,
            Self::RecoveryByTotp => recover(app, email, &code().await).await,
            Self::StepUp => step_up(app, &who.session, &code().await).await,
        };
        assert_eq!(answer.status(), 200, "{self:?}: {}", answer.text());
    }

    /// Returns the own counts that the action forgives.
    const fn forgives(self) -> &'static [&'static str] {
        match self {
            Self::SignInByAddress => &["address"],
            Self::SignInByUsername | Self::Login => &["username"],
            Self::OwnPassword | Self::PasswordByAdministrator => &["address", "username"],
            Self::RecoveryByCode => &["backup code"],
            Self::RecoveryByTotp => &["recovery"],
            Self::StepUp => &["step-up"],
        }
    }
}

/// Runs every action for an account, after guesses at that account and at another account.
async fn every_pair(address_is_shared: bool) {
    for action in ACTIONS {
        case(async |app| {
            app.secret(OWN);
            let root = app.administrator().await;
            let email = if address_is_shared { SHARED } else { ALONE };
            let other = complete(app, &root, "other", SHARED).await;
            let own = complete(app, &root, "own", email).await;
            let of_other = guess_all(app, "other", SHARED, &other.session).await;
            let of_own = if address_is_shared {
                let username =
                    guesses(app, async || app.login("own", "wrong password").await).await;
                let step_up =
                    guesses(app, async || step_up(app, &own.session, "000000").await).await;
                vec![("username", username), ("step-up", step_up)]
            } else {
                guess_all(app, "own", email, &own.session).await
            };
            action.run(app, &root, &own, email).await;
            let after = counts(app).await;
            for (name, subject) in of_other {
                let left = after.get(&subject).copied();
                assert_eq!(
                    left,
                    Some(3),
                    "{action:?} leaves the other's {name} as it was"
                );
            }
            for (name, subject) in of_own {
                let forgiven = action.forgives().contains(&name);
                let left = after.get(&subject).copied();
                let expected = (!forgiven).then_some(3);
                assert_eq!(left, expected, "{action:?} and the own {name}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn each_action_forgives_only_its_own_counts() {
    every_pair(false).await;
}

#[tokio::test]
async fn no_action_forgives_the_count_of_a_shared_address() {
    every_pair(true).await;
}

#[tokio::test]
async fn a_claimed_address_gives_no_further_guesses_at_its_owner() {
    case(async |app| {
        app.secret(OWN);
        let root = app.administrator().await;
        let mut authenticator = Authenticator::new();
        let made = app.sign_up(&mut authenticator, SHARED).await.ok();
        let attacker = made["session_token"].as_str().expect("a token").to_owned();
        created(app, &root, "victim", SHARED).await;
        let mut checked = 0;
        for round in 0..4 {
            for _ in 0..5 {
                let guess = sign_in(app, json!({"email": SHARED}), "wrong password").await;
                checked += usize::from(guess.status() == 401);
            }
            let own = format!("{OWN} {round}");
            set_own(app, &attacker, &own).await.ok();
        }
        assert_eq!(checked, 5);
    })
    .await;
}

#[tokio::test]
async fn successes_at_a_shared_address_do_not_add_up_to_a_wait() {
    case(async |app| {
        let root = app.administrator().await;
        created(app, &root, "one", SHARED).await;
        created(app, &root, "two", SHARED).await;
        for _ in 0..8 {
            sign_in(app, json!({"email": SHARED}), &password_of("two"))
                .await
                .ok();
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_clears_the_counts_of_the_username_and_the_address() {
    case(async |app| {
        app.secret(OWN);
        let root = app.administrator().await;
        created(app, &root, "own", ALONE).await;
        let session = session(app, "own").await;
        for _ in 0..6 {
            app.login("own", "wrong password").await;
            sign_in(app, json!({"email": ALONE}), "wrong password").await;
        }
        assert_eq!(
            app.login("own", &password_of("own")).await.refused(429),
            "too_many_attempts"
        );
        set_own(app, &session, OWN).await.ok();
        assert_eq!(app.login("own", OWN).await.status(), 200);
        sign_in(app, json!({"email": ALONE}), OWN).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_new_username_gives_no_further_guesses() {
    case(async |app| {
        let root = app.administrator().await;
        let member = created(app, &root, "own", ALONE).await;
        for _ in 0..6 {
            app.login("own", "wrong password").await;
        }
        let body = json!({"username": "renamed"});
        app.ask(&root, Method::PUT, &format!("/users/{}", member.id), body)
            .await
            .ok();
        let refused = app.login("renamed", &password_of("own")).await;
        assert_eq!(refused.refused(429), "too_many_attempts");
    })
    .await;
}
