//! The commands of the authorization service: the first administrator, demo data, export and
//! import.
//!
//! An operator who can run them can read the database file, so they check no permission. The log of
//! changes names the command line as the actor.

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;

use crate::app::ports::{Adapters, Ports};
use crate::authorization::domain as authorization;
use crate::authorization::domain::foreign_people::RecordOutcome;
use crate::authorization::domain::new_people::NewPerson;
use crate::authorization::domain::{Actor, AuthorizationFailure, AuthorizationRejection};
use crate::authorization::domain::{foreign_people, new_people, people, policy_document};
use crate::authorization::model::names;
use crate::authorization::model::names::IdOrName;
use crate::kernel::domain::HttpClient;
use crate::kernel::domain::rate_limit::Unlimited;
use crate::kernel::model::config::Environment;
use crate::kernel::model::text;
use crate::platform::native::channels::LocalChannels;
use crate::platform::native::command_line::origin;
use crate::platform::native::demo;
use crate::platform::native::http_client::{Closed, Https};
use crate::platform::native::hubs::LocalHubs;
use crate::platform::native::migrations;
use crate::platform::native::output;
use crate::platform::native::people_files;
use crate::platform::native::people_files::{ExportFiles, Source};
use crate::platform::native::ports::{Dalek, SystemClock, SystemEntropy, Threads};
use crate::platform::native::settings;
use crate::platform::native::settings::NativeSettings;
use crate::platform::native::sqlite::Sqlite;

/// Commands about administrators.
#[derive(Subcommand)]
pub(super) enum Admin {
    /// Create an administrator and print the password, or make an existing person an administrator.
    Create {
        /// The username.
        username: String,
        /// The name of a new person. The default is the username.
        #[arg(long)]
        name: Option<String>,
        /// Read the password from standard input instead of generating one.
        #[arg(long, conflicts_with = "existing")]
        password_stdin: bool,
        /// The person exists already. The password stays, and every session of the person ends.
        #[arg(long, conflicts_with = "name")]
        existing: bool,
    },
    /// Set a new password and print it. Every session of the person ends.
    Password {
        /// The username.
        username: String,
        /// Read the password from standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Sample data.
#[derive(Subcommand)]
pub(super) enum Seed {
    /// Add demo people, services and roles to an empty database. Works in development only.
    Demo,
}

/// Options of `export`.
#[derive(clap::Args)]
pub(super) struct Export {
    /// Include the password hashes.
    #[arg(long)]
    with_passwords: bool,
}

/// Options of `import`.
#[derive(clap::Args)]
pub(super) struct Import {
    /// The file, as `export` or another service writes it.
    file: PathBuf,
    /// The service that wrote the file. The default is hamrah-api. docs/how-to/import-users.md
    /// describes the files.
    #[arg(long, value_name = "SERVICE")]
    from: Option<Source>,
    /// The export of password hashes of Auth0.
    #[arg(long, value_name = "FILE", requires = "from")]
    passwords: Option<PathBuf>,
    /// The password hash parameters of a Firebase project, as its console prints them.
    #[arg(long, value_name = "FILE", requires = "from")]
    hash_config: Option<PathBuf>,
    /// Print the changes without making them.
    #[arg(long)]
    dry_run: bool,
}

/// The command that gives a person a password.
const SETS_PASSWORD: &str = "`hamrah-api admin password NAME` sets one";

/// Opens the configured database and applies the migrations.
async fn open(settings: NativeSettings) -> Result<authorization::Ports, Box<dyn Error>> {
    let database = Sqlite::open(&settings.database_url).await?;
    migrations::apply(database.pool()).await?;
    let channels = LocalChannels::open_beside(&settings.database_url).await?;
    let relay = &settings.config.relay;
    // A server in another process looks at the sessions of its sockets itself.
    let hubs = LocalHubs::over(
        &channels,
        Arc::new(SystemClock),
        relay.hubs,
        relay.most_sockets,
    );
    let http_client: Arc<dyn HttpClient> =
        if settings.config.accounts.passwords.breached_url.is_some() {
            Arc::new(Https::open()?)
        } else {
            Arc::new(Closed)
        };
    Ok(Ports::new(
        Adapters {
            db: Arc::new(database),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            signatures: Arc::new(Dalek),
            limiter: Arc::new(Unlimited),
            http_client,
            compute: Arc::new(Threads),
            channels: Arc::new(channels),
            hubs: Arc::new(hubs.clone()),
            door: Arc::new(hubs),
        },
        settings.config,
    )
    .authorization)
}

/// `hamrah-api admin …`
pub(super) async fn admin(settings: NativeSettings, command: &Admin) -> Result<(), Box<dyn Error>> {
    let (username, name, password_stdin, existing) = match command {
        Admin::Create {
            username,
            name,
            password_stdin,
            existing,
        } => (username, name, password_stdin, existing),
        Admin::Password {
            username,
            password_stdin,
        } => return password(settings, username, *password_stdin).await,
    };
    let username = names::username(username)
        .ok_or("the username: 1 to 64 letters, digits and ._@+-, and not a number")?;
    let name = name.as_deref().unwrap_or(&username);
    let name = text::name(name).ok_or("the name: 1 to 200 printable characters")?;
    let ports = open(settings).await?;
    if *existing {
        people::promote(
            &ports,
            "command line",
            &IdOrName::Name(username.clone()),
            &origin(),
        )
        .await?;
        output::line(format_args!(
            "{username} is an administrator now; the password did not change"
        ));
        return Ok(());
    }
    let password = if *password_stdin {
        read_password()?
    } else {
        settings::fresh_key()?
    };
    let new = NewPerson {
        username: &username,
        name: &name,
        email: None,
        person_type: None,
        document: None,
    };
    let id =
        match new_people::create_administrator(&ports, "command line", &new, &password, &origin())
            .await
        {
            Err(AuthorizationFailure::Rejected(AuthorizationRejection::Exists(_))) => {
                return Err(format!(
                    "{username} exists already: use --existing to make this person an administrator"
                )
                .into());
            }
            made => made?,
        };
    output::line(format_args!(
        "{username} is an administrator, with the id {id}"
    ));
    if !password_stdin {
        output::line(format_args!("password: {password}"));
    }
    Ok(())
}

/// `hamrah-api admin password`
async fn password(
    settings: NativeSettings,
    username: &str,
    from_stdin: bool,
) -> Result<(), Box<dyn Error>> {
    let ports = open(settings).await?;
    let password = if from_stdin {
        read_password()?
    } else {
        settings::fresh_key()?
    };
    let to = people::PersonChanges {
        password: Some(&password),
        ..people::PersonChanges::default()
    };
    people::update(
        &ports,
        Actor::Operator("command line"),
        &IdOrName::Name(username.to_owned()),
        &to,
        &origin(),
    )
    .await?;
    output::line(format_args!("{username} has a new password"));
    if !from_stdin {
        output::line(format_args!("password: {password}"));
    }
    Ok(())
}

/// Reads the first line of standard input.
fn read_password() -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().take(16 * 1024).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// `hamrah-api seed demo`
pub(super) async fn seed(
    settings: NativeSettings,
    Seed::Demo: &Seed,
) -> Result<(), Box<dyn Error>> {
    if settings.config.kernel.environment != Environment::Development {
        return Err(
            "the demo passwords are public: demo data works with ENVIRONMENT=development only"
                .into(),
        );
    }
    let ports = open(settings).await?;
    policy_document::seed(&ports, &demo::document()?, &origin()).await?;
    people::promote(
        &ports,
        "command line",
        &IdOrName::Name("adm1".to_owned()),
        &origin(),
    )
    .await?;
    output::line(format_args!(
        "15 people (passwords: the username and `-hash`), 5 services, 4 roles, 5 permissions; \
         adm1 is an administrator"
    ));
    Ok(())
}

/// `hamrah-api export`
pub(super) async fn export(settings: NativeSettings, with: &Export) -> Result<(), Box<dyn Error>> {
    if settings::is_absent(&settings.database_url) {
        return Err(format!(
            "{} does not exist, so there is nothing to export: set DATABASE_URL",
            settings.database_url
        )
        .into());
    }
    let ports = open(settings).await?;
    let exported = policy_document::export(&ports, with.with_passwords).await?;
    let others = policy_document::count_other_accounts(&ports).await?;
    if others > 0 {
        eprintln!(
            "hamrah-api: {} left out, because only people with a username are exported. A backup \
             has all accounts: docs/OPERATIONS.md, \"Backup and restore\"",
            output::counted(others, "account is", "accounts are")
        );
    }
    output::line(format_args!("{}", serde_json::to_string_pretty(&exported)?));
    Ok(())
}

/// Opens the database of an import and prints its name. A dry run makes no file.
async fn open_for_import(
    mut settings: NativeSettings,
    dry_run: bool,
) -> Result<authorization::Ports, Box<dyn Error>> {
    let is_new = settings::is_absent(&settings.database_url);
    let state = match (is_new, dry_run) {
        (false, _) => "",
        (true, false) => " (new)",
        (true, true) => " (would be new)",
    };
    output::line(format_args!("database: {}{state}", settings.database_url));
    if is_new && dry_run {
        "sqlite::memory:".clone_into(&mut settings.database_url);
    }
    open(settings).await
}

/// `hamrah-api import`
pub(super) async fn import(settings: NativeSettings, what: &Import) -> Result<(), Box<dyn Error>> {
    if let Some(source) = what.from {
        return import_people(settings, what, source).await;
    }
    let file = std::fs::read_to_string(&what.file)
        .map_err(|error| format!("{}: {error}", what.file.display()))?;
    let wanted = people_files::read_own(&file)
        .map_err(|error| format!("{}: {error}", what.file.display()))?;
    let ports = open_for_import(settings, what.dry_run).await?;
    let told = policy_document::import(&ports, &wanted, what.dry_run, &origin()).await?;
    for step in &told {
        output::line(format_args!("{step}"));
    }
    let bare = wanted
        .people
        .iter()
        .filter(|person| person.password_hash.is_none())
        .count();
    if bare > 0 {
        output::line(format_args!(
            "{} no password hash: a new person gets no password ({SETS_PASSWORD})",
            output::counted(
                bare,
                "person of the document has",
                "people of the document have"
            )
        ));
    }
    let done = done(what.dry_run);
    let changes = output::counted(told.len(), "change", "changes");
    output::line(format_args!("{changes} {done}"));
    Ok(())
}

/// Returns the end of the last line of an import.
const fn done(dry_run: bool) -> &'static str {
    if dry_run { "would be made" } else { "made" }
}

/// `hamrah-api import --from`
async fn import_people(
    settings: NativeSettings,
    what: &Import,
    source: Source,
) -> Result<(), Box<dyn Error>> {
    let files = ExportFiles {
        people: &what.file,
        passwords: what.passwords.as_ref(),
        hash_config: what.hash_config.as_ref(),
    };
    let exported = people_files::read(source, &files)?;
    let ports = open_for_import(settings, what.dry_run).await?;
    let reports = foreign_people::import(&ports, exported, what.dry_run, &origin()).await?;
    for report in &reports {
        output::line(format_args!("{report}"));
    }
    let count = |is_counted: fn(&RecordOutcome) -> bool| {
        let counted = reports.iter().filter(|report| is_counted(&report.outcome));
        counted.count()
    };
    let bare = count(|outcome| {
        *outcome
            == RecordOutcome::Made {
                has_password: false,
            }
    });
    if bare > 0 {
        output::line(format_args!(
            "{} no password ({SETS_PASSWORD})",
            output::counted(bare, "new person has", "new people have")
        ));
    }
    let made = count(|outcome| matches!(outcome, RecordOutcome::Made { .. }));
    let exist = count(|outcome| *outcome == RecordOutcome::Exists);
    let refused = count(|outcome| matches!(outcome, RecordOutcome::Refused(_)));
    let done = done(what.dry_run);
    output::line(format_args!(
        "{} {done}, {exist} already there, {refused} refused",
        output::counted(made, "person", "people")
    ));
    if refused > 0 {
        return Err(format!("{refused} of {} records were refused", reports.len()).into());
    }
    Ok(())
}
