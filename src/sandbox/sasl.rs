//! The server's side of SASL: the two mechanisms that people's mail programs use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A conversation about credentials.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    login: bool,
    user: Option<Vec<u8>>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this challenge, base64 (it may be empty), and read another line.
    Challenge(&'static str),
    /// Judge these.
    Credentials { user: Vec<u8>, password: Vec<u8> },
    /// The client took its attempt back with `*`.
    Cancelled,
    /// Not base64, or not what the mechanism asks for.
    Malformed,
}

impl Exchange {
    /// Begins; `None` for a mechanism that is not known here.
    pub fn begin(mechanism: &str) -> Option<Self> {
        match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Self::default()),
            "LOGIN" => Some(Self { login: true, user: None }),
            _ => None,
        }
    }

    /// What to say when the client sent no initial response.
    pub fn first(&self) -> Step {
        Step::Challenge(if self.login { "VXNlcm5hbWU6" } else { "" })
    }

    /// Takes an initial response, in which `=` stands for the empty one (RFC 4954 §4).
    pub fn initial(&mut self, response: &[u8]) -> Step {
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
        match (self.login, self.user.take()) {
            (false, _) => plain(&response),
            (true, None) => {
                self.user = Some(response);
                Step::Challenge("UGFzc3dvcmQ6")
            }
            (true, Some(user)) => Step::Credentials { user, password: response },
        }
    }
}

/// `[authzid] NUL authcid NUL passwd`, RFC 4616 §2. Acting for somebody else is not on offer.
fn plain(response: &[u8]) -> Step {
    let mut parts = response.split(|&byte| byte == 0);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(other), Some(user), Some(password), None)
            if !user.is_empty() && (other.is_empty() || other.eq_ignore_ascii_case(user)) =>
        {
            Step::Credentials { user: user.to_vec(), password: password.to_vec() }
        }
        _ => Step::Malformed,
    }
}
