//! `graph`.

use affected_core::pipeline::Answer;
use affected_core::report::wire::v1;
use clap::{Args, ValueEnum};

use super::answer;
use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::terminal::escape;

/// Show the projects and what they depend on
#[derive(Debug, Args)]
pub(crate) struct Graph {
    #[command(flatten)]
    selection: Selection,
    /// Only affected projects.
    #[arg(long)]
    affected: bool,
    /// The form of the graph.
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

/// Forms of a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    #[default]
    Tree,
    Dot,
    Mermaid,
    Json,
}

impl Graph {
    /// Draws the graph.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let answer = answer(&self.selection, None, context)?;
        let graph = document(&answer, self.affected);
        let text = match self.format {
            Form::Tree => tree(&graph),
            Form::Dot => dot(&graph),
            Form::Mermaid => mermaid(&graph),
            Form::Json => json::line(&graph)?,
        };
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}

fn document(answer: &Answer, affected_only: bool) -> v1::Graph {
    let projects: Vec<_> = answer
        .list
        .projects
        .iter()
        .filter(|project| !affected_only || project.reach != "none")
        .map(|project| v1::GraphProject {
            name: project.name.clone(),
            path: project.path.clone(),
            kind: project.kind.clone(),
            ecosystem: project.ecosystem.clone(),
            affected: project.affected,
            reach: project.reach.clone(),
        })
        .collect();
    let name = |root: &affected_graph::RepoPath| {
        let path = root.to_string();
        projects
            .iter()
            .find(|project| project.path == path)
            .map(|project| project.name.clone())
    };
    let dependencies = answer
        .graph
        .edges()
        .into_iter()
        .filter_map(|edge| {
            Some(v1::WhyEdge {
                from: name(&edge.from)?,
                to: name(&edge.to)?,
                kind: edge.kind.as_str().to_owned(),
                file: edge.evidence.file.to_string(),
                line: edge.evidence.line,
                detail: edge.evidence.detail.clone(),
            })
        })
        .collect();
    let (schema, tool) = ("affected.graph/1".to_owned(), answer.list.tool.clone());
    v1::Graph {
        schema,
        tool,
        projects,
        dependencies,
    }
}

fn tree(graph: &v1::Graph) -> String {
    let mut text = String::new();
    for project in &graph.projects {
        let mark = if project.reach == "none" { " " } else { "*" };
        let head = format!(
            "{mark} {} ({}, {})",
            project.name, project.kind, project.path
        );
        text.push_str(&format!("{}\n", escape(&head)));
        for edge in graph
            .dependencies
            .iter()
            .filter(|edge| edge.from == project.name)
        {
            text.push_str(&format!(
                "{}\n",
                escape(&format!("    -> {} ({})", edge.to, edge.kind))
            ));
        }
    }
    text
}

fn dot(graph: &v1::Graph) -> String {
    let mut text = "digraph affected {\n".to_owned();
    for project in &graph.projects {
        let style = if project.affected {
            " [style=filled]"
        } else {
            ""
        };
        text.push_str(&format!("  {}{style};\n", quoted(&project.name)));
    }
    for edge in &graph.dependencies {
        let (from, to) = (quoted(&edge.from), quoted(&edge.to));
        text.push_str(&format!(
            "  {from} -> {to} [label={}];\n",
            quoted(&edge.kind)
        ));
    }
    text.push_str("}\n");
    text
}

fn quoted(name: &str) -> String {
    format!(
        "\"{}\"",
        escape(name).replace('\\', "\\\\").replace('"', "\\\"")
    )
}

fn mermaid(graph: &v1::Graph) -> String {
    let place = |name: &str| {
        graph
            .projects
            .iter()
            .position(|project| project.name == name)
            .unwrap_or(0)
    };
    let mut text = "graph LR\n".to_owned();
    for (at, project) in graph.projects.iter().enumerate() {
        let name = escape(&project.name).replace('"', "#quot;");
        text.push_str(&format!("  p{at}[\"{name}\"]\n"));
    }
    for edge in &graph.dependencies {
        text.push_str(&format!(
            "  p{} -->|{}| p{}\n",
            place(&edge.from),
            edge.kind,
            place(&edge.to)
        ));
    }
    text
}
