//! Rules for a folder that is missing, closed or read-only, with the folders that there are instead.

use crate::failure::Kind;
use crate::outcome::{Fact, Outcome, Role, StageRecord};
use crate::stage::Stage;

use super::Certainty::*;
use super::Diagnosis;
use super::case::Case;

/// A folder is missing.
pub fn no_folder(case: &Case) -> Option<Diagnosis> {
    let missing = *case.kind() == Kind::NoFolder;
    let refused = matches!(case.kind(), Kind::Refused { .. }) && case.responded(&["NONEXISTENT", "TRYCREATE"]);
    if !missing && !refused {
        return None;
    }
    let wanted = wanted(case);
    let cause = match (case.stage(), wanted) {
        (Stage::Copy, _) => "The account has no Sent folder under the name that was looked for.",
        (_, Role::Junk) => "The account has no Junk folder under the name that was looked for.",
        _ => "A folder that is needed does not exist.",
    };
    let diagnosis = case.because("no-folder", Certain, cause);
    Some(instead(case.outcome, case.record, wanted, diagnosis).advise("Or create the folder in a mail program."))
}

/// A folder is there, and cannot be opened.
pub fn not_selectable(case: &Case) -> Option<Diagnosis> {
    let Kind::NotSelectable { folder } = case.kind() else {
        return None;
    };
    let diagnosis = case.because("not-selectable", Certain, closed(folder));
    Some(open_it(instead(case.outcome, case.record, wanted(case), diagnosis)))
}

/// What the folder is for: the Junk folder is the only one whose lack ends a baseline.
fn wanted(case: &Case) -> Role {
    let of_junk = |fact: &Fact| matches!(fact, Fact::Folders { wanted: Role::Junk, .. });
    if case.stage() != Stage::Copy && case.record.facts.iter().any(of_junk) { Role::Junk } else { Role::Sent }
}

/// The plain sentence for a folder that cannot be opened.
pub fn closed(folder: &str) -> String {
    format!("The folder {folder} is there, and cannot be opened: it only holds other folders, or this account may not.")
}

/// What can be done about that beside taking another one.
pub fn open_it(diagnosis: Diagnosis) -> Diagnosis {
    diagnosis.advise("Or give this account the right to read that folder (ACL), where it is somebody else's or shared.")
}

/// The copy may not be filed: the folder is read-only, or the right to it is missing (RFC 5530 `NOPERM`, RFC 4314 §4).
pub fn not_permitted(case: &Case) -> Option<Diagnosis> {
    let refused = matches!(case.kind(), Kind::Refused { .. }) && case.responded(&["NOPERM", "READ-ONLY"]);
    if !refused || case.stage() != Stage::Copy {
        return None;
    }
    let records = case.outcome.stages.iter().filter(|record| record.account == case.record.account);
    let folder = records.flat_map(|record| &record.facts).find_map(|fact| match fact {
        Fact::Folder { role: Role::Sent, name, .. } => Some(name.as_str()),
        _ => None,
    });
    let folder = folder.unwrap_or("the Sent folder");
    let cause = format!("The copy cannot be filed: this account may not put messages into {folder}.");
    Some(
        case.because("copy-not-permitted", Certain, cause)
            .advise(
                "Give this account the right to insert messages there (ACL), or set `sent_folder` to another folder.",
            )
            .advise("Where the server is to file the copies itself, set `sent = \"server\"`."),
    )
}

/// What to set in the place of a folder that is not to be had, with the folders that there are.
pub fn instead(outcome: &Outcome, record: &StageRecord, wanted: Role, diagnosis: Diagnosis) -> Diagnosis {
    let (key, examples) = match wanted {
        Role::Junk => ("junk_folder", r#""Spam" or "INBOX.Junk""#),
        _ => ("sent_folder", r#""Sent Items" or "INBOX.Sent""#),
    };
    let to_any = format!("Set `{key}` to the name as the server has it, such as {examples}.");
    let Some((names, more, likely)) = others(outcome, record, wanted) else {
        return diagnosis.advise(to_any);
    };
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let diagnosis = diagnosis.seen(format!("the folders that there are: {}{more}", names.join(", ")));
    match likely {
        Some(name) => diagnosis.advise(format!("Set `{key} = {}`.", toml_string(name))),
        None => diagnosis.advise(to_any),
    }
}

/// The folders that there are, as the baseline of the same mailbox has them.
fn others<'a>(
    outcome: &'a Outcome,
    record: &StageRecord,
    role: Role,
) -> Option<(&'a [String], u64, Option<&'a String>)> {
    let stages = outcome.stages.iter().filter(|other| other.account == record.account);
    stages.flat_map(|record| &record.facts).find_map(|fact| match fact {
        Fact::Folders { wanted, names, more, likely } if *wanted == role => {
            Some((names.as_slice(), *more, likely.as_ref()))
        }
        _ => None,
    })
}

/// A basic string (TOML 1.0, "String").
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::toml_string;

    #[test]
    fn a_folder_is_named_as_toml_reads_it() {
        for name in ["INBOX.Sent", "Отправленные", "back\\slash \"quoted\"", "bell\u{7} \u{85}"] {
            let line = format!("sent_folder = {}", toml_string(name));
            let table: toml::Table = toml::from_str(&line).unwrap();
            assert_eq!(table["sent_folder"].as_str(), Some(name), "{line}");
        }
    }
}
