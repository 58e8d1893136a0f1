//! The server's side of SASL. Nothing of it is shared with the clients of this crate but the arithmetic of `ring` and `md5`.

mod bearer;
mod cram;
mod scram;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::settings::User;
use scram::Scram;

/// A conversation about credentials.
#[derive(Debug)]
pub(super) struct Exchange {
    accounts: Vec<User>,
    state: State,
}

#[derive(Debug)]
enum State {
    Plain,
    Login { user: Option<Vec<u8>> },
    Bearer { form: bearer::Form, refused: bool },
    Cram { challenge: String },
    Scram(Scram),
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this challenge, base64 (it may be empty), and read another line.
    Challenge(String),
    /// Judge this.
    Claim(Claim),
    /// The client took its attempt back with `*`.
    Cancelled,
    /// Not base64, or not what the mechanism asks for.
    Malformed,
}

/// Who the client says it is, and what there is to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// A password, to be compared.
    Password { user: Vec<u8>, password: Vec<u8> },
    /// The mechanism has shown that it is true.
    Proven { user: String },
    /// The mechanism has shown that it is not.
    Disproven,
}

impl Exchange {
    /// Begins; `None` for a mechanism that is not known here.
    pub fn begin(mechanism: &str, accounts: &[User]) -> Option<Self> {
        let state = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => State::Plain,
            "LOGIN" => State::Login { user: None },
            "XOAUTH2" => State::Bearer { form: bearer::Form::Xoauth2, refused: false },
            "OAUTHBEARER" => State::Bearer { form: bearer::Form::Oauthbearer, refused: false },
            "CRAM-MD5" => State::Cram { challenge: cram::challenge() },
            "SCRAM-SHA-256" => State::Scram(Scram::default()),
            _ => return None,
        };
        Some(Self { accounts: accounts.to_vec(), state })
    }

    /// What to say when the client sent no initial response.
    pub fn first(&self) -> Step {
        challenge(match &self.state {
            State::Login { .. } => "Username:",
            State::Cram { challenge } => challenge,
            _ => "",
        })
    }

    /// Takes an initial response, in which `=` stands for the empty one (RFC 4954 §4).
    pub fn initial(&mut self, response: &[u8]) -> Step {
        if matches!(self.state, State::Cram { .. }) {
            return Step::Malformed; // the server speaks first
        }
        self.respond(if response == b"=" { b"" } else { response })
    }

    /// Takes the client's next line.
    pub fn respond(&mut self, line: &[u8]) -> Step {
        if line == b"*" {
            return Step::Cancelled;
        }
        let Ok(response) = STANDARD.decode(line) else {
            return Step::Malformed;
        };
        match &mut self.state {
            State::Plain => plain(&response),
            State::Login { user } => match user.take() {
                None => {
                    *user = Some(response);
                    challenge("Password:")
                }
                Some(user) => Step::Claim(Claim::Password { user, password: response }),
            },
            // It has said why already; whatever the client answers to that, it is refused now.
            State::Bearer { refused: true, form } => match form.ends(&response) {
                true => Step::Claim(Claim::Disproven),
                false => Step::Malformed,
            },
            State::Bearer { form, refused } => {
                let step = form.judge(&response, &self.accounts);
                *refused = matches!(step, Step::Challenge(_));
                step
            }
            State::Cram { challenge } => cram::judge(challenge, &response, &self.accounts),
            State::Scram(scram) => scram.respond(&response, &self.accounts),
        }
    }
}

fn challenge(text: &str) -> Step {
    Step::Challenge(STANDARD.encode(text))
}

/// The account of a login name.
fn account<'a>(name: &str, accounts: &'a [User]) -> Option<&'a User> {
    accounts.iter().find(|user| user.address.eq_ignore_ascii_case(name))
}

/// `[authzid] NUL authcid NUL passwd`, RFC 4616 §2. Acting for somebody else is not on offer.
fn plain(response: &[u8]) -> Step {
    let mut parts = response.split(|&byte| byte == 0);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(other), Some(user), Some(password), None)
            if !user.is_empty() && (other.is_empty() || other.eq_ignore_ascii_case(user)) =>
        {
            Step::Claim(Claim::Password { user: user.to_vec(), password: password.to_vec() })
        }
        _ => Step::Malformed,
    }
}
