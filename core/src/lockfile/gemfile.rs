//! `Gemfile.lock` and `gems.locked`. Source: `Bundler::LockfileParser`. A gem below `PATH` is a folder of the
//! repository, known by its name.

use std::collections::BTreeMap;

use super::{Format, Lock, Member, Package, Scope};
use crate::facts::Broken;

pub(super) struct GemfileLock;

impl Format for GemfileLock {
    fn names(&self) -> &'static [&'static str] {
        &["Gemfile.lock", "gems.locked"]
    }

    fn scope(&self) -> Scope {
        Scope::Environment
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let file = read(text)?;
        let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for gem in &file.gems {
            by_name.entry(gem.name).or_default().push(gem.id());
        }
        let mut lock = Lock::default();
        for gem in &file.gems {
            let id = gem.id();
            let source = file.sources.get(gem.source);
            let identity = if source.is_some_and(|source| source.is_path) {
                let member = Member::Named(gem.name.to_owned());
                lock.members.insert(member, id.clone());
                String::new()
            } else {
                let origin = source.map_or("", |source| &source.text);
                let checksum = file.checksums.get(id.as_str()).copied();
                format!("{id} {origin} {}", checksum.unwrap_or_default())
            };
            let needs = gem.needs.iter().filter_map(|name| by_name.get(name));
            let needs = needs.flatten().cloned().collect();
            lock.packages.insert(id, Package { identity, needs });
        }
        let ruby = Package {
            identity: file.ruby.to_owned(),
            needs: Vec::new(),
        };
        lock.packages.insert("RUBY VERSION".to_owned(), ruby);
        lock.give_all("");
        Ok(lock)
    }
}

/// A gem below `specs:`.
struct Gem<'t> {
    name: &'t str,
    /// With the platform: `1.15.0-x86_64-linux`.
    version: &'t str,
    needs: Vec<&'t str>,
    source: usize,
}

impl Gem<'_> {
    fn id(&self) -> String {
        format!("{} ({})", self.name, self.version)
    }
}

/// A section that gems come from.
struct Source {
    is_path: bool,
    /// `remote:`, `revision:` and the like.
    text: String,
}

#[derive(Default)]
struct File<'t> {
    gems: Vec<Gem<'t>>,
    sources: Vec<Source>,
    checksums: BTreeMap<&'t str, &'t str>,
    ruby: &'t str,
}

fn read(text: &str) -> Result<File<'_>, Broken> {
    let mut file = File::default();
    let mut section = "";
    for (line, number) in text.lines().zip(1_u32..) {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() {
            continue;
        }
        if indent > 0 && section.is_empty() {
            return Err(Broken {
                line: Some(number),
                message: "an entry before any section".to_owned(),
            });
        }
        let is_source = matches!(section, "GEM" | "GIT" | "PATH" | "PLUGIN SOURCE");
        match indent {
            0 => {
                section = content;
                file.sources.push(Source {
                    is_path: section == "PATH",
                    text: String::new(),
                });
            }
            2 if is_source && content != "specs:" => {
                if let Some(source) = file.sources.last_mut() {
                    source.text.push_str(content);
                }
            }
            4 if is_source => {
                let (name, rest) = content.split_once(' ').unwrap_or((content, ""));
                file.gems.push(Gem {
                    name,
                    version: rest.trim_matches(['(', ')']),
                    needs: Vec::new(),
                    source: file.sources.len().saturating_sub(1),
                });
            }
            6.. if is_source => {
                let name = content.split(' ').next().unwrap_or(content);
                if let Some(gem) = file.gems.last_mut() {
                    gem.needs.push(name.trim_end_matches('!'));
                }
            }
            _ if section == "RUBY VERSION" => file.ruby = content,
            2 if section == "CHECKSUMS" => {
                if let Some((gem, checksum)) = content.split_once(") ") {
                    let gem = &content[..=gem.len()];
                    file.checksums.insert(gem, checksum);
                }
            }
            _ => {}
        }
    }
    Ok(file)
}
