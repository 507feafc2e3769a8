//! `pom.xml`: <https://maven.apache.org/pom.html>. A module without a version has its parent's; `${revision}` stands in the
//! properties of the root (<https://maven.apache.org/maven-ci-friendly.html>).

use affected_graph::RepoPath;
use roxmltree::{Document, Node};

use super::{Manifest, Reader, Requirement, Spot, Target, When, spot};

/// Maven.
pub(super) struct Maven;

/// So many parents are followed.
const HIGHEST: usize = 16;

impl Manifest for Maven {
    fn id(&self) -> &'static str {
        "maven"
    }

    fn matches(&self, name: &str) -> bool {
        name == "pom.xml"
    }

    /// `group:artifact`; the group is the parent's where it is not written.
    fn name(&self, text: &str) -> Option<String> {
        let document = Document::parse(text).ok()?;
        let project = document.root_element();
        let own = words(project, "groupId");
        let group = own.or_else(|| words(child(project, "parent")?, "groupId"));
        Some(format!("{}:{}", group?, words(project, "artifactId")?))
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let mut at = path.clone();
        for _ in 0..HIGHEST {
            let text = read(&at)?;
            let document = Document::parse(&text).ok()?;
            let project = document.root_element();
            if let Some(own) = child(project, "version") {
                let found = element(&text, own)?;
                return match property(&found.text) {
                    Some(property) => in_property(at, property, read),
                    // Put together from parts, no one of which is the version.
                    None if found.text.contains("${") => None,
                    None => Some((at, found)),
                };
            }
            at = parent_of(&at, project)?;
        }
        None
    }

    fn requirements(&self, path: &RepoPath, text: &str) -> Vec<Requirement> {
        let Ok(document) = Document::parse(text) else {
            return Vec::new();
        };
        let project = document.root_element();
        let mut found: Vec<_> = of_parent(path, project, text).into_iter().collect();
        let managed = child(project, "dependencyManagement");
        for holder in [Some(project), managed].into_iter().flatten() {
            let all = child(holder, "dependencies").into_iter();
            let all = all.flat_map(|all| all.children());
            let own = all.filter(|node| node.tag_name().name() == "dependency");
            found.extend(own.filter_map(|node| of_dependency(node, text)));
        }
        found
    }
}

fn of_parent(path: &RepoPath, project: Node<'_, '_>, text: &str) -> Option<Requirement> {
    let version = child(child(project, "parent")?, "version")?;
    Some(Requirement {
        of: Target::Path(parent_of(path, project)?.parent()?),
        spot: element(text, version)?,
        when: When::Always,
    })
}

/// Most are of elsewhere, and no name of ours is theirs.
fn of_dependency(dependency: Node<'_, '_>, text: &str) -> Option<Requirement> {
    let (group, artifact) = (
        words(dependency, "groupId")?,
        words(dependency, "artifactId")?,
    );
    Some(Requirement {
        of: Target::Name(format!("{group}:{artifact}")),
        spot: element(text, child(dependency, "version")?)?,
        when: When::Always,
    })
}

/// The property that a version stands for: `${revision}`, or the first of `${revision}${sha1}${changelist}`, which is the one that
/// people raise.
fn property(version: &str) -> Option<&str> {
    let (first, rest) = version.strip_prefix("${")?.split_once('}')?;
    let is_all = rest.is_empty() || (rest.starts_with("${") && rest.ends_with('}'));
    is_all.then_some(first)
}

/// Looks for a property in this file, then in its parents.
fn in_property(from: RepoPath, name: &str, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
    let mut at = from;
    for _ in 0..HIGHEST {
        let text = read(&at)?;
        let document = Document::parse(&text).ok()?;
        let project = document.root_element();
        let property = child(project, "properties").and_then(|all| child(all, name));
        if let Some(found) = property.and_then(|node| element(&text, node)) {
            return Some((at, found));
        }
        at = parent_of(&at, project)?;
    }
    None
}

/// Where the parent's file is: `relativePath`, which is `../pom.xml` where it is not written and nothing where it is empty.
fn parent_of(path: &RepoPath, project: Node<'_, '_>) -> Option<RepoPath> {
    let parent = child(project, "parent")?;
    let written =
        child(parent, "relativePath").map(|node| node.text().unwrap_or_default().trim().to_owned());
    let relative = written.unwrap_or_else(|| "../pom.xml".to_owned());
    if relative.is_empty() {
        return None;
    }
    let found = path.parent()?.join(&relative).ok()?;
    if relative.ends_with(".xml") {
        return Some(found);
    }
    found.join("pom.xml").ok()
}

fn child<'d, 'i>(node: Node<'d, 'i>, name: &str) -> Option<Node<'d, 'i>> {
    node.children()
        .find(|child| child.is_element() && child.tag_name().name() == name)
}

fn words(node: Node<'_, '_>, name: &str) -> Option<String> {
    Some(child(node, name)?.text()?.trim().to_owned())
}

/// The text of an element, without white space around it.
pub(super) fn element(text: &str, node: Node<'_, '_>) -> Option<Spot> {
    let words = node.first_child().filter(Node::is_text)?;
    let range = words.range();
    let written = text.get(range.clone())?;
    let trimmed = written.trim();
    let start = range.start + written.find(trimmed)?;
    spot(text, start..start + trimmed.len()).filter(|found| !found.text.is_empty())
}
