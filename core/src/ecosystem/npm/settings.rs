//! Settings of test runners, as far as they are written down. Sources: "Configuring Vitest", "Shared Options" of Vite, "Configuring Jest", "Configuring
//! Mocha".

use std::collections::{BTreeMap, BTreeSet};

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, CallExpression, Expression, ImportDeclaration,
    ObjectExpression, ObjectPropertyKind, SpreadElement, StringLiteral,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser as Oxc;
use oxc_span::SourceType;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::source::value::{Known, Value, first_name, last_name, value};
use crate::ecosystem::{without_comments, words_of};
use crate::facts::{Broken, Parser};

/// Parses settings that are code.
pub(super) const CODE: Parser<Settings> = Parser {
    id: "npm/settings",
    version: 2,
    parse: parse_code,
};

/// Parses settings that are JSON.
pub(super) const DATA: Parser<Settings> = Parser {
    id: "npm/settings-data",
    version: 2,
    parse: |bytes| Ok(of_json(&String::from_utf8_lossy(bytes))),
};

/// Keys that say which tests there are, what takes part in them, and what names mean.
const KEYS: &[&str] = &[
    "include",
    "includeSource",
    "setupFiles",
    "setupFilesAfterEnv",
    "globalSetup",
    "globalTeardown",
    "environment",
    "testEnvironment",
    "alias",
    "moduleNameMapper",
    "testMatch",
    "testRegex",
    "roots",
    "root",
    "rootDir",
    "dir",
    "projects",
    "workspace",
    "preset",
    "transform",
    "resolver",
    "snapshotResolver",
    "resolveSnapshotPath",
    "snapshotSerializers",
    "runner",
    "testRunner",
    "modulePaths",
    "moduleDirectories",
    "spec",
    "require",
    "file",
    "extension",
    "haste",
    "config",
    "dependencyExtractor",
    "filter",
    "envDir",
    "isolate",
];

/// Keys below which the same words mean something else.
const OTHER: &[&str] = &[
    "coverage",
    "benchmark",
    "build",
    "optimizeDeps",
    "server",
    "css",
    "plugins",
    "define",
    "typecheck",
    "esbuild",
    "ssr",
    "preview",
    "browser",
];

/// In the place of a key: words in the options of what transforms sources.
pub(super) const TRANSFORM_OPTIONS: &str = "transform: options";

/// What settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// The words of each key.
    pub(super) words: BTreeMap<String, BTreeSet<String>>,
    /// Names and what they mean, as written.
    pub(super) aliases: BTreeSet<(String, String)>,
    /// Keys whose value is computed.
    pub(super) computed: BTreeSet<String>,
    /// Modules that more settings come from.
    pub(super) bases: BTreeSet<String>,
}

impl Settings {
    /// Adds what other settings say.
    pub(super) fn add(&mut self, other: &Self) {
        for (key, words) in &other.words {
            self.words
                .entry(key.clone())
                .or_default()
                .extend(words.iter().cloned());
        }
        self.aliases.extend(other.aliases.iter().cloned());
        self.computed.extend(other.computed.iter().cloned());
    }

    /// The words of a key.
    pub(super) fn of(&self, key: &str) -> impl Iterator<Item = &String> {
        self.words.get(key).into_iter().flatten()
    }

    fn note(&mut self, key: &str, word: impl Into<String>) {
        self.words
            .entry(key.to_owned())
            .or_default()
            .insert(word.into());
    }
}

/// Reads settings from JSON.
pub(super) fn of_json(text: &str) -> Settings {
    let mut found = Settings::default();
    match serde_json::from_str::<Json>(&without_comments(text)) {
        Ok(Json::Object(map)) => {
            for (key, value) in map.iter().filter(|(key, _)| KEYS.contains(&key.as_str())) {
                json_value(key, value, &mut found);
            }
        }
        _ => {
            found.computed.insert("all of it".to_owned());
        }
    }
    found
}

fn json_value(key: &str, value: &Json, found: &mut Settings) {
    match value {
        Json::String(word) => found.note(key, word.clone()),
        Json::Array(list) => list.iter().for_each(|value| json_value(key, value, found)),
        Json::Object(map) if matches!(key, "moduleNameMapper" | "alias") => {
            for (name, to) in map {
                let targets = to
                    .as_array()
                    .map_or(std::slice::from_ref(to), Vec::as_slice);
                let targets = targets.iter().filter_map(Json::as_str);
                found
                    .aliases
                    .extend(targets.map(|to| (name.clone(), to.to_owned())));
            }
        }
        Json::Object(map) if key == "transform" => {
            for value in map.values() {
                let (with, options) = match value.as_array().map(Vec::as_slice) {
                    Some([with, options @ ..]) => (with, options),
                    _ => (value, [].as_slice()),
                };
                with.as_str().iter().for_each(|with| found.note(key, *with));
                for options in options {
                    words_of(options, &mut |word| found.note(TRANSFORM_OPTIONS, word));
                }
            }
        }
        Json::Object(_) => {
            found.computed.insert(key.to_owned());
        }
        _ => {}
    }
}

fn parse_code(bytes: &[u8]) -> Result<Settings, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let allocator = Allocator::default();
    let parsed = Oxc::new(&allocator, &text, SourceType::ts()).parse();
    let mut reader = Reader::default();
    reader.visit_program(&parsed.program);
    if parsed.panicked || !parsed.diagnostics.is_empty() || bytes.len() > 1 << 18 {
        reader.found.computed.insert("all of it".to_owned());
    }
    Ok(reader.found)
}

/// Walks settings that are code.
#[derive(Default)]
struct Reader {
    known: Known,
    /// Local names and the modules that they come from.
    imported: BTreeMap<String, String>,
    found: Settings,
}

impl Reader {
    fn word(&self, of: &Expression<'_>) -> Option<String> {
        if let Some(module) = required(of) {
            return Some(module);
        }
        match value(of, &self.known)? {
            Value::Text(text) => Some(text),
            Value::Here(path) | Value::Start(path) => Some(format!("./{path}")),
            Value::File | Value::Outside => None,
        }
    }

    fn take(&mut self, key: &str, of: &Expression<'_>) {
        let of = of.get_inner_expression();
        if key == "isolate" {
            // What is computed may be no.
            if !matches!(of, Expression::BooleanLiteral(yes) if yes.value) {
                self.found.note(key, "false");
            }
            return;
        }
        if let Some(word) = self.word(of) {
            return self.found.note(key, word);
        }
        match of {
            Expression::ArrayExpression(list) => {
                for element in &list.elements {
                    self.element(key, element);
                }
            }
            Expression::ConditionalExpression(either) => {
                self.take(key, &either.consequent);
                self.take(key, &either.alternate);
            }
            Expression::LogicalExpression(either) => {
                self.take(key, &either.right);
            }
            Expression::ObjectExpression(map) if matches!(key, "alias" | "moduleNameMapper") => {
                self.aliases(key, map);
            }
            Expression::ObjectExpression(map) if key == "transform" => self.transforms(key, map),
            Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_)
            | Expression::NumericLiteral(_) => {}
            Expression::Identifier(name) if name.name.as_str() == "undefined" => {}
            _ => {
                self.found.computed.insert(key.to_owned());
            }
        }
    }

    fn element(&mut self, key: &str, element: &ArrayExpressionElement<'_>) {
        match element {
            ArrayExpressionElement::SpreadElement(spread)
                if last_name(&spread.argument) == Some("include") =>
            {
                self.found.note(key, "**/*.{test,spec}.?(c|m)[jt]s?(x)");
            }
            ArrayExpressionElement::ObjectExpression(map) if key == "alias" => {
                let find = map
                    .properties
                    .iter()
                    .find_map(|property| self.member(property, "find"));
                let to = map
                    .properties
                    .iter()
                    .find_map(|property| self.member(property, "replacement"));
                match (find, to) {
                    (Some(find), Some(to)) => {
                        self.found.aliases.insert((find, to));
                    }
                    _ => {
                        self.found.computed.insert(key.to_owned());
                    }
                }
            }
            other => match other.as_expression() {
                Some(of) => self.take(key, of),
                None => {
                    self.found.computed.insert(key.to_owned());
                }
            },
        }
    }

    fn member(&self, property: &ObjectPropertyKind<'_>, name: &str) -> Option<String> {
        match property {
            ObjectPropertyKind::ObjectProperty(property)
                if property.key.static_name().as_deref() == Some(name) =>
            {
                self.word(&property.value)
            }
            _ => None,
        }
    }

    fn aliases(&mut self, key: &str, map: &ObjectExpression<'_>) {
        for property in &map.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                self.found.computed.insert(key.to_owned());
                continue;
            };
            let name = property.key.static_name().map(std::borrow::Cow::into_owned);
            match (name, self.word(&property.value)) {
                (Some(name), Some(to)) => {
                    self.found.aliases.insert((name, to));
                }
                _ => {
                    self.found.computed.insert(key.to_owned());
                }
            }
        }
    }

    /// What compiles which sources: a module, or a list of one and its options.
    fn transforms(&mut self, key: &str, map: &ObjectExpression<'_>) {
        for property in &map.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                self.found.computed.insert(key.to_owned());
                continue;
            };
            let Expression::ArrayExpression(list) = property.value.get_inner_expression() else {
                self.take(key, &property.value);
                continue;
            };
            let mut words = Words::default();
            for (at, element) in list.elements.iter().enumerate() {
                if at == 0 {
                    self.element(key, element);
                } else {
                    words.visit_array_expression_element(element);
                }
            }
            for word in words.0 {
                self.found.note(TRANSFORM_OPTIONS, word);
            }
        }
    }

    fn base(&mut self, of: &Expression<'_>) {
        if let Expression::Identifier(name) = of.get_inner_expression()
            && let Some(module) = self.imported.get(name.name.as_str())
        {
            self.found.bases.insert(module.clone());
        }
        if let Expression::CallExpression(call) = of.get_inner_expression()
            && last_name(&call.callee) == Some("require")
            && let Some(Argument::StringLiteral(name)) = call.arguments.first()
        {
            self.found.bases.insert(name.value.as_str().to_owned());
        }
    }
}

/// The module of `require.resolve("…")`.
fn required(of: &Expression<'_>) -> Option<String> {
    let Expression::CallExpression(call) = of else {
        return None;
    };
    let is_resolve = last_name(&call.callee) == Some("resolve");
    match call.arguments.first() {
        Some(Argument::StringLiteral(name))
            if is_resolve && first_name(&call.callee) == Some("require") =>
        {
            Some(name.value.as_str().to_owned())
        }
        _ => None,
    }
}

/// All texts below something.
#[derive(Default)]
struct Words(Vec<String>);

impl<'a> Visit<'a> for Words {
    fn visit_string_literal(&mut self, it: &StringLiteral<'a>) {
        self.0.push(it.value.as_str().to_owned());
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        for specifier in it.specifiers.iter().flatten() {
            let local = specifier.local().name.as_str().to_owned();
            self.imported
                .insert(local, it.source.value.as_str().to_owned());
        }
    }

    fn visit_variable_declarator(&mut self, it: &oxc_ast::ast::VariableDeclarator<'a>) {
        if let (oxc_ast::ast::BindingPattern::BindingIdentifier(name), Some(init)) =
            (&it.id, &it.init)
        {
            if let Some(value) = value(init, &self.known) {
                self.known.insert(name.name.as_str().to_owned(), value);
            }
            if let Expression::CallExpression(call) = init
                && last_name(&call.callee) == Some("require")
                && let Some(Argument::StringLiteral(module)) = call.arguments.first()
            {
                self.imported.insert(
                    name.name.as_str().to_owned(),
                    module.value.as_str().to_owned(),
                );
            }
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_spread_element(&mut self, it: &SpreadElement<'a>) {
        self.base(&it.argument);
        walk::walk_spread_element(self, it);
    }

    fn visit_export_default_declaration(
        &mut self,
        it: &oxc_ast::ast::ExportDefaultDeclaration<'a>,
    ) {
        if let Some(of) = it.declaration.as_expression() {
            self.base(of);
        }
        walk::walk_export_default_declaration(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if matches!(
            last_name(&it.callee),
            Some("mergeConfig" | "merge" | "assign" | "defineConfig" | "createJestConfig")
        ) {
            for argument in it.arguments.iter().filter_map(Argument::as_expression) {
                self.base(argument);
            }
        } else {
            // What another function makes of it is anybody's guess: `createShared({ … })`.
            self.base(&it.callee);
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_object_property(&mut self, it: &oxc_ast::ast::ObjectProperty<'a>) {
        let name = it.key.static_name();
        let name = name.as_deref().unwrap_or_default();
        if OTHER.contains(&name) {
            return;
        }
        if KEYS.contains(&name) {
            self.take(name, &it.value);
            return;
        }
        walk::walk_object_property(self, it);
    }
}
