//! How to sign in, as an account or one of its servers states it, and what has to be fetched for it.

use std::sync::Arc;

use serde_spanned::Spanned;

use super::finding::Findings;
use super::proof::{self, ProofSource};
use super::section::Section;
use crate::account::{Auth, Proof, Protocol, Secret};

/// How to sign in, as an account or one of its endpoints states it.
pub(super) struct SignIn {
    pub username: Option<String>,
    pub proof: Option<Arc<Spanned<ProofSource>>>,
    pub ca_file: Option<Spanned<String>>,
    pub auth: Option<Spanned<Auth>>,
    /// What it signs in by is stated, be it in a way that can be used or not.
    pub states_proof: bool,
}

impl SignIn {
    pub fn read(section: &Section, found: &mut Findings) -> SignIn {
        SignIn {
            username: section.text("username", found).map(Spanned::into_inner),
            proof: proof::read(section, found).map(Arc::new),
            ca_file: section.text("ca_file", found),
            auth: auth(section, found),
            states_proof: proof::is_stated(section),
        }
    }
}

fn auth(section: &Section, found: &mut Findings) -> Option<Spanned<Auth>> {
    let choices = [
        ("auto", Auth::Auto),
        ("plain", Auth::Plain),
        ("login", Auth::Login),
        ("xoauth2", Auth::Xoauth2),
        ("oauthbearer", Auth::Oauthbearer),
        ("cram-md5", Auth::CramMd5),
        ("scram-sha-256", Auth::ScramSha256),
    ];
    section.choice("auth", &choices, found)
}

/// What one endpoint of an account needs before it can be used.
pub(super) struct Need {
    pub protocol: Protocol,
    /// `None` where nothing is stated, and nobody has to sign in.
    pub proof: Option<Arc<Spanned<ProofSource>>>,
    pub ca_file: Option<Spanned<String>>,
    /// The certificates for the token endpoint: those that are stated where the proof is, else the account's.
    pub token_ca_file: Option<Spanned<String>>,
}

impl Need {
    /// Stands for what is to be fetched.
    pub fn blank(&self) -> Proof {
        self.proof.as_ref().map_or_else(|| Secret::new("").into(), |proof| proof.get_ref().blank())
    }
}
