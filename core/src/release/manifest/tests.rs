//! Tests of the module above.

use super::*;

/// Finds the version of the first file, the others beside it, and writes another: all else must stay.
fn check(files: &[(&str, &str)], expect: Option<(&str, &str)>) {
    let read = |path: &RepoPath| {
        let path = path.to_string();
        let found = files.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned())
    };
    let path = RepoPath::from_normalized(files[0].0);
    let found = version_of(&[path], &read);
    let Some((file, spot)) = found else {
        assert_eq!(expect, None, "{}", files[0].1);
        return;
    };
    let (wanted_file, wanted) =
        expect.unwrap_or_else(|| panic!("found {spot:?} in {}", files[0].1));
    assert_eq!(
        (file.to_string().as_str(), spot.text.as_str()),
        (wanted_file, wanted)
    );
    let text = read(&file).unwrap();
    let edits = Edits::from([(spot.range.start, (spot.range.clone(), "9.8.7".to_owned()))]);
    let new = apply(&text, &edits);
    assert_eq!(&new[spot.range.start..spot.range.start + 5], "9.8.7");
    assert_eq!(new.replacen("9.8.7", wanted, 1).len(), text.len());
    assert_eq!(new[..spot.range.start], text[..spot.range.start]);
    assert_eq!(new[spot.range.start + 5..], text[spot.range.end..]);
}

fn requirements(path: &str, text: &str) -> Vec<String> {
    let path = RepoPath::from_normalized(path);
    let found = of(&path).unwrap().requirements(&path, text).into_iter();
    let told = found.map(|one| match one.of {
        Target::Name(name) => format!("{name} {}", one.spot.text),
        Target::Path(path) => format!("./{path} {}", one.spot.text),
    });
    told.collect()
}

/// The version is in the manifest itself.
fn own(path: &str, text: &str, version: &str) {
    check(&[(path, text)], Some((path, version)));
}

/// There is none that could be replaced.
fn none(path: &str, text: &str) {
    check(&[(path, text)], None);
}

#[test]
fn odd_forms_of_cargo() {
    own(
        "a/Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"1.2.3\" # ours\n",
        "1.2.3",
    );
    own(
        "a/Cargo.toml",
        "[package]\r\nversion='1.2.3'\r\nname='a'\r\n",
        "1.2.3",
    );
    own(
        "a/Cargo.toml",
        "package = { version = \"1.2.3\", name = \"version = '0'\" }\n",
        "1.2.3",
    );
    own(
        "a/Cargo.toml",
        "[dependencies]\nversion = \"9\"\n[package]\nversion = \"1.2.3\"",
        "1.2.3",
    );
    own(
        "a/Cargo.toml",
        "package.name = 'a'\npackage.version = '0.0.1-alpha.1'\n",
        "0.0.1-alpha.1",
    );
    none("a/Cargo.toml", "[package]\nname = \"a\"\n");
    none("a/Cargo.toml", "[package\nversion = \"1\"\n");
    let shared = "[package]\nname = \"a\"\nversion.workspace = true\n";
    let root = "[workspace]\nmembers = [\"*\"]\n[workspace.package]\nversion = \"0.3.0\"\n";
    check(
        &[("x/a/Cargo.toml", shared), ("Cargo.toml", root)],
        Some(("Cargo.toml", "0.3.0")),
    );
    check(&[("x/a/Cargo.toml", shared)], None);
}

#[test]
fn odd_forms_of_npm() {
    own(
        "package.json",
        "{\"version\":\"1.2.3\",\"name\":\"a\"}",
        "1.2.3",
    );
    own(
        "package.json",
        "{\n\t\"name\": \"a\",\r\n\t\"version\" : \"1.2.3\"\n}",
        "1.2.3",
    );
    own(
        "package.json",
        "{\"config\":{\"version\":\"0.0.0\"},\"version\":\"1.2.3\"}\n",
        "1.2.3",
    );
    own(
        "package.json",
        "{\"description\":\"\\\"version\\\": \\\"0\\\"\",\"version\":\"1.2.3\"}",
        "1.2.3",
    );
    own(
        "package.json",
        "{\"name\":\"ü→\",\"version\":\"1.2.3-rc.1\"}",
        "1.2.3-rc.1",
    );
    none("package.json", "{\"name\":\"a\"}");
    none("package.json", "{\"version\":1}");
    none("package.json", "[1]");
    none("package.json", "{\"version\":");
}

#[test]
fn odd_forms_of_python() {
    own(
        "pyproject.toml",
        "[project]\nname = \"a\"\nversion = \"1.2.3\"\n",
        "1.2.3",
    );
    own(
        "pyproject.toml",
        "[tool.poetry]\nversion = '1.2.3'\n",
        "1.2.3",
    );
    own(
        "pyproject.toml",
        "[tool.poetry.dependencies]\nx = {version = \"9\"}\n[tool.poetry]\nversion=\"1.2.0rc1\"\n",
        "1.2.0rc1",
    );
    own(
        "setup.cfg",
        "[options]\nversion = 0\n[metadata]\nname = a\nversion = 1.2.3\n",
        "1.2.3",
    );
    own(
        "setup.py",
        "from x import version\nsetup(name='a', version = '1.2.3')\n",
        "1.2.3",
    );
    own(
        "setup.py",
        "setup(\n    python_version=\"3\",\n    version=\"1.2.3\",\n)\n",
        "1.2.3",
    );
    none("setup.cfg", "[metadata]\nversion = attr: a.__version__\n");
    none("setup.py", "setup(version=read())\n");
    none("pyproject.toml", "[project]\ndynamic = [\"version\"]\n");
    check(
        &[
            ("pyproject.toml", "[project]\ndynamic=['version']\n"),
            ("setup.cfg", "[metadata]\nversion=1.2.3\n"),
        ],
        Some(("setup.cfg", "1.2.3")),
    );
}

#[test]
fn odd_forms_of_maven() {
    own(
        "pom.xml",
        "<project><version>1.2.3</version></project>",
        "1.2.3",
    );
    own(
        "pom.xml",
        "<project xmlns=\"u\">\n <!-- <version>0</version> -->\n <version>\n  1.2.3-SNAPSHOT\n </version>\n</project>",
        "1.2.3-SNAPSHOT",
    );
    own(
        "pom.xml",
        "<project><dependencies><dependency><version>9</version></dependency></dependencies><version>1.2.3</version></project>",
        "1.2.3",
    );
    own(
        "pom.xml",
        "<project><version>${revision}</version><properties><revision>1.2.3</revision></properties></project>",
        "1.2.3",
    );
    none("pom.xml", "<project><version>${x}</version></project>");
    none("pom.xml", "<project><version/></project>");
    none("pom.xml", "<project>");
    let module =
        "<project><parent><artifactId>p</artifactId><version>1.2.3</version></parent></project>";
    let parent = "<project><version>1.2.3</version></project>";
    check(
        &[("a/pom.xml", module), ("pom.xml", parent)],
        Some(("pom.xml", "1.2.3")),
    );
    check(&[("a/pom.xml", module)], None);
    let placed = "<project><parent><relativePath>../base</relativePath></parent></project>";
    check(
        &[("a/pom.xml", placed), ("base/pom.xml", parent)],
        Some(("base/pom.xml", "1.2.3")),
    );
    let foreign = "<project><parent><relativePath/></parent></project>";
    check(&[("a/pom.xml", foreign), ("pom.xml", parent)], None);
}

#[test]
fn odd_forms_of_gradle() {
    own("build.gradle", "version = '1.2.3'\n", "1.2.3");
    own(
        "build.gradle",
        "plugins { id 'x' version '9.0' }\nversion '1.2.3'\n",
        "1.2.3",
    );
    own(
        "build.gradle.kts",
        "plugins {\n  kotlin(\"jvm\") version \"9\"\n}\nversion = \"1.2.3\" // v\n",
        "1.2.3",
    );
    own(
        "build.gradle",
        "allprojects {\n  version = '1.2.3'\n}\n",
        "1.2.3",
    );
    own("build.gradle.kts", "project.version = \"1.2.3\"\n", "1.2.3");
    none("build.gradle", "version = \"${base}.1\"\n");
    none("build.gradle", "versions = '1'\nversion = computed()\n");
    check(
        &[
            ("a/build.gradle", "plugins {}\n"),
            ("gradle.properties", "x=1\nversion = 1.2.3\n"),
        ],
        Some(("gradle.properties", "1.2.3")),
    );
    check(
        &[
            ("a/build.gradle.kts", ""),
            (
                "build.gradle.kts",
                "subprojects {\n version = \"1.2.3\"\n}\n",
            ),
        ],
        Some(("build.gradle.kts", "1.2.3")),
    );
}

#[test]
fn odd_forms_of_dotnet() {
    own(
        "a.csproj",
        "<Project Sdk=\"S\"><PropertyGroup><Version>1.2.3</Version></PropertyGroup></Project>",
        "1.2.3",
    );
    own(
        "a.fsproj",
        "<Project>\r\n<PropertyGroup>\r\n<VersionPrefix> 1.2.3 </VersionPrefix></PropertyGroup></Project>",
        "1.2.3",
    );
    none(
        "a.csproj",
        "<Project><ItemGroup><PackageReference><Version>9</Version></PackageReference></ItemGroup></Project>",
    );
    none(
        "a.csproj",
        "<Project><PropertyGroup><Version>$(V)</Version></PropertyGroup></Project>",
    );
    none(
        "a.csproj",
        "<Project><PropertyGroup><Version>1</Version><Version>2</Version></PropertyGroup></Project>",
    );
    let props = "<Project><PropertyGroup><Version>1.2.3</Version></PropertyGroup></Project>";
    check(
        &[
            ("x/a.csproj", "<Project/>"),
            ("Directory.Build.props", props),
        ],
        Some(("Directory.Build.props", "1.2.3")),
    );
}

#[test]
fn odd_forms_of_helm() {
    own(
        "Chart.yaml",
        "apiVersion: v2\nname: a\nversion: 1.2.3\nappVersion: \"9\"\n",
        "1.2.3",
    );
    own(
        "Chart.yaml",
        "dependencies:\n  - name: x\n    version: 9.0.0\nversion: \"1.2.3\" # chart\n",
        "1.2.3",
    );
    own("Chart.yaml", "version: '1.2.3'\r\nname: a\r\n", "1.2.3");
    none("Chart.yaml", "name: a\n# version: 1.2.3\n");
}

/// More odd forms that real repositories have: marks, remarks, conditions, versions that stand elsewhere.
#[test]
fn odd_forms_of_cargo_and_npm_in_the_wild() {
    own(
        "Cargo.toml",
        "\u{feff}[package]\nname = \"a\"\nversion = \"15.2.0\"  #:version\n",
        "15.2.0",
    );
    own(
        "Cargo.toml",
        "[workspace]\nmembers = []\n[workspace.package]\nversion = \"0.3.0\"\n[package]\nversion = { workspace = true }\n",
        "0.3.0",
    );
    own(
        "Cargo.toml",
        "[package.metadata.x]\nversion = \"9\"\n[package]\nname = \"a\"\ndescription = \"\"\"\nversion = \"8\"\n\"\"\"\nversion = '1.2.3+build.5'\n",
        "1.2.3+build.5",
    );
    own(
        "package.json",
        "\u{feff}{\r\n  \"version\": \"1.2.3\"\r\n}\r\n",
        "1.2.3",
    );
    own(
        "package.json",
        "{\"version\":\"0.0.1\",\"engines\":{\"version\":\"9\"},\"version\":\"1.2.3\"}",
        "1.2.3",
    );
    own(
        "package.json",
        "{\n    \"version\"\n    :\n    \"0.0.0-canary.20260101\"\n}",
        "0.0.0-canary.20260101",
    );
    none("package.json", "{\"version\":\"1.2.3\",} // no JSON");
}

#[test]
fn odd_forms_of_python_in_the_wild() {
    let at = |toml: &str, path: &str, source: &str, version: Option<&str>| {
        check(
            &[("pyproject.toml", toml), (path, source)],
            version.map(|version| (path, version)),
        );
    };
    let hatch =
        "[project]\ndynamic = [\"version\"]\n[tool.hatch.version]\npath = \"src/a/version.py\"\n";
    at(
        hatch,
        "src/a/version.py",
        "# Copyright\n\n__version__ = \"0.65b0.dev\"\n",
        Some("0.65b0.dev"),
    );
    at(
        hatch,
        "src/a/version.py",
        "VERSION: str = '1.2.3'  # x\r\n",
        Some("1.2.3"),
    );
    at(
        hatch,
        "src/a/version.py",
        "__version__ = metadata.version(\"a\")\n",
        None,
    );
    at(
        "[tool.pdm.version]\nsource = \"file\"\npath = \"a/__init__.py\"\n",
        "a/__init__.py",
        "import x\n__version__=\"1.2.3\"\n",
        Some("1.2.3"),
    );
    at(
        "[tool.setuptools.dynamic]\nversion = {attr = \"a.b.__version__\"}\n",
        "src/a/b/__init__.py",
        "__version__ = '1.2.3'",
        Some("1.2.3"),
    );
    own(
        "pyproject.toml",
        "[project]\nname = \"a\"\nversion = \"0.0.0\" # This is not used.\n[tool.mypy]\npython_version = \"3.10\"\n",
        "0.0.0",
    );
    own(
        "pyproject.toml",
        "project.version = '3.2.0.dev'\n",
        "3.2.0.dev",
    );
    own(
        "setup.cfg",
        "[bumpversion]\ncurrent_version = 9\n\n[metadata]\nversion=1.2.3\r\n",
        "1.2.3",
    );
}

#[test]
fn odd_forms_of_maven_in_the_wild() {
    own(
        "pom.xml",
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!--\r\n  Copyright\r\n-->\r\n<project>\r\n\t<version>1.2.3</version>\r\n</project>\r\n",
        "1.2.3",
    );
    own(
        "pom.xml",
        "<project><version>${revision}${sha1}${changelist}</version><properties><sha1/><changelist>-SNAPSHOT</changelist><revision>1.2.3</revision></properties></project>",
        "1.2.3",
    );
    own(
        "pom.xml",
        "<project><parent><groupId>org.springframework.boot</groupId><version>3.4.1</version><relativePath/></parent><version>1.2.3<!-- ours --></version></project>",
        "1.2.3",
    );
    own(
        "pom.xml",
        "<project><profiles><profile><properties><v>9</v></properties></profile></profiles><build><plugins><plugin><version>8</version></plugin></plugins></build><version>${v}</version><properties><v>1.2.3</v></properties></project>",
        "1.2.3",
    );
    none(
        "pom.xml",
        "<project><version>1.${minor}.0</version></project>",
    );
}

#[test]
fn odd_forms_of_gradle_in_the_wild() {
    own(
        "build.gradle",
        "allprojects { group = 'x'; version = '1.2.3' }\n",
        "1.2.3",
    );
    own(
        "build.gradle",
        "/*\nversion = '9'\n*/ version = '1.2.3'\n",
        "1.2.3",
    );
    own(
        "build.gradle.kts",
        "val x = \"}{ // \\\" version\"\nversion = \"1.2.3-SNAPSHOT\"\n",
        "1.2.3-SNAPSHOT",
    );
    own(
        "build.gradle",
        "node {\n    version = '24.15.0' // Node's\n}\nversion '0.1'\n",
        "0.1",
    );
    none(
        "build.gradle",
        "allprojects {\n    version = version == \"unspecified\" ? \"0.1.0-SNAPSHOT\" : version\n}\n",
    );
    none(
        "build.gradle",
        "version = projectVersion\ndeb {\n  version = \"${project.version}\"\n}\n",
    );
    check(
        &[
            ("lib/build.gradle.kts", "plugins { `java-library` }\n"),
            (
                "gradle.properties",
                "# version=9\r\nGROUP=x\r\nVERSION_NAME = 5.0.0-alpha.2\r\n",
            ),
        ],
        Some(("gradle.properties", "5.0.0-alpha.2")),
    );
}

#[test]
fn odd_forms_of_dotnet_and_helm_in_the_wild() {
    own(
        "a.csproj",
        "\u{feff}<Project Sdk=\"S\">\r\n  <PropertyGroup Condition=\"'$(X)' == ''\">\r\n    <VersionSuffix>preview</VersionSuffix>\r\n    <VersionPrefix>1.2.3</VersionPrefix>\r\n  </PropertyGroup>\r\n</Project>\r\n",
        "1.2.3",
    );
    own(
        "a.vbproj",
        "<?xml version=\"1.0\"?><Project xmlns=\"http://schemas.microsoft.com/developer/msbuild/2003\"><PropertyGroup><PackageVersion>9</PackageVersion></PropertyGroup><PropertyGroup><Version>1.2.3</Version></PropertyGroup></Project>",
        "1.2.3",
    );
    none(
        "a.csproj",
        "<Project><PropertyGroup Condition=\"a\"><Version>1</Version></PropertyGroup><PropertyGroup Condition=\"b\"><Version>2</Version></PropertyGroup></Project>",
    );
    own(
        "Chart.yaml",
        "# Copyright\n---\napiVersion: v2\nname: a\ndescription: |\n  version: 9\n\"version\": 1.2.3\n",
        "1.2.3",
    );
    own(
        "Chart.yaml",
        "\u{feff}version: 1.2.3-rc.1+x # a: b\r\nkubeVersion: \">=1.2\"\r\n",
        "1.2.3-rc.1+x",
    );
    own(
        "Chart.yaml",
        "annotations:\n  version: '9'\nversion:   \"0.7.2\"\t# c\nname: a",
        "0.7.2",
    );
}

/// Each place that a lockfile repeats, and no other byte.
#[test]
fn odd_forms_of_lockfiles() {
    let check = |path: &str, text: &str, expect: &[&str]| {
        assert_eq!(requirements(path, text), expect, "{path}");
        let path = RepoPath::from_normalized(path);
        for one in of(&path).unwrap().requirements(&path, text) {
            assert_eq!(text[one.spot.range.clone()], one.spot.text);
            let edits = Edits::from([(
                one.spot.range.start,
                (one.spot.range.clone(), "9.8.7".to_owned()),
            )]);
            let new = apply(text, &edits);
            let tail = one.spot.range.start + 5;
            assert_eq!(new[..one.spot.range.start], text[..one.spot.range.start]);
            assert_eq!(new[tail..], text[one.spot.range.end..]);
        }
    };
    let cargo = "# generated\r\nversion = 4\r\n\r\n[[package]]\r\nname = \"a\"\r\nversion = \"1.0.0\"\r\ndependencies = [\r\n \"m 0.1.0\",\r\n \"m 0.9.0\",\r\n \"m 0.1.0 (registry)\",\r\n \"x\",\r\n]\r\n\r\n[[package]]\r\nname = \"m\"\r\nversion = \"0.1.0\"\r\n\r\n[[package]]\r\nname = \"m\"\r\nversion = \"0.9.0\"\r\nsource = \"r\"\r\n";
    check("Cargo.lock", cargo, &["a 1.0.0", "m 0.1.0", "m 0.1.0"]);
    let npm = "\u{feff}{\n  \"name\": \"root\",\n  \"lockfileVersion\": 3,\n  \"packages\": {\n    \"\": { \"workspaces\": [\"p/*\"] },\n    \"node_modules/b\": { \"resolved\": \"p/b\", \"link\": true },\n    \"node_modules/x\": { \"version\": \"9.0.0\", \"dependencies\": { \"b\": \"^1.0.0\" } },\n    \"p/a\": { \"version\": \"1.0.0\", \"dependencies\": { \"b\": \"^2.0.0\" } },\n    \"p/b\": { \"version\": \"2.0.0\" },\n    \"p/b/node_modules/y\": { \"version\": \"8.0.0\" }\n  }\n}\n";
    check(
        "package-lock.json",
        npm,
        &["./p/a 1.0.0", "./p/b 2.0.0", "b ^2.0.0"],
    );
    let pnpm = "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n\n  p/a:\n    dependencies:\n      '@x/b':\n        specifier: workspace:^1.0.0\n        version: link:../b\n      left-pad:\n        specifier: ^1.3.0\n        version: 1.3.0\n    devDependencies:\n      c:\n        specifier: \"workspace:*\"\n        version: link:../c\n\npackages:\n\n  left-pad@1.3.0:\n    resolution: {integrity: sha512-x}\n";
    check(
        "pnpm-lock.yaml",
        pnpm,
        &["@x/b workspace:^1.0.0", "c workspace:*"],
    );
    let uv = "version = 1\n\n[[package]]\nname = \"a\"\nversion = \"0.5.0\"\nsource = { virtual = \".\" }\ndependencies = [\n    { name = \"b\" },\n]\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0rc1\"\nsource = { editable = \"packages/b\" }\n";
    check("uv.lock", uv, &["a 0.5.0", "b 1.0.0rc1"]);
    let pom = "<project><groupId>g</groupId><artifactId>a</artifactId><parent><groupId>g</groupId><artifactId>p</artifactId><version> 1.0.0 </version></parent><dependencyManagement><dependencies><dependency><groupId>g</groupId><artifactId>b</artifactId><version>1.0.0</version></dependency></dependencies></dependencyManagement><dependencies><dependency><groupId>h</groupId><artifactId>b</artifactId><version>${x}</version></dependency></dependencies></project>";
    check("m/a/pom.xml", pom, &["./m 1.0.0", "h:b ${x}", "g:b 1.0.0"]);
}

#[test]
fn what_repeats_versions_of_others() {
    let cargo = "[dependencies]\na = { path = \"../a\", version = \"1.2\" }\nserde = \"1\"\n[dependencies.b]\npath = \"../b\"\npackage = \"bee\"\nversion = \"=2.0.0\"\n[target.'cfg(unix)'.dev-dependencies]\nc = { path = \"../c\", version = \"0.1.0\" }\n[workspace.dependencies]\nd = { path = \"d\", version = \"3\" }\n";
    assert_eq!(
        requirements("Cargo.toml", cargo),
        ["a 1.2", "bee =2.0.0", "d 3", "c 0.1.0"]
    );
    let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
    assert_eq!(requirements("Cargo.lock", lock), ["a 1.0.0"]);
    let npm = "{\"dependencies\":{\"a\":\"^1.0.0\",\"b\":\"workspace:*\"},\"peerDependencies\":{\"c\":\">=1\"}}";
    assert_eq!(
        requirements("package.json", npm),
        ["a ^1.0.0", "b workspace:*", "c >=1"]
    );
    let lock = "{\"version\":\"1.0.0\",\"packages\":{\"\":{\"version\":\"1.0.0\"},\"p/a\":{\"version\":\"2.0.0\"},\"node_modules/x\":{\"version\":\"9.0.0\"}}}";
    assert_eq!(
        requirements("js/package-lock.json", lock),
        ["./js 1.0.0", "./js 1.0.0", "./js/p/a 2.0.0"]
    );
    let uv = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = { editable = \"a\" }\n[[package]]\nname = \"x\"\nversion = \"9\"\nsource = { registry = \"r\" }\n";
    assert_eq!(requirements("uv.lock", uv), ["a 1.0.0"]);
    let pom = "<project><parent><version>1.0.0</version></parent></project>";
    assert_eq!(requirements("m/a/pom.xml", pom), ["./m 1.0.0"]);
    let chart = "dependencies:\n- name: a\n  version: 1.0.0\n  repository: file://../a\n- name: x\n  version: 9.0.0\n  repository: https://x\n";
    assert_eq!(
        requirements("charts/all/Chart.yaml", chart),
        ["./charts/a 1.0.0"]
    );
}

#[test]
fn requirements_keep_their_form() {
    let check = |text: &str, when: When, expect: Option<&str>| {
        let spot = Spot {
            range: 0..text.len(),
            text: text.to_owned(),
        };
        let requirement = Requirement {
            of: Target::Name("a".to_owned()),
            spot,
            when,
        };
        let found = required(&requirement, &Version::new(1, 3, 0), "1.3.0");
        assert_eq!(found.as_deref(), expect, "{text}");
    };
    check("^1.2.0", When::Always, Some("^1.3.0"));
    check("1.2", When::Always, Some("1.3"));
    check("1", When::Always, None);
    check("=1.2.9", When::Always, Some("=1.3.0"));
    check("workspace:^1.2.0", When::Always, Some("workspace:^1.3.0"));
    check("workspace:*", When::Always, None);
    check("1.x", When::Always, None);
    check(">=1 <2", When::Always, None);
    check("^1.2.0", When::Unsatisfied, None);
    check("^0.9.0", When::Unsatisfied, Some("^1.3.0"));
}

#[test]
fn patterns_find_any_other_file() {
    let check = |text: &str, pattern, expect: Option<&str>| {
        let found = by_pattern(text, pattern).map(|spot| spot.text);
        assert_eq!(found.as_deref(), expect);
    };
    check(
        "const V: &str = \"1.2.3\";\n",
        Some("V: &str = \"{version}\""),
        Some("1.2.3"),
    );
    check(
        "a = \"x\"\na = \"1.2.3-rc.1\"\n",
        Some("a = \"{version}\""),
        Some("1.2.3-rc.1"),
    );
    check(" 1.2.3\n", None, Some("1.2.3"));
    check("nothing", Some("V={version}"), None);
}

/// X4.
#[test]
fn x4_broken_manifests_have_no_version() {
    let deep = "[".repeat(100_000);
    let nested = "{\"a\":".repeat(100_000);
    let contents = [
        "",
        "\u{feff}",
        "\0",
        "{",
        "<",
        "[",
        deep.as_str(),
        nested.as_str(),
        "version",
        "version =",
    ];
    for name in [
        "Cargo.toml",
        "package.json",
        "pyproject.toml",
        "pom.xml",
        "build.gradle",
        "a.csproj",
        "Chart.yaml",
        "Cargo.lock",
        "package-lock.json",
        "uv.lock",
        "pnpm-lock.yaml",
        "setup.cfg",
        "setup.py",
    ] {
        for text in contents {
            let path = RepoPath::from_normalized(name);
            let kind = of(&path).unwrap();
            let read = |_: &RepoPath| Some(text.to_owned());
            kind.name(text);
            kind.version(&path, &read);
            kind.requirements(&path, text);
        }
    }
}
