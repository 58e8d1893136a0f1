//! SCRAM-SHA-256 (RFC 7677, RFC 5802), without channel binding.
//!
//! Names and passwords are used as they are: for ASCII, SASLprep (RFC 4013) changes nothing.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use super::{Response, escaped};
use crate::failure::{Failure, Kind};
use crate::wire::excerpt;

/// A server may not keep this machine busy for longer than about a second.
const MOST_ITERATIONS: u32 = 1_000_000;

/// No channel binding (RFC 5802 §7), and the same in base64.
const HEADER: &str = "n,,";
const BINDING: &str = "c=biws";

/// The client's side of one exchange.
#[derive(Debug)]
pub(super) struct Scram {
    /// `n=…,r=…`
    first_bare: String,
    nonce: String,
    /// What the server has to prove itself by.
    signature: Option<Vec<u8>>,
    verified: bool,
}

impl Scram {
    pub fn new(username: &str) -> Scram {
        let mut random = [0; 18];
        // Without a source of random numbers there is no TLS connection to sign in on either.
        let _ = SystemRandom::new().fill(&mut random);
        Scram::with_nonce(username, &BASE64.encode(random))
    }

    fn with_nonce(username: &str, nonce: &str) -> Scram {
        let first_bare = format!("n={},r={nonce}", escaped(username));
        Scram { first_bare, nonce: nonce.to_owned(), signature: None, verified: false }
    }

    /// client-first-message
    pub fn first(&self) -> String {
        format!("{HEADER}{}", self.first_bare)
    }

    /// client-final-message, for the server-first-message.
    ///
    /// # Errors
    /// [`Kind::Malformed`]: the message is none, or is not an answer to ours.
    pub fn last(&mut self, password: &str, server_first: &[u8]) -> Result<Response, Failure> {
        let refuse = |why: &str| Failure::new(Kind::Malformed).detail(format!("{why}: {}", excerpt(server_first)));
        let text = std::str::from_utf8(server_first).map_err(|_| refuse("not SCRAM"))?;
        let attribute = |name: &str| text.split(',').find_map(|part| part.strip_prefix(name));
        if text.starts_with("m=") {
            return Err(refuse("the server wants an extension of SCRAM that does not exist here"));
        }
        let (Some(nonce), Some(salt), Some(count)) = (attribute("r="), attribute("s="), attribute("i=")) else {
            return Err(refuse("not SCRAM"));
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(refuse("this is the answer to somebody else's SCRAM exchange"));
        }
        let salt = BASE64.decode(salt).map_err(|_| refuse("not SCRAM"))?;
        let count = count.parse().ok().and_then(NonZeroU32::new).filter(|count| count.get() <= MOST_ITERATIONS);
        let count = count.ok_or_else(|| refuse("the number of iterations cannot be used"))?;
        let without_proof = format!("{BINDING},r={nonce}");
        let message = format!("{},{text},{without_proof}", self.first_bare);
        let proof = self.prove(password, &salt, count, message.as_bytes());
        Ok(Zeroizing::new(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes()))
    }

    /// The client's proof; the server's is kept for comparison (RFC 5802 §3).
    fn prove(&mut self, password: &str, salt: &[u8], count: NonZeroU32, message: &[u8]) -> Vec<u8> {
        let mut salted = Zeroizing::new([0; digest::SHA256_OUTPUT_LEN]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, salt, password.as_bytes(), &mut *salted);
        let client_key = mac(&*salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let signature = mac(stored_key.as_ref(), message);
        self.signature = Some(mac(mac(&*salted, b"Server Key").as_ref(), message).as_ref().to_vec());
        client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, signature)| key ^ signature).collect()
    }

    /// Whether the server-final-message proves that the server knows the password.
    ///
    /// # Errors
    /// [`Kind::Malformed`]: it does not.
    pub fn verify(&mut self, server_final: &[u8]) -> Result<(), Failure> {
        let given = server_final.strip_prefix(b"v=").and_then(|signature| BASE64.decode(signature).ok());
        if given.is_none() || given != self.signature {
            let why = "the server does not know the password: its signature is wrong (RFC 5802 §5.1)";
            return Err(Failure::new(Kind::Malformed).detail(why));
        }
        self.verified = true;
        Ok(())
    }

    pub fn is_verified(&self) -> bool {
        self.verified
    }
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_exchange_of_rfc_7677() {
        let mut scram = Scram::with_nonce("user", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let last = scram.last("pencil", SERVER_FIRST).unwrap();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(std::str::from_utf8(&last).unwrap(), expected);
        assert!(scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err() && !scram.is_verified());
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(scram.is_verified());
    }

    #[test]
    fn what_is_not_an_answer_to_ours_is_refused() {
        for wrong in [
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "",
        ] {
            let mut scram = Scram::with_nonce("user", "rOprNGfwEbeRWgbNEkqO");
            assert!(scram.last("pencil", wrong.as_bytes()).is_err(), "{wrong} was taken");
        }
        assert_eq!(Scram::with_nonce("a=b,c", "x").first(), "n,,n=a=3Db=2Cc,r=x");
    }
}
