//! The command line.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::openapi;
use crate::platform::native::settings::Missing;
use crate::platform::native::sqlite::Sqlite;
use crate::platform::native::{
    administer, attest, doctor, inspect, migrations, reference, serve, settings,
};

/// Users, sessions and tokens: the native server of hamrah-api. Configured by environment variables; see the README.
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
    /// Make secrets.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Check configuration and database and say what is wrong.
    Doctor,
    /// Look at the ceremonies of passkeys, step by step.
    Passkey {
        #[command(subcommand)]
        command: Box<inspect::Command>,
    },
    /// Look at App Attest's attestations and assertions, step by step.
    Attest {
        #[command(subcommand)]
        command: Box<attest::Command>,
    },
    /// Administrators of the authorization service.
    Admin {
        #[command(subcommand)]
        command: administer::Admin,
    },
    /// Put data into the database to begin with.
    Seed {
        #[command(subcommand)]
        command: administer::Seed,
    },
    /// Print people, services, roles, permissions and grants as JSON.
    Export(administer::Export),
    /// Bring in what `export` wrote: what is missing is made, what is described otherwise is changed, nothing is taken away.
    Import(administer::Import),
    /// Print the description of the API.
    Openapi {
        /// As a page for people.
        #[arg(long)]
        html: bool,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Print fresh `INTERNAL_API_KEY`, `SECRETS_KEY`, `JWT_SIGNING_KEYS`, `PASSWORD_PEPPER` and `BOOTSTRAP_SECRET`, as lines for a file of variables.
    Generate,
    /// Print a fresh `WEBHOOK_SECRETS`, as a line for a file of variables.
    Webhook,
}

/// The native binary's main.
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
            println!("{url} is up to date");
            Ok::<_, Box<dyn Error>>(())
        })?,
        Command::Keys {
            command: Keys::Generate,
        } => {
            println!("INTERNAL_API_KEY='{}'", settings::fresh_key()?);
            println!("SECRETS_KEY='{}'", settings::fresh_key()?);
            println!("JWT_SIGNING_KEYS='{}'", settings::fresh_signing_keys()?);
            println!("PASSWORD_PEPPER='{}'", settings::fresh_key()?);
            println!("BOOTSTRAP_SECRET='{}'", settings::fresh_key()?);
        }
        Command::Keys {
            command: Keys::Webhook,
        } => println!("WEBHOOK_SECRETS='{}'", settings::fresh_webhook_secret()?),
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
            return Ok(if attest::inspect(command)? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Admin { command } => {
            block_on(administer::admin(settings::read(Missing::Forget)?, command))?
        }
        Command::Seed { command } => {
            block_on(administer::seed(settings::read(Missing::Forget)?, command))?
        }
        Command::Export(with) => {
            block_on(administer::export(settings::read(Missing::Forget)?, with))?
        }
        Command::Import(what) => {
            block_on(administer::import(settings::read(Missing::Forget)?, what))?
        }
        Command::Openapi { html: true } => print!("{}", reference::html(&openapi::document())),
        Command::Openapi { html: false } => println!("{:#}", openapi::document()),
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on(
    command: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Runtime::new()?.block_on(command)
}

/// `RUST_LOG` chooses what is logged, `LOG_FORMAT=json` how.
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
