//! CRAM-MD5 (RFC 2195): HMAC-MD5 (RFC 2104) of the challenge, with the password as the key.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Response;

/// The block size of MD5 (RFC 2104 §2).
const BLOCK: usize = 64;

/// The username, and the digest in hexadecimal.
pub(super) fn response(username: &str, password: &str, challenge: &[u8]) -> Response {
    let mut text = format!("{username} ");
    for byte in hmac(password.as_bytes(), challenge) {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
    }
    Zeroizing::new(text.into_bytes())
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut block = Zeroizing::new([0; BLOCK]);
    match key.len() {
        0..=BLOCK => block[..key.len()].copy_from_slice(key),
        _ => block[..16].copy_from_slice(&md5::compute(key).0),
    }
    let padded = |pad: u8, message: &[u8]| {
        let mut input: Zeroizing<Vec<u8>> = Zeroizing::new(block.iter().map(|byte| byte ^ pad).collect());
        input.extend_from_slice(message);
        md5::compute(&*input).0
    };
    padded(0x5c, &padded(0x36, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_of_rfc_2202() {
        let hex = |digest: [u8; 16]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(hmac(&[0x0b; 16], b"Hi There")), "9294727a3638bb1c13f48ef8158bfc9d");
        assert_eq!(hex(hmac(b"Jefe", b"what do ya want for nothing?")), "750c783e6ab0b503eaa86e310a5db738");
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(hmac(&[0xaa; 80], long)), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
