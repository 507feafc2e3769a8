//! What holds for every runner, and how each restricts its commands.

use affected_graph::Command;

use super::*;

fn argv(line: &str) -> Command {
    Command::Argv(line.split(' ').map(ToOwned::to_owned).collect())
}

/// The command that runs these parts of `line`, or a dash where it cannot be said.
#[track_caller]
pub(super) fn check_restricted(line: &str, parts: &[Selected], expected: &str) {
    let found = recognise(&argv(line), None);
    let restricted = found.and_then(|(runner, call)| call.command(&runner.restrict(&call, parts)?));
    let told = match restricted {
        Some(Command::Argv(argv)) => argv.join(" "),
        Some(Command::Shell(line)) => line,
        None => "-".to_owned(),
    };
    assert_eq!(told, expected, "{line}");
}

#[test]
fn members_have_names_of_their_own_and_take_nothing_that_is_no_test() {
    let mut names: Vec<_> = ALL.iter().map(|runner| runner.id()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for line in [
        "make test",
        "cargo build",
        "go vet ./...",
        "npm run lint",
        "node index.js",
        "python3 setup.py",
        "mvn package -DskipTests",
        "mvn compile",
        "gradle assemble",
        "gradle build -x test",
        "dotnet build",
        "cargo nextest list",
    ] {
        assert!(recognise(&argv(line), None).is_none(), "{line}");
    }
    assert!(recognise(&Command::Argv(Vec::new()), None).is_none());
}

#[test]
fn two_runs_in_one_line_are_left_alone() {
    let shell = |line: &str| recognise(&Command::Shell(line.to_owned()), None).is_some();
    assert!(shell("cd x && go test ./..."));
    assert!(!shell("go test ./a/... && go test ./..."));
}

#[test]
fn cargo_takes_integration_tests() {
    let target = |name: &str| Selected::Target(name.to_owned());
    let parts = [target("a"), target("b")];
    check_restricted(
        "cargo test -p x",
        &parts,
        "cargo test -p x --test a --test b",
    );
    check_restricted(
        "cargo +nightly test -- --nocapture",
        &parts[..1],
        "cargo +nightly test --test a -- --nocapture",
    );
    check_restricted("cargo test --lib", &parts, "-");
    check_restricted("cargo test", &[Selected::File("x".to_owned())], "-");
}

#[test]
fn go_takes_packages() {
    let package = |name: &str| Selected::Package(name.to_owned());
    let parts = [package("."), package("./a")];
    check_restricted("go test ./...", &parts, "go test . ./a");
    check_restricted(
        "go test -tags e2e ./... -v",
        &parts,
        "go test -tags e2e . ./a -v",
    );
    check_restricted("go test ./b", &parts, "-");
}

#[test]
fn build_tools_of_the_jvm_and_net_take_classes() {
    let parts = [
        Selected::Class("a.B".to_owned()),
        Selected::Class("a.C".to_owned()),
    ];
    check_restricted(
        "mvn -q -B -pl x -am test",
        &parts,
        "mvn -q -B -pl x -am test -Dtest=a.B,a.C -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false",
    );
    check_restricted(
        "./mvnw verify",
        &parts[..1],
        "./mvnw verify -Dtest=a.B -Dit.test=a.B -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false -Dit.failIfNoSpecifiedTests=false",
    );
    check_restricted("mvn test -Dtest=Own", &parts, "-");
    check_restricted(
        "./gradlew :p:test --info",
        &parts,
        "./gradlew :p:test --tests a.B --tests a.C --info",
    );
    check_restricted("gradle :p:test :q:test", &parts, "-");
    check_restricted("gradle :p:check", &parts, "-");
    check_restricted(
        "dotnet test x.csproj -- RunConfiguration.X=1",
        &parts,
        "dotnet test x.csproj --filter FullyQualifiedName~a.B.|FullyQualifiedName~a.C. -- RunConfiguration.X=1",
    );
    check_restricted("dotnet test --filter Own", &parts, "-");
    check_restricted("dotnet test --project x.csproj", &parts, "-");
    for line in ["mvn test", "gradle :p:test", "dotnet test"] {
        check_restricted(line, &[Selected::File("x".to_owned())], "-");
    }
    let target = [Selected::Target("a".to_owned())];
    check_restricted(
        "cargo nextest run -p x",
        &target,
        "cargo nextest run -p x --test a",
    );
}

/// One command in the place of several, or a dash.
#[track_caller]
fn check_joined(lines: &[&str], expected: &str) {
    let found: Vec<_> = lines
        .iter()
        .map(|line| recognise(&argv(line), None).unwrap())
        .collect();
    let calls: Vec<&Call> = found.iter().map(|(_, call)| call).collect();
    let joined = found[0].0.join(&calls);
    assert_eq!(
        joined.map_or("-".to_owned(), |words| words.join(" ")),
        expected
    );
}

#[test]
fn reactors_do_several_projects_in_one_go() {
    check_joined(
        &["mvn -q -pl a -am test", "mvn -q -pl b/c -am test"],
        "mvn -fae -q -pl a,b/c -am test",
    );
    check_joined(&["mvn -pl a test", "mvn -pl b verify"], "-");
    check_joined(&["mvn test", "mvn -pl b test"], "-");
    check_joined(&["mvn -pl a test -Dtest=X", "mvn -pl b test -Dtest=X"], "-");
    check_joined(
        &["./gradlew :a:test", "./gradlew :b:test"],
        "./gradlew --continue :a:test :b:test",
    );
    check_joined(
        &["gradle :a:test --tests X", "gradle :b:test --tests X"],
        "-",
    );
    check_joined(&["gradle -p x :a:test", "gradle -p y :b:test"], "-");
    // Packages that are built together are built with one another's features.
    check_joined(&["cargo test -p a", "cargo test -p b"], "-");
}

/// What is added to a command, and which files are read: `words | folder/prefix*suffix …`.
#[track_caller]
fn check_report(line: &str, expected: &str) {
    let (runner, call) = recognise(&argv(line), None).unwrap();
    let report = runner.report(&call, "/r");
    let words = report.words.unwrap_or_default().join(" ");
    let files = report.files.iter().map(|files| {
        let ReportFiles {
            folder,
            prefix,
            suffix,
        } = files;
        format!(" {folder}/{prefix}*{suffix}")
    });
    let files: String = files.collect();
    assert_eq!(format!("{words} |{files}"), expected, "{line}");
}

#[test]
fn runners_are_asked_for_results_beside_what_the_user_wants() {
    check_report("go test -v ./...", "go test -json -v ./... |");
    check_report("go test -C x ./...", "go test -C x -json ./... |");
    check_report("go test -json ./...", " |");
    check_report("cargo test", " |");
    check_report(
        "mvn -q -pl x,y/z -am test",
        " | x/target/surefire-reports/TEST-*.xml x/target/failsafe-reports/TEST-*.xml y/z/target/surefire-reports/TEST-*.xml y/z/target/failsafe-reports/TEST-*.xml",
    );
    check_report(
        "mvn verify",
        " | ./target/surefire-reports/TEST-*.xml ./target/failsafe-reports/TEST-*.xml",
    );
    check_report(
        "./gradlew -p sub :a:b:integrationTest",
        " | sub/a/b/build/test-results/integrationTest/TEST-*.xml",
    );
    check_report("gradle test", " | build/test-results/test/TEST-*.xml");
    check_report(
        "dotnet test x.csproj --logger html -- X=1",
        "dotnet test x.csproj --logger html --logger trx --results-directory /r -- X=1 | /r/*.trx",
    );
    check_report("dotnet test -r out", " |");
    check_report("dotnet test --project x.csproj", " |");
}

fn told(tests: &Tests) -> String {
    let one = |case: &TestCase| {
        let outcome = case.outcome.as_str();
        let ms = case.ms.map_or(String::new(), |ms| format!(" {ms}ms"));
        format!("{} {} {outcome}{ms}", case.place, case.name)
    };
    let cases: Vec<String> = tests.cases.iter().map(one).collect();
    let (passed, failed, skipped) = (tests.passed, tests.failed, tests.skipped);
    format!("{passed}/{failed}/{skipped}: {}", cases.join("; "))
}

/// What is heard of an output that comes in pieces of any size, and what people see.
#[track_caller]
fn check_heard(line: &str, output: &str, expected: &str, shown: Option<&str>) {
    for size in [1, 7, 10_000] {
        let (runner, call) = recognise(&argv(line), None).unwrap();
        let report = runner.report(&call, "/r");
        let mut listener = runner.listen(&call, &report).unwrap();
        let mut seen = Vec::new();
        for piece in output.as_bytes().chunks(size) {
            seen.extend(listener.hear(piece));
        }
        let (rest, tests) = listener.finish();
        seen.extend(rest);
        let heard = tests.map_or("nothing".to_owned(), |tests| told(&tests));
        assert_eq!(heard, expected);
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert_eq!(seen, shown.unwrap_or(output));
    }
}

#[test]
fn cargo_is_understood_by_its_words() {
    let output = "   Compiling kit v0.1.0\n     Running unittests src/lib.rs (target/debug/deps/kit-0a)\n\nrunning 3 tests\ntest a::one ... ok\ntest a::two ... ignored, later\ntest three - should panic ... FAILED\n\nfailures:\n\n---- three stdout ----\nnote: test did not panic as expected\n\n\nfailures:\n    three\n\ntest result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    check_heard(
        "cargo test",
        output,
        "1/1/1: src/lib.rs a::one passed; src/lib.rs a::two skipped; src/lib.rs three failed",
        None,
    );
    let quiet = "\nrunning 2 tests\n.F\nfailures:\n\n---- b stdout ----\nthread 'b' panicked\n\nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    check_heard("cargo test -q", quiet, "1/1/0:  b failed", None);
    check_heard(
        "cargo test",
        "error[E0308]: mismatched types\n",
        "nothing",
        None,
    );
    let own_harness = "     Running benches/x.rs (target/debug/deps/x-0a)\nall good\n";
    check_heard("cargo test", own_harness, "nothing", None);
}

#[test]
fn nextest_is_understood_by_its_status_lines() {
    let output = "    Starting 3 tests across 2 binaries\n        PASS [   0.004s] (1/3) kit a::one\n        FAIL [   1.250s] kit::it two\n  stdout ───\n     SIGSEGV [   0.1s] kit::it three\n------------\n     Summary [   1.3s] 3 tests run: 1 passed, 2 failed, 0 skipped\n        FAIL [   1.250s] kit::it two\n";
    check_heard(
        "cargo nextest run",
        output,
        "1/2/0: kit a::one passed 4ms; kit::it two failed 1250ms; kit::it three failed 100ms",
        None,
    );
    check_heard("cargo nextest run", "error: x\n", "nothing", None);
}

#[test]
fn go_is_understood_by_its_events_and_shown_in_its_words() {
    let events = r#"go: downloading x
{"ImportPath":"ex/b [ex/b.test]","Action":"build-output","Output":"b/a_test.go:3:1: undefined: x\n"}
{"Action":"start","Package":"ex/a"}
{"Action":"run","Package":"ex/a","Test":"TestA"}
{"Action":"output","Package":"ex/a","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"ex/a","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"ex/a","Test":"TestA","Elapsed":0.25}
{"Action":"output","Package":"ex/a","Output":"PASS\n"}
{"Action":"output","Package":"ex/a","Output":"ok  \tex/a\t0.005s\n"}
{"Action":"pass","Package":"ex/a","Elapsed":0.005}
{"Action":"run","Package":"ex/c","Test":"TestC"}
{"Action":"output","Package":"ex/c","Test":"TestC","Output":"panic: oh\n"}
{"Action":"output","Package":"ex/c","Output":"FAIL\tex/c\t0.1s\n"}
{"Action":"fail","Package":"ex/c","Elapsed":0.1}
{"Action":"output","Package":"ex/b","Output":"FAIL\tex/b [build failed]\n"}
{"Action":"fail","Package":"ex/b","Elapsed":0}
"#;
    check_heard(
        "go test ./...",
        events,
        "1/2/0: ex/a TestA passed 250ms; ex/c TestC failed; ex/b (package) failed 0ms",
        Some(
            "go: downloading x\nb/a_test.go:3:1: undefined: x\nok  \tex/a\t0.005s\npanic: oh\nFAIL\tex/c\t0.1s\nFAIL\tex/b [build failed]\n",
        ),
    );
    check_heard("go test ./...", "no go files\n", "nothing", None);
}

/// What builds, and what tests.
#[test]
fn dotnet_builds_first() {
    let check = |line: &str, expected: &str| {
        let (runner, call) = recognise(&Command::Shell(line.to_owned()), None).unwrap();
        let halves = runner.halves(&call);
        let told = halves.map(|halves| [halves.build.join(" "), halves.test.join(" ")].join("; "));
        assert_eq!(told.unwrap_or_else(|| "-".to_owned()), expected, "{line}");
    };
    check(
        "dotnet test a.csproj --filter A",
        "dotnet build a.csproj; dotnet test a.csproj --filter A --no-build",
    );
    check(
        "dotnet test --project a.csproj",
        "dotnet build a.csproj; dotnet test --project a.csproj --no-build",
    );
    check("dotnet test a.csproj -c Release", "-");
    check("dotnet test", "-");
    check("cargo test -p a", "-");
}

/// The form of what `dotnet test --logger trx` writes, by its schema.
#[test]
fn trx_is_read() {
    let trx = "\u{feff}<?xml version=\"1.0\"?><TestRun xmlns=\"http://microsoft.com/schemas/VisualStudio/TeamTest/2010\"><Results><UnitTestResult testId=\"1\" testName=\"Shop.CartTests.Adds\" duration=\"00:00:01.5\" outcome=\"Passed\"/><UnitTestResult testId=\"2\" testName=\"Shop.CartTests.Takes\" outcome=\"Failed\"><Output><ErrorInfo><Message>want 1</Message><StackTrace>at x</StackTrace></ErrorInfo></Output></UnitTestResult><UnitTestResult testId=\"3\" testName=\"Later\" outcome=\"NotExecuted\"/></Results><TestDefinitions><UnitTest id=\"1\"><TestMethod className=\"Shop.CartTests\" name=\"Adds\"/></UnitTest><UnitTest id=\"2\"><TestMethod className=\"Shop.CartTests, Shop\" name=\"Takes\"/></UnitTest></TestDefinitions></TestRun>";
    let mut tests = Tests::default();
    tests.extend(dotnet::DotnetTest.read(trx.as_bytes()).unwrap());
    assert_eq!(
        told(&tests),
        "1/1/1: Shop.CartTests Adds passed 1500ms; Shop.CartTests Takes failed;  Later skipped"
    );
    assert_eq!(tests.cases[1].message, "want 1");
    assert!(dotnet::DotnetTest.read(b"<a></b>").is_err());
}

/// X3: the name of a test file is one argument of the runner, or the runner is not told at all; never an option, never two.
#[test]
fn x3_hostile_names_are_one_argument() {
    let lines = [
        "pytest -q",
        "npx vitest run",
        "npx jest",
        "npx mocha",
        "node --test",
        "python3 -m unittest",
        "go test ./...",
        "mvn test",
        "gradle test",
        "dotnet test",
        "cargo test",
        "cargo nextest run",
    ];
    for text in affected_fixtures::hostile() {
        let parts = [
            Selected::File(text.clone()),
            Selected::Package(text.clone()),
            Selected::Target(text.clone()),
            Selected::Class(text.clone()),
            Selected::Test(text.clone()),
        ];
        for (line, part) in lines
            .iter()
            .flat_map(|line| parts.iter().map(move |part| (line, part)))
        {
            let Some(command) = restricted(&argv(line), None, std::slice::from_ref(part)) else {
                continue;
            };
            let Command::Argv(words) = command else {
                panic!("{line} became a shell line");
            };
            let before_end = words.iter().take_while(|word| *word != "--");
            let is_option =
                text.starts_with('-') && before_end.into_iter().any(|word| *word == text);
            assert!(!is_option, "{line} {part:?}: {words:?}");
        }
    }
}

/// X3: in a shell line, the shell gives back exactly the name.
#[cfg(unix)]
#[test]
fn x3_hostile_names_come_through_the_shell_as_they_are() {
    for text in affected_fixtures::hostile() {
        // Neither a file nor an argument can have it in its name.
        if text.contains('\0') || text.is_empty() {
            continue;
        }
        let parts = [Selected::File(text.clone())];
        let Some(Command::Shell(line)) = placeholder::part("printf %s {tests}", &parts) else {
            assert!(text.starts_with('-'), "{text:?}");
            continue;
        };
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(&line)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{line}");
    }
}
