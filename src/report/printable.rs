//! The one place where untrusted text is made safe to print.

/// Whether a character can do anything else than appear: move the cursor, change colours, reorder or hide text.
///
/// C0, DEL and C1 (with ESC and CSI), bidirectional controls, zero-width and invisible characters, line separators; and the
/// two noncharacters that neither XML (1.0 §2.2) nor YAML (1.2 §5.1) allows.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line, with every unsafe character written out, such as `\x1b`, `\n` or `\u{202e}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) && (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_unsafe(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// The lines of a text, each made printable. Tabs become a space; a CR at the end of a line goes.
pub fn lines(text: &str) -> Vec<String> {
    let line = |line: &str| printable(&line.strip_suffix('\r').unwrap_or(line).replace('\t', " "));
    text.trim_end_matches(['\r', '\n']).split('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_overrides_are_written_out() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\u{9b}d\x7f"), "a\\x1b[2Jb\\u{202e}c\\u{9b}d\\x7f");
        assert_eq!(printable("Grüße, 世界 ✓"), "Grüße, 世界 ✓");
        assert_eq!(lines("one\r\ntwo\tthree\r\n"), ["one", "two three"]);
    }
}
