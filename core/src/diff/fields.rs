//! Which fields of a manifest changed: a script, a dependency and a description are different news.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fields named in a reason; more are counted only.
const SHOWN: usize = 6;

/// Lists the fields that differ between two versions of a JSON or TOML file, as `scripts.test`, at most two levels
/// deep and sorted. Empty where only its layout changed; `None` for other formats and for broken files.
#[must_use]
pub fn changed_fields(file_name: &[u8], before: &[u8], after: &[u8]) -> Option<Vec<String>> {
    let parse = |bytes: &[u8]| -> Option<Value> {
        if file_name.ends_with(b".json") {
            return serde_json::from_slice(bytes).ok();
        }
        if file_name.ends_with(b".toml") {
            let table: toml::Table = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
            return serde_json::to_value(table).ok();
        }
        None
    };
    let (before, after) = (parse(before)?, parse(after)?);
    let mut fields = Vec::new();
    for key in keys(&before, &after) {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        match (old, new) {
            (Some(old @ Value::Object(_)), Some(new @ Value::Object(_))) => {
                let inner = keys(old, new).into_iter();
                let inner = inner.filter(|inner| old.get(inner) != new.get(inner));
                fields.extend(inner.map(|inner| format!("{key}.{inner}")));
            }
            _ => fields.push(key.to_owned()),
        }
    }
    Some(fields)
}

/// Words for a reason: `scripts.test, version and 3 more fields`.
#[must_use]
pub fn in_words(fields: &[String]) -> String {
    let shown = fields.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    match fields.len().saturating_sub(SHOWN) {
        0 if fields.is_empty() => "its layout only".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more fields", shown.join(", ")),
    }
}

fn keys<'v>(before: &'v Value, after: &'v Value) -> BTreeSet<&'v str> {
    let sides = [before, after].into_iter().filter_map(Value::as_object);
    sides.flatten().map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, before: &str, after: &str) -> Option<String> {
        let fields = changed_fields(name.as_bytes(), before.as_bytes(), after.as_bytes());
        fields.map(|fields| in_words(&fields))
    }

    #[test]
    fn fields_are_named_two_levels_deep() {
        let told = words(
            "package.json",
            r#"{"version":"1","scripts":{"test":"a","build":"b"},"files":["a"]}"#,
            r#"{"version":"2","scripts":{"test":"c","build":"b"},"dependencies":{"x":"1"},"files":["a"]}"#,
        );
        assert_eq!(told.as_deref(), Some("dependencies, scripts.test, version"));
        let told = words(
            "Cargo.toml",
            "[package]\nname=\"a\"\ndescription=\"x\"\n",
            "[package]\ndescription = \"y\"\nname = \"a\"\n",
        );
        assert_eq!(told.as_deref(), Some("package.description"));
        assert_eq!(
            words("a.toml", "a=1\n", "a = 1\n").as_deref(),
            Some("its layout only")
        );
        assert_eq!(words("a.json", "{", "{}"), None);
        assert_eq!(words("pom.xml", "<a/>", "<b/>"), None);
    }
}
