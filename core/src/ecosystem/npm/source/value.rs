//! The values of expressions that name files, as far as they are written down.

use std::collections::HashMap;

use oxc_ast::ast::{Argument, BinaryOperator, Expression, TemplateLiteral};

/// What an expression means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ecosystem::npm) enum Value {
    /// This text.
    Text(String),
    /// The file itself.
    File,
    /// A path from the file's own folder; empty for that folder.
    Here(String),
    /// A path from where tests are started; empty for that folder.
    Start(String),
    /// Somewhere outside of the repository.
    Outside,
}

impl Value {
    /// Tells whether it names a folder that holds about everything.
    pub(in crate::ecosystem::npm) fn is_bare(&self) -> bool {
        let (Self::Here(path) | Self::Start(path)) = self else {
            return false;
        };
        path.split('/').all(|part| matches!(part, "" | "." | ".."))
    }

    fn joined(&self, more: &str) -> Option<Self> {
        let join = |path: &str| {
            if path.is_empty() {
                more.to_owned()
            } else {
                format!("{path}/{more}")
            }
        };
        Some(match self {
            Self::Here(path) => Self::Here(join(path)),
            Self::Start(path) => Self::Start(join(path)),
            Self::Text(path) => Self::Text(join(path)),
            Self::Outside => Self::Outside,
            Self::File => return None,
        })
    }

    fn extended(&self, more: &str) -> Option<Self> {
        Some(match self {
            Self::Here(path) if more.starts_with('/') || !path.is_empty() => {
                Self::Here(format!("{path}{more}").trim_start_matches('/').to_owned())
            }
            Self::Start(path) if more.starts_with('/') || !path.is_empty() => {
                Self::Start(format!("{path}{more}").trim_start_matches('/').to_owned())
            }
            Self::Text(path) => Self::Text(format!("{path}{more}")),
            Self::Outside => Self::Outside,
            _ => return None,
        })
    }
}

/// Names whose value is known.
pub(in crate::ecosystem::npm) type Known = HashMap<String, Value>;

/// The last name of `a`, `b.a`, `c.b.a`.
pub(in crate::ecosystem::npm) fn last_name<'e>(callee: &'e Expression<'_>) -> Option<&'e str> {
    match callee {
        Expression::Identifier(name) => Some(name.name.as_str()),
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        _ => None,
    }
}

/// The first name of `a`, `a.b`, `a.b.c`.
pub(in crate::ecosystem::npm) fn first_name<'e>(callee: &'e Expression<'_>) -> Option<&'e str> {
    match callee {
        Expression::Identifier(name) => Some(name.name.as_str()),
        Expression::StaticMemberExpression(member) => first_name(&member.object),
        _ => None,
    }
}

/// The name that something begins with, over members and calls: `a` of `a.b[0](c).d`.
pub(in crate::ecosystem::npm) fn path_root<'e>(of: &'e Expression<'_>) -> Option<&'e str> {
    match of.get_inner_expression() {
        Expression::Identifier(name) => Some(name.name.as_str()),
        Expression::StaticMemberExpression(member) => path_root(&member.object),
        Expression::ComputedMemberExpression(member) => path_root(&member.object),
        Expression::CallExpression(call) => path_root(&call.callee),
        Expression::TaggedTemplateExpression(tagged) => path_root(&tagged.tag),
        _ => None,
    }
}

/// Finds what an expression means.
pub(in crate::ecosystem::npm) fn value(of: &Expression<'_>, known: &Known) -> Option<Value> {
    match of.get_inner_expression() {
        Expression::StringLiteral(text) => Some(Value::Text(text.value.as_str().to_owned())),
        Expression::TemplateLiteral(template) => template_value(template, known),
        Expression::Identifier(name) => match name.name.as_str() {
            "__filename" => Some(Value::File),
            other => known
                .get(other)
                .cloned()
                .or_else(|| (other == "__dirname").then(|| Value::Here(String::new()))),
        },
        Expression::AwaitExpression(awaited) => value(&awaited.argument, known),
        Expression::BinaryExpression(binary) if binary.operator == BinaryOperator::Addition => {
            let (left, right) = (value(&binary.left, known)?, value(&binary.right, known)?);
            match (&left, right) {
                (_, Value::Text(more)) => left.extended(&more),
                _ => None,
            }
        }
        Expression::StaticMemberExpression(member) => {
            let property = member.property.name.as_str();
            if matches!(member.object, Expression::ImportMeta(_)) {
                return match property {
                    "url" | "filename" => Some(Value::File),
                    "dirname" => Some(Value::Here(String::new())),
                    _ => None,
                };
            }
            let plain = matches!(property, "pathname" | "href");
            value(&member.object, known).filter(|_| plain)
        }
        Expression::NewExpression(new) if last_name(&new.callee) == Some("URL") => {
            let [name, base] = new.arguments.as_slice() else {
                return None;
            };
            let (name, base) = (argument(name, known)?, argument(base, known)?);
            match (name, base) {
                (Value::Text(name), Value::File) if !name.contains("://") => {
                    Some(Value::Here(name))
                }
                (Value::Text(name), Value::Here(base)) if base.ends_with('/') => {
                    Value::Here(base).extended(&name)
                }
                _ => None,
            }
        }
        Expression::CallExpression(call) => call_value(
            last_name(&call.callee)?,
            &call.callee,
            &call.arguments,
            known,
        ),
        _ => None,
    }
}

fn argument(of: &Argument<'_>, known: &Known) -> Option<Value> {
    value(of.as_expression()?, known)
}

fn call_value(
    name: &str,
    callee: &Expression<'_>,
    arguments: &[Argument<'_>],
    known: &Known,
) -> Option<Value> {
    match name {
        "cwd" if first_name(callee) == Some("process") => Some(Value::Start(String::new())),
        "tmpdir" | "mkdtemp" | "mkdtempSync" | "homedir" => Some(Value::Outside),
        "join" | "resolve" if is_of_paths(callee) => {
            let (first, rest) = arguments.split_first()?;
            let mut at = argument(first, known)?;
            if let (Value::Text(path), "resolve") = (&at, name) {
                at = Value::Start(path.clone());
            }
            for more in rest {
                match argument(more, known)? {
                    Value::Text(more) if more.starts_with('/') && name == "resolve" => return None,
                    Value::Text(more) => at = at.joined(more.trim_start_matches('/'))?,
                    _ => return None,
                }
            }
            Some(at)
        }
        "dirname" => match argument(arguments.first()?, known)? {
            Value::File => Some(Value::Here(String::new())),
            Value::Outside => Some(Value::Outside),
            at @ (Value::Here(_) | Value::Start(_)) => at.joined(".."),
            Value::Text(_) => None,
        },
        "fileURLToPath" | "pathToFileURL" | "normalize" | "realpathSync" | "toString"
        | "String" => match arguments.first() {
            Some(first) => argument(first, known),
            None => match callee {
                Expression::StaticMemberExpression(member) => value(&member.object, known),
                _ => None,
            },
        },
        _ => None,
    }
}

/// Tells whether `join` or `resolve` is the one of a module of paths: also lists have a `join`.
fn is_of_paths(callee: &Expression<'_>) -> bool {
    match callee {
        Expression::Identifier(_) => true,
        Expression::StaticMemberExpression(member) => {
            let name = last_name(&member.object)
                .unwrap_or_default()
                .to_ascii_lowercase();
            name.contains("path") || matches!(name.as_str(), "posix" | "win32")
        }
        _ => false,
    }
}

fn template_value(template: &TemplateLiteral<'_>, known: &Known) -> Option<Value> {
    let mut quasis = template.quasis.iter();
    let first = quasis.next()?.value.cooked.as_ref()?.as_str();
    let mut at = Value::Text(first.to_owned());
    for (inner, quasi) in template.expressions.iter().zip(quasis) {
        let inner = value(inner, known)?;
        at = match (at, inner) {
            (Value::Text(text), inner) if text.is_empty() => inner,
            (at, Value::Text(more)) => at.extended(&more)?,
            _ => return None,
        };
        let more = quasi.value.cooked.as_ref()?.as_str();
        if !more.is_empty() {
            at = at.extended(more)?;
        }
    }
    Some(at)
}

/// What a word names if it is a path: without its query, of a pattern the folder that all of it lies in.
pub(in crate::ecosystem::npm) fn path_like(word: &str) -> Option<String> {
    let word = word.split(['?', '#']).next().unwrap_or_default();
    let odd = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "<>|\"'`;$(),=:\\".contains(letter)
    };
    let outside = word.starts_with('/') || word.contains(odd);
    if word.len() < 2 || word.len() > 256 || outside || Value::Here(word.to_owned()).is_bare() {
        return None;
    }
    if let Some(at) = word.find(['*', '{', '[']) {
        let folder = word[..at].rsplit_once('/').map(|(folder, _)| folder)?;
        return (!folder.is_empty()).then(|| folder.to_owned());
    }
    let ending = word.rsplit_once('.').map_or("", |(_, ending)| ending);
    let has_ending = !ending.is_empty()
        && ending.len() <= 8
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (word.contains('/') || has_ending).then(|| word.to_owned())
}
