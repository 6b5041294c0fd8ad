//! The commands `hamrah-api attest make` create a test attestation and test assertions, so that an
//! app's team can work without a device. A server in development accepts them.

use std::error::Error;
use std::path::{Path, PathBuf};

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::kernel::domain::Clock;
use crate::kernel::model::base64;
use crate::kernel::model::config::Environment;
use crate::platform::native::attest::authority::TestRoot;
use crate::platform::native::attest::device::TestDevice;
use crate::platform::native::attest::input::{Binary, EnvironmentArgument, binary};
use crate::platform::native::output;
use crate::platform::native::ports::SystemClock;
use crate::platform::native::report_printer;
use crate::platform::native::settings;
use crate::platform::native::settings::{Missing, TEST_ROOT};

/// The object to make.
#[derive(Subcommand)]
pub(in crate::platform::native) enum MakeCommand {
    /// Print the attestation of a test device, as the body of `POST /api/app-attestation/verify`.
    Attestation {
        /// The file with the answer of `POST /api/app-attestation/challenge`. Reads standard input
        /// if the file is `-`, or is missing without --challenge.
        file: Option<PathBuf>,
        /// The challenge of the server, in base64 or hexadecimal.
        #[arg(long, value_parser = binary, conflicts_with = "file")]
        challenge: Option<Binary>,
        /// The id of the challenge, for the printed body.
        #[arg(long, requires = "challenge")]
        challenge_id: Option<String>,
        /// The file of the test device. It is created if it is missing.
        #[arg(long, default_value = "device.json")]
        key: PathBuf,
        /// The app id of a new device, such as `UR6RM9YCF7.app.hamrah.ios`. The default is the
        /// first configured app.
        #[arg(long)]
        app_id: Option<String>,
        /// The environment of the attestation.
        #[arg(long, default_value = "production")]
        environment: EnvironmentArgument,
    },
    /// Print the headers of a request with an assertion of a test device. `curl -H @-` reads them.
    Assertion {
        /// The file of the test device. Its counter grows.
        #[arg(long, default_value = "device.json")]
        key: PathBuf,
        /// The text to sign, such as `GET:http://localhost:8080/api/users/me:1790000000`.
        #[arg(long)]
        client_data: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the certificate of the test root.
    Root,
}

const NO_ROOT: &str = "there is no test root yet: start `hamrah-api serve` or `make dev` once in \
     this folder. It writes APP_ATTEST_TEST_ROOT and APP_ATTEST_TEST_ROOT_KEY into .dev.vars";

/// The settings of development that the commands need.
struct TestSettings {
    root: TestRoot,
    apps: Vec<String>,
}

impl TestSettings {
    /// Reads the settings as the server does.
    ///
    /// # Errors
    /// The settings are those of production, or have no test root.
    fn read() -> Result<Self, Box<dyn Error>> {
        let settings = settings::read(Missing::Forget)?;
        if settings.config.kernel.environment != Environment::Development {
            return Err(
                "attest make works in development only, because production trusts only Apple"
                    .into(),
            );
        }
        let generated = settings.generated.contains(&TEST_ROOT);
        let kept = settings.test_root.filter(|_| !generated);
        let [pem, key] = kept.ok_or(NO_ROOT)?;
        Ok(Self {
            root: TestRoot::read(&pem, &key)?,
            apps: settings.config.accounts.attest.apps.clone(),
        })
    }
}

/// The challenge to attest, as the server sent it.
struct GivenChallenge {
    bytes: Vec<u8>,
    id: Option<String>,
}

impl GivenChallenge {
    /// Reads the answer of the server.
    ///
    /// # Errors
    /// The file has no challenge.
    fn read(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let answer: Value = serde_json::from_slice(&report_printer::input(file)?)
            .map_err(|error| format!("the answer with the challenge cannot be read: {error}"))?;
        let text = |name| answer.get(name).and_then(Value::as_str);
        let bytes = text("challenge").and_then(base64::decode);
        Ok(Self {
            bytes: bytes
                .ok_or_else(|| format!("this is not an answer with a challenge: {answer}"))?,
            id: text("challenge_id").map(str::to_owned),
        })
    }
}

/// Runs the command.
///
/// # Errors
/// The settings are not those of a development with a test root, or a file cannot be read or
/// written.
pub(super) fn make(command: &MakeCommand) -> Result<(), Box<dyn Error>> {
    match command {
        MakeCommand::Attestation {
            file,
            challenge,
            challenge_id,
            key,
            app_id,
            environment,
        } => {
            let settings = TestSettings::read()?;
            let challenge = match challenge {
                Some(challenge) => GivenChallenge {
                    bytes: challenge.0.clone(),
                    id: challenge_id.clone(),
                },
                None => GivenChallenge::read(file.as_deref())?,
            };
            let device = if key.exists() {
                let device = TestDevice::read(key)?;
                if app_id
                    .as_ref()
                    .is_some_and(|app_id| *app_id != device.app_id)
                {
                    return Err(format!(
                        "{} is a device of the app {}: remove the file, or name another one with \
                         --key",
                        key.display(),
                        device.app_id
                    )
                    .into());
                }
                device
            } else {
                let app_id = app_id.as_ref().or(settings.apps.first());
                let app_id = app_id.ok_or("no app is configured: give --app-id")?;
                TestDevice::generate(key, app_id)?
            };
            let (hash, now) = (Sha256::digest(&challenge.bytes), SystemClock.now());
            let object = device.attest(&settings.root, environment.environment(), &hash, now)?;
            device.write()?;
            let body = json!({
                "attestation_object": STANDARD.encode(object),
                "key_id": device.key_id(),
                "challenge": STANDARD.encode(challenge.bytes),
                "challenge_id": challenge.id,
                "bundle_id": device.bundle_id(),
            });
            output::line(format_args!("{body:#}"));
        }
        MakeCommand::Assertion {
            key,
            client_data,
            json,
        } => {
            let mut device = TestDevice::read(key)?;
            let assertion = device.assert(&Sha256::digest(client_data))?;
            // The count is used up even if the request is never sent.
            device.write()?;
            let headers = [
                ("X-iOS-App-Attest-Key", device.key_id()),
                ("X-iOS-App-Attest-Assertion", STANDARD.encode(assertion)),
                ("X-iOS-App-Bundle-ID", device.bundle_id().to_owned()),
                ("X-Request-Challenge", STANDARD.encode(client_data)),
            ];
            if *json {
                let headers: Map<String, Value> = headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                output::line(format_args!("{:#}", Value::Object(headers)));
            } else {
                for (name, value) in headers {
                    output::line(format_args!("{name}: {value}"));
                }
            }
        }
        MakeCommand::Root => output::text(format_args!("{}", TestSettings::read()?.root.pem()?)),
    }
    Ok(())
}
