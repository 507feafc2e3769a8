//! How each test runner of JavaScript finds its tests: one member of [`ALL`] for each. Sources: "Configuring Vitest", "Configuring Jest",
//! "Configuring Mocha", "Test runner execution model" of Node.js.

use crate::runner::RunnerId;

/// How one runner finds its tests.
pub(super) struct Style {
    pub(super) runner: RunnerId,
    /// Files of settings, in the folder where tests start.
    pub(super) settings: &'static [&'static str],
    /// Their key in `package.json`.
    pub(super) key: &'static str,
    /// Keys that name files which take part in every test.
    pub(super) setup: &'static [&'static str],
    /// Keys that move tests elsewhere, or whose meaning only the runner knows.
    pub(super) odd: &'static [&'static str],
    /// Values of odd keys that change nothing.
    pub(super) plain: &'static [&'static str],
    /// Keys with patterns of tests.
    pub(super) patterns: &'static [&'static str],
    /// Patterns where no settings have any.
    pub(super) default: &'static [&'static str],
    /// Options that move tests elsewhere.
    pub(super) options: &'static [&'static str],
}

pub(super) const ALL: &[Style] = &[
    Style {
        runner: RunnerId("vitest"),
        settings: &[
            "vitest.config.ts",
            "vitest.config.mts",
            "vitest.config.cts",
            "vitest.config.js",
            "vitest.config.mjs",
            "vitest.config.cjs",
            "vite.config.ts",
            "vite.config.mts",
            "vite.config.cts",
            "vite.config.js",
            "vite.config.mjs",
            "vite.config.cjs",
            "vitest.workspace.ts",
            "vitest.workspace.js",
            "vitest.workspace.mjs",
            "vitest.workspace.mts",
            "vitest.workspace.json",
            "vitest.projects.ts",
        ],
        key: "",
        setup: &[
            "setupFiles",
            "globalSetup",
            "environment",
            "snapshotSerializers",
            "runner",
        ],
        odd: &[
            "root",
            "dir",
            "projects",
            "workspace",
            "resolveSnapshotPath",
        ],
        plain: &[".", "./"],
        patterns: &["include", "includeSource"],
        default: &[
            "**/*.{test,spec}.?(c|m)[jt]s?(x)",
            "**/*.{test,spec}-d.?(c|m)[jt]s?(x)",
        ],
        options: &[
            "-r",
            "--root",
            "--dir",
            "--project",
            "--workspace",
            "-c",
            "--config",
        ],
    },
    Style {
        runner: RunnerId("jest"),
        settings: &[
            "jest.config.ts",
            "jest.config.mts",
            "jest.config.cts",
            "jest.config.js",
            "jest.config.mjs",
            "jest.config.cjs",
            "jest.config.json",
        ],
        key: "jest",
        setup: &[
            "setupFiles",
            "setupFilesAfterEnv",
            "globalSetup",
            "globalTeardown",
            "testEnvironment",
            "snapshotSerializers",
            "runner",
            "testRunner",
            "transform",
        ],
        odd: &[
            "rootDir",
            "projects",
            "resolver",
            "snapshotResolver",
            "modulePaths",
            "moduleDirectories",
            "haste",
            "dependencyExtractor",
            "filter",
        ],
        plain: &[".", "./", "<rootDir>", "node_modules"],
        patterns: &["testMatch", "testRegex"],
        default: &[
            "**/__tests__/**/*.?([mc])[jt]s?(x)",
            "**/{*.,}{spec,test}.?([mc])[jt]s?(x)",
        ],
        options: &["--rootDir", "-c", "--config"],
    },
    Style {
        runner: RunnerId("mocha"),
        settings: &[
            ".mocharc.js",
            ".mocharc.cjs",
            ".mocharc.mjs",
            ".mocharc.json",
            ".mocharc.jsonc",
            ".mocharc.yml",
            ".mocharc.yaml",
        ],
        key: "mocha",
        setup: &["require", "file"],
        odd: &["spec", "config", "extension"],
        plain: &[],
        patterns: &[],
        default: &["test/*.{js,cjs,mjs}"],
        options: &[
            "--config",
            "--package",
            "--extension",
            "--recursive",
            "--sort",
        ],
    },
    Style {
        runner: RunnerId("node-test"),
        settings: &[],
        key: "",
        setup: &[],
        odd: &[],
        plain: &[],
        patterns: &[],
        default: &[
            "**/*.test.{js,cjs,mjs}",
            "**/*-test.{js,cjs,mjs}",
            "**/*_test.{js,cjs,mjs}",
            "**/test-*.{js,cjs,mjs}",
            "**/test.{js,cjs,mjs}",
            "**/test/**/*.{js,cjs,mjs}",
        ],
        options: &[],
    },
];
