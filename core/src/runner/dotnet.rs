//! `dotnet test`. Sources: "dotnet test" and "Run selected unit tests" of its documentation; the schema vstst.xsd of TRX files
//! (namespace `http://microsoft.com/schemas/VisualStudio/TeamTest/2010`); "Testing with 'dotnet test'" and "Microsoft.Testing.Platform
//! exit codes".
//!
//! Where `global.json` chooses Microsoft.Testing.Platform, projects are named with `--project`, and filters and results are options
//! of extensions that a project may lack: then all of it runs, and the exit code tells. Where only a project chooses it, the
//! options of VSTest are ignored.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::junit::attribute;
use super::{
    BadReport, Call, Halves, Report, ReportFiles, Runner, RunnerId, Selected, TestCase, TestOutcome,
};

/// `dotnet test`.
pub struct DotnetTest;

/// Options that only the other platform has.
const OTHER_PLATFORM: [&str; 2] = ["--project", "--solution"];

/// That platform found no test.
const NO_TESTS: i32 = 8;

fn is_other_platform(call: &Call) -> bool {
    OTHER_PLATFORM.iter().any(|option| call.has(option))
}

impl Runner for DotnetTest {
    fn id(&self) -> RunnerId {
        RunnerId("dotnet-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        let is_test = call.arguments().first().is_some_and(|verb| verb == "test");
        call.program() == "dotnet" && is_test && !call.has("--list-tests") && !call.has("-t")
    }

    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if call.has("--filter") || is_other_platform(call) {
            return None;
        }
        let mut wanted = Vec::new();
        for part in parts {
            match part {
                // The dot keeps `CartTest` from taking `CartTests2`.
                Selected::Class(name) => {
                    wanted.push(format!("FullyQualifiedName~{}.", escaped(name)));
                }
                Selected::Test(name) => {
                    wanted.push(format!("FullyQualifiedName={}", escaped(name)));
                }
                _ => return None,
            }
        }
        let more = ["--filter".to_owned(), wanted.join("|")];
        Some(super::cargo::with_options(&call.words, &more))
    }

    /// What is inferred, and what is restricted: words of the user's own may be for one half only.
    fn halves(&self, call: &Call) -> Option<Halves> {
        let [verb, words @ ..] = call.arguments() else {
            return None;
        };
        let project = match words {
            [project] => project,
            [project, option, _] if option == "--filter" => project,
            [option, project] if option == "--project" => project,
            _ => return None,
        };
        if verb != "test" || project.starts_with('-') {
            return None;
        }
        let program = &call.words[..1];
        let more = ["--no-build".to_owned()];
        Some(Halves {
            build: [program, &["build".to_owned(), project.clone()]].concat(),
            test: [&call.words[..], &more].concat(),
        })
    }

    /// A logger of our own stands beside the user's and the one for the terminal.
    fn report(&self, call: &Call, folder: &str) -> Report {
        let taken = ["--results-directory", "-r"];
        let has_own = taken.iter().any(|option| call.has(option));
        if call.is_redirected || has_own || is_other_platform(call) {
            return Report::default();
        }
        let more = [
            "--logger".to_owned(),
            "trx".to_owned(),
            "--results-directory".to_owned(),
            folder.to_owned(),
        ];
        Report {
            words: Some(super::cargo::with_options(&call.words, &more)),
            files: vec![ReportFiles {
                folder: folder.to_owned(),
                prefix: String::new(),
                suffix: ".trx".to_owned(),
            }],
            ..Report::default()
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        read(bytes)
    }

    fn is_empty_run(&self, exit: Option<i32>) -> bool {
        exit == Some(NO_TESTS)
    }
}

/// Marks what has a meaning in a filter.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if "\\()&|=!~".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Reads `UnitTestResult` elements; their classes stand further down, in `UnitTest` elements of the same id.
fn read(bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut found: Vec<(String, TestCase)> = Vec::new();
    let mut classes = std::collections::BTreeMap::new();
    let (mut id, mut tells) = (String::new(), false);
    loop {
        let event = reader.read_event();
        match event.map_err(|error| BadReport(error.to_string()))? {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "UnitTestResult" => found.push(result(&element)),
                "UnitTest" => id = attribute(&element, "id").unwrap_or_default(),
                "TestMethod" => {
                    let class = attribute(&element, "className").unwrap_or_default();
                    classes.insert(std::mem::take(&mut id), class);
                }
                "Message" => tells = true,
                _ => {}
            },
            Event::Text(text) if tells => {
                if let Some((_, case)) = found.last_mut()
                    && case.outcome == TestOutcome::Failed
                {
                    case.message.push_str(&text);
                }
            }
            Event::End(_) => tells = false,
            Event::Eof => break,
            _ => {}
        }
    }
    let placed = found.into_iter().map(|(id, mut case)| {
        if let Some(class) = classes.get(&id) {
            // `Class, Assembly` in older files.
            class
                .split(',')
                .next()
                .unwrap_or(class)
                .clone_into(&mut case.place);
            // xUnit calls a test by its class and method, others by the method alone.
            let own = case.name.strip_prefix(case.place.as_str());
            if let Some(own) = own.and_then(|own| own.strip_prefix('.')) {
                case.name = own.to_owned();
            }
        }
        case
    });
    Ok(placed.collect())
}

fn result(element: &BytesStart<'_>) -> (String, TestCase) {
    let value = |name: &str| attribute(element, name).unwrap_or_default();
    let outcome = match value("outcome").as_str() {
        "Passed" | "PassedButRunAborted" | "Completed" | "Warning" => TestOutcome::Passed,
        "NotExecuted" | "Pending" | "NotRunnable" => TestOutcome::Skipped,
        _ => TestOutcome::Failed,
    };
    let case = TestCase {
        place: String::new(),
        name: value("testName"),
        outcome,
        ms: milliseconds(&value("duration")),
        message: String::new(),
    };
    (value("testId"), case)
}

/// Reads `00:00:01.2345678`.
fn milliseconds(duration: &str) -> Option<u64> {
    let mut seconds = 0.0;
    for part in duration.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_millis()).ok()
}
