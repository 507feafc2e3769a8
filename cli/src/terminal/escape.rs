//! Hostile text made harmless: nothing from the repository may drive the terminal (X3).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use affected_core::ci::{self, Environment, Host};

/// Makes control characters and characters that reorder or hide text visible; keeps newline and tab. In the log
/// of a CI host, what it would take for a command is made none.
#[must_use]
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    static HERE: OnceLock<Option<&'static dyn Host>> = OnceLock::new();
    let here = HERE.get_or_init(|| ci::here(&Environment::from_process()));
    match (visible(text), here) {
        (text, None) => text,
        (Cow::Borrowed(text), Some(host)) => host.defuse(text),
        (Cow::Owned(text), Some(host)) => Cow::Owned(host.defuse(&text).into_owned()),
    }
}

/// The same for one line of a form in which each line is an entry: newlines and tabs become visible as well.
#[must_use]
pub(crate) fn escape_line(text: &str) -> String {
    escape(text).replace('\n', "\\n").replace('\t', "\\t")
}

fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\r' => out.push_str("\\r"),
            char if !is_hostile(char) => out.push(char),
            char if u32::from(char) < 0x80 => {
                write!(out, "\\x{:02x}", u32::from(char)).expect("writing to a string cannot fail");
            }
            char => out.extend(char.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// Escapes bytes that may be no text: invalid parts become the replacement character, and `\r\n`
/// is a line end.
#[must_use]
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    escape(&text).into_owned()
}

fn is_hostile(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        // Direction overrides and isolates, invisible joiners, line separators, the byte order mark.
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{061c}'
        | '\u{feff}' => true,
        // Tags: an invisible copy of ASCII.
        '\u{e0000}'..='\u{e007f}' => true,
        char => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X3.
    #[test]
    fn control_and_bidi_characters_become_visible() {
        for (raw, shown) in [
            ("plain/päth 名.rs", "plain/päth 名.rs"),
            ("two\nlines\there", "two\nlines\there"),
            ("\u{1b}[31mred", r"\x1b[31mred"),
            ("over\rwrite", r"over\rwrite"),
            ("bell\u{7}del\u{7f}", r"bell\x07del\x7f"),
            ("c1\u{9b}31m", r"c1\u{9b}31m"),
            ("user\u{202e}txt.exe", r"user\u{202e}txt.exe"),
            ("zero\u{200b}width\u{feff}", r"zero\u{200b}width\u{feff}"),
        ] {
            assert_eq!(escape(raw), shown);
        }
    }

    /// X3: a name cannot make a line of its own.
    #[test]
    fn one_line_stays_one() {
        assert_eq!(escape_line("a\nb\tc\rd"), r"a\nb\tc\rd");
    }

    /// X3, E4.
    #[test]
    fn output_that_is_no_text_is_shown_anyway() {
        assert_eq!(escape_bytes(b"a\xff\x00b\r\n"), "a\u{fffd}\\x00b\n");
    }
}
