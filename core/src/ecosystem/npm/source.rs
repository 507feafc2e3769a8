//! What a JavaScript or TypeScript file names: modules, files, and what cannot be followed.
//!
//! Sources: ECMA-262 (import, export, `import()`, `import.meta`), the Node.js pages "Modules", "URL" and "Path", the
//! TypeScript handbook (`import x = require()`, `import("…")` as a type), "Jest object", "Vi" of Vitest, "Features" of Vite.

mod files;
mod finder;
mod shared;
pub(super) mod value;

use std::collections::BTreeSet;

use oxc_allocator::Allocator;
use oxc_ast_visit::Visit as _;
use oxc_parser::{ParseOptions, Parser as Oxc};
use oxc_span::SourceType;
use serde::{Deserialize, Serialize};

use crate::facts::{Broken, Parser};
use finder::Finder;
pub(super) use shared::Change;

/// Larger files are not parsed.
const MOST_BYTES: usize = 2 << 20;
/// Up to this depth the stack of any thread does.
const SHALLOW: usize = 48;
/// Deeper files are not parsed.
const DEEPEST: usize = 2_000;
/// Bytes of stack for deep files, of which only what is needed is ever touched.
const STACK: usize = 256 << 20;

/// What one file names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// Modules, as they are written.
    pub(super) imports: BTreeSet<String>,
    /// Files and folders, from its own folder.
    pub(super) reads: BTreeSet<String>,
    /// Words that may be files or folders, from its own folder or from where tests are started.
    pub(super) mentions: BTreeSet<String>,
    /// What it changes for others in its process.
    pub(super) changes: BTreeSet<Change>,
    /// The first thing that cannot be followed: its line, and in words.
    pub(super) escape: Option<(u32, String)>,
}

impl Source {
    /// A file that cannot be read.
    fn opaque(words: &str) -> Self {
        Self {
            escape: Some((1, words.to_owned())),
            ..Self::default()
        }
    }
}

const fn parser(id: &'static str, parse: fn(&[u8]) -> Result<Source, Broken>) -> Parser<Source> {
    let version = 4;
    Parser { id, version, parse }
}

const SCRIPT: Parser<Source> = parser("npm/script", |bytes| Ok(read(bytes, SourceType::jsx())));
const TYPED: Parser<Source> = parser("npm/typed", |bytes| Ok(read(bytes, SourceType::ts())));
const TYPED_MARKUP: Parser<Source> = parser("npm/typed-markup", |bytes| {
    Ok(read(bytes, SourceType::tsx()))
});
const DECLARED: Parser<Source> =
    parser("npm/declared", |bytes| Ok(read(bytes, SourceType::d_ts())));
const COMPONENT: Parser<Source> = parser("npm/component", |bytes| Ok(component(bytes)));
const UNREAD: Parser<Source> = parser("npm/unread", |_| {
    Ok(Source::opaque("is of a kind that is not read"))
});
/// A style takes in others by names without endings: what lies beside it counts.
const STYLE: Parser<Source> = parser("npm/style", |bytes| {
    let mut found = text(bytes);
    if memchr::memchr(b'@', bytes).is_some() {
        found.reads.insert(".".to_owned());
    }
    Ok(found)
});
const TEXT: Parser<Source> = parser("npm/text", |bytes| Ok(text(bytes)));

/// The parser of a file, by the end of its name; `None` for plain data, which names nothing.
pub(super) fn parser_of(name: &[u8]) -> Option<&'static Parser<Source>> {
    const ENDS: &[(&str, &Parser<Source>)] = &[
        (".d.ts", &DECLARED),
        (".d.mts", &DECLARED),
        (".d.cts", &DECLARED),
        (".js", &SCRIPT),
        (".jsx", &SCRIPT),
        (".mjs", &SCRIPT),
        (".cjs", &SCRIPT),
        (".ts", &TYPED),
        (".mts", &TYPED),
        (".cts", &TYPED),
        (".tsx", &TYPED_MARKUP),
        (".vue", &COMPONENT),
        (".svelte", &COMPONENT),
        (".astro", &UNREAD),
        (".mdx", &UNREAD),
        (".coffee", &UNREAD),
        (".marko", &UNREAD),
        (".node", &UNREAD),
        (".wasm", &UNREAD),
        (".css", &TEXT),
        (".less", &STYLE),
        (".scss", &STYLE),
        (".sass", &STYLE),
        (".html", &TEXT),
        (".graphql", &TEXT),
        (".gql", &TEXT),
    ];
    let found = ENDS.iter().find(|(end, _)| name.ends_with(end.as_bytes()));
    found.map(|(_, parser)| *parser)
}

fn read(bytes: &[u8], kind: SourceType) -> Source {
    if bytes.len() > MOST_BYTES {
        return Source::opaque("is too large to be read");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Source::opaque("is no UTF-8 text");
    };
    match depth(bytes) {
        0..=SHALLOW => parse(text, kind),
        depth if depth > DEEPEST => Source::opaque("is nested too deep to be read"),
        _ => {
            let deep = std::thread::Builder::new().stack_size(STACK);
            let read = std::thread::scope(|scope| {
                let thread = deep.spawn_scoped(scope, || parse(text, kind));
                thread.ok().and_then(|thread| thread.join().ok())
            });
            read.unwrap_or_else(|| Source::opaque("cannot be read"))
        }
    }
}

/// Bounds how deep a parser may have to go: open brackets, and signs in a row without an end between them, each of
/// which may open one more level (`a ? b : c ? …`, `a => b => …`, `<a><a>…`).
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut chain, mut deepest) = (0_usize, 0_usize, 0_usize);
    for byte in bytes {
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                chain = 0;
            }
            b')' | b']' | b'}' => {
                open = open.saturating_sub(1);
                chain = 0;
            }
            b';' | b',' => chain = 0,
            b'<' | b'>' | b'?' | b'!' | b'~' | b'+' | b'-' | b'*' | b'=' | b'&' | b'|' | b'.' => {
                chain += 1;
            }
            _ => {}
        }
        deepest = deepest.max(open + chain);
    }
    // `if (a) if (b) …` and `else if` open levels with words.
    let words = memchr::memmem::find_iter(bytes, b"if").count();
    let words = words + memchr::memmem::find_iter(bytes, b"new ").count();
    if words > DEEPEST {
        deepest.max(words)
    } else {
        deepest
    }
}

fn parse(text: &str, kind: SourceType) -> Source {
    let allocator = Allocator::default();
    let options = ParseOptions {
        allow_return_outside_function: true,
        ..ParseOptions::default()
    };
    let kind = if kind.is_typescript() {
        kind
    } else {
        kind.with_unambiguous(true)
    };
    let parsed = Oxc::new(&allocator, text, kind)
        .with_options(options)
        .parse();
    let mut finder = Finder::new(text);
    finder.visit_program(&parsed.program);
    for comment in &parsed.program.comments {
        finder.comment(comment.content_span().source_text(text));
    }
    let mut found = finder.found;
    found.changes = shared::changes(&parsed.program, text);
    if parsed.panicked || !parsed.diagnostics.is_empty() {
        found.escape = Some((1, "cannot be parsed".to_owned()));
    }
    found
}

/// Reads the scripts of a component, and the words of the rest.
fn component(bytes: &[u8]) -> Source {
    let mut found = text(bytes);
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, b"<script") {
        rest = &rest[at..];
        let Some(start) = memchr::memchr(b'>', rest) else {
            break;
        };
        let Some(end) = memchr::memmem::find(rest, b"</script") else {
            found.escape = Some((1, "has a script without an end".to_owned()));
            break;
        };
        if start < end {
            let markup = memchr::memmem::find(&rest[..start], b"sx\"").is_some();
            let kind = if markup {
                SourceType::tsx()
            } else {
                SourceType::ts()
            };
            let script = read(&rest[start + 1..end], kind);
            found.imports.extend(script.imports);
            found.reads.extend(script.reads);
            found.mentions.extend(script.mentions);
            found.changes.extend(script.changes);
            found.escape = found.escape.or(script.escape);
        }
        rest = &rest[end + 8..];
    }
    found
}

/// Takes every quoted word for one that may name a file.
fn text(bytes: &[u8]) -> Source {
    let mut found = Source::default();
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        for quote in ['"', '\''] {
            let words = line.split(quote).skip(1).step_by(2);
            found.mentions.extend(words.filter_map(value::path_like));
        }
        let urls = line.split("url(").skip(1);
        let urls = urls.filter_map(|rest| value::path_like(rest.split(')').next()?));
        found.mentions.extend(urls);
    }
    found
}

#[cfg(test)]
mod tests;
