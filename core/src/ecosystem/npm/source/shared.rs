//! What a file changes for all others of its process when it is loaded: hooks around every test, plugins of a library, values of
//! globals. Sources: "Hooks" and "Root-Level Hooks" of Mocha, "isolate" of Vitest, "Test isolation" of Node.js.
//!
//! What a test does while it runs is its own: it is no good test that leaves that behind.

use std::collections::{BTreeMap, BTreeSet};

use oxc_ast::ast::{
    Argument, ArrowFunctionBody, ArrowFunctionExpression, AssignmentExpression, AssignmentTarget,
    BindingPattern, CallExpression, Declaration, Expression, FunctionBody, IdentifierReference,
    ImportExpression, Program, Statement, UnaryExpression, UnaryOperator, VariableDeclaration,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan as _;
use serde::{Deserialize, Serialize};

use super::value::{last_name, path_root};
use crate::digest::Digest;

/// A statement that changes something for others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::ecosystem::npm) struct Change {
    /// What is written, as a digest.
    pub(in crate::ecosystem::npm) text: String,
    /// The modules whose names it uses.
    pub(in crate::ecosystem::npm) modules: BTreeSet<String>,
    /// Whether it uses anything else of its file.
    pub(in crate::ecosystem::npm) is_own: bool,
    /// Whether it may well change nothing: a call of whatever is imported.
    pub(in crate::ecosystem::npm) is_guess: bool,
}

impl Change {
    /// The same, of all of its file, whatever it uses.
    pub(in crate::ecosystem::npm) fn of_all(self) -> Self {
        Self {
            is_own: true,
            ..self
        }
    }
}

/// Hooks, which count for every test unless they stand in a group.
const HOOKS: &[&str] = &[
    "after",
    "afterAll",
    "afterEach",
    "before",
    "beforeAll",
    "beforeEach",
    "setup",
    "suiteSetup",
    "suiteTeardown",
    "teardown",
];
const GROUPS: &[&str] = &["context", "describe", "fdescribe", "suite", "xdescribe"];
const TESTS: &[&str] = &["fit", "it", "specify", "test", "xit"];

/// Calls that change what they are called of.
const VERBS: &[&str] = &[
    "addMethod",
    "addProperty",
    "config",
    "configure",
    "disableNetConnect",
    "enableNetConnect",
    "extend",
    "init",
    "install",
    "locale",
    "mixin",
    "overwriteMethod",
    "plugin",
    "polyfill",
    "register",
    "should",
    "stubEnv",
    "stubGlobal",
    "use",
    "useFakeTimers",
];
const GLOBALS: &[&str] = &[
    "console",
    "document",
    "global",
    "globalThis",
    "navigator",
    "process",
    "self",
    "window",
];
/// Libraries that some runners give without an import.
const GIVEN: &[&str] = &["chai", "expect", "jest", "mocha", "sinon", "vi"];

/// Finds them.
pub(super) fn changes(program: &Program<'_>, text: &str) -> BTreeSet<Change> {
    let names = Names::of(program);
    let mut found = BTreeSet::new();
    for statement in &program.body {
        let mut finder = Finder {
            names: &names,
            place: Place::Load,
            next: None,
            found: None,
        };
        finder.statement(statement);
        let Some(is_guess) = finder.found else {
            continue;
        };
        let mut used = Used::default();
        used.visit_statement(statement);
        let modules = used
            .names
            .iter()
            .filter_map(|name| names.imported.get(name));
        let digest = Digest::of_bytes(statement.span().source_text(text).as_bytes());
        found.insert(Change {
            text: digest.to_string()[..16].to_owned(),
            modules: modules.cloned().chain(used.modules).collect(),
            is_own: used.names.iter().any(|name| names.own.contains(name)),
            is_guess,
        });
    }
    found
}

/// Names that a file has at its top.
#[derive(Default)]
struct Names {
    /// With the modules that they come from.
    imported: BTreeMap<String, String>,
    own: BTreeSet<String>,
}

impl Names {
    fn of(program: &Program<'_>) -> Self {
        let mut names = Self::default();
        for statement in &program.body {
            names.add(statement);
        }
        names
    }

    fn add(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ImportDeclaration(import) => {
                for specifier in import.specifiers.iter().flatten() {
                    let local = specifier.local().name.as_str().to_owned();
                    let module = import.source.value.as_str().to_owned();
                    self.imported.insert(local, module);
                }
            }
            Statement::VariableDeclaration(variables) => self.variables(variables),
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::VariableDeclaration(variables) => self.variables(variables),
                Declaration::FunctionDeclaration(function) => {
                    let name = function.id.iter().map(|id| id.name.as_str().to_owned());
                    self.own.extend(name);
                }
                Declaration::ClassDeclaration(class) => {
                    let name = class.id.iter().map(|id| id.name.as_str().to_owned());
                    self.own.extend(name);
                }
                _ => {}
            },
            Statement::FunctionDeclaration(function) => {
                let name = function.id.iter().map(|id| id.name.as_str().to_owned());
                self.own.extend(name);
            }
            Statement::ClassDeclaration(class) => {
                let name = class.id.iter().map(|id| id.name.as_str().to_owned());
                self.own.extend(name);
            }
            _ => {}
        }
    }

    fn variables(&mut self, variables: &VariableDeclaration<'_>) {
        for variable in &variables.declarations {
            let module = variable.init.as_ref().and_then(|init| self.module(init));
            let mut bound = Vec::new();
            bound_names(&variable.id, &mut bound);
            for name in bound {
                match &module {
                    Some(module) => {
                        self.imported.insert(name, module.clone());
                    }
                    None => {
                        self.own.insert(name);
                    }
                }
            }
        }
    }

    /// The module that a value is, or is a part of: `require("chai").expect`, `chai.expect`.
    fn module(&self, of: &Expression<'_>) -> Option<String> {
        match of.get_inner_expression() {
            Expression::CallExpression(call) => required(call),
            Expression::StaticMemberExpression(member) => self.module(&member.object),
            Expression::AwaitExpression(awaited) => self.module(&awaited.argument),
            Expression::Identifier(name) => self.imported.get(name.name.as_str()).cloned(),
            _ => None,
        }
    }
}

fn bound_names(pattern: &BindingPattern<'_>, found: &mut Vec<String>) {
    found.extend(
        pattern
            .get_binding_identifiers()
            .iter()
            .map(|name| name.name.as_str().to_owned()),
    );
}

fn required(call: &CallExpression<'_>) -> Option<String> {
    let is_require =
        matches!(&call.callee, Expression::Identifier(name) if name.name.as_str() == "require");
    match call.arguments.first() {
        Some(Argument::StringLiteral(name)) if is_require => Some(name.value.as_str().to_owned()),
        _ => None,
    }
}

/// Where something stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is done when the file is loaded.
    Load,
    /// So it is, but hooks are of the group.
    Group,
    /// It is done when somebody calls it.
    Function,
    /// It is done while a test runs.
    Test,
}

/// Looks for what one statement changes.
struct Finder<'n> {
    names: &'n Names,
    place: Place,
    /// Where the next function stands, if it is known.
    next: Option<Place>,
    /// Whether what was found is a guess.
    found: Option<bool>,
}

impl Finder<'_> {
    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            // What is imported for nothing is imported for what it does.
            Statement::ImportDeclaration(import) if import.specifiers.is_none() => self.guess(),
            Statement::ExpressionStatement(it) => {
                let of = it.expression.get_inner_expression();
                if let Expression::CallExpression(call) = awaited(of) {
                    self.loose_call(call);
                }
                self.visit_statement(statement);
            }
            other => self.visit_statement(other),
        }
    }

    fn guess(&mut self) {
        self.found.get_or_insert(true);
    }

    /// A call for nothing but what it does, of something that is imported.
    fn loose_call(&mut self, call: &CallExpression<'_>) {
        let root = path_root(&call.callee);
        let last = last_name(&call.callee).unwrap_or_default();
        let defines = |name: &str| GROUPS.contains(&name) || TESTS.contains(&name);
        let is_check = matches!(root, Some("expect" | "assert"));
        let is_loop = matches!(last, "forEach" | "each");
        let is_require = required(call).is_some() || root == Some("require");
        let is_other = root.is_some_and(|root| self.is_imported(root) && !defines(root));
        if is_require || (is_other && !defines(last) && !is_check && !is_loop) {
            self.guess();
        }
    }

    fn is_imported(&self, name: &str) -> bool {
        self.names.imported.contains_key(name)
            || (GIVEN.contains(&name) && !self.names.own.contains(name))
    }

    /// Tells whether something is of everybody: of a global, or of a module.
    fn is_shared(&self, of: &Expression<'_>) -> bool {
        let Some(root) = path_root(of) else {
            return false;
        };
        let is_global = GLOBALS.contains(&root) && !self.names.own.contains(root);
        let is_class = root.starts_with(|first: char| first.is_ascii_uppercase());
        let is_known = self.names.own.contains(root) || self.names.imported.contains_key(root);
        is_global
            || root == "require"
            || self.is_imported(root)
            || (is_class && !is_known && has_prototype(of))
    }

    /// Goes into a function.
    fn enter(&mut self, walk: impl FnOnce(&mut Self)) {
        let outer = self.place;
        self.place = match (outer, self.next.take()) {
            (Place::Test, _) => Place::Test,
            (_, next) => next.unwrap_or(Place::Function),
        };
        walk(self);
        self.place = outer;
    }
}

fn is_function(of: &Expression<'_>) -> bool {
    matches!(
        of.get_inner_expression(),
        Expression::FunctionExpression(_) | Expression::ArrowFunctionExpression(_)
    )
}

fn awaited<'e, 'a>(of: &'e Expression<'a>) -> &'e Expression<'a> {
    match of {
        Expression::AwaitExpression(awaited) => &awaited.argument,
        other => other,
    }
}

fn has_prototype(of: &Expression<'_>) -> bool {
    match of {
        Expression::StaticMemberExpression(member) => {
            member.property.name.as_str() == "prototype" || has_prototype(&member.object)
        }
        Expression::ComputedMemberExpression(member) => has_prototype(&member.object),
        _ => false,
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        let root = path_root(&it.callee).unwrap_or_default();
        let last = last_name(&it.callee).unwrap_or_default();
        let is_hook = HOOKS.contains(&last) && !self.names.own.contains(last);
        let first = it.arguments.first().and_then(Argument::as_expression);
        let on_first = root == "Object" && first.is_some_and(|first| self.is_shared(first));
        let is_change = (is_hook && self.place == Place::Load)
            || (VERBS.contains(&last) && (self.is_imported(root) || root == "require"))
            || (on_first && !matches!(last, "keys" | "entries" | "values" | "freeze"));
        if is_change && self.place != Place::Test {
            self.found = Some(false);
        }
        // A function that is called where it stands.
        self.next = is_function(&it.callee).then_some(self.place);
        self.visit_expression(&it.callee);
        let inner = match self.place {
            _ if TESTS.contains(&root) || is_hook => Place::Test,
            Place::Function => Place::Function,
            _ if GROUPS.contains(&root) => Place::Group,
            place if matches!(last, "forEach" | "each") => place,
            _ => Place::Function,
        };
        for argument in &it.arguments {
            let function = argument.as_expression().is_some_and(is_function);
            self.next = function.then_some(inner);
            self.visit_argument(argument);
        }
    }

    fn visit_function_body(&mut self, it: &FunctionBody<'a>) {
        self.enter(|finder| walk::walk_function_body(finder, it));
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.enter(|finder| match &it.body {
            ArrowFunctionBody::FunctionBody(body) => walk::walk_function_body(finder, body),
            body => walk::walk_arrow_function_body(finder, body),
        });
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        let object = match &it.left {
            AssignmentTarget::StaticMemberExpression(member) => Some(&member.object),
            AssignmentTarget::ComputedMemberExpression(member) => Some(&member.object),
            _ => None,
        };
        if self.place != Place::Test && object.is_some_and(|object| self.is_shared(object)) {
            self.found = Some(false);
        }
        walk::walk_assignment_expression(self, it);
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        let is_delete = it.operator == UnaryOperator::Delete;
        if is_delete && self.place != Place::Test && self.is_shared(&it.argument) {
            self.found = Some(false);
        }
        walk::walk_unary_expression(self, it);
    }
}

/// Gathers the names that a statement uses.
#[derive(Default)]
struct Used {
    names: BTreeSet<String>,
    modules: BTreeSet<String>,
}

impl<'a> Visit<'a> for Used {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.names.insert(it.name.as_str().to_owned());
    }

    fn visit_import_declaration(&mut self, it: &oxc_ast::ast::ImportDeclaration<'a>) {
        self.modules.insert(it.source.value.as_str().to_owned());
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Expression::StringLiteral(name) = &it.source {
            self.modules.insert(name.value.as_str().to_owned());
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.modules.extend(required(it));
        walk::walk_call_expression(self, it);
    }
}
