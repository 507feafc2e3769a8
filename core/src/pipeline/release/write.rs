//! Writes versions and changelogs into the work tree. All is worked out before the first byte is written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use affected_graph::RepoPath;
use semver::Version;

use super::super::PipelineError;
use super::{Planned, ReleaseError, gather};
use crate::release::manifest::{self, Edits, Manifest, Spot, Target};
use crate::release::{Bump, Release, notes};
use crate::report::wire::release as wire;
use crate::vcs::on_disk;

/// Whether files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// They are.
    Real,
    /// They are only told.
    Dry,
}

/// New texts by path; `None` for a file that goes.
type Texts = BTreeMap<RepoPath, Option<String>>;

/// Writes what [`super::plan`] decided: versions, what requires them, lockfiles, changelogs; change files that were used go.
///
/// # Errors
/// [`ReleaseError::Refused`] where something is unsettled, and where files cannot be written.
pub fn write(planned: &Planned, writing: Writing) -> Result<wire::ReleaseVersion, PipelineError> {
    planned.settled()?;
    let root = planned
        .repository
        .work_tree()
        .ok_or_else(|| ReleaseError::Refused {
            message: "there is no work tree to write versions into".to_owned(),
            help: Some("clone the repository without `--bare`".to_owned()),
        })?;
    let mut desk = Desk {
        root,
        texts: Texts::new(),
        edits: BTreeMap::new(),
    };
    let releases: Vec<&Release> = planned.releases().collect();
    for release in &releases {
        own_version(planned, release, &mut desk);
    }
    requirements(planned, &releases, &mut desk);
    desk.settle();
    let (day, url) = (
        planned.repository.day_of(&planned.head)?,
        planned.commit_url(),
    );
    for release in &releases {
        let text = notes::markdown(release, &day, &url);
        changelog(planned, release, &text, &mut desk);
    }
    // What waits is told by the final release, too, and says how much that rises: a pre-release uses nothing up, as with changesets
    // (docs/prereleases.md there).
    if planned.request.pre.is_none() {
        used_change_files(planned, &releases, &mut desk);
    }
    let changed = desk.changed();
    if writing == Writing::Real {
        for (path, text) in &changed {
            store(root, path, text.as_deref())?;
        }
    }
    let files = changed.keys().map(ToString::to_string).collect();
    Ok(wire::version(
        planned.revision(),
        releases.into_iter(),
        files,
    ))
}

/// Files as they are on disk, and what becomes of them.
struct Desk<'r> {
    root: &'r Path,
    texts: Texts,
    edits: BTreeMap<RepoPath, Edits>,
}

impl Desk<'_> {
    /// The text on disk, or what was made of it.
    fn read(&self, path: &RepoPath) -> Option<String> {
        match self.texts.get(path) {
            Some(text) => text.clone(),
            None => std::fs::read_to_string(on_disk(self.root, path)).ok(),
        }
    }

    fn edit(&mut self, path: RepoPath, spot: &Spot, new: String) {
        let edits = self.edits.entry(path).or_default();
        edits.insert(spot.range.start, (spot.range.clone(), new));
    }

    /// Applies all edits of each file at once, since they speak of its first text.
    fn settle(&mut self) {
        for (path, edits) in std::mem::take(&mut self.edits) {
            if let Some(text) = self.read(&path) {
                self.texts
                    .insert(path, Some(manifest::apply(&text, &edits)));
            }
        }
    }

    fn changed(self) -> Texts {
        let on_disk = |path: &RepoPath| std::fs::read_to_string(on_disk(self.root, path)).ok();
        let texts = self.texts.iter();
        texts
            .filter(|(path, text)| **text != on_disk(path))
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    }
}

/// Writes the section of a release. Sections of ours that were written since the last tag and have none give way: those of
/// other versions are part of this one, and one of this version is written again if it lacks something.
fn changelog(planned: &Planned, release: &Release, text: &str, desk: &mut Desk<'_>) {
    let Ok(path) = release.path.join(notes::CHANGELOG) else {
        return;
    };
    let mut candidates = planned.candidates.iter();
    let own = candidates.find(|one| one.path == release.path);
    let is_stale = |of: &Version, section: &str| {
        let is_open = own.is_some_and(|own| !own.taken.contains(of));
        let is_after = release.from.as_ref().is_some_and(|from| of > from);
        let is_other = *of != release.to || !notes::is_whole(section, release);
        is_open && is_after && is_other && notes::is_ours(section)
    };
    let old = desk.read(&path).unwrap_or_default();
    let new = notes::into_changelog(&old, text, &release.to, &is_stale);
    desk.texts.insert(path, Some(new));
}

fn own_version(planned: &Planned, release: &Release, desk: &mut Desk<'_>) {
    let Some(at) = planned.graph.at(&release.path) else {
        return;
    };
    let project = planned.graph.project(at);
    let found = manifest::version_of(&project.manifests, &|path| desk.read(path));
    if let Some((path, spot)) = found {
        let spelled = manifest::of(&path).or_else(|| manifest::of(project.manifests.first()?));
        let new = spelled.map_or_else(|| release.to.to_string(), |kind| kind.spell(&release.to));
        desk.edit(path, &spot, new);
    }
    let settings = gather::settings(&planned.config, project);
    let file = settings
        .file
        .as_ref()
        .and_then(|file| release.path.join(file).ok());
    if let Some(path) = file
        && let Some(text) = desk.read(&path)
        && let Some(spot) = manifest::by_pattern(&text, settings.pattern.as_deref())
    {
        desk.edit(path, &spot, release.to.to_string());
    }
}

/// Writes new versions wherever they are repeated: in requirements of other manifests, and in lockfiles above them.
fn requirements(planned: &Planned, releases: &[&Release], desk: &mut Desk<'_>) {
    let mut by_name: BTreeMap<(&'static str, String), &Version> = BTreeMap::new();
    let by_path: BTreeMap<&RepoPath, &Version> =
        releases.iter().map(|it| (&it.path, &it.to)).collect();
    for release in releases {
        let project = planned
            .graph
            .at(&release.path)
            .map(|at| planned.graph.project(at));
        for path in project.into_iter().flat_map(|project| &project.manifests) {
            let named = manifest::of(path)
                .and_then(|kind| Some((kind.id(), kind.name(&desk.read(path)?)?)));
            if let Some(key) = named {
                by_name.insert(key, &release.to);
            }
        }
    }
    let entries = planned.tree.files().entries().iter();
    let kinds = entries.filter_map(|entry| Some((&entry.path, manifest::of(&entry.path)?)));
    for (path, kind) in kinds.filter(|(path, _)| !crate::tree::is_material(path)) {
        let Some(text) = desk.read(path) else {
            continue;
        };
        for requirement in kind.requirements(path, &text) {
            let version = match &requirement.of {
                Target::Name(name) => by_name.get(&(kind.id(), name.clone())),
                Target::Path(place) => by_path.get(place),
            };
            let new = version.and_then(|version| reworded(kind, &requirement, version));
            if let Some(new) = new {
                desk.edit(path.clone(), &requirement.spot, new);
            }
        }
    }
}

fn reworded(
    kind: &dyn Manifest,
    requirement: &manifest::Requirement,
    version: &Version,
) -> Option<String> {
    manifest::required(requirement, version, &kind.spell(version))
}

/// A change file goes when all that it names are released.
fn used_change_files(planned: &Planned, releases: &[&Release], desk: &mut Desk<'_>) {
    for file in &planned.changes {
        let is_released = |name: &String| {
            let mut all = releases.iter();
            all.any(|it| it.project == *name || it.path.as_str() == Some(name))
        };
        let mut named = file.bumps.iter();
        if named.all(|(name, bump)| *bump == Bump::None || is_released(name)) {
            desk.texts.insert(file.path.clone(), None);
        }
    }
}

/// Writes beside, then renames, so that there is the old or the new file whatever happens. Permissions stay.
fn store(root: &Path, path: &RepoPath, text: Option<&str>) -> Result<(), ReleaseError> {
    let place = on_disk(root, path);
    let failed = |source| ReleaseError::Write {
        path: path.clone(),
        source,
    };
    let Some(text) = text else {
        return match std::fs::remove_file(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    };
    let folder = place.parent().unwrap_or(root);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let mode = std::fs::metadata(&place).map(|known| known.permissions());
    let mode = mode.unwrap_or_else(|_| plain_permissions());
    file.as_file().set_permissions(mode).map_err(failed)?;
    file.persist(&place).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(unix)]
fn plain_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
