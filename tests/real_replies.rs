//! What real servers were seen to answer, and which diagnosis is made of it. Above the lines stands where they were found:
//! owner/repository#number of a public issue, or the page.

use std::time::Duration;

use mailtrip::account::{Location, Protocol};
use mailtrip::diagnose::{Certainty, Diagnosis, Verdict, diagnose, verdict};
use mailtrip::failure::{Failure, Kind, Reply, Step};
use mailtrip::outcome::{Outcome, Server, StageRecord, Status};
use mailtrip::stage::{At, Leg, Stage};

use Certainty::{Certain, Likely, Possible};

#[path = "support/codes.rs"]
mod codes;

/// Where in the conversation the server says it.
#[derive(Debug, Clone, Copy)]
enum When {
    Greeting,
    Login,
    Mail,
    Rcpt,
    Data,
    Message,
}
use When::{Data, Greeting, Login, Mail, Message, Rcpt};

/// An answer as it stands on the wire: `535 5.7.8 text`, `NO [CODE] text` or `-ERR [CODE] text`.
fn reply(line: &str) -> Reply {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    if let Ok(code) = first.parse() {
        let enhanced =
            rest.split(' ').next().filter(|word| word.split('.').count() == 3 && word.starts_with(['4', '5']));
        let text = enhanced.map_or(rest, |word| rest[word.len()..].trim_start());
        return Reply {
            code: Some(code),
            enhanced: enhanced.map(str::to_owned),
            text: text.into(),
            ..Reply::default()
        };
    }
    let (response_code, text) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, text)) => (Some(code.to_owned()), text.trim_start()),
        None => (None, rest),
    };
    Reply { status: Some(first.into()), response_code, text: text.into(), ..Reply::default() }
}

fn outcome(place: &str, when: When, line: &str) -> Outcome {
    let (protocol, location) = place.split_once(' ').unwrap();
    let location: Location = location.parse().unwrap();
    let (protocol, leg) = match protocol {
        "smtp" => (Protocol::Smtp, Leg::Submission),
        "imap" => (Protocol::Imap, Leg::Delivery),
        _ => (Protocol::Pop3, Leg::Delivery),
    };
    let (stage, step) = match when {
        Greeting => (Stage::Greeting, None),
        Login => (Stage::Login, None),
        Mail => (Stage::Submit, Some(Step::Mail)),
        Rcpt => (Stage::Submit, Some(Step::Rcpt)),
        Data => (Stage::Submit, Some(Step::Data)),
        Message => (Stage::Submit, Some(Step::Message)),
    };
    let server = Server {
        account: "alice".into(),
        protocol,
        host: location.host,
        port: location.port,
        security: location.security,
        username: "alice@example.net".into(),
    };
    let refused = Failure { kind: Kind::Refused { step }, ..Failure::refused(reply(line)) };
    let record = StageRecord {
        at: At::new(leg, stage, protocol),
        account: "alice".into(),
        span: None,
        facts: Vec::new(),
        concerns: Vec::new(),
        status: Status::Failed(refused),
    };
    Outcome {
        schema: 1,
        check: "home".into(),
        from: "info@example.org".into(),
        to: "bob@example.com".into(),
        began: "2026-11-23T10:00:00Z".parse().unwrap(),
        seconds: Duration::from_secs(1),
        tag: "tag".into(),
        servers: vec![server],
        stages: vec![record],
        criteria: Default::default(),
        earlier: Vec::new(),
        streak: None,
        conversations: Vec::new(),
    }
}

fn only(outcome: &Outcome) -> Diagnosis {
    let mut diagnoses = diagnose(outcome);
    assert_eq!(diagnoses.len(), 1, "{diagnoses:?}");
    assert!(codes::have_their_verdicts(outcome), "{diagnoses:?}");
    diagnoses.remove(0)
}

const ANY: &str = "smtp smtp.example.net:587/starttls";
const PORT_25: &str = "smtp mx.example.net:25/starttls";
const GMAIL: &str = "smtp smtp.gmail.com:465/tls";
const GMAIL_IMAP: &str = "imap imap.gmail.com:993/tls";
const OFFICE: &str = "smtp smtp.office365.com:587/starttls";
const YAHOO: &str = "smtp smtp.mail.yahoo.com:465/tls";
const IMAP: &str = "imap imap.example.net:993/tls";
const POP3: &str = "pop3 pop.example.net:995/tls";

type Case = (&'static str, When, &'static str, &'static str, Certainty);

#[rustfmt::skip]
const SIGN_IN: &[Case] = &[
    // nodemailer/nodemailer#1388, expertiza/expertiza#2840
    (GMAIL, Login, "454 4.7.0 Too many login attempts, please try again later. 4-2002 - gsmtp", "too-many-logins", Likely),
    // gophish/gophish#1869
    (GMAIL, Login, "535 5.7.8 Username and Password not accepted. Learn more at https://support.google.com/mail/?p=BadCredentials d4sm - gsmtp", "app-password-needed", Likely),
    // mageplaza/magento-2-smtp#181
    (GMAIL, Login, "534 5.7.9 Application-specific password required. Learn more at https://support.google.com/mail/?p=InvalidSecondFactor", "app-password-needed", Certain),
    // LukeSmithxyz/mutt-wizard#831
    (GMAIL_IMAP, Login, "NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)", "app-password-needed", Likely),
    // jstedfast/MailKit#377, zone-eu/wildduck#35
    (GMAIL_IMAP, Login, "NO [ALERT] Too many simultaneous connections. (Failure)", "too-many-logins", Likely),
    // jstedfast/MailKit#1276
    (GMAIL_IMAP, Login, "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "app-password-needed", Likely),
    // simonrob/email-oauth2-proxy#193
    (OFFICE, Login, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled", "basic-auth-disabled", Likely),
    // rpremraj/mailR#107, hassio-addons/app-vaultwarden#402
    (OFFICE, Login, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [BM1P287CA0015]", "basic-auth-disabled", Likely),
    ("smtp smtp-mail.outlook.com:587/starttls", Login, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "basic-auth-disabled", Likely),
    // Microsoft's documentation of the end of basic authentication for client submission
    (OFFICE, Login, "550 5.7.30 Basic authentication is not supported for Client Submission.", "basic-auth-disabled", Certain),
    // codassassin/email-bomber-v2.0#1: the number of a mailbox without passwords, and the words of a wrong one
    (OFFICE, Login, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [PH0PR07CA0004]", "oauth-needed", Likely),
    // duplicati/duplicati#3813
    (OFFICE, Login, "535 5.7.3 Authentication unsuccessful [DB6P18901CA0015.EURP189.PROD.OUTLOOK.COM]", "oauth-needed", Likely),
    // nodemailer/nodemailer#1112: so says Yahoo to the password of its web site
    (YAHOO, Login, "535 5.7.0 (#AUTH005) Too many bad auth attempts.", "app-password-needed", Likely),
    // moralmunky/Home-Assistant-Mail-And-Packages#242
    ("imap imap.mail.yahoo.com:993/tls", Login, "NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials", "app-password-needed", Likely),
    // Foundry376/Mailspring#2217
    ("imap imap.fastmail.com:993/tls", Login, "NO Incorrect username or password.", "app-password-needed", Likely),
    // lmanukyan/print-designer#5
    ("smtp smtp.mail.ru:465/tls", Login, "535 5.7.0 NEOBHODIM parol prilozheniya https://help.mail.ru/mail/security/protection/external / Application password is REQUIRED", "app-password-needed", Likely),
    // Purelymail/purelymail-issues#337
    (IMAP, Login, "NO Login failed – please create an app password.", "app-password-needed", Likely),
    // Foundry376/Mailspring#904
    ("imap imap.yandex.com:993/tls", Login, "NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials or IMAP is disabled sc=ebI8JB0ug4Y1", "app-password-needed", Likely),
    // mscdex/node-imap#606 (Dovecot 2.2 and 2.3)
    (IMAP, Login, "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=16)", "too-many-logins", Likely),
    // RFC 5530 §3
    (IMAP, Login, "NO [UNAVAILABLE] User's backend down for maintenance", "login-temporarily-refused", Likely),
    (IMAP, Login, "NO [CONTACTADMIN] Contact your administrator", "account-disabled", Likely),
    (IMAP, Login, "NO [LIMIT] At most 32 connections", "too-many-logins", Likely),
    (IMAP, Login, "NO [AUTHENTICATIONFAILED] Authentication failed", "login-refused", Likely),
    // RFC 4954 §4.7.12, §6
    (ANY, Login, "432 4.7.12 A password transition is needed", "password-expired", Certain),
    (ANY, Login, "454 4.7.0 Temporary authentication failure", "login-temporarily-refused", Likely),
    // RFC 5248 §2.4
    (ANY, Login, "525 5.7.13 User Account Disabled", "account-disabled", Certain),
    // root-io/vmail#72
    (ANY, Login, "535 User account is disabled.", "account-disabled", Likely),
    // marcpope/borgbackupserver#16 (Brevo)
    (ANY, Login, "535 5.7.0 Invalid login or password", "login-refused", Likely),
    // gophish/gophish#1665 (GMX, IONOS)
    (ANY, Login, "535 Authentication credentials invalid", "login-refused", Likely),
    // jens-maus/yam#638: the access by mail programs was off, of which POP3 says nothing
    ("pop3 pop.gmx.net:995/tls", Login, "-ERR authentication failed", "login-refused", Possible),
    // Cyrus IMAP 3.6.1 and Courier-IMAP 5.0.13, of Debian 12
    (IMAP, Login, "NO authentication failure", "login-refused", Likely),
    (IMAP, Login, "NO Login failed.", "login-refused", Likely),
    // Dovecot, without TLS
    ("imap imap.example.net:143/none", Login, "NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.", "login-needs-encryption", Certain),
    ("pop3 pop.example.net:110/none", Login, "-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.", "login-needs-encryption", Likely),
    // None of these was found in a report: they are what the guesses are meant for.
    ("pop3 pop.gmx.net:995/tls", Login, "-ERR POP3/IMAP-Zugriff nicht aktiviert", "login-not-permitted", Likely),
    (POP3, Login, "-ERR [SYS/PERM] Your account is not enabled for POP access", "login-not-permitted", Likely),
    (IMAP, Login, "NO [ALERT] You are yet to enable IMAP for your account. Please contact your administrator (Failure)", "login-not-permitted", Likely),
    ("smtp smtp.gmail.com:587/none", Mail, "530 5.7.0 Must issue a STARTTLS command first. i17sm - gsmtp", "login-needs-encryption", Likely),
];

#[rustfmt::skip]
const SUBMISSION: &[Case] = &[
    // mailcow/mailcow#253 (Postfix)
    (ANY, Rcpt, "553 5.7.1 <info@example.org>: Sender address rejected: not owned by user alice@example.net", "sender-not-owned", Likely),
    // splitbrain/dokuwiki-plugin-smtp#38 (Yandex)
    (ANY, Mail, "553 5.7.1 Sender address rejected: not owned by auth user.", "sender-not-owned", Likely),
    // nodemailer/nodemailer#145, swiftmailer/swiftmailer#1030, gophish/gophish#2900
    (ANY, Message, "550 5.7.1 Client does not have permissions to send as this sender", "sender-not-owned", Likely),
    (OFFICE, Message, "550 5.7.60 SMTP; Client does not have permissions to send as this sender [MW2PR1901MB2155]", "sender-not-owned", Likely),
    (OFFICE, Message, "554 5.2.252 SendAsDenied; alice@example.net not allowed to send as info@example.org; STOREDRV.Submission", "sender-not-owned", Likely),
    // MicrosoftDocs/OfficeDocs-Exchange#3124
    (OFFICE, Mail, "530 5.7.57 Client not authenticated to send mail.", "authentication-required", Likely),
    // Postfix, Exim
    (ANY, Rcpt, "554 5.7.1 <bob@example.com>: Relay access denied", "relay-denied", Likely),
    (ANY, Rcpt, "550 relay not permitted", "relay-denied", Likely),
    (ANY, Rcpt, "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual mailbox table", "recipient-unknown", Certain),
    (ANY, Rcpt, "550 Unknown user", "recipient-unknown", Likely),
    (ANY, Rcpt, "550 <bob@example.com>: Recipient address rejected: User unknown in relay recipient table", "recipient-unknown", Likely),
    // maxsptz/emailpyspam#23
    (OFFICE, Rcpt, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "recipient-unknown", Likely),
    (ANY, Rcpt, "452 4.2.2 <bob@example.com> Quota exceeded (mailbox for user is full)", "mailbox-full", Certain),
    (ANY, Mail, "552 5.3.4 Message size exceeds fixed limit", "message-too-large", Likely),
    (ANY, Message, "552 Message size exceeds maximum permitted", "message-too-large", Likely),
    // gen-smtp/gen_smtp#140, onepub-dev/onepub#543
    (GMAIL, Message, "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to https://support.google.com/a/answer/166852", "sending-limit", Likely),
    // MicrosoftDocs/OfficeDocs-Exchange#2729
    (OFFICE, Message, "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", "sending-limit", Likely),
    // sabuhish/fastapi-mail#75
    (OFFICE, Message, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.", "sending-limit", Likely),
    // MicrosoftDocs/OfficeDocs-Support#1150
    (OFFICE, Message, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "sending-limit", Likely),
    // mail-in-a-box/mailinabox#1771
    (GMAIL, Message, "421 4.7.28 [192.0.2.1 4] Our system has detected an unusual rate of unsolicited mail originating from your IP address.", "sending-limit", Likely),
    // mailcow/mailcow-dockerized#1497, bbottema/simple-java-mail#348, docker-mailserver/docker-mailserver#1476, Mailu/Mailu#2416
    (ANY, Message, "451 4.7.1 Ratelimit \"user\" exceeded", "sending-limit", Likely),
    (ANY, Rcpt, "450 4.7.1 <bob@example.com>: Recipient address rejected: Policy Rejection- Quota Exceeded.", "sending-limit", Likely),
    (ANY, Rcpt, "450 4.7.1 <info@example.org>: Sender address rejected: sorry, max 2 requests per hour.", "sending-limit", Likely),
    (ANY, Rcpt, "450 4.7.1 SASL login name rejected: You are sending too many emails too fast.", "sending-limit", Likely),
    // deltachat/deltachat-core#647
    (ANY, Data, "554 5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours for client reached", "sending-limit", Likely),
    // zone-eu/zone-mta#110
    (GMAIL, Message, "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.", "sending-limit", Likely),
    // MicrosoftDocs/OfficeDocs-o365seccomp#643
    (OFFICE, Message, "550 5.1.8 Access denied, bad outbound sender", "account-disabled", Likely),
    // 24x7serversecurity.com/blog/domain-has-an-outgoing-mail-hold, thiswebhost.com/clients/knowledgebase/554 (cPanel)
    (ANY, Rcpt, "550 Domain example.org has an outgoing mail suspension. Message discarded.", "account-disabled", Likely),
    (ANY, Rcpt, "550 Domain example.org has exceeded the max defers and failures per hour (5/5 (100%)) allowed. Message discarded.", "sending-limit", Likely),
    // eleith/emailjs#202, schweikert/postgrey#86 (Postgrey)
    (ANY, Rcpt, "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.com.html", "greylisted", Likely),
    (ANY, Rcpt, "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted for 300 seconds", "greylisted", Likely),
    // milter-greylist
    (ANY, Rcpt, "451 4.7.1 Greylisting in action, please come back in 00:05:00", "greylisted", Likely),
    // postalserver/postal#576, Mailu/Mailu#1742 (Rspamd)
    (ANY, Message, "451 4.7.1 Try again later", "greylisted", Possible),
    // Postfix: a name that cannot be looked up has the codes of greylisting
    (ANY, Rcpt, "450 4.7.1 <me.local>: Helo command rejected: Host not found", "submission-temporarily-refused", Likely),
    (ANY, Rcpt, "451 4.3.0 <bob@example.com>: Temporary lookup failure", "submission-temporarily-refused", Likely),
    // Exim
    (ANY, Rcpt, "451 Temporary local problem - please try later", "submission-temporarily-refused", Likely),
    // docker-mailserver/docker-mailserver#1927, root-io/vmail#92, spamhaus/spamassassin-dqs#53
    (ANY, Rcpt, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1", "client-address-blocked", Likely),
    (PORT_25, Greeting, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "client-address-blocked", Likely),
    (ANY, Mail, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using sbl.spamhaus.org; Error: open resolver", "client-address-blocked", Likely),
    // MicrosoftDocs/microsoft-365-docs#666, MicrosoftDocs/OfficeDocs-O365ITPro#661, microsoftgraph/microsoft-graph-docs#6698, sendgrid/docs#6275
    (PORT_25, Rcpt, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/", "client-address-blocked", Likely),
    (PORT_25, Mail, "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).", "client-address-blocked", Likely),
    (OFFICE, Message, "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.", "client-address-blocked", Likely),
    (PORT_25, Mail, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.", "client-address-blocked", Likely),
    // getconversio/email-deep-validator#9
    (ANY, Rcpt, "550 JunkMail rejected - host.example [192.0.2.1]:34032 is in an RBL, see https://www.spamhaus.org/query/ip/192.0.2.1", "client-address-blocked", Likely),
    // zytzagoo/smtp-validate-email#9
    (ANY, Greeting, "421 4.7.1 Intrusion prevention active for [192.0.2.1][R]", "client-address-blocked", Likely),
    // Postfix 3
    (ANY, Rcpt, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "client-address-blocked", Certain),
    (ANY, Rcpt, "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]", "client-address-blocked", Likely),
    // testssl/testssl.sh#2089, kamilc/email_verifier#15
    (ANY, Greeting, "421 4.7.0 mail.example.net Error: too many connections from 192.0.2.1", "turned-away-for-now", Likely),
    (ANY, Greeting, "421 Too many concurrent SMTP connections from this IP address; please try again later.", "turned-away-for-now", Likely),
    // root-io/vmail#89
    (GMAIL, Message, "550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail.", "taken-for-spam", Likely),
    // rspamd/rspamd#5343, tiddlyhost/tiddlyhost-com#213
    (ANY, Message, "554 5.7.1 Spam message rejected", "taken-for-spam", Likely),
    (ANY, Message, "550 High probability of spam", "taken-for-spam", Likely),
    // homematic-community/hm_email#13 (IONOS)
    (ANY, Message, "554 Transaction failed Reject due to policy restrictions. For explanation visit https://postmaster.1und1.de/de/case?c=hi&i=ip", "message-refused", Possible),
];

#[test]
fn a_refused_sign_in_is_told_by_what_the_server_answered() {
    for &(place, when, line, code, certainty) in SIGN_IN {
        let outcome = outcome(place, when, line);
        let diagnosis = only(&outcome);
        assert_eq!((diagnosis.code, diagnosis.certainty), (code, certainty), "{place} {when:?} {line}");
        assert_eq!(verdict(&outcome), Verdict::Critical, "{line}");
    }
}

/// All of them are mail that does not work, but greylisting: that a second attempt would fail is not known.
#[test]
fn a_refused_message_is_told_by_what_the_server_answered() {
    for &(place, when, line, code, certainty) in SUBMISSION {
        let outcome = outcome(place, when, line);
        let diagnosis = only(&outcome);
        assert_eq!((diagnosis.code, diagnosis.certainty), (code, certainty), "{place} {when:?} {line}");
        let expected = if code == "greylisted" { Verdict::Unknown } else { Verdict::Critical };
        assert_eq!((verdict(&outcome), diagnosis.verdict), (expected, expected), "{line}");
    }
}

#[test]
fn the_words_of_the_server_stay_beside_every_guess() {
    for &(place, when, line, ..) in SIGN_IN.iter().chain(SUBMISSION) {
        let text = reply(line).text;
        let diagnosis = only(&outcome(place, when, line));
        assert!(diagnosis.evidence.iter().any(|evidence| evidence.ends_with(&text)), "{diagnosis:#?}");
    }
}

#[test]
fn what_to_do_comes_first() {
    for (place, when, line, advice) in [
        (
            ANY,
            Rcpt,
            "450 4.2.0 Greylisted, see http://example.net/; try again in 300 seconds",
            "Try again in 5 minutes, as the server asks",
        ),
        (ANY, Rcpt, "450 4.2.0 Greylisted", "Try again in 15 to 30 minutes"),
        (ANY, Login, "454 4.7.0 Too many login attempts, try again in 10 minutes", "Try again in 10 minutes"),
        (GMAIL, Login, "454 4.7.0 Too many login attempts, please try again later.", "Wait 15 to 60 minutes"),
        (GMAIL, Message, "550 5.4.5 Daily user sending limit exceeded.", "Wait until tomorrow"),
        (ANY, Message, "451 4.7.1 Ratelimit \"user\" exceeded", "Wait an hour"),
        (ANY, Rcpt, "553 5.7.1 Sender address rejected: not owned by user", "Set `address = \"alice@example.net\"`"),
        (
            PORT_25,
            Rcpt,
            "554 5.7.1 Client host blocked using zen.spamhaus.org",
            "Use the submission port, where the sign-in counts and not the address: set `smtp.port = 587`",
        ),
        (ANY, Rcpt, "554 5.7.1 Client host blocked using zen.spamhaus.org", "Try from another network"),
        (
            ANY,
            Rcpt,
            "554 5.7.1 blocked using zen.spamhaus.org; Error: open resolver",
            "The server asks the block list in a way",
        ),
        (PORT_25, Rcpt, "554 5.7.1 Relay access denied", "Port 25 is for mail between servers: set `smtp.port = 587`"),
        (OFFICE, Login, "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.", "The administrator"),
        (OFFICE, Login, "535 5.7.139 basic authentication is disabled.", "Give the account a token"),
        (
            "smtp mail.gmx.net:587/starttls",
            Login,
            "535 Authentication credentials invalid",
            "GMX wants POP3 and IMAP access switched on",
        ),
        (
            "imap imap.mail.me.com:993/tls",
            Login,
            "NO [AUTHENTICATIONFAILED] Authentication Failed",
            "Make an app-specific password",
        ),
        (
            "imap imap.example.net:143/none",
            Login,
            "NO [PRIVACYREQUIRED] not without TLS",
            "Set `imap.security = \"tls\"`",
        ),
    ] {
        let diagnosis = only(&outcome(place, when, line));
        assert!(diagnosis.advice[0].starts_with(advice), "{line}: {diagnosis:#?}");
    }
}
