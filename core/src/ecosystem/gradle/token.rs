//! Tokens of Groovy and Kotlin build scripts: enough to find calls and strings, no more.
//!
//! Source: the lexical parts of the Groovy and the Kotlin language documentation.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword, or a name in backticks.
    Word(String),
    /// A string; what stands after the first `$` of an interpolated one is not known here.
    Text {
        /// All of it, interpolations as written.
        text: String,
        /// Whether it has interpolations.
        is_dynamic: bool,
    },
    /// Any other visible character.
    Mark(char),
}

/// A token and its line, 1-based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: u32,
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// A string without interpolations.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text {
                text,
                is_dynamic: false,
            } => Some(text),
            _ => None,
        }
    }
}

/// Splits a script; comments are left out, and a string that does not end stops at its line.
pub(super) fn tokens(script: &str) -> Vec<Token> {
    let mut reader = Reader {
        rest: script,
        line: 1,
        out: Vec::new(),
    };
    while reader.step() {}
    reader.out
}

struct Reader<'s> {
    rest: &'s str,
    line: u32,
    out: Vec<Token>,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(
                self.rest[2..]
                    .find("*/")
                    .map_or(self.rest.len(), |end| end + 4),
            );
        } else if let Some(quote) = ["\"\"\"", "'''"]
            .into_iter()
            .find(|quote| self.rest.starts_with(quote))
        {
            let inside = &self.rest[3..];
            let end = inside.find(quote).unwrap_or(inside.len());
            let text = inside[..end].to_owned();
            self.push_text(text, first == '"');
            self.skip((end + 6).min(self.rest.len()));
        } else if matches!(first, '"' | '\'') {
            self.string(first);
        } else if first == '`' {
            let end = self.rest[1..]
                .find(['`', '\n'])
                .unwrap_or(self.rest.len() - 1);
            self.push(Kind::Word(self.rest[1..=end].to_owned()));
            self.skip((end + 2).min(self.rest.len()));
        } else if first.is_alphanumeric() || first == '_' {
            let end = self
                .rest
                .find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            let end = end.unwrap_or(self.rest.len());
            self.push(Kind::Word(self.rest[..end].to_owned()));
            self.skip(end);
        } else {
            self.push(Kind::Mark(first));
            self.skip(first.len_utf8());
        }
        true
    }

    fn string(&mut self, quote: char) {
        let mut text = String::new();
        let mut letters = self.rest[1..].char_indices();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                '\n' => {
                    end = at + 1;
                    break;
                }
                letter if letter == quote => {
                    end = at + 2;
                    break;
                }
                letter => text.push(letter),
            }
        }
        self.push_text(text, quote == '"');
        self.skip(end);
    }

    fn push_text(&mut self, text: String, interpolates: bool) {
        let is_dynamic = interpolates && text.contains('$');
        self.push(Kind::Text { text, is_dynamic });
    }

    fn push(&mut self, kind: Kind) {
        let line = self.line;
        self.out.push(Token { kind, line });
    }

    fn skip(&mut self, bytes: usize) {
        let passed = &self.rest.as_bytes()[..bytes];
        self.line += u32::try_from(memchr::memchr_iter(b'\n', passed).count()).unwrap_or(0);
        self.rest = &self.rest[bytes..];
    }
}
