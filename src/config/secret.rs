//! Passwords and other secrets: where the configuration says they are, and fetching them from there.
//!
//! A password is used exactly as it is; only the one line break that ends a file or the output of a command is
//! taken off. No error has a password in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;
use zeroize::Zeroizing;

use super::finding::Findings;
use super::section::Section;
use crate::account::Secret;
use crate::command::{self, shown};

pub(super) mod file;

/// No password is longer than this many bytes.
const LARGEST: usize = 64 * 1024;

/// How long a command or a file may take to give a password, at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The ways to give a password.
pub(super) const KEYS: &[&str] = &["env", "file", "command", "credential", "value"];

const FORMS: &str = "give one of
KEY = { env = \"NAME\" }
KEY = { file = \"PATH\" }
KEY = { command = [\"PROGRAM\", \"ARGUMENT\"] }
KEY = { credential = \"NAME\" } (systemd)
KEY = { value = \"…\" } to write it here all the same";

/// Where a password is.
pub(super) enum SecretSource {
    /// In an environment variable.
    Variable(String),
    /// In a file.
    File(String),
    /// On the standard output of a command: the program and its arguments.
    Command(Vec<String>),
    /// In a systemd credential.
    Credential(String),
    /// In the configuration itself.
    Value(Secret),
}

/// What a password is fetched from, besides the configuration.
#[derive(Clone)]
pub(super) struct Surroundings {
    /// The environment.
    pub variable: fn(&str) -> Option<OsString>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// The longest that a command may take.
    pub patience: Duration,
}

impl Surroundings {
    /// A path of the configuration: relative to its folder, `~/` for the home folder.
    pub fn path(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), (self.variable)("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => self.folder.join(path),
        }
    }
}

/// Reads a secret of a section: `password`, or what else `key` is, called `what` in errors.
pub(super) fn read(section: &Section, key: &str, what: &str, found: &mut Findings) -> Option<Spanned<SecretSource>> {
    let value = section.value(key)?;
    let span = section.key(key).unwrap_or(value.span());
    let forms = || FORMS.replace("KEY", key);
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let title = format!("the {what} of {} is a table that says where it is", section.name);
        found.error(span, title).help(forms());
        return None;
    }
    let table = section.section(key, format!("the {what} of {}", section.name), found)?;
    table.only(KEYS, found);
    let given: Vec<&str> = KEYS.iter().copied().filter(|key| table.key(key).is_some()).collect();
    let &[form] = &given[..] else {
        if given.len() > 1 || table.keys().is_empty() {
            found.error(span, format!("the {what} of {} has to be given in one way", section.name)).help(forms());
        }
        return None;
    };
    let source = match form {
        "command" => SecretSource::Command(words(&table, found)?),
        "value" => value_in_the_open(&table, found)?,
        _ => named(form, &table, found)?,
    };
    Some(Spanned::new(span, source))
}

fn named(form: &str, table: &Section, found: &mut Findings) -> Option<SecretSource> {
    let name = table.text(form, found)?;
    let span = name.span();
    let name = name.into_inner();
    let wrong = match form {
        "env" if !is_variable_name(&name) => "takes the name of an environment variable: letters, digits and `_`",
        "credential" if name.contains(['/', '\\']) || name.starts_with('.') => {
            "takes the name of a credential, without a path"
        }
        "env" => return Some(SecretSource::Variable(name)),
        "credential" => return Some(SecretSource::Credential(name)),
        _ => return Some(SecretSource::File(name)),
    };
    // The name is not repeated: it may be the password itself, put into the wrong place.
    found.error(span, format!("`{form}` in {} {wrong}", table.name));
    None
}

fn is_variable_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn words(table: &Section, found: &mut Findings) -> Option<Vec<String>> {
    let list = table.value("command")?;
    let words = list.get_ref().as_array().and_then(|list| {
        let words = list.iter().map(|word| word.get_ref().as_str().filter(|w| !w.contains('\0')).map(str::to_owned));
        words.collect::<Option<Vec<String>>>()
    });
    if let Some(words) = words.filter(|words| words.first().is_some_and(|program| !program.is_empty())) {
        return Some(words);
    }
    let error = found.error(list.span(), format!("`command` in {} is a list of words", table.name));
    error.help(
        "the program, then its arguments: command = [\"pass\", \"show\", \"mail/alice\"]; no shell is involved, \
         unless it is the program: [\"sh\", \"-c\", \"…\"]",
    );
    None
}

fn value_in_the_open(table: &Section, found: &mut Findings) -> Option<SecretSource> {
    let value = table.value("value")?;
    let span = table.key("value").unwrap_or(value.span());
    let Some(text) = value.get_ref().as_str() else {
        found.error(span, format!("expected a string for `value` in {}", table.name));
        return None;
    };
    let notice = found.notice(span.clone(), format!("{} is in the configuration itself", table.name));
    notice.help("keep it apart: { env = … }, { file = … }, { command = … } or { credential = … }");
    match sendable(Zeroizing::new(text.to_owned())) {
        Ok(secret) => Some(SecretSource::Value(secret)),
        Err(why) => {
            found.error(span, format!("{} {why}", table.name));
            None
        }
    }
}

impl SecretSource {
    /// The password.
    ///
    /// # Errors
    /// Why it cannot be had, as the rest of a sentence that begins with "the password of …". It is not repeated.
    pub async fn fetch(&self, surroundings: &Surroundings) -> Result<Secret, String> {
        match self {
            SecretSource::Value(secret) => Ok(secret.clone()),
            SecretSource::Variable(name) => from_variable(name, surroundings),
            SecretSource::File(path) => from_file(surroundings.path(path), "file").await,
            SecretSource::Credential(name) => {
                let folder = (surroundings.variable)("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
                let unset = "is a systemd credential, but $CREDENTIALS_DIRECTORY is not set: \
                    it is in a service with LoadCredential= or SetCredential=";
                from_file(Path::new(&folder.ok_or(unset)?).join(name), "credential").await
            }
            SecretSource::Command(words) => {
                let called = format!("the command `{}`", shown(words.first().map_or("", String::as_str)));
                let whole = command::output(words, &called, LARGEST, surroundings.patience).await?;
                text(whole).and_then(sendable).map_err(|why| format!("from {called} {why}"))
            }
        }
    }
}

fn from_variable(name: &str, surroundings: &Surroundings) -> Result<Secret, String> {
    let value = (surroundings.variable)(name)
        .ok_or(format!("is to be in the environment variable {name}, which is not set"))?;
    let value = value.into_string().map(Zeroizing::new).map_err(|_| "is not UTF-8".to_owned());
    value.and_then(sendable).map_err(|why| format!("from the environment variable {name} {why}"))
}

async fn from_file(path: PathBuf, what: &str) -> Result<Secret, String> {
    let shown = shown(&path.to_string_lossy());
    let whole = file::contents(path, LARGEST, PATIENCE).await;
    let whole = whole.map_err(|why| format!("is to be in the {what} `{shown}`, which {why}"))?;
    text(whole).and_then(sendable).map_err(|why| format!("from the {what} `{shown}` {why}"))
}

/// The password that a shell command prints, for the command line: `--password-command 'pass show mail'`. It may take as
/// long as the run that the password is for, where that has a limit, and 30 seconds at most.
///
/// # Errors
/// A sentence, without the password.
pub async fn password_from_shell(command: &str, timeout: Option<Duration>) -> Result<Secret, String> {
    let called = "--password-command";
    let whole = command::output(&shell(command), called, LARGEST, PATIENCE.min(timeout.unwrap_or(PATIENCE))).await;
    let whole = whole.map_err(|why| format!("the password {why}"))?;
    text(whole).and_then(sendable).map_err(|why| format!("the password from {called} {why}"))
}

/// A shell command as a program and its arguments.
pub fn shell(command: &str) -> Vec<String> {
    let shell = if cfg!(windows) { ["cmd", "/C"] } else { ["sh", "-c"] };
    shell.into_iter().chain([command]).map(str::to_owned).collect()
}

/// A password that was typed or came from the environment, if it can be sent.
///
/// # Errors
/// A sentence, without the password.
pub fn password_from_text(password: String) -> Result<Secret, String> {
    sendable(Zeroizing::new(password)).map_err(|why| format!("the password {why}"))
}

/// The bytes of a file or of a command's output as text, without the line break at the end.
fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, String> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8")?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Refuses what no way of signing in can carry: RFC 4616 §2 allows neither an empty password nor NUL,
/// and a line break would end the command that it is sent in.
fn sendable(mut password: Zeroizing<String>) -> Result<Secret, String> {
    if password.is_empty() {
        return Err("is empty".into());
    }
    if password.contains(['\r', '\n', '\0']) {
        return Err("has a line break or a NUL character inside, and cannot be sent".into());
    }
    Ok(Secret::new(std::mem::take(&mut *password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_variable(_: &str) -> Option<OsString> {
        None
    }

    fn in_folder(folder: &Path) -> Surroundings {
        Surroundings { variable: no_variable, folder: folder.to_owned(), patience: PATIENCE }
    }

    #[tokio::test]
    async fn a_file_loses_exactly_one_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let cases: [(&[u8], &str); 7] = [
            (b"secret", "secret"),
            (b"secret\n", "secret"),
            (b"secret\r\n", "secret"),
            (b" #$\"'\\ \n", " #$\"'\\ "),
            ("pässwörd\n".as_bytes(), "pässwörd"),
            (b"\tsecret \t", "\tsecret \t"),
            (b" \n", " "),
        ];
        for (bytes, password) in cases {
            std::fs::write(folder.path().join("password"), bytes).unwrap();
            let secret = SecretSource::File("password".into()).fetch(&in_folder(folder.path())).await.unwrap();
            assert_eq!(secret.expose(), password);
        }
        for bytes in [b"".as_slice(), b"\n", b"hunter2\n\n", b"hunter2\rx", b"hunter2\0", b"hunter2\xff"] {
            std::fs::write(folder.path().join("password"), bytes).unwrap();
            let why = SecretSource::File("password".into()).fetch(&in_folder(folder.path())).await.unwrap_err();
            assert!(why.contains("password` ") && !why.contains("hunter2"), "{why}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let surroundings = in_folder(folder.path());
        let why = SecretSource::Variable("ALICE".into()).fetch(&surroundings).await.unwrap_err();
        assert_eq!(why, "is to be in the environment variable ALICE, which is not set");
        let why = SecretSource::Credential("alice".into()).fetch(&surroundings).await.unwrap_err();
        assert!(why.contains("$CREDENTIALS_DIRECTORY is not set"), "{why}");
        let why = SecretSource::File("missing".into()).fetch(&surroundings).await.unwrap_err();
        assert!(why.contains("missing`, which cannot be read: "), "{why}");
        let why = SecretSource::File(".".into()).fetch(&surroundings).await.unwrap_err();
        assert!(why.contains("cannot be read: "), "{why}");
    }

    #[tokio::test]
    async fn a_credential_is_a_file_in_the_folder_of_credentials() {
        fn variable(name: &str) -> Option<OsString> {
            (name == "CREDENTIALS_DIRECTORY").then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config").into())
        }
        let surroundings = Surroundings { variable, folder: PathBuf::new(), patience: PATIENCE };
        let secret = SecretSource::Credential("credential".into()).fetch(&surroundings).await.unwrap();
        assert_eq!(secret.expose(), "from a credential");
    }

    #[test]
    fn a_path_is_relative_to_the_configuration_or_the_home_folder() {
        fn variable(name: &str) -> Option<OsString> {
            (name == "HOME").then(|| "/home/alice".into())
        }
        let surroundings = Surroundings { variable, folder: "/etc/mailtrip".into(), patience: PATIENCE };
        assert_eq!(surroundings.path("ca.pem"), Path::new("/etc/mailtrip/ca.pem"));
        assert_eq!(surroundings.path("/ca.pem"), Path::new("/ca.pem"));
        assert_eq!(surroundings.path("~/ca.pem"), Path::new("/home/alice/ca.pem"));
    }
}
