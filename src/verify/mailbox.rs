//! A mailbox during a verification: which folders it has, what is new in them since the baseline, and taking one
//! message out. All that later stages need of IMAP is here, in terms of folders and UIDs.

mod leftovers;
mod removal;

use crate::account::Folders;
use crate::failure::{Failure, Kind, Reply};
use crate::outcome::{Concern, Fact, KnownBy, Role};
use crate::probe::RECOGNISED_BY;
use crate::verify::folder::{self, Folder, Wanted};
use crate::verify::recorder::Seen;
use crate::wire::imap::mailbox_name::{encode, quoted};
use crate::wire::imap::{Event, Imap, Tag};

pub use leftovers::Seek;
pub use removal::Removal;

/// The folders of one account that matter to a verification.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// Where mail arrives.
    pub inbox: Folder,
    /// Where spam goes.
    pub junk: Option<Folder>,
    /// Where copies of sent mail are.
    pub sent: Option<Folder>,
    /// Why there is none: the one that the configuration names is not there, or it cannot be opened.
    pub missing_sent: Option<Failure>,
}

/// A session on an account's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) imap: Imap,
    open: Option<Open>,
}

/// The folder that is open.
#[derive(Debug)]
struct Open {
    wire_name: String,
    uid_validity: Option<u32>,
    read_only: Option<String>,
}

/// What SELECT said of a mailbox.
#[derive(Debug, Default)]
struct Opened {
    messages: u32,
    uid_next: Option<u32>,
    uid_validity: Option<u32>,
    /// The flags that can be changed for good, where that was said (RFC 9051 §7.1).
    permanent: Option<String>,
    /// What was said at the end.
    reply: Reply,
}

impl Mailbox {
    /// Takes over a session that is signed in.
    pub fn new(imap: Imap) -> Mailbox {
        Mailbox { imap, open: None }
    }

    /// How many messages are best removed at a time: without UIDPLUS all at once, or they would block each other.
    pub fn batch(&self) -> usize {
        if self.imap.offers("UIDPLUS") { removal::AT_ONCE } else { usize::MAX }
    }

    /// Whether two that remove messages here at the same time would be in each other's way.
    pub(super) fn takes_turns(&self) -> bool {
        !self.imap.offers("UIDPLUS")
    }

    /// Finds the folders, notes where new messages begin in each, and leaves the inbox open.
    ///
    /// Where the server has LIST-EXTENDED, LIST-STATUS and SPECIAL-USE this is a single round trip.
    ///
    /// # Errors
    /// When the inbox cannot be opened, or the Junk folder that the configuration names, or the session is lost. Any other
    /// missing folder is no error here: what is `seen` says which folders there are.
    pub async fn baseline(&mut self, folders: &Folders, wanted: Wanted, seen: &mut Seen) -> Result<Baseline, Failure> {
        let mut found = folder::Found::configured(folders, wanted);
        let one_flight = ["LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"].iter().all(|name| self.imap.offers(name));
        let inbox = if found.incomplete() && one_flight {
            self.list_marked_and_select(&mut found).await?
        } else {
            if found.incomplete() {
                self.list_all(&mut found).await?;
            }
            self.select("INBOX").await?
        };
        self.complete(found, inbox, seen).await
    }

    /// LIST of the marked folders with their STATUS (RFC 5258, RFC 5819, RFC 6154), and SELECT INBOX, in one flight.
    async fn list_marked_and_select(&mut self, found: &mut folder::Found) -> Result<Opened, Failure> {
        let list = r#"LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))"#;
        let list = self.imap.send(list).await?;
        let select = self.send_select("INBOX").await?;
        tolerate(self.imap.finish(&list, |event| found.take(event)).await)?;
        self.selected("INBOX", select).await
    }

    /// All folders, by name only; those the server marks carry their mark.
    async fn list_all(&mut self, found: &mut folder::Found) -> Result<(), Failure> {
        let extended = self.imap.offers("LIST-EXTENDED") && self.imap.offers("SPECIAL-USE");
        let list = if extended { r#"LIST "" "*" RETURN (SPECIAL-USE)"# } else { r#"LIST "" "*""# };
        tolerate(self.imap.run(list, |event| found.take(event)).await)
    }

    /// Looks for what is missing still: folders by name, then the STATUS of those that came without.
    async fn complete(
        &mut self,
        mut found: folder::Found,
        inbox: Opened,
        seen: &mut Seen,
    ) -> Result<Baseline, Failure> {
        if found.incomplete() && !found.has_names() {
            self.list_all(&mut found).await?;
        }
        found.settle();
        let mut asked = Vec::new();
        for name in found.without_status() {
            let status = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY)", quoted(&name));
            asked.push((name, self.imap.send(&status).await?));
        }
        for (name, tag) in asked {
            match self.imap.finish(&tag, |event| found.take(event)).await {
                Err(failure) if matches!(failure.kind, Kind::Refused { .. }) => found.refused(name, failure),
                answered => drop(answered?),
            }
        }
        if found.wants_names() {
            self.list_all(&mut found).await?;
        }
        let inbox_next = self.uid_next(&inbox).await?;
        let inbox = Folder {
            role: Role::Inbox,
            wire_name: "INBOX".to_owned(),
            name: "INBOX".to_owned(),
            known_by: KnownBy::Protocol,
            messages: Some(inbox.messages),
            uid_next: inbox_next,
            uid_validity: inbox.uid_validity,
        };
        seen.fact(inbox.fact());
        seen.concerns.extend(self.read_only().map(|why| Concern::ReadOnly { folder: inbox.name.clone(), why }));
        seen.facts.extend(self.imap.alerts().into_iter().map(|reply| Fact::Alert { reply }));
        let missing_sent = found.trouble(Role::Sent);
        found.tell(seen)?;
        let (junk, sent) = found.folders();
        seen.facts.extend([&junk, &sent].into_iter().flatten().map(Folder::fact));
        Ok(Baseline { inbox, junk, sent, missing_sent })
    }

    /// UIDNEXT of the open mailbox; where SELECT did not say it, one more than the last message's UID.
    async fn uid_next(&mut self, opened: &Opened) -> Result<u32, Failure> {
        if let Some(uid_next) = opened.uid_next {
            return Ok(uid_next);
        }
        let mut last = 0;
        if opened.messages > 0 {
            self.imap.run("FETCH * (UID)", |event| last = last.max(uid_of(&event))).await?;
        }
        Ok(last.saturating_add(1))
    }

    async fn select(&mut self, wire_name: &str) -> Result<Opened, Failure> {
        let select = self.send_select(wire_name).await?;
        self.selected(wire_name, select).await
    }

    async fn send_select(&mut self, wire_name: &str) -> Result<Tag, Failure> {
        self.open = None;
        self.imap.send(&format!("SELECT {}", quoted(wire_name))).await
    }

    async fn selected(&mut self, wire_name: &str, select: Tag) -> Result<Opened, Failure> {
        let mut opened = Opened::default();
        opened.reply = self.imap.finish(&select, |event| opened.take(&event)).await?;
        let read_only = opened.read_only();
        self.open = Some(Open { wire_name: wire_name.to_owned(), uid_validity: opened.uid_validity, read_only });
        Ok(opened)
    }

    /// Why nothing can be removed from the folder that is open.
    pub(super) fn read_only(&self) -> Option<String> {
        self.open.as_ref()?.read_only.clone()
    }

    /// Whether it is the folder that is open.
    pub(super) fn is_open(&self, folder: &Folder) -> bool {
        self.open.as_ref().is_some_and(|open| open.wire_name == folder.wire_name)
    }

    /// Whether the folder that is open has given its messages other UIDs since the baseline, as GNU Mailutils does with
    /// an mbox in each session: then UIDNEXT of that time says nothing any more (RFC 9051 §2.3.1.1).
    fn renumbered(&self, folder: &Folder) -> bool {
        let now = self.open.as_ref().and_then(|open| open.uid_validity);
        matches!((now, folder.uid_validity), (Some(now), Some(then)) if now != then)
    }

    /// Opens a folder unless it is open.
    pub(super) async fn enter(&mut self, folder: &Folder) -> Result<(), Failure> {
        if !self.is_open(folder) {
            self.select(&folder.wire_name).await?;
        }
        Ok(())
    }

    /// The command that fetches the header fields of what is new in the open folder: its cost does not depend on how many
    /// messages are in there. `n:*` always names the last message too (RFC 9051 §6.4.9), hence [`new_header`].
    pub(super) fn fetch_new(folder: &Folder) -> String {
        format!("UID FETCH {}:* (UID BODY.PEEK[HEADER.FIELDS ({RECOGNISED_BY})])", folder.uid_next)
    }

    /// The UIDs of new messages in a folder whose header `is_it`: usually none or one.
    ///
    /// # Errors
    /// When the folder cannot be opened or read, or the session is lost.
    pub async fn find(&mut self, folder: &Folder, is_it: impl Fn(&[u8]) -> bool) -> Result<Vec<u32>, Failure> {
        let (uids, _) = self.find_and_look_back(folder, is_it, false).await?;
        Ok(uids)
    }

    /// The same, and, if it is to look `back`, the UIDs of other messages that bear a tag: of those that are new, and of
    /// the last that were there before, in the same flight.
    ///
    /// # Errors
    /// As [`Mailbox::find`].
    pub async fn find_and_look_back(
        &mut self,
        folder: &Folder,
        mut is_it: impl FnMut(&[u8]) -> bool,
        back: bool,
    ) -> Result<(Vec<u32>, Vec<u32>), Failure> {
        // A server need not show what has come in the meantime in a folder that is open, before it is asked to look.
        let look = if self.is_open(folder) { None } else { Some(self.send_select(&folder.wire_name).await?) };
        if look.is_none() {
            self.imap.run("NOOP", drop).await?;
        }
        let fetch = self.imap.send(&Mailbox::fetch_new(folder)).await?;
        let glance = match leftovers::look_back(folder).filter(|_| back) {
            Some(command) => Some(self.imap.send(&command).await?),
            None => None,
        };
        if let Some(select) = look {
            self.selected(&folder.wire_name, select).await?;
        }
        let (mut uids, mut tagged) = (Vec::new(), leftovers::Tagged::default());
        let all = Folder { uid_next: 1, ..folder.clone() };
        let renumbered = self.renumbered(folder);
        let mut take = |event: Event| {
            uids.extend(new_message(&event, if renumbered { &all } else { folder }, &mut is_it));
            tagged.take(&event);
        };
        if renumbered {
            self.imap.finish(&fetch, drop).await?;
            self.imap.run(&Mailbox::fetch_new(&all), &mut take).await?;
        } else {
            self.imap.finish(&fetch, &mut take).await?;
        }
        if let Some(glance) = glance {
            tolerate(self.imap.finish(&glance, &mut take).await)?;
        }
        uids.sort_unstable();
        uids.dedup();
        let others = tagged.but(&uids);
        Ok((uids, others))
    }

    /// The same, in a folder that is opened anew even if it is open.
    pub(super) async fn find_afresh(
        &mut self,
        folder: &Folder,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u32>, Failure> {
        self.open = None;
        self.find(folder, is_it).await
    }

    /// The whole message, as the server holds it.
    ///
    /// # Errors
    /// [`Kind::Malformed`] when the server sends none; or the session is lost.
    pub async fn whole(&mut self, folder: &Folder, uid: u32) -> Result<Vec<u8>, Failure> {
        self.body(folder, uid, "BODY.PEEK[]").await
    }

    /// Its beginning: enough to tell a report, and never more than a session can take.
    ///
    /// # Errors
    /// As [`Mailbox::whole`].
    pub async fn beginning(&mut self, folder: &Folder, uid: u32) -> Result<Vec<u8>, Failure> {
        self.body(folder, uid, "BODY.PEEK[]<0.65536>").await
    }

    async fn body(&mut self, folder: &Folder, uid: u32, section: &str) -> Result<Vec<u8>, Failure> {
        self.enter(folder).await?;
        let mut message = None;
        let fetch = format!("UID FETCH {uid} (UID {section})");
        self.imap
            .run(&fetch, |event| {
                if let Event::Fetched(fetched) = event
                    && fetched.uid == Some(uid)
                {
                    message = fetched.whole.or(message.take());
                }
            })
            .await?;
        message
            .ok_or_else(|| Failure::new(Kind::Malformed).detail("the server did not send the message it had announced"))
    }

    /// Files a message as a mail client does, marked as read; its UID where the server tells it (UIDPLUS).
    ///
    /// # Errors
    /// When the server refuses it, or the session is lost.
    pub async fn append(&mut self, folder: &Folder, message: &[u8]) -> Result<Option<u32>, Failure> {
        let text = String::from_utf8_lossy(message);
        let begin = format!("APPEND {} (\\Seen)", quoted(&folder.wire_name));
        let tag = if self.imap.offers("LITERAL+") {
            // RFC 7888: the message follows without waiting for leave.
            self.imap.send(&format!("{begin} {{{}+}}\r\n{text}", text.len())).await?
        } else {
            let tag = self.imap.send(&format!("{begin} {{{}}}", text.len())).await?;
            loop {
                match self.imap.next().await? {
                    Event::Continue => break,
                    Event::Done(done, reply) if done == tag => return Err(Failure::refused(reply)),
                    _ => {}
                }
            }
            self.imap.send_line(&text).await?;
            tag
        };
        let reply = self.imap.finish(&tag, drop).await?;
        // APPENDUID uidvalidity uid (RFC 4315 §3)
        let mut words = reply.response_code.as_deref().unwrap_or_default().split_whitespace();
        let known = words.next().is_some_and(|code| code.eq_ignore_ascii_case("APPENDUID"));
        Ok(words.nth(1).filter(|_| known).and_then(|uid| uid.parse().ok()))
    }

    /// Makes the Sent folder that the configuration names.
    ///
    /// # Errors
    /// When the server refuses it, or the session is lost.
    pub async fn create_sent(&mut self, name: &str) -> Result<Folder, Failure> {
        let wire_name = encode(name);
        self.imap.run(&format!("CREATE {}", quoted(&wire_name)), drop).await?;
        let (name, known_by) = (name.to_owned(), KnownBy::Configuration);
        Ok(Folder { role: Role::Sent, wire_name, name, known_by, messages: Some(0), uid_next: 1, uid_validity: None })
    }

    /// Takes leave.
    pub async fn leave(self) {
        let _ = self.imap.logout().await; // everything was said before
    }
}

impl Opened {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Exists(messages) => self.messages = *messages,
            Event::Status(reply) => {
                let code = reply.response_code.as_deref().unwrap_or_default();
                let Some((name, number)) = code.split_once(' ') else { return };
                if name.eq_ignore_ascii_case("PERMANENTFLAGS") {
                    self.permanent = Some(code.to_owned());
                }
                if name.eq_ignore_ascii_case("UIDNEXT") {
                    self.uid_next = number.trim().parse().ok();
                } else if name.eq_ignore_ascii_case("UIDVALIDITY") {
                    self.uid_validity = number.trim().parse().ok();
                }
            }
            _ => {}
        }
    }
}

impl Opened {
    /// What says that nothing can be removed: READ-ONLY, or flags without `\\Deleted` (RFC 9051 §7.1, RFC 4314 §5.1).
    fn read_only(&self) -> Option<String> {
        let code = self.reply.response_code.as_deref().unwrap_or_default();
        if code.eq_ignore_ascii_case("READ-ONLY") {
            return Some(format!("the server said: {}", self.reply));
        }
        let permanent = self.permanent.as_ref()?;
        (!permanent.to_ascii_lowercase().contains("\\deleted")).then(|| format!("the server said: [{permanent}]"))
    }
}

/// The UID of a new message whose header `is_it`, if that is what was fetched.
fn new_message(event: &Event, folder: &Folder, mut is_it: impl FnMut(&[u8]) -> bool) -> Option<u32> {
    let (uid, header) = new_header(event, folder)?;
    is_it(header).then_some(uid)
}

/// The UID and the header fields of a new message, if that is what was fetched.
pub(super) fn new_header<'a>(event: &'a Event, folder: &Folder) -> Option<(u32, &'a [u8])> {
    let Event::Fetched(fetched) = event else { return None };
    let uid = fetched.uid.filter(|&uid| uid >= folder.uid_next)?;
    Some((uid, fetched.header.as_deref()?))
}

fn uid_of(event: &Event) -> u32 {
    match event {
        Event::Fetched(fetched) => fetched.uid.unwrap_or(0),
        _ => 0,
    }
}

fn found(event: Event) -> Vec<u32> {
    match event {
        Event::Found(uids) => uids,
        _ => Vec::new(),
    }
}

/// A NO or BAD to a question that the verification can do without.
pub(super) fn tolerate<T>(result: Result<T, Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure { kind: Kind::Refused { .. }, .. }) | Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}
