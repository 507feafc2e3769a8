//! `pyproject.toml` (PEP 621, Poetry), `setup.cfg`, `setup.py`.

use affected_graph::RepoPath;
use semver::Version;

use super::{Manifest, Reader, Spot, spot, toml_spans};

/// Python's packaging.
pub(super) struct Python;

/// Packages of this id name each other.
pub(super) const ID: &str = "python";

impl Manifest for Python {
    fn id(&self) -> &'static str {
        ID
    }

    fn matches(&self, name: &str) -> bool {
        matches!(name, "pyproject.toml" | "setup.cfg" | "setup.py")
    }

    fn name(&self, text: &str) -> Option<String> {
        let document = toml_spans::parse(text)?;
        let mut places = [&["project", "name"][..], &["tool", "poetry", "name"]].into_iter();
        let name = places.find_map(|keys| toml_spans::at(&document, keys)?.as_str());
        name.map(normal)
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let text = read(path)?;
        let found = match path.file_name() {
            b"pyproject.toml" => in_pyproject(&text),
            b"setup.cfg" => in_ini(&text),
            _ => in_call(&text),
        };
        let own = found.map(|found| (path.clone(), found));
        let in_module = || {
            let places = modules(&text).into_iter();
            let folder = path.parent().unwrap_or_default();
            let mut places = places.filter_map(|place| folder.join(place).ok());
            places.find_map(|place| Some((place.clone(), in_source(&read(&place)?)?)))
        };
        own.or_else(in_module).or_else(|| {
            // What pyproject.toml leaves dynamic stands beside it.
            let beside = |name: &str| path.parent().unwrap_or_default().join(name).ok();
            let (cfg, call) = (beside("setup.cfg")?, beside("setup.py")?);
            let in_cfg = read(&cfg).and_then(|text| in_ini(&text));
            if let Some(found) = in_cfg {
                return Some((cfg, found));
            }
            let found = read(&call).and_then(|text| in_call(&text))?;
            Some((call, found))
        })
    }

    fn spell(&self, version: &Version) -> String {
        spell(version)
    }
}

/// Words a version after PEP 440: `1.2.0rc1`.
pub(super) fn spell(version: &Version) -> String {
    let plain = Version::new(version.major, version.minor, version.patch);
    let words = [("rc", "rc"), ("beta", "b"), ("alpha", "a"), ("dev", ".dev")];
    let pre = version.pre.as_str();
    let short = words.into_iter().find_map(|(long, short)| {
        let number = pre.strip_prefix(long)?.strip_prefix('.')?;
        Some(format!("{plain}{short}{number}"))
    });
    short.unwrap_or_else(|| version.to_string())
}

/// One name for all spellings (PEP 503).
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

fn in_pyproject(text: &str) -> Option<Spot> {
    let document = toml_spans::parse(text)?;
    let mut places = [&["project", "version"][..], &["tool", "poetry", "version"]].into_iter();
    places.find_map(|keys| toml_spans::string(text, toml_spans::at(&document, keys)?))
}

/// The source files that a dynamic version comes from: `path` of Hatch (hatch.pypa.io/latest/version) and PDM, `attr` of setuptools
/// (setuptools.pypa.io, pyproject_config).
fn modules(text: &str) -> Vec<String> {
    let Some(document) = toml_spans::parse(text) else {
        return Vec::new();
    };
    let word = |keys: &[&str]| toml_spans::at(&document, keys)?.as_str().map(str::to_owned);
    let paths = [
        word(&["tool", "hatch", "version", "path"]),
        word(&["tool", "pdm", "version", "path"]),
    ];
    let mut found: Vec<String> = paths.into_iter().flatten().collect();
    let attribute = word(&["tool", "setuptools", "dynamic", "version", "attr"]);
    if let Some((module, _)) = attribute.as_deref().and_then(|it| it.rsplit_once('.')) {
        let module = module.replace('.', "/");
        for folder in ["", "src/"] {
            found.push(format!("{folder}{module}/__init__.py"));
            found.push(format!("{folder}{module}.py"));
        }
    }
    found
}

/// Finds `__version__ = "1.2.3"` or `VERSION = "1.2.3"` at the beginning of a line of a source file.
fn in_source(text: &str) -> Option<Spot> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let mut names = ["__version__", "VERSION", "version"].into_iter();
        let Some(rest) = names.find_map(|name| line.strip_prefix(name)) else {
            continue;
        };
        let rest = rest.trim_start();
        let typed = rest.strip_prefix(':').map(str::trim_start);
        let rest = typed.and_then(|it| it.strip_prefix("str")).unwrap_or(rest);
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        let quote = value.and_then(|value| value.chars().next());
        let (Some(value), Some(quote @ ('"' | '\''))) = (value, quote) else {
            continue;
        };
        let inner = &value[1..];
        let from = start + line.len() - inner.len();
        let end = inner.find(quote)?;
        return spot(text, from..from + end);
    }
    None
}

fn in_ini(text: &str) -> Option<Spot> {
    let (mut at, mut inside) = (0, false);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.starts_with('[') {
            inside = line.trim() == "[metadata]";
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        let word = value.trim();
        if key.trim() == "version" && word.starts_with(|c: char| c.is_ascii_digit()) {
            let from = start + key.len() + 1 + value.find(word)?;
            return spot(text, from..from + word.len());
        }
    }
    None
}

/// Finds `version="1.2.3"` in a script; a version that is computed is not found.
fn in_call(text: &str) -> Option<Spot> {
    for (at, _) in text.match_indices("version") {
        let before = text[..at].chars().next_back();
        let is_word = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let rest = text[at + "version".len()..].trim_start();
        let Some(rest) = rest.strip_prefix('=').filter(|_| !is_word) else {
            continue;
        };
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let inner = &rest[1..];
        let end = inner.find(quote)?;
        let from = text.len() - inner.len();
        return spot(text, from..from + end);
    }
    None
}
