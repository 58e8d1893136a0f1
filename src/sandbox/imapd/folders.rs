//! Commands about whole mailboxes: SELECT, LIST, STATUS, APPEND and the like, RFC 3501 §6.3.

use std::collections::BTreeSet;

use jiff::{Timestamp, fmt::strtime};

use super::Session;
use super::command::{Answer, Arguments, Refusal};
use super::view::View;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{Account, Folder};
use crate::sandbox::utf7;

const FLAGS: &str = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";

fn missing(code: &str) -> Refusal {
    Refusal::No(format!("[{code}] Mailbox doesn't exist"))
}

/// A string for the wire, quoted.
fn quoted(name: &str) -> String {
    let name = utf7::encode(name);
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Session {
    /// Looks at the user's account, or changes it.
    pub(super) fn account<T>(&self, act: impl FnOnce(&mut Account) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let user = self.user.as_deref().unwrap_or_default();
        let result = self.connection.system.store.with(user, act);
        result.unwrap_or_else(|| Err(Refusal::no("No such account")))
    }

    /// The same, and the other sessions hear of it.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut Account) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let user = self.user.as_deref().unwrap_or_default();
        let result = self.connection.system.store.change(user, act);
        result.unwrap_or_else(|| Err(Refusal::no("No such account")))
    }

    pub(super) fn select(&mut self, mut arguments: Arguments<'_>, read_only: bool) -> Answer {
        let name = arguments.mailbox()?;
        arguments.end()?;
        self.view = None;
        self.opens(&name)?;
        let faults = &self.connection.system.faults;
        let read_only = read_only || faults.read_only(&name);
        let alert = faults.alert().filter(|_| name.eq_ignore_ascii_case("INBOX"));
        let (view, lines) = self.account(|account| {
            let folder = account.folder_mut(&name).ok_or(missing("NONEXISTENT"))?;
            let view = View::select(folder, read_only);
            let lines = selection(folder, &view);
            Ok((view, lines))
        })?;
        self.view = Some(view);
        for line in lines {
            self.say(line);
        }
        if let Some(text) = alert {
            self.say(format!("* OK [ALERT] {text}"));
        }
        let access = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(format!("[{access}] Selected."))
    }

    pub(super) fn create(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let name = arguments.mailbox()?;
        arguments.end()?;
        match self.change(|account| Ok(account.create(name.trim_end_matches('/'), None)))? {
            true => Ok("Create completed.".to_owned()),
            false => Err(Refusal::no("[ALREADYEXISTS] Mailbox already exists")),
        }
    }

    pub(super) fn delete(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let name = arguments.mailbox()?;
        arguments.end()?;
        if name.eq_ignore_ascii_case("INBOX") {
            return Err(Refusal::no("[CANNOT] INBOX cannot be deleted"));
        }
        self.change(|account| {
            let before = account.folders.len();
            account.folders.retain(|folder| folder.name != name);
            match account.folders.len() < before {
                true => Ok("Delete completed.".to_owned()),
                false => Err(missing("NONEXISTENT")),
            }
        })
    }

    /// Every mailbox is subscribed to, always.
    pub(super) fn subscribe(&mut self, mut arguments: Arguments<'_>) -> Answer {
        arguments.mailbox()?;
        arguments.end()?;
        Ok("Completed.".to_owned())
    }

    pub(super) fn list(&mut self, mut arguments: Arguments<'_>, verb: &str) -> Answer {
        let special_use = self.connection.system.settings.special_use && verb == "LIST";
        let only_special = special_use && arguments.peek() == Some(b'(') && {
            let only = arguments.words()?;
            arguments.space()?;
            only.contains(&"SPECIAL-USE".to_owned())
        };
        let reference = arguments.mailbox()?;
        arguments.space()?;
        let pattern = arguments.pattern()?;
        if special_use && arguments.eat(b' ') {
            return_options(&mut arguments)?;
        }
        arguments.end()?;
        if pattern.is_empty() {
            self.say(format!("* {verb} (\\Noselect) \"/\" \"\""));
            return Ok(format!("{verb} completed."));
        }
        let pattern = utf7::decode(&pattern).ok_or(Refusal::bad("Bad pattern"))?;
        let pattern: Vec<char> = format!("{reference}{pattern}").chars().collect();
        let faults = &self.connection.system.faults;
        let lines = self.account(|account| {
            Ok(account
                .folders
                .iter()
                .filter(|folder| matches(&pattern, &folder.name))
                .filter(|folder| !only_special || folder.special_use.is_some())
                .map(|folder| listed(folder, verb, special_use, faults.closed(&folder.name)))
                .collect::<Vec<_>>())
        })?;
        lines.into_iter().for_each(|line| self.say(line));
        Ok(format!("{verb} completed."))
    }

    /// Whether a folder can be opened at all.
    fn opens(&self, name: &str) -> Result<(), Refusal> {
        match self.connection.system.faults.closed(name) {
            true => Err(Refusal::no("[CANNOT] Mailbox cannot be opened")),
            false => Ok(()),
        }
    }

    /// GETQUOTAROOT (RFC 9208 §4.1.3): one quota of 10 MiB, used up.
    pub(super) fn quota_root(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let name = arguments.mailbox()?;
        arguments.end()?;
        self.say(format!("* QUOTAROOT {} \"user\"", quoted(&name)));
        self.say("* QUOTA \"user\" (STORAGE 10240 10240)");
        Ok("Getquotaroot completed.".to_owned())
    }

    pub(super) fn status(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let name = arguments.mailbox()?;
        arguments.space()?;
        let items = arguments.words()?;
        arguments.end()?;
        self.opens(&name)?;
        let counts = self.account(|account| {
            let folder = account.folder(&name).ok_or(missing("NONEXISTENT"))?;
            let counted: Result<Vec<String>, Refusal> = items.iter().map(|item| status_item(folder, item)).collect();
            counted
        })?;
        self.say(format!("* STATUS {} ({})", quoted(&name), counts.join(" ")));
        Ok("Status completed.".to_owned())
    }

    pub(super) fn append(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let name = arguments.mailbox()?;
        arguments.space()?;
        let mut flags = Vec::new();
        if arguments.peek() == Some(b'(') {
            flags = arguments.flags()?;
            arguments.space()?;
        }
        let mut received = Timestamp::now();
        if arguments.peek() == Some(b'"') {
            received = date_time(&arguments.quoted()?)?;
            arguments.space()?;
        }
        let raw = arguments.literal()?;
        arguments.end()?;
        let faults = &self.connection.system.faults;
        if faults.on(Fault::MailboxFull {}) || faults.on(Fault::QuotaUsedUp {}) {
            return Err(Refusal::no("[OVERQUOTA] Quota exceeded"));
        }
        if faults.read_only(&name) {
            return Err(Refusal::no("[NOPERM] Permission denied"));
        }
        let flags: BTreeSet<String> = flags.into_iter().collect();
        let (validity, uid) = self.change(|account| {
            let folder = account.folder_mut(&name).ok_or(missing("TRYCREATE"))?;
            Ok((folder.uid_validity, folder.add(raw.into(), flags, received)))
        })?;
        Ok(match self.connection.system.settings.uidplus {
            true => format!("[APPENDUID {validity} {uid}] Append completed."),
            false => "Append completed.".to_owned(),
        })
    }
}

/// The untagged responses to SELECT, RFC 3501 §6.3.1.
fn selection(folder: &Folder, view: &View) -> Vec<String> {
    let permanent = match view.read_only {
        true => String::new(),
        false => format!("{FLAGS} \\*"),
    };
    let mut lines = vec![
        format!("* FLAGS ({FLAGS})"),
        format!("* OK [PERMANENTFLAGS ({permanent})] Flags permitted."),
        format!("* {} EXISTS", view.entries.len()),
        format!("* {} RECENT", view.recent()),
        format!("* OK [UIDVALIDITY {}] UIDs valid", folder.uid_validity),
        format!("* OK [UIDNEXT {}] Predicted next UID", folder.uid_next),
    ];
    let unseen = view.entries.iter().position(|entry| !entry.flags.contains("\\Seen"));
    lines.extend(unseen.map(|index| format!("* OK [UNSEEN {}] First unseen.", index + 1)));
    lines
}

/// One response to LIST or LSUB.
fn listed(folder: &Folder, verb: &str, special_use: bool, closed: bool) -> String {
    let attribute = folder.special_use.filter(|_| special_use);
    let attributes = [Some("\\HasNoChildren"), attribute, closed.then_some("\\Noselect")];
    let attributes: Vec<&str> = attributes.into_iter().flatten().collect();
    let name = quoted(&folder.name);
    format!("* {verb} ({}) \"/\" {name}", attributes.join(" "))
}

fn status_item(folder: &Folder, item: &str) -> Result<String, Refusal> {
    let unseen = || folder.messages.iter().filter(|m| !m.flags.contains("\\Seen"));
    let recent = || folder.messages.iter().filter(|m| m.uid >= folder.recent_from);
    Ok(match item {
        "MESSAGES" => format!("MESSAGES {}", folder.messages.len()),
        "RECENT" => format!("RECENT {}", recent().count()),
        "UIDNEXT" => format!("UIDNEXT {}", folder.uid_next),
        "UIDVALIDITY" => format!("UIDVALIDITY {}", folder.uid_validity),
        "UNSEEN" => format!("UNSEEN {}", unseen().count()),
        _ => return Err(Refusal::bad("Unknown status item")),
    })
}

/// `RETURN (SPECIAL-USE SUBSCRIBED CHILDREN)`: attributes are returned in any case.
fn return_options(arguments: &mut Arguments<'_>) -> Result<(), Refusal> {
    if arguments.word()? != "RETURN" {
        return Err(Refusal::bad("RETURN expected"));
    }
    arguments.space()?;
    let known = ["SPECIAL-USE", "SUBSCRIBED", "CHILDREN"];
    match arguments.words()?.iter().all(|word| known.contains(&word.as_str())) {
        true => Ok(()),
        false => Err(Refusal::bad("Unknown return option")),
    }
}

/// `" 1-Jan-2026 12:00:00 +0000"`.
fn date_time(text: &[u8]) -> Result<Timestamp, Refusal> {
    let text = String::from_utf8_lossy(text);
    strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim())
        .and_then(|parsed| parsed.to_timestamp())
        .map_err(|_| Refusal::bad("Bad date-time"))
}

/// LIST's wildcards: `*` is anything, `%` anything without the delimiter (RFC 3501 §6.3.8). Its time is
/// bounded by the product of the two lengths.
fn matches(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = match name.eq_ignore_ascii_case("INBOX") {
        true => "INBOX".chars().collect(),
        false => name.chars().collect(),
    };
    let whole: String = pattern.iter().collect();
    if whole.eq_ignore_ascii_case("INBOX") {
        return name.iter().collect::<String>() == "INBOX";
    }
    // reachable[i]: the pattern so far can end at position i of the name.
    let mut reachable = vec![false; name.len() + 1];
    reachable[0] = true;
    for &wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        for position in 0..=name.len() {
            let before = position.checked_sub(1).map(|index| (name[index], index));
            next[position] = match (wanted, before) {
                ('*', Some((_, index))) => reachable[position] || next[index],
                ('%', Some((letter, index))) => reachable[position] || (next[index] && letter != '/'),
                ('*' | '%', None) => reachable[position],
                (_, Some((letter, index))) => reachable[index] && letter == wanted,
                (_, None) => false,
            };
        }
        reachable = next;
    }
    reachable[name.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        let matching = |pattern: &str, name| matches(&pattern.chars().collect::<Vec<_>>(), name);
        assert!(matching("*", "a/b"));
        assert!(!matching("%", "a/b"));
        assert!(matching("%/b", "a/b"));
        assert!(matching("S*t", "Sent"));
        assert!(!matching("S*t", "Sentinel"));
        assert!(matching("inbox", "INBOX"));
        assert!(!matching("sent", "Sent"));
    }
}
