//! Rules for what a server refuses because of who it is from: the address of this machine, the account, or a message that
//! is taken for spam.

use crate::account::Protocol;
use crate::failure::Step;
use crate::stage::Stage;

use super::case::Case;
use super::wait::wait;
use super::{Certainty::*, Diagnosis};

/// How servers say that the address of this machine is on a list.
pub const LISTED: &[&str] = &[
    "blocked using",
    "spamhaus",
    "spamcop",
    "barracuda",
    "dnsbl",
    " rbl",
    "block list",
    "blocklist",
    "black list",
    "blacklist",
    "banned sending ip",
    "ip reputation",
    "client host rejected",
    "client host blocked",
    "not allowed to connect",
    "traffic not accepted from this ip",
    "intrusion prevention",
];

/// A list of web addresses is about the message.
const CONTENT: &[&str] = &["uribl", "surbl", "dbl.", "url"];

const NAMELESS: &[&str] = &["cannot find your", "reverse dns", "ptr record", "rdns"];

const DISABLED: &[&str] = &[
    "suspended",
    "account is disabled",
    "account disabled",
    "account has been disabled",
    "user is disabled",
    "user disabled",
    "mailbox is disabled",
    "mailbox disabled",
    "account is locked",
    "account locked",
    "account has been locked",
    "account is blocked",
    "account blocked",
    "account has been blocked",
    "deactivated",
    "gesperrt",
];

/// What is said of an account that may still sign in, and send no more.
const HELD: &[&str] = &[
    "has been suspended",
    "account suspended",
    "account is suspended",
    "outgoing mail suspension",
    "outgoing mail hold",
    "bad outbound sender",
];

const SPAM: &[&str] = &["spam", "unsolicited", "junk mail", "junkmail", "bulk mail", "bulk e-mail"];

/// The server does not talk to the address of this machine: X.7.25 (RFC 7372 §3.3), Microsoft's numbers, or what it says.
pub fn client_address(case: &Case) -> Option<Diagnosis> {
    if !case.turned_down() {
        return None;
    }
    let unnamed = case.about(&["7.25"]);
    if unnamed || case.says(NAMELESS) {
        return Some(nameless(case, unnamed));
    }
    if !by_microsoft(case) && (!case.says(LISTED) || case.says(CONTENT)) {
        return None;
    }
    let cause = format!("{} refuses the network address of this machine: it is on a block list.", case.host());
    let own = "The server asks the block list in a way that the list does not answer: tell the provider.";
    let link =
        "If the address stays yours, have it taken off the list: the server's words name the list, or hold a link.";
    Some(
        case.because("client-address-blocked", Likely, cause)
            .advise_all(case.says(&["open resolver"]).then(|| own.to_owned()))
            .advise_all(submission(case))
            .advise("Try from another network, without a VPN or proxy: addresses of homes, hotels and data centres are often listed.")
            .advise(link),
    )
}

fn nameless(case: &Case, coded: bool) -> Diagnosis {
    let cause = format!("{} refuses this machine, because its network address has no name in DNS.", case.host());
    case.because("client-address-blocked", if coded { Certain } else { Likely }, cause)
        .advise_all(submission(case))
        .advise("Try from another network, without a VPN or proxy.")
        .advise(
            "If the address is yours, have its network's provider give it a name (a PTR record that leads back to it).",
        )
}

/// On the submission port it is the sign-in that counts.
fn submission(case: &Case) -> Option<String> {
    let between_servers = case.protocol() == Protocol::Smtp && matches!(case.port(), Some(port) if port == 25);
    between_servers.then(|| {
        format!("Use the submission port, where the sign-in counts and not the address: {}.", case.submission_port())
    })
}

/// 5.7.511, 5.7.513, 5.7.606 to 649, 4.7.650 and 651, 5.7.708: Exchange Online's numbers for addresses.
fn by_microsoft(case: &Case) -> bool {
    let number = case.enhanced().split_once(".7.").and_then(|(_, number)| number.parse().ok());
    number.is_some_and(|number: u16| matches!(number, 511 | 513 | 606..=651 | 708))
}

/// The account is locked, suspended or disabled: X.7.13 and 525 (RFC 5248), X.2.1 (RFC 3463 §3.3), RFC 5530 `CONTACTADMIN`.
pub fn account(case: &Case) -> Option<Diagnosis> {
    let login = case.refused_at(Stage::Login);
    if !login && case.step().is_none() {
        return None;
    }
    let certain = case.about(&["7.13"]) || case.coded(&[525]);
    let coded = login && (case.about(&["2.1"]) || case.responded(&["CONTACTADMIN"]));
    let said = if login { case.says(DISABLED) } else { case.says(HELD) };
    if !(certain || coded || said) {
        return None;
    }
    let certainty = if certain { Certain } else { Likely };
    let usual = "A lock for too many wrong passwords ends by itself after some time: do not keep trying.";
    let stolen = "Change the password: mostly it is somebody else that has sent from the account.";
    let (cause, then) = match login {
        true => {
            ("The server calls the account locked, suspended or disabled, not the password wrong.", wait(case, usual))
        }
        false => ("The account may not send: the provider has suspended it, or its sending.", stolen.to_owned()),
    };
    Some(
        case.because("account-disabled", certainty, cause)
            .advise("Sign in on the provider's web site: it says why, and often unlocks the account.")
            .advise(then)
            .advise("If the web site lets you in and shows nothing, ask the provider, or your administrator."),
    )
}

/// The message was taken for spam. There is no code for that: 5.7.1 and 5.7.0 have many other uses.
pub fn spam(case: &Case) -> Option<Diagnosis> {
    if !matches!(case.step()?, Step::Data | Step::Message) || !case.says(SPAM) {
        return None;
    }
    let cause = "The server took the message for spam.";
    Some(
        case.because("taken-for-spam", Likely, cause)
            .advise("The message is short and plain: a filter that refuses it distrusts the sender. Sign in on the web site, and look whether the account is marked.")
            .advise("Show the server's words to the provider: a link or a number in them names the filter.")
            .advise("If the server is your own, look in the log of its filter, and let mail of those who signed in pass."),
    )
}
