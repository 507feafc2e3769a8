//! One MSBuild file: properties, items and imports. Source: "MSBuild project file schema reference".

use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Serialize};

use crate::facts::{Broken, Parser};

/// Parses project, props, targets and shared-items files alike.
pub(super) const FILE: Parser<MsbuildFile> = Parser {
    id: "dotnet/msbuild",
    version: 1,
    parse,
};

/// What one file says, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MsbuildFile {
    /// `Microsoft.NET.Sdk.Web`; empty if none.
    pub(super) sdk: String,
    /// Name and unexpanded value; the last of a name counts.
    pub(super) properties: Vec<(String, String)>,
    /// Items with an `Include`.
    pub(super) items: Vec<Item>,
    /// Unexpanded paths of imported files.
    pub(super) imports: Vec<(String, u32)>,
}

/// One item; a list of files is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    /// `ProjectReference`, `Compile` …
    pub(super) element: String,
    /// The unexpanded path or name.
    pub(super) include: String,
    /// Conditions of the item and of what it stands in, unexpanded.
    pub(super) conditions: Vec<String>,
    /// 1-based.
    pub(super) line: u32,
}

fn parse(bytes: &[u8]) -> Result<MsbuildFile, Broken> {
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
    let mut file = MsbuildFile {
        sdk: root.attribute("Sdk").unwrap_or_default().to_owned(),
        ..MsbuildFile::default()
    };
    for node in root.descendants().filter(Node::is_element) {
        read(&document, node, &mut file);
    }
    Ok(file)
}

fn read(document: &Document<'_>, node: Node<'_, '_>, file: &mut MsbuildFile) {
    let name = node.tag_name().name();
    let parent = node
        .parent_element()
        .map_or("", |parent| parent.tag_name().name());
    let line = document.text_pos_at(node.range().start).row;
    match (parent, name) {
        ("PropertyGroup", _) => {
            let value = node.text().unwrap_or_default().trim().to_owned();
            file.properties.push((name.to_owned(), value));
        }
        (_, "Import") => {
            // An import with an `Sdk` is of a package, not of this repository.
            if let (Some(path), None) = (node.attribute("Project"), node.attribute("Sdk")) {
                file.imports.push((path.to_owned(), line));
            }
        }
        (_, "Sdk") if file.sdk.is_empty() => {
            file.sdk = node.attribute("Name").unwrap_or_default().to_owned();
        }
        ("ItemGroup", _) => items(node, name, line, file),
        (_, "HintPath") => {
            let include = node.text().unwrap_or_default().trim().to_owned();
            file.items.push(Item {
                element: name.to_owned(),
                include,
                conditions: Vec::new(),
                line,
            });
        }
        _ => {}
    }
}

fn items(node: Node<'_, '_>, name: &str, line: u32, file: &mut MsbuildFile) {
    let conditions: Vec<String> = node
        .ancestors()
        .filter_map(|above| above.attribute("Condition"))
        .map(ToOwned::to_owned)
        .collect();
    for include in node.attribute("Include").unwrap_or_default().split(';') {
        if !include.trim().is_empty() {
            file.items.push(Item {
                element: name.to_owned(),
                include: include.trim().to_owned(),
                conditions: conditions.clone(),
                line,
            });
        }
    }
}
