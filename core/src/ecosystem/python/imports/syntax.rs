//! Reads the syntax tree of a Python file. The only file that knows the parser.
//!
//! Everything is noted wherever it stands: in functions, under `TYPE_CHECKING`, in branches for other versions. What is
//! written in a file counts, whether it is run or not.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Decorator, ExceptHandler, Expr, ExprCall, ExprFString, FStringPart, InterpolatedStringElement,
    Operator, Parameter, PySourceType, Stmt, StmtTry,
};
use ruff_python_parser::parse_unchecked_source;

use super::calls::{self, Call, Text};
use super::registry;
use super::source::{Import, Module, Source};
use crate::facts::Broken;

/// Statements and expressions inside one another; more than people write, and little enough for any stack.
const MAX_DEPTH: usize = 160;

/// Longer chains of attributes name no module.
const MAX_CHAIN: usize = 5;

/// Parts of a text that is put together.
const MAX_TEXT: usize = 30;

pub(super) fn read(text: &str) -> Result<Source, Broken> {
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    let mut reader = Reader {
        lines: Lines::of(text),
        ..Reader::default()
    };
    reader.constants(parsed.suite());
    reader.visit_body(parsed.suite());
    let error = parsed.errors().first();
    let broken = error.map(|error| {
        let at = error.location.start().to_usize();
        Broken::at(text.as_bytes(), Some(at), "not valid Python")
    });
    if reader.too_deep {
        // Taking such a tree apart goes as deep as walking it.
        std::mem::forget(parsed);
        return Err(Broken {
            line: None,
            message: "nested too deeply".to_owned(),
        });
    }
    broken.map_or(Ok(()), Err)?;
    reader.resolve_chains();
    reader.found.kept = registry::kept(parsed.suite());
    reader.found.reads_data |= reader.knows_place && reader.joins;
    Ok(reader.found)
}

/// Walks one file.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) found: Source,
    lines: Lines,
    depth: usize,
    too_deep: bool,
    /// Statements around, which let the file get on without an import.
    optional: usize,
    /// Functions around.
    inside: usize,
    /// Names that stand for modules, or for what may be one.
    bound: BTreeMap<String, Vec<Module>>,
    /// Names at the top that stand for a string; `None` where they stand for several.
    constants: BTreeMap<String, Option<String>>,
    /// Whether the place of the file itself is asked for.
    knows_place: bool,
    /// Whether paths are put together from what is not written in the file.
    joins: bool,
    /// `a.b.c`, as often as it is written.
    chains: BTreeSet<Vec<String>>,
    /// Whether the next expression is what is called, not what is handed on.
    is_called: bool,
}

/// Where lines begin.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    fn number(&self, offset: usize) -> u32 {
        let line = self.0.partition_point(|end| *end < offset);
        u32::try_from(line + 1).unwrap_or(u32::MAX)
    }
}

impl Reader {
    pub(super) fn is_at_top(&self) -> bool {
        self.inside == 0
    }

    /// The modules that a name may stand for.
    pub(super) fn bound(&self, name: &str) -> &[Module] {
        self.bound.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn import(&mut self, module: Module, taken: Option<&str>) {
        self.found.imports.insert(Import {
            module,
            taken: taken.map(ToOwned::to_owned),
            optional: self.optional > 0,
        });
    }

    fn constants(&mut self, suite: &[Stmt]) {
        for statement in suite {
            let Some((Expr::Name(name), value, _)) = assigned(statement) else {
                continue;
            };
            let text = match value {
                Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
                _ => None,
            };
            let known = self.constants.entry(name.id.as_str().to_owned());
            known.and_modify(|known| *known = None).or_insert(text);
        }
    }

    /// Tells what is known of the text that an expression gives.
    fn text(&self, expr: &Expr) -> Text {
        self.text_within(expr, MAX_TEXT)
    }

    fn text_within(&self, expr: &Expr, left: usize) -> Text {
        let Some(left) = left.checked_sub(1) else {
            return Text::default();
        };
        let inner = |expr| self.text_within(expr, left);
        match expr {
            Expr::StringLiteral(text) => Text::whole(text.value.to_str()),
            Expr::Name(name) => match name.id.as_str() {
                "__name__" | "__package__" => Text {
                    own: true,
                    complete: true,
                    ..Text::default()
                },
                name => match self.constants.get(name) {
                    Some(Some(text)) => Text::whole(text),
                    _ => Text::default(),
                },
            },
            Expr::Attribute(of) if of.attr.as_str() == "__name__" => self.name_of(&of.value),
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                inner(&sum.left).then(&inner(&sum.right))
            }
            Expr::BinOp(format) if format.op == Operator::Mod => inner(&format.left).cut_at('%'),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(of) if of.attr.as_str() == "format" => inner(&of.value).cut_at('{'),
                _ => Text::default(),
            },
            Expr::FString(text) => {
                let parts = text.value.iter();
                parts.fold(Text::whole(""), |text, part| match part {
                    FStringPart::Literal(part) => text.then(&Text::whole(part.as_str())),
                    FStringPart::FString(part) => {
                        let elements = part.elements.iter();
                        elements.fold(text, |text, element| {
                            text.then(&match element {
                                InterpolatedStringElement::Literal(part) => {
                                    Text::whole(&part.value)
                                }
                                InterpolatedStringElement::Interpolation(part) => {
                                    inner(&part.expression)
                                }
                            })
                        })
                    }
                })
            }
            _ => Text::default(),
        }
    }

    /// The name of a module that was imported.
    fn name_of(&self, expr: &Expr) -> Text {
        let chain = chain(expr).unwrap_or_default();
        let of = chain.first().map_or(&[][..], |first| self.bound(first));
        match of {
            [module] if module.level == 0 => Text::whole(&module.inner(&chain[1..]).name),
            _ => Text::default(),
        }
    }

    fn bind(&mut self, name: &str, module: Module) {
        let bound = self.bound.entry(name.to_owned()).or_default();
        if !bound.contains(&module) {
            bound.push(module);
        }
    }

    /// `import a` and then `a.b.c` may mean the module `a.b`, which somebody else imported.
    fn resolve_chains(&mut self) {
        for chain in &self.chains {
            for module in self.bound.get(&chain[0]).into_iter().flatten() {
                self.found.mentions.insert(module.inner(&chain[1..]));
            }
        }
    }

    fn visit_import(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.name.as_str();
                    let module = Module::absolute(name);
                    match &alias.asname {
                        Some(other) => self.bind(other.as_str(), module.clone()),
                        None => {
                            let top = name.split('.').next().unwrap_or(name);
                            self.bind(top, Module::absolute(top));
                        }
                    }
                    let line = self.lines.number(import.range.start().to_usize());
                    calls::imported(self, name, line);
                    self.import(module, None);
                }
            }
            Stmt::ImportFrom(import) => {
                let name = import.module.as_ref().map_or("", |name| name.as_str());
                let module = Module {
                    level: import.level,
                    name: name.to_owned(),
                };
                for alias in &import.names {
                    let taken = alias.name.as_str();
                    let inner = module.inner(&[taken.to_owned()]);
                    let known = alias.asname.as_ref().unwrap_or(&alias.name);
                    if import.level == 0 {
                        let line = self.lines.number(import.range.start().to_usize());
                        calls::imported(self, &inner.name, line);
                        if alias.asname.is_some() {
                            calls::renamed(&mut self.found, taken, line);
                        }
                    }
                    self.bind(known.as_str(), inner);
                    self.import(module.clone(), Some(taken));
                }
            }
            _ => {}
        }
    }

    fn visit_try(&mut self, statement: &StmtTry, whole: &Stmt) {
        let catches = statement.handlers.iter().any(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            handler.type_.as_deref().is_none_or(catches_imports)
        });
        self.optional += usize::from(catches);
        visitor::walk_stmt(self, whole);
        self.optional -= usize::from(catches);
    }
}

fn catches_imports(caught: &Expr) -> bool {
    let named = |expr: &Expr| {
        let chain = chain(expr).unwrap_or_default();
        let last = chain.last().map_or("", String::as_str);
        matches!(
            last,
            "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException"
        )
    };
    match caught {
        Expr::Tuple(all) => all.elts.iter().any(named),
        one => named(one),
    }
}

/// The first target of an assignment, what it is given, and where it stands.
pub(super) fn assigned(statement: &Stmt) -> Option<(&Expr, &Expr, usize)> {
    let (target, value, range) = match statement {
        Stmt::Assign(assign) => (assign.targets.first()?, &*assign.value, assign.range),
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()?, assign.range),
        Stmt::AugAssign(assign) => (&*assign.target, &*assign.value, assign.range),
        _ => return None,
    };
    Some((target, value, range.start().to_usize()))
}

/// The names of `a.b.c`; `None` for anything else.
pub(super) fn chain(expr: &Expr) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = expr;
    loop {
        match at {
            Expr::Attribute(attribute) => {
                names.push(attribute.attr.as_str().to_owned());
                at = &attribute.value;
            }
            Expr::Name(name) => {
                names.push(name.id.as_str().to_owned());
                names.reverse();
                return Some(names);
            }
            _ => return None,
        }
    }
}

impl<'a> Visitor<'a> for Reader {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if self.depth >= MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        if let Some((target, value, at)) = assigned(statement) {
            self.visit_assignment(target, value, at);
        }
        match statement {
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.visit_import(statement),
            Stmt::Try(inner) => self.visit_try(inner, statement),
            Stmt::FunctionDef(function) => {
                let line = self.lines.number(function.range.start().to_usize());
                calls::defined(self, function.name.as_str(), line);
                self.visit_decorators(&function.decorator_list);
                self.inside += 1;
                visitor::walk_stmt(self, statement);
                self.inside -= 1;
            }
            Stmt::ClassDef(class) => {
                self.visit_decorators(&class.decorator_list);
                visitor::walk_stmt(self, statement);
            }
            Stmt::If(branch) if is_named(&branch.test, "TYPE_CHECKING") => {
                self.optional += 1;
                visitor::walk_stmt(self, statement);
                self.optional -= 1;
            }
            Stmt::If(branch) if compares_name(&branch.test) => {
                self.inside += 1;
                visitor::walk_stmt(self, statement);
                self.inside -= 1;
            }
            // A string that stands alone is documentation.
            Stmt::Expr(alone) if alone.value.is_string_literal_expr() => {}
            Stmt::Expr(alone) => {
                if let Expr::Call(call) = &*alone.value
                    && self.is_at_top()
                {
                    let names = name_of_called(&call.func);
                    calls::called_at_top(self, &names);
                    calls::registered(self, &names);
                }
                visitor::walk_stmt(self, statement);
            }
            _ => visitor::walk_stmt(self, statement),
        }
        self.depth -= 1;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.depth >= MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        if !std::mem::take(&mut self.is_called) {
            self.visit_value(expr);
        }
        match expr {
            Expr::StringLiteral(text) => self.found.read_text(text.value.to_str()),
            Expr::FString(text) => {
                let known = self.text(expr);
                self.found.read_text(&known.start);
                self.found.reads_data |= !known.complete && ends_as_file(text);
                visitor::walk_expr(self, expr);
            }
            Expr::Name(name) => self.knows_place |= name.id.as_str() == "__file__",
            Expr::BinOp(join) if join.op == Operator::Div => {
                self.joins |= !self.text(&join.right).complete;
                visitor::walk_expr(self, expr);
            }
            Expr::Attribute(attribute) => match chain(expr) {
                Some(names) => {
                    let line = self.lines.number(attribute.range.start().to_usize());
                    self.visit_chain(names, line);
                }
                None => visitor::walk_expr(self, expr),
            },
            Expr::Call(call) => {
                self.visit_call(call);
                // What is called is visited first.
                self.is_called = true;
                visitor::walk_expr(self, expr);
            }
            _ => visitor::walk_expr(self, expr),
        }
        self.depth -= 1;
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(text) = element {
            self.found.read_text(&text.value);
        }
        visitor::walk_interpolated_string_element(self, element);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        calls::parameter(&mut self.found, parameter.name.as_str());
        visitor::walk_parameter(self, parameter);
    }
}

impl Reader {
    /// `load = importlib.import_module`: a function that is handed on is called by other names.
    fn visit_value(&mut self, expr: &Expr) {
        let (name, range) = match expr {
            Expr::Name(name) => (name.id.as_str(), name.range),
            Expr::Attribute(attribute) => (attribute.attr.as_str(), attribute.range),
            _ => return,
        };
        if calls::loads(name) {
            let line = self.lines.number(range.start().to_usize());
            calls::renamed(&mut self.found, name, line);
        }
    }

    /// Decorators are called where they stand.
    fn visit_decorators(&mut self, decorators: &[Decorator]) {
        if !self.is_at_top() {
            return;
        }
        for decorator in decorators {
            let names = match &decorator.expression {
                Expr::Call(call) => name_of_called(&call.func),
                plain => chain(plain).unwrap_or_default(),
            };
            calls::registered(self, &names);
        }
    }

    fn visit_chain(&mut self, mut names: Vec<String>, line: u32) {
        // Taking a long one apart goes as deep as it is long.
        self.too_deep |= names.len() > MAX_DEPTH;
        names.truncate(MAX_CHAIN);
        calls::named(self, &names, line);
        self.chains.insert(names);
    }

    fn visit_call(&mut self, call: &ExprCall) {
        let keyword = |name: &str| {
            let mut keywords = call.arguments.keywords.iter();
            keywords
                .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name))
                .map(|keyword| &keyword.value)
        };
        let first = call.arguments.args.first().or_else(|| keyword("name"));
        let second = call.arguments.args.get(1).or_else(|| keyword("package"));
        let name = name_of_called(&call.func);
        if name
            .last()
            .is_some_and(|last| last == "join" || last == "joinpath")
        {
            let mut parts = call.arguments.args.iter().skip(1);
            self.joins |= parts.any(|part| !self.text(part).complete);
        }
        if name.last().is_some_and(|last| last == "fixture") {
            let is_session = keyword("scope").map(|scope| self.text(scope).start);
            let goes_on = is_session.is_some_and(|scope| scope == "session" || scope == "package");
            self.found.patches |= goes_on && keyword("autouse").is_some();
        }
        let call = Call {
            name,
            first: first.map(|expr| self.text(expr)).unwrap_or_default(),
            first_chain: first.and_then(chain).unwrap_or_default(),
            second: second.map(|expr| self.text(expr)),
            arguments: call.arguments.args.len(),
            line: self.lines.number(call.range_start.to_usize()),
        };
        calls::called(self, &call);
    }

    fn visit_assignment(&mut self, target: &Expr, value: &Expr, at: usize) {
        let mut target = target;
        while let Expr::Subscript(inner) = target {
            target = &inner.value;
        }
        let Some(names) = chain(target) else { return };
        let line = self.lines.number(at);
        match names[0].as_str() {
            "pytest_plugins" if names.len() == 1 => {
                for name in self.strings(value, line) {
                    self.import(Module::absolute(name), None);
                }
                self.found.patches = true;
            }
            "__all__" if names.len() == 1 => {
                let module = Module {
                    level: 1,
                    name: String::new(),
                };
                self.optional += 1;
                for expr in each(value) {
                    let name = self.text(expr);
                    if name.complete && !name.own {
                        self.import(module.clone(), Some(&name.start));
                    }
                }
                self.optional -= 1;
            }
            "__path__" if names.len() == 1 && is_extended(value) => {}
            _ => {
                if self.is_at_top() {
                    calls::registered(self, &names);
                }
                calls::assigned(self, &names, line);
            }
        }
    }

    /// The strings of a list; whatever else is in it hides something.
    fn strings(&mut self, value: &Expr, line: u32) -> Vec<String> {
        let mut found = Vec::new();
        for expr in each(value) {
            let text = self.text(expr);
            if text.complete && !text.own {
                found.push(text.start);
            } else {
                calls::escape(&mut self.found, line, "computes names of plugins");
            }
        }
        found
    }
}

/// The members of a list, or the one value.
fn each(value: &Expr) -> Vec<&Expr> {
    match value {
        Expr::List(list) => list.elts.iter().collect(),
        Expr::Tuple(list) => list.elts.iter().collect(),
        one => vec![one],
    }
}

/// `__path__ = pkgutil.extend_path(__path__, __name__)` lets a package be in several places, as a namespace is.
fn is_extended(value: &Expr) -> bool {
    let Expr::Call(call) = value else {
        return false;
    };
    let name = name_of_called(&call.func);
    name.last().is_some_and(|last| last == "extend_path")
}

/// The names of what is called; what is called on something without a name begins with an empty one.
pub(super) fn name_of_called(called: &Expr) -> Vec<String> {
    chain(called).unwrap_or_else(|| match called {
        Expr::Attribute(attribute) => vec![String::new(), attribute.attr.as_str().to_owned()],
        _ => Vec::new(),
    })
}

/// `f"{name}.json"`.
fn ends_as_file(text: &ExprFString) -> bool {
    let last = text.value.iter().last();
    let end = match last {
        Some(FStringPart::Literal(part)) => part.as_str(),
        Some(FStringPart::FString(part)) => match part.elements.last() {
            Some(InterpolatedStringElement::Literal(part)) => &part.value,
            _ => return false,
        },
        None => return false,
    };
    let ending = end.rsplit_once('.').map_or("", |(_, ending)| ending);
    (1..=6).contains(&ending.len()) && ending.chars().all(char::is_alphanumeric)
}

fn is_named(test: &Expr, name: &str) -> bool {
    let chain = chain(test).unwrap_or_default();
    chain.last().is_some_and(|last| last == name)
}

/// `__name__ == "__main__"`.
fn compares_name(test: &Expr) -> bool {
    matches!(test, Expr::Compare(compare) if is_named(&compare.left, "__name__"))
}
