//! A folder, and which one is Junk and which is Sent: as configured, else as the server marks it (SPECIAL-USE, RFC 6154), else
//! by a well-known name.

use crate::account::Folders;
use crate::failure::{Failure, Kind};
use crate::outcome::{Fact, KnownBy, Role};
use crate::wire::imap::mailbox_name::{decode, encode};
use crate::wire::imap::{Event, Listed, StatusOf};

/// A folder, and where in it new messages begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What it is to the verification.
    pub role: Role,
    /// Its name as it is on the wire.
    pub wire_name: String,
    /// Its name, readable.
    pub name: String,
    /// How its role is known.
    pub known_by: KnownBy,
    /// How many messages it held before anything was sent.
    pub messages: Option<u32>,
    /// Messages with this UID and higher came after the baseline (RFC 9051 §2.3.1.1).
    pub uid_next: u32,
    /// The UIDs mean something only as long as this stays the same.
    pub uid_validity: Option<u32>,
}

impl Folder {
    /// As a fact for the report.
    pub fn fact(&self) -> Fact {
        Fact::Folder {
            role: self.role,
            name: self.name.clone(),
            known_by: self.known_by,
            messages: self.messages,
            uid_next: Some(self.uid_next),
        }
    }
}

/// Which of the folders are wanted beside the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The Junk folder.
    pub junk: bool,
    /// The Sent folder.
    pub sent: bool,
}

/// Names of the Sent folder in common clients, servers and languages, in lower case, without what stands above them.
const SENT: &[&str] = &[
    "sent",
    "sent items",
    "sent messages",
    "sent mail",
    "sent-mail",
    "outbox",
    "gesendet",
    "gesendete elemente",
    "gesendete objekte",
    "gesendete nachrichten",
    "envoyés",
    "éléments envoyés",
    "messages envoyés",
    "enviados",
    "elementos enviados",
    "mensajes enviados",
    "itens enviados",
    "mensagens enviadas",
    "inviata",
    "posta inviata",
    "elementi inviati",
    "messaggi inviati",
    "verzonden",
    "verzonden items",
    "verzonden berichten",
    "skickat",
    "skickade objekt",
    "sendt",
    "sendte elementer",
    "lähetetyt",
    "odeslané",
    "odeslaná pošta",
    "odoslané",
    "wysłane",
    "elementy wysłane",
    "отправленные",
    "надіслані",
    "elküldött",
    "elküldött elemek",
    "trimise",
    "gönderilmiş öğeler",
    "gönderilmiş",
    "απεσταλμένα",
    "送信済み",
    "送信済みメール",
    "送信済みアイテム",
    "已发送",
    "已发送邮件",
    "寄件備份",
    "보낸편지함",
    "보낸 편지함",
];

/// Names of the Junk folder, likewise.
const JUNK: &[&str] = &[
    "junk",
    "spam",
    "junk e-mail",
    "junk email",
    "junk mail",
    "bulk mail",
    "bulk",
    "unerwünscht",
    "spamverdacht",
    "junk-e-mail",
    "courrier indésirable",
    "indésirables",
    "pourriel",
    "correo no deseado",
    "lixo eletrônico",
    "lixo eletrónico",
    "posta indesiderata",
    "ongewenste e-mail",
    "ongewenst",
    "skräppost",
    "søppelpost",
    "uønsket e-mail",
    "roskaposti",
    "nevyžádaná pošta",
    "spam-verdacht",
    "wiadomości-śmieci",
    "спам",
    "нежелательная почта",
    "迷惑メール",
    "垃圾邮件",
    "垃圾郵件",
    "스팸편지함",
    "정크 메일",
];

/// So many answers to LIST and STATUS are kept: nobody has more folders.
const MOST_FOLDERS: usize = 10_000;

/// What is known of the folders so far, while the server's answers come in.
#[derive(Debug)]
pub(super) struct Found {
    wanted: Wanted,
    sent: Option<Known>,
    junk: Option<Known>,
    listed: Vec<Listed>,
    statuses: Vec<StatusOf>,
    refused: Vec<(String, Failure)>,
}

#[derive(Debug, Clone)]
struct Known {
    wire_name: String,
    by: KnownBy,
}

impl Found {
    /// What the configuration says.
    pub(super) fn configured(folders: &Folders, wanted: Wanted) -> Found {
        let known = |name: &Option<String>| {
            name.as_ref().map(|name| Known { wire_name: encode(name), by: KnownBy::Configuration })
        };
        let sent = known(&folders.sent).filter(|_| wanted.sent);
        let junk = known(&folders.junk).filter(|_| wanted.junk);
        Found { wanted, sent, junk, listed: Vec::new(), statuses: Vec::new(), refused: Vec::new() }
    }

    /// Whether a wanted folder is not known yet.
    pub(super) fn incomplete(&self) -> bool {
        (self.wanted.sent && self.sent.is_none()) || (self.wanted.junk && self.junk.is_none())
    }

    /// Whether all folders were listed, not only the marked ones.
    pub(super) fn has_names(&self) -> bool {
        self.listed.iter().any(|listed| listed.name.eq_ignore_ascii_case("INBOX"))
    }

    /// Takes in an answer to LIST or STATUS.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Listed(listed) if !listed.no_select && self.listed.len() < MOST_FOLDERS => {
                let mark = |known: &mut Option<Known>| {
                    known.get_or_insert(Known { wire_name: listed.name.clone(), by: KnownBy::SpecialUse });
                };
                if listed.sent && self.wanted.sent {
                    mark(&mut self.sent);
                }
                if listed.junk && self.wanted.junk {
                    mark(&mut self.junk);
                }
                self.listed.push(listed);
            }
            Event::StatusOf(status) if self.statuses.len() < MOST_FOLDERS => self.statuses.push(status),
            _ => {}
        }
    }

    /// Falls back on well-known names.
    pub(super) fn settle(&mut self) {
        let by_name = |names: &[&str], listed: &[Listed]| {
            let place = |listed: &Listed| names.iter().position(|name| *name == last_level(listed));
            let best = listed.iter().filter_map(|listed| place(listed).map(|place| (place, listed)));
            best.min_by_key(|(place, _)| *place)
                .map(|(_, listed)| Known { wire_name: listed.name.clone(), by: KnownBy::Name })
        };
        if self.wanted.sent && self.sent.is_none() {
            self.sent = by_name(SENT, &self.listed);
        }
        if self.wanted.junk && self.junk.is_none() {
            self.junk = by_name(JUNK, &self.listed);
        }
    }

    /// The folders whose STATUS is not known yet.
    pub(super) fn without_status(&self) -> Vec<String> {
        let known = [&self.sent, &self.junk].into_iter().flatten();
        known.map(|known| known.wire_name.clone()).filter(|name| self.status(name).is_none()).collect()
    }

    /// The server has no STATUS of a folder, and says why.
    pub(super) fn refused(&mut self, wire_name: String, failure: Failure) {
        self.refused.push((wire_name, failure));
    }

    /// That the Junk folder of the configuration is not there: where to look for the probe is not known then.
    pub(super) fn missing_junk(&self) -> Option<Failure> {
        self.missing(self.junk.as_ref())
    }

    /// That the Sent folder of the configuration is not there.
    pub(super) fn missing_sent(&self) -> Option<Failure> {
        self.missing(self.sent.as_ref())
    }

    fn missing(&self, known: Option<&Known>) -> Option<Failure> {
        let known = known.filter(|known| known.by == KnownBy::Configuration)?;
        let (name, failure) = self.refused.iter().find(|(name, _)| *name == known.wire_name)?;
        let failure = Failure { kind: Kind::NoFolder, ..failure.clone() };
        Some(failure.detail(format!("the configuration names the folder {}", decode(name))))
    }

    /// Junk and Sent, as far as they are there: a folder without a STATUS cannot be opened.
    pub(super) fn folders(self) -> (Option<Folder>, Option<Folder>) {
        let folder = |known: &Option<Known>, role| {
            let known = known.as_ref()?;
            let status = self.status(&known.wire_name)?;
            Some(Folder {
                role,
                wire_name: known.wire_name.clone(),
                name: decode(&known.wire_name),
                known_by: known.by,
                messages: status.messages,
                // Without UIDNEXT everything counts as new: more to read, nothing to miss.
                uid_next: status.uid_next.unwrap_or(1),
                uid_validity: status.uid_validity,
            })
        };
        (folder(&self.junk, Role::Junk), folder(&self.sent, Role::Sent))
    }

    fn status(&self, wire_name: &str) -> Option<&StatusOf> {
        self.statuses.iter().find(|status| status.name == wire_name)
    }
}

fn last_level(listed: &Listed) -> String {
    let name = decode(&listed.name).to_lowercase();
    match listed.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()) {
        Some(delimiter) => name.rsplit(delimiter).next().unwrap_or_default().to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Wanted = Wanted { junk: true, sent: true };

    fn listed(name: &str) -> Listed {
        Listed { name: name.to_owned(), delimiter: Some("/".to_owned()), sent: false, junk: false, no_select: false }
    }

    fn found(folders: &Folders, lists: Vec<Listed>) -> (Option<Folder>, Option<Folder>) {
        let mut found = Found::configured(folders, BOTH);
        lists.into_iter().for_each(|listed| found.take(Event::Listed(listed)));
        found.settle();
        for name in found.without_status() {
            found.take(Event::StatusOf(StatusOf { name, messages: Some(3), uid_next: Some(9), uid_validity: None }));
        }
        found.folders()
    }

    #[test]
    fn a_marked_folder_comes_before_a_well_known_name_and_a_configured_one_before_both() {
        let marked = Listed { sent: true, ..listed("Archive/Out") };
        let (_, sent) = found(&Folders::default(), vec![listed("Sent"), marked.clone()]);
        assert_eq!(sent.map(|sent| (sent.name, sent.known_by)), Some(("Archive/Out".into(), KnownBy::SpecialUse)));
        let configured = Folders { sent: Some("Gesendetes".into()), ..Folders::default() };
        let (_, sent) = found(&configured, vec![listed("Sent"), marked]);
        assert_eq!(sent.map(|sent| (sent.name, sent.known_by)), Some(("Gesendetes".into(), KnownBy::Configuration)));
    }

    #[test]
    fn names_are_known_at_any_level_in_any_case_and_in_modified_utf_7() {
        let (junk, sent) =
            found(&Folders::default(), vec![listed("INBOX/SPAM"), listed("&AMk-l&AOk-ments envoy&AOk-s")]);
        assert_eq!(junk.map(|junk| (junk.name, junk.known_by)), Some(("INBOX/SPAM".into(), KnownBy::Name)));
        assert_eq!(sent.map(|sent| sent.name), Some("Éléments envoyés".into()));
    }

    #[test]
    fn a_folder_that_cannot_be_opened_is_not_taken() {
        let (_, sent) = found(&Folders::default(), vec![Listed { no_select: true, ..listed("Sent") }]);
        assert_eq!(sent, None);
    }
}
