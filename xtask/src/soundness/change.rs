//! Changes at random, as people make them: some flip tests, some do not.

use std::path::Path;

use super::language::Language;
use super::model::{Model, Part};
use super::write;
use affected_fixtures::Random;

/// Changes the work tree, and tells what was done.
pub(super) fn apply(
    root: &Path,
    language: &dyn Language,
    base: &Model,
    random: &mut Random,
) -> Result<String, String> {
    let at = random.below(base.parts.len());
    let other = random.below(base.parts.len());
    let told = match random.below(18) {
        0 => {
            std::fs::remove_file(root.join(language.source(at))).map_err(text)?;
            "delete"
        }
        1 => {
            let source = root.join(language.source(at));
            let moved = source.with_file_name(format!("moved_{at}.{}", language.suffix()));
            std::fs::rename(&source, moved).map_err(text)?;
            "rename"
        }
        2 => {
            let source = root.join(language.source(at));
            let broken = std::fs::read_to_string(&source).map_err(text)? + "\n}{ broken\n";
            std::fs::write(&source, broken).map_err(text)?;
            "syntax"
        }
        3 => {
            let (from, to) = (language.source(other), language.source(at));
            std::fs::copy(root.join(from), root.join(to)).map_err(text)?;
            "copied over"
        }
        4 => {
            let (path, test) = language.new_test(at, random.below(2) == 0);
            write(root, &path, &test)?;
            "new test"
        }
        5 => match language.support(at, true) {
            Some((path, broken)) => {
                write(root, &path, &broken)?;
                "test support"
            }
            None => "nothing",
        },
        14.. => language.own_change(root, at, random)?.unwrap_or("nothing"),
        kind => {
            let mut model = base.clone();
            if kind == 6 {
                model.parts[other].value += 1;
            }
            let told = edit(&mut model.parts[at], at, kind, random);
            language.lay_out(root, &model)?;
            told
        }
    };
    Ok(format!("{told} {at}"))
}

/// Edits one part; what is not there cannot be changed, then its value is.
fn edit(part: &mut Part, at: usize, kind: usize, random: &mut Random) -> &'static str {
    match (kind, &mut part.data) {
        (6 | 7, _) => {
            part.remark = "nothing to see".to_owned();
            "remark"
        }
        (8, _) if !part.uses.is_empty() => {
            part.uses.remove(0);
            "drop a use"
        }
        (9, _) if at > 0 => {
            part.uses = vec![random.below(at)];
            "other uses"
        }
        (10, _) => {
            part.expected += 1;
            "test"
        }
        (11, Some(data)) => {
            *data += 1;
            "data"
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
