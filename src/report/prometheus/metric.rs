//! The metrics: their names, which are promises for years, their labels, what they mean, and how each is read from an
//! outcome. The README has its table from here; `tests/readme.rs` holds that.
//!
//! No label has a value that a server chose, or that is another one at each run.

use crate::criteria::Measure;
use crate::diagnose::round_trip;
use crate::outcome::{Outcome, seconds};
use crate::stage::Stage;

pub use super::reading::Sample;
use super::reading::{
    DAY, attempts, build, certificates, diagnoses, duration, durations, ended, is_in_junk, is_success, leftovers,
    of_stage, one, passed, receiver, sender, stage, stage_of_account, stage_thresholds, statuses, threshold, verdicts,
};

/// A metric. All of them are gauges.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Names of its labels, but for the first one, which is the check, or the account that was cleaned up.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// Its samples for an outcome.
    pub read: fn(&Outcome) -> Vec<Sample>,
}

const RECEIVER: &[&str] = &["leg", "protocol", "account"];
const BOUND: &[&str] = &["severity", "bound", "alerts_when"];
const DIAGNOSIS: &[&str] = &["code", "verdict"];

/// Of verifications.
pub const OF_CHECKS: &[Metric] = &[
    Metric {
        name: "mailtrip_success",
        labels: &[],
        help: "Whether mail works: 1 where the verdict is OK or WARNING, 0 otherwise, and while a failure is still soft.",
        read: |outcome| one(is_success(outcome)),
    },
    Metric {
        name: "mailtrip_verdict",
        labels: &["verdict"],
        help: "The verdict: 1 for the one that it is, 0 for each of the others.",
        read: verdicts,
    },
    Metric {
        name: "mailtrip_send_success",
        labels: &["leg", "account"],
        help: "Whether the submission server took the message: 1 if it did, 0 if it did not or was not asked.",
        read: |outcome| of_stage(outcome, Stage::Submit, (sender, passed)),
    },
    Metric {
        name: "mailtrip_receive_success",
        labels: RECEIVER,
        help: "Whether the message arrived in the mailbox: 1 if it did, 0 if it did not or was not waited for.",
        read: |outcome| of_stage(outcome, Stage::Arrival, (receiver, passed)),
    },
    Metric {
        name: "mailtrip_in_junk",
        labels: RECEIVER,
        help: "1 if the message was found in the Junk folder, 0 if not.",
        read: |outcome| of_stage(outcome, Stage::Arrival, (receiver, |record| is_in_junk(outcome, record))),
    },
    Metric {
        name: "mailtrip_round_trip_seconds",
        labels: &[],
        help: "From the beginning of the submission to the last arrival; not there if something did not arrive.",
        read: |outcome| round_trip(outcome).map(seconds::rounded).map_or(Vec::new(), one),
    },
    Metric {
        name: "mailtrip_round_trip_threshold_seconds",
        labels: BOUND,
        help: "The bounds of the round trip, where the check has some.",
        read: |outcome| threshold(outcome, Measure::RoundTrip, 1.0),
    },
    Metric {
        name: "mailtrip_stage_status",
        labels: &["leg", "stage", "protocol", "account", "status"],
        help: "How each planned stage ended: 1 for the status that it has, 0 for each of the others.",
        read: |outcome| statuses(outcome, stage),
    },
    Metric {
        name: "mailtrip_stage_duration_seconds",
        labels: &["leg", "stage", "protocol", "account"],
        help: "How long the stage took; not there if it was skipped.",
        read: |outcome| durations(outcome, stage),
    },
    Metric {
        name: "mailtrip_stage_duration_threshold_seconds",
        labels: &["leg", "stage", "protocol", "account", "severity", "bound", "alerts_when"],
        help: "The bounds of that time, where the check has some.",
        read: stage_thresholds,
    },
    Metric {
        name: "mailtrip_certificate_expiry_timestamp_seconds",
        labels: &["protocol", "account"],
        help: "When the server's certificate ends, or has ended, in Unix time; not there if no certificate was seen.",
        read: certificates,
    },
    Metric {
        name: "mailtrip_certificate_remaining_threshold_seconds",
        labels: BOUND,
        help: "The bounds of the time until the first certificate ends, where the check has some: its days in seconds.",
        read: |outcome| threshold(outcome, Measure::CertificateDays, DAY),
    },
    Metric {
        name: "mailtrip_diagnosis_info",
        labels: DIAGNOSIS,
        help: "Always 1: a diagnosis that holds, by its code, and by what it alone makes of the check.",
        read: diagnoses,
    },
    Metric {
        name: "mailtrip_attempts",
        labels: &[],
        help: "How many attempts were made, as --retry allows: more than one, and mail works, is flaky.",
        read: attempts,
    },
    Metric {
        name: "mailtrip_consecutive_failures",
        labels: &[],
        help: "Failures in a row, this run included; not there where they are not counted (--fail-after).",
        read: |outcome| outcome.streak.map_or(Vec::new(), |streak| one(streak.failures)),
    },
    Metric {
        name: "mailtrip_duration_seconds",
        labels: &[],
        help: "How long the verification took, without the attempts before it.",
        read: duration,
    },
    Metric {
        name: "mailtrip_last_run_timestamp_seconds",
        labels: &[],
        help: "When the verification ended, in Unix time, whatever became of it.",
        read: ended,
    },
    Metric {
        name: "mailtrip_build_info",
        labels: &["version"],
        help: "Always 1, with the version of mailtrip.",
        read: build,
    },
];

/// Of `mailtrip clean`. They have names of their own, for an account may be called as a check is, and a mailbox that was not
/// cleaned up is not mail that does not work.
pub const OF_CLEAN_UPS: &[Metric] = &[
    Metric {
        name: "mailtrip_clean_success",
        labels: &[],
        help: "Whether the mailbox was cleaned up: 1 where the verdict is OK or WARNING, 0 otherwise.",
        read: |outcome| one(is_success(outcome)),
    },
    Metric {
        name: "mailtrip_clean_verdict",
        labels: &["verdict"],
        help: "The verdict: 1 for the one that it is, 0 for each of the others.",
        read: verdicts,
    },
    Metric {
        name: "mailtrip_clean_leftovers_found",
        labels: &[],
        help: "How many messages of earlier verifications were found.",
        read: |outcome| one(leftovers(outcome, |_| true)),
    },
    Metric {
        name: "mailtrip_clean_leftovers_removed",
        labels: &[],
        help: "How many of these were removed.",
        read: |outcome| one(leftovers(outcome, |removed| removed)),
    },
    Metric {
        name: "mailtrip_clean_stage_status",
        labels: &["leg", "stage", "protocol", "status"],
        help: "How each planned stage ended: 1 for the status that it has, 0 for each of the others.",
        read: |outcome| statuses(outcome, stage_of_account),
    },
    Metric {
        name: "mailtrip_clean_stage_duration_seconds",
        labels: &["leg", "stage", "protocol"],
        help: "How long the stage took; not there if it was skipped.",
        read: |outcome| durations(outcome, stage_of_account),
    },
    Metric {
        name: "mailtrip_clean_diagnosis_info",
        labels: DIAGNOSIS,
        help: "Always 1: a diagnosis that holds, by its code, and by what it alone makes of the clean-up.",
        read: diagnoses,
    },
    Metric {
        name: "mailtrip_clean_duration_seconds",
        labels: &[],
        help: "How long the clean-up took.",
        read: duration,
    },
    Metric {
        name: "mailtrip_clean_last_run_timestamp_seconds",
        labels: &[],
        help: "When the clean-up ended, in Unix time, whatever became of it.",
        read: ended,
    },
    Metric {
        name: "mailtrip_clean_build_info",
        labels: &["version"],
        help: "Always 1, with the version of mailtrip.",
        read: build,
    },
];
