//! Programs that only start another one: `npx`, `uv run`, `cross-env` … Sources: their own help texts. An option that is
//! not known here ends the reading, since it might take a value.

/// One way to start another program.
struct Wrapper {
    /// The words that begin it.
    starts: &'static [&'static str],
    /// Options without a value that may follow.
    flags: &'static [&'static str],
    /// Options whose value is the next word.
    valued: &'static [&'static str],
}

const fn wrapper(
    starts: &'static [&'static str],
    flags: &'static [&'static str],
    valued: &'static [&'static str],
) -> Wrapper {
    Wrapper {
        starts,
        flags,
        valued,
    }
}

/// Longer beginnings first.
const ALL: &[Wrapper] = &[
    wrapper(
        &["npx"],
        &["-y", "--yes", "--no", "--no-install", "--"],
        &["-p", "--package"],
    ),
    wrapper(&["bunx"], &["--bun"], &[]),
    wrapper(&["pnpm", "exec"], &["-s", "--silent", "--"], &[]),
    wrapper(&["pnpm", "dlx"], &[], &["--package"]),
    wrapper(&["yarn", "exec"], &["-s", "--silent", "--"], &[]),
    wrapper(&["yarn", "run"], &["-s", "--silent"], &[]),
    wrapper(&["npm", "exec"], &["-y", "--yes", "--"], &[]),
    wrapper(&["pnpm"], &["-s", "--silent"], &[]),
    wrapper(&["yarn"], &["-s", "--silent"], &[]),
    wrapper(
        &["uv", "run"],
        &[
            "-q",
            "--quiet",
            "--frozen",
            "--locked",
            "--no-sync",
            "--no-project",
            "--all-extras",
            "--all-groups",
            "--all-packages",
            "--isolated",
            "--active",
            "--exact",
            "--no-dev",
            "--dev",
            "--offline",
            "--",
        ],
        &[
            "-p",
            "--python",
            "--extra",
            "--group",
            "--no-group",
            "--only-group",
            "--with",
            "--with-editable",
            "--with-requirements",
            "--package",
            "--env-file",
            "--project",
        ],
    ),
    wrapper(&["uvx"], &["-q", "--quiet"], &["--from", "--with"]),
    wrapper(&["poetry", "run"], &["--"], &[]),
    wrapper(&["pipenv", "run"], &[], &[]),
    wrapper(&["pdm", "run"], &[], &["-p", "--project"]),
    wrapper(&["hatch", "run"], &[], &[]),
    wrapper(&["rye", "run"], &[], &[]),
    wrapper(&["pixi", "run"], &[], &[]),
    wrapper(&["bundle", "exec"], &[], &[]),
    wrapper(&["cross-env"], &[], &[]),
    wrapper(&["dotenv"], &["--"], &["-e"]),
    wrapper(&["env"], &["--"], &[]),
    wrapper(&["time"], &["-p"], &[]),
    wrapper(&["command"], &[], &[]),
    wrapper(&["exec"], &[], &[]),
];

/// Counts the words before the program that is started in the end, and returns the variables set on the way.
pub(super) fn before(words: &[String]) -> (usize, Vec<(String, String)>) {
    let (mut at, mut env) = (0, Vec::new());
    loop {
        let from = at;
        while let Some((name, value)) = words.get(at).and_then(|word| assignment(word)) {
            env.push((name.to_owned(), value.to_owned()));
            at += 1;
        }
        at += wrapped(&words[at..]).unwrap_or_default();
        if at == from || at >= words.len() {
            return (at.min(words.len()), env);
        }
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut letters = name.chars();
    let first = letters.next()?;
    let is_name = (first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then_some((name, value))
}

/// The number of words of the wrapper that `words` begin with.
fn wrapped(words: &[String]) -> Option<usize> {
    let wrapper = ALL.iter().find(|wrapper| {
        let starts = wrapper.starts.iter();
        words.len() > wrapper.starts.len() && starts.zip(words).all(|(start, word)| start == word)
    })?;
    let mut at = wrapper.starts.len();
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
        let (name, has_value) = word
            .split_once('=')
            .map_or((word.as_str(), false), |(name, _)| (name, true));
        let valued = wrapper.valued.contains(&name);
        if !valued && !wrapper.flags.contains(&name) {
            return None;
        }
        at += if valued && !has_value { 2 } else { 1 };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn wrappers_and_variables_are_taken_off() {
        let cases = [
            ("pytest -q", "pytest -q", 0),
            ("CI=1 npx --yes vitest run", "vitest run", 1),
            ("cross-env A=1 B=2 jest", "jest", 2),
            ("uv run --extra test --frozen pytest", "pytest", 0),
            ("uv run --package=x pytest", "pytest", 0),
            (
                "uv run --unheard-of pytest",
                "uv run --unheard-of pytest",
                0,
            ),
            ("poetry run python -m pytest", "python -m pytest", 0),
            ("pnpm exec vitest", "vitest", 0),
            ("npx", "npx", 0),
            ("env X=1 cargo test", "cargo test", 1),
        ];
        for (line, rest, variables) in cases {
            let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            let (at, env) = before(&words);
            assert_eq!(
                (words[at..].join(" "), env.len()),
                (rest.to_owned(), variables)
            );
        }
    }
}
