//! What happens after the message was taken, and the folders.

use mailtrip::outcome::{Change, Role};

use super::*;

/// An outcome that passed everything, with these facts at the stage.
fn passed(place: &str, stage: Stage, facts: Vec<Fact>) -> Outcome {
    let mut outcome = outcome(server(place), stage, Failure::new(Kind::Local), facts);
    outcome.stages[0].status = Status::Passed;
    outcome
}

fn changed(what: Change, lines: Option<u64>, text: &str) -> Fact {
    Fact::Changed { what, lines, text: Some(text.to_owned()) }
}

#[test]
fn what_was_altered_is_said_and_shown() {
    for (facts, cause, evidence, advice) in [
        (
            vec![changed(Change::AddedBelow, Some(3), "Scanned")],
            "3 lines were added at its end.",
            "Scanned",
            "Antivirus",
        ),
        (vec![changed(Change::AddedAbove, Some(1), "CAUTION")], "1 line was added at its b", "CAUTION", "Antivirus"),
        (vec![changed(Change::Rewrapped, Some(2), "line")], "wrapped anew.", "wrapped anew: line", "(DKIM)"),
        (vec![changed(Change::Replaced, Some(1), "Removed")], "replaced.", "in its place: Removed", "quarantine"),
        (vec![changed(Change::Edited, Some(1), "hXXp://")], "1 line was changed.", "hXXp://", "quarantine"),
        (
            vec![changed(Change::Repacked, None, "multipart/mixed"), changed(Change::AddedBelow, Some(1), "To leave")],
            "packed into a message of another type, and 1 line was added at its end.",
            "the type now: multipart/mixed",
            "mailing lists",
        ),
        (vec![], "its text differs.", "imap.example.net", "Antivirus"), // as older outcomes have it
    ] {
        let place = server("imap imap.example.net:993/tls");
        let diagnosis = only(&outcome(place, Stage::Inspect, Failure::new(Kind::Altered), facts));
        assert_eq!((diagnosis.code, diagnosis.certainty), ("altered", Certain));
        assert!(diagnosis.cause.contains(cause), "{diagnosis:#?}");
        assert!(diagnosis.evidence.iter().any(|text| text.contains(evidence)), "{diagnosis:#?}");
        assert!(diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
    }
    let marked = passed("imap a.example:993/tls", Stage::Inspect, vec![changed(Change::Subject, None, "[EXT] probe")]);
    let note = diagnose(&marked).remove(0);
    assert_eq!((note.code, note.verdict), ("subject-changed", Verdict::Ok));
    assert!(note.cause.contains("[EXT] probe"), "{note:#?}");
    let encoded = passed("imap a.example:993/tls", Stage::Inspect, vec![changed(Change::Encoding, None, "base64")]);
    assert!(diagnose(&encoded).iter().all(|note| note.code != "subject-changed"));
}

#[test]
fn a_full_mailbox_is_why_nothing_arrives() {
    let quota = |used_kib, limit_kib| Fact::Quota { used_kib, limit_kib };
    let alert = |code| Fact::Alert { reply: reply(code).unwrap() };
    for (facts, code, shown) in [
        (vec![quota(10_240, 10_240)], "mailbox-full", true),
        (vec![quota(10_300, 10_240)], "mailbox-full", true),
        (vec![quota(10_238, 10_240)], "mailbox-full", true), // less than the message needs
        (vec![quota(10_000, 10_240)], "not-arrived", true),
        (vec![quota(0, 0)], "not-arrived", true), // no limit
        (vec![alert("OVERQUOTA")], "mailbox-full", false),
        (vec![], "not-arrived", false),
    ] {
        let missing = Failure::new(Kind::NotArrived { waited_seconds: 30.0 });
        let outcome = outcome(server("imap imap.example.net:993/tls"), Stage::Arrival, missing, facts);
        let diagnosis = diagnose(&outcome).remove(0);
        assert_eq!(diagnosis.code, code, "{outcome:?}");
        assert_eq!(diagnosis.evidence.iter().any(|text| text.contains("KiB used")), shown, "{diagnosis:#?}");
    }
}

/// The quota is asked for by IMAP; what POP3 does not show has the same reason.
#[test]
fn a_mailbox_that_imap_calls_full_is_full_by_pop3_too() {
    let missing = || Failure::new(Kind::NotArrived { waited_seconds: 30.0 });
    let mut outcome = outcome(server("pop3 pop.example.net:995/tls"), Stage::Arrival, missing(), vec![]);
    let mut other = outcome.stages[0].clone();
    other.at.protocol = Protocol::Imap;
    other.facts = vec![Fact::Quota { used_kib: 100, limit_kib: 100 }];
    outcome.stages.push(other);
    let codes: Vec<_> = diagnose(&outcome).iter().map(|diagnosis| diagnosis.code).collect();
    assert_eq!(codes, ["mailbox-full", "mailbox-full"]);
}

#[test]
fn idle_is_called_silent_only_where_the_message_had_been_there_for_a_while() {
    for (waited_seconds, hops, certainty) in [
        (6.0, vec![Some(0.0), Some(1.0)], Some(Likely)),
        (6.0, vec![Some(0.0), Some(5.0)], None), // it came just before the poll
        (300.0, vec![Some(0.0), Some(299.0)], None),
        (6.0, vec![None], Some(Possible)), // no server says when
    ] {
        let arrived = Fact::Unannounced { idle_seconds: 5.0, waited_seconds };
        let mut outcome = passed("imap imap.example.net:993/tls", Stage::Arrival, vec![arrived]);
        let mut inspected = outcome.stages[0].clone();
        inspected.at.stage = Stage::Inspect;
        let hop = |seconds: Option<f64>| Fact::Hop {
            from: None,
            by: None,
            with: None,
            at: seconds.map(|_| "2026-11-23T10:00:00Z".to_owned()),
            seconds,
        };
        inspected.facts = hops.into_iter().map(hop).collect();
        outcome.stages.push(inspected);
        let note = diagnose(&outcome).into_iter().find(|note| note.code == "idle-silent");
        assert_eq!(
            note.map(|note| (note.certainty, note.verdict)),
            certainty.map(|certainty| (certainty, Verdict::Ok))
        );
    }
}

#[test]
fn a_missing_folder_comes_with_those_that_there_are() {
    let folders = |wanted, names: &[&str], more, likely: Option<&str>| Fact::Folders {
        wanted,
        names: names.iter().map(|&name| name.to_owned()).collect(),
        more,
        likely: likely.map(str::to_owned),
    };
    let closed = || Kind::NotSelectable { folder: "Sent".into() };
    let sent = || folders(Role::Sent, &["INBOX.Sent", "INBOX"], 3, Some("INBOX.Sent"));
    for (stage, kind, facts, code, advice) in [
        (Stage::Copy, Kind::NoFolder, vec![sent()], "no-folder", "`sent_folder = \"INBOX.Sent\"`"),
        (Stage::Copy, Kind::NoFolder, vec![], "no-folder", "`sent_folder` to the name as the server has it"),
        (Stage::Copy, closed(), vec![sent()], "not-selectable", "`sent_folder = \"INBOX.Sent\"`"),
        (
            Stage::Baseline,
            Kind::NoFolder,
            vec![folders(Role::Junk, &["Spam"], 0, Some("Spam"))],
            "no-folder",
            "`junk_folder = \"Spam\"`",
        ),
        (
            Stage::Baseline,
            Kind::NoFolder,
            vec![folders(Role::Junk, &["Work"], 0, None)],
            "no-folder",
            "`junk_folder` to the name as the server has it",
        ),
    ] {
        let listed = facts.iter().any(|fact| matches!(fact, Fact::Folders { more: 3, .. }));
        let outcome = outcome(server("imap imap.example.net:993/tls"), stage, Failure::new(kind), facts);
        let diagnosis = only(&outcome);
        assert_eq!(diagnosis.code, code);
        assert!(diagnosis.advice[0].contains(advice), "{diagnosis:#?}");
        let shown = diagnosis.evidence.iter().any(|text| text.ends_with("INBOX.Sent, INBOX and 3 more"));
        assert_eq!(shown, listed, "{diagnosis:#?}");
    }
}

#[test]
fn a_copy_that_may_not_be_filed_is_no_missing_folder() {
    for code in ["NOPERM", "READ-ONLY"] {
        let failure = Failure::refused(reply(code).unwrap());
        let diagnosis = only(&outcome(server("imap imap.example.net:993/tls"), Stage::Copy, failure, vec![]));
        assert_eq!((diagnosis.code, diagnosis.certainty), ("copy-not-permitted", Certain));
    }
}
