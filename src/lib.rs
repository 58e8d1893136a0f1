//! mailtrip proves that a mailbox can send and receive.
//!
//! It submits a message of its own over authenticated SMTP, follows it to the inbox over IMAP or POP3, looks for the
//! copy in the Sent folder, lets the other account reply, removes what it left behind, and tells of every stage how it
//! went and, where it failed, why. The command is in `main.rs`; this is the library under it, and this page is its map.
//!
//! # One verification
//!
//! ```text
//! config ─┐                                        ┌─ events (a terminal, live)
//! flags  ─┼─▶ Check ─▶ Plan ─▶ verify::run ────────┤
//! secrets ┘             │                          └─▶ Outcome ─▶ diagnose ─▶ report ─▶ text, exit code
//!                       │  mailbox:    dial ▸ baseline ─────────┐
//!                       │  submission: dial ▸ login ────────────┴▸ submit ∥ arrival ▸ inspect ▸ sent copy ▸ reply ▸ clean-up
//! ```
//!
//! A [`Check`] says from which account to which, and how strictly; it cannot be made with endpoints missing. Its
//! [`Plan`](verify::plan::Plan) is the list of all stages, so that a stage that is never reached is in the report too,
//! with the reason.
//!
//! [`verify::run`] opens the submission servers and the mailboxes at the same time, each by the one opening sequence in
//! [`verify::dial`]: resolve, connect, TLS, greeting, a token where the account has one, login. Beside it, a second
//! connection finds out whether the server takes mail from anybody ([`verify::relay`]); nothing waits for it. A mailbox
//! that takes part is a [`berth`](verify::berth), by IMAP ([`verify::mailbox`]) or POP3 ([`verify::maildrop`]), and is
//! opened once, whatever it is for; in it, the place is noted where new messages will begin (the baseline). Only when both
//! are ready is anything submitted: a wrong IMAP password is found before any mail leaves, the search is exact, and its
//! cost does not depend on how full the mailbox is. The probe is waited for while it is still being submitted
//! ([`verify::arrival`]): some servers deliver before they answer. It is read back and compared; the Sent folder is looked
//! into ([`verify::sent`]); the reply goes the same way back, with sender and receiver changed;
//! then, whatever happened, [`verify::cleanup`] removes the probe within a time of its own, on a new connection where the
//! old one is lost; and with it what an earlier verification has left behind in the same folders. To look for that in whole
//! mailboxes without a verification is [`verify::clearance`]; its result is an [`Outcome`], too.
//!
//! Many checks at once are a [`batch`]: each runs in a task of its own when its turn comes ([`batch::schedule`]: so many at
//! a time, and a few at one host), and one that failed can be repeated whole, which the outcome tells
//! ([`Outcome::earlier`]).
//!
//! Every stage passes through [`verify::recorder`], the only stopwatch: it bounds the stage, records how it ended and
//! tells the listener. `run` returns an [`Outcome`], not a `Result`: whatever happens on the network is the result. An
//! outcome holds no verdict. [`diagnose`](mod@diagnose) derives it, with the causes, the first of which is the root of those
//! that follow from it ([`Diagnosis::follows_from`]), so that one that is read back from a file is judged the same; [`report`] turns it into text, in any number of formats at once.
//!
//! # Floors
//!
//! Imports only go down; `tests/floors.rs` holds them.
//!
//! ```text
//! 5   main ─ subcommand ─ cli, console, live, prompt, signals
//! 4   discover   doctor   batch   push
//! 3   verify   survey               report   history
//! 2   wire   probe   bounce   config   diagnose      sandbox
//! 1   outcome   provider
//! 0   command   account ◂ stage ◂ criteria ◂ check   stage ◂ failure
//! ```
//!
//! - `wire` knows no stage and no report; `verify` knows neither a diagnosis nor a configuration.
//! - `diagnose` and `report` are pure functions of an outcome: no network, no file, no environment.
//! - `sandbox` imports nothing of this crate and none of the clients' parsers, so that a misunderstanding cannot cancel
//!   itself out.
//! - Floor 4 is for what uses a verification or a survey as a whole: `discover` asks who knows an account's servers, and
//!   surveys them; `doctor` surveys those that an account names, visits them, and judges whose fault it is; `batch` runs many
//!   verifications at the same time, and one that failed again; `push` tells others of a run.
//!
//! # Where to find what
//!
//! | question | place |
//! |---|---|
//! | an account, its servers, its password | [`account`]: [`Account`], [`Endpoint`], [`Secret`] |
//! | what is verified, how strictly, how long | [`check`]: [`Check`], [`Settings`], [`check::Limits`] |
//! | thresholds, and what else it is judged by | [`criteria`] |
//! | the servers of well-known providers | [`provider`] |
//! | the configuration file and its errors | [`config`], `config.example.toml` |
//! | the message, its tag and its reply | [`probe`] |
//! | a message that an earlier verification has left behind | [`probe::leftover`] |
//! | what is waited for in a mailbox | [`verify::quarry`], [`bounce`] |
//! | names of legs and stages | [`stage`] |
//! | names of what can go wrong; the server's words | [`failure`] |
//! | facts, warnings, the JSON form | [`outcome`], [`report::json`] |
//! | the story from beginning to end | [`verify`] |
//! | many checks at once, and again where one failed | [`batch`], [`batch::schedule`] |
//! | whether the server takes mail from anybody | [`verify::relay`], [`wire::smtp::Smtp::would_relay`] |
//! | what is deleted, and when not | [`verify::cleanup`], [`verify::mailbox::Removal`], [`verify::clearance`] |
//! | how a sign-in is done: SASL, one place for all protocols | [`wire::sasl`] |
//! | access tokens: by a command, or from a token endpoint over HTTPS | [`account::TokenSource`], [`wire::token`] |
//! | sockets, TLS, SMTP, IMAP, POP3 | [`wire`], [`wire::tls`], [`wire::smtp`], [`wire::imap`], [`wire::pop3`] |
//! | what is spoken, by the first bytes | [`wire::speech`], [`failure::Speech`] |
//! | what a port speaks, without a sign-in | [`survey`] |
//! | the settings of an address: presets, DNS, autoconfig, guesses | [`discover`](mod@discover), [`wire::names`], [`wire::http`] |
//! | how full a mailbox is | [`verify::quota`] |
//! | what was changed in a message on its way | [`probe::Probe::compare`] |
//! | one sign-in and a look around, without a message | [`verify::visit`] |
//! | the server or this machine, and the line to change | [`doctor`](mod@doctor), [`doctor::judgement`] |
//! | causes and advice, one rule a function | [`diagnose`](mod@diagnose) |
//! | what is too slow, or not passed, by the criteria of a check | [`diagnose::breach`], [`diagnose::threshold`], [`diagnose::authentication`] |
//! | what is known from one run to the next, and what is news | [`history`]; the files and the lock: `subcommand/turn.rs` |
//! | what the code of a diagnosis means | [`diagnose::code`] |
//! | how it looks | [`report::terminal`] |
//! | what happens, as it happens, for programs | [`batch::Listener`], [`report::ndjson`] |
//! | what CI systems read | [`report::junit`], [`report::tap`], [`report::github`], [`report::markdown`] |
//! | one file for a browser: the waterfall, the causes, the way | [`report::html`] |
//! | who else is told of a run: Healthchecks, Uptime Kuma, ntfy, JSON | [`push`] |
//! | what Prometheus reads: names and labels of the metrics | [`report::prometheus::metric`], `examples/prometheus` |
//! | what monitoring systems read: one line, numbers with their bounds, long text | [`report::nagios`], [`report::checkmk`] |
//! | a mail system to test against, and its faults | [`sandbox`] |
//!
//! # Rules
//!
//! 1. It never harms mail: it deletes only what it has just fetched and what is its own by every sign, by UID.
//! 2. It never hangs: each stage has a limit and the run has one, and what is read from a server is bounded in size.
//! 3. It never leaks: a [`Secret`] cannot be printed, is zeroed on drop, and is masked in transcripts where it is sent,
//!    not searched for afterwards. What servers say is escaped by each report for its own format.
//! 4. It tells the truth about itself: one attempt, or as many as were asked for, all of them in the report. An uncertain result is called uncertain, and the
//!    message is never sent again.
//! 5. Mail that does not work and a verification that could not run are different things: CRITICAL and UNKNOWN.
//! 6. The server's words are kept verbatim. A diagnosis reads types, codes and bytes; only where these leave the cause open
//!    does it read what a server says, and is no more than likely then. The wording of a library's error it never reads.
//! 7. IDLE is a hint, not a truth: there is always a slow poll beside it.
//!
//! # Where the code is not what one would expect
//!
//! - lettre's connection is not used, only its commands, addresses and message builder: [`wire::smtp`] says why.
//! - async-imap gives its login, its tags and its parser; its calls that collect results are not used, and a guard
//!   stands before the parser: [`wire::imap`], [`wire::imap::guard`].
//! - The TLS library tells neither the version nor why a certificate is refused, so that [`wire::tls`] reads the former
//!   from the wire and looks at the certificate a second time, with nothing secret on that connection.
//! - async-imap's sign-in fails at a challenge that is not base64, and cannot take an exchange back: challenges and `*`
//!   pass beside it, through the guard.
//! - HTTP, to a token endpoint, for an autoconfig file or to tell others of a run, is hyper over our own connection and TLS, so
//!   that certificates are judged as everywhere.
//! - A survey does not begin TLS where the server is expected to speak first, until that had its time, and never on port
//!   25: who is impatient there is taken for a spammer.
//! - Which interface this machine would send by is asked of the kernel by netlink: `/proc/net` does not show what rules make of
//!   the tables, and `wg-quick` works by rules.
//! - What a configuration is read for decides what has to be in it: the doctor looks at servers without a password.
//! - A run tells its tags before it sends anything ([`verify::recorder::Event::Composed`]): who is told notes them, so that the
//!   next run knows what one that was killed has left behind ([`Settings::abandoned`]).
//! - `verify::turn` is one for the whole process: without UIDPLUS two verifications that clean up the same mailbox at the same
//!   time would each leave its message, for the other's is marked as deleted.
//! - `probe` is on floor 2, not with the nouns: reading trace headers back yields [`outcome::Fact`]s.
//! - `wire` has a clock in one place: all addresses of a host are tried at the same time, and when one has answered the
//!   others are given a moment more, so that "IPv6 does not work" is seen.
//!
//! # As a library
//!
//! `examples/verify.rs` is a whole program in 30 lines. The other files in `examples/` are for people who run the command;
//! `tests/examples.rs` runs them.
#![warn(missing_docs)]

pub mod account;
pub mod batch;
pub mod bounce;
pub mod check;
mod command;
pub mod config;
pub mod criteria;
pub mod diagnose;
pub mod discover;
pub mod doctor;
pub mod failure;
pub mod history;
pub mod outcome;
pub mod probe;
pub mod provider;
pub mod push;
pub mod report;
pub mod sandbox;
pub mod stage;
pub mod survey;
pub mod verify;
pub mod wire;

pub use account::{Account, Auth, Credentials, Endpoint, Family, Folders, Location, Proof, Protocol, Secret, Security};
pub use check::{Check, Settings};
pub use diagnose::{Diagnosis, Verdict};
pub use outcome::Outcome;
pub use provider::Given;
pub use verify::stop::Stop;
