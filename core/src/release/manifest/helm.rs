//! `Chart.yaml`: <https://helm.sh/docs/topics/charts/#the-chartyaml-file>. Read line by line, since its bytes must stay.

use affected_graph::RepoPath;

use super::{Manifest, Reader, Requirement, Spot, Target, When, spot};

/// Helm.
pub(super) struct Helm;

impl Manifest for Helm {
    fn id(&self) -> &'static str {
        "helm"
    }

    fn matches(&self, name: &str) -> bool {
        name == "Chart.yaml"
    }

    fn name(&self, text: &str) -> Option<String> {
        let line = lines(text)
            .into_iter()
            .find(|line| line.is_top && line.key == "name")?;
        Some(line.value.text)
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let text = read(path)?;
        let line = lines(&text)
            .into_iter()
            .find(|line| line.is_top && line.key == "version")?;
        Some((path.clone(), line.value))
    }

    fn requirements(&self, path: &RepoPath, text: &str) -> Vec<Requirement> {
        let mut found = Vec::new();
        let (mut inside, mut version, mut place) = (false, None, None);
        for line in lines(text) {
            if line.is_top {
                inside = line.key == "dependencies";
            }
            if line.begins_item || line.is_top {
                push(&mut found, path, version.take(), place.take());
            }
            match line.key.as_str() {
                "version" if inside && !line.is_top => version = Some(line.value),
                "repository" if inside => place = Some(line.value.text),
                _ => {}
            }
        }
        push(&mut found, path, version, place);
        found
    }
}

/// Only charts by path are of this repository.
fn push(
    found: &mut Vec<Requirement>,
    path: &RepoPath,
    version: Option<Spot>,
    place: Option<String>,
) {
    let folder = place.and_then(|place| {
        let relative = place.strip_prefix("file://")?.to_owned();
        path.parent()?.join(relative).ok()
    });
    if let (Some(spot), Some(folder)) = (version, folder) {
        let (of, when) = (Target::Path(folder), When::Always);
        found.push(Requirement { of, spot, when });
    }
}

struct Line {
    key: String,
    value: Spot,
    is_top: bool,
    begins_item: bool,
}

fn lines(text: &str) -> Vec<Line> {
    let mut at = 0;
    let mut found = Vec::new();
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        // The first line may begin with a byte order mark.
        let body = raw.trim_start_matches([' ', '-', '\u{feff}']);
        let lead = &raw[..raw.len() - body.len()];
        let Some((key, value)) = body.split_once(':') else {
            continue;
        };
        if key.starts_with('#') {
            continue;
        }
        let mut marks = value.match_indices('#').map(|(at, _)| at);
        let comment = marks.find(|at| value[..*at].ends_with(char::is_whitespace));
        let word = value[..comment.unwrap_or(value.len())].trim();
        let word = word.trim_matches(['"', '\'']);
        let offset = value.find(word).unwrap_or(0);
        let from = start + lead.len() + key.len() + 1 + offset;
        if let Some(value) = spot(text, from..from + word.len()) {
            found.push(Line {
                key: key.trim().trim_matches(['"', '\'']).to_owned(),
                value,
                is_top: lead.trim_start_matches('\u{feff}').is_empty(),
                begins_item: lead.contains('-'),
            });
        }
    }
    found
}
