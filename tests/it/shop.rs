//! The shop of the demo: changes of every kind, and exactly what each must select.

use crate::sandbox::{Sandbox, projects};

/// A change of the shop.
type Change = fn(&Sandbox);

/// Name, change, affected projects, projects reached at run time only.
const SCENARIOS: &[(&str, Change, &str, &str)] = &[
    (
        "leaf",
        |shop| append(shop, "services/recommender/main.py", "# x\n"),
        "recommender",
        "",
    ),
    (
        "rust library",
        |shop| append(shop, "libs/money/src/lib.rs", "// x\n"),
        "money pricing",
        "@shop/web checkout",
    ),
    (
        "js library",
        |shop| append(shop, "libs/shared-js/index.js", "// x\n"),
        "@shop/shared-js @shop/web",
        "",
    ),
    (
        "python library",
        |shop| append(shop, "libs/catalog-py/catalog/__init__.py", "# x\n"),
        "catalog recommender",
        "",
    ),
    (
        "go library",
        |shop| append(shop, "libs/gokit/gokit.go", "// x\n"),
        "checkout gokit",
        "@shop/web",
    ),
    (
        "contract",
        |shop| append(shop, "proto/orders.proto", "// x\n"),
        "checkout proto",
        "@shop/web",
    ),
    ("docs", |shop| append(shop, "README.md", "x\n"), "", ""),
    (
        "compose file",
        |shop| append(shop, "docker-compose.yml", "# x\n"),
        "",
        "@shop/web checkout pricing",
    ),
    (
        "deleted project",
        |shop| shop.remove("libs/catalog-py"),
        "recommender",
        "",
    ),
    (
        "new project",
        |shop| shop.write("libs/new/go.mod", "module shop.example/new\n"),
        "new",
        "",
    ),
    (
        "removed edge",
        |shop| {
            shop.write(
                "services/recommender/pyproject.toml",
                "[project]\nname = \"recommender\"\n",
            );
        },
        "recommender",
        "",
    ),
    (
        "rename between projects",
        |shop| {
            shop.git(&[
                "mv",
                "libs/gokit/gokit_test.go",
                "libs/money/gokit_test.txt",
            ]);
        },
        "checkout gokit money pricing",
        "@shop/web",
    ),
];

fn append(shop: &Sandbox, path: &str, text: &str) {
    let before = std::fs::read_to_string(shop.join(path)).unwrap();
    shop.write(path, &format!("{before}{text}"));
}

/// S1, S2, S3, S5: each change selects exactly what it can break.
#[test]
fn every_change_selects_exactly_what_it_can_break() {
    for (name, change, affected, runtime) in SCENARIOS {
        let shop = Sandbox::new();
        let tree = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fixtures/monorepos/shop/tree");
        affected_fixtures::copy(&tree, shop.path()).unwrap();
        shop.commit("the shop");
        shop.git(&["checkout", "-q", "-b", "topic"]);
        change(&shop);
        shop.commit(name);
        let list = shop.list(&[]);
        let reached =
            |wanted: &'static str| projects(&list, move |project| project["reach"] == wanted);
        assert_eq!(
            projects(&list, |project| project["affected"] == true),
            *affected,
            "{name}"
        );
        assert_eq!(reached("runtime"), *runtime, "{name}");
    }
}
