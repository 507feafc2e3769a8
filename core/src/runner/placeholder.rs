//! `{tests}`, `{packages}` and `{filter}` in commands that people write: the place for the part of the tests that is run.
//!
//! Where the runner in the line is known, it says itself how a part is asked for, and any of the three may stand for it.
//! Otherwise the names are written there: packages or files apart by spaces, filters apart by commas.

use affected_graph::Command;

use super::{Selected, recognise, shell};

const TESTS: &str = "{tests}";
const PACKAGES: &str = "{packages}";
const FILTER: &str = "{filter}";

/// Tells whether a line has a place for a part of the tests.
#[must_use]
pub fn has_placeholder(line: &str) -> bool {
    [TESTS, PACKAGES, FILTER]
        .iter()
        .any(|name| line.contains(name))
}

/// Returns a command that runs everything: nothing stands for a part, but what the runner wants
/// where no package at all means fewer, as the go tool does.
#[must_use]
pub fn whole(command: &Command) -> Command {
    match command {
        Command::Shell(line) if has_placeholder(line) => {
            let bare = filled(line, "", "", "");
            let known = recognise(&Command::Shell(bare), None);
            let packages = known.map_or("", |(runner, _)| runner.all_packages());
            Command::Shell(filled(line, "", packages, ""))
        }
        _ => command.clone(),
    }
}

/// Fills in these parts; `None` where the line has no place for them.
pub(super) fn part(line: &str, parts: &[Selected]) -> Option<Command> {
    let all = whole(&Command::Shell(line.to_owned()));
    if let Some((runner, call)) = recognise(&all, None) {
        return call.command(&runner.restrict(&call, parts)?);
    }
    let names = |wanted: fn(&Selected) -> bool, between: &str| {
        let mut names = Vec::new();
        for part in parts.iter().filter(|part| wanted(part)) {
            names.push(shell::quoted(part.name()));
        }
        names.join(between)
    };
    let is_package = |part: &Selected| matches!(part, Selected::Package(_));
    let is_test = |part: &Selected| !matches!(part, Selected::Package(_));
    let (tests, packages) = (names(is_test, " "), names(is_package, " "));
    let filter = names(|_| true, ",");
    // Within quotes only names that need none can stand.
    let is_plain = |part: &Selected| shell::quoted(part.name()) == part.name();
    let is_safe = !line.contains(['"', '\'']) || parts.iter().all(is_plain);
    let is_option = parts.iter().any(|part| part.name().starts_with('-'));
    // A place that stays empty would mean everything, or nothing.
    let is_empty = (line.contains(TESTS) && tests.is_empty())
        || (line.contains(PACKAGES) && packages.is_empty())
        || filter.is_empty();
    (is_safe && !is_option && !is_empty)
        .then(|| Command::Shell(filled(line, &tests, &packages, &filter)))
}

fn filled(line: &str, tests: &str, packages: &str, filter: &str) -> String {
    let line = line.replace(TESTS, tests).replace(PACKAGES, packages);
    line.replace(FILTER, filter).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: Option<Command>) -> String {
        match command {
            Some(Command::Shell(line)) => line,
            Some(Command::Argv(_)) => "argv".to_owned(),
            None => "-".to_owned(),
        }
    }

    #[test]
    fn placeholders_take_the_part_or_everything() {
        let file = [Selected::File("t/a b.py".to_owned())];
        let packages = [
            Selected::Package("./a".to_owned()),
            Selected::Package("./b".to_owned()),
        ];
        let class = [Selected::Class("a.B".to_owned())];
        let cases: [(&str, &[Selected], &str, &str); 7] = [
            (
                "go test -v {packages}",
                &packages,
                "go test -v ./...",
                "go test -v ./a ./b",
            ),
            ("make test T=\"{tests}\"", &file, "make test T=\"\"", "-"),
            ("./run {tests}", &file, "./run", "./run 't/a b.py'"),
            ("./run {tests}", &packages, "./run", "-"),
            (
                "./run {packages} -v",
                &packages,
                "./run  -v",
                "./run ./a ./b -v",
            ),
            (
                "./run --only={filter}",
                &class,
                "./run --only=",
                "./run --only=a.B",
            ),
            (
                "gradle :p:test {filter}",
                &class,
                "gradle :p:test",
                "gradle :p:test --tests a.B",
            ),
        ];
        for (line, parts, all, some) in cases {
            assert_eq!(told(Some(whole(&Command::Shell(line.to_owned())))), all);
            assert_eq!(told(part(line, parts)), some, "{line}");
        }
        let plain = Command::Shell("make test".to_owned());
        assert_eq!(whole(&plain), plain);
    }
}
