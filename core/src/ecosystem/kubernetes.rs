//! Kubernetes manifests: which service calls which, by the addresses in their environment.
//!
//! Source: "Workloads" and "DNS for Services and Pods" of the Kubernetes documentation. A workload belongs to the
//! project that ships its image, or to the project around its manifest.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Discovery, Ecosystem, FileName, Link, Reference, Scan, is_material};
use crate::facts::{AnyParser, Broken, Parser};

/// Kubernetes.
pub struct Kubernetes;

const ID: EcosystemId = EcosystemId("kubernetes");
const MANIFEST: Parser<Vec<Workload>> = Parser {
    id: "kubernetes/manifest",
    version: 2,
    parse,
};
const KINDS: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "Rollout",
];

/// Something that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Workload {
    name: String,
    /// Last components of its images, without tags.
    images: BTreeSet<String>,
    /// Values of its environment.
    values: Vec<String>,
    /// Labels of its pods.
    labels: BTreeMap<String, String>,
    /// For a `Service`: the labels of the pods that it stands for.
    selects: Option<BTreeMap<String, String>>,
}

impl Ecosystem for Kubernetes {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::EndsWith(".yaml"),
            FileName::EndsWith(".yml"),
            FileName::Is("Dockerfile"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&MANIFEST]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let (dockerfiles, manifests): (Vec<_>, Vec<_>) = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .partition(|path| path.file_name() == b"Dockerfile");
        // Without images of its own a repository has nobody to call.
        if dockerfiles.is_empty() {
            return discovery;
        }
        let homes = homes(&dockerfiles);
        let parsed = scan.parse_all(manifests, &MANIFEST).into_iter();
        let parsed: Vec<_> = parsed
            .filter_map(|(path, found)| Some((path, found.ok()?)))
            .collect();
        let mut named: BTreeMap<String, RepoPath> = BTreeMap::new();
        let mut workloads = Vec::new();
        for (path, found) in &parsed {
            for workload in found.iter().filter(|found| found.selects.is_none()) {
                let by_image = workload.images.iter().find_map(|image| homes.get(image));
                let home = by_image.or_else(|| homes.get(&workload.name));
                if let Some(home) = home {
                    named.insert(workload.name.clone(), home.clone());
                    workloads.push((path, home, workload));
                }
            }
        }
        for service in parsed.iter().flat_map(|(_, found)| found.iter()) {
            let mut behind = workloads.iter();
            if let Some((_, home, _)) = behind.find(|(.., pods)| stands_for(service, pods)) {
                named.insert(service.name.clone(), (*home).clone());
            }
        }
        for (path, home, workload) in workloads {
            let called = hosts(&workload.values);
            for (name, to) in named
                .iter()
                .filter(|(name, to)| *to != home && called.contains(*name))
            {
                let detail = format!("`{}` calls `{name}`", workload.name);
                let evidence = Evidence {
                    file: path.clone(),
                    line: None,
                    detail,
                };
                let (from, to) = (home.clone(), Reference::Path(to.clone()));
                discovery.links.push(Link {
                    from,
                    to,
                    kind: DependencyKind::Runtime,
                    evidence,
                });
            }
        }
        discovery
    }
}

/// Tells whether a service selects these pods; one without a selector, or no service at all, selects none.
fn stands_for(service: &Workload, pods: &Workload) -> bool {
    let mut wanted = service.selects.iter().flatten().peekable();
    wanted.peek().is_some() && wanted.all(|(key, value)| pods.labels.get(key) == Some(value))
}

/// Folders with a Dockerfile by their own name, and by the name above a folder that is only called `src`.
fn homes(dockerfiles: &[RepoPath]) -> BTreeMap<String, RepoPath> {
    let mut homes = BTreeMap::new();
    for folder in dockerfiles
        .iter()
        .filter_map(RepoPath::parent)
        .filter(|folder| !folder.is_root())
    {
        let above = folder.parent().unwrap_or_default();
        let name = if matches!(folder.file_name(), b"src" | b"app" | b"docker") {
            &above
        } else {
            &folder
        };
        let name = String::from_utf8_lossy(name.file_name()).into_owned();
        homes.entry(name).or_insert(folder);
    }
    homes
}

/// First labels of everything that looks like an address: `http://cart:80/x`, `cart.default.svc:80`, `cart:7070`.
fn hosts(values: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in values
        .iter()
        .flat_map(|value| value.split([',', ' ', ';', '@']))
    {
        let (scheme, rest) = part
            .split_once("://")
            .map_or((None, part), |(scheme, rest)| (Some(scheme), rest));
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = host
            .split_once(':')
            .map_or((host, None), |(host, port)| (host, Some(port)));
        let has_port = port
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if scheme.is_some() || has_port || host.contains(".svc") {
            found.insert(host.split('.').next().unwrap_or_default().to_owned());
        }
    }
    found
}

fn parse(bytes: &[u8]) -> Result<Vec<Workload>, Broken> {
    // Most YAML is something else, and charts' templates are no YAML at all.
    let holds = |word: &str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
    let is_manifest = holds("kind:") && (holds("containers:") || holds("selector:"));
    if !is_manifest || bytes.len() > 4 << 20 {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(bytes);
    let documents: Vec<Value> = super::yaml_documents(&text).unwrap_or_default();
    Ok(documents.iter().filter_map(workload).collect())
}

fn workload(document: &Value) -> Option<Workload> {
    let kind = document.get("kind")?.as_str()?;
    let labels = |pointer: &str| -> BTreeMap<String, String> {
        let fields = document.pointer(pointer).and_then(Value::as_object);
        let fields = fields.into_iter().flatten();
        let texts = fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?)));
        texts.map(|(key, text)| (key, text.to_owned())).collect()
    };
    if kind == "Service" {
        return Some(Workload {
            name: document.pointer("/metadata/name")?.as_str()?.to_owned(),
            selects: Some(labels("/spec/selector")),
            ..Workload::default()
        });
    }
    if !KINDS.contains(&kind) {
        return None;
    }
    let name = document.pointer("/metadata/name")?.as_str()?.to_owned();
    let mut workload = Workload {
        name,
        labels: labels("/spec/template/metadata/labels"),
        ..Workload::default()
    };
    let mut open = vec![document.get("spec")?];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(list) => open.extend(list),
            Value::Object(map) => {
                for (key, value) in map {
                    match (key.as_str(), value) {
                        ("image", Value::String(image)) => {
                            let last = image.rsplit('/').next().unwrap_or_default();
                            workload.images.insert(
                                last.split([':', '@']).next().unwrap_or_default().to_owned(),
                            );
                        }
                        ("value", Value::String(value)) => workload.values.push(value.clone()),
                        (_, value) => open.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    Some(workload)
}
