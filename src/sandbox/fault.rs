//! What the sandbox does wrong on purpose, as data.
//!
//! A fault is one variant of [`Fault`]. The servers ask for it by `Faults::on` or by a question of its own in
//! `fault/question.rs`.

mod question;

use jiff::SignedDuration;
use serde::Deserialize;

pub(super) use question::{Breakage, Fate, Faults, LoginFault};

/// The protocol that a fault is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Message submission, RFC 6409.
    Smtp,
    /// RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
}

/// A point of a session at which [`Fault::Drop`] and its like act: the moment before the sandbox answers that
/// command, or after it has carried it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The TCP connection is made, the greeting is not yet sent (on an implicit-TLS port: the handshake is over).
    Greeting,
    /// The client is about to begin the TLS handshake.
    Tls,
    /// SMTP EHLO or HELO.
    #[serde(alias = "helo")]
    Ehlo,
    /// SMTP and IMAP STARTTLS, POP3 STLS.
    #[serde(alias = "stls")]
    Starttls,
    /// SMTP AUTH; IMAP LOGIN and AUTHENTICATE; POP3 PASS and AUTH.
    #[serde(alias = "auth", alias = "authenticate", alias = "pass")]
    Login,
    /// SMTP MAIL.
    Mail,
    /// SMTP RCPT.
    Rcpt,
    /// SMTP DATA, before the 354.
    Data,
    /// The final dot has been received. With `after`, the message is accepted and delivered all the same: the
    /// uncertain result of RFC 1047.
    Message,
    /// SMTP and POP3 RSET.
    Rset,
    /// NOOP.
    Noop,
    /// SMTP and POP3 QUIT, IMAP LOGOUT. With `after`, POP3 has removed the messages.
    #[serde(alias = "logout")]
    Quit,
    /// IMAP CAPABILITY, POP3 CAPA.
    #[serde(alias = "capa")]
    Capability,
    /// POP3 USER.
    User,
    /// IMAP SELECT and EXAMINE.
    #[serde(alias = "examine")]
    Select,
    /// IMAP and POP3 LIST, IMAP LSUB.
    List,
    /// IMAP STATUS.
    Status,
    /// IMAP CREATE.
    Create,
    /// IMAP FETCH and UID FETCH.
    Fetch,
    /// IMAP STORE and UID STORE.
    Store,
    /// IMAP SEARCH and UID SEARCH.
    Search,
    /// IMAP COPY and UID COPY.
    Copy,
    /// IMAP EXPUNGE and UID EXPUNGE.
    Expunge,
    /// IMAP CLOSE.
    Close,
    /// IMAP IDLE.
    Idle,
    /// IMAP APPEND, its literal received.
    Append,
    /// POP3 STAT.
    Stat,
    /// POP3 UIDL.
    Uidl,
    /// POP3 RETR.
    Retr,
    /// POP3 TOP.
    Top,
    /// POP3 DELE.
    Dele,
    /// POP3 QUIT of a session that has marked messages (the UPDATE state, RFC 1939 §6). With `after`, they are removed.
    Update,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Issued by the sandbox's CA, valid until yesterday.
    Expired,
    /// Issued by the sandbox's CA for `mail.other.test` only.
    WrongName,
    /// Issued by a CA that nobody trusts; that CA's certificate is not sent.
    Untrusted,
    /// Signed with its own key.
    SelfSigned,
}

fn sender_refused() -> Reply {
    Reply::new(550, "5.7.1 Sender address rejected: not allowed")
}

fn recipient_refused() -> Reply {
    Reply::new(550, "5.1.1 Recipient address rejected: User unknown")
}

fn data_refused() -> Reply {
    Reply::new(451, "4.3.0 Temporary failure, please try again later")
}

fn bounced() -> Reply {
    Reply::new(550, "5.1.1 User unknown in virtual mailbox table")
}

fn message_refused() -> Reply {
    Reply::new(554, "5.7.1 Message rejected as spam")
}

fn greeting_refused() -> Reply {
    Reply::new(554, "5.3.2 Too many connections, service refused")
}

/// An SMTP reply in configuration: `{ code = 450, text = "4.2.0 Greylisted" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The three digits, RFC 5321 §4.2.
    pub code: u16,
    /// The enhanced status code, if any, and the words.
    pub text: String,
}

impl Reply {
    fn new(code: u16, text: &str) -> Self {
        Self { code, text: text.to_owned() }
    }

    /// The reply as a line without its CRLF; line ends in the text are blanked out.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.code, self.text.replace(['\r', '\n'], " "))
    }
}

/// Where and how often a session breaks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The protocol.
    pub service: Protocol,
    /// The point of the session.
    pub at: Point,
    /// After the command is carried out, in place of its reply; otherwise before, and the command has no effect.
    #[serde(default)]
    pub after: bool,
    /// So many times the point is passed unharmed first, counted over all sessions.
    #[serde(default)]
    pub skip: u32,
    /// How many times it then happens; default: every time.
    #[serde(default)]
    pub times: Option<u32>,
    /// What `garbage` says, one line; default: bytes that are a reply in none of the protocols.
    #[serde(default)]
    pub text: Option<String>,
}

/// What is changed in a message on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alteration {
    /// Text is added below.
    #[default]
    Footer,
    /// Text is added above.
    Banner,
    /// The lines are wrapped at other places.
    Wrapped,
    /// Another text is put in the place of the whole.
    Replaced,
    /// It is sent on in quoted-printable (RFC 2045 §6.7), which changes nothing for a reader.
    QuotedPrintable,
    /// `[EXTERNAL]` is put in front of the subject.
    Subject,
}

/// One thing the sandbox does wrong. In TOML, `{ fault = "login-refused", service = "imap" }`; where `service` is
/// optional, leaving it out means all three protocols; `to` limits a fault to one recipient, and so
/// to the probe or to the reply, `user` to one account.
// Variants without fields have braces: serde lets unknown keys pass beside a unit variant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Every login is refused as with a wrong password: SMTP 535 5.7.8, IMAP NO `[AUTHENTICATIONFAILED]`, POP3
    /// -ERR `[AUTH]`.
    LoginRefused {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
        /// Only this account.
        #[serde(default)]
        user: Option<String>,
    },
    /// Every login fails for now: SMTP 454 4.7.0, IMAP NO `[UNAVAILABLE]`, POP3 -ERR `[SYS/TEMP]`.
    LoginUnavailable {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
        /// Only this account.
        #[serde(default)]
        user: Option<String>,
    },
    /// SMTP takes mail for other domains from anybody, without a sign-in; it goes nowhere.
    OpenRelay {},
    /// SMTP MAIL is refused.
    SenderRefused {
        /// Default `550 5.7.1 …`.
        #[serde(default = "sender_refused")]
        reply: Reply,
    },
    /// SMTP RCPT is refused.
    RecipientRefused {
        /// Default `550 5.1.1 …`.
        #[serde(default = "recipient_refused")]
        reply: Reply,
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// SMTP DATA is refused instead of answered by 354.
    DataRefused {
        /// Default `451 4.3.0 …`.
        #[serde(default = "data_refused")]
        reply: Reply,
    },
    /// The message is refused after the final dot.
    MessageRefused {
        /// Default `554 5.7.1 …`.
        #[serde(default = "message_refused")]
        reply: Reply,
    },
    /// The recipient's mailbox is full: SMTP 552 5.2.2 after the final dot, IMAP APPEND NO `[OVERQUOTA]`.
    MailboxFull {},
    /// Delivery takes so much longer than `delivery_delay`.
    MessageDelayed {
        /// By how much.
        by: SignedDuration,
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// Delivered to the junk folder; to the inbox where there is none.
    MessageJunked {
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// Accepted and never delivered.
    MessageLost {
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// Accepted and not delivered; a report to the sender says so (RFC 3464), which takes as long as the message would.
    MessageBounced {
        /// What the next server on the way is said to have answered; default `550 5.1.1 …`.
        #[serde(default = "bounced")]
        reply: Reply,
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// Delivered twice.
    MessageDuplicated {
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// The message is changed on the way.
    MessageAltered {
        /// In what way; default: a footer is added to its text.
        #[serde(default)]
        how: Alteration,
        /// Only this recipient.
        #[serde(default)]
        to: Option<String>,
    },
    /// Every mailbox is over its quota: mail is accepted and waits in the queue for ever, IMAP tells the quota (RFC 9208) and
    /// answers APPEND with NO `[OVERQUOTA]`.
    QuotaUsedUp {},
    /// IMAP lists a folder as `\Noselect`, and opens it for nobody.
    FolderClosed {
        /// Its name.
        folder: String,
    },
    /// IMAP opens a folder for reading only: nothing can be put into it or removed from it.
    FolderReadOnly {
        /// Its name.
        folder: String,
    },
    /// IMAP says `[ALERT]` when the INBOX is opened.
    Alert {
        /// The words.
        text: String,
    },
    /// IDLE is offered and accepted and announces nothing.
    IdleSilent {},
    /// IDLE is neither offered nor understood.
    IdleAbsent {},
    /// IDLE is offered and answered by a tagged NO.
    IdleRefused {},
    /// New mail is announced only in reply to NOOP and CHECK (and SELECT, STATUS), never by IDLE and never
    /// beside another command.
    ExistsUnannounced {},
    /// The mailbox is not looked at while another command is already waiting, as Dovecot does: NOOP and SEARCH in
    /// one write miss a message that is there.
    PipelineBlind {},
    /// The certificate is bad.
    Certificate {
        /// In what way.
        flaw: Flaw,
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
    },
    /// STARTTLS is neither offered nor understood.
    StarttlsAbsent {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
    },
    /// STARTTLS is offered and refused: SMTP 454 4.7.0, IMAP NO, POP3 -ERR.
    StarttlsRefused {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
    },
    /// Plaintext follows the server's consent to STARTTLS in the same write, as a man in the middle would add it
    /// (CVE-2011-0411, seen from the client).
    StarttlsInjected {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
    },
    /// The implicit-TLS port speaks plaintext.
    PlaintextOnTls {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
    },
    /// The greeting is a refusal, and the connection closes: SMTP the reply, IMAP BYE, POP3 -ERR.
    GreetingRefused {
        /// Only this protocol.
        #[serde(default)]
        service: Option<Protocol>,
        /// SMTP's reply; default `554 5.3.2 …`.
        #[serde(default = "greeting_refused")]
        reply: Reply,
    },
    /// The connection closes without a word.
    Drop(Place),
    /// The connection stays open and silent.
    Stall(Place),
    /// Bytes that are no reply at all, in place of the reply; the session goes on.
    Garbage(Place),
    /// The first half of the reply, then the connection closes. The command is always carried out.
    Cut(Place),
    /// Every maildrop is in use by somebody else: a POP3 sign-in that is right is refused all the same.
    MaildropLocked {
        /// So many sign-ins are let in first.
        #[serde(default)]
        skip: u32,
        /// How many are then refused; default: all.
        #[serde(default)]
        times: Option<u32>,
        /// What is said behind the -ERR; default `[IN-USE] …`. Old servers have no response code (RFC 2449 §8) to say.
        #[serde(default)]
        text: Option<String>,
    },
    /// POP3 numbers the messages from the newest to the oldest.
    MaildropReversed {},
    /// POP3 shows only the messages that were there when an account signed in by it for the first time.
    MaildropStale {},
    /// POP3 refuses a login that follows the last one of the same user too soon: -ERR `[LOGIN-DELAY]`.
    LoginDelay {
        /// The minimum time between two logins, announced by CAPA in whole seconds (RFC 2449 §6.5).
        every: SignedDuration,
    },
    /// POP3 TOP is neither offered nor understood.
    TopAbsent {},
    /// POP3 UIDL is neither offered nor understood.
    UidlAbsent {},
    /// POP3 CAPA is not understood.
    CapaAbsent {},
}
