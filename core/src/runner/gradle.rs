//! Gradle. Sources: "Testing in Java & JVM projects" (test filtering, test reporting) and "Command-Line Interface" of its manual.
//!
//! The test task writes `build/test-results/TASK/TEST-*.xml` anyway, so nothing is added.

use super::{BadReport, Call, Report, ReportFiles, Runner, RunnerId, Selected, TestCase, junit};

/// `gradle :path:test`.
pub struct Gradle;

impl Gradle {
    /// The test tasks that are asked for, as paths.
    fn tasks(call: &Call) -> Vec<&str> {
        let words = call.arguments().iter().map(String::as_str);
        let is_test = |word: &&str| {
            let name = word.rsplit(':').next().unwrap_or_default();
            let names = ["test", "check", "build"];
            !word.starts_with('-') && (names.contains(&name) || name.ends_with("Test"))
        };
        words.filter(is_test).collect()
    }
}

impl Runner for Gradle {
    fn id(&self) -> RunnerId {
        RunnerId("gradle")
    }

    fn recognises(&self, call: &Call) -> bool {
        let leaves_out = call.arguments().windows(2);
        let leaves_out = leaves_out
            .filter(|pair| matches!(pair[0].as_str(), "-x" | "--exclude-task"))
            .any(|pair| pair[1].ends_with("test"));
        matches!(call.program(), "gradle" | "gradlew")
            && !Self::tasks(call).is_empty()
            && !leaves_out
    }

    /// `--tests` belongs to the task before it.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let tasks = Self::tasks(call);
        let [task] = tasks.as_slice() else {
            return None;
        };
        let name = task.rsplit(':').next()?;
        if matches!(name, "check" | "build") || call.has("--tests") {
            return None;
        }
        let mut filters = Vec::new();
        for part in parts {
            match part {
                Selected::Class(name) => filters.extend(["--tests".to_owned(), name.clone()]),
                Selected::Test(name) => {
                    filters.extend(["--tests".to_owned(), name.replace('#', ".")]);
                }
                _ => return None,
            }
        }
        let at = call.words.iter().position(|word| word == task)?;
        let mut words = call.words.clone();
        words.splice(at + 1..at + 1, filters);
        Some(words)
    }

    fn join(&self, calls: &[&Call]) -> Option<Vec<String>> {
        let first = calls.first()?;
        let mut tasks = Vec::new();
        for call in calls {
            let [task] = Self::tasks(call)[..] else {
                return None;
            };
            let others = |call: &Call, task: &str| {
                let words = call.words.iter().filter(|word| *word != task);
                words.cloned().collect::<Vec<_>>()
            };
            let same = others(call, task) == others(first, Self::tasks(first).first()?);
            // Options of a task stand behind it.
            if !same || call.words.last().map(String::as_str) != Some(task) {
                return None;
            }
            tasks.push(task.to_owned());
        }
        let mut words = first.words.clone();
        words.pop();
        words.push("--continue".to_owned());
        words.extend(tasks);
        Some(words)
    }

    /// A project's path is its folder unless the settings say otherwise: then nothing is found, and only the exit code counts.
    fn report(&self, call: &Call, _folder: &str) -> Report {
        let words = call.arguments();
        let root = words
            .windows(2)
            .find(|pair| matches!(pair[0].as_str(), "-p" | "--project-dir"))
            .map(|pair| format!("{}/", pair[1]));
        let files = Self::tasks(call).into_iter().filter_map(|task| {
            let (path, name) = task.rsplit_once(':').unwrap_or(("", task));
            let folder = path.trim_start_matches(':').replace(':', "/");
            let folder = format!("{}{folder}", root.as_deref().unwrap_or_default());
            let folder = folder.trim_end_matches('/');
            let results = format!("build/test-results/{name}");
            Some(ReportFiles {
                folder: if folder.is_empty() {
                    results
                } else {
                    format!("{folder}/{results}")
                },
                prefix: "TEST-".to_owned(),
                suffix: ".xml".to_owned(),
            })
            .filter(|_| !matches!(name, "check" | "build"))
        });
        Report {
            files: files.collect(),
            ..Report::default()
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        junit::read(bytes)
    }
}
