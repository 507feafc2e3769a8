//! The test pyramid: stages that are found by convention, and which of them are wanted.

use crate::sandbox::Sandbox;

/// `target stage command` of every test task.
fn targets(repo: &Sandbox, more: &[&str]) -> Vec<String> {
    let list = repo.list(&[&["--all"], more].concat());
    let targets = list["targets"].as_array().unwrap().iter();
    let line = |target: &serde_json::Value| {
        let words = target["command"].as_array().unwrap().iter();
        let words: Vec<_> = words.map(|word| word.as_str().unwrap()).collect();
        format!(
            "{} {} {}",
            target["target"].as_str().unwrap(),
            target["stage"].as_str().unwrap(),
            words.join(" ")
        )
    };
    targets.map(line).collect()
}

#[test]
fn pytest_markers_and_folders_are_stages() {
    let repo = Sandbox::new();
    let settings = "[project]\nname = \"shop\"\n[tool.pytest.ini_options]\nmarkers = [\"integration: needs a database\", \"slow\"]\n";
    repo.write("pyproject.toml", settings);
    repo.write("tests/test_a.py", "def test_a(): pass\n");
    repo.write("tests/e2e/test_b.py", "def test_b(): pass\n");
    repo.commit("all");
    assert_eq!(
        targets(&repo, &[]),
        [
            "shop:test unit python3 -m pytest --ignore=tests/e2e -m not integration",
            "shop:test:integration integration python3 -m pytest -m integration",
            "shop:test:e2e e2e python3 -m pytest tests/e2e",
        ]
    );
    // Where a plain run chooses already, that choice stays.
    repo.write("pyproject.toml", "[project]\nname = \"shop\"\n");
    repo.write(
        "pytest.ini",
        "[pytest]\naddopts = -m \"not contract\"\nmarkers =\n    contract: with others\n",
    );
    assert_eq!(
        targets(&repo, &[])[..2],
        [
            "shop:test unit python3 -m pytest --ignore=tests/e2e",
            "shop:test:contract contract python3 -m pytest -m contract",
        ]
    );
}

#[test]
fn go_tags_are_stages() {
    let repo = Sandbox::new();
    repo.write("go.mod", "module ex.com/m\n\ngo 1.21\n");
    repo.write("m.go", "package m\n");
    for tag in ["smoke", "contract", "acceptance", "linux"] {
        let text = format!("//go:build {tag}\n\npackage m\n");
        repo.write(&format!("{tag}x_test.go"), &text);
    }
    repo.commit("all");
    let told = targets(&repo, &[]);
    let tagged: Vec<_> = told.iter().filter(|line| line.contains("-tags")).collect();
    assert_eq!(tagged.len(), 3, "{told:?}");
    assert!(
        tagged[0].ends_with("smoke go test -tags smoke ./..."),
        "{told:?}"
    );
    assert!(
        tagged[1].ends_with("contract go test -tags contract ./..."),
        "{told:?}"
    );
    assert!(
        tagged[2].ends_with("e2e go test -tags acceptance ./..."),
        "{told:?}"
    );
}

#[test]
fn failsafe_is_the_stage_of_integration() {
    let repo = Sandbox::new();
    let pom = |artifact: &str, more: &str| {
        format!(
            "<project><modelVersion>4.0.0</modelVersion>{more}<artifactId>{artifact}</artifactId></project>"
        )
    };
    let plugin = "<groupId>ex</groupId><version>1</version><packaging>pom</packaging><modules><module>a</module><module>b</module></modules><build><plugins><plugin><artifactId>maven-failsafe-plugin</artifactId></plugin></plugins></build>";
    repo.write("pom.xml", &pom("kit", plugin));
    let parent =
        "<parent><groupId>ex</groupId><artifactId>kit</artifactId><version>1</version></parent>";
    for name in ["a", "b"] {
        repo.write(&format!("{name}/pom.xml"), &pom(name, parent));
        repo.write(
            &format!("{name}/src/test/java/ATest.java"),
            "class ATest {}\n",
        );
    }
    repo.write("b/src/test/java/BIT.java", "class BIT {}\n");
    repo.commit("all");
    assert_eq!(
        targets(&repo, &[]),
        [
            "a:test unit mvn -q -B -pl a -am test",
            "b:test unit mvn -q -B -pl b -am test",
            "b:test:integration integration mvn -q -B -pl b -am verify",
        ]
    );
}

#[test]
fn cargo_targets_that_a_plain_run_leaves_out_are_stages() {
    let repo = Sandbox::new();
    let manifest = "[package]\nname = \"k\"\nversion = \"1.0.0\"\n[features]\ndefault = [\"std\"]\nstd = []\nbrowser = []\n\
        [[test]]\nname = \"e2e_browser\"\nrequired-features = [\"browser\"]\n\
        [[test]]\nname = \"smoke\"\ntest = false\n\
        [[test]]\nname = \"integration\"\nrequired-features = [\"std\"]\n\
        [[test]]\nname = \"odd\"\ntest = false\n";
    repo.write("Cargo.toml", manifest);
    repo.write("src/lib.rs", "");
    for name in ["e2e_browser", "smoke", "integration", "odd"] {
        repo.write(&format!("tests/{name}.rs"), "");
    }
    repo.commit("all");
    assert_eq!(
        targets(&repo, &[]),
        [
            "k:test:smoke smoke cargo test -p k --test smoke",
            "k:test unit cargo test -p k",
            "k:test:e2e_browser e2e cargo test -p k --test e2e_browser --features browser",
        ]
    );
}

/// `--until` takes a stage and those before it, in the order of the configuration.
#[test]
fn until_takes_the_lower_part_of_the_pyramid() {
    let shop = Sandbox::shop();
    let stages = ["smoke", "unit", "integration", "e2e", "load"];
    let order =
        "stages = [\"smoke\", \"unit\", \"component\", \"integration\", \"e2e\", \"load\"]\n";
    let tasks: String = stages
        .iter()
        .map(|stage| format!("test.{stage} = \"true\"\n"))
        .collect();
    shop.write("affected.toml", &format!("{order}[project.lone]\n{tasks}"));
    let until = |stage: &str| {
        let told = targets(&shop, &["--filter", "lone", "--until", stage]);
        let stages = told
            .iter()
            .map(|line| line.split(' ').nth(1).unwrap().to_owned());
        stages.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(until("unit"), "smoke unit");
    assert_eq!(until("component"), "smoke unit");
    assert_eq!(until("e2e"), "smoke unit integration e2e");
    assert_eq!(until("load"), "smoke unit integration e2e load");
    let wrong = shop.affected(&["list", "--until", "uint"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("there is no stage `uint`"),
        "{}",
        wrong.stderr
    );
    let both = shop.affected(&["list", "--until", "unit", "--stage", "unit"]);
    assert_eq!(both.code, Some(2));
    let run = shop.affected(&[
        "test", "--filter", "lone", "--all", "--until", "smoke", "--format", "json",
    ]);
    assert_eq!(run.json()["tasks"].as_array().unwrap().len(), 1);
}
