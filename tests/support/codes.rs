//! Whether the table of codes tells the truth about verdicts.

use mailtrip::diagnose::code::CODES;
use mailtrip::diagnose::{Diagnosis, Verdict, diagnose};
use mailtrip::outcome::Outcome;
use mailtrip::stage::Leg;

/// Every diagnosis of an outcome has a verdict that the table states, but where the README says otherwise: in the clean-up,
/// on a machine without a network, and where a failure is soft.
pub fn have_their_verdicts(outcome: &Outcome) -> bool {
    let diagnoses = diagnose(outcome);
    let soft = outcome.streak.is_some_and(|streak| streak.is_soft());
    let offline = diagnoses.iter().any(|diagnosis| diagnosis.code == "offline");
    diagnoses.iter().all(|Diagnosis { code, verdict, at, .. }| {
        let mut all = CODES.iter().flat_map(|(_, codes)| *codes);
        let stated = all.find(|(name, ..)| name == code).map_or(&[][..], |(_, _, stated)| *stated);
        let lighter = match verdict {
            Verdict::Warning => (soft || at.is_some_and(|at| at.leg == Leg::Cleanup)) && !stated.is_empty(),
            Verdict::Unknown => offline && stated.contains(&Verdict::Critical),
            Verdict::Ok | Verdict::Critical => false,
        };
        stated.contains(verdict) || lighter
    })
}
