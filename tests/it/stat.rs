//! What of a file's stat proves that it is unchanged: git's own settings, with git as the oracle.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use crate::sandbox::Sandbox;

fn ours(shop: &Sandbox) -> BTreeSet<String> {
    let list = shop.list(&["--uncommitted"]);
    let changes = list["changes"].as_array().unwrap();
    let path = |change: &serde_json::Value| change["path"].as_str().unwrap().to_owned();
    changes.iter().map(path).collect()
}

fn gits(shop: &Sandbox) -> BTreeSet<String> {
    let status = shop.git(&[
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--no-renames",
        "-uall",
    ]);
    let path = |line: &str| line[3..].to_owned();
    status.lines().map(path).collect()
}

/// Makes the index newer than every file, so that only stats decide.
fn settle(shop: &Sandbox, path: &str) -> SystemTime {
    let old = SystemTime::now() - Duration::from_secs(1000);
    set_time(shop, path, old);
    shop.git(&["update-index", "-q", "--refresh"]);
    old
}

fn set_time(shop: &Sandbox, path: &str, time: SystemTime) {
    let file = std::fs::File::options().write(true).open(shop.join(path));
    file.unwrap().set_modified(time).unwrap();
}

const FILE: &str = "p/lone/index.js";

/// Other bytes of the same length, with the old time: only the time of the inode tells.
fn same_size_and_time(shop: &Sandbox) {
    let old = settle(shop, FILE);
    shop.write(FILE, "// enol\n");
    set_time(shop, FILE, old);
}

/// Replaced by another inode with the same size and time, but for parts of a second.
fn another_inode(shop: &Sandbox) {
    let old = settle(shop, FILE);
    shop.write("other", "// enol\n");
    set_time(shop, "other", old);
    std::fs::rename(shop.join("other"), shop.join(FILE)).unwrap();
}

/// A setting, and what is done to the file under it.
type Case = (&'static [&'static str], fn(&Sandbox));

/// S8, S9, S16: what git's settings say about stats holds here as well.
#[test]
fn s16_stats_prove_what_git_says_they_prove() {
    let cases: &[Case] = &[
        (&["core.trustctime", "true"], another_inode),
        (&["core.checkStat", "default"], another_inode),
        (&["core.checkStat", "minimal"], another_inode),
        (&["core.checkStat", "minimal"], same_size_and_time),
        (&["core.trustctime", "false"], same_size_and_time),
        (&["core.fileMode", "false"], |shop| {
            let path = shop.join(FILE);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }),
        (&["core.fileMode", "true"], |shop| {
            let path = shop.join(FILE);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }),
        (&["core.symlinks", "false"], |shop| {
            let id = shop.git(&["rev-parse", "HEAD:p/lone/index.js"]);
            let entry = format!("120000,{},p/lone/link", id.trim());
            shop.git(&["update-index", "--add", "--cacheinfo", &entry]);
            shop.git(&["commit", "-q", "-m", "a link"]);
            shop.write("p/lone/link", "// lone\n");
        }),
        (&["core.untrackedCache", "true"], |shop| {
            shop.git(&["update-index", "--untracked-cache"]);
            shop.git(&["status"]);
            shop.write("p/lone/new.js", "1");
            shop.write("p/pay/a/b/new.js", "1");
        }),
        (&["core.splitIndex", "true"], |shop| {
            shop.git(&["update-index", "--split-index"]);
            shop.write(FILE, "// staged\n");
            shop.git(&["add", FILE]);
            shop.write("p/pay/index.js", "// not staged\n");
        }),
        (&["core.preloadIndex", "false"], |shop| {
            shop.write(FILE, "// other\n");
        }),
    ];
    for (setting, change) in cases {
        let shop = Sandbox::shop();
        shop.git(&["config", setting[0], setting[1]]);
        change(&shop);
        assert_eq!(ours(&shop), gits(&shop), "{setting:?}");
    }
}

/// X1: a file system monitor is a program of the repository's configuration. It is not started, and what it left in the
/// index is not believed.
#[test]
fn x1_a_monitor_is_neither_started_nor_believed() {
    let shop = Sandbox::shop();
    // It says that nothing ever changes.
    let hook = "#!/bin/sh\ntouch \"$(dirname \"$0\")/started\"\nprintf 'token\\0'\n";
    shop.write(".git/monitor", hook);
    let path = shop.join(".git/monitor");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    shop.git(&["config", "core.fsmonitor", path.to_str().unwrap()]);
    shop.git(&["update-index", "--fsmonitor"]);
    shop.git(&["status"]);
    shop.write(FILE, "// other\n");
    shop.write("p/lone/new.js", "1");
    let started = shop.join(".git/started");
    assert!(started.exists(), "git asks the monitor");
    shop.remove(".git/started");
    let both = [FILE, "p/lone/new.js"].map(ToOwned::to_owned);
    assert_eq!(ours(&shop), BTreeSet::from(both));
    assert!(!started.exists(), "the monitor was started");
}

/// S9: what is staged is found by the folders that differ, whatever the index remembers of the others.
#[test]
fn s9_staged_changes_are_those_that_git_sees() {
    let shop = Sandbox::shop();
    let steps: &[(&str, &dyn Fn())] = &[
        ("nothing", &|| {}),
        ("one file", &|| shop.write(FILE, "// one\n")),
        ("a new folder", &|| shop.write("p/lone/a/b/c.js", "1")),
        ("a folder that is gone", &|| shop.remove("p/pay")),
        ("a file in place of a folder", &|| {
            shop.remove("p/web");
            shop.write("p/web", "1");
        }),
        ("a folder in place of a file", &|| {
            shop.remove("p/lone/index.js");
            shop.write("p/lone/index.js/inner.js", "1");
        }),
        ("names around a slash", &|| {
            for name in ["p/api.js", "p/api-x/a.js", "p/api/b.js", "p/api0"] {
                shop.write(name, "1");
            }
        }),
        ("an exec bit", &|| {
            let path = shop.join("p/lib/index.js");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }),
    ];
    for (what, step) in steps {
        step();
        shop.git(&["add", "-A"]);
        let list = shop.list(&["--staged"]);
        let changes = list["changes"].as_array().unwrap();
        let path = |change: &serde_json::Value| change["path"].as_str().unwrap().to_owned();
        let ours: BTreeSet<String> = changes.iter().map(path).collect();
        let gits = shop.git(&["diff", "--cached", "--no-renames", "--name-only"]);
        let gits: BTreeSet<String> = gits.lines().map(ToOwned::to_owned).collect();
        assert_eq!(ours, gits, "{what}");
        // What a commit leaves in the index is remembered for some folders only.
        if *what == "a new folder" {
            shop.git(&["commit", "-q", "-m", what]);
        }
    }
}
