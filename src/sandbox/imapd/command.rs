//! The arguments of a command, RFC 3501 §9, read from its bytes with the literals in place.

/// Why a command is not carried out: the tagged status and its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    No(String),
    Bad(String),
}

impl Refusal {
    pub fn no(text: &str) -> Self {
        Self::No(text.to_owned())
    }

    pub fn bad(text: &str) -> Self {
        Self::Bad(text.to_owned())
    }
}

/// The text behind the tagged OK, or the refusal.
pub(super) type Answer = Result<String, Refusal>;

/// What is left to read of a command.
pub(super) struct Arguments<'a> {
    rest: &'a [u8],
}

fn syntax(text: &str) -> Refusal {
    Refusal::Bad(format!("Syntax error: {text}"))
}

/// ATOM-CHAR, but also `]`, which RFC 3501 allows in astrings, and bytes beyond ASCII, which it does not.
fn is_atom(byte: u8) -> bool {
    !matches!(byte, 0..=32 | 127 | b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}

/// The size of a literal announced at the end of a line, and whether it comes without being asked for (RFC 7888).
pub(super) fn announced_literal(line: &[u8]) -> Option<(usize, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&byte| byte == b'{')?;
    let digits = &inner[open + 1..];
    let (digits, unasked) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, true),
        None => (digits, false),
    };
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number too large for the type is too large for the server as well.
    match digits.is_empty() {
        true => None,
        false => Some((digits.parse().unwrap_or(usize::MAX), unasked)),
    }
}

impl<'a> Arguments<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes this byte if it comes next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.rest = &self.rest[1..];
        }
        there
    }

    pub fn expect(&mut self, byte: u8) -> Result<(), Refusal> {
        match self.eat(byte) {
            true => Ok(()),
            false => Err(syntax(&format!("'{}' expected", char::from(byte)))),
        }
    }

    pub fn space(&mut self) -> Result<(), Refusal> {
        self.expect(b' ')
    }

    pub fn end(&self) -> Result<(), Refusal> {
        match self.at_end() {
            true => Ok(()),
            false => Err(syntax("unexpected arguments")),
        }
    }

    /// The longest run of such bytes, possibly empty.
    pub fn run(&mut self, like: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !like(byte));
        let (run, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        run
    }

    /// An atom, as upper-case text.
    pub fn word(&mut self) -> Result<String, Refusal> {
        let atom = self.run(|byte| is_atom(byte) && !matches!(byte, b'[' | b']'));
        match atom.is_empty() {
            true => Err(syntax("atom expected")),
            false => Ok(String::from_utf8_lossy(atom).to_ascii_uppercase()),
        }
    }

    pub fn number(&mut self) -> Result<usize, Refusal> {
        let digits = self.run(|byte| byte.is_ascii_digit());
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        digits.parse().map_err(|_| syntax("number expected"))
    }

    /// An atom, a quoted string or a literal.
    pub fn astring(&mut self) -> Result<Vec<u8>, Refusal> {
        self.string_or(is_atom)
    }

    /// The same, with LIST's wildcards.
    pub fn pattern(&mut self) -> Result<Vec<u8>, Refusal> {
        self.string_or(|byte| is_atom(byte) || matches!(byte, b'*' | b'%'))
    }

    fn string_or(&mut self, like: impl Fn(u8) -> bool) -> Result<Vec<u8>, Refusal> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(<[u8]>::to_vec),
            _ => match self.run(like) {
                b"" => Err(syntax("string expected")),
                atom => Ok(atom.to_vec()),
            },
        }
    }

    /// A quoted string, in which a backslash stands before a quote and a backslash and nothing else.
    pub fn quoted(&mut self) -> Result<Vec<u8>, Refusal> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            text.extend_from_slice(self.run(|byte| !matches!(byte, b'"' | b'\\' | 0 | b'\r' | b'\n')));
            if self.eat(b'"') {
                return Ok(text);
            }
            if !self.eat(b'\\') {
                return Err(syntax("unterminated quoted string"));
            }
            match self.peek() {
                Some(byte @ (b'"' | b'\\')) => text.push(byte),
                _ => return Err(syntax("bad escape in quoted string")),
            }
            self.rest = &self.rest[1..];
        }
    }

    /// A literal, whose bytes the session has already read.
    pub fn literal(&mut self) -> Result<&'a [u8], Refusal> {
        self.expect(b'{')?;
        let size = self.number()?;
        self.eat(b'+');
        self.expect(b'}')?;
        let text = self.rest.strip_prefix(b"\r\n").unwrap_or_default();
        if text.len() < size {
            return Err(syntax("literal expected"));
        }
        let (literal, rest) = text.split_at(size);
        self.rest = rest;
        Ok(literal)
    }

    /// A mailbox name, out of its modified UTF-7.
    pub fn mailbox(&mut self) -> Result<String, Refusal> {
        let name = self.astring()?;
        crate::sandbox::utf7::decode(&name).ok_or_else(|| Refusal::bad("Mailbox name is not modified UTF-7"))
    }

    /// Words in parentheses.
    pub fn words(&mut self) -> Result<Vec<String>, Refusal> {
        self.expect(b'(')?;
        let mut words = Vec::new();
        while !self.eat(b')') {
            if !words.is_empty() {
                self.space()?;
            }
            words.push(self.word()?);
        }
        Ok(words)
    }

    /// Flags, in parentheses or (STORE) bare.
    pub fn flags(&mut self) -> Result<Vec<String>, Refusal> {
        let listed = self.eat(b'(');
        let mut flags = Vec::new();
        loop {
            if listed && self.eat(b')') {
                return Ok(flags);
            }
            if !flags.is_empty() {
                self.space()?;
            }
            flags.push(self.flag()?);
            if !listed && self.at_end() {
                return Ok(flags);
            }
        }
    }

    fn flag(&mut self) -> Result<String, Refusal> {
        let system = self.eat(b'\\');
        let name = self.run(|byte| is_atom(byte) && byte != b']');
        let name = String::from_utf8_lossy(name).into_owned();
        match (system, name.to_ascii_lowercase().as_str()) {
            (_, "") => Err(syntax("flag expected")),
            (false, _) => Ok(name),
            (true, known @ ("seen" | "answered" | "flagged" | "deleted" | "draft")) => {
                Ok(format!("\\{}{}", known[..1].to_ascii_uppercase(), &known[1..]))
            }
            (true, _) => Err(syntax("no such system flag")),
        }
    }

    pub fn sequence(&mut self) -> Result<Sequence, Refusal> {
        let mut ranges = Vec::new();
        loop {
            let first = self.sequence_number()?;
            let last = match self.eat(b':') {
                true => self.sequence_number()?,
                false => first,
            };
            ranges.push((first, last));
            if !self.eat(b',') {
                return Ok(Sequence(ranges));
            }
        }
    }

    fn sequence_number(&mut self) -> Result<u32, Refusal> {
        if self.eat(b'*') {
            return Ok(Sequence::LAST);
        }
        match u32::try_from(self.number()?) {
            Ok(number) if number > 0 && number < Sequence::LAST => Ok(number),
            _ => Err(syntax("bad message number")),
        }
    }
}

/// A sequence-set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence(Vec<(u32, u32)>);

impl Sequence {
    /// What `*` is read as until the mailbox's last number is known.
    const LAST: u32 = u32::MAX;

    /// Whether it names this number, where `last` is the largest in use: `7:*` names the last even if that is 3.
    pub fn contains(&self, number: u32, last: u32) -> bool {
        let resolve = |bound| if bound == Self::LAST { last } else { bound };
        self.0.iter().any(|&(from, to)| {
            let (from, to) = (resolve(from), resolve(to));
            (from.min(to)..=from.max(to)).contains(&number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Sequence, announced_literal};

    #[test]
    fn a_star_names_the_last_message_in_both_directions() {
        let sequence = Arguments::new(b"2,7:*").sequence();
        assert_eq!(sequence, Ok(Sequence(vec![(2, 2), (7, Sequence::LAST)])));
        let named = |number| sequence.as_ref().is_ok_and(|set| set.contains(number, 3));
        assert_eq!([1, 2, 3].map(named), [false, true, true]);
    }

    #[test]
    fn strings_in_their_three_forms() {
        let mut arguments = Arguments::new(b"atom \"a \\\"quoted\\\" \\\\\" {4}\r\n\r\n{} ");
        assert_eq!(arguments.astring(), Ok(b"atom".to_vec()));
        assert_eq!(arguments.space(), Ok(()));
        assert_eq!(arguments.astring(), Ok(b"a \"quoted\" \\".to_vec()));
        assert_eq!(arguments.space(), Ok(()));
        assert_eq!(arguments.astring(), Ok(b"\r\n{}".to_vec()));
        assert!(!arguments.at_end());
    }

    #[test]
    fn literals_are_announced_at_the_end_of_a_line_only() {
        assert_eq!(announced_literal(b"A1 APPEND x {12}"), Some((12, false)));
        assert_eq!(announced_literal(b"{0+}"), Some((0, true)));
        assert_eq!(announced_literal(b"A1 LOGIN {3} x"), None);
        assert_eq!(announced_literal(b"A1 LOGIN {-3}"), None);
        assert_eq!(announced_literal(b"{99999999999999999999999}"), Some((usize::MAX, false)));
    }
}
