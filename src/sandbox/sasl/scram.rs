//! SCRAM-SHA-256, RFC 5802 and RFC 7677, as the server does it.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};

use super::{Claim, Step, account, challenge};
use crate::sandbox::settings::User;

const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
const SALT: &[u8] = b"sandbox salt";

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Scram {
    user: String,
    /// Client-first-bare and server-first: the beginning of AuthMessage.
    said: String,
    nonce: String,
    proven: bool,
}

impl Scram {
    pub fn respond(&mut self, response: &[u8], accounts: &[User]) -> Step {
        let Ok(text) = std::str::from_utf8(response) else { return Step::Malformed };
        if self.proven {
            // The client has seen the signature, and has nothing to add (RFC 5802 §5).
            let user = std::mem::take(&mut self.user);
            return if text.is_empty() { Step::Claim(Claim::Proven { user }) } else { Step::Malformed };
        }
        if self.said.is_empty() { self.first(text) } else { self.last(text, accounts) }
    }

    /// `n,,n=user,r=nonce`, without channel binding and without acting for somebody else.
    fn first(&mut self, text: &str) -> Step {
        let bare = text.strip_prefix("n,,").or(text.strip_prefix("y,,"));
        let parts = bare.and_then(|bare| bare.strip_prefix("n=")?.split_once(",r="));
        let (Some(bare), Some((user, nonce))) = (bare, parts.filter(|(_, nonce)| !nonce.is_empty())) else {
            return Step::Malformed;
        };
        self.user = user.replace("=2C", ",").replace("=3D", "=");
        self.nonce = format!("{nonce}{}", uuid::Uuid::new_v4().simple());
        let first = format!("r={},s={},i={ITERATIONS}", self.nonce, STANDARD.encode(SALT));
        self.said = format!("{bare},{first}");
        challenge(&first)
    }

    /// `c=biws,r=nonce,p=proof`
    fn last(&mut self, text: &str, accounts: &[User]) -> Step {
        let Some((unproven, proof)) = text.rsplit_once(",p=") else { return Step::Malformed };
        let nonce = unproven.strip_prefix("c=biws,r=").or(unproven.strip_prefix("c=eSws,r="));
        let (Some(nonce), Ok(proof)) = (nonce, STANDARD.decode(proof)) else { return Step::Malformed };
        let Some(user) = account(&self.user, accounts).filter(|_| nonce == self.nonce) else {
            return Step::Claim(Claim::Disproven);
        };
        let message = format!("{},{unproven}", self.said);
        let keys = Keys::of(&user.password, SALT, ITERATIONS);
        if !keys.proves(&proof, &message) {
            return Step::Claim(Claim::Disproven);
        }
        self.proven = true;
        challenge(&format!("v={}", STANDARD.encode(sign(&keys.server, message.as_bytes()))))
    }
}

/// What a server stores of a password (RFC 5802 §3).
struct Keys {
    stored: Vec<u8>,
    server: Key,
}

impl Keys {
    fn of(password: &str, salt: &[u8], iterations: NonZeroU32) -> Keys {
        let mut salted = [0; 32];
        derive(PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
        let salted = Key::new(HMAC_SHA256, &salted);
        let stored = digest(&SHA256, sign(&salted, b"Client Key").as_ref()).as_ref().to_vec();
        Keys { stored, server: Key::new(HMAC_SHA256, sign(&salted, b"Server Key").as_ref()) }
    }

    /// ClientKey is ClientProof XOR ClientSignature, and its hash is what is stored.
    fn proves(&self, proof: &[u8], message: &str) -> bool {
        let signature = sign(&Key::new(HMAC_SHA256, &self.stored), message.as_bytes());
        let key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        proof.len() == signature.as_ref().len() && digest(&SHA256, &key).as_ref() == self.stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_and_the_signature_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Keys::of("pencil", &salt, ITERATIONS);
        let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        assert!(keys.proves(&proof, message));
        assert!(!keys.proves(&proof[..31], message) && !keys.proves(&proof, "n=user"));
        let signature = STANDARD.encode(sign(&keys.server, message.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
