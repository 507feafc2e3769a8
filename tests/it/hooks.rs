//! `hooks`: ours are written, those of others never; and the real pre-commit runs ours.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::Sandbox;
use crate::workflows::tool;

fn read(shop: &Sandbox, path: &str) -> String {
    std::fs::read_to_string(shop.join(path)).unwrap_or_default()
}

/// A folder with the binary under the name that hooks call.
fn on_path(shop: &Sandbox) -> (Sandbox, String) {
    let tools = Sandbox::empty();
    let binary = shop.command(&[]);
    std::os::unix::fs::symlink(binary.get_program(), tools.join("affected")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", tools.path().display());
    (tools, path)
}

/// Runs git with hooks that find the binary.
fn git(shop: &Sandbox, arguments: &[&str]) -> (bool, String) {
    let (_tools, path) = on_path(shop);
    let output = shop
        .git_command(arguments)
        .env("PATH", path)
        .env("AFFECTED_CACHE_DIR", shop.cache())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), told)
}

#[test]
fn hooks_are_installed_run_and_removed() {
    let shop = Sandbox::shop();
    shop.write(
        "affected.toml",
        "[project.lone]\ntest.unit = \"grep -q good index.js\"\n",
    );
    shop.write("p/lone/index.js", "// good\n");
    shop.commit("good");
    assert!(
        shop.affected(&["hooks", "status"])
            .stdout
            .contains("pre-commit: not installed")
    );
    let answer = shop.affected(&["hooks", "install"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(
        shop.affected(&["hooks", "install"]).code,
        Some(0),
        "twice is fine"
    );
    assert_eq!(
        shop.affected(&["hooks", "status"]).stdout,
        "pre-commit: installed\npre-push: installed\n"
    );
    shop.write("p/lone/index.js", "// bad\n");
    // `git commit -a` names another index file to the hook.
    let (done, told) = git(&shop, &["commit", "-qam", "bad"]);
    assert!(!done, "{told}");
    shop.write("p/lone/index.js", "// good again\n");
    let (done, told) = git(&shop, &["commit", "-qam", "good"]);
    assert!(done, "{told}");
    let origin = Sandbox::empty();
    origin.git(&["init", "-q", "--bare"]);
    let url = origin.path().display().to_string();
    shop.git(&["remote", "add", "origin", &url]);
    let (done, told) = git(&shop, &["push", "-q", "origin", "topic"]);
    assert!(done && told.contains("lone"), "{told}");

    assert_eq!(shop.affected(&["hooks", "uninstall"]).code, Some(0));
    assert!(!shop.join(".git/hooks/pre-commit").exists());
}

#[test]
fn hooks_of_others_are_left_as_they_are() {
    let shop = Sandbox::shop();
    let theirs = "#!/bin/sh\necho theirs\n";
    shop.write(".git/hooks/pre-commit", theirs);
    let answer = shop.affected(&["hooks", "install", "--commit-only"]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.stdout.contains("affected check --staged"),
        "{}",
        answer.stdout
    );
    shop.affected(&["hooks", "uninstall"]);
    assert_eq!(read(&shop, ".git/hooks/pre-commit"), theirs);

    // Another folder of hooks is used; one that all repositories share is not.
    let shop = Sandbox::shop();
    shop.git(&["config", "core.hooksPath", ".githooks"]);
    assert_eq!(shop.affected(&["hooks", "install"]).code, Some(0));
    assert!(read(&shop, ".githooks/pre-push").contains("affected check --push"));
    let shared = Sandbox::empty();
    let folder = shared.path().display().to_string();
    shop.git(&["config", "core.hooksPath", &folder]);
    assert_eq!(shop.affected(&["hooks", "install"]).code, Some(1));
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
}

/// What somebody added to our hook is theirs, a folder that is not there yet is made, and git must be able to run the hook.
#[test]
fn hooks_that_were_extended_are_kept() {
    let shop = Sandbox::shop();
    std::fs::remove_dir_all(shop.join(".git/hooks")).ok();
    let install = || shop.affected(&["hooks", "install"]);
    let answer = install();
    assert_eq!(answer.code, Some(0), "{}", answer.stdout);
    let path = ".git/hooks/pre-commit";
    let ours = read(&shop, path);
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(shop.join(path), mode).unwrap();
    let told = shop.affected(&["hooks", "status"]).stdout;
    assert!(told.contains("pre-commit: not installed"), "{told}");
    install();
    let mode = shop.join(path).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    let extended = ours.replace("exec ", "./lint || exit 1\nexec ");
    shop.write(path, &extended);
    let answer = install();
    assert!(answer.stdout.contains("called from"), "{}", answer.stdout);
    shop.affected(&["hooks", "uninstall"]);
    assert_eq!(read(&shop, path), extended);
    shop.write(path, "#!/bin/sh\n# affected check\n");
    assert_eq!(install().code, Some(1), "a comment checks nothing");
}

#[test]
fn hook_managers_are_told_what_to_add() {
    let managers = [
        (".husky/pre-commit", "npm test\n", "affected check --staged"),
        (
            "lefthook.yml",
            "pre-commit:\n",
            "run: affected check --staged",
        ),
        (
            ".pre-commit-config.yaml",
            "repos: []\n",
            "entry: affected check --staged",
        ),
    ];
    for (file, theirs, line) in managers {
        let shop = Sandbox::shop();
        shop.write(file, theirs);
        let answer = shop.affected(&["hooks", "install", "--commit-only"]);
        assert_eq!(answer.code, Some(1), "{file}: {}", answer.stderr);
        assert!(answer.stdout.contains(line), "{file}: {}", answer.stdout);
        assert_eq!(read(&shop, file), theirs);
        assert!(!shop.join(".git/hooks/pre-commit").exists(), "{file}");
        shop.write(file, &format!("{theirs}{line}\n"));
        assert_eq!(
            shop.affected(&["hooks", "install", "--commit-only"]).code,
            Some(0),
            "{file}"
        );
        let told = shop.affected(&["hooks", "status"]).stdout;
        assert!(
            told.contains(&format!("pre-commit: called from {file}")),
            "{file}: {told}"
        );
    }
}

/// The real pre-commit, with the hooks file of this repository, on the shop.
struct PreCommit {
    tool: PathBuf,
    shop: Sandbox,
    home: Sandbox,
}

impl PreCommit {
    fn new() -> Option<Self> {
        let tool = tool("pre-commit/bin/pre-commit", "pre-commit", "--version")?;
        let hooks = Sandbox::new();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = here.join("../.pre-commit-hooks.yaml");
        hooks.write(
            ".pre-commit-hooks.yaml",
            &std::fs::read_to_string(file).unwrap(),
        );
        let rev = hooks.commit("hooks");
        let shop = Sandbox::shop();
        let own = ["lib", "lone", "pay"]
            .map(|name| format!("[project.{name}]\ntest.unit = \"! grep -q bad index.js\"\n"));
        shop.write("affected.toml", &own.concat());
        let config = format!(
            "repos:\n- repo: {}\n  rev: {rev}\n  hooks:\n  - id: affected\n    verbose: true\n  - id: affected-push\n    verbose: true\n",
            hooks.path().display()
        );
        shop.write(".pre-commit-config.yaml", &config);
        shop.commit("settings");
        let all = Self {
            tool,
            shop,
            home: Sandbox::empty(),
        };
        // Once, while the repository of the hooks is there.
        let (done, told) = all.run(&["install-hooks"]);
        assert!(done, "{told}");
        Some(all)
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let (_tools, path) = on_path(&self.shop);
        let git = self.shop.git_command(&[]);
        let mut command = Command::new(&self.tool);
        command.env_clear();
        for (name, value) in git.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let output = command
            .args(arguments)
            .current_dir(self.shop.path())
            .env("HOME", self.home.path())
            .env("PRE_COMMIT_HOME", self.home.join("cache"))
            .env("AFFECTED_CACHE_DIR", self.shop.cache())
            .env("PATH", path)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let more = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), told + &more)
    }

    /// The hook of a commit; neither files nor the index may be others afterwards.
    fn commit_hook(&self) -> (bool, String) {
        let state = || {
            let status = self.shop.git(&["status", "--porcelain=v2", "-uall"]);
            let staged = self.shop.git(&["diff", "--cached", "--binary"]);
            status + &staged + &self.shop.git(&["diff", "--binary"])
        };
        let before = state();
        let answered = self.run(&["run"]);
        assert_eq!(state(), before);
        answered
    }
}

/// Done-when: the right projects for partly staged files, deletes and renames; nothing in the work tree or index changes.
#[test]
fn s9_the_real_pre_commit_judges_what_is_staged() {
    let Some(all) = PreCommit::new() else { return };
    let shop = &all.shop;
    let (done, told) = all.commit_hook();
    assert!(done && told.contains("nothing to run"), "{told}");

    // Partly staged: good is staged, bad is not.
    shop.write("p/lone/index.js", "// fine\n");
    shop.git(&["add", "-A"]);
    shop.write("p/lone/index.js", "// bad\n");
    shop.write("p/pay/index.js", "// bad, not staged\n");
    let (done, told) = all.commit_hook();
    assert!(done && told.contains("1 passed"), "{told}");
    shop.git(&["add", "p/lone"]);
    shop.write("p/lone/index.js", "// fine again\n");
    let (done, told) = all.commit_hook();
    assert!(!done && told.contains("lone:test"), "{told}");
    assert!(!told.contains("pay:test"), "{told}");

    // A rename into another project, and a deletion.
    shop.git(&["reset", "-q", "--hard"]);
    shop.git(&["mv", "p/lone/index.js", "p/pay/moved.js"]);
    let (done, told) = all.commit_hook();
    assert!(done && told.contains("2 passed"), "{told}");
    shop.git(&["reset", "-q", "--hard"]);
    shop.git(&["rm", "-q", "p/lib/index.js"]);
    let (done, told) = all.commit_hook();
    assert!(done, "{told}");
    assert!(told.contains("5 passed"), "lib and its dependents: {told}");
}

/// pre-commit tells its pre-push hooks by variables what is pushed.
#[test]
fn s9_the_real_pre_commit_judges_what_is_pushed() {
    let Some(all) = PreCommit::new() else { return };
    let shop = &all.shop;
    let since = shop.git(&["rev-parse", "HEAD"]).trim().to_owned();
    shop.write("p/lone/index.js", "// bad\n");
    let bad = shop.commit("bad");
    shop.write("p/lone/index.js", "// fine\n");
    let fine = shop.commit("fine");
    let push = |to: &str| {
        all.run(&[
            "run",
            "--hook-stage",
            "pre-push",
            "--from-ref",
            &since,
            "--to-ref",
            to,
        ])
    };
    let (done, told) = push(&fine);
    assert!(done && told.contains("1 passed"), "{told}");
    let (done, told) = push(&bad);
    assert!(!done && told.contains("lone:test"), "{told}");
    // The first push to an empty remote, of what is not checked out.
    let first = |branch: &str, at: &str| {
        shop.git(&["branch", branch, at]);
        let name = format!("refs/heads/{branch}");
        let told = [
            "--remote-name",
            "origin",
            "--remote-url",
            "x",
            "--remote-branch",
            &name,
        ];
        let run = ["run", "--hook-stage", "pre-push", "--all-files"];
        all.run(&[&run[..], &told, &["--local-branch", &name]].concat())
    };
    let (done, told) = first("broken", &bad);
    assert!(!done && told.contains("lone:test"), "{told}");
    let (done, told) = first("whole", &fine);
    assert!(done, "{told}");
}
