//! What takes part in the tests of a project though its manifest does not ask for it: plugins of the environment that it
//! shares with others, folders that pytest is told to look into, documents whose examples are run.
//!
//! Sources: uv, "Workspaces"; pytest, "Making your plugin installable by others", "Configuration options" (`pythonpath`,
//! `testpaths`) and "How to run doctests"; pytest-doctestplus, pytest-markdown-docs and pytest-codeblocks.

use std::collections::BTreeMap;

use affected_graph::{DependencyKind, Evidence, RepoPath};
use globset::Glob;

use super::manifest::{Manifest, normalize};
use super::{Found, Link, Reference, Scan};

/// Finds all of it.
pub(super) fn links(
    scan: &Scan<'_>,
    found: &Found,
    by_name: &BTreeMap<String, RepoPath>,
    links: &mut Vec<Link>,
) {
    for (folder, manifest) in found {
        plugins((folder, manifest), found, by_name, links);
        paths((folder, manifest), found, links);
        documents(scan, folder, manifest, links);
    }
}

fn link(from: &RepoPath, to: RepoPath, file: RepoPath, detail: String) -> Link {
    Link {
        from: from.clone(),
        to: Reference::Path(to),
        kind: DependencyKind::Test,
        evidence: Evidence {
            file,
            line: None,
            detail,
        },
    }
}

/// Members of a workspace share one environment, and what is installed there for the tests of one takes part in those of
/// all. The same goes for what a project installs above others.
fn plugins(
    (root, manifest): (&RepoPath, &Manifest),
    found: &Found,
    by_name: &BTreeMap<String, RepoPath>,
    links: &mut Vec<Link>,
) {
    let wanted = manifest.requires.iter().filter_map(|wanted| {
        let base = wanted.base.as_ref().unwrap_or(root);
        match &wanted.path {
            Some(path) => base.join(path).ok(),
            None => by_name.get(&normalize(&wanted.name)).cloned(),
        }
    });
    let wanted: Vec<RepoPath> = wanted.collect();
    let below = || found.keys().filter(|folder| folder.is_within(root));
    for (plugin, _) in found.iter().filter(|(_, found)| found.is_plugin) {
        let is_shared = manifest.is_workspace && plugin.is_within(root);
        if !is_shared && !wanted.contains(plugin) {
            continue;
        }
        for member in below().filter(|member| *member != plugin) {
            let file = root.join(&manifest.source).unwrap_or_default();
            let detail = "installs a plugin of pytest for all below it".to_owned();
            links.push(link(member, plugin.clone(), file, detail));
        }
    }
}

/// Folders of other projects that pytest looks for modules in.
fn paths((root, manifest): (&RepoPath, &Manifest), found: &Found, links: &mut Vec<Link>) {
    for path in &manifest.pytest.paths {
        let Ok(folder) = root.join(path) else {
            continue;
        };
        // The project at the top may own none of what lies below it.
        let is_owner = |above: &RepoPath| !above.is_root() && found.contains_key(above);
        let owner = folder.ancestors().find(is_owner);
        let to = owner.unwrap_or(folder);
        if to != *root {
            let file = root.join(&manifest.source).unwrap_or_default();
            let detail = format!("tests look for modules in {path}");
            links.push(link(root, to, file, detail));
        }
    }
}

/// Documents that are tests: no rule for documentation counts for them.
fn documents(scan: &Scan<'_>, root: &RepoPath, manifest: &Manifest, links: &mut Vec<Link>) {
    let patterns = manifest.pytest.documents.iter();
    let patterns = patterns.filter_map(|pattern| Some(Glob::new(pattern).ok()?.compile_matcher()));
    let patterns: Vec<_> = patterns.collect();
    if patterns.is_empty() {
        return;
    }
    for entry in scan.files().below(root) {
        let path = &entry.path;
        let name = String::from_utf8_lossy(path.file_name()).into_owned();
        let inside = path.relative_to(root).unwrap_or_default();
        let inside = String::from_utf8_lossy(inside);
        let is_wanted = |at: &str| patterns.iter().any(|pattern| pattern.is_match(at));
        if is_wanted(&name) || is_wanted(&inside) {
            let file = root.join(&manifest.source).unwrap_or_default();
            let detail = "runs the examples in it as tests".to_owned();
            links.push(link(root, path.clone(), file, detail));
        }
    }
}
