//! Facts, concerns and failures in words. Text of servers is verbatim in them: a format makes it safe.

mod breach;

use crate::diagnose::Certainty;
use crate::failure::{Failure, Kind, Reply, Skip};
use crate::outcome::{Change, Concern, Dialled, Fact, FiledBy, KnownBy, Noticed, Role, Server, StageRecord, Status};
use crate::stage::{Leg, Stage};

use super::human::{self, count, few, seconds};

pub use breach::{held, judged};

/// So many characters of a server stand in a line of the table at most.
const LONGEST_WORDS: usize = 200;

/// A leg as a heading.
pub fn leg(leg: Leg) -> &'static str {
    match leg {
        Leg::Submission => "Submission",
        Leg::Delivery => "Delivery",
        Leg::Sent => "Sent copy",
        Leg::ReplySubmission => "Reply out",
        Leg::ReplyDelivery => "Reply in",
        Leg::ReplySent => "Reply sent",
        Leg::Cleanup => "Clean-up",
    }
}

/// What a stage does, while it does it.
pub fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "looking up the host",
        Stage::Connect => "connecting",
        Stage::Tls | Stage::Starttls => "starting TLS",
        Stage::Greeting => "waiting for the greeting",
        Stage::Relay => "asking whether mail is taken without sign-in",
        Stage::Token => "getting a token",
        Stage::Login => "signing in",
        Stage::Baseline => "looking into the mailbox",
        Stage::Submit => "sending the probe",
        Stage::Arrival => "waiting for the probe",
        Stage::Junk => "looking into the Junk folder",
        Stage::Inspect => "reading the probe back",
        Stage::Copy => "looking for the sent copy",
        Stage::Remove => "removing the probe",
    }
}

/// What stands before a cause: how sure it is.
pub fn lead(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certain => "Cause",
        Certainty::Likely => "Likely cause",
        Certainty::Possible => "Possible cause",
    }
}

/// What became of a stage, in one line.
pub fn became(record: &StageRecord, server: Option<&Server>) -> String {
    match &record.status {
        Status::Failed(failure) => failed(failure),
        Status::Skipped(skip) => self::skip(skip),
        Status::Passed => {
            let concerns = record.concerns.iter().map(|concern| format!("WARNING, {}", self::concern(concern)));
            let parts = std::iter::once(key(record, server)).chain(concerns);
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
        }
    }
}

/// Why a stage has no result.
pub fn skip(skip: &Skip) -> String {
    match skip {
        Skip::After { at } => format!("skipped after {at}"),
        Skip::TurnedOff => "turned off".to_owned(),
        Skip::NothingToDo => "nothing to do".to_owned(),
        Skip::NoImap => "not to be seen by POP3, and the account has no IMAP".to_owned(),
        Skip::InboxOnly => "POP3 shows the inbox only, and nothing that is taken for spam".to_owned(),
        Skip::Stopped => "skipped, the run was stopped".to_owned(),
        Skip::AlreadyRunning { .. } => "skipped, another run of this check was under way".to_owned(),
        Skip::Inconclusive { failure } => {
            let why = failure.reply.as_deref().map_or_else(|| self::failure(failure), first_line);
            format!("could not be found out: {why}")
        }
    }
}

/// What went wrong, in a few words.
pub fn failure(failure: &Failure) -> String {
    match (kind(&failure.kind), failure.reply.as_deref().map(codes)) {
        (words, Some(codes)) if !codes.is_empty() => format!("{words}: {codes}"),
        (words, _) => words,
    }
}

/// The same in the table, in a way that is read without colours.
pub fn failed(failed: &Failure) -> String {
    match failed.kind {
        Kind::Interrupted => "STOPPED here".to_owned(),
        _ => format!("FAILED, {}", failure(failed)),
    }
}

/// The codes of a reply without its text.
fn codes(reply: &Reply) -> String {
    Reply { text: String::new(), ..reply.clone() }.to_string().trim_end().to_owned()
}

fn kind(kind: &Kind) -> String {
    let words = match kind {
        Kind::HostNotFound => "the name has no address",
        Kind::ResolverFailed => "DNS does not work",
        Kind::NoAddressOfFamily { family, .. } => return format!("the name has no {family} address"),
        Kind::ConnectionRefused => "the port is closed",
        Kind::Unreachable => "there is no way to the server",
        Kind::NoAnswer => "no answer",
        Kind::PlaintextOnTlsPort { .. } => "plaintext where TLS was to begin",
        Kind::WrongProtocol { speaks } => return format!("it is {}", speaks.server()),
        Kind::TlsClosed => "the server hung up when TLS was to begin",
        Kind::TlsAlert { alert } => return format!("TLS alert {alert}"),
        Kind::TlsVersion { version } => return format!("the server has only {version}"),
        Kind::TlsFailed => "no TLS connection came about",
        Kind::CertificateExpired { .. } => "the certificate has expired",
        Kind::CertificateNotYetValid { .. } => "the certificate is not valid yet",
        Kind::CertificateWrongName { .. } => "the certificate is for another name",
        Kind::CertificateSelfSigned { .. } => "the certificate is signed by itself",
        Kind::CertificateUntrusted { .. } => "the certificate's issuer is not trusted",
        Kind::CertificateRejected => "the certificate is not accepted",
        Kind::StarttlsNotOffered => "STARTTLS is not offered",
        Kind::InjectedPlaintext => "foreign plaintext before TLS",
        Kind::CleartextForbidden => "the password was not sent unencrypted",
        Kind::NoMechanism { .. } => "no sign-in mechanism in common",
        Kind::MechanismNotOffered { .. } => "the mechanism is not offered",
        Kind::TokenRefused { error, .. } => return format!("no token: {error}"),
        Kind::TokenUnavailable { status } => return format!("the answer is no token: HTTP status {status}"),
        Kind::Refused { step: None } => "refused",
        Kind::Refused { step: Some(step) } => return format!("{step} refused"),
        Kind::ConnectionLost => "the connection was cut",
        Kind::Timeout { limit_seconds } => return format!("no answer within {}", seconds(*limit_seconds)),
        Kind::Interrupted => "stopped",
        Kind::Malformed => "the answer is not the protocol",
        Kind::Uncertain => "sent, but the answer was lost",
        Kind::NotArrived { waited_seconds } => return format!("not there after {}", seconds(*waited_seconds)),
        Kind::Bounced => "it bounced",
        Kind::LockedOut { waited_seconds, .. } => {
            return format!("nobody was let in for {}", seconds(*waited_seconds));
        }
        Kind::InJunk { folder } => return format!("in {folder}"),
        Kind::Altered => "not what was sent",
        Kind::NoFolder => "there is no such folder",
        Kind::NotSelectable { folder } => return format!("{folder} cannot be opened"),
        Kind::NoCopy => "there is no copy",
        Kind::Local => "this machine could not do its part",
    };
    words.to_owned()
}

/// What was not right, in a few words.
pub fn concern(concern: &Concern) -> String {
    match concern {
        Concern::AddressFailed { address, result } => format!("{address} {}", dialled(*result)),
        Concern::RelaysWithoutAuthentication { reply } => {
            format!("takes mail for foreign domains without sign-in: {}", first_line(reply))
        }
        Concern::FoundInJunk { folder } => format!("taken for spam, in {folder}"),
        Concern::Duplicate { times } => format!("arrived {times} times"),
        Concern::NoSentFolder => "no Sent folder".to_owned(),
        Concern::NoCopy { .. } => "there is no copy".to_owned(),
        Concern::NotSelectable { folder, .. } => format!("{folder} cannot be opened"),
        Concern::ReadOnly { folder, .. } => format!("{folder} is read-only"),
        Concern::LeftBehind { folder, .. } => format!("left in {folder}"),
        Concern::LeftMarked { folder, .. } => format!("left in {folder}, marked as deleted"),
        Concern::MayArrive => "may still arrive".to_owned(),
        Concern::NotLookedInto { folder, .. } => format!("{folder} not looked into"),
    }
}

/// The one fact that matters of a stage that passed, with who signed in where the server is known.
pub fn key(record: &StageRecord, server: Option<&Server>) -> String {
    let mut parts: Vec<String> = record.facts.iter().filter_map(|fact| short(fact, record)).collect();
    if let (Stage::Login, Some(server)) = (record.at.stage, server) {
        let mechanism = if parts.is_empty() { "signed in".to_owned() } else { parts.remove(0) };
        parts.insert(0, format!("{mechanism} as {}", server.username));
    }
    let removed = removed(record);
    let earlier = record.facts.iter().filter(|fact| matches!(fact, Fact::Leftover { removed: true, .. })).count();
    let earlier = match earlier {
        0 => String::new(),
        1 => "1 message of an earlier verification".to_owned(),
        several => format!("{several} messages of earlier verifications"),
    };
    match (removed.is_empty(), earlier.is_empty()) {
        (true, true) => {}
        (true, false) => parts.push(format!("removed {earlier}")),
        (false, true) => parts.push(format!("removed from {}", removed.join(", "))),
        (false, false) => parts.push(format!("removed from {}, and {earlier}", removed.join(", "))),
    }
    if parts.is_empty() && record.at.stage == Stage::Remove && record.concerns.is_empty() {
        parts.push("nothing was left".to_owned());
    }
    parts.join(", ")
}

/// The folders that something was removed from, with how much it was where it was more than one message.
fn removed(record: &StageRecord) -> Vec<String> {
    let folders = record.facts.iter().filter_map(|fact| match fact {
        Fact::Removed { folder, .. } => Some(folder.as_str()),
        _ => None,
    });
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for folder in folders {
        match counted.iter_mut().find(|(name, _)| *name == folder) {
            Some((_, times)) => *times += 1,
            None => counted.push((folder, 1)),
        }
    }
    let words =
        |(folder, times): (&str, usize)| if times == 1 { folder.to_owned() } else { format!("{folder} ({times})") };
    counted.into_iter().map(words).collect()
}

/// A fact in the table; `None` where it is not the one that matters.
fn short(fact: &Fact, record: &StageRecord) -> Option<String> {
    Some(match fact {
        Fact::Addresses { addresses } => few(addresses, 2),
        Fact::Address { address, used: true, .. } => address.clone(),
        Fact::Tls { version: Some(version), .. } => version.clone(),
        Fact::Certificate { days_left, .. } => format!("certificate good for {}", days(*days_left)),
        Fact::Greeting { text } => begin(text),
        Fact::RelayRefused { reply } => format!("refused without sign-in: {}", first_line(reply)),
        Fact::Token { again: true, .. } => "fetched before".to_owned(),
        Fact::Token { from, .. } => format!("from {from}"),
        Fact::Mechanism { name, .. } => name.clone(),
        Fact::CleartextPassword => "password unencrypted".to_owned(),
        Fact::Folder { role: Role::Inbox, name, messages: Some(number), .. } => {
            format!("{name} with {}", count(u64::from(*number), "message"))
        }
        Fact::Folder { name, .. } => name.clone(),
        Fact::Accepted { queue_id: Some(id), .. } => format!("accepted, queue id {id}"),
        Fact::Accepted { reply, .. } => format!("accepted: {}", begin(&reply.text)),
        Fact::Arrived { folder, noticed, earlier_by_at_most_seconds, .. } => {
            let doubt = match *earlier_by_at_most_seconds {
                0.0 => String::new(),
                doubt => format!(" (to within {})", seconds(doubt)),
            };
            format!("in {folder}, {}{doubt}", self::noticed(*noticed))
        }
        Fact::Identical { bytes } => format!("unchanged, {}", count(*bytes, "byte")),
        Fact::Changed { what: Change::Encoding, text: Some(encoding), .. } => format!("re-encoded in {encoding}"),
        Fact::Changed { what: Change::Subject, .. } => "with another subject".to_owned(),
        Fact::Hop { .. } if is_last_hop(fact, record) => hops(record),
        Fact::SentCopy { folder, filed_by, .. } => format!("in {folder}, {}", self::filed_by(*filed_by)),
        Fact::NotFiled { .. } => "no copy, which is fine by the settings".to_owned(),
        Fact::Kept => "messages left in place, as asked for".to_owned(),
        _ => return None,
    })
}

fn first_line(reply: &Reply) -> String {
    begin(&reply.to_string())
}

/// How a server's words begin: a line of the table is not the place for all that it may say in one.
fn begin(text: &str) -> String {
    human::short(text.lines().next().unwrap_or_default(), LONGEST_WORDS)
}

fn is_last_hop(fact: &Fact, record: &StageRecord) -> bool {
    let last = record.facts.iter().rfind(|fact| matches!(fact, Fact::Hop { .. }));
    last.is_some_and(|last| std::ptr::eq(last, fact))
}

fn hops(record: &StageRecord) -> String {
    count(record.facts.iter().filter(|fact| matches!(fact, Fact::Hop { .. })).count() as u64, "hop")
}

/// All of a fact, in one line.
pub fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Addresses { addresses } => format!("addresses: {}", addresses.join(", ")),
        Fact::Address { address, result, seconds, used } => {
            let used = if *used { ", used" } else { "" };
            format!("{address}: {} after {}{used}", dialled(*result), self::seconds(*seconds))
        }
        Fact::Tls { version, cipher, handshake_seconds } => {
            let (version, cipher) = (known(version, "TLS"), known(cipher, "cipher unknown"));
            format!("{version}, {cipher}, handshake {}", seconds(*handshake_seconds))
        }
        Fact::Certificate { names, issuer, not_after, days_left } => certificate(names, issuer, not_after, *days_left),
        Fact::Greeting { text } => format!("greeting: {text}"),
        Fact::Capabilities { names } => format!("capabilities: {}", names.join(", ")),
        Fact::RelayRefused { reply } => format!("answer without sign-in: {reply}"),
        Fact::Token { .. } => token(fact),
        Fact::Mechanism { name, also_offered } if also_offered.is_empty() => {
            format!("mechanism {name}, nothing else offered")
        }
        Fact::Mechanism { name, also_offered } => {
            format!("mechanism {name}; also offered: {}", also_offered.join(", "))
        }
        Fact::UsernameWithoutDomain { username } => format!("the username {username} has no domain"),
        Fact::PasswordEdgeWhitespace => "the password begins or ends in white space".to_owned(),
        Fact::CleartextPassword => "the password was sent unencrypted".to_owned(),
        Fact::Quota { used_kib, limit_kib } => quota(*used_kib, *limit_kib),
        Fact::Folder { role, name, known_by, messages, uid_next } => {
            folder(*role, name, *known_by, *messages, *uid_next)
        }
        Fact::Folders { .. } => folders(fact),
        Fact::Alert { reply } => format!("for the user of the mailbox: {reply}"),
        Fact::Accepted { reply, .. } => format!("answer: {reply}"),
        Fact::Arrived { folder, uid, noticed, earlier_by_at_most_seconds } => format!(
            "in {folder}{}, {}, at most {} before it was noticed",
            numbered(*uid),
            self::noticed(*noticed),
            seconds(*earlier_by_at_most_seconds)
        ),
        Fact::Unannounced { idle_seconds, .. } => {
            format!("not announced, though the server had been idling for {}", seconds(*idle_seconds))
        }
        Fact::Changed { what, lines, text } => changed(*what, *lines, text.as_deref()),
        Fact::Identical { bytes } => format!("the body is unchanged, {}", count(*bytes, "byte")),
        Fact::Hop { from, by, with, at, seconds } => hop([from, by, with, at], *seconds),
        Fact::AuthenticationResults { text } => format!("Authentication-Results: {text}"),
        Fact::SentCopy { folder, uid, filed_by } => {
            format!("copy in {folder}, UID {uid}, {}", self::filed_by(*filed_by))
        }
        Fact::NotFiled { why } => format!("there is no copy: {why}"),
        Fact::Removed { folder, uid } => format!("removed from {folder}{}", numbered(*uid)),
        Fact::Leftover { .. } => leftover(fact),
        Fact::RemovedAgain { why } => format!("removed in a second session: {why}"),
        Fact::TurnedAway { times, reply } => {
            format!("turned away {} while looking for new mail: {reply}", count(u64::from(*times), "time"))
        }
        Fact::Kept => "the messages were left where they are, as asked for".to_owned(),
    }
}

fn folders(fact: &Fact) -> String {
    let Fact::Folders { wanted, names, more, likely } = fact else { return String::new() };
    let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
    let likely = likely.as_ref().map(|name| format!("; likely {name}")).unwrap_or_default();
    format!("no {} folder among these: {}{more}{likely}", role(*wanted), names.join(", "))
}

fn changed(what: Change, lines: Option<u64>, text: Option<&str>) -> String {
    let what = match what {
        Change::AddedBelow => "text added below",
        Change::AddedAbove => "text added above",
        Change::Rewrapped => "lines wrapped anew",
        Change::Edited => "lines changed",
        Change::Replaced => "text replaced",
        Change::Repacked => "another type",
        Change::Encoding => "another transfer encoding",
        Change::Subject => "another subject",
    };
    let lines = lines.map(|lines| format!(", {}", count(lines, "line"))).unwrap_or_default();
    let text = text.map(|text| format!(": {text}")).unwrap_or_default();
    format!("{what}{lines}{text}")
}

fn leftover(fact: &Fact) -> String {
    let Fact::Leftover { folder, uid, tag, from, sent, after_seconds, removed } = fact else { return String::new() };
    let arrived = after_seconds.map(|after| format!(", arrived after {}", seconds(after))).unwrap_or_default();
    let became = if *removed { "removed from" } else { "still in" };
    format!(
        "of an earlier verification, sent {sent} by {from}, tag {tag}{arrived}: {became} {folder}{}",
        numbered(*uid)
    )
}

fn token(fact: &Fact) -> String {
    let Fact::Token { from, lifetime_seconds, scope, again, another_refresh_token } = fact else {
        return String::new();
    };
    let mut text = format!("token from {from}{}", if *again { ", fetched before" } else { "" });
    text += &lifetime_seconds.map(|life| format!(", good for {}", seconds(life as f64))).unwrap_or_default();
    text += &scope.as_ref().map(|scope| format!(", scope {scope}")).unwrap_or_default();
    text + if *another_refresh_token { "; another refresh token came with it" } else { "" }
}

fn certificate(names: &[String], issuer: &str, not_after: &str, days_left: i64) -> String {
    let end = match days_left {
        0.. => format!("ends {not_after}, in {}", days(days_left)),
        _ => format!("ended {not_after}, {} ago", count(days_left.unsigned_abs(), "day")),
    };
    format!("certificate for {}; issued by {issuer}; {end}", names.join(", "))
}

fn known<'a>(text: &'a Option<String>, otherwise: &'a str) -> &'a str {
    text.as_deref().unwrap_or(otherwise)
}

fn numbered(uid: Option<u32>) -> String {
    uid.map(|uid| format!(", UID {uid}")).unwrap_or_default()
}

/// `1.2 of 2.0 GiB used`.
pub fn quota(used_kib: u64, limit_kib: u64) -> String {
    let (unit, size) = if limit_kib >= 1 << 20 { ("GiB", 1_048_576.0) } else { ("MiB", 1024.0) };
    format!("{:.1} of {:.1} {unit} used", used_kib as f64 / size, limit_kib as f64 / size)
}

fn days(days: i64) -> String {
    match days {
        0.. => count(days.unsigned_abs(), "day"),
        _ => format!("-{}", count(days.unsigned_abs(), "day")),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Inbox => "inbox",
        Role::Junk => "junk",
        Role::Sent => "sent",
    }
}

fn folder(role: Role, name: &str, known_by: KnownBy, messages: Option<u32>, uid_next: Option<u32>) -> String {
    let role = self::role(role);
    let known_by = match known_by {
        KnownBy::Protocol => "the protocol",
        KnownBy::Configuration => "the configuration",
        KnownBy::SpecialUse => "the server's mark",
        KnownBy::Name => "its name",
    };
    let messages = messages.map(|n| format!(", {}", count(u64::from(n), "message"))).unwrap_or_default();
    let next = uid_next.map(|uid| format!(", next UID {uid}")).unwrap_or_default();
    format!("{role} folder: {name} (known by {known_by}){messages}{next}")
}

fn hop([from, by, with, at]: [&Option<String>; 4], after: Option<f64>) -> String {
    let after = after.map(|time| format!(" (+{})", seconds(time)).replace("+-", "-")).unwrap_or_default();
    let with = with.as_ref().map(|with| format!(" with {with}")).unwrap_or_default();
    let at = at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
    format!("hop from {} by {}{with}{at}{after}", known(from, "unknown"), known(by, "unknown"))
}

fn noticed(noticed: Noticed) -> &'static str {
    match noticed {
        Noticed::Asked => "seen by asking",
        Noticed::Announced => "announced by the server",
        Noticed::Polled => "seen by the slow poll",
    }
}

fn filed_by(filed_by: FiledBy) -> &'static str {
    match filed_by {
        FiledBy::Server => "filed by the server",
        FiledBy::Append => "filed by mailtrip, as a mail program does",
    }
}

fn dialled(result: Dialled) -> &'static str {
    match result {
        Dialled::Connected => "connected",
        Dialled::Refused => "refused",
        Dialled::Unreachable => "unreachable",
        Dialled::NoRoute => "no route from this machine",
        Dialled::NoAnswer => "did not answer",
        Dialled::NoSocket => "too many open files",
        Dialled::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Protocol;
    use crate::stage::At;

    #[test]
    fn a_folder_that_several_messages_were_removed_from_is_named_once() {
        let removed = |folder: &str| Fact::Removed { folder: folder.to_owned(), uid: None };
        let record = StageRecord {
            at: At::new(Leg::Cleanup, Stage::Remove, Protocol::Imap),
            account: "bob".to_owned(),
            span: None,
            facts: ["Sent", "Sent", "INBOX"].map(removed).into(),
            concerns: Vec::new(),
            status: Status::Passed,
        };
        assert_eq!(key(&record, None), "removed from Sent (2), INBOX");
    }
}
