//! The mail store: accounts, folders, messages, in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

/// One message as it lies in a folder.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// Its unique identifier in the folder, RFC 3501 §2.3.1.1.
    pub uid: u32,
    /// Its flags, such as `\Seen`; `\Recent` is a session's affair and never here.
    pub flags: BTreeSet<String>,
    /// The message, byte for byte.
    pub raw: Arc<[u8]>,
    /// When it came into the folder: IMAP's INTERNALDATE.
    pub received: Timestamp,
}

/// One folder. Names are Unicode here; modified UTF-7 is IMAP's affair.
#[derive(Debug)]
pub(super) struct Folder {
    pub name: String,
    pub special_use: Option<&'static str>,
    pub uid_validity: u32,
    pub uid_next: u32,
    /// Messages from this UID on have been shown to no session: they are \Recent for the next one.
    pub recent_from: u32,
    pub messages: Vec<StoredMessage>,
}

impl Folder {
    fn new(name: &str, special_use: Option<&'static str>, uid_validity: u32) -> Self {
        Self { name: name.to_owned(), special_use, uid_validity, uid_next: 1, recent_from: 1, messages: Vec::new() }
    }

    /// Files a message and returns its UID.
    pub fn add(&mut self, raw: Arc<[u8]>, flags: BTreeSet<String>, received: Timestamp) -> u32 {
        let uid = self.uid_next;
        self.uid_next = self.uid_next.saturating_add(1);
        self.messages.push(StoredMessage { uid, flags, raw, received });
        uid
    }

    pub fn message(&self, uid: u32) -> Option<&StoredMessage> {
        let index = self.messages.binary_search_by_key(&uid, |m| m.uid).ok()?;
        self.messages.get(index)
    }

    pub fn message_mut(&mut self, uid: u32) -> Option<&mut StoredMessage> {
        let index = self.messages.binary_search_by_key(&uid, |m| m.uid).ok()?;
        self.messages.get_mut(index)
    }
}

/// Everything one account owns.
#[derive(Debug)]
pub(super) struct Account {
    pub password: String,
    pub folders: Vec<Folder>,
    /// A POP3 session holds the maildrop, RFC 1939 §4.
    pub maildrop_locked: bool,
    pub last_pop3_login: Option<std::time::Instant>,
    /// The UID that the next message in the INBOX had when POP3 first looked.
    pub first_seen_by_pop3: Option<u32>,
    next_validity: u32,
}

impl Account {
    pub fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders.iter().find(|folder| same(&folder.name, name))
    }

    pub fn folder_mut(&mut self, name: &str) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|folder| same(&folder.name, name))
    }

    /// Makes a folder; false where there is one of that name already.
    pub fn create(&mut self, name: &str, special_use: Option<&'static str>) -> bool {
        if self.folder(name).is_some() {
            return false;
        }
        self.folders.push(Folder::new(name, special_use, self.next_validity));
        self.next_validity += 1;
        true
    }
}

/// Folder names are case-sensitive, but for INBOX (RFC 3501 §5.1).
fn same(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("inbox") && other.eq_ignore_ascii_case("inbox"))
}

/// All accounts, and a counter that every change moves.
#[derive(Debug)]
pub(super) struct Store {
    accounts: Mutex<HashMap<String, Account>>,
    changes: watch::Sender<u64>,
}

impl Store {
    pub fn new() -> Self {
        Self { accounts: Mutex::new(HashMap::new()), changes: watch::Sender::new(0) }
    }

    /// Opens an account with an empty INBOX.
    pub fn open(&self, address: &str, password: &str) {
        let mut account = Account {
            password: password.to_owned(),
            folders: Vec::new(),
            maildrop_locked: false,
            last_pop3_login: None,
            first_seen_by_pop3: None,
            next_validity: 1_000_001,
        };
        account.create("INBOX", None);
        self.lock().insert(address.to_ascii_lowercase(), account);
    }

    /// Looks at an account, or changes it without anyone being told.
    pub fn with<T>(&self, address: &str, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.lock().get_mut(&address.to_ascii_lowercase()).map(act)
    }

    /// Changes an account and wakes the sessions that wait for news.
    pub fn change<T>(&self, address: &str, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let result = self.with(address, act);
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// Resolves whenever something changed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The account that an address delivers to: itself, or what stands before a `+detail` (RFC 5233).
    pub fn resolve(&self, address: &str) -> Option<String> {
        let address = address.to_ascii_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let plain = local.split('+').next().unwrap_or(local);
        let accounts = self.lock();
        [address.clone(), format!("{plain}@{domain}")].into_iter().find(|candidate| accounts.contains_key(candidate))
    }

    /// Whether any account lives in the domain of this address.
    pub fn serves(&self, address: &str) -> bool {
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        let wanted = domain(address);
        wanted.is_some() && self.lock().keys().any(|known| domain(known) == wanted)
    }

    /// A poisoned lock means that another session panicked between two of these short closures: the data is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
