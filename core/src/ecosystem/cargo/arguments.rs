//! Paths in the arguments of macros and in attributes, as far as they are written down. Source: "Tokens" of the Rust
//! reference, and the documentation of `concat!` and `env!`.

/// A path that was put together of literals.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Argument {
    /// The path; ends in `/` or is empty where a name is filled in.
    pub(super) path: String,
    /// Whether it starts at the package.
    pub(super) from_package: bool,
}

/// Every call of a macro: its name, and where its arguments start.
pub(super) fn macros(bytes: &[u8]) -> impl Iterator<Item = (&str, usize)> {
    memchr::memchr_iter(b'!', bytes).filter_map(|at| {
        let start = bytes[..at].iter().rposition(|byte| !is_word(*byte));
        let name = std::str::from_utf8(&bytes[start.map_or(0, |before| before + 1)..at]).ok()?;
        let opens = bytes[at + 1..].trim_ascii_start().first();
        let is_call = matches!(opens, Some(b'(' | b'[' | b'{')) && !name.is_empty();
        is_call.then_some((name, at + 1))
    })
}

/// Every `key = "…"`: the key, and where its value starts.
pub(super) fn attributes<'b>(
    bytes: &'b [u8],
    keys: &'b [&'b str],
) -> impl Iterator<Item = (&'b str, usize)> {
    keys.iter().flat_map(move |key| {
        let found = memchr::memmem::find_iter(bytes, key.as_bytes());
        found.filter_map(move |at| {
            let end = at + key.len();
            let starts = at
                .checked_sub(1)
                .is_none_or(|before| !is_word(bytes[before]));
            let value = bytes[end..].trim_ascii_start().strip_prefix(b"=")?;
            let quote = value.trim_ascii_start().first();
            let is_text = starts && matches!(quote, Some(b'"' | b'r'));
            is_text.then_some((*key, bytes.len() - value.len()))
        })
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Longer arguments are no paths.
const LONGEST: usize = 4096;

/// Reads the literals of one group of arguments, or the one literal that stands here.
pub(super) fn argument(bytes: &[u8]) -> Argument {
    let (mut found, mut depth, mut at) = (Argument::default(), 0_usize, 0);
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if let Some((literal, length)) = literal(rest) {
            at += length;
            if !add(&mut found, &literal) {
                return Argument::default();
            }
        } else if is_word(*byte) || *byte == b'$' {
            let length = rest
                .iter()
                .take_while(|byte| is_word(**byte) || **byte == b'$');
            let length = length.count();
            if !matches!(
                &rest[..length],
                b"concat" | b"env" | b"option_env" | b"std" | b"core"
            ) {
                return cut(found);
            }
            at += length;
            continue;
        } else {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if *byte == b'=' || byte.is_ascii_whitespace() {
                continue;
            }
        }
        if depth == 0 {
            return found;
        }
    }
    Argument::default()
}

/// Adds one literal; tells whether the path still is known.
fn add(found: &mut Argument, literal: &str) -> bool {
    let below = literal.strip_prefix("$CARGO_MANIFEST_DIR");
    match below {
        Some(below) => {
            found.from_package = true;
            found.path.push_str(below);
        }
        None if literal == "CARGO_MANIFEST_DIR" => found.from_package = true,
        None => found.path.push_str(literal),
    }
    literal != "OUT_DIR" && !literal.starts_with('$') || below.is_some()
}

/// What is known of a path of which a part is filled in: the folder.
fn cut(mut found: Argument) -> Argument {
    let end = found.path.rfind('/').map_or(0, |slash| slash + 1);
    found.path.truncate(end);
    found
}

/// Reads a text literal at the start of `bytes`: its value, and its length.
fn literal(bytes: &[u8]) -> Option<(String, usize)> {
    if let Some(raw) = bytes.strip_prefix(b"r") {
        let hashes = raw.iter().take_while(|byte| **byte == b'#').count();
        let text = raw[hashes..].strip_prefix(b"\"")?;
        let close = [&b"\""[..], &raw[..hashes]].concat();
        let end = memchr::memmem::find(text, &close)?;
        let value = String::from_utf8_lossy(&text[..end]).into_owned();
        return Some((value, 1 + hashes + 1 + end + close.len()));
    }
    let text = bytes.strip_prefix(b"\"")?;
    let (mut value, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return Some((String::from_utf8_lossy(&value).into_owned(), at + 2)),
            b'\\' if text.get(at + 1) == Some(&b'\n') => {
                let rest = &text[at + 2..];
                at += 2 + (rest.len() - rest.trim_ascii_start().len());
            }
            b'\\' => {
                value.extend(text.get(at + 1));
                at += 2;
            }
            byte => {
                value.push(*byte);
                at += 1;
            }
        }
    }
    None
}
