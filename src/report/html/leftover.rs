//! What earlier verifications left in the mailboxes, and what became of it.

use crate::outcome::{Fact, Outcome};
use crate::report::human;
use crate::report::terminal::clearance;

use super::markup::{Element, tag};
use super::way::moment;
use super::{row, section, table};

/// A row for each message; of a clean-up also that there was none.
pub fn section_of(outcome: &Outcome, level: usize, is_clean_up: bool) -> Option<Element> {
    let rows: Vec<Element> =
        outcome.stages.iter().flat_map(|record| &record.facts).filter_map(|fact| message(outcome, fact)).collect();
    let found = section(level, "Left by earlier verifications");
    match rows.is_empty() {
        true if is_clean_up && !clearance::is_unfinished(outcome) => {
            Some(found.with(tag("p").text("Nothing of an earlier verification was found.")))
        }
        true => None,
        false => {
            let columns = ["what became of it", "folder", "UID", "sent", "from", "arrived", "tag"];
            Some(found.with(table("leftovers", "Messages of mailtrip that were still there", columns, rows)))
        }
    }
}

fn message(outcome: &Outcome, fact: &Fact) -> Option<Element> {
    let Fact::Leftover { folder, uid, tag, from, sent, after_seconds, .. } = fact else { return None };
    let uid = uid.map(|uid| uid.to_string()).unwrap_or_default();
    let after = after_seconds
        .map(|after| if after < 1.0 { "at once".to_owned() } else { format!("after {}", human::seconds(after)) });
    Some(row(&[clearance::became(outcome, fact).0, folder, &uid, &moment(sent), from, &after.unwrap_or_default(), tag]))
}
