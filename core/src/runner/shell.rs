//! The simple commands of a shell line, as far as they can be read without a shell. Source: POSIX.1-2017, "Shell Command
//! Language", 2.2 to 2.10. What is not understood gives nothing, so the line is run as it stands.

/// One word, with its place in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// What it means; its source text where something in it is expanded.
    pub(super) text: String,
    /// Bytes of the line.
    pub(super) span: std::ops::Range<usize>,
}

/// One simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words, assignments first.
    pub(super) words: Vec<Word>,
    /// Whether its output goes elsewhere: a pipe or a file.
    pub(super) is_redirected: bool,
    /// Whether nothing comes after it.
    pub(super) is_last: bool,
}

/// Words with which something begins that is no simple command.
const RESERVED: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "select", "function", "{", "}", "!", "[[", "eval", "exec", "trap",
];

/// Reads a line; `None` where it is more than simple commands in a row.
pub(super) fn commands(line: &str) -> Option<Vec<Simple>> {
    let mut commands = Vec::new();
    let mut open = Simple::default();
    let mut at = 0;
    while let Some(letter) = line[at..].chars().next() {
        let rest = &line[at..];
        match letter {
            ' ' | '\t' => at += 1,
            '\n' | ';' | '&' | '|' => {
                let double = rest.starts_with("&&") || rest.starts_with("||");
                if rest.starts_with(";;") || (letter == '&' && !double) {
                    return None;
                }
                open.is_redirected |= letter == '|' && !double;
                close(&mut open, &mut commands)?;
                at += if double { 2 } else { 1 };
            }
            '(' | ')' | '`' => return None,
            '#' => break,
            '<' | '>' => {
                open.is_redirected = true;
                // What follows is a file, or another descriptor: of no interest, but no argument.
                let skipped = rest.trim_start_matches(['<', '>', '&', '|', ' ']);
                at += rest.len() - skipped.len();
                if rest.starts_with("<<") {
                    return None;
                }
                at = word(line, at)?.span.end;
            }
            _ => {
                let word = word(line, at)?;
                at = word.span.end;
                let number = word.text.bytes().all(|byte| byte.is_ascii_digit());
                if !(number && line[at..].starts_with(['<', '>'])) {
                    open.words.push(word);
                }
            }
        }
    }
    close(&mut open, &mut commands)?;
    if let Some(last) = commands.last_mut() {
        last.is_last = true;
    }
    Some(commands)
}

fn close(open: &mut Simple, commands: &mut Vec<Simple>) -> Option<()> {
    let command = std::mem::take(open);
    let first = command.words.first();
    if first.is_some_and(|first| RESERVED.contains(&first.text.as_str())) {
        return None;
    }
    if first.is_some() {
        commands.push(command);
    }
    Some(())
}

/// Reads one word from `from`.
fn word(line: &str, from: usize) -> Option<Word> {
    let (mut text, mut at, mut expands) = (String::new(), from, false);
    let mut quote = None;
    while let Some(letter) = line[at..].chars().next() {
        let length = letter.len_utf8();
        match (quote, letter) {
            (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => break,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None | Some('"'), '\\') => {
                at += length;
                let next = line[at..].chars().next()?;
                if quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
                    text.push('\\');
                }
                text.push(next);
                at += next.len_utf8();
                continue;
            }
            (None | Some('"'), '`') => return None,
            (None | Some('"'), '$') => {
                if line[at..].starts_with("$(") {
                    return None;
                }
                expands = true;
                text.push(letter);
            }
            (None, '*' | '?' | '[' | '~') => {
                expands = true;
                text.push(letter);
            }
            _ => text.push(letter),
        }
        at += length;
    }
    let span = from..at;
    let whole = quote.is_none();
    whole.then(|| Word {
        text: if expands {
            line[span.clone()].to_owned()
        } else {
            text
        },
        span,
    })
}

/// Writes a word so that a shell takes it as it is.
#[must_use]
pub(super) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let Some(commands) = commands(line) else {
            return "unclear".to_owned();
        };
        let one = |command: &Simple| {
            let words: Vec<&str> = command
                .words
                .iter()
                .map(|word| word.text.as_str())
                .collect();
            let mark = if command.is_redirected { ">" } else { "" };
            format!("{}{mark}", words.join("_"))
        };
        commands.iter().map(one).collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn lines_are_read_as_a_shell_does_or_not_at_all() {
        let cases = [
            ("pytest -q", "pytest_-q"),
            (
                "A=1 pytest 'a b' \"c\\\"d\" e\\ f",
                "A=1_pytest_a b_c\"d_e f",
            ),
            ("tsc && vitest run; x || y", "tsc / vitest_run / x / y"),
            ("go test ./... | tee log", "go_test_./...> / tee_log"),
            ("go test > log 2>&1", "go_test>"),
            ("jest --x=$A '*'", "jest_--x=$A_*"),
            ("x # y", "x"),
            ("", ""),
            ("(cd a; x)", "unclear"),
            ("x &", "unclear"),
            ("for a in b; do x; done", "unclear"),
            ("x $(y)", "unclear"),
            ("x 'y", "unclear"),
            ("x <<EOF", "unclear"),
            ("x \\", "unclear"),
        ];
        for (line, expected) in cases {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn quoted_words_are_read_back() {
        for word in [
            "a",
            "a b",
            "it's",
            "$x",
            "",
            "tests/x.py::t[1-a]",
            "\"",
            "\\",
        ] {
            let line = format!("x {}", quoted(word));
            assert_eq!(commands(&line).unwrap()[0].words[1].text, word);
        }
    }
}
