//! The veil over secrets in what a server says.
//!
//! What is sent is never kept ([`crate::wire::transcript`]); but a server may repeat a line that it does not
//! understand, and what it says is kept word for word.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::account::{Account, Credentials, Proof, Secret};
use crate::check::Check;
use crate::failure::{Failure, Kind, Reply, Skip};
use crate::outcome::{Concern, Fact, StageRecord, Status};

/// What stands in place of a secret.
const VEILED: &str = "***";

/// A piece of base64 or of a token of this length is taken for a piece of a secret: a line may have been cut anywhere.
const PIECE: usize = 8;

/// Shorter passwords are words that servers use: they are covered only where they are quoted or in base64.
const SHORTEST: usize = 4;

/// The forms in which the secrets of a check are sent.
#[derive(Default)]
pub struct Veil(Mutex<Vec<Form>>);

struct Form {
    text: Zeroizing<String>,
    /// How much of it must be there to be covered.
    piece: usize,
    /// Where its pieces begin, in the order of the pieces.
    order: Vec<usize>,
}

impl Veil {
    /// Over what both accounts sign in by, and what tokens are asked for with.
    pub fn of(check: &Check) -> Veil {
        Veil::over([Some(check.from()), check.to().account()].into_iter().flatten())
    }

    /// Over what these accounts sign in by, and what tokens are asked for with.
    pub fn over<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Veil {
        let endpoints = accounts.into_iter().flat_map(|account| [&account.smtp, &account.imap, &account.pop3]);
        Veil(Mutex::new(endpoints.flatten().flat_map(|endpoint| forms(&endpoint.credentials)).collect()))
    }

    /// From now on over this access token, too.
    pub fn add(&self, token: &Secret) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !forms.iter().any(|form| form.text.as_str() == token.expose()) {
            forms.extend(forms_of_token(token));
        }
    }

    /// Covers the secrets in a text.
    pub fn cover(&self, text: &mut String) {
        for form in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
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
            if let Fact::Accepted { reply, .. } | Fact::RelayRefused { reply } | Fact::TurnedAway { reply, .. } = fact {
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

    fn cover_failure(&self, Failure { kind, reply, detail }: &mut Failure) {
        if let Kind::TokenRefused { error, description } = kind {
            self.cover(error);
            description.iter_mut().for_each(|description| self.cover(description));
        }
        reply.iter_mut().for_each(|reply| self.cover_reply(reply));
        detail.iter_mut().for_each(|detail| self.cover(detail));
    }

    fn cover_reply(&self, reply: &mut Reply) {
        self.cover(&mut reply.text);
        reply.response_code.iter_mut().for_each(|code| self.cover(code));
    }
}

fn forms(credentials: &Credentials) -> Vec<Form> {
    match &credentials.proof {
        Proof::Password(password) => forms_of_password(&credentials.username, password.expose()),
        tokens @ Proof::Token(_) => tokens.secrets().into_iter().flat_map(forms_of_token).collect(),
    }
}

/// Plainly, and in base64, where it can begin at any of three places of a longer text.
fn forms_of_token(token: &Secret) -> impl Iterator<Item = Form> {
    let token = Zeroizing::new(token.expose().to_owned());
    let shifted = |shift: usize| {
        let longer = Zeroizing::new([&[0; 2][..shift], token.as_bytes()].concat());
        let mut text = Zeroizing::new(BASE64.encode(&*longer));
        // Its first and last character may hold bits of something else.
        text.truncate(longer.len() * 8 / 6);
        let lead = (shift * 8).div_ceil(6).min(text.len());
        text.drain(..lead);
        Form::coded(text)
    };
    let forms = [Form::coded(token.clone()), shifted(0), shifted(1), shifted(2)];
    forms.into_iter().filter(|form| form.text.len() >= SHORTEST)
}

fn forms_of_password(username: &str, password: &str) -> Vec<Form> {
    if password.is_empty() {
        return Vec::new();
    }
    let whole = |text: String| Form::new(text.len(), Zeroizing::new(text));
    let escaped = Zeroizing::new(password.replace('\\', "\\\\").replace('"', "\\\""));
    let plainly = match password.len() < SHORTEST {
        true => vec![whole(format!("\"{}\"", *escaped))],
        false => vec![whole(password.to_owned()), whole(escaped.to_string())],
    };
    let plain = Zeroizing::new(format!("\0{username}\0{password}"));
    let in_base64 = [password, &plain].map(|text| Form::coded(Zeroizing::new(BASE64.encode(text))));
    plainly.into_iter().chain(in_base64).collect()
}

impl Form {
    fn new(piece: usize, text: Zeroizing<String>) -> Form {
        let mut form = Form { piece, order: (0..=text.len() - piece).collect(), text };
        let mut order = std::mem::take(&mut form.order);
        order.sort_by_key(|&place| form.piece(place));
        Form { order, ..form }
    }

    fn coded(text: Zeroizing<String>) -> Form {
        Form::new(PIECE.min(text.len()), text)
    }

    fn piece(&self, place: usize) -> &[u8] {
        self.text.as_bytes().get(place..place + self.piece).unwrap_or_default()
    }

    fn holds(&self, piece: &[u8]) -> bool {
        self.order.binary_search_by_key(&piece, |&place| self.piece(place)).is_ok()
    }

    fn cover(&self, text: &mut String) {
        let mut covered = Zeroizing::new(String::new());
        let mut kept_to = 0;
        let mut place = 0;
        while let Some(piece) = text.as_bytes().get(place..place + self.piece) {
            if !self.holds(piece) {
                place += 1;
                continue;
            }
            let mut end = place + 1;
            while text.as_bytes().get(end..end + self.piece).is_some_and(|piece| self.holds(piece)) {
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
        Veil(Mutex::new(forms(&credentials))).cover(&mut text);
        text
    }

    #[test]
    fn a_token_is_covered_where_it_was_cut_and_in_base64_wherever_it_begins() {
        let token = "ya29.a0AfH6SMBx_vQ-7Zq9";
        let veil = Veil::default();
        veil.add(&Secret::new(token));
        let covered = |text: &str| {
            let mut text = text.to_owned();
            veil.cover(&mut text);
            text
        };
        assert_eq!(covered(&format!("no such token: {token}")), "no such token: ***");
        assert_eq!(covered(&format!("no such token: {}…", &token[3..14])), "no such token: ***…");
        for lead in ["", "1", "22", "333"] {
            let text = covered(&BASE64.encode(format!("{lead}{token}{lead}")));
            let left: usize = text.split("***").map(str::len).sum();
            assert!(text.contains("***") && left <= lead.len() * 4 + 4, "{text}");
        }
        assert_eq!(covered("535 5.7.8 eyJzdGF0dXMiOiI0MDEifQ=="), "535 5.7.8 eyJzdGF0dXMiOiI0MDEifQ==");
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
