//! TeamCity. Configuration parameters are no variables: they stand in a properties file, which
//! `TEAMCITY_BUILD_PROPERTIES_FILE` leads to (its documentation, "Predefined build parameters"; "Pull requests"
//! for `teamcity.pullRequest.target.branch`).

use std::collections::BTreeMap;

use super::{
    Annotation, Ended, Environment, Event, Group, Host, HostBase, Pushed, Situation, Workflow,
    shorten,
};

/// TeamCity.
pub struct TeamCity;

const IS_DEFAULT: &str = "teamcity.build.branch.is_default";

impl Host for TeamCity {
    fn id(&self) -> &'static str {
        "teamcity"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.get("TEAMCITY_VERSION").is_some()
    }

    fn situation(&self, env: &Environment) -> Situation {
        let parameters = parameters(env);
        let get = |name: &str| parameters.get(name).map(String::as_str);
        let head = env
            .get("BUILD_VCS_NUMBER")
            .or_else(|| get("build.vcs.number"));
        let branch = get("teamcity.build.branch");
        if let Some(target) = get("teamcity.pullRequest.target.branch") {
            let base = HostBase::branch(target, "teamcity.pullRequest.target.branch");
            return Situation::against(Event::Request, branch, head, base);
        }
        if branch.is_some_and(|branch| branch.starts_with("refs/tags/")) {
            return Situation::tag(branch, head);
        }
        if get("teamcity.build.triggeredBy").is_some_and(|by| by.contains("Schedule Trigger")) {
            return Situation::schedule(branch, head);
        }
        let is_default = get(IS_DEFAULT) == Some("true");
        let pushed = Pushed {
            branch,
            head,
            default: branch.filter(|_| is_default).map(|name| (name, IS_DEFAULT)),
            before: None,
        };
        pushed.situation(Event::Push)
    }

    fn marks(&self) -> &'static [&'static str] {
        &["##teamcity["]
    }

    fn open_group(&self, group: &Group<'_>) -> Option<String> {
        Some(format!(
            "##teamcity[blockOpened name='{}']\n",
            value(group.title)
        ))
    }

    fn close_group(&self, group: &Group<'_>) -> Option<String> {
        Some(format!(
            "##teamcity[blockClosed name='{}']\n",
            value(group.title)
        ))
    }

    /// A description has at most 4,000 characters ("Reporting build problems").
    fn annotation(&self, annotation: &Annotation<'_>) -> Option<String> {
        let text = format!("{}: {}", annotation.title, annotation.message);
        let text = text.chars().take(1_000).collect::<String>();
        Some(format!(
            "##teamcity[buildProblem description='{}']\n",
            value(&text)
        ))
    }

    /// "Reporting tests": each in a flow of its own, because several run at once.
    fn ended(&self, ended: &Ended<'_>) -> Option<String> {
        let name = value(ended.target);
        let message = |kind: &str, more: &str| {
            format!(
                "##teamcity[{kind} name='{name}'{more} flowId='affected-{}']\n",
                ended.number
            )
        };
        let why = format!(
            " message='{}'",
            value(&shorten(ended.cause.unwrap_or_default()))
        );
        let verdict = match ended.outcome {
            _ if ended.failed() => message("testFailed", &why),
            "passed" | "cached" | "flaky" => String::new(),
            _ => message("testIgnored", &why),
        };
        let time = format!(" duration='{}'", ended.ms);
        Some(message("testStarted", "") + &verdict + &message("testFinished", &time))
    }

    fn results(&self, path: &str) -> Option<String> {
        Some(format!(
            "##teamcity[importData type='junit' path='{}']\n",
            value(path)
        ))
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: ".teamcity/settings.kts",
            text: include_str!("workflows/teamcity.kts"),
        }
    }
}

/// Reads the build's properties and the configuration parameters that they point to.
fn parameters(env: &Environment) -> BTreeMap<String, String> {
    let read = |path: &str| {
        let bytes = std::fs::read(path).unwrap_or_default();
        properties(&String::from_utf8_lossy(&bytes))
    };
    let mut all = env
        .get("TEAMCITY_BUILD_PROPERTIES_FILE")
        .map(read)
        .unwrap_or_default();
    let more = all.get("teamcity.configuration.properties.file").cloned();
    all.extend(more.map(|path| read(&path)).unwrap_or_default());
    all.retain(|_, value| super::says_something(value));
    all
}

/// Reads Java properties (`java.util.Properties.load`), as far as TeamCity writes them: one pair a line,
/// escapes with a backslash.
fn properties(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            return None;
        }
        let mut escaped = false;
        let end = line.find(|char: char| {
            let separates = !escaped && matches!(char, '=' | ':');
            escaped = char == '\\' && !escaped;
            separates
        })?;
        let (name, value) = (&line[..end], &line[end + 1..]);
        Some((unescape(name.trim_end()), unescape(value.trim_start())))
    };
    text.lines().filter_map(pair).collect()
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok();
                out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// Escapes a value as in "Service messages", "Escaped values".
fn value(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '|' | '\'' | '[' | ']' => out.extend(['|', char]),
            '\n' => out.push_str("|n"),
            '\r' => out.push_str("|r"),
            ' '..='~' => out.push(char),
            char => {
                let mut units = [0; 2];
                for unit in char.encode_utf16(&mut units) {
                    out.push_str(&format!("|0x{unit:04X}"));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::properties;

    #[test]
    fn properties_are_read_with_their_escapes() {
        let text = "#x\r\na.b=C\\:\\\\work\\=1\r\n\nname\\ x = \\u0041 b\nempty=\n";
        let read = properties(text);
        assert_eq!(read["a.b"], r"C:\work=1");
        assert_eq!(read["name x"], "A b");
        assert_eq!(read["empty"], "");
        assert_eq!(read.len(), 3);
    }
}
