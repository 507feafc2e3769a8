//! Properties and paths as MSBuild means them, as far as files alone tell.
//!
//! Source: "MSBuild reserved and well-known properties" and "Property functions".

use std::collections::BTreeMap;

use affected_graph::RepoPath;

use crate::tree::FileSet;

/// Stands before a path that starts at the repository root.
const ROOTED: char = '\u{1}';
/// Stands for a property that nobody knows.
const UNKNOWN: char = '\u{2}';
/// Properties that refer to each other deeper than this are a circle.
const DEPTH: usize = 16;

/// What a project's expressions may use.
pub(super) struct Context<'a> {
    /// All files.
    pub(super) files: &'a FileSet,
    /// Folder of the project file.
    pub(super) project: RepoPath,
    /// Name in lower case, to its unexpanded value and the file that says so.
    pub(super) properties: BTreeMap<String, (String, RepoPath)>,
}

/// What an expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A path from the repository root; may hold wildcards.
    Path(RepoPath),
    /// Only the end is known, with a leading `/`.
    EndsWith(String),
}

impl Context<'_> {
    /// Resolves a path that `file` writes.
    pub(super) fn place(&self, file: &RepoPath, text: &str) -> Option<Place> {
        let text = self.expand(file, text, 0).replace('\\', "/");
        if let Some((_, end)) = text.rsplit_once(UNKNOWN) {
            let end = end.trim_start_matches('/');
            return (!end.is_empty() && !end.contains(".."))
                .then(|| Place::EndsWith(format!("/{end}")));
        }
        let path = match text.rsplit_once(ROOTED) {
            Some((_, rooted)) => RepoPath::new(rooted.trim_start_matches('/')),
            // Items of an imported file are relative to the project that imports it.
            None => self.project.join(text),
        };
        path.ok().map(Place::Path)
    }

    /// Resolves the path of an import, which is relative to the importing file.
    pub(super) fn import(&self, file: &RepoPath, text: &str) -> Option<RepoPath> {
        let text = self.expand(file, text, 0).replace('\\', "/");
        if text.contains(UNKNOWN) {
            return None;
        }
        match text.rsplit_once(ROOTED) {
            Some((_, rooted)) => RepoPath::new(rooted.trim_start_matches('/')).ok(),
            None => file.parent()?.join(text).ok(),
        }
    }

    /// Tells whether a condition is certainly false: only comparisons of properties that are written down
    /// count, joined by `and`.
    pub(super) fn is_false(&self, file: &RepoPath, condition: &str) -> bool {
        let lower = condition.to_lowercase();
        if lower.contains(" or ") || condition.contains('(') && condition.trim().starts_with('(') {
            return false;
        }
        lower
            .match_indices(" and ")
            .map(|(at, _)| at)
            .chain([condition.len()])
            .scan(0, |start, end| {
                let part = condition.get(*start..end);
                *start = (end + " and ".len()).min(condition.len());
                part
            })
            .any(|part| self.is_false_comparison(file, part))
    }

    fn is_false_comparison(&self, file: &RepoPath, part: &str) -> bool {
        let (equal, sides) = match (part.split_once("!="), part.split_once("==")) {
            (Some(sides), _) => (false, sides),
            (None, Some(sides)) => (true, sides),
            _ => return false,
        };
        let value = |side: &str| {
            self.expand(file, side.trim().trim_matches('\''), 0)
                .to_lowercase()
        };
        let (left, right) = (value(sides.0), value(sides.1));
        let known = !left.contains(UNKNOWN) && !right.contains(UNKNOWN);
        known && (left == right) != equal
    }

    fn expand(&self, file: &RepoPath, text: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            out.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let Some(end) = closing(inner) else {
                out.push(UNKNOWN);
                return out;
            };
            out.push_str(&self.value(file, &inner[..end], depth + 1));
            rest = &inner[end + 1..];
        }
        out.push_str(rest);
        out
    }

    fn value(&self, file: &RepoPath, inner: &str, depth: usize) -> String {
        if depth > DEPTH {
            return UNKNOWN.to_string();
        }
        if let Some(function) = inner.trim().strip_prefix('[') {
            return self.function(file, function, depth);
        }
        let name = inner
            .split('.')
            .next()
            .unwrap_or(inner)
            .trim()
            .to_lowercase();
        let here = file.parent().unwrap_or_default();
        match name.as_str() {
            "msbuildthisfiledirectory" => rooted(&here),
            "msbuildprojectdirectory" | "projectdir" => rooted(&self.project),
            "solutiondir" if !self.properties.contains_key(&name) => self
                .solution()
                .map_or_else(|| UNKNOWN.to_string(), |folder| rooted(&folder)),
            _ => match self.properties.get(&name) {
                Some((value, file)) => self.expand(file, value, depth + 1),
                None => UNKNOWN.to_string(),
            },
        }
    }

    /// The nearest folder above with a solution file.
    fn solution(&self) -> Option<RepoPath> {
        self.project.ancestors().find(|folder| {
            self.files.below(folder).iter().any(|entry| {
                let name = entry.path.file_name();
                (name.ends_with(b".sln") || name.ends_with(b".slnx"))
                    && entry.path.parent().as_ref() == Some(folder)
            })
        })
    }

    /// `MSBuild]::GetPathOfFileAbove('x', 'from')` and its likes.
    fn function(&self, file: &RepoPath, text: &str, depth: usize) -> String {
        let unknown = || UNKNOWN.to_string();
        let Some((name, arguments)) = text
            .split_once("]::")
            .and_then(|(_, call)| call.split_once('('))
        else {
            return unknown();
        };
        let (arguments, members) = arguments.rsplit_once(')').unwrap_or((arguments, ""));
        let values: Vec<String> = split(arguments)
            .into_iter()
            .map(|argument| {
                let bare = argument
                    .trim()
                    .trim_matches(|quote| matches!(quote, '\'' | '"' | '`'));
                self.expand(file, bare, depth + 1)
            })
            .collect();
        let above = |name: &str, from: Option<&String>| {
            let from = from.map_or_else(|| file.parent(), |from| self.path(from))?;
            from.ancestors().find(|folder| {
                folder
                    .join(name)
                    .is_ok_and(|path| self.files.is_file(&path))
            })
        };
        match (name.trim().to_lowercase().as_str(), values.as_slice()) {
            ("getpathoffileabove", [name, from @ ..]) => above(name, from.first())
                .and_then(|folder| folder.join(name).ok())
                .map_or_else(unknown, |path| format!("{ROOTED}/{path}")),
            ("getdirectorynameoffileabove", [from, name, ..]) => {
                above(name, Some(from)).map_or_else(unknown, |folder| rooted(&folder))
            }
            ("normalizepath" | "normalizedirectory" | "combine", [_, ..]) => {
                let joined = values.join("/");
                let slash = if name.eq_ignore_ascii_case("normalizedirectory") {
                    "/"
                } else {
                    ""
                };
                joined + slash
            }
            ("getfullpath" | "ensuretrailingslash" | "valueordefault", [value, ..]) => {
                value.clone()
            }
            ("getparent", [value, ..]) => self.parent(value, members).unwrap_or_else(unknown),
            ("getdirectoryname", [value, ..]) => value
                .replace('\\', "/")
                .rsplit_once('/')
                .map_or_else(unknown, |(folder, _)| folder.to_owned()),
            _ => unknown(),
        }
    }

    /// `GetParent('folder/').Parent.FullName`: of a folder that ends in a slash, the first is the folder itself.
    fn parent(&self, value: &str, members: &str) -> Option<String> {
        let value = value.replace('\\', "/");
        let mut ups = members.to_lowercase().matches(".parent").count();
        if !value.ends_with('/') {
            ups += 1;
        }
        let folder = self.path(value.trim_end_matches('/'))?;
        // The end of it is no slash, as those who use it write their own.
        let folder = rooted(&folder.ancestors().nth(ups)?);
        Some(folder.trim_end_matches('/').to_owned())
    }

    fn path(&self, text: &str) -> Option<RepoPath> {
        let text = text.replace('\\', "/");
        match text.rsplit_once(ROOTED) {
            Some((_, rooted)) => RepoPath::new(rooted.trim_start_matches('/')).ok(),
            None => self.project.join(text).ok(),
        }
    }
}

fn rooted(folder: &RepoPath) -> String {
    if folder.is_root() {
        format!("{ROOTED}/")
    } else {
        format!("{ROOTED}/{folder}/")
    }
}

/// The place of the `)` that ends an expression.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' if open == 0 => return Some(at),
            ')' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Splits arguments at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut open) = (Vec::new(), 0, 0_usize);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            ',' if open == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
