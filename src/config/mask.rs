//! What of a configuration may be shown in an error.
//!
//! An error shows the line that it is about, and the line may hold a password: in the place for it, under
//! a misspelt key, or torn apart by the very quote that makes the file unreadable. So a line is shown by a
//! list of what is known to be harmless, read by rules that do not depend on the file being right, and from the
//! first thing on that is not, the rest of the line is [`HIDDEN`]. To hide too much is the intended mistake.

use super::names::nearest;
use crate::criteria::Measure;

/// Stands for the rest of a line that may hold a secret.
pub(super) const HIDDEN: &str = "***";

/// Keys whose values are never a secret.
const HARMLESS: &[&str] = &[
    "address",
    "address_family",
    "allow_cleartext_password",
    "arrival_timeout",
    "auth",
    "ca_file",
    "cleanup_timeout",
    "create_sent_folder",
    "credential",
    "dkim",
    "dmarc",
    "env",
    "expect_auth",
    "file",
    "from",
    "grant",
    "host",
    "junk",
    "junk_folder",
    "keep",
    "port",
    "provider",
    "receive",
    "reply",
    "security",
    "sent",
    "sent_folder",
    "sent_missing",
    "spf",
    "stage_timeout",
    "timeout",
    "to",
    "username",
];

/// Keys whose values are bounds, or tables of them.
const BOUNDS: &[&str] = &["critical", "warn"];

/// Keys whose values are tables, in which each key counts for itself.
const TABLES: &[&str] = &["client_secret", "imap", "oauth2", "password", "pop3", "refresh_token", "smtp", "token"];

/// Keys whose values are hidden. They are here so that a misspelt one is not taken for a harmless one.
const SECRET: &[&str] =
    &["client_id", "command", "passphrase", "password", "passwd", "scope", "secret", "tenant", "token_url", "value"];

/// How many bytes of the line that begins at `begin` may be shown.
pub(super) fn visible(text: &str, begin: usize) -> usize {
    let mut open = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let opens_or_closes = line.contains("\"\"\"") || line.contains("'''");
        if at == begin || opens_or_closes {
            let shown = if open.is_some() { 0 } else { harmless_start(line) };
            if at == begin {
                return shown;
            }
            open = left_open(&line[shown..], open);
        }
        at += line.len();
    }
    0
}

/// Which multi-line quotes are still open behind this text. Escaped quotes are not understood: then more is hidden.
fn left_open(mut text: &str, mut open: Option<&'static str>) -> Option<&'static str> {
    loop {
        let next = match open {
            Some(quotes) => text.find(quotes).map(|at| (at, None)),
            None => ["\"\"\"", "'''"].into_iter().filter_map(|q| Some((text.find(q)?, Some(q)))).min(),
        };
        let Some((at, now)) = next else { return open };
        text = &text[at + 3..];
        open = now;
    }
}

/// The length of the start of a line that is harmless: a header, or keys with harmless values.
fn harmless_start(line: &str) -> usize {
    let mut rest = Rest { line, at: 0, in_bounds: false };
    rest.skip(|c| c == ' ' || c == '\t');
    if line[rest.at..].starts_with('[') {
        rest.skip(|c| c == '[' || c == ' ');
        let start = rest.at;
        let outer = rest.skip(|c| c.is_ascii_alphanumeric() || c == '_');
        if nearest(outer, ["accounts", "checks", "defaults"].into_iter()).is_none() {
            return start;
        }
        rest.skip(|c| c.is_ascii_alphanumeric() || "]_-. ".contains(c));
        return line[..rest.at].trim_end().len();
    }
    while rest.pair() {}
    line[..rest.at].trim_end_matches(['\r', '\n']).len()
}

/// What is left to read of a line.
struct Rest<'a> {
    line: &'a str,
    at: usize,
    /// Within a table of bounds, where the keys are measures.
    in_bounds: bool,
}

impl<'a> Rest<'a> {
    fn skip(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.line[self.at..];
        let taken = &rest[..rest.find(|c| !wanted(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Reads `key = value` and what separates it from the next; says whether there may be a next.
    fn pair(&mut self) -> bool {
        let start = self.at;
        let path = self.skip(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c)).trim();
        let mut path = path.rsplit('.').map(str::trim);
        let key = path.next().unwrap_or_default();
        let in_bounds = self.in_bounds || path.next().is_some_and(|outer| BOUNDS.contains(&outer));
        if !self.line[self.at..].starts_with('=') {
            // Not a pair: a word that is a key may be shown, anything else may be a piece of a password.
            let word = self.line[start..].split([' ', '\t']).next().unwrap_or_default();
            let known = [HARMLESS, TABLES, BOUNDS].iter().any(|keys| keys.contains(&word));
            self.at = if known { start + word.len() } else { start };
            return false;
        }
        self.skip(|c| c == '=');
        self.skip(|c| c == ' ' || c == '\t');
        let meant = nearest(key, [HARMLESS, TABLES, SECRET, BOUNDS].into_iter().flatten().copied());
        let meant = meant.unwrap_or_default();
        let of_bounds = BOUNDS.contains(&meant);
        if (of_bounds || TABLES.contains(&meant)) && self.line[self.at..].starts_with('{') {
            self.in_bounds = of_bounds;
            self.skip(|c| "{} ".contains(c));
            return true;
        }
        let measured = in_bounds && meant.is_empty() && is_measured(key);
        (measured || of_bounds || HARMLESS.contains(&meant)) && self.value() && self.separator()
    }

    /// Reads a number, a word, or a short string of characters that no structure is made of.
    fn value(&mut self) -> bool {
        let start = self.at;
        let plain = |c: char| c.is_alphanumeric() || "_-.:/+@%~[]".contains(c);
        let quotes = ['"', '\''].into_iter().find(|&quotes| self.line[start..].starts_with(quotes));
        if let Some(quotes) = quotes {
            self.at += 1;
            let text = self.skip(|c| plain(c) || c == ' ');
            // `scheme://user:password@host`
            let credentials = text.contains(':') && text.contains('@') && text.contains(char::is_alphabetic);
            if credentials || !self.line[self.at..].starts_with(quotes) {
                self.at = start;
                return false;
            }
            self.at += 1;
            return true;
        }
        let word = self.skip(plain);
        if word.contains(':') && word.contains('@') {
            self.at = start;
        }
        self.at > start
    }

    fn separator(&mut self) -> bool {
        let end = self.at;
        let between = self.skip(|c| " \t,}".contains(c));
        self.in_bounds &= !between.contains('}');
        if between.contains([',', '}']) {
            return true;
        }
        self.at = end;
        false
    }
}

/// Whether this is the name of a measure, or nearly.
fn is_measured(key: &str) -> bool {
    let names: Vec<String> = Measure::all().map(|measure| measure.to_string()).collect();
    nearest(key, names.iter().map(String::as_str)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> &str {
        &line[..visible(line, 0)]
    }

    #[test]
    fn harmless_lines_are_shown_whole() {
        for line in [
            "[accounts.alice]",
            "address = \"alice@example.net\"",
            "prot = 465",
            "timeout = \"1h 30m\"",
            "smtp = { host = \"smtp.example.net\", port = 587, security = \"starttls\" }",
            "password = { env = \"ALICE_PASSWORD\" }",
            "password = {}",
            "token = { env = \"TOKEN\" }",
            "oauth2 = { provider = \"google\", refresh_token = { file = \"r\" }, grant = \"refresh_token\"",
            "sent_folder = '[Gmail]/Sent Mail'",
            "smtp.port = 25",
            "warn = \"30s\"",
            "warn = { round_trip = \"1m\", lgoin = 2, reply-submission-login = \"@0:1\", certificate_days = 14 }",
            "critical.delivery-arrival = \"1m\"",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn whatever_may_hold_a_password_is_hidden() {
        for line in [
            "password = \"hunter2\"",
            "password = hunter2",
            "password hunter2",
            "password: hunter2",
            "pasword = \"hunter2\"",
            "passwd = 'hunter2'",
            "secret = \"hunter2\"",
            "sekret = \"hunter2\"",
            "password = { value = \"hunter2\" }",
            "password = { vale = \"hunter2\" }",
            "password = { value = \"hun\"ter hunter2\" }",
            "password.value = \"hunter2\"",
            "\"password\" = \"hunter2\"",
            "hunter2",
            "\"hunter2\"",
            "# password = \"hunter2\"",
            "port = 25 # hunter2",
            "host = \"mail, password = { value = \"hunter2\" }",
            "host = \"mail, password = { value = hunter2 }, security = \"tls\"",
            "host = 'mail, password = { value = 'hunter2' }",
            "host = mail\", password = { value = \"hunter2\" }",
            "host = \"smtp://alice:hunter2@example.net\"",
            "smtp = { host = \"h\", password = \"hunter2\", port = 25 }",
            "smtp = \"hunter2\"",
            "password = { command = [\"echo\", \"hunter2\"] }",
            "password = [\"hunter2\"]",
            "[\"hunter2\"]",
            "[hunter2]",
            "password = '''hunter2'''",
            "token = \"hunter2\"",
            "tokn = \"hunter2\"",
            "oauth2 = { provider = \"google\", client_secret = \"hunter2\" }",
            "oauth2 = { client_id = \"a\", refresh_token = { value = \"hunter2\" } }",
            "refresh_token = \"hunter2\"",
            "refreshtoken = \"hunter2\"",
            "client_secret = { vale = \"hunter2\" }",
            "client_key = \"hunter2\"",
            "warn = { password = \"hunter2\" }",
            "warn = { token = \"hunter2\" }",
            "warn = { login = 2 }, login = \"hunter2\"",
            "login = \"hunter2\"",
            "=hunter2",
            "= = = \"hunter2\"",
        ] {
            assert!(!shown(line).contains("hunter2"), "{line} shows as {}", shown(line));
        }
    }

    #[test]
    fn lines_within_a_long_string_are_hidden_although_they_look_harmless() {
        let text = "password = { value = \"\"\"\nhost = \"hunter2\"\n\"\"\" }\nport = 25\n";
        assert_eq!(visible(text, text.find("host").unwrap()), 0);
        assert_eq!(visible(text, text.find("port").unwrap()), "port = 25".len());
        let unfinished = "password = '''\nhost = \"hunter2\"\nport = 25\n";
        assert_eq!(visible(unfinished, unfinished.find("host").unwrap()), 0);
        assert_eq!(visible(unfinished, unfinished.find("port").unwrap()), 0);
    }
}
