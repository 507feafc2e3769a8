//! S: selection never misses.

use crate::sandbox::{Sandbox, projects};

fn reach<'a>(list: &'a serde_json::Value, name: &str) -> &'a str {
    let all = list["projects"].as_array().unwrap();
    all.iter().find(|project| project["name"] == name).unwrap()["reach"]
        .as_str()
        .unwrap()
}

/// S1: a change selects the project and its dependents.
#[test]
fn s1_a_library_selects_its_dependents() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.commit("lib");
    assert_eq!(shop.names(&[]), "api job lib qa web");
}

/// S1: who depended on it at the base only is selected as well.
#[test]
fn s1_dependents_of_the_old_graph_count() {
    let shop = Sandbox::shop();
    shop.package("api", &[], &[]);
    shop.write("p/lib/index.js", "// changed\n");
    shop.commit("api leaves lib");
    assert_eq!(shop.names(&["--dependents", "all"]), "api job lib qa web");
}

/// S2: a file moved between projects selects both, and is a delete and an add.
#[test]
fn s2_a_move_selects_both_ends() {
    let shop = Sandbox::shop();
    shop.git(&["mv", "p/lone/index.js", "p/pay/moved.js"]);
    shop.commit("move");
    assert_eq!(shop.names(&[]), "lone pay");
    let list = shop.list(&[]);
    let kinds: Vec<_> = list["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["kind"].clone())
        .collect();
    assert_eq!(kinds, ["deleted", "added"]);
}

/// S3: deleting a project selects its former dependents, not the world; a new one is selected.
#[test]
fn s3_deleting_and_adding_projects() {
    let shop = Sandbox::shop();
    shop.remove("p/api");
    shop.package("fresh", &[], &[]);
    shop.commit("delete api, add fresh");
    assert_eq!(shop.names(&[]), "fresh job");
}

/// S3: removing an edge selects the one that had it.
#[test]
fn s3_removing_an_edge() {
    let shop = Sandbox::shop();
    shop.package("web", &[], &[]);
    shop.commit("web leaves lib");
    assert_eq!(shop.names(&[]), "web");
}

/// S5: an unknown file outside every project selects all; documentation selects nobody, by a named rule.
#[test]
fn s5_files_outside_projects() {
    let shop = Sandbox::shop();
    shop.write("README.md", "# shop\n");
    shop.commit("docs");
    let list = shop.list(&[]);
    assert_eq!(projects(&list, |project| project["affected"] == true), "");
    assert_eq!(list["changes"][0]["disposition"], "ignored");
    assert_eq!(list["changes"][0]["detail"], "rule `documentation`");
    for name in [
        "cspell.json",
        ".cspell.json",
        "codecov.yml",
        "codecov.yaml",
        "deny.toml",
    ] {
        shop.write(name, "{}");
        assert_eq!(shop.names(&[]), "", "{name}");
        shop.remove(name);
    }
    // What tests read or the program packs is no documentation, whatever it looks like.
    for name in ["p/lone/src/resources/help.md", "p/lone/testdata/in.md"] {
        shop.write(name, "# text\n");
        assert_eq!(shop.names(&[]), "lone", "{name}");
        shop.remove(name);
    }
    shop.write("p/lone/notes/in.md", "# text\n");
    assert_eq!(shop.names(&[]), "");
    shop.remove("p/lone/notes/in.md");
    shop.write("strange.bin", "?");
    shop.commit("unknown");
    let list = shop.list(&[]);
    assert_eq!(list["summary"]["affected"], list["summary"]["projects"]);
    assert_eq!(list["changes"][1]["disposition"], "unknown");
}

/// S5: the tool's own configuration selects all; a toolchain file the projects that can read it.
#[test]
fn s5_configuration_and_toolchain() {
    let shop = Sandbox::shop();
    shop.write("affected.toml", "version = 1\n");
    shop.commit("config");
    let list = shop.list(&[]);
    assert_eq!(list["summary"]["affected"], list["summary"]["projects"]);
    assert_eq!(list["projects"][0]["reasons"][0]["code"], "config-changed");
    let shop = Sandbox::shop();
    shop.write(".nvmrc", "20\n");
    shop.write("tool/go.mod", "module example.com/tool\n");
    shop.commit("node version");
    let list = shop.list(&["--since", "HEAD", "--files", ".nvmrc"]);
    assert_eq!(
        projects(&list, |project| project["affected"] == false),
        "tool"
    );
}

/// S7: the executable bit, a type change and a retargeted symlink are changes.
#[test]
fn s7_modes_and_symlinks() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let shop = Sandbox::shop();
    let file = shop.join("p/lone/index.js");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let list = shop.list(&[]);
    assert_eq!(
        projects(&list, |project| project["affected"] == true),
        "lone"
    );
    assert_eq!(list["changes"][0]["kind"], "mode-changed");
    symlink("index.js", shop.join("p/pay/link.js")).unwrap();
    shop.commit("link");
    shop.remove("p/pay/link.js");
    symlink("package.json", shop.join("p/pay/link.js")).unwrap();
    assert_eq!(shop.names(&["--uncommitted"]), "pay");
}

/// S9: staged, unstaged and untracked files take part by a declared mode.
#[test]
fn s9_modes_of_uncommitted_work() {
    let shop = Sandbox::shop();
    shop.write("p/lone/index.js", "// staged\n");
    shop.git(&["add", "-A"]);
    shop.write("p/pay/index.js", "// unstaged\n");
    shop.write("p/qa/new.js", "// untracked\n");
    assert_eq!(shop.names(&["--staged"]), "lone");
    assert_eq!(shop.names(&["--uncommitted"]), "lone pay qa");
    assert_eq!(shop.names(&[]), "lone pay qa");
    assert_eq!(shop.names(&["--head", "HEAD"]), "");
}

/// S9: the staged question judges the index only, also another one that git names, and writes nothing.
#[test]
fn s9_another_index_file() {
    let shop = Sandbox::shop();
    let other = shop.join(".git/other-index");
    std::fs::copy(shop.join(".git/index"), &other).unwrap();
    shop.write("p/lone/index.js", "// staged\n");
    shop.git(&["add", "-A"]);
    let before = std::fs::read(shop.join(".git/index")).unwrap();
    let variables = [("GIT_INDEX_FILE", other.to_str().unwrap())];
    let answer = shop.affected_with(&["list", "--staged", "--format", "names"], &variables);
    assert_eq!(answer.stdout, "");
    assert_eq!(std::fs::read(shop.join(".git/index")).unwrap(), before);
}

/// S12: a cycle is fine for selection; a cycle between tasks is refused with its path.
#[test]
fn s12_cycles() {
    let shop = Sandbox::shop();
    for (name, other) in [("a", "b"), ("b", "a")] {
        shop.write(
            &format!("p/{name}/package.json"),
            &format!(r#"{{"name":"{name}","scripts":{{"build":"true","test":"true"}},"dependencies":{{"{other}":"*"}}}}"#),
        );
    }
    shop.commit("cycle");
    assert_eq!(shop.names(&[]), "a b");
    let answer = shop.affected(&["run", "build"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer
            .stderr
            .contains("`a:build` -> `b:build` -> `a:build`"),
        "{}",
        answer.stderr
    );
}

/// S13: list, names, plan and run agree.
#[test]
fn s13_every_command_agrees() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.commit("lib");
    let list = shop.names(&[]);
    let names = shop.affected(&["list", "--format", "names"]).stdout;
    assert_eq!(names.lines().collect::<Vec<_>>().join(" "), list);
    let planned = shop
        .affected(&["test", "--dry-run", "--format", "json"])
        .json();
    let tasks = planned["targets"]
        .as_array()
        .or(planned["tasks"].as_array())
        .unwrap();
    let mut planned: Vec<_> = tasks
        .iter()
        .map(|task| task["project"].as_str().unwrap())
        .collect();
    planned.sort_unstable();
    assert_eq!(planned.join(" "), list);
}

/// S14: a selected project tells the chain from the changed file, with the place of each edge.
#[test]
fn s14_every_selection_says_why() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.commit("lib");
    let list = shop.list(&[]);
    for project in list["projects"].as_array().unwrap() {
        let reasons = project["reasons"].as_array().unwrap();
        assert_eq!(reasons.is_empty(), project["reach"] == "none", "{project}");
    }
    let job = list["projects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "job")
        .unwrap();
    let reason = &job["reasons"][0];
    assert_eq!(reason["file"], "p/lib/index.js");
    assert_eq!(reason["via"], serde_json::json!(["lib", "api"]));
    assert!(
        reason["detail"]
            .as_str()
            .unwrap()
            .contains("p/job/package.json"),
        "{reason}"
    );
}

/// S15: base equal to head selects nothing, and the same question gives the same bytes.
#[test]
fn s15_nothing_changed_selects_nothing() {
    let shop = Sandbox::shop();
    assert_eq!(shop.names(&["--base", "HEAD", "--head", "HEAD"]), "");
    shop.write("p/lib/index.js", "// changed\n");
    let ask = || shop.affected(&["list", "--format", "json"]).stdout;
    assert_eq!(ask(), ask());
}

/// S15: more changes never select less.
#[test]
fn s15_more_changes_select_no_less() {
    let shop = Sandbox::shop();
    shop.write("p/pay/index.js", "// changed\n");
    let few: Vec<String> = shop.names(&[]).split(' ').map(ToOwned::to_owned).collect();
    shop.write("p/api/index.js", "// changed\n");
    let more = shop.names(&[]);
    assert!(
        few.iter()
            .all(|name| more.split(' ').any(|other| other == name)),
        "{few:?} {more}"
    );
}

/// The table of edge kinds: a caller at run time is reached, but not affected.
#[test]
fn runtime_edges_reach_without_affecting() {
    let shop = Sandbox::shop();
    shop.write("p/pay/index.js", "// changed\n");
    let list = shop.list(&[]);
    assert_eq!(
        projects(&list, |project| project["affected"] == true),
        "pay"
    );
    assert_eq!(reach(&list, "web"), "runtime");
    let web = list["projects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "web")
        .unwrap();
    assert_eq!(web["stages"], serde_json::json!(["integration", "e2e"]));
}

/// S5: an unknown file inside a nested workspace selects that workspace, not the world.
#[test]
fn s5_an_unknown_file_of_a_nested_workspace() {
    let shop = Sandbox::shop();
    shop.write(
        "apps/package.json",
        r#"{"name":"apps","private":true,"workspaces":["one"]}"#,
    );
    shop.write("apps/one/package.json", r#"{"name":"one"}"#);
    shop.commit("nested");
    shop.git(&["branch", "-f", "main"]);
    shop.write("apps/strange.bin", "?");
    assert_eq!(shop.names(&[]), "apps one");
}
