//! Modules that read files for their callers.

use oxc_ast::ast::{Argument, Expression};

use super::value::{first_name, last_name};

/// Calls of a module of files that take a name first.
pub(super) const READS: &[&str] = &[
    "readFile",
    "readFileSync",
    "readdir",
    "readdirSync",
    "createReadStream",
    "opendir",
    "opendirSync",
    "open",
    "openSync",
    "stat",
    "statSync",
    "lstat",
    "lstatSync",
    "existsSync",
    "access",
    "accessSync",
    "readJson",
    "readJsonSync",
    "readJSON",
    "readJSONSync",
    "pathExists",
    "pathExistsSync",
    "copy",
    "copySync",
    "copyFile",
    "copyFileSync",
    "cp",
    "cpSync",
    "readlink",
    "readlinkSync",
    "realpath",
    "watch",
    "watchFile",
];

/// Tells whether a name of [`READS`] means files wherever it is from: a module may hand on `fs`.
pub(super) fn is_of_files_alone(name: &str) -> bool {
    name.starts_with("read") || name.ends_with("Sync") || name == "createReadStream"
}

/// Tells whether a module reads files for its callers.
pub(super) fn is_of_files(module: &str) -> bool {
    let bare = module.strip_prefix("node:").unwrap_or(module);
    let package = bare.split('/').next().unwrap_or_default();
    matches!(package, "fs" | "fs-extra" | "graceful-fs" | "memfs")
}

/// `require("fs")`, or something of it.
pub(super) fn is_require_of_files(init: &Expression<'_>) -> bool {
    match init.get_inner_expression() {
        Expression::CallExpression(call) => {
            let first = call.arguments.first().and_then(Argument::as_expression);
            let is_require = first_name(&call.callee) == Some("require");
            is_require
                && matches!(first, Some(Expression::StringLiteral(name)) if is_of_files(name.value.as_str()))
        }
        Expression::StaticMemberExpression(member) => is_require_of_files(&member.object),
        _ => false,
    }
}

/// The call that a value stands for: `fs.readFileSync`, `promisify(fs.readFile)`, `fs.readFile.bind(fs)`.
pub(super) fn handed_on<'a>(value: &'a Expression<'_>) -> Option<&'a str> {
    match value.get_inner_expression() {
        Expression::StaticMemberExpression(member) => {
            let name = member.property.name.as_str();
            (READS.contains(&name) && is_of_files_alone(name)).then_some(name)
        }
        Expression::CallExpression(call) => match last_name(&call.callee)? {
            "promisify" => handed_on(call.arguments.first()?.as_expression()?),
            "bind" => match call.callee.get_inner_expression() {
                Expression::StaticMemberExpression(bind) => handed_on(&bind.object),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
