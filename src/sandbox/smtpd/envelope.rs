//! The arguments of MAIL and RCPT, RFC 5321 §4.1.2.

use crate::sandbox::connection::MAX_MESSAGE;

/// A transaction begun by MAIL.
pub(super) struct Envelope {
    /// The reverse-path; empty for a bounce.
    pub from: String,
    /// The recipients accepted so far.
    pub to: Vec<String>,
}

impl Envelope {
    pub fn new(from: String) -> Self {
        Self { from, to: Vec::new() }
    }
}

/// A path: the address between the angle brackets.
pub(super) struct Path {
    pub address: String,
}

const SYNTAX: &str = "501 5.5.4 Syntax: MAIL FROM:<address> or RCPT TO:<address>";

impl Path {
    /// Reads `FROM:<address> PARAMETER…`; the error is the reply.
    pub fn parse(text: &str, keyword: &str) -> Result<Self, &'static str> {
        let head = text.get(..keyword.len()).ok_or(SYNTAX)?;
        if !head.eq_ignore_ascii_case(keyword) {
            return Err(SYNTAX);
        }
        let rest = text[keyword.len()..].trim_start_matches(' ');
        let (address, parameters) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(SYNTAX)?;
        // A source route, `@relay:user@host`, is accepted and ignored (RFC 5321 §4.1.1.3).
        let address = match address.strip_prefix('@') {
            Some(route) => route.split_once(':').ok_or(SYNTAX)?.1,
            None => address,
        };
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '<';
        if address.contains(odd) || (!address.is_empty() && !address.contains('@')) {
            return Err("501 5.1.7 Bad address syntax");
        }
        check_parameters(parameters, keyword)?;
        Ok(Self { address: address.to_owned() })
    }
}

/// MAIL takes the parameters that EHLO announced; RCPT takes none.
fn check_parameters(parameters: &str, keyword: &str) -> Result<(), &'static str> {
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let known = keyword == "FROM:";
        match name.to_ascii_uppercase().as_str() {
            "SIZE" if known => match value.parse::<usize>() {
                Ok(size) if size > MAX_MESSAGE => {
                    return Err("552 5.3.4 Message size exceeds fixed limit");
                }
                Ok(_) => {}
                Err(_) => return Err("501 5.5.4 Bad message size syntax"),
            },
            "BODY" if known && ["7BIT", "8BITMIME"].contains(&value) => {}
            "AUTH" if known => {}
            _ => return Err("555 5.5.4 Unsupported option"),
        }
    }
    Ok(())
}

/// A client's name as it may stand in a Received field.
pub(super) fn harmless(name: &str) -> String {
    name.chars()
        .take(255)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | ':' | '[' | ']' => c,
            _ => '?',
        })
        .collect()
}
