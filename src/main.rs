//! The `mailtrip` command: arguments → configuration → one command → exit code.
//!
//! This is the only place that prints or exits.

mod cli;
mod live;
mod prompt;
mod signals;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::Parser;
use futures_util::future::join_all;
use lettre::Address;
use mailtrip::account::{Account, Auth, Credentials, Endpoint, Family, Folders, Secret, Security, TokenSource};
use mailtrip::check::{Check, Limits, Settings};
use mailtrip::config::{self, Overrides};
use mailtrip::diagnose::{Verdict, verdict};
use mailtrip::outcome::Outcome;
use mailtrip::provider::{self, Provider};
use mailtrip::report::terminal::Style;
use mailtrip::report::{self, Format};
use mailtrip::sandbox::{self, Sandbox, Service};
use mailtrip::verify;
use mailtrip::verify::clearance::{self, Clearance};
use mailtrip::verify::recorder::Listener;
use mailtrip::verify::stop::{Stop, Stopper};

use cli::{Cli, Command};
use live::Live;
use signals::Signals;

/// What could not be done, in a sentence for standard error; the verdict is UNKNOWN then.
type Unable = String;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // where it cannot be printed there is nobody to tell
            return if error.use_stderr() { exit_code(Verdict::Unknown) } else { ExitCode::SUCCESS };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unable(&format!("the runtime cannot be started: {error}")),
    };
    let done = runtime.block_on(run(cli.command));
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(verdict) => exit_code(verdict),
        Err(sentence) => unable(&sentence),
    }
}

fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(verdict.exit_code())
}

fn unable(sentence: &str) -> ExitCode {
    let begin = if sentence.starts_with("error") { "" } else { "error: " };
    let _ = writeln!(std::io::stderr(), "{begin}{}", sentence.trim_end());
    exit_code(Verdict::Unknown)
}

async fn run(command: Command) -> Result<Verdict, Unable> {
    match command {
        Command::Demo(demo) => demonstrate(demo).await,
        Command::Verify(verify) => verify_all(*verify).await,
        Command::Clean(clean) => clean_all(*clean).await,
        Command::Sandbox(settings) => serve_sandbox(settings).await,
        Command::Config => print(config::EXAMPLE).map(|()| Verdict::Ok),
        Command::Report(report) => render_again(report),
    }
}

async fn demonstrate(demo: cli::Demo) -> Result<Verdict, Unable> {
    let sandbox = Sandbox::start(sandbox::Settings::default())
        .await
        .map_err(|error| format!("the sandbox cannot be started: {error}"))?;
    let check = demo_check(&sandbox, demo.transcript)?;
    let verdict = verify_checks(&[check], &demo.show, signals()?).await;
    sandbox.stop().await;
    verdict
}

/// From the first account of the sandbox to the second, and the reply back.
fn demo_check(sandbox: &Sandbox, transcript: bool) -> Result<Check, Unable> {
    let account = |user: &sandbox::User| -> Result<Account, Unable> {
        let endpoint = |service| {
            Some(Endpoint {
                host: "localhost".to_owned(),
                port: sandbox.port(service),
                security: Security::Tls,
                allow_cleartext_password: false,
                credentials: Credentials { username: user.address.clone(), proof: Secret::new(&user.password).into() },
                auth: Auth::Auto,
                ca: Some(sandbox.ca_pem().as_bytes().to_vec()),
                family: Family::Any,
                expect_auth: service == Service::Submissions,
            })
        };
        Ok(Account {
            name: user.address.split('@').next().unwrap_or_default().to_owned(),
            address: user.address.parse().map_err(|error| format!("{}: {error}", user.address))?,
            smtp: endpoint(Service::Submissions),
            imap: endpoint(Service::Imaps),
            pop3: endpoint(Service::Pop3s),
            folders: Folders::default(),
        })
    };
    let [from, to, ..] = sandbox.accounts() else { return Err("the sandbox has no two accounts".to_owned()) };
    let settings = Settings { reply: true, transcript, ..Settings::default() };
    Check::new("demo", account(from)?, account(to)?, settings).map_err(|error| error.to_string())
}

async fn verify_all(arguments: cli::Verify) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    // Who is asked for a password, and a command that is, may take their time.
    let checks = tokio::select! {
        checks = wanted_checks(&arguments) => checks?,
        () = signals.next() => return Err("stopped before anything was verified".to_owned()),
    };
    verify_checks(&checks, &arguments.show, signals).await
}

async fn wanted_checks(arguments: &cli::Verify) -> Result<Vec<Check>, Unable> {
    match arguments.targets.as_slice() {
        [address] if address.contains('@') => Ok(vec![check_of_address(address, arguments).await?]),
        targets if targets.iter().any(|target| target.contains('@')) => {
            Err("either checks of the configuration or one address can be verified, not both at once".to_owned())
        }
        _ if arguments.given.any() => Err(GO_WITH_AN_ADDRESS.to_owned()),
        names => checks_of_config(names, arguments).await,
    }
}

const GO_WITH_AN_ADDRESS: &str = "--smtp, --imap, --pop3, --username, --password-command, --token-command, --ca-file and \
     --allow-cleartext-password go with an ADDRESS; an account has its own in the configuration";

fn overrides(arguments: &cli::Verify) -> Overrides {
    Overrides {
        keep: arguments.keep.then_some(true),
        transcript: arguments.transcript.then_some(true),
        timeout: arguments.timeout,
        sent: arguments.sent.map(Into::into),
        receive: arguments.receive.map(Into::into),
        reply: arguments.reply.then_some(true),
        family: arguments.network.family(),
        ..Overrides::default()
    }
}

async fn checks_of_config(names: &[String], arguments: &cli::Verify) -> Result<Vec<Check>, Unable> {
    let path = configuration(&arguments.config, "verify")?;
    let loaded = config::load(&path, names, &overrides(arguments)).await.map_err(|error| error.to_string())?;
    if !arguments.show.quiet {
        loaded.notices.iter().for_each(|notice| note(&notice.to_string()));
        let is_new = |text: &str| !loaded.notices.iter().any(|notice| notice.text().ends_with(text));
        let told = loaded.provider_notes.iter().filter(|told| is_new(told.text));
        told.map(|told| format!("{}: {}", told.provider.title, told.text)).for_each(|text| note(&text));
    }
    Ok(loaded.checks)
}

fn configuration(named: &Option<PathBuf>, command: &str) -> Result<PathBuf, Unable> {
    named.clone().or_else(config::find).ok_or_else(|| {
        format!(
            "there is no configuration: name one with --config, write one with `mailtrip config > mailtrip.toml`, \
             or {command} an address with `mailtrip {command} ADDRESS`"
        )
    })
}

async fn check_of_address(address: &str, arguments: &cli::Verify) -> Result<Check, Unable> {
    if let Some(config) = &arguments.config {
        return Err(format!("an address is verified without a configuration: leave out --config {}", config.display()));
    }
    let given = (&arguments.given, arguments.show.quiet);
    let account = account_of_address(address, given, "verify", provider::Given::account).await?;
    let overrides = overrides(arguments);
    let (account, settings) = (overrides.account(account), overrides.settings()?);
    Check::new(address, account.clone(), account, settings).map_err(|error| error.to_string())
}

/// What is made of what was given.
type Assembled = Result<(Account, Option<&'static Provider>), provider::Incomplete>;

/// The account of an address, with its password, and unless it is to be `quiet` with what is to be known about its provider.
async fn account_of_address(
    address: &str,
    (given, quiet): (&cli::Given, bool),
    command: &str,
    assemble: fn(provider::Given) -> Assembled,
) -> Result<Account, Unable> {
    let cli::Given { smtp, imap, pop3, username, password_command, token_command, ca_file, allow_cleartext_password } =
        given;
    let parsed = address.parse().map_err(|error| format!("{address:?} is not an address: {error}"))?;
    let ca = match ca_file {
        Some(path) => Some(config::certificates_from_file(path).await?),
        None => None,
    };
    let mut given = provider::Given {
        address: parsed,
        username: username.clone(),
        proof: Secret::new("").into(),
        smtp: smtp.clone(),
        imap: imap.clone(),
        pop3: pop3.clone(),
        ca,
        allow_cleartext_password: *allow_cleartext_password,
    };
    let incomplete = |error| format!("{error}: see `mailtrip {command} --help`");
    assemble(given.clone()).map_err(incomplete)?; // before anybody is asked for a password
    given.proof = match token_command {
        Some(command) => TokenSource::Command(config::shell(command)).into(),
        None => password(address, password_command.as_deref()).await?.into(),
    };
    let (account, provider) = assemble(given).map_err(incomplete)?;
    if !quiet {
        let told = provider
            .filter(|_| token_command.is_none())
            .and_then(|provider| Some(format!("{}: {}", provider.title, provider.note?)));
        told.iter().for_each(|text| note(text));
        let hosts = [&account.smtp, &account.imap].into_iter().flatten();
        hosts.filter_map(|endpoint| provider::hint(&endpoint.host)).for_each(note);
    }
    Ok(account)
}

/// From a command, the environment, or the terminal; never from an argument, which others could read.
async fn password(address: &str, command: Option<&str>) -> Result<Secret, Unable> {
    if let Some(command) = command {
        return config::password_from_shell(command).await;
    }
    if let Some(password) = std::env::var_os("MAILTRIP_PASSWORD") {
        let password = password.into_string().map_err(|_| "MAILTRIP_PASSWORD is not UTF-8".to_owned())?;
        return config::password_from_text(password);
    }
    prompt::password(format!("Password of {address}: "))
        .await
        .map_err(|error| {
            format!(
                "no password: there is no terminal to ask on ({error}); set MAILTRIP_PASSWORD or use --password-command"
            )
        })
        .and_then(config::password_from_text)
}

/// Verifies one check after the other. A report for people is printed when its check is done; other formats are one
/// document, printed at the end.
async fn verify_checks(checks: &[Check], show: &cli::Show, signals: Signals) -> Result<Verdict, Unable> {
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let style = style(show);
    let mut outcomes = Vec::new();
    for check in checks {
        let outcome = verify_check(check, &stop, show, &style).await;
        if show.format == Format::Terminal {
            print_unless_quiet(std::slice::from_ref(&outcome), show, &style)?;
        }
        outcomes.push(outcome);
    }
    if show.format != Format::Terminal {
        print_unless_quiet(&outcomes, show, &style)?;
    }
    Ok(worst(&outcomes))
}

async fn verify_check(check: &Check, stop: &Stop, show: &cli::Show, style: &Style) -> Outcome {
    if show.format == Format::Terminal && !show.quiet && std::io::stderr().is_terminal() {
        let live = Live::default();
        live.while_doing(style.width, verify::run(check, stop, &live)).await
    } else {
        verify::run(check, stop, &()).await
    }
}

async fn clean_all(arguments: cli::Clean) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let clearances = tokio::select! {
        clearances = wanted_clearances(&arguments) => clearances?,
        () = signals.next() => return Err("stopped before anything was looked at".to_owned()),
    };
    let (stopper, stop) = Stop::new();
    tokio::spawn(stop_on_signals(signals, stopper));
    let (show, style) = (&arguments.show, style(&arguments.show));
    let live = Live::default();
    let watched = show.format == Format::Terminal && !show.quiet && std::io::stderr().is_terminal();
    let listener: &dyn Listener = if watched { &live } else { &() };
    // One that does not answer must not hold up the others.
    let all = join_all(clearances.iter().map(|clearance| clearance::run(clearance, &stop, listener)));
    let outcomes = if watched { live.while_doing(style.width, all).await } else { all.await };
    print_unless_quiet(&outcomes, show, &style)?;
    Ok(worst(&outcomes))
}

async fn wanted_clearances(arguments: &cli::Clean) -> Result<Vec<Clearance>, Unable> {
    let (accounts, own, limits) = match arguments.targets.as_slice() {
        [address] if address.contains('@') => account_to_clean(address, arguments).await?,
        targets if targets.iter().any(|target| target.contains('@')) => {
            return Err(
                "either accounts of the configuration or one address can be cleaned, not both at once".to_owned()
            );
        }
        _ if arguments.given.any() => return Err(GO_WITH_AN_ADDRESS.to_owned()),
        names => accounts_of_config(names, arguments).await?,
    };
    let limits = Limits { total: arguments.timeout.unwrap_or(limits.total), ..limits };
    let mut clearances = Vec::new();
    for account in accounts {
        let name = account.name.clone();
        let account = Overrides { family: arguments.network.family(), ..Overrides::default() }.account(account);
        match Clearance::new(account, own.clone(), arguments.older_than, arguments.dry_run, limits.clone()) {
            Some(clearance) => clearances.push(clearance),
            None if arguments.targets.is_empty() => {}
            None => {
                return Err(format!("account `{name}` has neither `imap` nor `pop3`, so it has no mailbox to clean"));
            }
        }
    }
    if clearances.is_empty() { Err("no account has a mailbox to clean".to_owned()) } else { Ok(clearances) }
}

/// The accounts to clean, the addresses that verifications send from, and how long it may take.
type ToClean = (Vec<Account>, Vec<Address>, Limits);

async fn accounts_of_config(names: &[String], arguments: &cli::Clean) -> Result<ToClean, Unable> {
    let path = configuration(&arguments.config, "clean")?;
    let loaded = config::load_accounts(&path, names).await.map_err(|error| error.to_string())?;
    if !arguments.show.quiet {
        loaded.notices.iter().for_each(|notice| note(&notice.to_string()));
    }
    Ok((loaded.accounts, loaded.own, loaded.limits))
}

async fn account_to_clean(address: &str, arguments: &cli::Clean) -> Result<ToClean, Unable> {
    if let Some(config) = &arguments.config {
        return Err(format!("an address is cleaned without a configuration: leave out --config {}", config.display()));
    }
    if arguments.given.smtp.is_some() {
        return Err("nothing is sent to clean a mailbox: leave out --smtp".to_owned());
    }
    let given = (&arguments.given, arguments.show.quiet);
    let account = account_of_address(address, given, "clean", provider::Given::mailbox).await?;
    let own = vec![account.address.clone()];
    Ok((vec![account], own, Limits::default()))
}

fn worst(outcomes: &[Outcome]) -> Verdict {
    outcomes.iter().map(verdict).max().unwrap_or(Verdict::Unknown)
}

fn print_unless_quiet(outcomes: &[Outcome], show: &cli::Show, style: &Style) -> Result<(), Unable> {
    if show.quiet && worst(outcomes) == Verdict::Ok {
        return Ok(());
    }
    print(&report::render(outcomes, show.format, style))
}

fn style(show: &cli::Show) -> Style {
    let colour = AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    Style { verbose: show.verbose, colour, width: width.min(100) }
}

fn signals() -> Result<Signals, Unable> {
    Signals::new().map_err(|error| format!("signals cannot be waited for: {error}"))
}

/// Once stops the run, which then cleans up; twice leaves the clean-up out.
async fn stop_on_signals(mut signals: Signals, stopper: Stopper) {
    loop {
        signals.next().await;
        stopper.stop();
    }
}

async fn serve_sandbox(arguments: cli::Sandbox) -> Result<Verdict, Unable> {
    let mut signals = signals()?;
    let settings = match &arguments.settings {
        Some(path) => toml::from_str(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        None => sandbox::Settings::default(),
    };
    let sandbox = Sandbox::start(settings).await.map_err(|error| format!("the sandbox cannot be started: {error}"))?;
    let folder = std::env::temp_dir().join(format!("mailtrip-sandbox-{}", std::process::id()));
    let ca_file = folder.join("ca.pem");
    let written = std::fs::create_dir(&folder).and_then(|()| std::fs::write(&ca_file, sandbox.ca_pem()));
    written.map_err(|error| format!("{}: {error}", ca_file.display()))?;
    let printed = print(&sandbox.config(&ca_file));
    if printed.is_ok() {
        note(
            "the mail system runs until Ctrl-C; save the configuration above as mailtrip.toml, and run `mailtrip verify`",
        );
        signals.next().await;
    }
    sandbox.stop().await;
    let _ = std::fs::remove_dir_all(&folder); // ours, with one file in it
    printed.map(|()| Verdict::Ok)
}

fn render_again(arguments: cli::Report) -> Result<Verdict, Unable> {
    let (name, text) = if arguments.file == Path::new("-") {
        let name = "standard input".to_owned();
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("{name}: {error}"))?;
        (name, text)
    } else {
        (arguments.file.display().to_string(), read_text(&arguments.file)?)
    };
    let outcomes = report::json::read(&text).map_err(|error| format!("{name}: {error}"))?;
    if outcomes.is_empty() {
        return Err(format!("{name}: there is no outcome in it"));
    }
    print_unless_quiet(&outcomes, &arguments.show, &style(&arguments.show))?;
    Ok(worst(&outcomes))
}

fn read_text(path: &Path) -> Result<String, Unable> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "note: {}", text.trim_end()); // where nobody listens, nobody is told
}

/// To standard output. A reader that goes away early (`| head`) is no error.
fn print(text: &str) -> Result<(), Unable> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}
