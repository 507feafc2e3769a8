//! Maven. Source: "POM Reference" of the Maven project.

mod classes;

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Serialize};

use super::{
    Discovery, Ecosystem, FileLevel, FileName, FoundProject, Link, Reference, Scan, SharedFile,
    SharedRole, Standing, Symbol, is_material,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Maven.
pub struct Maven;

const ID: EcosystemId = EcosystemId("maven");
const POM: Parser<Pom> = Parser {
    id: "maven/pom",
    version: 2,
    parse: parse_pom,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pom {
    group: Option<String>,
    artifact: String,
    parent: Option<Parent>,
    modules: Vec<String>,
    properties: BTreeMap<String, String>,
    uses: Vec<Use>,
    makes_service: bool,
    /// Whether it may take in the tests of another module, as a `test-jar` or by a path.
    takes_tests: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Parent {
    group: String,
    artifact: String,
    relative_path: String,
}

/// An artifact that a pom asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Use {
    group: String,
    artifact: String,
    scope: String,
    is_plugin: bool,
    line: u32,
}

impl Ecosystem for Maven {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::Is("pom.xml")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&POM, &classes::TEST_SOURCE]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["java", "mvn"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let mut poms: BTreeMap<RepoPath, Arc<Pom>> = BTreeMap::new();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, &POM) {
            let folder = path.parent().unwrap_or_default();
            let pom = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                let artifact = String::from_utf8_lossy(folder.file_name()).into_owned();
                Arc::new(Pom {
                    artifact,
                    ..Pom::default()
                })
            });
            poms.insert(folder, pom);
        }
        let by_artifact: BTreeMap<(String, String), RepoPath> = poms
            .iter()
            .map(|(folder, pom)| {
                (
                    (group(&poms, folder, 0), pom.artifact.clone()),
                    folder.clone(),
                )
            })
            .collect();
        for (folder, pom) in &poms {
            discovery.projects.push(project(scan, folder, pom, &poms));
            links(folder, pom, &poms, &by_artifact, &mut discovery.links);
        }
        discovery
    }

    /// Main and test classes are compiled apart, and only the main ones are packed for others. Source: "Introduction to
    /// the Standard Directory Layout" and "Guide to using attached tests" of Maven.
    fn file_level(&self) -> Option<&dyn FileLevel> {
        Some(self)
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        const SHARED: &[SharedFile] = &[
            SharedFile {
                rule: "maven settings",
                name: FileName::Is("maven.config"),
                role: SharedRole::Settings,
            },
            SharedFile {
                rule: "maven settings",
                name: FileName::Is("jvm.config"),
                role: SharedRole::Settings,
            },
            SharedFile {
                rule: "maven wrapper",
                name: FileName::Is("maven-wrapper.properties"),
                role: SharedRole::Toolchain,
            },
        ];
        SHARED
    }
}

/// A pom inherits its group from its parent; parents that are deeper than any real one end the search.
fn group(poms: &BTreeMap<RepoPath, Arc<Pom>>, folder: &RepoPath, depth: usize) -> String {
    let Some(pom) = poms.get(folder) else {
        return String::new();
    };
    if let Some(group) = &pom.group {
        return expand(poms, folder, group, depth + 1);
    }
    pom.parent
        .as_ref()
        .map(|parent| parent.group.clone())
        .unwrap_or_default()
}

fn parent_folder(poms: &BTreeMap<RepoPath, Arc<Pom>>, folder: &RepoPath) -> Option<RepoPath> {
    let parent = poms.get(folder)?.parent.as_ref()?;
    if parent.relative_path.is_empty() {
        return None;
    }
    let path = folder.join(&parent.relative_path).ok()?;
    let at = if path.file_name().ends_with(b".xml") {
        path.parent()?
    } else {
        path
    };
    // A file of that place that is another artifact is not the parent.
    poms.get(&at)
        .filter(|pom| pom.artifact == parent.artifact)
        .map(|_| at)
}

/// Replaces `${…}` by properties of the pom and its parents, and the built-in names.
fn expand(
    poms: &BTreeMap<RepoPath, Arc<Pom>>,
    folder: &RepoPath,
    text: &str,
    depth: usize,
) -> String {
    let Some(start) = text.find("${").filter(|_| depth < 16) else {
        return text.to_owned();
    };
    let Some(end) = text[start..].find('}') else {
        return text.to_owned();
    };
    let key = &text[start + 2..start + end];
    let value = match key {
        "project.groupId" | "pom.groupId" | "groupId" => {
            let own = poms.get(folder).and_then(|pom| pom.group.clone());
            if own.is_some_and(|own| own.contains("${")) {
                String::new()
            } else {
                group(poms, folder, depth + 1)
            }
        }
        "project.parent.groupId" => poms
            .get(folder)
            .and_then(|pom| pom.parent.as_ref().map(|parent| parent.group.clone()))
            .unwrap_or_default(),
        "project.artifactId" => poms
            .get(folder)
            .map(|pom| pom.artifact.clone())
            .unwrap_or_default(),
        _ => property(poms, folder, key, depth).unwrap_or_default(),
    };
    let rest = expand(poms, folder, &text[start + end + 1..], depth + 1);
    format!(
        "{}{}{rest}",
        &text[..start],
        expand(poms, folder, &value, depth + 1)
    )
}

fn property(
    poms: &BTreeMap<RepoPath, Arc<Pom>>,
    folder: &RepoPath,
    key: &str,
    depth: usize,
) -> Option<String> {
    if depth > 16 {
        return None;
    }
    let own = poms.get(folder)?.properties.get(key).cloned();
    own.or_else(|| property(poms, &parent_folder(poms, folder)?, key, depth + 1))
}

fn project(
    scan: &Scan<'_>,
    folder: &RepoPath,
    pom: &Pom,
    poms: &BTreeMap<RepoPath, Arc<Pom>>,
) -> FoundProject {
    let aggregates = !pom.modules.is_empty();
    FoundProject {
        root: folder.clone(),
        name: pom.artifact.clone(),
        kind: match () {
            () if aggregates => ProjectKind::Infra,
            () if pom.makes_service => ProjectKind::Service,
            () => ProjectKind::Library,
        },
        standing: Standing::Manifest,
        manifest: folder.join("pom.xml").unwrap_or_default(),
        ownership: if aggregates {
            Ownership::Only(vec!["pom.xml".to_owned(), "src/**".to_owned()])
        } else {
            Ownership::Tree
        },
        tasks: if aggregates {
            Vec::new()
        } else {
            tasks(scan, folder, poms)
        },
        provides: vec![Symbol {
            space: "maven",
            name: pom.artifact.clone(),
        }],
    }
}

fn tasks(scan: &Scan<'_>, folder: &RepoPath, poms: &BTreeMap<RepoPath, Arc<Pom>>) -> Vec<Task> {
    // The reactor: the topmost pom that lists modules above this one.
    let reactor = folder
        .ancestors()
        .filter(|above| poms.get(above).is_some_and(|pom| !pom.modules.is_empty()))
        .last()
        .unwrap_or_else(|| folder.clone());
    let wrapper = reactor
        .join("mvnw")
        .is_ok_and(|path| scan.files().is_file(&path));
    let program = if wrapper { "./mvnw" } else { "mvn" };
    let module =
        String::from_utf8_lossy(folder.relative_to(&reactor).unwrap_or_default()).into_owned();
    let task = |name: &str, stage: Option<&str>, goal: &[&str]| {
        let mut argv = vec![program, "-q", "-B"];
        if !module.is_empty() {
            argv.extend(["-pl", &module, "-am"]);
        }
        argv.extend(goal);
        Task {
            name: name.to_owned(),
            stage: stage.map(Stage::new),
            command: Command::Argv(argv.into_iter().map(ToOwned::to_owned).collect()),
            cwd: reactor.clone(),
            env: BTreeMap::new(),
            timeout: None,
            script: None,
            inferred_by: Some(ID),
            needs: affected_graph::Needs::default(),
            origin: "pom.xml".to_owned(),
        }
    };
    let mut tasks = vec![
        task("test", Some("unit"), &["test"]),
        task("build", None, &["package", "-DskipTests"]),
    ];
    if uses_failsafe(poms, folder, 0) && has_integration_tests(scan, folder) {
        // What these need may be packed or started by the phases in between, so none is left out.
        tasks.push(task("test:integration", Some("integration"), &["verify"]));
    }
    tasks
}

/// Tells whether a pom or one of its parents asks for Failsafe.
fn uses_failsafe(poms: &BTreeMap<RepoPath, Arc<Pom>>, folder: &RepoPath, depth: usize) -> bool {
    let Some(pom) = poms.get(folder).filter(|_| depth < 16) else {
        return false;
    };
    let mut plugins = pom.uses.iter().filter(|wanted| wanted.is_plugin);
    plugins.any(|plugin| plugin.artifact == "maven-failsafe-plugin")
        || parent_folder(poms, folder).is_some_and(|above| uses_failsafe(poms, &above, depth + 1))
}

/// The names that Failsafe takes. Source: "Inclusions and Exclusions of Tests" of its documentation.
fn has_integration_tests(scan: &Scan<'_>, folder: &RepoPath) -> bool {
    let Ok(tests) = folder.join("src/test") else {
        return false;
    };
    scan.files().below(&tests).iter().any(|entry| {
        let name = String::from_utf8_lossy(entry.path.file_name()).into_owned();
        let class = [".java", ".kt", ".groovy", ".scala"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        class.is_some_and(|class| {
            class.ends_with("IT") || class.ends_with("ITCase") || class.starts_with("IT")
        })
    })
}

fn links(
    folder: &RepoPath,
    pom: &Pom,
    poms: &BTreeMap<RepoPath, Arc<Pom>>,
    by_artifact: &BTreeMap<(String, String), RepoPath>,
    links: &mut Vec<Link>,
) {
    let mut push = |to: RepoPath, kind, line, detail| {
        let evidence = Evidence {
            file: folder.join("pom.xml").unwrap_or_default(),
            line,
            detail,
        };
        links.push(Link {
            from: folder.clone(),
            to: Reference::Path(to),
            kind,
            evidence,
        });
    };
    if let (Some(parent), Some(to)) = (&pom.parent, parent_folder(poms, folder)) {
        push(
            to,
            DependencyKind::Link,
            None,
            format!("parent {}", parent.artifact),
        );
    }
    for wanted in &pom.uses {
        let key = (
            expand(poms, folder, &wanted.group, 0),
            expand(poms, folder, &wanted.artifact, 0),
        );
        let Some(to) = by_artifact.get(&key) else {
            continue;
        };
        let kind = match () {
            () if wanted.is_plugin => DependencyKind::Build,
            () if wanted.scope == "test" => DependencyKind::Test,
            () => DependencyKind::Link,
        };
        push(
            to.clone(),
            kind,
            Some(wanted.line),
            format!("{}:{}", key.0, key.1),
        );
    }
}

fn parse_pom(bytes: &[u8]) -> Result<Pom, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 1 << 20,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| Broken {
        line: Some(error.pos().row),
        message: format!("not valid XML: {error}"),
    })?;
    let root = document.root_element();
    let parent = child(root, "parent").map(|parent| Parent {
        group: text_of(parent, "groupId").unwrap_or_default(),
        artifact: text_of(parent, "artifactId").unwrap_or_default(),
        relative_path: match child(parent, "relativePath") {
            Some(path) => path.text().unwrap_or_default().trim().to_owned(),
            None => "../pom.xml".to_owned(),
        },
    });
    let artifact = text_of(root, "artifactId").ok_or_else(|| Broken {
        line: Some(1),
        message: "no `artifactId`".to_owned(),
    })?;
    let mut pom = Pom {
        group: text_of(root, "groupId"),
        artifact,
        parent,
        takes_tests: [
            "test-jar",
            "<classifier>",
            "src/test",
            "<testSourceDirectory>",
        ]
        .iter()
        .any(|word| text.contains(word)),
        ..Pom::default()
    };
    // Every profile counts: which one is active is not known here.
    let profiles = child(root, "profiles")
        .into_iter()
        .flat_map(|all| all.children());
    for part in std::iter::once(root).chain(profiles.filter(Node::is_element)) {
        section(&document, part, &mut pom);
    }
    Ok(pom)
}

fn section(document: &Document<'_>, part: Node<'_, '_>, pom: &mut Pom) {
    let modules = child(part, "modules")
        .into_iter()
        .flat_map(|list| list.children());
    pom.modules.extend(
        modules
            .filter_map(|module| Some(module.text()?.trim().to_owned()))
            .filter(|m| !m.is_empty()),
    );
    for property in child(part, "properties")
        .into_iter()
        .flat_map(|list| list.children())
    {
        if property.is_element() {
            let value = property.text().unwrap_or_default().trim().to_owned();
            pom.properties
                .insert(property.tag_name().name().to_owned(), value);
        }
    }
    for node in part.descendants().filter(Node::is_element) {
        let is_plugin = matches!(node.tag_name().name(), "plugin" | "extension");
        let excluded = node
            .ancestors()
            .any(|above| above.has_tag_name("exclusions") || above.has_tag_name("profiles"));
        let nested_profile = excluded && !part.has_tag_name("profile");
        if !(is_plugin || node.tag_name().name() == "dependency") || nested_profile {
            continue;
        }
        let Some(artifact) = text_of(node, "artifactId") else {
            continue;
        };
        // Managed versions are used by nobody until somebody asks; an imported list is used at once.
        let scope = text_of(node, "scope").unwrap_or_default();
        let managed = node.ancestors().any(|above| {
            matches!(
                above.tag_name().name(),
                "dependencyManagement" | "pluginManagement"
            )
        });
        if managed && scope != "import" {
            continue;
        }
        pom.makes_service |= is_plugin
            && matches!(
                artifact.as_str(),
                "spring-boot-maven-plugin" | "jib-maven-plugin" | "quarkus-maven-plugin"
            );
        let line = document.text_pos_at(node.range().start).row;
        let group = text_of(node, "groupId").unwrap_or_default();
        pom.uses.push(Use {
            group,
            artifact,
            scope,
            is_plugin,
            line,
        });
    }
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children()
        .find(|child| child.is_element() && child.tag_name().name() == name)
}

fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(node, name)?.text()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
