//! Tools that keep their settings in `pyproject.toml` and take no part in tests, unless a test starts them.
//!
//! Sources: their own documentation of `[tool.…]`.

use crate::ecosystem::python::imports::Module;

/// Their tables.
pub(super) const IDLE: &[&str] = &[
    "tool.autoflake",
    "tool.autopep8",
    "tool.bandit",
    "tool.basedpyright",
    "tool.black",
    "tool.bumpversion",
    "tool.cibuildwheel",
    "tool.codespell",
    "tool.commitizen",
    "tool.coverage",
    "tool.deptry",
    "tool.djlint",
    "tool.docformatter",
    "tool.flake8",
    "tool.git-cliff",
    "tool.importlinter",
    "tool.interrogate",
    "tool.isort",
    "tool.mypy",
    "tool.pycln",
    "tool.pydocstyle",
    "tool.pylint",
    "tool.pyrefly",
    "tool.pyright",
    "tool.ruff",
    "tool.semantic_release",
    "tool.towncrier",
    "tool.ty",
    "tool.typos",
    "tool.vulture",
    "tool.yapf",
];

/// Tells whether a module is that of such a tool: who imports it may read the settings.
pub(super) fn is_tool(module: &Module) -> bool {
    let top = module.name.split('.').next().unwrap_or_default();
    let mut names = IDLE.iter().filter_map(|table| table.strip_prefix("tool."));
    module.level == 0 && names.any(|name| name == top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_modules() {
        let check = |name: &str, expect: bool| {
            assert_eq!(is_tool(&Module::absolute(name)), expect, "{name}");
        };
        check("mypy.api", true);
        check("coverage", true);
        check("pytest", false);
        check("", false);
    }
}
