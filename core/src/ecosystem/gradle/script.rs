//! A build script: what it uses, where that holds, and which plugins it applies.
//!
//! Scripts are programs; this reads their usual forms. What is computed is kept as a prefix, and whoever
//! might be meant counts. Source: "Declaring dependencies" and "Sharing build logic" of the Gradle user manual.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::rooted;
use super::token::{Kind, Token, tokens};
use crate::facts::{Broken, Parser};

pub(super) const SCRIPT: Parser<Script> = Parser {
    id: "gradle/script",
    version: 3,
    parse,
};

/// Whom a part of a script is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Scope {
    /// The script's own project.
    #[default]
    Own,
    /// `subprojects { … }`, and any computed choice of them.
    Below,
    /// `allprojects { … }`.
    All,
    /// `project(":a") { … }`.
    Named(Vec<String>),
}

/// What is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Target {
    /// `:a:b`
    Path(String),
    /// `projects.a.b`, without the first word.
    Accessor(String),
    /// A computed path that starts so; everything, if empty.
    Prefix(String),
    /// `group:name`
    Module(String),
}

/// One use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Use {
    pub(super) scope: Scope,
    /// `testImplementation`; empty where it is used outside of dependencies.
    pub(super) configuration: String,
    pub(super) target: Target,
    pub(super) line: u32,
}

/// What a script says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) uses: Vec<Use>,
    /// Plugin ids, or accessors of a catalog without `libs.plugins.`.
    pub(super) plugins: Vec<(Scope, String)>,
    /// Scripts that it applies.
    pub(super) applies: Vec<(Scope, String, u32)>,
    /// Other files: paths from the script's folder, or from the build's root where told so.
    pub(super) files: Vec<(Scope, String, bool, u32)>,
    /// Ids of plugins that this project makes.
    pub(super) makes: Vec<String>,
    /// Its own `group`.
    pub(super) group: Option<String>,
    /// The `group` that it gives to other projects.
    pub(super) group_of_others: Option<String>,
    /// Test tasks other than `test`.
    pub(super) tests: Vec<String>,
    /// Whether it says something about other projects.
    pub(super) spreads: bool,
}

fn parse(bytes: &[u8]) -> Result<Script, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let tokens = tokens(&text);
    let pairs = pairs(&tokens);
    let blocks = blocks(&tokens, &pairs);
    let mut script = Script {
        spreads: !blocks.is_empty(),
        ..Script::default()
    };
    let mut scopes: Vec<(usize, &Scope)> = Vec::new();
    for at in 0..tokens.len() {
        while scopes.last().is_some_and(|(end, _)| *end < at) {
            scopes.pop();
        }
        if let Some(scope) = blocks.get(&at) {
            scopes.push((pairs[at].unwrap_or(tokens.len()), scope));
        }
        let scope = scopes
            .last()
            .map_or(Scope::Own, |(_, scope)| (*scope).clone());
        let here = Here {
            tokens: &tokens,
            pairs: &pairs,
            at,
            scope,
        };
        match &tokens[at].kind {
            Kind::Word(word) => here.word(word, &mut script),
            Kind::Text { text, is_dynamic } => here.text(text, *is_dynamic, &mut script),
            Kind::Mark(_) => {}
        }
    }
    Ok(script)
}

/// For every bracket, the place of its other half.
fn pairs(tokens: &[Token]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => open.push(at),
            Kind::Mark(')' | ']' | '}') => {
                if let Some(start) = open.pop() {
                    pairs[start] = Some(at);
                    pairs[at] = Some(start);
                }
            }
            _ => {}
        }
    }
    pairs
}

/// Blocks about other projects, by the place of their brace.
fn blocks(tokens: &[Token], pairs: &[Option<usize>]) -> BTreeMap<usize, Scope> {
    let mut blocks = BTreeMap::new();
    let is = |at: usize, mark: char| tokens.get(at).is_some_and(|token| token.is(mark));
    for (at, token) in tokens.iter().enumerate() {
        let close = || {
            pairs
                .get(at + 1)
                .copied()
                .flatten()
                .filter(|_| is(at + 1, '('))
        };
        match token.word() {
            Some(word @ ("subprojects" | "allprojects")) => {
                let scope = if word == "subprojects" {
                    Scope::Below
                } else {
                    Scope::All
                };
                chained(tokens, pairs, at + 1, &scope, &mut blocks);
            }
            Some("configure") => {
                let Some(close) = close().filter(|close| is(close + 1, '{')) else {
                    continue;
                };
                let named: Vec<String> = tokens[at + 2..close]
                    .iter()
                    .filter_map(|token| path(token.text()?))
                    .collect();
                let scope = if named.is_empty() {
                    Scope::Below
                } else {
                    Scope::Named(named)
                };
                blocks.insert(close + 1, scope);
            }
            Some("project") => {
                let Some(close) = close().filter(|close| is(close + 1, '{')) else {
                    continue;
                };
                if let Some(named) = tokens.get(at + 2).and_then(|token| path(token.text()?)) {
                    blocks.insert(close + 1, Scope::Named(vec![named]));
                }
            }
            _ => {}
        }
    }
    blocks
}

/// `subprojects { … }`, `subprojects.findAll { … }.each { … }`
fn chained(
    tokens: &[Token],
    pairs: &[Option<usize>],
    start: usize,
    scope: &Scope,
    blocks: &mut BTreeMap<usize, Scope>,
) {
    let mut at = start;
    // A chain of more calls than anybody writes ends the search.
    for _ in 0..16 {
        match tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Mark('.')) => at += 2,
            Some(Kind::Mark('(')) => match pairs[at] {
                Some(close) => at = close + 1,
                None => return,
            },
            Some(Kind::Mark('{')) => {
                // A plain loop says nothing of others unless it names them: what it adds may be its own.
                let is_loop = matches!(tokens[at - 1].word(), Some("each" | "forEach"));
                let scope = if is_loop { &Scope::All } else { scope };
                blocks.entry(at).or_insert_with(|| scope.clone());
                match pairs[at] {
                    Some(close) if tokens.get(close + 1).is_some_and(|token| token.is('.')) => {
                        at = close + 1;
                    }
                    _ => return,
                }
            }
            _ => return,
        }
    }
}

/// A project path, from a string that looks like one.
fn path(text: &str) -> Option<String> {
    text.starts_with(':').then(|| text.to_owned())
}

/// One place of a script.
struct Here<'t> {
    tokens: &'t [Token],
    pairs: &'t [Option<usize>],
    at: usize,
    scope: Scope,
}

impl Here<'_> {
    fn get(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn is(&self, ahead: usize, mark: char) -> bool {
        self.get(ahead).is_some_and(|token| token.is(mark))
    }

    fn before(&self, back: usize) -> Option<&Token> {
        self.tokens.get(self.at.checked_sub(back)?)
    }

    fn line(&self) -> u32 {
        self.tokens[self.at].line
    }

    fn word(&self, word: &str, script: &mut Script) {
        let follows_dot = self.before(1).is_some_and(|token| token.is('.'));
        match word {
            "project" if self.is(1, '(') => self.project(script),
            "projects" if self.is(1, '.') && !follows_dot => self.accessor(script),
            "dependsOn" | "evaluationDependsOn" => self.depends_on(word, script),
            "from" => self.apply_from(script),
            "id" | "kotlin" | "alias" | "apply" | "plugin" => self.plugin(word, script),
            "group" if !follows_dot => self.group(script),
            "integrationTest" | "functionalTest" | "e2eTest"
                if matches!(self.before(1).and_then(Token::word), Some("task" | "val")) =>
            {
                script.tests.push(word.to_owned());
            }
            _ => {}
        }
    }

    /// `group = "a"`, and in Groovy `group "a"`.
    fn group(&self, script: &mut Script) {
        let said = self.get(if self.is(1, '=') { 2 } else { 1 });
        let Some(said) = said.and_then(Token::text).map(ToOwned::to_owned) else {
            return;
        };
        match self.scope {
            Scope::Own => script.group = Some(said),
            Scope::Below | Scope::All => script.group_of_others = Some(said),
            Scope::Named(_) => {}
        }
    }

    fn project(&self, script: &mut Script) {
        let close = self.pairs.get(self.at + 1).copied().flatten();
        let opens_block = close.is_some_and(|close| {
            self.tokens
                .get(close + 1)
                .is_some_and(|token| token.is('{'))
        });
        // `project(path: ":a", configuration: "x")` and `project(path = ":a")`.
        let argument = if self.get(2).and_then(Token::word) == Some("path") {
            4
        } else {
            2
        };
        let configuration = self.configuration();
        let is_dependency = configuration.as_deref().is_some_and(is_dependency);
        let target = match self.get(argument).map(|token| &token.kind) {
            Some(Kind::Text {
                text,
                is_dynamic: false,
            }) => Target::Path(text.clone()),
            Some(Kind::Text { text, .. }) if is_dependency => {
                Target::Prefix(text.split('$').next().unwrap_or_default().to_owned())
            }
            Some(Kind::Word(_)) if is_dependency && !self.is_own_path(argument) => {
                Target::Prefix(String::new())
            }
            _ => return,
        };
        let configures = configuration.as_deref() == Some("configure");
        if !(configures || opens_block && configuration.is_none()) {
            self.push(configuration.unwrap_or_default(), target, script);
        }
    }

    /// `project(project.path)` is the script's own project, as its test suites name it.
    fn is_own_path(&self, argument: usize) -> bool {
        let word = |ahead: usize| self.get(argument + ahead).and_then(Token::word);
        self.scope == Scope::Own
            && matches!(word(0), Some("project" | "this"))
            && word(2) == Some("path")
            && self.is(argument + 3, ')')
    }

    fn accessor(&self, script: &mut Script) {
        let mut parts = Vec::new();
        let mut ahead = 1;
        while self.is(ahead, '.') {
            match self.get(ahead + 1).and_then(Token::word) {
                Some("dependencyProject" | "path") | None => break,
                Some(part) => parts.push(part),
            }
            ahead += 2;
        }
        // Whatever the call is named: that a project has this name is proof enough.
        if !parts.is_empty() {
            let target = Target::Accessor(parts.join("."));
            self.push(self.configuration().unwrap_or_default(), target, script);
        }
    }

    /// `dependsOn(":a:jar")` needs project `:a`; `evaluationDependsOn(":a")` as well.
    fn depends_on(&self, word: &str, script: &mut Script) {
        let arguments = self.tokens[self.at + 1..].iter().take(16);
        let arguments = arguments.take_while(|token| {
            token.is('(') || token.is(',') || matches!(token.kind, Kind::Text { .. })
        });
        for text in arguments
            .filter_map(Token::text)
            .filter(|text| text.starts_with(':'))
        {
            let project = match text.rsplit_once(':') {
                Some((project, _)) if word == "dependsOn" => project,
                _ => text,
            };
            if !project.is_empty() {
                self.push(String::new(), Target::Path(project.to_owned()), script);
            }
        }
    }

    /// `apply from: "x.gradle"`, `apply(from = "x.gradle.kts")`
    fn apply_from(&self, script: &mut Script) {
        let back = if self.before(1).is_some_and(|token| token.is('(')) {
            2
        } else {
            1
        };
        let is_apply = self.before(back).and_then(Token::word) == Some("apply");
        if !(is_apply && (self.is(1, ':') || self.is(1, '='))) {
            return;
        }
        let value = self.tokens[self.at + 2..]
            .iter()
            .take(6)
            .find_map(|token| match &token.kind {
                Kind::Text { text, .. } => Some(text),
                _ => None,
            });
        if let Some(text) = value {
            script
                .applies
                .push((self.scope.clone(), rooted(text), self.line()));
        }
    }

    /// `id("x")`, `id 'x'`, `alias(libs.plugins.x)`, `apply plugin: "x"`, `apply(plugin = "x")`, `id = "x"`.
    fn plugin(&self, word: &str, script: &mut Script) {
        let mut push = |id: &str| script.plugins.push((self.scope.clone(), id.to_owned()));
        let text = |ahead: usize| self.get(ahead).and_then(Token::text);
        match word {
            "id" if self.is(1, '=') => script.makes.extend(text(2).map(ToOwned::to_owned)),
            "id" => {
                if let Some(id) = text(1).or_else(|| text(2).filter(|_| self.is(1, '('))) {
                    push(id);
                }
            }
            "plugin" if self.is(1, ':') || self.is(1, '=') => {
                if let Some(id) = text(2) {
                    push(id);
                }
            }
            "alias" => {
                // `alias(libs.plugins.x)` and, in Groovy, `alias libs.plugins.x`.
                let line = self.line();
                let rest = self.tokens[self.at + 1..].iter().take(24);
                let words = rest.take_while(|token| token.line == line && !token.is(')'));
                let words = words.filter_map(Token::word);
                // `apply false` follows where a plugin is only named.
                let words: Vec<&str> = words.take_while(|word| *word != "apply").collect();
                if let Some(at) = words.iter().position(|word| *word == "plugins") {
                    push(&words[at + 1..].join("."));
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: &str, is_dynamic: bool, script: &mut Script) {
        // A plugin by its bare name in backticks is a word; modules and files are texts.
        let stripped = rooted(text);
        let from_root = stripped.len() < text.len()
            || self.before(2).and_then(Token::word) == Some("file")
                && self.before(4).and_then(Token::word) == Some("rootProject");
        if (from_root && !stripped.is_empty() || text.starts_with("../"))
            && !stripped.contains(['$', '*', '\n'])
        {
            script
                .files
                .push((self.scope.clone(), stripped, from_root, self.line()));
            return;
        }
        if is_dynamic && text.starts_with('$') {
            return;
        }
        let mut parts = text.split(':');
        let (Some(group), Some(name)) = (parts.next(), parts.next()) else {
            return;
        };
        let plain = |part: &str| {
            !part.is_empty()
                && !part.contains(|letter: char| letter.is_whitespace() || "/$".contains(letter))
        };
        if plain(group) && plain(name) {
            let configuration = self.configuration();
            if configuration.as_deref().is_some_and(is_dependency) {
                let module = Target::Module(format!("{group}:{name}"));
                self.push(configuration.unwrap_or_default(), module, script);
            }
        }
    }

    fn push(&self, configuration: String, target: Target, script: &mut Script) {
        script.uses.push(Use {
            scope: self.scope.clone(),
            configuration,
            target,
            line: self.line(),
        });
    }

    /// The call that this stands in: `testImplementation` of `testImplementation(platform(project(":a")))`.
    fn configuration(&self) -> Option<String> {
        const WRAPPERS: &[&str] = &[
            "platform",
            "enforcedPlatform",
            "testFixtures",
            "files",
            "npm",
            "rootProject",
            "path",
            "kotlin",
        ];
        let mut at = self.at;
        for _ in 0..64 {
            at = at.checked_sub(1)?;
            match &self.tokens[at].kind {
                Kind::Mark('(' | '.' | '[' | ',') => {}
                // An earlier argument of the same call.
                Kind::Mark(')' | ']') => at = self.pairs[at]?,
                Kind::Text {
                    text,
                    is_dynamic: false,
                } if self
                    .tokens
                    .get(at + 1)
                    .is_some_and(|next| next.is('(') || next.is(',')) =>
                {
                    if is_dependency(text) {
                        return Some(text.clone());
                    }
                }
                Kind::Text { .. } => {}
                Kind::Word(word) if WRAPPERS.contains(&word.as_str()) || word == "project" => {}
                Kind::Word(word) => return Some(word.clone()),
                Kind::Mark(_) => return None,
            }
        }
        None
    }
}

/// Tells whether a name is that of a configuration: `api`, `testImplementation`, `commonMainApi`, `kapt` …
fn is_dependency(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "api",
        "implementation",
        "compile",
        "compileonly",
        "compileonlyapi",
        "runtime",
        "runtimeonly",
        "provided",
        "annotationprocessor",
        "kapt",
        "ksp",
        "classpath",
        "developmentonly",
        "aggregation",
        "protobuf",
        "dokka",
        "kover",
        "jmh",
        "shadow",
        "bundle",
        "include",
        "modimplementation",
        "lintchecks",
        "lintpublish",
        "baselineprofile",
        "coverage",
        "detektplugins",
        "archives",
        "signature",
        "agent",
        "javaagent",
        "optional",
    ];
    let lower = name.to_lowercase();
    // `kspTest`, `kaptAndroidTest`
    let processes = lower.starts_with("ksp") || lower.starts_with("kapt");
    processes || ENDS.iter().any(|end| lower.ends_with(end))
}
