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

    fn name(&self, text: &str) -> Option<String> {
        let document = Document::parse(text).ok()?;
        let name = child(document.root_element(), "artifactId")?.text()?;
        Some(name.trim().to_owned())
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let mut at = path.clone();
        for _ in 0..HIGHEST {
            let text = read(&at)?;
            let document = Document::parse(&text).ok()?;
            let project = document.root_element();
            if let Some(own) = child(project, "version") {
                let found = element(&text, own)?;
                let property = found
                    .text
                    .strip_prefix("${")
                    .and_then(|it| it.strip_suffix('}'));
                let Some(property) = property else {
                    return Some((at, found));
                };
                return in_property(at, property, read);
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
        let Some(parent) = child(project, "parent") else {
            return Vec::new();
        };
        let version = child(parent, "version").and_then(|node| element(text, node));
        let of = parent_of(path, project).and_then(|pom| pom.parent());
        let both = of.zip(version).into_iter();
        both.map(|(of, spot)| Requirement {
            of: Target::Path(of),
            spot,
            when: When::Always,
        })
        .collect()
    }
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

/// The text of an element, without white space around it.
pub(super) fn element(text: &str, node: Node<'_, '_>) -> Option<Spot> {
    let words = node.first_child().filter(Node::is_text)?;
    let range = words.range();
    let written = text.get(range.clone())?;
    let trimmed = written.trim();
    let start = range.start + written.find(trimmed)?;
    spot(text, start..start + trimmed.len()).filter(|found| !found.text.is_empty())
}
