//! B1 to B6: host × event × state of the clone, over real git; variables as each host documents them.

use std::collections::BTreeMap;

use crate::sandbox::Sandbox;

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// An origin: `main` is A-B-C, `topic` leaves at B with T1-T2, `merge` is what hosts build for the request
/// (C and T2), `octopus` merges two topics at once, `rewritten` is `main` after a forced push that dropped C.
struct World {
    origin: Sandbox,
    place: Sandbox,
    commits: BTreeMap<&'static str, String>,
}

impl World {
    fn new() -> Self {
        let origin = Sandbox::new();
        let mut commits = BTreeMap::new();
        origin.write(
            "package.json",
            r#"{"name":"root","private":true,"workspaces":["p/*"]}"#,
        );
        for name in ["lib", "web", "lone"] {
            origin.package(name, &[], &[]);
        }
        let mut change = |name: &'static str, file: &str| {
            origin.write(file, &format!("// {name}\n"));
            commits.insert(name, origin.commit(name));
        };
        change("A", "p/lib/index.js");
        change("B", "p/lib/index.js");
        origin.git(&["checkout", "-q", "-b", "topic"]);
        change("T1", "p/web/index.js");
        change("T2", "p/web/more.js");
        origin.git(&["checkout", "-q", "-b", "other", "HEAD~2"]);
        change("O1", "p/web/other.js");
        origin.git(&["checkout", "-q", "-b", "rewritten", "HEAD~1"]);
        change("R", "p/lone/rewritten.js");
        origin.git(&["checkout", "-q", "main"]);
        change("C", "p/lone/index.js");
        origin.git(&["tag", "v1"]);
        let mut merge = |name: &'static str, branches: &[&str]| {
            origin.git(&["checkout", "-q", "-b", name, "main"]);
            let mut arguments = vec!["merge", "-q", "--no-ff", "-m", name];
            arguments.extend(branches);
            origin.git(&arguments);
            commits.insert(name, origin.git(&["rev-parse", "HEAD"]).trim().to_owned());
        };
        merge("merge", &["topic"]);
        merge("octopus", &["topic", "other"]);
        origin.git(&["checkout", "-q", "main"]);
        origin.git(&["checkout", "-q", "--orphan", "unrelated"]);
        commits.insert("unrelated", origin.commit("unrelated"));
        origin.git(&["checkout", "-q", "main"]);
        let place = Sandbox::empty();
        Self {
            origin,
            place,
            commits,
        }
    }

    fn url(&self) -> String {
        format!("file://{}", self.origin.path().display())
    }

    /// Clones into a folder named after the state and stands on `head`, detached as hosts do.
    fn clone(&self, kind: Depth, head: &str, folder: &str) {
        let into = self.place.join(folder);
        let into = into.to_str().unwrap();
        let url = self.url();
        match kind {
            Depth::Full => {
                self.place.git(&["clone", "-q", &url, into]);
            }
            Depth::Shallow | Depth::Branch => {
                self.place.git(&["init", "-q", into]);
                self.place
                    .git(&["-C", into, "remote", "add", "origin", &url]);
                let mut fetch = vec!["-C", into, "fetch", "-q", "--no-tags"];
                if kind == Depth::Shallow {
                    fetch.push("--depth=1");
                }
                fetch.extend(["origin", head]);
                self.place.git(&fetch);
            }
        }
        let commit = self.commit(head);
        self.place
            .git(&["-C", into, "checkout", "-q", "--detach", &commit]);
    }

    fn commit(&self, name: &str) -> String {
        let known = self.commits.get(name).cloned();
        known.unwrap_or_else(|| {
            let spec = format!("{name}^{{commit}}");
            self.origin.git(&["rev-parse", &spec]).trim().to_owned()
        })
    }

    /// Replaces `{A}` by the commit of that name.
    fn fill(&self, text: &str) -> String {
        let named = self.commits.iter();
        named.fold(text.to_owned(), |text, (name, commit)| {
            text.replace(&format!("{{{name}}}"), commit)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Depth {
    /// Everything.
    Full,
    /// One commit.
    Shallow,
    /// The whole history of the head, but no other branch.
    Branch,
}
use Depth::{Branch, Full, Shallow};

enum Expect {
    /// This commit, named by this source.
    Base(&'static str, &'static str),
    /// Everything, with this warning that says this.
    All(&'static str, &'static str),
}
use Expect::{All, Base};

type State = (&'static str, Depth, &'static str, &'static str, Expect);

/// Name, clone, head, variables (`EVENT` is the payload that GITHUB_EVENT_PATH leads to), expectation.
const GITHUB: &[State] = &[
    (
        "b5 pull request, merge commit",
        Full,
        "merge",
        "GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main",
        Base("C", "GITHUB_BASE_REF"),
    ),
    (
        "b5 pull request, its head",
        Full,
        "T2",
        "GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main",
        Base("B", "GITHUB_BASE_REF"),
    ),
    (
        "b2 pull request, branch absent, commit of the payload",
        Branch,
        "merge",
        "GITHUB_BASE_REF=main EVENT={\"pull_request\":{\"base\":{\"sha\":\"{C}\"}}}",
        Base("C", "GITHUB_BASE_REF"),
    ),
    (
        "b4 pull request, shallow",
        Shallow,
        "merge",
        "GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main",
        All("base-missing", "origin/main"),
    ),
    (
        "b5 merge group",
        Full,
        "merge",
        "GITHUB_EVENT_NAME=merge_group EVENT={\"merge_group\":{\"base_sha\":\"{C}\",\"base_ref\":\"refs/heads/main\"}}",
        Base("C", "GITHUB_EVENT_PATH merge_group.base_sha"),
    ),
    (
        "b4 merge group, shallow",
        Shallow,
        "merge",
        "GITHUB_EVENT_NAME=merge_group EVENT={\"merge_group\":{\"base_sha\":\"{C}\"}}",
        All("base-missing", "merge_group.base_sha"),
    ),
    (
        "b5 push to the trunk",
        Full,
        "C",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main EVENT={\"before\":\"{A}\",\"repository\":{\"default_branch\":\"main\"}}",
        Base("A", "GITHUB_EVENT_PATH before"),
    ),
    (
        "b5 push to a branch",
        Full,
        "T2",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/topic EVENT={\"before\":\"{T1}\",\"repository\":{\"default_branch\":\"main\"}}",
        Base("B", "GITHUB_EVENT_PATH repository.default_branch"),
    ),
    (
        "b5 first push of a branch, zeros",
        Full,
        "T2",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/topic EVENT={\"before\":\"{Z}\",\"created\":true,\"repository\":{\"default_branch\":\"main\"}}",
        Base("B", "GITHUB_EVENT_PATH repository.default_branch"),
    ),
    (
        "b4 first push of the trunk, zeros",
        Full,
        "C",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main EVENT={\"before\":\"{Z}\",\"created\":true,\"repository\":{\"default_branch\":\"main\"}}",
        All("base-missing", "before this push"),
    ),
    (
        "b5 forced push, old commit here",
        Full,
        "R",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main EVENT={\"before\":\"{C}\",\"forced\":true,\"repository\":{\"default_branch\":\"main\"}}",
        Base("C", "GITHUB_EVENT_PATH before (force-pushed)"),
    ),
    (
        "b4 forced push, old commit gone",
        Full,
        "R",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main EVENT={\"before\":\"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef\",\"forced\":true,\"repository\":{\"default_branch\":\"main\"}}",
        All("base-missing", "force-pushed"),
    ),
    (
        "b5 tag",
        Full,
        "v1",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/tags/v1 EVENT={\"before\":\"{Z}\"}",
        All("everything-by-rule", "a tag is built"),
    ),
    (
        "b5 schedule",
        Full,
        "C",
        "GITHUB_EVENT_NAME=schedule GITHUB_REF=refs/heads/main",
        All("everything-by-rule", "schedule"),
    ),
    (
        "b5 by hand on the trunk",
        Full,
        "C",
        "GITHUB_EVENT_NAME=workflow_dispatch GITHUB_REF=refs/heads/main EVENT={\"repository\":{\"default_branch\":\"main\"}}",
        All("everything-by-rule", "by hand"),
    ),
    (
        "b5 by hand on a branch",
        Full,
        "T2",
        "GITHUB_EVENT_NAME=workflow_dispatch GITHUB_REF=refs/heads/topic EVENT={\"repository\":{\"default_branch\":\"main\"}}",
        Base("B", "GITHUB_EVENT_PATH repository.default_branch"),
    ),
    (
        "b5 octopus merge at head",
        Full,
        "octopus",
        "GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main",
        Base("C", "GITHUB_BASE_REF"),
    ),
    (
        "b4 unreadable event file on the trunk",
        Full,
        "C",
        "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main EVENT={\"before\":",
        All("base-missing", "on the default branch"),
    ),
    (
        "b4 unrelated history",
        Full,
        "unrelated",
        "GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main",
        All("base-missing", "no history"),
    ),
    (
        "b1 explicit base above a tag's rule",
        Full,
        "C",
        "GITHUB_REF=refs/tags/v1 AFFECTED_BASE={A}",
        Base("A", "AFFECTED_BASE"),
    ),
];

const GITLAB: &[State] = &[
    (
        "b5 detached merge request",
        Full,
        "T2",
        "CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_EVENT_TYPE=detached CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_MERGE_REQUEST_DIFF_BASE_SHA={B} CI_MERGE_REQUEST_TARGET_BRANCH_SHA= CI_COMMIT_BEFORE_SHA={Z}",
        Base("B", "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
    ),
    (
        "b5 merged result",
        Full,
        "merge",
        "CI_MERGE_REQUEST_EVENT_TYPE=merged_result CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_MERGE_REQUEST_DIFF_BASE_SHA={B} CI_MERGE_REQUEST_TARGET_BRANCH_SHA={C}",
        Base("C", "CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
    ),
    (
        "b5 merge train",
        Full,
        "octopus",
        "CI_MERGE_REQUEST_EVENT_TYPE=merge_train CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_MERGE_REQUEST_TARGET_BRANCH_SHA={C}",
        Base("C", "CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
    ),
    (
        "b4 merge request, shallow",
        Shallow,
        "topic",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_MERGE_REQUEST_DIFF_BASE_SHA={B}",
        All("base-missing", "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
    ),
    (
        "b5 push to the trunk",
        Full,
        "C",
        "CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=main CI_DEFAULT_BRANCH=main CI_COMMIT_BEFORE_SHA={B}",
        Base("B", "CI_COMMIT_BEFORE_SHA"),
    ),
    (
        "b5 push to a branch",
        Full,
        "T2",
        "CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=topic CI_DEFAULT_BRANCH=main CI_COMMIT_BEFORE_SHA={T1}",
        Base("B", "CI_DEFAULT_BRANCH"),
    ),
    (
        "b4 push to a branch, trunk not fetched",
        Branch,
        "topic",
        "CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=topic CI_DEFAULT_BRANCH=main CI_COMMIT_BEFORE_SHA={T1}",
        All("base-missing", "origin/main"),
    ),
    (
        "b4 first push, zeros",
        Full,
        "C",
        "CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=main CI_DEFAULT_BRANCH=main CI_COMMIT_BEFORE_SHA={Z}",
        All("base-missing", "before this push"),
    ),
    (
        "b5 schedule, zeros",
        Full,
        "C",
        "CI_PIPELINE_SOURCE=schedule CI_COMMIT_BRANCH=main CI_DEFAULT_BRANCH=main CI_COMMIT_BEFORE_SHA={Z}",
        All("everything-by-rule", "schedule"),
    ),
    (
        "b5 tag",
        Full,
        "v1",
        "CI_COMMIT_TAG=v1 CI_COMMIT_BEFORE_SHA={Z}",
        All("everything-by-rule", "a tag is built"),
    ),
];

const BUILDKITE: &[State] = &[
    (
        "b5 pull request",
        Full,
        "T2",
        "BUILDKITE_PULL_REQUEST=7 BUILDKITE_PULL_REQUEST_BASE_BRANCH=main",
        Base("B", "BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
    ),
    (
        "b5 merge queue",
        Full,
        "merge",
        "BUILDKITE_BRANCH=gh-readonly-queue/main/pr-7 BUILDKITE_PULL_REQUEST=false BUILDKITE_MERGE_QUEUE_BASE_COMMIT={C}",
        Base("C", "BUILDKITE_MERGE_QUEUE_BASE_COMMIT"),
    ),
    (
        "b5 push to a branch",
        Full,
        "T2",
        "BUILDKITE_SOURCE=webhook BUILDKITE_BRANCH=topic BUILDKITE_PULL_REQUEST=false BUILDKITE_PULL_REQUEST_BASE_BRANCH= BUILDKITE_PIPELINE_DEFAULT_BRANCH=main",
        Base("B", "BUILDKITE_PIPELINE_DEFAULT_BRANCH"),
    ),
    (
        "b4 push to the trunk",
        Full,
        "C",
        "BUILDKITE_SOURCE=webhook BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=false BUILDKITE_PIPELINE_DEFAULT_BRANCH=main",
        All("base-missing", "before this push"),
    ),
    (
        "b5 schedule",
        Full,
        "C",
        "BUILDKITE_SOURCE=schedule BUILDKITE_BRANCH=main",
        All("everything-by-rule", "schedule"),
    ),
    (
        "b5 tag",
        Full,
        "v1",
        "BUILDKITE_TAG=v1 BUILDKITE_BRANCH=v1",
        All("everything-by-rule", "a tag is built"),
    ),
];

const JENKINS: &[State] = &[
    (
        "b5 change request",
        Full,
        "merge",
        "CHANGE_ID=7 CHANGE_TARGET=main BRANCH_NAME=PR-7",
        Base("C", "CHANGE_TARGET"),
    ),
    (
        "b3 trunk, last green",
        Full,
        "C",
        "BRANCH_NAME=main BRANCH_IS_PRIMARY=true GIT_PREVIOUS_COMMIT={B} GIT_PREVIOUS_SUCCESSFUL_COMMIT={A}",
        Base("A", "GIT_PREVIOUS_SUCCESSFUL_COMMIT"),
    ),
    (
        "b4 first build of the trunk",
        Full,
        "C",
        "BRANCH_NAME=main BRANCH_IS_PRIMARY=true",
        All("base-missing", "before this push"),
    ),
    (
        "b5 first build of a branch",
        Full,
        "T2",
        "BRANCH_NAME=topic",
        Base("B", "default-branch"),
    ),
    (
        "b5 tag",
        Full,
        "v1",
        "TAG_NAME=v1",
        All("everything-by-rule", "a tag is built"),
    ),
];

const TEAMCITY: &[State] = &[
    (
        "b5 pull request",
        Full,
        "T2",
        "PROPERTIES=teamcity.pullRequest.target.branch=main",
        Base("B", "teamcity.pullRequest.target.branch"),
    ),
    (
        "b5 branch",
        Full,
        "T2",
        "PROPERTIES=teamcity.build.branch=topic;teamcity.build.branch.is_default=false",
        Base("B", "default-branch"),
    ),
    (
        "b4 trunk",
        Full,
        "C",
        "PROPERTIES=teamcity.build.branch=main;teamcity.build.branch.is_default=true",
        All("base-missing", "before this push"),
    ),
];

const AZURE: &[State] = &[
    (
        "b5 pull request",
        Full,
        "merge",
        "BUILD_REASON=PullRequest BUILD_SOURCEBRANCH=refs/pull/7/merge SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main",
        Base("C", "SYSTEM_PULLREQUEST_TARGETBRANCH"),
    ),
    (
        "b5 push to a branch",
        Full,
        "T2",
        "BUILD_REASON=IndividualCI BUILD_SOURCEBRANCH=refs/heads/topic",
        Base("B", "default-branch"),
    ),
    (
        "b4 push to the trunk",
        Full,
        "C",
        "BUILD_REASON=BatchedCI BUILD_SOURCEBRANCH=refs/heads/main",
        All("base-missing", "on the default branch"),
    ),
    (
        "b5 schedule",
        Full,
        "C",
        "BUILD_REASON=Schedule BUILD_SOURCEBRANCH=refs/heads/main",
        All("everything-by-rule", "schedule"),
    ),
    (
        "b5 tag",
        Full,
        "v1",
        "BUILD_REASON=IndividualCI BUILD_SOURCEBRANCH=refs/tags/v1",
        All("everything-by-rule", "a tag is built"),
    ),
];

const OTHERS: &[State] = &[
    (
        "b5 circleci branch",
        Full,
        "T2",
        "CIRCLECI=true CIRCLE_BRANCH=topic",
        Base("B", "default-branch"),
    ),
    (
        "b4 circleci trunk",
        Full,
        "C",
        "CIRCLECI=true CIRCLE_BRANCH=main",
        All("base-missing", "on the default branch"),
    ),
    (
        "b5 circleci tag",
        Full,
        "v1",
        "CIRCLECI=true CIRCLE_TAG=v1",
        All("everything-by-rule", "a tag is built"),
    ),
    (
        "b5 bitbucket pull request",
        Full,
        "merge",
        "BITBUCKET_BUILD_NUMBER=9 BITBUCKET_BRANCH=topic BITBUCKET_PR_DESTINATION_BRANCH=main",
        Base("C", "BITBUCKET_PR_DESTINATION_BRANCH"),
    ),
    (
        "b2 bitbucket pull request, branch not cloned",
        Branch,
        "merge",
        "BITBUCKET_BUILD_NUMBER=9 BITBUCKET_BRANCH=topic BITBUCKET_PR_DESTINATION_BRANCH=main BITBUCKET_PR_DESTINATION_COMMIT={C}",
        Base("C", "BITBUCKET_PR_DESTINATION_BRANCH"),
    ),
    (
        "b5 bitbucket branch",
        Full,
        "T2",
        "BITBUCKET_BUILD_NUMBER=9 BITBUCKET_BRANCH=topic",
        Base("B", "default-branch"),
    ),
    (
        "b5 bitbucket tag",
        Full,
        "v1",
        "BITBUCKET_BUILD_NUMBER=9 BITBUCKET_TAG=v1",
        All("everything-by-rule", "a tag is built"),
    ),
    (
        "b5 unknown host, branch",
        Full,
        "T2",
        "CI=true",
        Base("B", "default-branch"),
    ),
    (
        "b4 unknown host, trunk",
        Full,
        "C",
        "CI=true",
        All("base-missing", "on the default branch"),
    ),
    (
        "b1 an explicit base equal to the head is obeyed",
        Full,
        "C",
        "CI=true AFFECTED_BASE=HEAD",
        Base("C", "AFFECTED_BASE"),
    ),
];

/// Done-when: each state gives the right base, or everything with its named reason, on the first line too.
#[test]
fn every_host_event_and_clone_has_its_base() {
    let world = World::new();
    let hosts: [(&str, &str, &[State]); 7] = [
        ("github", "GITHUB_ACTIONS=true CI=true ", GITHUB),
        ("gitlab", "GITLAB_CI=true CI=true ", GITLAB),
        ("buildkite", "BUILDKITE=true CI=true ", BUILDKITE),
        ("jenkins", "JENKINS_URL=http://ci/ BUILD_ID=9 ", JENKINS),
        ("teamcity", "TEAMCITY_VERSION=2025.11 ", TEAMCITY),
        ("azure", "TF_BUILD=True ", AZURE),
        ("others", "", OTHERS),
    ];
    let mut number = 0;
    for (host, mark, states) in hosts {
        for (name, kind, head, variables, expect) in states {
            number += 1;
            let folder = format!("c{number}");
            world.clone(*kind, head, &folder);
            let variables = format!("{mark}{variables}");
            check(
                &world,
                &format!("{host}: {name}"),
                &folder,
                &variables,
                expect,
            );
        }
    }
    assert!(number >= 30, "{number} states");
}

fn check(world: &World, name: &str, folder: &str, variables: &str, expect: &Expect) {
    let variables = world.fill(variables).replace("{Z}", ZEROS);
    let env = environment(world, folder, &variables);
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let arguments = ["-C", folder, "list", "--format", "json", "--fetch", "never"];
    let answer = world.place.affected_with(&arguments, &env);
    assert_eq!(answer.code, Some(0), "{name}: {}", answer.stderr);
    let list = answer.json();
    match expect {
        Base(commit, source) => {
            assert_eq!(
                list["base"]["commit"],
                world.commit(commit),
                "{name}: {}",
                answer.stderr
            );
            assert_eq!(list["base"]["source"], *source, "{name}");
            assert_eq!(list["mode"], "affected", "{name}");
        }
        All(code, words) => {
            assert_eq!(list["mode"], "all", "{name}: {list}");
            assert!(list["base"].is_null(), "{name}");
            let all = list["projects"].as_array().unwrap();
            assert!(
                all.iter().all(|project| project["affected"] == true),
                "{name}"
            );
            let warning = &list["warnings"][0];
            assert_eq!(warning["code"], *code, "{name}");
            assert!(
                warning["message"].as_str().unwrap().contains(words),
                "{name}: {warning}"
            );
            assert!(
                warning["help"]
                    .as_str()
                    .is_some_and(|help| !help.is_empty()),
                "{name}"
            );
            let first = answer.stderr.lines().next().unwrap_or_default();
            assert!(first.contains("everything is selected"), "{name}: {first}");
        }
    }
}

fn environment(world: &World, folder: &str, variables: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        match name {
            "EVENT" => {
                let file = format!("{folder}.json");
                world.place.write(&file, value);
                let path = world.place.join(&file).display().to_string();
                ("GITHUB_EVENT_PATH".to_owned(), path)
            }
            "PROPERTIES" => {
                let (file, config) = (format!("{folder}.build"), format!("{folder}.config"));
                world.place.write(&config, &value.replace(';', "\n"));
                let place = world.place.join(&config).display().to_string();
                let line = format!("teamcity.configuration.properties.file={place}\n");
                world.place.write(&file, &line);
                let path = world.place.join(&file).display().to_string();
                ("TEAMCITY_BUILD_PROPERTIES_FILE".to_owned(), path)
            }
            _ => (name.to_owned(), value.to_owned()),
        }
    };
    variables
        .split(' ')
        .filter(|text| !text.is_empty())
        .map(pair)
        .collect()
}

/// A world whose trunk went on for 80 commits, more than the first step of deepening brings.
struct Deep {
    world: World,
    /// The trunk's tip.
    tip: String,
}

const REQUEST: [(&str, &str); 2] = [("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "main")];

impl Deep {
    fn new() -> Self {
        let world = World::new();
        let origin = &world.origin;
        for setting in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            origin.git(&["config", setting, "true"]);
        }
        let tree = origin.git(&["rev-parse", "main^{tree}"]).trim().to_owned();
        let mut tip = world.commit("C");
        for at in 0..80 {
            let message = at.to_string();
            let arguments = ["commit-tree", &tree, "-p", &tip, "-m", &message];
            tip = origin.git(&arguments).trim().to_owned();
        }
        origin.git(&["update-ref", "refs/heads/main", &tip]);
        Self { world, tip }
    }

    fn ask(&self, folder: &str, more: &[&str], env: &[(&str, &str)]) -> serde_json::Value {
        let mut arguments = vec!["-C", folder, "list", "--format", "json"];
        arguments.extend(more);
        self.world.place.affected_with(&arguments, env).json()
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let folder = self.world.place.join(folder).display().to_string();
        let mut all = vec!["-C", folder.as_str()];
        all.extend(arguments);
        self.world.place.git(&all).trim().to_owned()
    }
}

fn affected(list: &serde_json::Value) -> String {
    crate::sandbox::projects(list, |project| project["affected"] == true)
}

fn message(list: &serde_json::Value, at: usize) -> &str {
    list["warnings"][at]["message"].as_str().unwrap_or_default()
}

/// A CI clone that is too shallow is deepened, only as far as needed; nowhere else is it touched.
#[test]
fn b4_a_shallow_clone_is_deepened_on_a_host_only() {
    let deep = Deep::new();
    let origin = &deep.world.origin;
    origin.git(&["checkout", "-q", "-B", "late", &deep.tip]);
    origin.write("p/web/index.js", "// late\n");
    let manifest = "{\"name\":\"web\",\"version\":\"2.0.0\"}";
    origin.write("p/web/package.json", manifest);
    let late = origin.commit("late");
    deep.world.clone(Shallow, "late", "near");
    let by_hand = deep.ask("near", &["--base", "origin/main"], &[]);
    assert_eq!(by_hand["mode"], "all");
    let forbidden = deep.ask("near", &["--fetch", "never"], &REQUEST);
    assert_eq!(forbidden["mode"], "all");

    let list = deep.ask("near", &[], &REQUEST);
    assert_eq!(list["base"]["commit"], deep.tip, "{list}");
    assert_eq!(affected(&list), "web");
    assert_eq!(list["warnings"][0]["code"], "fetched");
    assert!(message(&list, 0).contains("51 commits deep"), "{list}");
    assert!(message(&list, 1).contains("2 changed files"), "{list}");
    let shallow = deep.git("near", &["rev-parse", "--is-shallow-repository"]);
    assert_eq!(shallow, "true", "only as far as needed");
    assert_eq!(deep.git("near", &["rev-parse", "HEAD"]), late);
    // What was fetched is here now: asked again, nothing is fetched.
    let again = deep.ask("near", &[], &REQUEST);
    assert_eq!(again["warnings"], serde_json::json!([]));
}

/// Further away it takes more than one step, and old contents still do not come along.
#[test]
fn b4_old_contents_do_not_come_along() {
    let deep = Deep::new();
    let world = &deep.world;
    let spec = format!("{}:p/lib/index.js", world.commit("A"));
    let old = world.origin.git(&["rev-parse", &spec]).trim().to_owned();
    world.clone(Shallow, "topic", "far");
    let list = deep.ask("far", &[], &REQUEST);
    assert_eq!(list["base"]["commit"], world.commit("B"), "{list}");
    let missing = deep.git(
        "far",
        &["rev-list", "--objects", "--all", "--missing=print"],
    );
    assert!(missing.contains(&format!("?{old}")), "{missing}");
}

/// A push names one commit, and that one is enough; what cannot be fetched is told.
#[test]
fn b4_a_push_needs_one_commit() {
    let deep = Deep::new();
    let world = &deep.world;
    world.clone(Shallow, "v1", "push");
    let payload = "{\"before\":\"{A}\",\"repository\":{\"default_branch\":\"main\"}}";
    world.place.write("push.json", &world.fill(payload));
    let event = world.place.join("push.json").display().to_string();
    let push = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_EVENT_PATH", event.as_str()),
    ];
    let list = deep.ask("push", &[], &push);
    assert_eq!(list["base"]["commit"], world.commit("A"), "{list}");
    assert_eq!(affected(&list), "lib lone");

    let gone = [("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "nowhere")];
    let list = deep.ask("push", &[], &gone);
    assert_eq!(list["mode"], "all");
    assert_eq!(list["warnings"][0]["code"], "base-missing");
    assert!(message(&list, 1).contains("failed to fetch"), "{list}");
}
