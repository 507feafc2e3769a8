//! A temporary git repository with a cleared environment, and the binary under test in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::schema;

/// The repository; gone when dropped.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    /// Where results are kept.
    cache: tempfile::TempDir,
}

/// What the binary answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// A folder that is no repository yet.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            cache: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.git(&["init", "-q", "-b", "main"]);
        sandbox
    }

    /// A shop in small: `web` and `api` use `lib`, `job` uses `api`, `lone` stands alone; `web` calls
    /// `pay` at run time, and `qa` uses `lib` in its tests only.
    pub(crate) fn shop() -> Self {
        let shop = Self::new();
        shop.write(
            "package.json",
            r#"{"name":"root","private":true,"workspaces":["p/*"]}"#,
        );
        shop.package("lib", &[], &[]);
        shop.package("web", &["lib"], &[]);
        shop.package("api", &["lib"], &[]);
        shop.package("job", &["api"], &[]);
        shop.package("lone", &[], &[]);
        shop.package("pay", &[], &[]);
        shop.package("qa", &[], &["lib"]);
        shop.write("affected.toml", "[project.web]\ncalls = [\"pay\"]\n");
        shop.commit("first");
        shop.git(&["checkout", "-q", "-b", "topic"]);
        shop
    }

    pub(crate) fn package(&self, name: &str, uses: &[&str], tests_use: &[&str]) {
        let list = |names: &[&str]| {
            let pairs: Vec<_> = names
                .iter()
                .map(|name| format!("\"{name}\":\"*\""))
                .collect();
            pairs.join(",")
        };
        let text = format!(
            r#"{{"name":"{name}","version":"1.0.0","scripts":{{"test":"true"}},"dependencies":{{{}}},"devDependencies":{{{}}}}}"#,
            list(uses),
            list(tests_use)
        );
        self.write(&format!("p/{name}/package.json"), &text);
        self.write(&format!("p/{name}/index.js"), &format!("// {name}\n"));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that results are kept in.
    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.join(path);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Runs git and demands success.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.git_command(arguments).output();
        let output = output.expect("git starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Git in this repository, not yet started.
    pub(crate) fn git_command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new("git"));
        command.arg("-C").arg(self.path()).args(arguments);
        command
    }

    pub(crate) fn affected(&self, arguments: &[&str]) -> Answer {
        self.affected_with(arguments, &[])
    }

    pub(crate) fn affected_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Answer {
        let mut command = self.command(arguments);
        command.envs(env.iter().copied());
        let answer = Answer::from(command.output().expect("the binary starts"));
        for file in written(arguments) {
            let file = self.path().join(file);
            // A device may never end.
            let text = match file.is_file() {
                true => std::fs::read_to_string(file).unwrap_or_default(),
                false => String::new(),
            };
            schema::check(&text);
        }
        answer
    }

    /// The binary in this repository, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new(env!("CARGO_BIN_EXE_affected-under-test")));
        command.arg("-C").arg(self.path()).args(arguments);
        command.env("AFFECTED_CACHE_DIR", self.cache());
        command
    }

    /// The JSON of `list` with these arguments.
    pub(crate) fn list(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["list", "--format", "json"];
        all.extend(arguments);
        let answer = self.affected(&all);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer.json()
    }

    /// Names of the projects that `list` calls affected, sorted, joined by spaces.
    pub(crate) fn names(&self, arguments: &[&str]) -> String {
        projects(&self.list(arguments), |project| project["affected"] == true)
    }
}

/// Names of the projects of a `list` document that `wanted` accepts, joined by spaces.
pub(crate) fn projects(list: &Value, wanted: impl Fn(&Value) -> bool) -> String {
    let all = list["projects"].as_array().unwrap();
    let mut names: Vec<_> = all
        .iter()
        .filter(|project| wanted(project))
        .map(|project| project["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.join(" ")
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "stdout is no JSON: {error}\n{}\n{}",
                self.stdout, self.stderr
            )
        })
    }
}

impl From<Output> for Answer {
    /// Every document on stdout is held against its schema.
    fn from(output: Output) -> Self {
        schema::check(&String::from_utf8_lossy(&output.stdout));
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The files of JSON that these arguments ask for.
fn written<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let pairs = arguments.windows(2).filter_map(|pair| match pair {
        ["--events" | "--out", file] if *file != "-" => Some(vec![*file]),
        ["--report", files] => {
            let json = |file: &'a str| match file.split_once('=') {
                Some((form, path)) => (form == "json").then_some(path),
                None => Some(file),
            };
            Some(files.split(',').filter_map(json).collect())
        }
        _ => None,
    });
    pairs.flatten().collect()
}

fn clean(mut command: Command) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@example.com")
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@example.com")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .env("NO_COLOR", "1");
    command
}
