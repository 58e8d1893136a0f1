//! A configuration that works, broken by one setting at a time: what is wrong is named first, and, where a line to change can
//! be known, that line makes it work again.
//!
//! What there is to break is every key that the configuration has ([`config::keys`]): a key without a way to break it, or
//! without a reason why it cannot be broken, is a test that fails. The servers have the ports that they have everywhere, in
//! a network of their own, which takes Linux and root; where that cannot be had, every test shows as ignored.

#[path = "matrix/document.rs"]
mod document;
#[path = "support/internet.rs"]
mod internet;
#[path = "support/provider.rs"]
mod provider;
#[path = "matrix/town.rs"]
mod town;
#[path = "matrix/ways.rs"]
mod ways;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Failed, Trial};
use mailtrip::config::{self, Overrides};
use mailtrip::diagnose::{Diagnosis, Verdict, diagnose, verdict};
use mailtrip::outcome::Outcome;
use mailtrip::verify;
use mailtrip::verify::stop::Stop;

use document::{Document, remedies};
use town::Town;
use ways::{Expect, Way};

/// Set in the network of our own.
const INSIDE: &str = "MAILTRIP_MATRIX_INSIDE";

/// Most of a trial is waiting.
const AT_ONCE: usize = 6;

static TOWN: LazyLock<Town> = LazyLock::new(Town::found);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let inside = std::env::var_os(INSIDE).is_some();
    let missing = !inside && !has_a_network_of_its_own();
    if missing {
        eprintln!("matrix: ignored: no network of our own here (Linux, root, and the programs unshare and ip)");
    } else if !inside {
        let this = std::env::current_exe().expect("the path of this program");
        let error = in_a_network_of_its_own().arg(this).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec();
        panic!("unshare: {error}");
    }
    let mut trials: Vec<Trial> = vec![Trial::test("every_key_is_broken", every_key_is_broken)];
    trials.extend(
        ways::all()
            .into_iter()
            .enumerate()
            .map(|(number, way)| Trial::test(way.to_string(), move || judge(number, &way)).with_ignored_flag(missing)),
    );
    trials.extend(ways::pairs().into_iter().enumerate().map(|(number, pair)| {
        let name = format!("{} and {}", pair.0, pair.1);
        let number = ways::all().len() + number;
        Trial::test(name, move || judge_two(number, &pair.0, &pair.1)).with_ignored_flag(missing)
    }));
    for (table, key) in config::keys() {
        let name = format!("{table}.{key} of another type, or misspelt");
        trials.push(Trial::test(name, move || misspell(&table, key)).with_ignored_flag(missing));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn has_a_network_of_its_own() -> bool {
    in_a_network_of_its_own().arg("true").status().is_ok_and(|status| status.success())
}

fn in_a_network_of_its_own() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command
}

/// No setting is forgotten.
fn every_key_is_broken() -> Result<(), Failed> {
    let ways = ways::all();
    let is_broken = |table: &str, key: &str| ways.iter().any(|way| way.is_of(table, key));
    let forgotten: Vec<String> = config::keys()
        .into_iter()
        .filter(|(table, key)| !is_broken(table, key))
        .map(|(table, key)| format!("{table}.{key}"))
        .collect();
    if forgotten.is_empty() { Ok(()) } else { Err(format!("no way to break {forgotten:?}").into()) }
}

/// Breaks one setting, and looks what is said.
fn judge(number: usize, way: &Way) -> Result<(), Failed> {
    let town = &*TOWN;
    let whole = way.base.document(town, number);
    let broken = way.broken(&whole);
    if way.expect == Expect::Refused {
        return refused(town, &broken, way.key());
    }
    let outcome = town.run(verify(town, &broken))?;
    let diagnoses = diagnose(&outcome);
    let told = || -> Failed {
        let heads = diagnoses.iter().map(|d| format!("{} ({}): {} {:#?}", d.code, d.certainty, d.cause, d.advice));
        let heads: Vec<String> = heads.collect();
        format!("{}\n{}", verdict(&outcome), heads.join("\n")).into()
    };
    if let Expect::Harmless(_) = way.expect {
        return if verdict(&outcome) == Verdict::Ok { Ok(()) } else { Err(told()) };
    }
    if verdict(&outcome) == Verdict::Ok {
        return Err("it works all the same: this is no way to break it".into());
    }
    let first = diagnoses.first().ok_or("nothing is said")?;
    if !names(first, way) {
        return Err(told());
    }
    if way.expect != Expect::Healed {
        return Ok(());
    }
    let heals =
        |remedy: Document| town.run(verify(town, &remedy)).is_ok_and(|outcome| verdict(&outcome) == Verdict::Ok);
    let healed = first.advice.iter().flat_map(|advice| remedies(&broken, advice)).any(heals);
    if healed { Ok(()) } else { Err(told()) }
}

/// Breaks a setting of the server to send by and one of the server to receive by: each is a root cause, and none hides the
/// other.
fn judge_two(number: usize, one: &Way, other: &Way) -> Result<(), Failed> {
    let town = &*TOWN;
    let broken = other.broken(&one.broken(&one.base.document(town, number)));
    let outcome = town.run(verify(town, &broken))?;
    let mut roots = diagnose(&outcome);
    roots.retain(|diagnosis| diagnosis.follows_from.is_none());
    let told = |way: &Way| roots.iter().any(|diagnosis| names(diagnosis, way));
    if told(one) && told(other) { Ok(()) } else { Err(format!("{roots:#?}").into()) }
}

/// Whether it says the name of the setting: as it stands in the configuration, or, of a secret, in plain words.
fn names(diagnosis: &Diagnosis, way: &Way) -> bool {
    let text = [&[diagnosis.cause.clone()][..], &diagnosis.advice].concat().join("\n");
    way.names().iter().any(|name| text.contains(name))
}

/// The configuration is not taken, and the error has the name of the key in it.
fn refused(town: &Town, document: &Document, key: &str) -> Result<(), Failed> {
    match town.run(load(town, document)) {
        Ok(_) => Err("the configuration is taken".into()),
        Err(error) if error.contains(key) => Ok(()),
        Err(error) => Err(format!("{key} is not named: {error}").into()),
    }
}

/// A list is the value of no key but `command`, and no key is its own name with a letter more.
fn misspell(table: &str, key: &str) -> Result<(), Failed> {
    let town = &*TOWN;
    let path = format!("{}.{key}", document::placed(table));
    let parent = document::placed(table);
    let mut of_another_type = Document::default();
    of_another_type.set(&path, "[[1]]");
    refused(town, &of_another_type, key)?;
    let mut misspelt = Document::default();
    misspelt.set(&format!("{parent}.{key}x"), "\"?\"");
    let error = town.run(load(town, &misspelt)).err().ok_or("the configuration is taken")?;
    let told = error.contains(&format!("unknown key `{key}x`")) && error.contains(&format!("did you mean `{key}`"));
    if told { Ok(()) } else { Err(error.into()) }
}

async fn load(town: &Town, document: &Document) -> Result<mailtrip::Check, String> {
    let file = town.write(document);
    let loaded = config::load(file.path(), &[], &Overrides::default()).await;
    let check = loaded.map_err(|error| error.to_string())?.checks.into_iter().next();
    check.ok_or("there is no check".to_owned())
}

async fn verify(town: &Town, document: &Document) -> Result<Outcome, String> {
    let check = load(town, document).await?;
    let (_stopper, stop) = Stop::new();
    Ok(verify::run(&check, &stop, &()).await)
}
