//! Strings in JSON, with their bytes.

use jsonc_parser::ast::{Object, ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Spot, spot};

/// Longer files are nothing that is versioned by hand.
const LONGEST: usize = 64 << 20;

/// Calls `see` with the top object of a document; what is broken has none.
pub(super) fn with_top<T>(text: &str, see: impl FnOnce(&Object<'_>) -> T) -> Option<T> {
    // The strict parser first, since it bounds the depth and the other one does not (X4).
    if text.len() > LONGEST || serde_json::from_str::<serde_json::Value>(text).is_err() {
        return None;
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    match parsed.value? {
        Value::Object(top) => Some(see(&top)),
        _ => None,
    }
}

/// Returns the string at a key, without its quotes.
pub(super) fn string(text: &str, object: &Object<'_>, key: &str) -> Option<Spot> {
    let value = object.get_string(key)?;
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
