//! What is found in sources.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// Imports, then `<` reads, `?` mentions and `!` what cannot be followed.
#[track_caller]
fn check(name: &str, text: &str, expected: &str) {
    let parser = parser_of(name.as_bytes()).unwrap();
    let found = (parser.parse)(text.as_bytes()).unwrap();
    let mut told: Vec<String> = found.imports.into_iter().collect();
    told.extend(found.reads.iter().map(|read| format!("<{read}")));
    told.extend(found.mentions.iter().map(|word| format!("?{word}")));
    told.extend(found.escape.map(|(line, words)| format!("!{line} {words}")));
    assert_eq!(told.join(" | "), expected, "{text}");
}

#[test]
fn modules_are_found_in_every_form() {
    check(
        "a.ts",
        "import a from './a'\nimport './b'\nexport * from './c'\nexport { d } from './d'\n",
        "./a | ./b | ./c | ./d",
    );
    check(
        "a.ts",
        "import type { A } from './a'\nimport b = require('./b')\nlet c: typeof import('./c')\n",
        "./a | ./b | ./c | ?./c",
    );
    check(
        "a.js",
        "const a = require('./a')\nawait import('./b')\nawait import(`./c`)\n",
        "./a | ./b | ./c | ?./a",
    );
    check(
        "a.test.js",
        "jest.mock('./a')\nvi.mock('b', () => ({}))\njest.requireActual('c')\n",
        "./a | b | c | ?./a",
    );
    check(
        "a.js",
        "require.resolve('./a')\nnew Worker(new URL('./w.js', import.meta.url))\n",
        "./a | <./w.js | ?./a",
    );
    check(
        "a.js",
        "const pages = import.meta.glob('./pages/*.js')\n",
        "<./pages | ?./pages",
    );
    check(
        "a.vue",
        "<script setup lang=\"ts\">\nimport a from './a'\nlet b: string = a\n</script>\n<template><img src=\"./b.png\"/></template>\n",
        "./a | ?./a | ?./b.png",
    );
    check(
        "a.jsx",
        "import A from './a'\nexport default () => <A x='./b.png'/>\n",
        "./a | ?./b.png",
    );
}

#[test]
fn files_are_found_where_their_names_are_written_down() {
    check(
        "a.js",
        "const fs = require('fs')\nconst path = require('path')\nconst DIR = path.join(__dirname, 'fixtures')\nfs.readFileSync(path.join(DIR, name))\nfs.readFileSync('data')\n",
        "fs | path | <fixtures | ?data",
    );
    check(
        "a.mjs",
        "import path from 'node:path'\nimport { fileURLToPath } from 'node:url'\nconst __dirname = path.dirname(fileURLToPath(import.meta.url))\nuse(path.resolve(__dirname, '../x/y.json'))\n",
        "node:path | node:url | <../x/y.json",
    );
    check(
        "a.js",
        "use('text/plain words', 'a/b.txt', 'no', '/abs/x')\n",
        "?a/b.txt",
    );
}

/// A module may hand on `fs`.
#[test]
fn reads_are_known_by_their_names_wherever_they_are_from() {
    for (text, words) in [
        (
            "import { fs } from './h'\nfs.readFileSync(name)\n",
            "./h | !2 reads a file whose name it computes",
        ),
        (
            "import { readFileSync as read } from './h'\n",
            "./h | !1 reads files under another name",
        ),
        (
            "import fs from 'fs'\nconst read = promisify(fs.readFile)\n",
            "fs | !2 reads files under another name",
        ),
        (
            "import fs from 'fs'\nconst read = fs.readFileSync.bind(fs)\n",
            "fs | !2 reads files under another name",
        ),
        (
            "import fs from 'fs'\nconst readFile = promisify(fs.readFile)\nexpect(fs.existsSync).toBe(x)\n",
            "fs",
        ),
    ] {
        check("a.mjs", text, words);
    }
}

#[test]
fn what_cannot_be_followed_is_named_with_its_line() {
    check("a.js", "\nimport(name)\n", "!2 imports what it computes");
    check(
        "a.js",
        "require('./x/' + name)\n",
        "?./x/ | !1 requires what it computes",
    );
    check("a.js", "const load = require\n", "!1 hands `require` on");
    check(
        "a.js",
        "import { spawn } from 'node:child_process'\n",
        "node:child_process | !1 uses `child_process`, which reaches more than it imports",
    );
    check(
        "a.js",
        "use(__dirname)\n",
        "!1 hands on a folder that holds sources",
    );
    check(
        "a.js",
        "import fs from 'fs'\nfs.readFileSync(name)\n",
        "fs | !2 reads a file whose name it computes",
    );
    check(
        "a.js",
        "require('fs').readFileSync(name)\n",
        "fs | !1 reads a file whose name it computes",
    );
    for text in [
        "import { readFileSync as read } from 'fs'\nread(name)\n",
        "const { readFileSync: read } = require('fs')\nread(name)\n",
    ] {
        check("a.mjs", text, "fs | !1 reads files under another name");
    }
    check("a.mjs", "import { readFileSync } from 'fs'\n", "fs");
    check(
        "a.js",
        "const fs = require('fs')\nfunction a() { const f = __dirname + '/a.json' }\nfunction b() { const f = made(); fs.readFileSync(f) }\n",
        "fs | <a.json | !3 reads a file whose name it computes",
    );
    check(
        "a.mjs",
        "import { createRequire } from 'module'\ncreateRequire(import.meta.url)('./x')\n",
        "./x | module | ?./x",
    );
    check("a.js", "eval('1')\n", "!1 evaluates a text");
    check("a.ts", "let = = (\n", "!1 cannot be parsed");
    check("a.astro", "", "!1 is of a kind that is not read");
    // Only asks whether it was started itself.
    check(
        "a.mjs",
        "if (process.argv[1] === import.meta.filename) run()\nif (require.main === module) run()\n",
        "",
    );
}

/// X4: any bytes give an answer.
#[test]
fn x4_any_bytes_give_an_answer() {
    let deep = |text: &str| text.repeat(100_000);
    for text in [
        deep("("),
        deep("!"),
        deep("a=>"),
        deep("<a>"),
        deep("a?b:"),
        deep("if(a)"),
        deep("[{"),
        deep("1+"),
        deep("`${"),
    ] {
        for name in ["a.js", "a.ts", "a.tsx"] {
            let found = (parser_of(name.as_bytes()).unwrap().parse)(text.as_bytes()).unwrap();
            assert!(found.escape.is_some());
        }
    }
    let nested = format!("{}1{}", "(".repeat(1_500), ")".repeat(1_500));
    assert_eq!(read(nested.as_bytes(), SourceType::ts()), Source::default());
    assert!(read(b"\xff\xfe", SourceType::ts()).escape.is_some());
}
