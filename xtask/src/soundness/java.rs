//! Java: Maven modules of one part each, compiled and tested by a process that stays, since a Maven for each change would
//! take minutes. Tests are plain classes, which Surefire runs as well.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::language::{Language, Outcomes, data, write_data};
use super::model::{Model, is_dynamic};
use super::write;
use affected_fixtures::Random;

pub(super) struct Java;

const POM: &str = "<project><modelVersion>4.0.0</modelVersion><groupId>ex</groupId>";

fn main_folder(part: usize) -> String {
    format!("jv{part}/src/main/java/ex/p{part}")
}

fn test_folder(part: usize) -> String {
    format!("jv{part}/src/test/java/ex/p{part}")
}

impl Language for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn tool(&self) -> &'static str {
        "javac"
    }

    fn suffix(&self) -> &'static str {
        "java"
    }

    fn manifests(&self) -> &'static [&'static str] {
        &["pom.xml"]
    }

    fn source(&self, part: usize) -> String {
        format!("{}/Part{part}.java", main_folder(part))
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        let modules = (0..model.parts.len()).map(|part| format!("<module>jv{part}</module>"));
        let modules: String = modules.collect();
        let top = format!(
            "{POM}<artifactId>all</artifactId><version>1</version><packaging>pom</packaging><modules>{modules}</modules></project>\n"
        );
        write(root, "pom.xml", &top)?;
        for (number, part) in model.parts.iter().enumerate() {
            let (mut uses, mut sum) = (String::new(), part.value.to_string());
            for used in &part.uses {
                let _ = write!(
                    uses,
                    "<dependency><groupId>ex</groupId><artifactId>jv{used}</artifactId><version>1</version></dependency>"
                );
                let _ = write!(sum, " + ex.p{used}.Part{used}.v()");
            }
            let pom = format!(
                "{POM}<artifactId>jv{number}</artifactId><version>1</version><dependencies>{uses}</dependencies></project>\n"
            );
            write(root, &format!("jv{number}/pom.xml"), &pom)?;
            let source = format!(
                "package ex.p{number};\n\npublic class Part{number} {{\n    public static long v() {{\n        return {sum};\n    }}\n}}\n// {}\n",
                part.remark
            );
            write(root, &self.source(number), &source)?;
            let read = format!(
                "Long.parseLong(new String(SumTest.class.getResourceAsStream(\"/value{number}.txt\").readAllBytes()))"
            );
            let sum = format!("Part{number}.v(){} == {}", data(part, &read), part.expected);
            write_test(root, number, "SumTest", &sum)?;
            write_test(root, number, "KeptTest", "Support.holds()")?;
            // A name that is made up, through which the support is reached.
            let load = format!(
                "(boolean) Class.forName(String.join(\".\", \"ex\", \"p{number}\", \"Sup\" + \"port\")).getMethod(\"holds\").invoke(null)"
            );
            if is_dynamic(number) {
                write_test(root, number, "LoadTest", &load)?;
            }
            write_test(root, number, "AloneTest", "1 + 1 == 2")?;
            if let Some((path, text)) = self.support(number, false) {
                write(root, &path, &text)?;
            }
        }
        write_data(root, model, |part| {
            format!("jv{part}/src/test/resources/value{part}.txt")
        })
    }

    fn new_test(&self, part: usize, passes: bool) -> (String, String) {
        let path = format!("{}/NewTest.java", test_folder(part));
        (
            path,
            test(part, "NewTest", if passes { "true" } else { "false" }),
        )
    }

    fn support(&self, part: usize, broken: bool) -> Option<(String, String)> {
        let text = format!(
            "package ex.p{part};\n\npublic class Support {{\n    public static boolean holds() {{\n        return {};\n    }}\n}}\n",
            !broken
        );
        Some((format!("{}/Support.java", test_folder(part)), text))
    }

    fn own_change(
        &self,
        root: &Path,
        part: usize,
        random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        if random.below(2) == 0 {
            write(root, &format!("jv{part}/pom.xml"), POM)?;
            return Ok(Some("broken pom"));
        }
        write_test(root, part, "KeptTest", "!Support.holds()")?;
        Ok(Some("one test class"))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        static SERVER: Mutex<Option<Server>> = Mutex::new(None);
        let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(Server::start().map_err(|error| format!("java: {error}"))?);
        }
        let server = held.as_mut().ok_or("java does not start")?;
        server.ask(root).map_err(|error| format!("java: {error}"))
    }
}

fn test(part: usize, name: &str, claim: &str) -> String {
    format!(
        "package ex.p{part};\n\npublic class {name} {{\n    public void testIt() throws Exception {{\n        if (!({claim})) {{\n            throw new AssertionError();\n        }}\n    }}\n}}\n"
    )
}

fn write_test(root: &Path, part: usize, name: &str, claim: &str) -> Result<(), String> {
    let path = format!("{}/{name}.java", test_folder(part));
    write(root, &path, &test(part, name, claim))
}

/// The process that compiles and runs; it ends with its standard input.
struct Server {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("Truth.java");
        std::fs::write(&source, include_str!("Truth.java"))?;
        let mut process = Command::new("java")
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg(&source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ends = process.stdin.take().zip(process.stdout.take());
        let (input, output) = ends.ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            _process: process,
            input,
            output: BufReader::new(output),
            _folder: folder,
        })
    }

    fn ask(&mut self, root: &Path) -> std::io::Result<Outcomes> {
        writeln!(self.input, "{}", root.display())?;
        self.input.flush()?;
        let mut found = Outcomes::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let words: Vec<&str> = line.trim_end().split('\t').collect();
            match words[..] {
                ["end"] => return Ok(found),
                [module, test, outcome] => {
                    let unit = (module.to_owned(), test.to_owned());
                    found.insert(unit, outcome == "passed");
                }
                _ => {}
            }
        }
    }
}
