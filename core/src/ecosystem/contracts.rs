//! Interface descriptions other than Protobuf: OpenAPI, AsyncAPI and GraphQL files, and who reads them.
//!
//! Who reads them is written in the settings of code generators and in scripts; every word there that is the path of
//! such a file counts. Sources: the file names that the OpenAPI and AsyncAPI specifications recommend, and the
//! documentation of OpenAPI Generator, orval, openapi-typescript and GraphQL Code Generator.

use std::collections::BTreeSet;

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};
use serde::{Deserialize, Serialize};

use super::{Discovery, Ecosystem, FileName, Link, Reference, Scan, is_material};
use crate::facts::{AnyParser, Broken, Parser};

/// OpenAPI, AsyncAPI and GraphQL.
pub struct Contracts;

const ID: EcosystemId = EcosystemId("contracts");
const READER: Parser<Reader> = Parser {
    id: "contracts/reader",
    version: 1,
    parse,
};
/// Words of a reader that says that it makes code.
const GENERATES: &[&str] = &[
    "generat",
    "codegen",
    "orval",
    "openapi-typescript",
    "oapi",
    "swag",
    "gqlgen",
];
const READERS: &[FileName] = &[
    FileName::Is("package.json"),
    FileName::Is("openapitools.json"),
    FileName::StartsWith("codegen."),
    FileName::StartsWith(".graphqlrc"),
    FileName::StartsWith("graphql.config."),
    FileName::StartsWith("orval.config."),
    FileName::Is("gqlgen.yml"),
    FileName::Is("redocly.yaml"),
    FileName::Is("Makefile"),
    FileName::EndsWith(".sh"),
    FileName::Is("pom.xml"),
    FileName::Is("build.gradle"),
    FileName::Is("build.gradle.kts"),
    FileName::Is("pyproject.toml"),
    FileName::Is("build.rs"),
];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reader {
    /// Words that may be paths of interface descriptions, with their line.
    words: Vec<(String, u32)>,
    generates: bool,
}

impl Ecosystem for Contracts {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        READERS
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&READER]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let entries = scan.files().entries().iter().map(|entry| &entry.path);
        let contracts: BTreeSet<&RepoPath> = entries
            .filter(|path| is_contract(path.file_name()))
            .collect();
        if contracts.is_empty() {
            return discovery;
        }
        let readers = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(readers, &READER) {
            let Ok(reader) = parsed else { continue };
            let folder = path.parent().unwrap_or_default();
            for (word, line) in &reader.words {
                let Ok(to) = folder.join(word) else { continue };
                if !contracts.contains(&to) || to.is_within(&folder) {
                    continue;
                }
                let kind = if reader.generates {
                    DependencyKind::Build
                } else {
                    DependencyKind::Contract
                };
                let evidence = Evidence {
                    file: path.clone(),
                    line: Some(*line),
                    detail: format!("reads {word}"),
                };
                let (from, to) = (folder.clone(), Reference::Path(to));
                discovery.links.push(Link {
                    from,
                    to,
                    kind,
                    evidence,
                });
            }
        }
        discovery
    }
}

fn is_contract(name: &[u8]) -> bool {
    let is_data = [&b".yaml"[..], b".yml", b".json"]
        .iter()
        .any(|ending| name.ends_with(ending));
    let named = [&b"openapi"[..], b"swagger", b"asyncapi"]
        .iter()
        .any(|word| memchr::memmem::find(name, word).is_some());
    is_data && named
        || [&b".graphql"[..], b".graphqls", b".gql"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

fn parse(bytes: &[u8]) -> Result<Reader, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::default();
    let breaks = |letter: char| letter.is_whitespace() || "\"'`=,;()<>[]{}".contains(letter);
    for (line, number) in text.lines().zip(1..) {
        for word in line.split(breaks) {
            // Maven and Gradle write the folder of the project in front.
            let word = word
                .rsplit_once('}')
                .map_or(word, |(_, rest)| rest)
                .trim_start_matches('/');
            let word = word
                .trim_start_matches("$projectDir/")
                .trim_start_matches("file:");
            if is_contract(word.rsplit('/').next().unwrap_or_default().as_bytes()) {
                reader.words.push((word.to_owned(), number));
            }
        }
    }
    if !reader.words.is_empty() {
        let lower = text.to_lowercase();
        reader.generates = GENERATES.iter().any(|word| lower.contains(word));
    }
    Ok(reader)
}
