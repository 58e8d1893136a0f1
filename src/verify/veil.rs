//! The veil over secrets in what a server says.
//!
//! What is sent is never kept ([`crate::wire::transcript`]); but a server may repeat a line that it does not
//! understand, and what it says is kept word for word.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::account::{Account, Credentials, Secret};
use crate::check::Check;
use crate::failure::{Failure, Reply, Skip};
use crate::outcome::{Concern, Fact, StageRecord, Status};

/// What stands in place of a secret.
const VEILED: &str = "***";

/// A piece of base64 of this length is taken for a piece of a secret: a line may have been cut anywhere.
const PIECE: usize = 8;

/// Shorter passwords are words that servers use: they are covered only where they are quoted or in base64.
const SHORTEST: usize = 4;

/// The forms in which the secrets of a check are sent.
#[derive(Default)]
pub struct Veil(Vec<Form>);

struct Form {
    text: Zeroizing<String>,
    /// How much of it must be there to be covered.
    piece: usize,
}

impl Veil {
    /// Over the passwords of both accounts.
    pub fn of(check: &Check) -> Veil {
        Veil::over([Some(check.from()), check.to().account()].into_iter().flatten())
    }

    /// Over the passwords of these accounts.
    pub fn over<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Veil {
        let endpoints = accounts.into_iter().flat_map(|account| [&account.smtp, &account.imap, &account.pop3]);
        Veil(endpoints.flatten().flat_map(|endpoint| forms(&endpoint.credentials)).collect())
    }

    /// Covers the secrets in a text.
    pub fn cover(&self, text: &mut String) {
        for form in &self.0 {
            form.cover(text);
        }
    }

    /// Covers them wherever a record quotes a server that has seen them.
    pub fn cover_record(&self, record: &mut StageRecord) {
        match &mut record.status {
            Status::Failed(failure) => self.cover_failure(failure),
            Status::Skipped(Skip::Inconclusive { failure }) => self.cover_failure(failure),
            _ => {}
        }
        for fact in &mut record.facts {
            if let Fact::Accepted { reply, .. } | Fact::RelayRefused { reply } = fact {
                self.cover_reply(reply);
            }
        }
        for concern in &mut record.concerns {
            match concern {
                Concern::LeftBehind { why, .. } | Concern::NotLookedInto { why, .. } => self.cover(why),
                Concern::RelaysWithoutAuthentication { reply } => self.cover_reply(reply),
                _ => {}
            }
        }
    }

    fn cover_failure(&self, Failure { reply, detail, .. }: &mut Failure) {
        reply.iter_mut().for_each(|reply| self.cover_reply(reply));
        detail.iter_mut().for_each(|detail| self.cover(detail));
    }

    fn cover_reply(&self, reply: &mut Reply) {
        self.cover(&mut reply.text);
        reply.response_code.iter_mut().for_each(|code| self.cover(code));
    }
}

fn forms(credentials: &Credentials) -> Vec<Form> {
    let Some(password) = credentials.proof.password().map(Secret::expose).filter(|password| !password.is_empty())
    else {
        return Vec::new();
    };
    let whole = |text: String| Form { piece: text.len(), text: Zeroizing::new(text) };
    let coded = |text: Zeroizing<String>| Form { piece: PIECE.min(text.len()), text };
    let escaped = Zeroizing::new(password.replace('\\', "\\\\").replace('"', "\\\""));
    let plainly = match password.len() < SHORTEST {
        true => vec![whole(format!("\"{}\"", *escaped))],
        false => vec![whole(password.to_owned()), whole(escaped.to_string())],
    };
    let plain = Zeroizing::new(format!("\0{}\0{password}", credentials.username));
    let in_base64 = [coded(Zeroizing::new(BASE64.encode(password))), coded(Zeroizing::new(BASE64.encode(&*plain)))];
    plainly.into_iter().chain(in_base64).collect()
}

impl Form {
    fn cover(&self, text: &mut String) {
        let pieces: HashSet<&[u8]> = self.text.as_bytes().windows(self.piece).collect();
        let mut covered = Zeroizing::new(String::new());
        let mut kept_to = 0;
        let mut place = 0;
        while let Some(piece) = text.as_bytes().get(place..place + self.piece) {
            if !pieces.contains(piece) {
                place += 1;
                continue;
            }
            let mut end = place + 1;
            while text.as_bytes().get(end..end + self.piece).is_some_and(|piece| pieces.contains(piece)) {
                end += 1;
            }
            end += self.piece - 1;
            covered.push_str(&text[kept_to..place]);
            covered.push_str(VEILED);
            (kept_to, place) = (end, end);
        }
        if kept_to > 0 {
            covered.push_str(&text[kept_to..]);
            *text = std::mem::take(&mut *covered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(password: &str, text: &str) -> String {
        let credentials = Credentials { username: "alice".to_owned(), proof: Secret::new(password).into() };
        let mut text = text.to_owned();
        Veil(forms(&credentials)).cover(&mut text);
        text
    }

    #[test]
    fn a_password_is_covered_in_every_form_in_which_it_is_sent() {
        assert_eq!(covered("hunter2", "no such word: hunter2!"), "no such word: ***!");
        assert_eq!(covered("a\"b\\c", r#"A1 BAD LOGIN alice "a\"b\\c""#), r#"A1 BAD LOGIN alice "***""#);
        assert_eq!(covered("hunter2", "unknown: AUTH PLAIN AGFsaWNlAGh1bnRlcjI= (5)"), "unknown: AUTH PLAIN *** (5)");
        assert_eq!(covered("hunter2", "unknown: ZQBodW50ZXIy, AGh1bnRlcjI="), "unknown: ZQBodW50ZXIy, ***");
        assert_eq!(covered("pässwörd", "é pässwörd é pässwörd"), "é *** é ***");
    }

    #[test]
    fn a_short_password_is_covered_where_it_can_be_no_other_word() {
        assert_eq!(covered("abc", "unknown: AUTH PLAIN AGFsaWNlAGFiYw=="), "unknown: AUTH PLAIN ***");
        assert_eq!(covered("abc", "unknown: YWJj"), "unknown: ***");
        assert_eq!(covered("abc", r#"A1 BAD LOGIN alice "abc""#), "A1 BAD LOGIN alice ***");
        assert_eq!(covered("no", "no such user"), "no such user");
    }

    #[test]
    fn other_words_stay() {
        for text in ["5.7.8 authentication failed", "", "AGFs", "é"] {
            assert_eq!(covered("hunter2", text), text);
            assert_eq!(covered("no", text), text);
        }
    }
}
