//! JUnit XML, which most runners write. Source: the schema of Surefire,
//! <https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd>, and what pytest, Gradle, vitest and others make of it.
//!
//! The text is read as a stream, entities of its own are not expanded, and nothing is looked up (X4).

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::{BadReport, TestCase, TestOutcome};

/// Larger reports are not read.
const SIZE: usize = 64 * 1024 * 1024;
/// Elements inside one another.
const DEPTH: usize = 64;
/// Kept of a message.
const MESSAGE: usize = 8 * 1024;

/// What stands at a test case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The name of the nearest suite that has one.
    pub suite: String,
    /// `classname`.
    pub class: String,
    /// `file`, of the case or its suite.
    pub file: String,
    /// `name`.
    pub name: String,
}

/// Reads a report; a test's place is its class, else its file, else its suite.
pub fn read(bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
    read_with(bytes, |at| {
        let places = [&at.class, &at.file, &at.suite];
        let known = places.into_iter().find(|place| !place.is_empty());
        known.cloned().unwrap_or_default()
    })
}

/// Reads a report; `place` says where a test is.
pub fn read_with(
    bytes: &[u8],
    place: impl Fn(&Attributes) -> String,
) -> Result<Vec<TestCase>, BadReport> {
    if bytes.len() > SIZE {
        return Err(BadReport(format!("it is larger than {SIZE} bytes")));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut report = Reading::default();
    loop {
        let at = reader.buffer_position();
        let bad = |words: &str| BadReport(format!("byte {at}: {words}"));
        match reader
            .read_event()
            .map_err(|error| bad(&error.to_string()))?
        {
            Event::Start(element) => {
                if report.open.len() >= DEPTH {
                    return Err(bad("too many elements inside one another"));
                }
                report.start(&element);
            }
            Event::Empty(element) => {
                report.start(&element);
                report.end(&place);
            }
            Event::End(_) => report.end(&place),
            Event::Text(text) => report.say(&text),
            Event::CData(text) => report.say(&text),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(letter)) => report.say(letter.encode_utf8(&mut [0; 4])),
                _ => report.say(resolve_predefined_entity(&name).unwrap_or_default()),
            },
            Event::Eof if report.open.is_empty() => return Ok(report.cases),
            Event::Eof => return Err(bad("it ends in the middle")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// What an element is.
enum Open {
    Suite(Attributes),
    Case,
    /// A failure: its text is the message.
    Failure,
    Other,
}

#[derive(Default)]
struct Reading {
    open: Vec<Open>,
    case: Option<(Attributes, TestCase)>,
    cases: Vec<TestCase>,
}

impl Reading {
    fn start(&mut self, element: &BytesStart<'_>) {
        let name = element.local_name();
        let open = match name.as_ref() {
            "testsuite" => Open::Suite(self.suite(element)),
            "testcase" => {
                self.case = Some(self.new_case(element));
                Open::Case
            }
            // `flakyFailure` and `rerunFailure` stand beside what counts.
            "failure" | "error" => self.fail(element),
            "skipped" => {
                if let Some((_, case)) = &mut self.case {
                    case.outcome = TestOutcome::Skipped;
                }
                Open::Other
            }
            _ => Open::Other,
        };
        self.open.push(open);
    }

    fn above(&self) -> Attributes {
        let suites = self.open.iter().rev();
        let nearest = suites.filter_map(|open| match open {
            Open::Suite(suite) => Some(suite),
            _ => None,
        });
        nearest.clone().next().cloned().unwrap_or_default()
    }

    fn suite(&self, element: &BytesStart<'_>) -> Attributes {
        let above = self.above();
        let or = |name: &str, other: String| attribute(element, name).unwrap_or(other);
        Attributes {
            suite: or("name", above.suite),
            file: or("file", above.file),
            ..Attributes::default()
        }
    }

    fn new_case(&self, element: &BytesStart<'_>) -> (Attributes, TestCase) {
        let above = self.above();
        let value = |name: &str| attribute(element, name);
        let at = Attributes {
            suite: above.suite,
            class: value("classname").unwrap_or_default(),
            file: value("file").unwrap_or(above.file),
            name: value("name").unwrap_or_default(),
        };
        let case = TestCase {
            place: String::new(),
            name: at.name.clone(),
            outcome: TestOutcome::Passed,
            ms: value("time").and_then(|time| milliseconds(&time)),
            message: String::new(),
        };
        (at, case)
    }

    fn fail(&mut self, element: &BytesStart<'_>) -> Open {
        let Some((_, case)) = &mut self.case else {
            return Open::Other;
        };
        case.outcome = TestOutcome::Failed;
        if let Some(message) = attribute(element, "message") {
            case.message.push_str(&message);
            case.message.push('\n');
        }
        Open::Failure
    }

    fn say(&mut self, text: &str) {
        if let (Some(Open::Failure), Some((_, case))) = (self.open.last(), &mut self.case)
            && case.message.len() < MESSAGE
        {
            case.message.push_str(text);
        }
    }

    fn end(&mut self, place: &impl Fn(&Attributes) -> String) {
        if let Some(Open::Case) = self.open.pop()
            && let Some((at, mut case)) = self.case.take()
        {
            case.place = place(&at);
            case.message.truncate(case.message.trim_end().len());
            self.cases.push(case);
        }
    }
}

pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.try_get_attribute(name).ok()??;
    // A reference to an entity of the document's own stays as it is written.
    let value = found.normalized_value(quick_xml::XmlVersion::Explicit1_0);
    Some(value.map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned))
}

/// Seconds with a point; some locales write `1,234.5`.
fn milliseconds(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.replace(',', "").parse().ok()?;
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match read(text.as_bytes()) {
            Err(error) => error.to_string(),
            Ok(cases) => {
                let one = |case: &TestCase| {
                    let outcome = case.outcome.as_str();
                    let ms = case.ms.map_or(String::new(), |ms| format!(" {ms}ms"));
                    let text = format!(
                        "{}/{} {outcome}{ms} {}",
                        case.place, case.name, case.message
                    );
                    text.trim_end().to_owned()
                };
                cases.iter().map(one).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn reports_of_several_runners_are_read() {
        let surefire = r#"<?xml version="1.0" encoding="UTF-8"?><testsuite name="a.B" tests="3"><properties><property name="x" value="y"/></properties>
            <testcase name="ok" classname="a.B" time="0.012"/><testcase name="bad" classname="a.B" time="1,000.5"><failure message="want &lt;1&gt;" type="E"><![CDATA[at a.B]]></failure><system-out>x</system-out></testcase>
            <testcase name="off" classname="a.B"><skipped message="later"/></testcase><testcase name="flaky" classname="a.B"><flakyFailure message="m"/></testcase></testsuite>"#;
        assert_eq!(
            told(surefire),
            "a.B/ok passed 12ms; a.B/bad failed 1000500ms want <1>\nat a.B; a.B/off skipped; a.B/flaky passed"
        );
        let nested = r#"<testsuites><testsuite name="outer" file="a.test.js"><testsuite name="inner"><testcase name="t"><error>&#65;&amp;</error></testcase></testsuite></testsuite></testsuites>"#;
        assert_eq!(told(nested), "a.test.js/t failed A&");
        assert_eq!(told("<testsuite/>"), "");
    }

    /// X4: any bytes give a value or an error, and entities of its own are nothing.
    #[test]
    fn x4_hostile_reports_end() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite><testcase name=\"&b;\"><failure>&b;&c;</failure></testcase></testsuite>";
        assert_eq!(told(bomb), "/&b; failed");
        assert!(told(&"<testsuite>".repeat(100_000)).contains("inside one another"));
        for text in [
            "<testsuite>",
            "<a></b>",
            "<testcase name='",
            "\u{0}<",
            "<testcase time=\"nan\" name=\"x\"/>",
        ] {
            drop(told(text));
        }
        assert!(told("<testsuite><testcase name='a'>").ends_with("in the middle"));
    }
}
