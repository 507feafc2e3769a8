//! A command as its runner sees it, and the way back into what is started.

use std::ops::Range;

use affected_graph::Command;

use super::{shell, wrapper};

/// One program that a command starts, without what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables that are set in front of it.
    pub env: Vec<(String, String)>,
    /// Whether its output goes to a file or another program.
    pub is_redirected: bool,
    carrier: Carrier,
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Carrier {
    /// After these words of an argument vector.
    Argv(Vec<String>),
    /// In a shell line, with its words at these places.
    Line(String, Vec<Range<usize>>),
    /// In the script that these words start; they hand it what is typed after them, if it is the last of its line.
    Script(Option<Vec<String>>),
}

impl Call {
    /// Lists the programs that a command starts; `script` is the line that a package manager starts for it.
    #[must_use]
    pub fn all(command: &Command, script: Option<&str>) -> Vec<Self> {
        match (command, script) {
            (Command::Argv(argv), Some(script)) => {
                let of = |(simple, span)| Self::in_line(simple, script, span);
                let mut calls: Vec<Self> = simples(script).into_iter().map(of).collect();
                let last = calls.len();
                for (at, call) in calls.iter_mut().enumerate() {
                    let takes = at + 1 == last && !call.is_redirected;
                    call.carrier = Carrier::Script(takes.then(|| handing_on(argv)).flatten());
                }
                calls
            }
            (Command::Argv(argv), None) => {
                let (at, env) = wrapper::before(argv);
                let (before, words) = argv.split_at(at);
                vec![Self {
                    words: words.to_vec(),
                    env,
                    is_redirected: false,
                    carrier: Carrier::Argv(before.to_vec()),
                }]
            }
            (Command::Shell(line), _) => {
                let found = simples(line).into_iter();
                found
                    .map(|(simple, at)| Self::in_line(simple, line, at))
                    .collect()
            }
        }
    }

    fn in_line(simple: shell::Simple, line: &str, at: usize) -> Self {
        let texts: Vec<String> = simple.words.iter().map(|word| word.text.clone()).collect();
        let (_, env) = wrapper::before(&texts);
        let spans = simple.words.into_iter().skip(at).map(|word| word.span);
        Self {
            words: texts[at..].to_vec(),
            env,
            is_redirected: simple.is_redirected,
            carrier: Carrier::Line(line.to_owned(), spans.collect()),
        }
    }

    /// Returns the name of the program, without folders and endings.
    #[must_use]
    pub fn program(&self) -> &str {
        let word = self.words.first().map_or("", String::as_str);
        let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
        let endings = [".exe", ".cmd", ".bat"];
        let bare = endings.iter().find_map(|end| name.strip_suffix(end));
        bare.unwrap_or(name)
    }

    /// Returns the arguments.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Tells whether an option is given, as `--name`, `--name value` or `--name=value`; what follows a bare `--` is none.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        let own = self.arguments().iter().take_while(|word| *word != "--");
        own.filter_map(|word| word.strip_prefix(option))
            .any(|rest| rest.is_empty() || rest.starts_with('='))
    }

    /// Returns the arguments of a program that is written for Node.js, started by its name or by `node` with the path of its file.
    #[must_use]
    pub fn of_script(&self, name: &str) -> Option<&[String]> {
        if self.program() == name {
            return Some(self.arguments());
        }
        if self.program() != "node" {
            return None;
        }
        let is_own = |word: &String| {
            let file = word.rsplit('/').next().unwrap_or(word);
            let stem = file.split('.').next().unwrap_or(file);
            word.contains('/') && stem.trim_start_matches('_') == name
        };
        let at = self.words.iter().position(is_own)?;
        self.words.get(at + 1..)
    }

    /// Lists the arguments that are no options, up to a bare `--`. `valued` are options whose value is the next word.
    #[must_use]
    pub fn positional<'w>(arguments: &'w [String], valued: &[&str]) -> Vec<&'w str> {
        let (mut found, mut takes) = (Vec::new(), false);
        for word in arguments {
            if takes {
                takes = false;
            } else if word.starts_with('-') {
                takes = valued.contains(&word.as_str());
            } else {
                found.push(word.as_str());
            }
        }
        found
    }

    /// Puts other words in the place of these; `None` where the command cannot carry them.
    #[must_use]
    pub fn command(&self, words: &[String]) -> Option<Command> {
        match &self.carrier {
            Carrier::Argv(before) => {
                let argv = before.iter().chain(words).cloned();
                Some(Command::Argv(argv.collect()))
            }
            Carrier::Script(handing_on) => {
                let more = words.strip_prefix(self.words.as_slice())?;
                let argv = handing_on.iter().flatten().chain(more).cloned();
                handing_on.as_ref().map(|_| Command::Argv(argv.collect()))
            }
            Carrier::Line(line, spans) => Some(Command::Shell(self.in_place(line, spans, words))),
        }
    }

    /// Writes only the words that differ, so that what a shell expands stays as it is written.
    fn in_place(&self, line: &str, spans: &[Range<usize>], words: &[String]) -> String {
        let same = |(old, new): &(&String, &String)| old == new;
        let old = &self.words;
        let head = old.iter().zip(words).take_while(same).count();
        let most = old.len().min(words.len()) - head;
        let ends = old.iter().rev().zip(words.iter().rev());
        let tail = ends.take_while(same).take(most).count();
        let middle = words[head..words.len() - tail]
            .iter()
            .map(|word| shell::quoted(word));
        let from = head
            .checked_sub(1)
            .and_then(|at| spans.get(at))
            .map_or_else(
                || spans.first().map_or(0, |span| span.start),
                |span| span.end,
            );
        let to = match spans.get(old.len() - tail) {
            Some(span) if tail > 0 => span.start,
            _ => spans.last().map_or(from, |span| span.end),
        };
        let mut parts: Vec<String> = middle.collect();
        if head > 0 {
            parts.insert(0, String::new());
        }
        if tail > 0 {
            parts.push(String::new());
        }
        format!("{}{}{}", &line[..from], parts.join(" "), &line[to..])
    }
}

/// The simple commands of a line, each with the number of its words before the program.
fn simples(line: &str) -> Vec<(shell::Simple, usize)> {
    let commands = shell::commands(line).unwrap_or_default().into_iter();
    let placed = commands.map(|simple| {
        let texts: Vec<String> = simple.words.iter().map(|word| word.text.clone()).collect();
        let (at, _) = wrapper::before(&texts);
        (simple, at)
    });
    placed.collect()
}

/// How a package manager hands arguments on to a script. Sources: `npm help run`, the pages "run" of pnpm, Yarn and Bun:
/// only npm keeps what stands before `--` for itself.
fn handing_on(argv: &[String]) -> Option<Vec<String>> {
    let mut argv = argv.to_vec();
    match argv.first()?.as_str() {
        // What is handed on already stands behind it.
        "npm" if argv.iter().any(|word| word == "--") => {}
        "npm" => argv.push("--".to_owned()),
        "pnpm" | "yarn" | "bun" => {}
        _ => return None,
    }
    Some(argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(ToOwned::to_owned).collect()
    }

    fn swapped(command: &Command, script: Option<&str>, new: &str) -> Option<String> {
        let calls = Call::all(command, script);
        let call = calls.last()?;
        Some(match call.command(&words(new))? {
            Command::Argv(argv) => argv.join(" "),
            Command::Shell(line) => line,
        })
    }

    #[test]
    fn new_words_find_their_place() {
        let argv = Command::Argv(words("uv run pytest -q tests"));
        assert_eq!(
            swapped(&argv, None, "pytest -q a.py").as_deref(),
            Some("uv run pytest -q a.py")
        );
        let shell = |line: &str| Command::Shell(line.to_owned());
        let line = swapped(&shell("A=$B go test -v ./... && x"), None, "y");
        assert_eq!(line.as_deref(), Some("A=$B go test -v ./... && y"));
        let line = swapped(
            &shell("cd a; pytest -q tests > log"),
            None,
            "pytest -q a.py b.py",
        );
        assert_eq!(line.as_deref(), Some("cd a; pytest -q a.py b.py > log"));
        let line = swapped(&shell("pytest"), None, "pytest -q");
        assert_eq!(line.as_deref(), Some("pytest -q"));
        let line = swapped(&shell("go test ./..."), None, "go test -json ./...");
        assert_eq!(line.as_deref(), Some("go test -json ./..."));
    }

    #[test]
    fn scripts_take_only_more_words_at_their_end() {
        let (npm, pnpm) = (
            Command::Argv(words("npm run test")),
            Command::Argv(words("pnpm run test")),
        );
        let script = Some("tsc && vitest run");
        assert_eq!(
            swapped(&npm, script, "vitest run a.ts").as_deref(),
            Some("npm run test -- a.ts")
        );
        assert_eq!(
            swapped(&pnpm, script, "vitest run a.ts").as_deref(),
            Some("pnpm run test a.ts")
        );
        assert_eq!(swapped(&npm, script, "vitest a.ts"), None);
        assert_eq!(
            swapped(&npm, Some("vitest run > log"), "vitest run a.ts"),
            None
        );
    }
}
