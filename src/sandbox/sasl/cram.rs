//! CRAM-MD5, RFC 2195.

use super::{Claim, Step, account};
use crate::sandbox::HOST;
use crate::sandbox::settings::User;

/// A challenge that was never given before.
pub(super) fn challenge() -> String {
    format!("<{}@{HOST}>", uuid::Uuid::new_v4().simple())
}

/// `user digest`
pub(super) fn judge(challenge: &str, response: &[u8], accounts: &[User]) -> Step {
    let Some((user, digest)) = std::str::from_utf8(response).ok().and_then(|text| text.rsplit_once(' ')) else {
        return Step::Malformed;
    };
    let known = account(user, accounts).map(|user| keyed(user.password.as_bytes(), challenge.as_bytes()));
    Step::Claim(match known.is_some_and(|known| known == digest) {
        true => Claim::Proven { user: user.to_owned() },
        false => Claim::Disproven,
    })
}

/// MD5(key XOR opad, MD5(key XOR ipad, text)), in hexadecimal (RFC 2104).
fn keyed(key: &[u8], text: &[u8]) -> String {
    let key = if key.len() > 64 { md5::compute(key).to_vec() } else { key.to_vec() };
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = md5::compute([pad(0x36), text.to_vec()].concat());
    format!("{:x}", md5::compute([pad(0x5c), inner.to_vec()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_rfc_2195() {
        let digest = keyed(b"tanstaaftanstaaf", b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(digest, "b913a602c7eda7a495b4e6e7334d3890");
    }
}
