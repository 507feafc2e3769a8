//! The one way out: data on stdout, people's words on stderr.

use std::io::{ErrorKind, Write};

use affected_core::report::wire::v1;

use super::style::{Style, yellow};
use super::{escape, style};
use crate::diagnostic::CliError;

/// How much is told on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Verbosity {
    /// Warnings and errors only.
    Quiet,
    /// Also what is being done.
    #[default]
    Normal,
    /// Also every reason, and the output of tasks that passed.
    Verbose,
}

/// Writes to both streams. A reader who went away is no error: the rest is dropped in silence.
pub(crate) struct Printer {
    out: Stream,
    /// Where text without colours goes; `None`: to `out`.
    plain: Option<Stream>,
    err: Stream,
    /// Where commands for a CI host go; `None`: to `err`.
    commands: Option<Stream>,
    /// How text is drawn.
    pub(crate) style: Style,
    /// How much is told.
    pub(crate) verbosity: Verbosity,
}

struct Stream {
    writer: Box<dyn Write>,
    closed: bool,
}

impl Stream {
    fn new(writer: Box<dyn Write>) -> Self {
        Self {
            writer,
            closed: false,
        }
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush())
        {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl Printer {
    /// Prints to this process's streams, without colour where it is not wanted.
    #[must_use]
    pub(crate) fn process(verbosity: Verbosity) -> Self {
        let style = Style::detect(verbosity == Verbosity::Verbose);
        let (out, err) = (Box::new(anstream::stdout()), Box::new(anstream::stderr()));
        Self {
            plain: Some(Stream::new(Box::new(std::io::stdout()))),
            commands: Some(Stream::new(Box::new(std::io::stderr()))),
            ..Self::new(out, err, style, verbosity)
        }
    }

    /// Prints to given writers.
    #[must_use]
    pub(crate) fn new(
        out: Box<dyn Write>,
        err: Box<dyn Write>,
        style: Style,
        verbosity: Verbosity,
    ) -> Self {
        Self {
            out: Stream::new(out),
            plain: None,
            err: Stream::new(err),
            commands: None,
            style,
            verbosity,
        }
    }

    /// Writes data to stdout.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), CliError> {
        // Without an escape there is no colour to take out; in a megabyte of JSON, looking for one takes longer than writing.
        let out = match &mut self.plain {
            Some(plain) if !text.contains('\x1b') => plain,
            _ => &mut self.out,
        };
        out.write(text).map_err(CliError::io("write to stdout"))
    }

    /// Tells whether nobody reads stdout any more, as far as writing showed.
    pub(crate) fn is_closed(&self) -> bool {
        self.out.closed || self.plain.as_ref().is_some_and(|plain| plain.closed)
    }

    /// Tells people what is being done, unless they want quiet.
    pub(crate) fn note(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.tell(text);
        }
    }

    /// Tells people something they must know. A stderr that does not work changes no verdict.
    pub(crate) fn tell(&mut self, text: &str) {
        if self.err.write(text).is_err() {
            self.err.closed = true;
        }
    }

    /// Writes a command for the log of a CI host, as it is: no colour is taken out of it.
    pub(crate) fn command(&mut self, text: &str) {
        let written = match &mut self.commands {
            Some(commands) => commands.write(text),
            None => self.err.write(text),
        };
        if written.is_err() {
            self.err.closed = true;
        }
    }

    /// Tells every warning, an unknown base first (B4).
    pub(crate) fn warnings(&mut self, warnings: &[v1::Warning]) {
        let mut ordered: Vec<_> = warnings.iter().collect();
        ordered.sort_by_key(|warning| warning.code != "base-missing");
        for warning in ordered {
            if warning.code == "quarantine-expired" {
                self.tell(&format!("{} ", style::red("error:")));
            }
            self.warn(&warning.message, warning.help.as_deref());
        }
    }

    /// Tells a warning, if there is one.
    pub(crate) fn warnings_of(&mut self, warning: Option<String>) {
        if let Some(text) = warning {
            self.warn(&text, None);
        }
    }

    /// Tells one warning and the way out.
    pub(crate) fn warn(&mut self, message: &str, help: Option<&str>) {
        let mut text = format!("{} {}\n", yellow("warning:"), escape(message));
        if let Some(help) = help {
            text.push_str(&format!("  {} {}\n", style::dim("help:"), escape(help)));
        }
        self.tell(&text);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printer(out: Box<dyn Write>, err: Box<dyn Write>) -> Printer {
        Printer::new(out, err, Style::plain(), Verbosity::Normal)
    }

    /// E5: a closed pipe is success, a full disk is not.
    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut closed = printer(Box::new(Fails(ErrorKind::BrokenPipe)), Box::new(Vec::new()));
        assert!(closed.data("x").is_ok());
        assert!(closed.data("y").is_ok());
        let mut full = printer(
            Box::new(Fails(ErrorKind::StorageFull)),
            Box::new(Vec::new()),
        );
        assert!(full.data("x").is_err());
    }

    /// B4.
    #[test]
    fn an_unknown_base_is_the_first_warning() {
        let told = Shared::default();
        let warning = |code: &str, help: Option<&str>| v1::Warning {
            code: code.to_owned(),
            message: format!("about {code}"),
            help: help.map(str::to_owned),
        };
        printer(Box::new(Vec::new()), Box::new(told.clone())).warnings(&[
            warning("a-first", None),
            warning("base-missing", Some("git fetch")),
        ]);
        let text = String::from_utf8(told.0.borrow().clone()).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            text,
            "warning: about base-missing\n  help: git fetch\nwarning: about a-first\n"
        );
    }
}
