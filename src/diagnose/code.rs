//! What the codes of diagnoses mean: the one place where that is written. The README has its tables from here.
//!
//! `tests/readme.rs` holds that every code of a rule is here and no other; `tests/report_rules.rs`, that a diagnosis has a
//! verdict that stands here.

use super::Verdict::{self, Critical, Ok, Unknown, Warning};

/// A code, what it means, and what it makes of the verification alone. In the clean-up CRITICAL is WARNING.
pub type Code = (&'static str, &'static str, &'static [Verdict]);

/// All codes, in the order of a journey.
pub const CODES: &[(&str, &[Code])] = &[
    ("Before the first byte", REACH),
    ("TLS and certificates", TLS),
    ("The first words", GREETING),
    ("The sign-in", LOGIN),
    ("The submission", SUBMISSION),
    ("The arrival", ARRIVAL),
    ("The folders", FOLDERS),
    ("The clean-up", CLEANUP),
    ("The verification as a whole", WHOLE),
    ("Notes, where nothing is wrong", NOTES),
];

const REACH: &[Code] = &[
    ("host-not-found", "The host name has no address: mostly it is misspelt.", &[Critical]),
    ("no-address-of-family", "Only IPv4 or only IPv6 is to be used, and the host has no such address.", &[Critical]),
    ("resolver-failed", "The host name could not be looked up: DNS does not work here.", &[Critical]),
    ("connection-refused", "The host is there, and its port is closed.", &[Critical]),
    ("only-ipv6", "Only IPv6 addresses are left to try, and this machine has no IPv6.", &[Critical]),
    ("unreachable", "This machine has no way to the host, or something rejects it.", &[Critical]),
    ("port-25-blocked", "Nothing answers on port 25, as where the access provider blocks it.", &[Critical]),
    ("no-answer", "Nothing answers: a firewall drops it, or the server is down.", &[Critical]),
    ("address-failed", "One address of the host works, and another one does not.", &[Warning]),
];

const TLS: &[Code] = &[
    ("silent-tls-port", "Plaintext was expected, and the port waits for TLS.", &[Critical]),
    ("plaintext-on-tls-port", "TLS was expected, and the port begins in plaintext.", &[Critical]),
    ("tls-closed", "The server closed the connection when TLS was to begin.", &[Critical]),
    ("tls-alert", "The server refused the TLS handshake by an alert.", &[Critical]),
    ("tls-version", "The server and this machine have no safe version of TLS in common.", &[Critical]),
    ("tls-ciphers", "The server and this machine have no way to encrypt in common.", &[Critical]),
    ("tls-unrecognized-name", "The server does not know the host name that it was asked for.", &[Critical]),
    ("tls-failed", "TLS did not come about, for another reason.", &[Critical]),
    ("starttls-not-offered", "The server does not offer STARTTLS.", &[Critical]),
    ("starttls-stripped", "Something on the way has overwritten the offer of STARTTLS.", &[Critical]),
    ("starttls-refused", "The server offers STARTTLS, and refuses to begin it.", &[Critical]),
    ("injected-plaintext", "Something was added in plaintext before TLS began.", &[Critical]),
    ("certificate-expired", "The certificate has ended.", &[Critical]),
    (
        "certificate-not-yet-valid",
        "The certificate has not begun, or the clock of this machine is behind.",
        &[Critical],
    ),
    ("certificate-wrong-name", "The certificate is for other host names.", &[Critical]),
    ("certificate-self-signed", "The certificate is signed by itself.", &[Critical]),
    ("certificate-untrusted", "The certificate is signed by somebody that this machine does not trust.", &[Critical]),
    ("certificate-rejected", "The certificate is not accepted, for another reason.", &[Critical]),
    (
        "certificate-ends-soon",
        "The certificate ends within two weeks, or within the days that are a warning or critical.",
        &[Critical, Warning, Ok],
    ),
    ("intercepted", "An antivirus, a proxy or a firewall reads the connection on its way.", &[Critical, Ok]),
];

const GREETING: &[Code] = &[
    ("wrong-protocol", "The port is one of another protocol, or of another service.", &[Critical]),
    ("turned-away", "The server greets with a refusal.", &[Critical]),
    ("turned-away-for-now", "The server has no time, or has seen too many connections from here.", &[Critical]),
    ("client-address-blocked", "The server refuses the network address of this machine.", &[Critical]),
];

const LOGIN: &[Code] = &[
    ("cleartext-forbidden", "The password would go unencrypted, so it was not sent.", &[Unknown]),
    ("login-needs-encryption", "The server takes a password only inside TLS.", &[Critical]),
    ("no-mechanism", "The server offers no sign-in, or none that mailtrip has.", &[Critical]),
    ("mechanism-not-offered", "The server does not offer what `auth` asks for.", &[Critical]),
    ("mechanism-refused", "The server refuses the method of sign-in, not the password.", &[Critical]),
    ("login-refused", "The server does not accept the username with the password.", &[Critical]),
    ("username-without-domain", "The sign-in was refused, or not; the username is no full address.", &[Critical, Ok]),
    (
        "password-edge-whitespace",
        "The sign-in was refused, or not; the password has white space at an end.",
        &[Critical, Ok],
    ),
    ("app-password-needed", "The provider wants a password that is made for mail programs.", &[Critical]),
    ("password-expired", "The password has expired.", &[Critical]),
    ("web-login-needed", "The provider wants the owner to sign in on its web site first.", &[Critical]),
    ("login-not-permitted", "The protocol is not switched on for the account.", &[Critical]),
    ("account-disabled", "The account, or its sending, is locked, suspended or disabled.", &[Critical]),
    ("too-many-logins", "There were too many sign-ins or connections in a short time.", &[Critical]),
    ("login-temporarily-refused", "The server cannot check passwords, or open mailboxes, at the moment.", &[Critical]),
    ("oauth-only", "The server offers no sign-in by a password, only by a token.", &[Critical]),
    ("oauth-needed", "The sign-in was refused, and most mailboxes of the provider want a token.", &[Critical]),
    ("basic-auth-disabled", "Passwords are switched off for the mailbox; it takes a token.", &[Critical]),
    ("no-token-mechanism", "The server takes no tokens.", &[Critical]),
    ("token-command-failed", "The command that is to give the token did not.", &[Unknown]),
    ("token-unavailable", "The token endpoint cannot be asked, or does not give tokens.", &[Critical]),
    ("token-refused", "The provider gives no token, for a reason of its own.", &[Critical]),
    ("token-temporarily-refused", "The provider cannot give a token at the moment.", &[Critical]),
    ("token-client-refused", "The provider does not take the application's id or secret.", &[Critical]),
    ("token-consent-lost", "The refresh token has expired, or the consent was taken back.", &[Critical]),
    ("token-scope-refused", "Nobody has consented to what the application asks for.", &[Critical]),
    ("token-not-accepted", "The server does not accept the token for the protocol and the username.", &[Critical]),
    ("submission-switched-off", "Submission by mail programs is switched off for the mailbox.", &[Critical]),
];

const SUBMISSION: &[Code] = &[
    ("authentication-required", "The server takes mail only after a sign-in, and counts none here.", &[Critical]),
    ("sender-address-refused", "The server does not accept the sender's address.", &[Critical]),
    ("sender-not-owned", "The account may not send from that address.", &[Critical]),
    ("sender-not-authenticated", "The sender could not be proved (SPF, DKIM or DMARC).", &[Critical]),
    ("recipient-domain", "There is no mail server for the recipient's domain.", &[Critical]),
    ("recipient-unknown", "There is no such recipient.", &[Critical]),
    ("relay-denied", "The server does not pass mail on to that recipient for the account.", &[Critical]),
    ("mailbox-full", "The recipient's mailbox is full.", &[Critical]),
    ("greylisted", "The server puts the first attempt off, as greylisting does.", &[Unknown]),
    ("sending-limit", "The account has sent too much for now.", &[Critical]),
    ("taken-for-spam", "The server refused the message as spam.", &[Critical]),
    ("message-too-large", "The server calls the message too large.", &[Critical]),
    ("message-refused", "The server refused the message by its content or by a rule.", &[Critical]),
    ("submission-temporarily-refused", "The server cannot take the message at the moment.", &[Critical]),
    ("submission-refused", "The server refused the submission, for another reason.", &[Critical]),
    ("submission-uncertain", "The message was sent, and the server's answer to it was lost.", &[Critical]),
    ("relays-without-authentication", "The server takes mail for foreign domains without a sign-in.", &[Warning]),
];

const ARRIVAL: &[Code] = &[
    ("not-arrived", "The message, or the answer to it, did not arrive in time.", &[Critical]),
    ("bounced", "The message came back as undeliverable.", &[Critical]),
    ("in-junk", "The message is in the Junk folder.", &[Critical, Warning]),
    ("one-protocol-only", "The message is there by IMAP or POP3, and the other does not show it.", &[Critical]),
    ("altered", "The text of the message was changed on its way.", &[Critical]),
    ("spf-not-passed", "The receiver's server does not say that SPF passed.", &[Critical, Warning]),
    ("dkim-not-passed", "The receiver's server does not say that DKIM passed.", &[Critical, Warning]),
    ("dmarc-not-passed", "The receiver's server does not say that DMARC passed.", &[Critical, Warning]),
    ("duplicate", "The message arrived more than once.", &[Warning]),
    ("mailbox-locked", "Another program has the mailbox open, and POP3 lets in one at a time.", &[Critical]),
    ("login-too-soon", "The server wants more time between two sign-ins (POP3).", &[Critical]),
];

const FOLDERS: &[Code] = &[
    ("no-folder", "A folder that is configured, or needed, is not there.", &[Critical]),
    ("no-sent-folder", "The account has no Sent folder that could be found.", &[Warning]),
    ("not-selectable", "A folder is there, and cannot be opened.", &[Critical, Warning]),
    ("no-copy", "The server was to file a copy in the Sent folder, and did not.", &[Critical, Warning]),
    ("copy-not-permitted", "The account may not file a copy in the Sent folder.", &[Critical]),
    ("over-quota", "There is no room for the copy: the mailbox is full.", &[Critical]),
];

const CLEANUP: &[Code] = &[
    ("left-behind", "A message of mailtrip could not be removed.", &[Warning]),
    ("left-marked", "A message of mailtrip is only marked as deleted: others would have gone with it.", &[Warning]),
    ("read-only", "Nothing can be removed from a folder.", &[Warning]),
    ("not-looked-into", "A folder could not be looked into for what may have been left behind.", &[Warning]),
    ("may-arrive", "The message was not found, and may arrive later.", &[Warning]),
    ("cleanup-stopped", "The clean-up was stopped.", &[Warning]),
];

const WHOLE: &[Code] = &[
    ("offline", "No server was reached: this machine has no network.", &[Unknown]),
    ("too-slow", "A stage, or the round trip, took longer than the check allows.", &[Critical, Warning]),
    (
        "out-of-range",
        "What was measured is in another way not in the range that the check allows.",
        &[Critical, Warning],
    ),
    ("timeout", "The server did not answer in time, at whatever stage.", &[Critical]),
    ("limit-too-short", "The server had less than a second: the limit is too short.", &[Critical]),
    ("connection-lost", "The connection was cut, at whatever stage.", &[Critical]),
    ("malformed", "What the server sent is not the protocol.", &[Critical]),
    ("unexplained", "A stage failed in a way that no rule knows.", &[Critical]),
    ("local", "Something on this machine did not work.", &[Unknown]),
    ("interrupted", "The run was stopped before it was done.", &[Unknown]),
    ("nothing-verified", "Nothing failed, and nothing was proved either.", &[Unknown]),
    ("flaky", "It failed, and passed when it was repeated.", &[Warning]),
];

const NOTES: &[Code] = &[
    ("cleartext-password", "The password went unencrypted, as the configuration allows.", &[Ok]),
    ("server-alert", "The server has something to say to the user of the mailbox.", &[Ok]),
    ("idle-silent", "The server was to announce new mail (IDLE), and did not.", &[Ok]),
    ("mailbox-busy", "The mailbox was locked at some looks, and open in the end (POP3).", &[Ok]),
    ("login-delay", "The arrival was noticed late, for the time between two sign-ins (POP3).", &[Ok]),
    ("subject-changed", "The subject was changed on the way, the text was not.", &[Ok]),
    ("answer-left", "The answer of somebody else is left in the mailbox.", &[Ok]),
    ("session-lost-before-quit", "The message was removed in a second session.", &[Ok]),
    ("leftover-removed", "A message of an earlier verification was found, and removed.", &[Ok]),
    ("failed-again", "It was repeated, and failed each time.", &[Ok]),
    ("gmail-keeps-a-copy", "Gmail keeps what is removed by IMAP in All Mail.", &[Ok]),
];
