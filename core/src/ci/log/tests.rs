//! X3: nothing of others is a command for any host, and our own commands stay one line with one meaning.

use affected_fixtures::hostile;

use super::*;
use crate::ci::ALL;

/// How each host finds a command in a line; written anew from its source, not by our own marks.
fn is_command(host: &str, line: &str) -> bool {
    let lower = line.to_lowercase();
    match host {
        "github" => line.trim_start().starts_with("::") || lower.contains("##["),
        "azure" => lower.contains("##vso[") || lower.contains("##["),
        "teamcity" => lower.contains("##teamcity["),
        "gitlab" => line.contains("section_start:") || line.contains("section_end:"),
        "buildkite" => ["---", "+++", "~~~", "^^^"]
            .iter()
            .any(|mark| line.starts_with(mark)),
        _ => false,
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
}

#[test]
fn x3_text_of_others_is_no_command_for_any_host() {
    let all = hostile();
    assert!(all.len() >= 60, "{}", all.len());
    for host in ALL {
        for text in &all {
            // What the terminal does first makes carriage returns visible.
            let text = text.replace('\r', "\\r");
            let shown = host.defuse(&text);
            let bad: Vec<_> = lines(&shown)
                .filter(|line| is_command(host.id(), line))
                .collect();
            assert!(bad.is_empty(), "{}: {text:?} gives {bad:?}", host.id());
            assert_eq!(host.defuse(&shown), shown, "{}: not stable", host.id());
        }
        let plain = "running 3 tests\na::b ok, ## done [x] - fine";
        assert_eq!(host.defuse(plain), plain, "{}", host.id());
    }
}

#[test]
fn x3_commands_of_ours_stay_one_command() {
    for host in ALL {
        for text in &hostile() {
            let group = Group {
                number: 7,
                title: text,
                seconds: 1,
                failed: true,
            };
            let annotation = Annotation {
                title: text,
                message: text,
            };
            let ended = Ended {
                number: 7,
                target: text,
                project: text,
                outcome: "failed",
                cause: Some(text),
                ms: 3,
            };
            let written = [
                (host.open_group(&group), 1),
                (host.close_group(&group), 1),
                (host.annotation(&annotation), 1),
                (host.ended(&ended), 3),
                (host.results(text), 1),
            ];
            for (command, most) in written {
                let Some(command) = command else { continue };
                assert!(command.ends_with('\n'), "{}: {command:?}", host.id());
                let count = lines(&command)
                    .filter(|line| is_command(host.id(), line))
                    .count();
                assert_eq!(count, most, "{}: {command:?}", host.id());
                assert_eq!(
                    command.matches('\n').count(),
                    most,
                    "{}: {command:?}",
                    host.id()
                );
                one_meaning(host.id(), &command);
            }
        }
    }
}

/// No value ends its command early.
fn one_meaning(host: &str, command: &str) {
    for line in command.lines() {
        match host {
            // Quotes and brackets that are not escaped belong to the command itself.
            "teamcity" => {
                let mut escaped = false;
                let bare = |wanted: char| {
                    let mut escaped = false;
                    line.chars()
                        .filter(|char| {
                            let counts = !escaped && *char == wanted;
                            escaped = !escaped && *char == '|';
                            counts
                        })
                        .count()
                };
                escaped |= bare('[') != 1 || bare(']') != 1 || bare('\'') % 2 != 0;
                assert!(
                    !escaped && line.ends_with(']') && line.is_ascii(),
                    "{line:?}"
                );
            }
            "azure" if line.starts_with("##vso[") => {
                assert_eq!(line.matches(']').count(), 1, "{line:?}");
                assert_eq!(line.to_lowercase().matches("##vso[").count(), 1, "{line:?}");
            }
            "github" if line.starts_with("::error") => {
                let head = line.trim_start_matches("::error title=");
                let (title, _) = head.split_once("::").unwrap();
                assert!(!title.contains([':', ',']), "{line:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn x3_json_is_quiet_in_every_log_and_says_the_same() {
    for text in hostile() {
        let json = serde_json::to_string(&[&text]).unwrap();
        let quiet = quiet_json(&json);
        let back: Vec<String> = serde_json::from_str(&quiet).unwrap();
        assert_eq!(back, [text]);
        for host in ALL {
            assert!(!is_command(host.id(), &quiet), "{}: {quiet}", host.id());
        }
    }
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let long = "名".repeat(3_000);
    let cut = shorten(&long);
    assert!(cut.len() <= 4_003 && cut.ends_with('…'), "{}", cut.len());
}
