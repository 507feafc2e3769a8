//! `affected.watch/1`: what is affected, again after each save, one JSON object a line. `hello` is the first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::v1::{List, Tool};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Watched {
    /// The first.
    Hello {
        /// Always `affected.watch/1`.
        schema: String,
        /// The tool.
        tool: Tool,
    },
    /// The answer is another one than before; once at the beginning.
    Listed {
        /// Up to 100 of the paths that were saved.
        paths: Vec<String>,
        /// What is affected now.
        list: Box<List>,
    },
    /// Something was saved, and the answer is the same.
    Unchanged {
        /// Up to 100 of the paths that were saved.
        paths: Vec<String>,
    },
    /// There is no answer now, for example since a configuration is half written.
    Failed {
        /// Up to 100 of the paths that were saved.
        paths: Vec<String>,
        /// Why.
        message: String,
    },
    /// Something the user should know.
    Warning {
        /// In words.
        message: String,
    },
}
