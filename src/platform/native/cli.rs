//! The command line.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::openapi;
use crate::platform::native::settings::Missing;
use crate::platform::native::sqlite::Sqlite;
use crate::platform::native::{
    administer, attest, doctor, inspect, migrations, output, reference, serve, settings,
};

/// The native server of hamrah-api: accounts, sessions, tokens and permissions. Environment
/// variables configure it; docs/reference/configuration.md lists them.
#[derive(Parser)]
#[command(name = "hamrah-api", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests (the default).
    Serve,
    /// Apply the migrations to the database and stop.
    Migrate,
    /// Generate secrets.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Check the configuration and the database and report every problem.
    Doctor,
    /// Verify a passkey ceremony step by step.
    Passkey {
        #[command(subcommand)]
        command: Box<inspect::PasskeyCommand>,
    },
    /// Verify an App Attest attestation or assertion step by step, or make one for tests.
    Attest {
        #[command(subcommand)]
        command: Box<attest::AttestCommand>,
    },
    /// Manage administrators of the authorization service.
    Admin {
        #[command(subcommand)]
        command: administer::Admin,
    },
    /// Add sample data to the database.
    Seed {
        #[command(subcommand)]
        command: administer::Seed,
    },
    /// Print people, services, roles, permissions and grants as JSON.
    Export(administer::Export),
    /// Import a document of `export`: adds missing entries, updates changed ones, removes nothing.
    /// With `--from`, import the people of another service: adds missing people, changes none.
    Import(administer::Import),
    /// Print the description of the API.
    Openapi {
        /// Print it as an HTML page.
        #[arg(long)]
        html: bool,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Print new values of `INTERNAL_API_KEY`, `SECRETS_KEY`, `JWT_SIGNING_KEYS`, `PASSWORD_PEPPER`
    /// and `BOOTSTRAP_SECRET` as lines for a file of variables.
    Generate,
    /// Print a new value of `WEBHOOK_SECRETS` as a line for a file of variables.
    Webhook,
}

/// Runs the native binary.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Cli::parse().command.unwrap_or(Command::Serve)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hamrah-api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve => {
            log();
            tokio::runtime::Runtime::new()?
                .block_on(serve::serve(settings::read(Missing::Keep)?))?;
        }
        Command::Migrate => tokio::runtime::Runtime::new()?.block_on(async {
            let url = settings::read(Missing::Forget)?.database_url;
            migrations::apply(Sqlite::open(&url).await?.pool()).await?;
            output::line(format_args!("{url} is up to date"));
            Ok::<_, Box<dyn Error>>(())
        })?,
        Command::Keys {
            command: Keys::Generate,
        } => {
            output::line(format_args!(
                "INTERNAL_API_KEY='{}'",
                settings::fresh_key()?
            ));
            output::line(format_args!("SECRETS_KEY='{}'", settings::fresh_key()?));
            output::line(format_args!(
                "JWT_SIGNING_KEYS='{}'",
                settings::fresh_signing_keys()?
            ));
            output::line(format_args!("PASSWORD_PEPPER='{}'", settings::fresh_key()?));
            output::line(format_args!(
                "BOOTSTRAP_SECRET='{}'",
                settings::fresh_key()?
            ));
        }
        Command::Keys {
            command: Keys::Webhook,
        } => output::line(format_args!(
            "WEBHOOK_SECRETS='{}'",
            settings::fresh_webhook_secret()?
        )),
        Command::Doctor => {
            let fine = tokio::runtime::Runtime::new()?
                .block_on(doctor::examine(settings::read(Missing::Forget)));
            return Ok(if fine {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Passkey { command } => {
            return Ok(if inspect::inspect(command)? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Attest { command } => {
            return Ok(if attest::run(command)? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Admin { command } => {
            block_on(administer::admin(settings::read(Missing::Forget)?, command))?;
        }
        Command::Seed { command } => {
            block_on(administer::seed(settings::read(Missing::Forget)?, command))?;
        }
        Command::Export(with) => {
            block_on(administer::export(settings::read(Missing::Forget)?, with))?;
        }
        Command::Import(what) => {
            block_on(administer::import(settings::read(Missing::Forget)?, what))?;
        }
        Command::Openapi { html: true } => {
            output::text(format_args!("{}", reference::html(&openapi::document())));
        }
        Command::Openapi { html: false } => output::line(format_args!("{:#}", openapi::document())),
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on(
    command: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Runtime::new()?.block_on(command)
}

/// Sets up logging: `RUST_LOG` chooses the events, `LOG_FORMAT=json` the format.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false);
    if std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json") {
        subscriber.json().flatten_event(true).init();
    } else {
        subscriber.init();
    }
}
