//! Command lines that can be copied into a shell.

use std::borrow::Cow;

use affected_graph::Command;

use super::escape;

/// Quotes one word for a POSIX shell, where it needs it.
#[must_use]
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Shows `command` as it would be typed, made harmless for the terminal.
#[must_use]
pub(crate) fn command_line(command: &Command) -> String {
    let line = match command {
        Command::Argv(words) => words
            .iter()
            .map(|text| word(text))
            .collect::<Vec<_>>()
            .join(" "),
        Command::Shell(line) => line.clone(),
    };
    escape(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_needs_it() {
        let argv = ["npm", "run", "te st", "it's", ""]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(
            command_line(&Command::Argv(argv)),
            r"npm run 'te st' 'it'\''s' ''"
        );
        assert_eq!(command_line(&Command::Shell("a && b".to_owned())), "a && b");
    }
}
