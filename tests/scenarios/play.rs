//! Plays one scenario: the sandbox, the verification, and everything that must hold afterwards.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use libtest_mimic::Failed;
use mailtrip::check::Check;
use mailtrip::diagnose::diagnose;
use mailtrip::outcome::Outcome;
use mailtrip::report::terminal::Style;
use mailtrip::report::{self, Format, json};
use mailtrip::sandbox::Sandbox;
use mailtrip::verify::plan::Plan;
use mailtrip::verify::stop::Stop;

use crate::codes;
use crate::golden::Golden;
use crate::harmless::{self, Bystanders};
use crate::provider::{CLIENT_SECRET, REFRESH};
use crate::scenario::{After, Scenario, Token};
use crate::steady::steady;

/// What a report may be late by: the run itself ends in time, the machine may be busy.
const GRACE: Duration = Duration::from_secs(1);

pub fn play(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let scenario: Scenario = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if scenario.about.is_empty() {
        return Err("what is it about?".into());
    }
    tokio::runtime::Runtime::new()?.block_on(play_in_runtime(path, &scenario))
}

async fn play_in_runtime(path: &Path, scenario: &Scenario) -> Result<(), Failed> {
    let sandbox = Sandbox::start(scenario.sandbox.clone()).await?;
    let (token, _provider) = match &scenario.check.token {
        Some(token) => token.start().await.map(|(source, provider)| (Some(source), provider))?,
        None => (None, None),
    };
    let check = scenario.check(&sandbox, token)?;
    let bystanders = Bystanders::new(&sandbox, scenario);
    let (_stopper, stop) = Stop::new();
    let began = Instant::now();
    let outcome = mailtrip::verify::run(&check, &stop, &bystanders).await;
    let took = began.elapsed();
    let limit = check.settings().limits.total + GRACE;
    if took > limit {
        return Err(format!("it took {took:?}, and at most {limit:?} was asked for").into());
    }
    bystanders.unharmed()?;
    harmless::commands(&sandbox.commands(), &bystanders)?;
    each_stage_once(&check, &outcome)?;
    let left = bystanders.left();
    let outcome = steady(&outcome, &check, &sandbox);
    let reports = reports(&outcome);
    no_secret(scenario, &check, &sandbox, &reports)?;
    let mut golden = Golden::default();
    for (extension, text) in &reports {
        match &scenario.reports {
            None => golden.compare(&path.with_extension(extension), text)?,
            Some(other) => golden.same(&path.with_file_name(format!("{other}.{extension}")), text),
        }
    }
    let differences = golden.differences();
    let held = held(&scenario.after, &outcome, left);
    sandbox.stop().await;
    match (differences, held) {
        (Ok(()), held) => held,
        (Err(differences), Ok(())) => Err(differences),
        (Err(differences), Err(wrong)) => {
            let wrong = wrong.message().unwrap_or_default();
            Err(format!("{wrong}\n{}", differences.message().unwrap_or_default()).into())
        }
    }
}

/// The reports, each with the extension of its file.
fn reports(outcome: &Outcome) -> [(&'static str, String); 3] {
    let outcomes = std::slice::from_ref(outcome);
    let verbose = Style { verbose: true, ..Style::default() };
    [
        ("txt", report::render(outcomes, Format::Terminal, &Style::default())),
        ("verbose.txt", report::render(outcomes, Format::Terminal, &verbose)),
        ("json", report::render(outcomes, Format::Json, &Style::default())),
    ]
}

fn held(after: &After, outcome: &Outcome, left: Vec<String>) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let verdict = mailtrip::diagnose::verdict(outcome).to_string().to_lowercase();
    if verdict != after.verdict {
        wrong.push(format!("verdict = {verdict:?}, and it should be {:?}", after.verdict));
    }
    if !codes::have_their_verdicts(outcome) {
        wrong.push("a code has another verdict than its table states".to_owned());
    }
    let codes: Vec<&str> = diagnose(outcome).iter().map(|diagnosis| diagnosis.code).collect();
    if codes != after.diagnoses {
        wrong.push(format!("diagnoses = {codes:?}, and they should be {:?}", after.diagnoses));
    }
    if left != after.left {
        wrong.push(format!("left = {left:?}, and it should be {:?}", after.left));
    }
    match json::read(&json::render(outcome)) {
        Ok(read) if read == [outcome.clone()] => {}
        Ok(_) => wrong.push("the outcome read back from its JSON is another one".to_owned()),
        Err(error) => wrong.push(format!("the JSON cannot be read back: {error}")),
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What was planned is on record, each stage once and in order, and nothing else.
fn each_stage_once(check: &Check, outcome: &Outcome) -> Result<(), Failed> {
    let planned = Plan::of(check).complete(Vec::new(), false);
    let names = |stages: &[mailtrip::outcome::StageRecord]| -> Vec<String> {
        stages.iter().map(|record| format!("{} ({})", record.at, record.account)).collect()
    };
    let (planned, recorded) = (names(&planned), names(&outcome.stages));
    if planned == recorded { Ok(()) } else { Err(format!("planned {planned:#?}\nrecorded {recorded:#?}").into()) }
}

/// No password or token in any report, and none where a sandbox or a debugger shows things; nor in a form that it has on the wire.
fn no_secret(scenario: &Scenario, check: &Check, sandbox: &Sandbox, reports: &[(&str, String)]) -> Result<(), Failed> {
    let to = check.to().account();
    let endpoints =
        [check.from().smtp.as_ref(), to.and_then(|to| to.imap.as_ref()), to.and_then(|to| to.pop3.as_ref())];
    let configured = endpoints.into_iter().flatten().map(|endpoint| &endpoint.credentials);
    let tokens = sandbox.accounts().iter().filter_map(|user| user.token.clone());
    let tokens = tokens.chain(scenario.check.token.as_ref().and_then(Token::secret));
    let mut secrets: Vec<(&str, String)> =
        configured.filter_map(|one| Some((one.username.as_str(), one.proof.password()?.expose().to_owned()))).collect();
    secrets.extend(tokens.chain([REFRESH.to_owned(), CLIENT_SECRET.to_owned()]).map(|token| ("", token)));
    let debugged = format!("{check:?}");
    let commands = sandbox.commands().join("\n");
    for (username, password) in &secrets {
        let sasl = format!("\0{username}\0{password}");
        let escaped = format!("{password:?}");
        let forms = [
            password.to_owned(),
            password.trim().to_owned(),
            escaped.trim_matches('"').to_owned(),
            BASE64_STANDARD.encode(password),
            BASE64_STANDARD.encode(sasl),
        ];
        let shown = reports.iter().map(|(name, text)| (*name, text.as_str()));
        for (place, text) in shown.chain([("the check", debugged.as_str()), ("the commands", &commands)]) {
            if let Some(form) = forms.iter().find(|form| text.contains(form.as_str())) {
                return Err(format!("the password is in {place}, as {form:?}").into());
            }
        }
    }
    Ok(())
}
