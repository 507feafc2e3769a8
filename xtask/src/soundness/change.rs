//! Changes at random, as people make them: some flip tests, some do not.

use std::path::Path;

use super::language::Language;
use super::model::Model;
use super::write;
use affected_fixtures::Random;

/// How many kinds there are.
const KINDS: usize = 20;

/// How many of them each language has of its own.
const OWN: usize = 4;

/// Changes the work tree, and tells what was done to which part.
pub(super) fn apply(
    root: &Path,
    language: &dyn Language,
    base: &Model,
    random: &mut Random,
) -> Result<(&'static str, usize), String> {
    let at = random.below(base.parts.len());
    let other = random.below(base.parts.len());
    let kind = random.below(KINDS);
    let files = (language.source(at), language.source(other));
    let told = match kind {
        0..=4 => of_files(root, (kind, language.suffix(), at), files)?,
        5 => {
            let (path, test) = language.new_test(at, random.below(2) == 0);
            write(root, &path, &test)?;
            "new test"
        }
        6 => match language.support(at, true) {
            Some((path, broken)) => {
                write(root, &path, &broken)?;
                "test support"
            }
            None => "nothing",
        },
        7 => {
            let beside = root.join(&files.0);
            let beside = beside.with_file_name(format!("more_{at}.{}", language.suffix()));
            std::fs::copy(root.join(&files.0), beside).map_err(text)?;
            "new source"
        }
        kind if kind >= KINDS - OWN => language.own_change(root, at, random)?.unwrap_or("nothing"),
        kind => {
            let mut model = base.clone();
            if kind == 8 {
                model.parts[other].value += 1;
            }
            let told = edit(&mut model, at, kind, random);
            language.lay_out(root, &model)?;
            told
        }
    };
    Ok((told, at))
}

/// What is done with the source of one part, and the one of another.
fn of_files(
    root: &Path,
    (kind, suffix, at): (usize, &str, usize),
    (own, other): (String, String),
) -> Result<&'static str, String> {
    let (own, other) = (root.join(own), root.join(other));
    let moved = format!("moved_{at}.{suffix}");
    Ok(match kind {
        0 => {
            std::fs::remove_file(own).map_err(text)?;
            "delete"
        }
        1 => {
            std::fs::rename(&own, own.with_file_name(moved)).map_err(text)?;
            "rename"
        }
        2 => {
            std::fs::rename(&own, other.with_file_name(moved)).map_err(text)?;
            "move"
        }
        3 => {
            let broken = std::fs::read_to_string(&own).map_err(text)? + "\n}{ broken\n";
            std::fs::write(&own, broken).map_err(text)?;
            "syntax"
        }
        _ => {
            std::fs::copy(other, own).map_err(text)?;
            "copied over"
        }
    })
}

/// Edits one part; what is not there cannot be changed, then its value is.
fn edit(model: &mut Model, at: usize, kind: usize, random: &mut Random) -> &'static str {
    let libraries = model.libraries();
    // Data is rare, so it is looked for.
    let count = model.parts.len();
    let has_data = |at: &usize| kind != 13 || model.parts[*at].data.is_some();
    let at = (at..at + count)
        .map(|at| at % count)
        .find(has_data)
        .unwrap_or(at);
    let part = &mut model.parts[at];
    match (kind, &mut part.data) {
        (9, _) => {
            part.remark = "nothing to see".to_owned();
            "remark"
        }
        (10, _) if !part.uses.is_empty() => {
            part.uses.remove(0);
            "drop a use"
        }
        (11, _) if at > 0 => {
            part.uses = vec![random.below(at.min(libraries))];
            "other uses"
        }
        (12, _) => {
            part.expected += 1;
            "test"
        }
        (13, Some(data)) => {
            *data += 1;
            "data"
        }
        (8, _) => {
            part.value += 1;
            "two values"
        }
        _ => {
            part.value += 1;
            "value"
        }
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
