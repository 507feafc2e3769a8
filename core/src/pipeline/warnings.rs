//! What the user should know of a request.

use affected_graph::GraphFault;

use super::trees::Trees;
use crate::report::wire::v1;
use crate::scan::Inventory;

/// Gathers what was noticed on the way.
pub(super) fn all(trees: &Trees, head: &Inventory, notes: Vec<v1::Warning>) -> Vec<v1::Warning> {
    let mut all = trees.warnings.clone();
    let mut push = |code: &str, message: String, help: Option<&str>| {
        let (code, help) = (code.to_owned(), help.map(ToOwned::to_owned));
        all.push(v1::Warning {
            code,
            message,
            help,
        });
    };
    for fault in &head.faults {
        let help = "its project counts as changed until the file can be read";
        push("unreadable", fault.to_string(), Some(help));
    }
    graph_warnings(&head.graph_faults, &mut push);
    for unknown in &head.unknown_names {
        let message = format!(
            "{}: `{}` names `{}`, which is no project",
            unknown.file, unknown.key, unknown.name
        );
        push(
            "unknown-project",
            message,
            Some("`affected list --all` shows every name and path"),
        );
    }
    all.extend(notes);
    all
}

/// One line for all shared names: a polyglot repository has the same name in many languages.
fn graph_warnings(faults: &[GraphFault], push: &mut impl FnMut(&str, String, Option<&str>)) {
    let mut shared = Vec::new();
    for fault in faults {
        match fault {
            GraphFault::DuplicateName { name, .. } => shared.push(format!("`{name}`")),
            GraphFault::UnknownProject { .. } => push("graph", fault.to_string(), None),
        }
    }
    if !shared.is_empty() {
        let more = shared.len().saturating_sub(5);
        let named = shared[..shared.len() - more].join(", ");
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let message = format!("several projects share a name and go by their paths: {named}{rest}");
        push(
            "graph",
            message,
            Some("name them in `affected.toml`: `[project.<name>] path = …`"),
        );
    }
}
