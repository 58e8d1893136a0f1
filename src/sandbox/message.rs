//! A message's parts, as bytes: what IMAP and POP3 need to serve them, and no more.

/// Where the body begins: behind the first empty line, or at the end where there is none (RFC 5322 §2.1).
pub(super) fn body_start(raw: &[u8]) -> usize {
    let mut start = 0;
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        start += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            return start;
        }
    }
    raw.len()
}

/// The header fields, folded lines and line ends included, without the empty line behind them.
pub(super) fn fields(raw: &[u8]) -> Vec<&[u8]> {
    let header = &raw[..body_start(raw)];
    let mut fields = Vec::new();
    let mut begin = 0;
    let mut end = 0;
    for line in header.split_inclusive(|&byte| byte == b'\n') {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if !folded && end > begin {
            fields.push(&header[begin..end]);
            begin = end;
        }
        if matches!(line, b"\r\n" | b"\n") {
            return fields;
        }
        end += line.len();
    }
    if end > begin {
        fields.push(&header[begin..end]);
    }
    fields
}

/// The name of a field, without blanks around it.
pub(super) fn name(field: &[u8]) -> &[u8] {
    let colon = field.iter().position(|&byte| byte == b':');
    field[..colon.unwrap_or(field.len())].trim_ascii()
}

/// The unfolded value of a field (RFC 5322 §2.2.3).
pub(super) fn value(field: &[u8]) -> Vec<u8> {
    let colon = field.iter().position(|&byte| byte == b':');
    let value = colon.map_or(&b""[..], |colon| &field[colon + 1..]);
    let unfolded: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    unfolded.trim_ascii().to_vec()
}

/// Whether the text contains the other, ASCII case aside. The empty text is in every text.
pub(super) fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}
