//! A configuration as a map from the path of a key to its value, as it stands in TOML.

use std::collections::BTreeMap;

use mailtrip::config;

/// The account and the check of that name are broken.
pub const NAME: &str = "mine";

/// Each key with its value.
#[derive(Clone, Debug, Default)]
pub struct Document(BTreeMap<String, String>);

impl Document {
    pub fn set(&mut self, path: &str, value: impl Into<String>) {
        self.0.insert(path.to_owned(), value.into());
    }

    /// Takes the key away, and what is below it.
    pub fn remove(&mut self, path: &str) {
        let below = format!("{path}.");
        self.0.retain(|key, _| key != path && !key.starts_with(&below));
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|(path, value)| format!("{path} = {value}\n")).collect()
    }
}

/// A table of [`config::keys`] in the document.
pub fn placed(table: &str) -> String {
    table.replace(config::NAME, NAME)
}

/// What a piece of advice leads to: for each thing that it offers ("or"), the document with the settings in it that stand in
/// backticks. "Remove `key`" takes it away.
pub fn remedies(broken: &Document, advice: &str) -> Vec<Document> {
    let mut remedies = Vec::new();
    let remove = advice.starts_with("Remove ");
    for offer in offers(advice) {
        let mut remedy = broken.clone();
        let mut changed = false;
        for setting in quoted(&offer) {
            match setting.split_once(" = ") {
                Some((key, value)) => remedy.set(&path(key), value),
                None if remove => remedy.remove(&path(&setting)),
                None => continue,
            }
            changed = true;
        }
        remedies.extend(changed.then_some(remedy));
    }
    remedies
}

/// A piece of advice at each "or" between backticks.
fn offers(advice: &str) -> Vec<String> {
    let mut offers = vec![String::new()];
    for (index, part) in advice.split('`').enumerate() {
        let inside = index % 2 == 1;
        let mut pieces = if inside { vec![part] } else { part.split(" or ").collect() }.into_iter();
        let first = pieces.next().unwrap_or_default();
        let open = offers.last_mut().expect("never empty");
        if inside {
            open.push_str(&format!("`{first}`"))
        } else {
            open.push_str(first)
        }
        offers.extend(pieces.map(str::to_owned));
    }
    offers
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Where a key that a diagnosis names belongs: to the check, or to the account.
fn path(key: &str) -> String {
    let of_check = config::keys().iter().any(|(table, known)| table.starts_with("checks") && *known == key);
    let table = if of_check { "checks" } else { "accounts" };
    format!("{table}.{NAME}.{key}")
}
