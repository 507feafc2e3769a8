//! What the terminal can show.

use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style as Ansi};

/// How text is drawn. Colour is always written and taken out by the printer where it is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether somebody looks at it.
    pub(crate) tty: bool,
    /// Whether glyphs beyond ASCII are fine.
    pub(crate) unicode: bool,
    /// Columns.
    pub(crate) width: usize,
    /// Whether stderr may be drawn over again and again.
    pub(crate) live: bool,
    /// Whether every reason and every path is shown.
    pub(crate) verbose: bool,
}

impl Style {
    /// Returns the style for files and pipes: ASCII, 80 columns.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn plain() -> Self {
        Self {
            tty: false,
            live: false,
            unicode: false,
            width: 80,
            verbose: false,
        }
    }

    /// Asks the terminal and the locale of this process.
    #[must_use]
    pub(crate) fn detect(verbose: bool) -> Self {
        let tty = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let unicode = tty && variable("NO_COLOR").is_none() && locale_is_utf8();
        let width = variable("COLUMNS")
            .and_then(|text| text.parse().ok())
            .unwrap_or(80_usize);
        let dumb = variable("TERM").is_none_or(|terminal| terminal == "dumb");
        let still = dumb || variable("NO_COLOR").is_some() || variable("CI").is_some();
        Self {
            tty,
            live: std::io::stderr().is_terminal() && !still,
            unicode,
            width: width.clamp(40, 120),
            verbose,
        }
    }

    /// Returns `unicode` or `ascii`, whichever can be shown.
    #[must_use]
    pub(crate) fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }
}

/// Paints `text`.
fn paint(style: Ansi, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Good news.
#[must_use]
pub(crate) fn green(text: &str) -> String {
    paint(AnsiColor::Green.on_default(), text)
}

/// Bad news.
#[must_use]
pub(crate) fn red(text: &str) -> String {
    paint(AnsiColor::Red.on_default().bold(), text)
}

/// Something to look at.
#[must_use]
pub(crate) fn yellow(text: &str) -> String {
    paint(AnsiColor::Yellow.on_default().bold(), text)
}

/// What matters less.
#[must_use]
pub(crate) fn dim(text: &str) -> String {
    paint(Ansi::new().dimmed(), text)
}

/// What matters most.
#[must_use]
pub(crate) fn bold(text: &str) -> String {
    paint(Ansi::new().bold(), text)
}

fn locale_is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable)
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

/// Reads a variable; empty counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
