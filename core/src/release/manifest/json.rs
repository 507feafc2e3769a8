//! Strings in JSON, with their bytes.

use jsonc_parser::ast::{Object, ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Requirement, Spot, spot};

/// Longer files are nothing that is versioned by hand.
const LONGEST: usize = 64 << 20;

/// Deeper nesting is nothing that people write, and the parser recurses (X4).
const DEEPEST: usize = 128;

/// JSON and nothing more.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
};

/// Calls `see` with the text of a document and its top object, and shifts what it found to where it stands in the file: some
/// begin with a byte order mark. What is broken has none.
pub(super) fn with_top<T: Shift>(
    text: &str,
    see: impl FnOnce(&str, &Object<'_>) -> T,
) -> Option<T> {
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LONGEST || is_too_deep(plain) {
        return None;
    }
    let parsed = parse_to_ast(plain, &CollectOptions::default(), &STRICT).ok()?;
    match parsed.value? {
        Value::Object(top) => Some(see(plain, &top).shift(text.len() - plain.len())),
        _ => None,
    }
}

/// What can be moved along a file.
pub(super) trait Shift {
    /// Moves it by so many bytes.
    fn shift(self, by: usize) -> Self;
}

impl Shift for Spot {
    fn shift(self, by: usize) -> Self {
        let range = self.range.start + by..self.range.end + by;
        Self { range, ..self }
    }
}

impl Shift for Requirement {
    fn shift(self, by: usize) -> Self {
        let spot = self.spot.shift(by);
        Self { spot, ..self }
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(self, by: usize) -> Self {
        self.map(|one| one.shift(by))
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(self, by: usize) -> Self {
        self.into_iter().map(|one| one.shift(by)).collect()
    }
}

fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

/// Returns the string at a key, without its quotes. Of keys that are written twice the last one counts, as everywhere.
pub(super) fn string(text: &str, object: &Object<'_>, key: &str) -> Option<Spot> {
    let mut properties = object.properties.iter().rev();
    let property = properties.find(|property| property.name.as_str() == key)?;
    let Value::StringLit(value) = &property.value else {
        return None;
    };
    spot(text, value.start() + 1..value.end().checked_sub(1)?)
}

/// Returns every string of an object with its key.
pub(super) fn strings(text: &str, object: &Object<'_>) -> Vec<(String, Spot)> {
    let pair = |property: &jsonc_parser::ast::ObjectProp<'_>| {
        let Value::StringLit(value) = &property.value else {
            return None;
        };
        let found = spot(text, value.start() + 1..value.end().checked_sub(1)?)?;
        Some((key(&property.name), found))
    };
    object.properties.iter().filter_map(pair).collect()
}

/// Returns every object in an object with its key.
pub(super) fn objects<'o, 't>(object: &'o Object<'t>) -> Vec<(String, &'o Object<'t>)> {
    let pair = |property: &'o jsonc_parser::ast::ObjectProp<'t>| match &property.value {
        Value::Object(inner) => Some((key(&property.name), inner)),
        _ => None,
    };
    object.properties.iter().filter_map(pair).collect()
}

fn key(name: &ObjectPropName<'_>) -> String {
    name.as_str().to_owned()
}
