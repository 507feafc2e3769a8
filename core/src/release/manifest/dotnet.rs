//! `.csproj`, `.fsproj`, `.vbproj` and `Directory.Build.props`:
//! <https://learn.microsoft.com/nuget/reference/msbuild-targets#pack-target>.

use affected_graph::RepoPath;
use roxmltree::Document;

use super::{Manifest, Reader, Spot, maven, upwards};

/// .NET.
pub(super) struct Dotnet;

impl Manifest for Dotnet {
    fn id(&self) -> &'static str {
        "dotnet"
    }

    fn matches(&self, name: &str) -> bool {
        [".csproj", ".fsproj", ".vbproj"]
            .iter()
            .any(|end| name.ends_with(end))
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let files = std::iter::once(path.clone()).chain(upwards(path, "Directory.Build.props"));
        for file in files {
            let found = read(&file).and_then(|text| in_properties(&text));
            if let Some(found) = found {
                return Some((file, found));
            }
        }
        None
    }
}

fn in_properties(text: &str) -> Option<Spot> {
    let text = text.strip_prefix('\u{feff}').map_or(text, |_| text);
    let document = Document::parse(text).ok()?;
    let groups = document.root_element().children();
    let groups = groups.filter(|node| node.tag_name().name() == "PropertyGroup");
    let mut found: Vec<_> = groups
        .flat_map(|group| group.children())
        .filter(|node| matches!(node.tag_name().name(), "Version" | "VersionPrefix"))
        .filter_map(|node| maven::element(text, node))
        .filter(|spot| spot.text.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    // `Version` written twice, under conditions, is not for us to choose.
    (found.len() == 1).then(|| found.remove(0))
}
