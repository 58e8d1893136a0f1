//! XOAUTH2 (Google) and OAUTHBEARER (RFC 7628): a token that the account is set up with gets in.

use super::{Claim, Step, account, challenge};
use crate::sandbox::settings::User;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Xoauth2,
    Oauthbearer,
}

impl Form {
    /// Takes the client's message.
    pub fn judge(self, response: &[u8], accounts: &[User]) -> Step {
        let Some((user, token)) = std::str::from_utf8(response).ok().and_then(|text| self.read(text)) else {
            return Step::Malformed;
        };
        let known = account(&user, accounts).and_then(|user| user.token.as_deref());
        match known == Some(token) {
            true => Step::Claim(Claim::Proven { user }),
            false => challenge(self.refusal()),
        }
    }

    /// Whether that is what a client answers to the refusal: nothing, or %x01 (RFC 7628 §3.2.3).
    pub fn ends(self, response: &[u8]) -> bool {
        match self {
            Form::Xoauth2 => response.is_empty(),
            Form::Oauthbearer => response == [1],
        }
    }

    /// User and token.
    fn read(self, text: &str) -> Option<(String, &str)> {
        let fields = text.strip_suffix("\x01\x01")?;
        let mut fields = fields.split('\x01');
        let user = match (self, fields.next()?) {
            (Form::Xoauth2, first) => first.strip_prefix("user=")?.to_owned(),
            (Form::Oauthbearer, first) => {
                let name = first.strip_prefix("n,a=")?.strip_suffix(',')?;
                name.replace("=2C", ",").replace("=3D", "=")
            }
        };
        let credentials = fields.find_map(|field| field.strip_prefix("auth="))?;
        let (scheme, token) = credentials.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some((user, token))
    }

    fn refusal(self) -> &'static str {
        match self {
            Form::Xoauth2 => r#"{"status":"400","schemes":"Bearer","scope":"https://mail.sandbox.test/"}"#,
            Form::Oauthbearer => r#"{"status":"invalid_token","scope":"https://mail.sandbox.test/"}"#,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_the_documents_are_read() {
        let message = "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
        let token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
        assert_eq!(Form::Xoauth2.read(message), Some(("someuser@example.com".to_owned(), token)));
        let message = "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9d==\x01\x01";
        assert_eq!(Form::Oauthbearer.read(message), Some(("user@example.com".to_owned(), "vF9d==")));
        assert_eq!(Form::Xoauth2.read(message), None);
    }
}
