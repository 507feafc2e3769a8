//! Walks a syntax tree and gathers what it names.

use std::collections::BTreeSet;

use oxc_ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, BinaryExpression, BindingPattern,
    CallExpression, Declaration, ExportAllDeclaration, ExportDeclaration, ExportFromDeclaration,
    ExportNamedDeclaration, Expression, IdentifierReference, ImportDeclaration,
    ImportDeclarationSpecifier, ImportExpression, NewExpression, StaticMemberExpression,
    StringLiteral, TSExternalModuleReference, TSImportType, TemplateLiteral, UnaryExpression,
    VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use super::Source;
use super::files::{READS, handed_on, is_of_files, is_of_files_alone, is_require_of_files};
use super::value::{Known, Value, first_name, last_name, path_like, value};

/// Modules whose callers do what imports do not show: they start programs, search folders, load by computed names.
const BEYOND: &[&str] = &[
    "child_process",
    "worker_threads",
    "cluster",
    "vm",
    "execa",
    "cross-spawn",
    "zx",
    "shelljs",
    "tinyexec",
    "nano-spawn",
    "jiti",
    "import-fresh",
    "require-all",
    "require-dir",
    "require-directory",
    "requireindex",
    "interpret",
    "rechoir",
    "glob",
    "fast-glob",
    "globby",
    "tinyglobby",
    "klaw",
    "readdirp",
    "walkdir",
    "find-up",
    "cosmiconfig",
    "lilconfig",
    "vite",
    "vite-node",
    "webpack",
    "rollup",
    "rolldown",
    "esbuild",
    "parcel",
    "browserify",
    "typescript",
    "ts-morph",
    "eslint",
    "stylelint",
    "puppeteer",
    "playwright",
    "cypress",
    "nodemon",
    "pm2",
    "umzug",
    "mock-fs",
    "proxyquire",
    "rewire",
];

/// Calls of `jest` and `vi` whose first argument is a module.
const MOCKS: &[&str] = &[
    "mock",
    "unmock",
    "doMock",
    "doUnmock",
    "dontMock",
    "deepUnmock",
    "setMock",
    "requireActual",
    "requireMock",
    "importActual",
    "importMock",
    "createMockFromModule",
    "genMockFromModule",
    "unstable_mockModule",
    "unstable_unmockModule",
    "hoisted",
    "module",
];

/// Gathers.
pub(super) struct Finder<'t> {
    text: &'t str,
    known: Known,
    /// Names that were known until they were given to something that is not.
    unclear: BTreeSet<String>,
    reads_files: bool,
    pub(super) found: Source,
}

impl<'t> Finder<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            known: Known::new(),
            unclear: BTreeSet::new(),
            reads_files: false,
            found: Source::default(),
        }
    }

    /// Notes what cannot be followed; the first one is enough.
    fn escape(&mut self, at: Span, words: &str) {
        if self.found.escape.is_none() {
            let before = self
                .text
                .as_bytes()
                .get(..at.start as usize)
                .unwrap_or_default();
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            self.found.escape = Some((u32::try_from(line).unwrap_or(u32::MAX), words.to_owned()));
        }
    }

    fn import(&mut self, name: &str, at: Span) {
        let bare = name.strip_prefix("node:").unwrap_or(name);
        let package = bare.split('/').next().unwrap_or_default();
        if BEYOND.contains(&package) {
            self.escape(
                at,
                &format!("uses `{bare}`, which reaches more than it imports"),
            );
        }
        self.reads_files |= is_of_files(name);
        self.found.imports.insert(name.to_owned());
    }

    /// A call that reads files and has another name cannot be told any more where it is used.
    fn renamed(&mut self, name: &str, local: &str, at: Span) {
        if READS.contains(&name) && name != local {
            self.escape(at, "reads files under another name");
        }
    }

    fn mention(&mut self, word: &str) {
        self.found.mentions.extend(path_like(word));
    }

    /// Takes a value that stands where it may be used for anything.
    fn take(&mut self, value: Value, at: Span) {
        match &value {
            Value::Text(text) => self.mention(text),
            Value::Outside => {}
            Value::File => self.escape(at, "hands on where it lies"),
            bare if bare.is_bare() => self.escape(at, "hands on a folder that holds sources"),
            Value::Here(path) => {
                self.found.reads.insert(path.clone());
            }
            Value::Start(path) => {
                self.found.mentions.insert(path.clone());
            }
        }
    }

    /// Takes the pragmas of a comment: `@jest-environment ./x.ts`, `/ <reference path="./x.d.ts" />`.
    pub(super) fn comment(&mut self, text: &str) {
        if !text.contains('@') && !text.contains("<reference") {
            return;
        }
        let words = text.split(|letter: char| letter.is_whitespace() || "\"'".contains(letter));
        let relative: Vec<&str> = words
            .filter(|word| word.starts_with("./") || word.starts_with("../"))
            .collect();
        for word in relative {
            self.mention(word);
        }
    }

    /// A module whose name is the first argument.
    fn module_argument(&mut self, arguments: &[Argument<'_>], at: Span, words: &str) {
        let Some(first) = arguments.first() else {
            return;
        };
        match first
            .as_expression()
            .map(|first| (first, value(first, &self.known)))
        {
            Some((_, Some(Value::Text(name)))) => self.import(&name, at),
            Some((_, Some(Value::Here(path)))) => {
                self.found.imports.insert(format!("./{path}"));
            }
            Some((Expression::ImportExpression(_), _)) => {}
            _ => self.escape(at, words),
        }
    }

    fn remember(&mut self, name: &str, init: &Expression<'_>) -> bool {
        let Some(value) = value(init, &self.known) else {
            if self.known.remove(name).is_some() {
                self.unclear.insert(name.to_owned());
            }
            return false;
        };
        if self.unclear.contains(name) {
            return false;
        }
        // Two things of one name: neither is known.
        let other = self.known.get(name).is_some_and(|known| *known != value);
        if other || matches!(value, Value::Text(_)) {
            return false;
        }
        if !value.is_bare() && value != Value::File {
            self.take(value.clone(), init.span());
        }
        self.known.insert(name.to_owned(), value);
        true
    }

    fn read_argument(&mut self, arguments: &[Argument<'_>], at: Span) {
        let Some(first) = arguments.first().and_then(Argument::as_expression) else {
            return;
        };
        match value(first, &self.known) {
            Some(Value::Text(text)) => {
                self.found.mentions.insert(text);
            }
            Some(_) => {}
            None if self.holds_place(first) => {}
            None => self.escape(at, "reads a file whose name it computes"),
        }
    }

    /// Tells whether a name begins with a folder that is known, so that what is read lies in it.
    fn holds_place(&self, of: &Expression<'_>) -> bool {
        let of = of.get_inner_expression();
        let place = |of: &Expression<'_>| {
            value(of, &self.known).is_some_and(|value| {
                !matches!(value, Value::Text(_) | Value::File) && !value.is_bare()
            })
        };
        match of {
            Expression::CallExpression(call)
                if matches!(last_name(&call.callee), Some("join" | "resolve")) =>
            {
                call.arguments
                    .first()
                    .and_then(Argument::as_expression)
                    .is_some_and(|first| place(first) || self.holds_place(first))
            }
            Expression::TemplateLiteral(template) => {
                template
                    .quasis
                    .first()
                    .is_some_and(|first| first.value.raw.is_empty())
                    && template.expressions.first().is_some_and(place)
            }
            Expression::BinaryExpression(binary) => {
                place(&binary.left) || self.holds_place(&binary.left)
            }
            _ => false,
        }
    }

    fn call(&mut self, it: &CallExpression<'_>) {
        let (first, last) = (first_name(&it.callee), last_name(&it.callee));
        match (first, last) {
            (Some("require"), Some("require" | "resolve")) => {
                self.module_argument(&it.arguments, it.span, "requires what it computes");
            }
            (Some("require"), Some("context")) => match it
                .arguments
                .first()
                .and_then(Argument::as_expression)
                .and_then(|first| value(first, &self.known))
            {
                Some(Value::Text(folder)) if !Value::Here(folder.clone()).is_bare() => {
                    self.found.reads.insert(folder);
                }
                _ => self.escape(it.span, "requires a folder that it computes"),
            },
            (Some("jest" | "vi" | "vitest" | "mock"), Some(name))
                if MOCKS.contains(&name)
                    && name != "hoisted"
                    && (first, name) != (Some("mock"), "mock") =>
            {
                self.module_argument(&it.arguments, it.span, "mocks what it computes");
            }
            (Some("eval"), Some("eval")) => self.escape(it.span, "evaluates a text"),
            (Some("process"), Some("chdir")) => self.escape(it.span, "changes its folder"),
            (_, Some(name))
                if READS.contains(&name) && (self.reads_files || is_of_files_alone(name)) =>
            {
                self.read_argument(&it.arguments, it.span);
            }
            _ => {}
        }
        if let Expression::CallExpression(made) = &it.callee
            && last_name(&made.callee) == Some("createRequire")
        {
            self.module_argument(&it.arguments, it.span, "requires what it computes");
        }
        if let Expression::StaticMemberExpression(member) = &it.callee
            && matches!(member.object, Expression::ImportMeta(_))
        {
            match member.property.name.as_str() {
                "glob" | "globEager" => self.globs(it),
                "resolve" => {
                    self.module_argument(&it.arguments, it.span, "resolves what it computes");
                }
                _ => {}
            }
        }
    }

    /// `import.meta.glob("./pages/*.ts")`: all below the folders that its patterns name.
    fn globs(&mut self, it: &CallExpression<'_>) {
        let mut patterns = Vec::new();
        let mut literal = true;
        let first = it.arguments.first().and_then(Argument::as_expression);
        match first {
            Some(Expression::ArrayExpression(list)) => {
                for element in &list.elements {
                    match element.as_expression() {
                        Some(Expression::StringLiteral(text)) => {
                            patterns.push(text.value.as_str().to_owned());
                        }
                        _ => literal = false,
                    }
                }
            }
            Some(Expression::StringLiteral(text)) => patterns.push(text.value.as_str().to_owned()),
            _ => literal = false,
        }
        for pattern in patterns.iter().filter(|pattern| !pattern.starts_with('!')) {
            let fixed = pattern.split(['*', '{', '[']).next().unwrap_or_default();
            let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !Value::Here(folder.to_owned()).is_bare() && pattern.starts_with('.') {
                self.found.reads.insert(folder.to_owned());
            } else {
                literal = false;
            }
        }
        if !literal {
            self.escape(it.span, "imports whatever matches a pattern");
        }
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        self.import(it.source.value.as_str(), it.span);
        let is_of_files = is_of_files(it.source.value.as_str());
        for specifier in it.specifiers.iter().flatten() {
            if let ImportDeclarationSpecifier::ImportSpecifier(taken) = specifier {
                let imported = taken.imported.name();
                if is_of_files || is_of_files_alone(imported.as_str()) {
                    self.renamed(imported.as_str(), taken.local.name.as_str(), it.span);
                }
            }
        }
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.import(it.source.value.as_str(), it.span);
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        self.import(it.source.value.as_str(), it.span);
    }

    fn visit_ts_import_type(&mut self, it: &TSImportType<'a>) {
        self.import(it.source.value.as_str(), it.span);
        walk::walk_ts_import_type(self, it);
    }

    fn visit_ts_external_module_reference(&mut self, it: &TSExternalModuleReference<'a>) {
        self.import(it.expression.value.as_str(), it.span);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        match value(&it.source, &self.known) {
            Some(Value::Text(name)) => self.import(&name, it.span),
            Some(Value::Here(path)) => {
                self.found.imports.insert(format!("./{path}"));
            }
            _ => {
                self.escape(it.span, "imports what it computes");
                walk::walk_import_expression(self, it);
            }
        }
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        let name = last_name(&it.callee);
        let callee = first_name(&it.callee);
        // The callee `require` is no use of it as a value. In others there may be the module whose call this is.
        if callee != Some("require") {
            self.visit_expression(&it.callee);
        }
        self.call(it);
        let makes_require = name == Some("createRequire");
        for argument in &it.arguments {
            let file = argument
                .as_expression()
                .and_then(|argument| value(argument, &self.known))
                == Some(Value::File);
            if !(makes_require && file) {
                self.visit_argument(argument);
            }
        }
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        if last_name(&it.callee) == Some("Function") {
            self.escape(it.span, "evaluates a text");
        }
        walk::walk_new_expression(self, it);
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        match value(it, &self.known) {
            Some(value @ (Value::Here(_) | Value::Start(_) | Value::File | Value::Outside)) => {
                if let Expression::CallExpression(call) = it {
                    self.call(call);
                }
                self.take(value, it.span());
            }
            _ => walk::walk_expression(self, it),
        }
    }

    fn visit_argument(&mut self, it: &Argument<'a>) {
        match it.as_expression() {
            Some(it) => self.visit_expression(it),
            None => walk::walk_argument(self, it),
        }
    }

    fn visit_binary_expression(&mut self, it: &BinaryExpression<'a>) {
        // `import.meta.url === …` asks only whether it was started itself.
        let is_file = |side| value(side, &self.known) == Some(Value::File);
        let (left, right) = (is_file(&it.left), is_file(&it.right));
        if !it.operator.is_equality() || (!left && !right) {
            return walk::walk_binary_expression(self, it);
        }
        if !left {
            self.visit_expression(&it.left);
        }
        if !right {
            self.visit_expression(&it.right);
        }
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if let (BindingPattern::BindingIdentifier(name), Some(init)) = (&it.id, &it.init) {
            let made = matches!(init, Expression::CallExpression(call) if last_name(&call.callee) == Some("createRequire"));
            if made && name.name.as_str() != "require" {
                self.escape(it.span, "makes a `require` of another name");
            }
            if let Some(read) = handed_on(init) {
                self.renamed(read, name.name.as_str(), it.span);
            }
            if self.remember(name.name.as_str(), init) {
                return;
            }
        }
        if let (BindingPattern::ObjectPattern(pattern), Some(init)) = (&it.id, &it.init)
            && is_require_of_files(init)
        {
            for property in &pattern.properties {
                if let (Some(key), BindingPattern::BindingIdentifier(local)) =
                    (property.key.static_name(), &property.value)
                {
                    self.renamed(&key, local.name.as_str(), it.span);
                }
            }
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        if let AssignmentTarget::AssignmentTargetIdentifier(name) = &it.left {
            let was_known = self.known.contains_key(name.name.as_str());
            if self.remember(name.name.as_str(), &it.right) {
                return;
            }
            if was_known {
                self.escape(it.span, "changes a path that it named");
            }
        }
        walk::walk_assignment_expression(self, it);
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        walk::walk_export_declaration(self, it);
        if let Declaration::VariableDeclaration(variables) = &it.declaration {
            for variable in &variables.declarations {
                if let BindingPattern::BindingIdentifier(name) = &variable.id
                    && self
                        .known
                        .get(name.name.as_str())
                        .is_some_and(Value::is_bare)
                {
                    self.escape(it.span, "hands on a folder that holds sources");
                }
            }
        }
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        walk::walk_export_named_declaration(self, it);
        for specifier in &it.specifiers {
            let local = specifier.local.name();
            if self.known.get(local.as_str()).is_some_and(Value::is_bare) {
                self.escape(it.span, "hands on a folder that holds sources");
            }
        }
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        if let Expression::Identifier(name) = &it.object
            && name.name.as_str() == "require"
        {
            if matches!(it.property.name.as_str(), "extensions") {
                self.escape(it.span, "changes how modules are found");
            }
            return;
        }
        if let Expression::Identifier(name) = &it.object
            && name.name.as_str() == "module"
            && it.property.name.as_str() == "require"
        {
            self.escape(it.span, "hands `require` on");
        }
        walk::walk_static_member_expression(self, it);
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        let plain = matches!(it.argument, Expression::Identifier(_));
        if !(plain && it.operator.is_keyword()) {
            walk::walk_unary_expression(self, it);
        }
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        match it.name.as_str() {
            "require" => self.escape(it.span, "hands `require` on"),
            "eval" => self.escape(it.span, "evaluates a text"),
            "Function" => {}
            _ => {}
        }
    }

    fn visit_string_literal(&mut self, it: &StringLiteral<'a>) {
        self.mention(it.value.as_str());
    }

    fn visit_template_literal(&mut self, it: &TemplateLiteral<'a>) {
        for quasi in &it.quasis {
            let text = quasi.value.cooked.as_ref().map_or("", |text| text.as_str());
            // The part before something computed may name a folder.
            let folder = text.rsplit_once('/').map(|(folder, _)| folder);
            if it.expressions.is_empty() {
                self.mention(text);
            } else if let Some(folder) =
                folder.filter(|folder| !Value::Here((*folder).to_owned()).is_bare())
            {
                self.mention(&format!("{folder}/"));
            }
        }
        walk::walk_template_literal(self, it);
    }
}
